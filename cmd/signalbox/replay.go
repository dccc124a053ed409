package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/ingest/source"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// rootCausesMax is how many probable causes incidents.jsonl names.
const rootCausesMax = 10

func replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay --events FILE --out DIR",
		Short: "Fold a recorded stream of alerts in its own time",
		Long: `Folds recorded alerts as fast as it can with the engine that 'serve' runs, in the
time the recording tells; no clock is read, so every run gives the same bytes.

A line is a generic event, or a recorded delivery {"at","source","body"} whose
source names a built-in or configured source (alertmanager when it is missing);
'signalbox journal cat --deliveries' writes such lines.
Into DIR go members.jsonl (one line an input event with its incident and the CI
of its alert), incidents.jsonl, problems.jsonl (what keeps coming back, by which
tests) and summary.json.`,
		Example: "  signalbox replay --events last-month.jsonl --cmdb cmdb.yaml --out result\n  signalbox replay --events - --cmdb cis.csv --cmdb relations.csv --out result",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return replay(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	c.Flags().StringVar(&o.events, "events", "", "recorded stream, JSON lines; - is standard input")
	c.Flags().StringArrayVar(&o.cmdb, "cmdb", nil, "CIs and relations: a YAML, JSON, NDJSON or CSV file; twice for a pair of CSV files")
	c.Flags().StringVar(&o.out, "out", "", "directory for the result")
	c.Flags().StringVar(&o.config, "config", "", "configuration file, for its sources, correlation and cmdb")
	c.Flags().IntVar(&o.batch, "batch", 0, "entries folded at once; the result does not depend on it")
	for _, f := range []string{"events", "out"} {
		if err := c.MarkFlagRequired(f); err != nil {
			panic(err) // a flag defined three lines above
		}
	}
	return c
}

type replayOptions struct {
	events, out, config string
	cmdb                []string
	batch               int
}

func replay(stdin io.Reader, stdout, stderr io.Writer, o replayOptions) error {
	file := conf.DefaultFile
	if o.config != "" {
		file = o.config
	}
	cfg, err := conf.Load(file, o.config != "")
	if err != nil {
		return err
	}
	in := stdin
	if o.events != "-" {
		f, err := os.Open(o.events)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	ro := engine.ReplayOptions{Config: cfg.Core(), Events: in, BatchRecords: o.batch}
	if ro.CMDB, err = replayCMDB(stderr, o.cmdb, ro.Config.CMDB); err != nil {
		return err
	}
	var d lineDecoder
	if d.sources, err = decoders(cfg); err != nil {
		return err
	}
	ro.Decode = d.line
	res, err := engine.Replay(ro)
	if err != nil {
		return err
	}
	if err := writeReplay(o.out, res, d.bad); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d lines, %d events, %d incidents; %d lines could not be decoded in part or whole; result in %s\n",
		res.Lines, len(res.Members), len(res.Incidents), d.bad, o.out)
	return nil
}

