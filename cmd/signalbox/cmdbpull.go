package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/itsm/cmdb"
)

// pullWithin bounds the reading of a partner's inventory, which takes thousands of
// calls at its rate.
const pullWithin = 2 * time.Hour

// pull is one import from a partner.
type pull struct {
	config        string
	explicit      bool
	source        string // name of the import source; "": the connector's
	prune, dryRun bool
	warn          func(string)
	server        *client
	inventoryOf   func(f *conf.File, name string) (connectors.Inventory, error)
}

func cmdbPull(c *client) *cobra.Command {
	p := pull{server: c, inventoryOf: inventoryOf}
	cmd := &cobra.Command{
		Use:   "pull CONNECTOR",
		Short: "Import what a partner keeps of CIs and relations",
		Long: `Asks the partner of a configured connector for its CIs and their relations, such as
Datadog's software catalog, prints the differences and imports them as 'cmdb import'
does. The partner is asked from here, with the credentials that the configuration file
names; its answer is imported whole or not at all. Look first with --dry-run. --prune
retires what this import source listed before and no longer lists.`,
		Example: "  signalbox cmdb pull datadog --dry-run\n  signalbox cmdb pull datadog --prune",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.explicit = cmd.Flags().Changed("config")
			p.warn = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), "left out:", s) }
			in, status, b, err := p.run(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printImport(cmd.OutOrStdout(), in, status, b, p.dryRun)
		},
	}
	cmd.Flags().StringVar(&p.config, "config", conf.DefaultFile, "configuration file that names the connector and its credentials")
	cmd.Flags().StringVar(&p.source, "source", "", "name of the import source (default: the connector's name)")
	cmd.Flags().BoolVar(&p.prune, "prune", false, "retire what this source no longer lists")
	cmd.Flags().BoolVar(&p.dryRun, "dry-run", false, "only show what would change")
	return cmd
}

// run asks the partner and hands what it lists to the server.
func (p *pull) run(ctx context.Context, name string) (*cmdbInput, int, []byte, error) {
	f, err := conf.Load(p.config, p.explicit)
	if err != nil {
		return nil, 0, nil, err
	}
	if err := f.AddStored(f.DataDir); err != nil {
		return nil, 0, nil, err
	}
	from, err := p.inventoryOf(f, name)
	if err != nil {
		return nil, 0, nil, err
	}
	asking, cancel := context.WithTimeout(ctx, pullWithin)
	defer cancel()
	estate, err := from.Inventory(asking)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("nothing was imported: %w", err)
	}
	for _, l := range estate.LeftOut {
		p.warn(l)
	}
	in := &cmdbInput{format: cmdb.NDJSON, file: "connector " + name}
	if in.body, err = linesOf(estate); err != nil {
		return nil, 0, nil, err
	}
	q := url.Values{"source": {orElse(p.source, name)}}
	if p.prune {
		q.Set("prune", "true")
	}
	if p.dryRun {
		q.Set("dry_run", "true")
	}
	status, b, err := p.server.call(ctx, http.MethodPost, "/api/v1/cmdb/import?"+q.Encode(), cmdbTypes[in.format], bytes.NewReader(in.body), http.StatusUnprocessableEntity)
	return in, status, b, err
}

// linesOf writes an estate as NDJSON.
func linesOf(e connectors.Estate) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for i := range e.CIs {
		if err := enc.Encode(&e.CIs[i]); err != nil {
			return nil, err
		}
	}
	for i := range e.Relations {
		if err := enc.Encode(&e.Relations[i]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// inventoryOf makes one connector of the configuration, and says what is wrong when
// its partner keeps no CIs.
func inventoryOf(f *conf.File, name string) (connectors.Inventory, error) {
	c, ok := f.Connectors[name]
	if !ok {
		return nil, fmt.Errorf("connector %q: expected one of the configuration file, which has %s", name, orElse(strings.Join(conf.SortedKeys(f.Connectors), ", "), "none"))
	}
	only := *f
	only.Connectors = map[string]conf.Connector{name: c}
	set, err := partnersOf(&only, baseOf(f), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	from, ok := set[name].Connector.(connectors.Inventory)
	if !ok {
		return nil, fmt.Errorf("connector %q is of kind %s, which keeps no CIs; expected a connector of kind %s", name, c.Kind, strings.Join(inventoryKinds(), ", "))
	}
	return from, nil
}

// inventoryKinds are the kinds of connector whose partners keep CIs.
func inventoryKinds() []string {
	var out []string
	for name, k := range connectorKinds {
		if k.inventory {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
