package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/demo"
)

// demoConfig makes the timers fit a show: what takes minutes on call takes
// seconds here. Everything else is as it comes.
const demoConfig = `correlation: {resolve_after: 5s, reopen_within: 1m, firing_grace: 30s, update_every: 1s}
log: {level: warn}
`

const (
	demoReadyWithin = 30 * time.Second
	demoLookEvery   = 50 * time.Millisecond
)

func demoCommand() *cobra.Command {
	var listen string
	var speed float64
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show it: a web shop, a storm of alerts, one explained incident",
		Long: `Starts a server on loopback with a temporary data directory, imports an example CMDB
and plays a recorded storm to it through the doors of Alertmanager, Prometheus and
Datadog. Nothing leaves this machine, and everything is removed when it ends.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if speed <= 0 {
				return fmt.Errorf("--speed %v: expected more than 0", speed)
			}
			return runDemo(cmd.Context(), listen, speed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "address on loopback; port 0 takes a free one")
	c.Flags().Float64Var(&speed, "speed", 1, "play the storm so many times as fast")
	return c
}

func runDemo(ctx context.Context, listen string, speed float64, stdout, stderr io.Writer) (err error) {
	address, err := demoAddress(listen)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "signalbox-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config := filepath.Join(dir, "signalbox.yml")
	if err := os.WriteFile(config, []byte(demoConfig), 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, serveOptions{config: config, dataDir: filepath.Join(dir, "data"), listen: address}, true, io.Discard, stderr)
		stop()
	}()
	c := &client{server: "http://" + address, dataDir: filepath.Join(dir, "data")}
	err = c.show(ctx, speed, stdout)
	if err == nil {
		<-ctx.Done() // until Ctrl-C
		fmt.Fprintln(stdout, "\nThe demo ends; its data is removed.")
	} else if ctx.Err() != nil {
		err = nil // ended while it was playing, or the server failed
	}
	stop()
	return errors.Join(err, <-served)
}

// demoAddress refuses anything but loopback, and chooses a port if asked to.
func demoAddress(listen string) (string, error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("--listen %q: the demo is open to whoever reaches it, so it runs on loopback only, such as 127.0.0.1:8090", listen)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", fmt.Errorf("%w; choose another address with --listen, such as 127.0.0.1:0", err)
	}
	return l.Addr().String(), l.Close()
}

// show waits for the server, imports the CMDB and plays the storm.
func (c *client) show(ctx context.Context, speed float64, w io.Writer) error {
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	if c.token = os.Getenv("SIGNALBOX_ADMIN_TOKEN"); c.token == "" { // not SIGNALBOX_TOKEN, which may be another server's
		b, err := os.ReadFile(filepath.Join(c.dataDir, tokenFile))
		if err != nil {
			return err
		}
		c.token = strings.TrimSpace(string(b))
	}
	if _, _, err := c.call(ctx, http.MethodPost, "/api/v1/cmdb/import?source=demo", "application/yaml", bytes.NewReader(demo.CMDB)); err != nil {
		return err
	}
	length := time.Duration(float64(demo.Length()) / speed).Round(time.Second)
	fmt.Fprintf(w, demoIntro, c.server, c.token, length)
	if err := demo.Play(ctx, c.server, speed); err != nil {
		return err
	}
	fmt.Fprintf(w, demoNext, c.server, c.server, c.token)
	return nil
}

func (c *client) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoReadyWithin)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready: %w", ctx.Err())
		case <-time.After(demoLookEvery):
		}
	}
}

const demoIntro = `
Signalbox demo
  console  %s/
  token    %s   (paste it to sign in)

In a web shop of 29 CIs the switch of a rack fails. For %v, Alertmanager,
Prometheus and Datadog tell of everything that breaks because of it. Watch the
incidents page.

`

const demoNext = `The storm is over. What there is to see:
  * INC0000001: dozens of alerts from three senders, one incident. Its probable cause
    is switch-rack-2; open it for the path from each alert to it, and for the
    evidence that joined each alert.
  * ModelLatency on ml-1 fires and clears again and again: it is marked as flapping
    and calmed, in one incident of its own.
  * The full disk of batch-1 has nothing to do with the switch: it is kept apart.

What to try next:
  * Acknowledge INC0000001 and add a note. Resolve it: its alerts still fire, so it
    comes back after 30 s and says why.
  * Send an alert of your own:

curl -sS %s/webhooks/generic -H 'Content-Type: application/json' -d '{
  "status": "firing", "severity": "critical", "title": "Search is failing",
  "labels": {"service": "search", "environment": "production"}}'

  * Read it with the API:

curl -sS %s/api/v1/incidents -H 'Authorization: Bearer %s'

Ctrl-C ends the demo and removes its data.
`
