package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/journal"
)

// doctorWithin bounds everything a doctor asks of the network.
const doctorWithin = 30 * time.Second

func doctorCommand() *cobra.Command {
	var o serveOptions
	var token string
	var asJSON, quick bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at configuration, disk, clock, journal, sources and partners, and say what to do",
		Long: `Looks at everything a server needs and prints one line for each thing: ok, warn or
FAIL, and what to do about it. It changes nothing and sends nothing to partners: it
opens a connection to each and closes it. Beside a running server it asks that; of a
stopped one it reads the whole journal (not with --quick). Run it as the server's
user, with its environment. It fails when something must be done before the server
can work.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnv(cmd); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), doctorWithin)
			defer cancel()
			d := &doctor{o: o, explicit: cmd.Flags().Changed("config"), quick: quick, token: token, probes: realProbes()}
			return report(cmd.OutOrStdout(), d.examine(ctx), asJSON)
		},
	}
	c.Flags().StringVar(&o.config, "config", conf.DefaultFile, "configuration file")
	c.Flags().StringVar(&o.dataDir, "data-dir", "", "data directory (default "+conf.DefaultDataDir+")")
	c.Flags().StringVar(&o.listen, "listen", "", "address of the server (default "+conf.DefaultListen+")")
	c.Flags().StringVar(&token, "token", "", "API token (SIGNALBOX_TOKEN); else that of the data directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&quick, "quick", false, "do not read the whole journal of a stopped server")
	return c
}

// level is how bad a symptom is.
type level string

const (
	fine level = "ok"
	warn level = "warn"
	bad  level = "FAIL"
)

// symptom is one line of the report.
type symptom struct {
	Check string `json:"check"`
	Level level  `json:"level"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do; "" when nothing is
}

// doctor looks; what it learns on the way is used by later checks.
type doctor struct {
	o        serveOptions
	explicit bool
	quick    bool
	token    string
	probes   probes

	set     *settings // nil: the configuration cannot be read
	file    *conf.File
	running *ready // nil: no server answers
	locked  bool   // somebody holds the journal
	journal *journal.Report
	found   []symptom
}

// ready is what /readyz of a running server says.
type ready struct {
	Ready   bool     `json:"ready"`
	Because []string `json:"because"`
	Folded  uint64   `json:"folded_offset"`
	Stored  uint64   `json:"stored_offset"`
	Version string   `json:"version"`
}

func (d *doctor) say(l level, check, do, format string, args ...any) {
	d.found = append(d.found, symptom{Check: check, Level: l, Says: fmt.Sprintf(format, args...), Do: do})
}

// examine runs every check in an order in which later ones can use the earlier.
func (d *doctor) examine(ctx context.Context) []symptom {
	for _, check := range []func(context.Context){
		d.configuration, d.address, d.directory, d.space, d.descriptors, d.memory, d.journalFiles, d.clock, d.snapshots, d.restored,
		d.sources, d.deliveries, d.partners, d.outside,
	} {
		check(ctx)
	}
	return d.found
}

func (d *doctor) configuration(context.Context) {
	f, err := conf.Load(d.o.config, d.explicit)
	if err != nil {
		d.say(bad, "configuration", "correct the file; 'signalbox serve --check' reads it again", "%v", err)
		f, _ = conf.Parse("", nil)
	} else {
		d.say(fine, "configuration", "", "%s is read", orDefaults(d.o.config, d.explicit, f))
	}
	d.file = f
	if d.o.dataDir != "" {
		f.DataDir = d.o.dataDir
	}
	if d.o.listen != "" {
		f.Listen = d.o.listen
	}
	if err != nil {
		return
	}
	if d.set, err = readSettings(d.o, d.explicit, slog.New(slog.DiscardHandler)); err != nil {
		d.set = nil
		d.say(bad, "settings", "correct what it names; a secret is a variable of the server's environment or a file that its user can read", "%v", err)
		return
	}
	d.say(fine, "settings", "", "every secret that the configuration names is there")
}

func orDefaults(path string, explicit bool, f *conf.File) string {
	if !explicit && len(f.Sources)+len(f.Connectors) == 0 {
		return path + " (or, where there is none, the defaults)"
	}
	return path
}

// report prints what was found; it is an error when something failed.
func report(w io.Writer, found []symptom, asJSON bool) error {
	failed := 0
	for _, f := range found {
		if f.Level == bad {
			failed++
		}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(found); err != nil {
			return err
		}
	} else {
		for _, f := range found {
			fmt.Fprintf(w, "%-4s  %-14s %s\n", f.Level, f.Check, oneLine(f.Says))
			if f.Do != "" {
				fmt.Fprintf(w, "      %-14s → %s\n", "", f.Do)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(found))
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
