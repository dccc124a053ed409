package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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

	refusalBytesMax = 64 << 10
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

// send makes one request with the token and returns whatever was answered.
func (c *client) send(ctx context.Context, h *http.Client, method, path, contentType string, body io.Reader) (*http.Response, error) {
	token, err := c.credential()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.server, "/")+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no answer from the server at %s: %w", c.server, err)
	}
	return resp, nil
}

// call makes one request. A status of 400 and above other than those in also is
// an error with the server's own explanation.
func (c *client) call(ctx context.Context, method, path, contentType string, body io.Reader, also ...int) (int, []byte, error) {
	resp, err := c.send(ctx, &http.Client{Timeout: dialTimeout}, method, path, contentType, body)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return 0, nil, err
	}
	if resp.StatusCode < http.StatusBadRequest || slices.Contains(also, resp.StatusCode) {
		return resp.StatusCode, b, nil
	}
	return 0, nil, refused(method, path, resp.StatusCode, b)
}

// refused is the server's own explanation of a status.
func refused(method, path string, status int, body []byte) error {
	var p httperr.Problem
	if json.Unmarshal(body, &p) == nil && p.Detail != "" {
		return fmt.Errorf("%s %s: %s (%d)", method, path, p.Detail, status)
	}
	return fmt.Errorf("%s %s: the server answered %d", method, path, status)
}
