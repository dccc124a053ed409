package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/itsm/httperr"
)

const (
	tokenFile      = "admin.token" // in the data directory
	answerBytesMax = 1 << 30
	dialTimeout    = 10 * time.Minute // an import of a million CIs is one call
)

// client talks to a running server for the commands that change or read one.
type client struct{ server, token, dataDir string }

// flags adds where the server is and how to get in.
func (c *client) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&c.server, "server", envOr("SIGNALBOX_URL", "http://"+conf.DefaultListen), "address of the running server (SIGNALBOX_URL)")
	cmd.PersistentFlags().StringVar(&c.token, "token", "", "API token (SIGNALBOX_TOKEN); else read from the data directory's "+tokenFile)
	cmd.PersistentFlags().StringVar(&c.dataDir, "data-dir", envOr("SIGNALBOX_DATA_DIR", conf.DefaultDataDir), "data directory of a local server, for its token")
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func (c *client) credential() (string, error) {
	for _, t := range []string{c.token, os.Getenv("SIGNALBOX_TOKEN"), os.Getenv("SIGNALBOX_ADMIN_TOKEN")} {
		if t != "" {
			return t, nil
		}
	}
	b, err := os.ReadFile(filepath.Join(c.dataDir, tokenFile))
	if err != nil {
		return "", fmt.Errorf("no API token: give --token or SIGNALBOX_TOKEN, or --data-dir of a local server (%w)", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// call makes one request. A status of 400 and above other than those in also is
// an error with the server's own explanation.
func (c *client) call(ctx context.Context, method, path, contentType string, body io.Reader, also ...int) (int, []byte, error) {
	token, err := c.credential()
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.server, "/")+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := (&http.Client{Timeout: dialTimeout}).Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("no answer from the server at %s: %w", c.server, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return 0, nil, err
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp.StatusCode, b, nil
	}
	for _, s := range also {
		if s == resp.StatusCode {
			return s, b, nil
		}
	}
	var p httperr.Problem
	if json.Unmarshal(b, &p) == nil && p.Detail != "" {
		return 0, nil, fmt.Errorf("%s %s: %s (%d)", method, path, p.Detail, resp.StatusCode)
	}
	return 0, nil, fmt.Errorf("%s %s: the server answered %d", method, path, resp.StatusCode)
}
