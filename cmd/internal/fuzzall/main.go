// Command fuzzall runs every fuzz target of the module for a while each, because
// go test takes one target and one package at a time. It ends at the first
// failure; what Go found lies in that package's testdata/fuzz.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", 30*time.Second, "time for each target")
	only := flag.String("only", "", "only targets whose package or name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration, only string) error {
	targets, err := list(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, t := range targets {
		if !strings.Contains(t.pkg+"."+t.name, only) {
			continue
		}
		n++
		fmt.Printf("== %s %s\n", t.pkg, t.name)
		c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(),
			"-fuzzminimizetime", "1s", t.pkg) // or one interesting input takes a minute of the time
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", t.pkg, t.name, err)
		}
	}
	if n == 0 {
		return fmt.Errorf("no fuzz target contains %q", only)
	}
	fmt.Printf("%d fuzz targets passed, %v each\n", n, each)
	return nil
}

type target struct{ pkg, name string }

// list asks go test for the targets: names come first, then the package's line.
func list(ctx context.Context) ([]target, error) {
	c := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", "./...")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("list the targets: %w", err)
	}
	var all []target
	var names []string
	in := bufio.NewScanner(bytes.NewReader(out))
	for in.Scan() {
		f := strings.Fields(in.Text())
		switch {
		case len(f) == 1 && strings.HasPrefix(f[0], "Fuzz"):
			names = append(names, f[0])
		case len(f) > 1 && f[0] == "ok":
			for _, n := range names {
				all = append(all, target{f[1], n})
			}
			names = nil
		}
	}
	return all, in.Err()
}
