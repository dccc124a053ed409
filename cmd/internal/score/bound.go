package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// writeBound makes a directory for the baselines in which each alert is on the CI that
// the replay in dir found, and not on the true one. What we bound to nothing stays on its
// provisional CI.
func writeBound(set, dir, bound string) error {
	if err := os.MkdirAll(bound, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"alerts.jsonl", "topology.json"} {
		b, err := os.ReadFile(filepath.Join(set, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(bound, name), b, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(bound, "truth_alerts.jsonl"))
	if err != nil {
		return err
	}
	defer f.Close()
	enc := json.NewEncoder(f)
	type member struct {
		Alert string `json:"alert_id"`
		CI    string `json:"ci"`
	}
	var bad error
	err = lines(filepath.Join(dir, "members.jsonl"), func(m member) {
		if err := enc.Encode(m); err != nil {
			bad = err
		}
	})
	if err != nil {
		return err
	}
	if bad != nil {
		return bad
	}
	return f.Close()
}
