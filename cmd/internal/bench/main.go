package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are what a person can change.
type options struct {
	scenario     string
	bin          string
	alertmanager string
	out          string
	dir          string
	connections  int
	rounds       int
	round        time.Duration
	only         string
	cis          int
	cpuprofile   string
}

// scenario runs one kind of measurement and adds to the report.
type scenario func(context.Context, *options, *report) error

var scenarios = map[string]scenario{
	"compare": compare, "latency": latency, "memory": memory, "start": starts, "pages": pages, "year": year, "storm": storm,
}

func main() {
	var o options
	flag.StringVar(&o.scenario, "scenario", "compare", "compare, latency, memory, start, pages, year or storm; several with commas")
	flag.StringVar(&o.bin, "bin", "bin/signalbox", "the built binary")
	flag.StringVar(&o.alertmanager, "alertmanager", ".cache/bin/alertmanager", "the Alertmanager to compare with; .ci/setup builds it")
	flag.StringVar(&o.out, "json", "", "where the figures go as JSON (default bin/bench-SCENARIO.json)")
	flag.StringVar(&o.dir, "dir", "", "where data directories are made (default: the system's temporary directory)")
	flag.IntVar(&o.connections, "connections", 16, "connections of the load generator")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds a server and case")
	flag.DurationVar(&o.round, "round", 3*time.Second, "time of one round")
	flag.StringVar(&o.only, "only", "", "compare: only the cases whose name contains this, such as \"50 repeated\"")
	flag.IntVar(&o.cis, "cis", 10_000, "CIs in the CMDB")
	flag.StringVar(&o.cpuprofile, "cpuprofile", "", "directory for CPU profiles of the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	tmp, err := os.MkdirTemp(o.dir, "signalbox-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	o.dir = tmp
	rep := newReport(o)
	var errs []error
	for _, name := range strings.Split(o.scenario, ",") {
		s := scenarios[name]
		if s == nil {
			return fmt.Errorf("no scenario %q: expected compare, latency, memory, start, pages, year or storm", name)
		}
		if err := s(ctx, o, rep); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if o.out == "" {
		o.out = filepath.Join(filepath.Dir(o.bin), "bench-"+strings.ReplaceAll(o.scenario, ",", "-")+".json")
	}
	return errors.Join(append(errs, rep.write(os.Stdout, o.out))...)
}
