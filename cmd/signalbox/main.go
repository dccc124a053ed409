package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "signalbox:", err)
		os.Exit(1)
	}
}

// run is the whole program with its surroundings as arguments, so that tests run
// it as people do.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:   "signalbox",
		Short: "Turns monitoring alerts into explained incidents",
		Long: `Signalbox takes webhooks from Alertmanager, Prometheus, Datadog and others, removes
duplicates, correlates them against your CMDB and opens incidents that say why
their alerts belong together. Nothing it has acknowledged is ever lost.

Start with 'signalbox serve' and open the address it prints.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serveCommand(), traceCommand(), replayCommand(), rebuildCommand(), backupCommand(), restoreCommand(), doctorCommand(), demoCommand(), journalCommand(), cmdbCommand(), snippetsCommand(), storybookCommand())
	return root.ExecuteContext(ctx)
}

// version is the module's version as the build recorded it.
func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}
