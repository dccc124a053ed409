package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/spf13/cobra"

	"signalbox/itsm/console"
)

func storybookCommand() *cobra.Command {
	var listen string
	var empty bool
	c := &cobra.Command{
		Use:   "storybook",
		Short: "Serve every console page from canned data, to work on its look",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return err
			}
			book := console.Storybook
			if empty {
				book = console.StorybookEmpty
			}
			pages, app, err := book("http://"+l.Addr().String(), time.Now, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return errors.Join(err, l.Close())
			}
			defer pages.Close()
			fmt.Fprintf(cmd.OutOrStdout(), "storybook at http://%s/\n", l.Addr())
			return serveUntil(cmd.Context(), app, l)
		},
	}
	c.Flags().BoolVar(&empty, "empty", false, "show the pages of a server that has received nothing yet")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8081", "address")
	return c
}

// stopWithin is how long open requests get when a server stops.
const stopWithin = 5 * time.Second

// serveUntil serves app until ctx ends, then lets open requests finish.
func serveUntil(ctx context.Context, app *fiber.App, l net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- app.Listener(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if err := app.ShutdownWithTimeout(stopWithin); err != nil && err != http.ErrServerClosed && err != context.DeadlineExceeded {
			return err
		}
		return nil
	}
}
