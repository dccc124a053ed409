package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stopped := ctx.Err() != nil
	stop()
	if errors.Is(err, errRestart) {
		if err = nil; !stopped { // who wants it to end is stronger
			err = startAgain()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "signalbox:", err)
		os.Exit(exitCode(err))
	}
}

// startAgain puts the program, as it is on disk now, in this one's place: its number,
// its arguments and its surroundings stay, so whatever watches it sees no end.
func startAgain() error {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	return fmt.Errorf("start %s again: %w", path, syscall.Exec(path, os.Args, os.Environ()))
}

// exitError is an error with an exit code other than 1.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// exitCode is what the program exits with after an error.
func exitCode(err error) int {
	var e exitError
	if errors.As(err, &e) {
		return e.code
	}
	return 1
}

// run is the whole program with its surroundings as arguments, so that tests run
// it as people do.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// rootCommand is the tree of all commands.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "signalbox",
		Short: "Turns monitoring alerts into explained incidents",
		Long: `Signalbox takes webhooks from Alertmanager, Prometheus, Datadog and others, removes
duplicates, correlates them against your CMDB and opens incidents that say why
their alerts belong together. Nothing it has acknowledged is ever lost.

Start with 'signalbox serve' and open the address it prints.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serveCommand(), traceCommand(), explainCommand(), replayCommand(), backtestCommand(), rebuildCommand(), backupCommand(), restoreCommand(), doctorCommand(), demoCommand(), journalCommand(), cmdbCommand(), changesCommand(), maintenanceCommand(), rulesCommand(), problemsCommand(), reportsCommand(), incidentsCommand(), connectorsCommand(), snippetsCommand(), storybookCommand(), usersCommand(), tokenCommand(), teamsCommand(), auditCommand())
	return root
}

// group gives a command its subcommands. Alone it prints its help; a word that is
// none of them is an error, so that a script notices its own typing mistake.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.AddCommand(subs...)
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, sub := range subs {
			names = append(names, sub.Name())
		}
		meant := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			meant = fmt.Sprintf("; did you mean %q?", c.CommandPath()+" "+near[0])
		}
		return fmt.Errorf("unknown command %q for %q, expected %s%s", args[0], c.CommandPath(), strings.Join(names, " or "), meant)
	}
	return c
}

// release is the version that make build writes here; "" in other builds. It is the
// linker's word rather than the repository's, so that a build is the same anywhere.
var release string

// version is what the build was told, or else the module's version as it recorded it.
func version() string {
	if release != "" {
		return release
	}
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}
