package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	mapping "signalbox/ingest/source/webhook"
)

// connectorsExample prints a built-in mapping of kind webhook.
func connectorsExample() *cobra.Command {
	return &cobra.Command{
		Use:   "example [NAME]",
		Short: "Print a mapping for connectors of kind webhook",
		Long: `Prints a mapping that says which requests a partner without a connector of its own
gets, and what its webhooks mean. Use it as it is by its name (mapping: zendesk), or keep
a copy, change it, and name the file. Its first lines say what to set up.

Without a name it lists what there is: ` + strings.Join(mapping.Examples(), ", ") + `.`,
		Example: "  signalbox connectors example zendesk > /etc/signalbox/zendesk.yml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, n := range mapping.Examples() {
					fmt.Fprintln(cmd.OutOrStdout(), n)
				}
				return nil
			}
			text, err := mapping.Example(args[0])
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), text)
			return nil
		},
	}
}
