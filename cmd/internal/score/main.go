// Command score replays labelled alert streams through the built binary and
// prints how well the incidents match the truth, beside naive baselines. It runs
// the data directory's own scorer (tools/score.py), so that nothing here can
// flatter us.
//
// The baselines of the data directory are told the true CI of each alert, of which
// the binary sees only the labels. Those that use it run a second time with the CIs
// that the binary found, which tells grouping from finding CIs.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
)

var ciModes = []string{"env", "ci", "topo"} // of baselines that use the CI of an alert
var baselineGaps = []string{"120", "300"}

const legend = `
A baseline puts alerts together that follow each other within so many seconds: all
(time), those of one application (env), of one CI (ci), or of CIs at most one relation
apart (topo). It is told the true CI of each alert; signalbox, and a baseline with "our
CIs", has only what the labels and the CMDB say of it.
`

type scores map[string]float64

func main() {
	data := flag.String("data", "", "directory with sets/ and tools/")
	bin := flag.String("bin", "bin/signalbox", "the built binary")
	only := flag.String("set", "", "one set instead of all")
	keep := flag.String("keep", "", "keep the replay's output in this directory")
	flag.Parse()
	if err := run(*data, *bin, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	}
}

func run(data, bin, only, keep string) error {
	if data == "" {
		return errors.New("give the data directory: make score DATA=…")
	}
	sets, err := filepath.Glob(filepath.Join(data, "sets", "*"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no sets below %s", data)
	}
	out := keep
	if out == "" {
		if out, err = os.MkdirTemp("", "score"); err != nil {
			return err
		}
		defer os.RemoveAll(out)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "set\twho\tB3 F1\twe are\tB3 P\tB3 R\tcause@1\tcause@3\tover-merge\trecovered\tincidents\ttrue\tnoise joined\tnoise-only incidents")
	for _, set := range sets {
		if only != "" && filepath.Base(set) != only {
			continue
		}
		if err := scoreSet(w, data, bin, set, filepath.Join(out, filepath.Base(set))); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
		w.Flush()
	}
	fmt.Print(legend)
	return nil
}

func scoreSet(w *tabwriter.Writer, data, bin, set, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command(bin, "replay", "--events", filepath.Join(set, "alerts.jsonl"), "--cmdb", filepath.Join(set, "topology.json"), "--out", dir)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("replay: %w\n%s", err, b)
	}
	ours, err := score(data, set, filepath.Join(dir, "members.jsonl"), filepath.Join(dir, "incidents.jsonl"))
	if err != nil {
		return err
	}
	row(w, filepath.Base(set), "signalbox", ours, "")
	from := func(known string) func(mode, gap string) (scores, error) {
		return func(mode, gap string) (scores, error) { return baseline(data, set, known, dir, mode, gap) }
	}
	most, err := baselines(w, ours, []string{"time"}, "", from(set))
	if err != nil {
		return err
	}
	bound := filepath.Join(dir, "bound")
	if err := writeBound(set, dir, bound); err != nil {
		return err
	}
	for _, k := range []struct{ knowing, known string }{{"told the CIs", set}, {"our CIs", bound}} {
		m, err := baselines(w, ours, ciModes, k.knowing, from(k.known))
		if err != nil {
			return err
		}
		m = max(m, most)
		fmt.Fprintf(w, "\tbest baseline, %s\t%.3f\twe are %s\n", k.knowing, m, standing(ours["B3_F1"], m))
	}
	return problems(w, data, set, dir)
}

// baselines prints the baselines of one knowledge, and returns the best F1 of them.
func baselines(w *tabwriter.Writer, ours scores, modes []string, knowing string, run func(mode, gap string) (scores, error)) (float64, error) {
	most := -1.0
	for _, mode := range modes {
		for _, gap := range baselineGaps {
			s, err := run(mode, gap)
			if err != nil {
				return 0, err
			}
			who := mode + " " + gap
			if knowing != "" {
				who += ", " + knowing
			}
			row(w, "", who, s, standing(ours["B3_F1"], s["B3_F1"]))
			most = max(most, s["B3_F1"])
		}
	}
	return most, nil
}

// standing says how we stand against a baseline, in what the table shows.
func standing(ours, theirs float64) string {
	switch a, b := math.Round(ours*1000), math.Round(theirs*1000); {
	case a > b:
		return "ahead"
	case a < b:
		return "behind"
	}
	return "equal"
}

// baseline runs a baseline on what the directory known tells, and scores it.
func baseline(data, set, known, dir, mode, gap string) (scores, error) {
	prefix := filepath.Join(dir, "baseline-"+mode+"-"+gap)
	if b, err := exec.Command("python3", filepath.Join(data, "tools", "baseline.py"), mode, gap, prefix, known).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("baseline %s %s: %w\n%s", mode, gap, err, b)
	}
	return score(data, set, prefix+".alerts.jsonl", prefix+".incidents.jsonl")
}

// score runs the scorer and reads its "name value" lines.
func score(data, set, members, incidents string) (scores, error) {
	b, err := exec.Command("python3", filepath.Join(data, "tools", "score.py"), set, members, incidents).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("score.py: %w\n%s", err, b)
	}
	s := scores{}
	in := bufio.NewScanner(bytes.NewReader(b))
	for in.Scan() {
		line := in.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			s[strings.TrimSpace(line[:i])] = v
		}
	}
	return s, in.Err()
}

// row prints the scores of one who; standing is ours against it.
func row(w *tabwriter.Writer, set, who string, s scores, standing string) {
	fmt.Fprintf(w, "%s\t%s\t%.3f\t%s\t%.3f\t%.3f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t%.0f\n", set, who,
		s["B3_F1"], standing, s["B3_P"], s["B3_R"], s["RC_hit@1"], s["RC_hit@3"], s["merged_pred(>1 true)"], s["recovered@J0.5"],
		s["pred_incidents"], s["true_incidents"], s["noise_joined_to_true_incident"], s["noise_only_incidents"])
}