// replayCMDB reads the CMDB of a replay and tells what is odd in it.
func replayCMDB(w io.Writer, files []string, s cmdb.Settings) (*cmdb.Changes, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if slices.Contains(files, "-") {
		return nil, errors.New("--cmdb -: expected a file; standard input is for --events")
	}
	in, err := readCMDB(nil, files, "")
	if err != nil {
		return nil, err
	}
	doc, problems := cmdb.Parse(in.format, bytes.NewReader(in.body))
	changes, _, more := cmdb.Empty(s.Types()).Plan(doc, "replay", false)
	problems = append(problems, more...)
	for _, p := range in.warnings {
		fmt.Fprintln(w, p)
	}
	var errs []error
	for _, p := range problems {
		if p.Warning {
			fmt.Fprintln(w, in.tell(p))
			continue
		}
		errs = append(errs, errors.New(in.tell(p)))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &changes, nil
}

// lineDecoder turns lines into deliveries as the door would.
type lineDecoder struct {
	sources map[string]source.TimedDecoder
	bad     int
}

// recorded is a delivery as 'journal cat --deliveries' or a recorder writes it.
type recorded struct {
	At     itsm.Time       `json:"at"`
	Source string          `json:"source"`
	Body   json.RawMessage `json:"body"`
}

const (
	genericSource  = "generic"
	recordedSource = "alertmanager" // of a recorded delivery that names none
)

func (d *lineDecoder) line(number int, b []byte) (engine.Line, error) {
	var r recorded
	name, body := genericSource, b
	if err := json.Unmarshal(b, &r); err == nil && len(r.Body) > 0 {
		if name = r.Source; name == "" {
			name = recordedSource
		}
		body = r.Body
		var text string
		if json.Unmarshal(r.Body, &text) == nil {
			body = []byte(text)
		}
	} else {
		r = recorded{}
	}
	decode, ok := d.sources[name]
	if !ok {
		return engine.Line{}, itsm.Errorf(itsm.Invalid, "source %q is neither built in nor configured", name)
	}
	res, err := decode(body, r.At)
	l := engine.Line{At: r.At, Delivery: entry.Delivery{Source: name, Events: res.Events, Bad: res.Bad}}
	if err != nil {
		l.Delivery.Bad = []entry.Bad{{Error: itsm.MessageOf(err), Body: body}}
	}
	if len(l.Delivery.Bad) > 0 {
		d.bad++
	}
	for i := range l.Delivery.Bad {
		l.Delivery.Bad[i].ID = ingest.QuarantineID(name, l.Delivery.Bad[i].Body)
	}
	for i := range l.Delivery.Events {
		e := &l.Delivery.Events[i]
		e.Source = name
		l.IDs = append(l.IDs, eventID(e, number, i))
	}
	return l, nil
}

// eventID is how the stream's owner knows an event: its id, an alert_id
// annotation, or its place.
func eventID(e *itsm.Event, line, index int) string {
	if e.ID != "" {
		return e.ID
	}
	if id := e.Annotations.Get("alert_id"); id != "" {
		return id
	}
	return strconv.Itoa(line) + ":" + strconv.Itoa(index)
}

type memberLine struct {
	Alert    string  `json:"alert_id"`
	Incident *string `json:"incident_id"`
	CI       string  `json:"ci,omitempty"` // that its alert is on, or the key of a provisional one
}

type summary struct {
	Lines        int       `json:"lines"`
	Undecodable  int       `json:"undecodable_lines"`
	Events       int       `json:"events"`
	Incidents    int       `json:"incidents"`
	Problems     int       `json:"problems"` // candidates that the recording speaks for
	FirstEventAt itsm.Time `json:"first_event_at"`
	LastEventAt  itsm.Time `json:"last_event_at"`
	Totals       any       `json:"totals"` // of the fold: see correlate.Totals
}

func writeReplay(dir string, r *engine.Replayed, bad int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	merged := 0
	err := writeLines(filepath.Join(dir, "members.jsonl"), func(enc *json.Encoder) error {
		for _, m := range r.Members {
			l := memberLine{Alert: m.ID, CI: m.CI}
			if m.Incident != 0 {
				n := m.Incident.String()
				l.Incident = &n
			}
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = writeLines(filepath.Join(dir, "incidents.jsonl"), func(enc *json.Encoder) error {
		for i := range r.Incidents {
			if r.Incidents[i].MergedInto != 0 {
				merged++
			}
			if err := enc.Encode(incidentLine(&r.Incidents[i])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = writeLines(filepath.Join(dir, "problems.jsonl"), func(enc *json.Encoder) error {
		for i := range r.Problems {
			if err := enc.Encode(problemOf(&r.Problems[i])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeLines(filepath.Join(dir, "summary.json"), func(enc *json.Encoder) error {
		enc.SetIndent("", "  ")
		return enc.Encode(summary{Lines: r.Lines, Undecodable: bad, Events: len(r.Members), Incidents: len(r.Incidents) - merged, Problems: len(r.Problems),
			FirstEventAt: r.First, LastEventAt: r.Last, Totals: r.Totals})
	})
}

// problemLine is a candidate: what passes which tests, and the numbers in words.
type problemLine struct {
	Problem     string   `json:"problem"`
	Signature   string   `json:"signature"`
	Tests       []string `json:"tests"`
	Incidents   []string `json:"incidents"`
	Because     []string `json:"because"`      // of each test
	Cause       string   `json:"cause"`        // id of the CI
	MonthlyCost int64    `json:"monthly_cost"` // person-minutes
}

func problemOf(p *itsm.Problem) problemLine {
	l := problemLine{Problem: p.Number.String(), Signature: p.Signature, Tests: []string{}, Incidents: []string{}, Because: []string{}, Cause: p.Cause, MonthlyCost: p.MonthlyCost}
	for _, t := range p.Tests {
		l.Tests, l.Because = append(l.Tests, t.Test), append(l.Because, t.Text)
	}
	for _, i := range p.Incidents {
		l.Incidents = append(l.Incidents, i.Number.String())
	}
	return l
}

// incidentLine is the incident as in the API, with the scorer's two names beside.
func incidentLine(in *itsm.Incident) any {
	roots := make([]string, 0, rootCausesMax)
	for _, c := range in.Causes {
		if len(roots) < rootCausesMax {
			roots = append(roots, c.CI)
		}
	}
	return struct {
		api.Incident
		ID         string   `json:"incident_id"`
		RootCauses []string `json:"root_causes"`
	}{api.IncidentOf(in), in.Number.String(), roots}
}

func writeLines(path string, write func(*json.Encoder) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return errors.Join(write(enc), w.Flush(), f.Close())
}
