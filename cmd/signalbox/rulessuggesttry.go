package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"signalbox/correlate/backtest"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/rules"
)

// try backtests each drafted rule as if it were live.
func (o *suggestOptions) try(cmd *cobra.Command, c *client, s *suggested) error {
	for i := range s.Suggestions {
		it := &s.Suggestions[i]
		if it.Rule == nil {
			continue
		}
		var err error
		if o.events != "" {
			err = o.tryRecording(cmd, it)
		} else {
			err = o.tryServer(cmd.Context(), c, it)
		}
		if err != nil {
			return fmt.Errorf("backtest of suggestion %s: %w", it.ID, err)
		}
	}
	return nil
}

// tryRecording folds the recording without and with the rule.
func (o *suggestOptions) tryRecording(cmd *cobra.Command, it *suggestedItem) error {
	if o.events == "-" {
		return itsm.Errorf(itsm.Invalid, "--backtest reads the recording again: give it as a file")
	}
	from, to, err := o.span()
	if err != nil {
		return err
	}
	bo := backtest.Options{From: from, To: to, Before: backtest.RuleSet{Name: "no rules"}}
	sug := learn.Suggestion{ID: it.ID, Rule: *it.Rule}
	bo.After = backtest.RuleSet{Name: sug.TriedAs(), Files: []rules.File{sug.Live()}}
	h := backtestOptions{events: o.events, cmdb: o.cmdb, config: o.config}
	closeHistory, err := h.history(cmd, &bo)
	if err != nil {
		return err
	}
	defer closeHistory()
	rep, err := backtest.Run(cmd.Context(), bo)
	if err != nil {
		return err
	}
	it.Backtest = &suggestedTry{State: backtest.Done, Incidents: &suggestedDiff{rep.Incidents.Before, rep.Incidents.After},
		Pages: &suggestedDiff{rep.Pages.Total.Before, rep.Pages.Total.After}, P1: &rep.P1, P2: &rep.P2}
	return nil
}

// tryServer has the server do it, and waits for what came of it.
func (o *suggestOptions) tryServer(ctx context.Context, c *client, it *suggestedItem) error {
	in := map[string]string{}
	for name, v := range map[string]string{"from": o.from, "to": o.to} {
		if v != "" {
			in[name] = v
		}
	}
	var job struct {
		ID, State string
		Error     *string
		Report    *backtest.Report
	}
	if err := c.post(ctx, http.MethodPost, api.Prefix+"/rules/suggestions/"+url.PathEscape(it.ID)+"/backtest", in, &job); err != nil {
		return err
	}
	for job.State == backtest.Running {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(suggestPoll):
		}
		if err := c.get(ctx, api.Prefix+"/rules/backtests/"+url.PathEscape(job.ID), &job); err != nil {
			return err
		}
	}
	it.Backtest = &suggestedTry{ID: job.ID, State: job.State}
	if job.Error != nil {
		return itsm.Errorf(itsm.Invalid, "%s", *job.Error)
	}
	if r := job.Report; r != nil {
		it.Backtest.Incidents = &suggestedDiff{r.Incidents.Before, r.Incidents.After}
		it.Backtest.Pages = &suggestedDiff{r.Pages.Total.Before, r.Pages.Total.After}
		it.Backtest.P1, it.Backtest.P2 = &r.P1, &r.P2
	}
	return nil
}

// print says what came of it, what would no longer page first.
func (t *suggestedTry) print(w io.Writer) {
	if t.Incidents == nil || t.P1 == nil {
		fmt.Fprintf(w, "  backtest: %s\n", t.State)
		return
	}
	lost := "no P1 or P2 would page differently"
	if n := t.P1.Lost + t.P1.Later + t.P1.Lower + t.P2.Lost + t.P2.Later + t.P2.Lower; n > 0 {
		lost = fmt.Sprintf("WARNING: of the P1 %d and of the P2 %d would page nobody, later or as less", t.P1.Lost+t.P1.Later+t.P1.Lower, t.P2.Lost+t.P2.Later+t.P2.Lower)
	}
	fmt.Fprintf(w, "  backtest: %s; incidents %d -> %d, pages %d -> %d\n", lost, t.Incidents.Before, t.Incidents.After, t.Pages.Before, t.Pages.After)
}
