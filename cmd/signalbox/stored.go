package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"signalbox/cmd/internal/conf"
	"signalbox/itsm"
	"signalbox/itsm/partners"
)

// Bounds of what the console keeps.
const (
	secretsMax     = 500
	secretValueMax = 64 << 10
)

// errRestart ends the server so that the program starts again in its place.
var errRestart = errors.New("restart")

// keeper is the connectors that are configured in the console: a document and
// secrets in the data directory, which every start reads.
type keeper struct {
	o        serveOptions
	explicit bool
	running  map[string]conf.Connector // what the server started with
	secrets  string                    // and what its secrets were
	do       func(context.Context, itsm.Act) (itsm.Outcome, error)
	restart  chan struct{}

	mu sync.Mutex // of what is on disk
}

func newKeeper(o serveOptions, explicit bool, running *conf.File, do func(context.Context, itsm.Act) (itsm.Outcome, error)) *keeper {
	k := &keeper{o: o, explicit: explicit, running: running.Connectors, do: do, restart: make(chan struct{}, 1)}
	text, err := k.read(running.DataDir)
	if err == nil { // else every page that needs it says why
		k.secrets = secretsOf(text, running.DataDir)
	}
	return k
}

// file reads the configuration file alone.
func (k *keeper) file() (*conf.File, error) { return readFile(k.o, k.explicit) }

func (k *keeper) read(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, conf.StoredFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

func versionOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Kept implements partners.Keeper.
func (k *keeper) Kept() (out partners.Kept, err error) {
	f, err := k.file()
	if err != nil {
		return out, err
	}
	out.InFile = conf.SortedKeys(f.Connectors)
	for _, p := range f.Console.MayCall {
		out.MayCall = append(out.MayCall, p.String())
	}
	if out.Text, err = k.read(f.DataDir); err != nil {
		return out, err
	}
	out.Version = versionOf(out.Text)
	names, err := secretNames(f.DataDir)
	if err != nil {
		return out, err
	}
	for _, n := range names {
		out.Secrets = append(out.Secrets, partners.Secret{Name: n, Used: uses(out.Text, n)})
	}
	wrong := addText(f, out.Text)
	if wrong == nil {
		out.Pending = len(differenceOf(k.running, f.Connectors)) > 0 || k.secrets != secretsOf(out.Text, f.DataDir)
		wrong = works(f)
	}
	out.Problems = mistakes(wrong)
	return out, nil
}

// addText adds the connectors of a document of the console to what the file says.
func addText(f *conf.File, text string) error {
	return f.AddStoredText(conf.StoredFile, []byte(text), f.DataDir)
}

// starts reports what would keep a server with a configuration from starting.
func starts(f *conf.File) error {
	quiet := slog.New(slog.DiscardHandler)
	set, err := settingsOf(f, quiet)
	if err != nil {
		return err
	}
	return set.check(quiet)
}

// works reports what would keep a server with a configuration from starting, or a
// connector of the console from ever calling its partner.
func works(f *conf.File) error {
	if err := starts(f); err != nil {
		return err
	}
	return unreachable(f)
}

// mistakes words an error about a document, a line each.
func mistakes(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), conf.StoredFile+":", "line "), "\n")
}

// uses reports whether a document names a secret.
func uses(text, name string) bool {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "stored:"+name)
		if !ok {
			return false
		}
		if rest = after; rest == "" || !conf.IsSecretName(rest[:1]) {
			return true
		}
	}
}

func secretNames(dir string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(dir, conf.SecretsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range list {
		if conf.IsSecretName(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// CheckKept implements partners.Keeper: it is what the next start will check, and
// whether the partners may be called.
func (k *keeper) CheckKept(text string) []string {
	_, err := k.check(text, works)
	return mistakes(err)
}

// check reads the configuration that a document makes, as a start would.
func (k *keeper) check(text string, fault func(*conf.File) error) (*conf.File, error) {
	f, err := k.file()
	if err != nil {
		return nil, err
	}
	if err := addText(f, text); err != nil {
		return nil, err
	}
	return f, fault(f)
}

// SaveKept implements partners.Keeper. What is written down says which connectors are
// new, changed and gone, and the document itself, which holds no secret.
func (k *keeper) SaveKept(ctx context.Context, text, version string, by partners.Admin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	was, err := k.file()
	if err != nil {
		return err
	}
	before, err := k.read(was.DataDir)
	if err != nil {
		return err
	}
	if versionOf(before) != version {
		return itsm.Errorf(itsm.Stale, "somebody saved connectors since this page was opened; open it again and repeat your change")
	}
	now, err := k.check(text, works)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "%s", strings.Join(mistakes(err), "\n"))
	}
	if err := addText(was, before); err != nil {
		was.Connectors = nil // so that all of the new one is new
	}
	change := differenceOf(was.Connectors, now.Connectors)
	change["text"] = text
	if err := k.note(ctx, "configuration/connectors", change, by); err != nil {
		return err
	}
	return writeWhole(filepath.Join(now.DataDir, conf.StoredFile), text)
}

// differenceOf names the connectors that differ.
func differenceOf(was, now map[string]conf.Connector) map[string]string {
	by := map[string][]string{}
	for _, n := range conf.SortedKeys(now) {
		switch old, ok := was[n]; {
		case !ok:
			by["added"] = append(by["added"], n)
		case !reflect.DeepEqual(old, now[n]):
			by["changed"] = append(by["changed"], n)
		}
	}
	for _, n := range conf.SortedKeys(was) {
		if _, ok := now[n]; !ok {
			by["removed"] = append(by["removed"], n)
		}
	}
	out := map[string]string{}
	for k, names := range by {
		out[k] = strings.Join(names, ", ")
	}
	return out
}

// SaveSecret implements partners.Keeper.
func (k *keeper) SaveSecret(ctx context.Context, name, value string, by partners.Admin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	value = strings.TrimSpace(value)
	if !conf.IsSecretName(name) {
		return itsm.Errorf(itsm.Invalid, "name %.70q: expected 1 to 64 of a-z, 0-9, - and _", name)
	}
	if len(value) > secretValueMax {
		return itsm.Errorf(itsm.TooLarge, "value: %d bytes; expected at most %d", len(value), secretValueMax)
	}
	kept, err := k.Kept()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(kept.Secrets, func(s partners.Secret) bool { return s.Name == name })
	switch {
	case value == "" && at < 0:
		return itsm.Errorf(itsm.NotFound, "no secret is stored as %q", name)
	case value == "" && kept.Secrets[at].Used:
		return itsm.Errorf(itsm.Conflict, "secret %q is used by a connector; take stored:%s out of it first", name, name)
	case at < 0 && len(kept.Secrets) >= secretsMax:
		return itsm.Errorf(itsm.Conflict, "%d secrets are stored, as many as there may be; remove some", secretsMax)
	}
	f, err := k.file()
	if err != nil {
		return err
	}
	dir := filepath.Join(f.DataDir, conf.SecretsDir)
	path, object := filepath.Join(dir, name), "configuration/secrets/"+name
	if value == "" {
		if err := k.note(ctx, object, map[string]string{"secret": "removed"}, by); err != nil {
			return err
		}
		return errors.Join(os.Remove(path), syncDir(dir))
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	back := func() error { return writeWhole(path, string(old)) }
	if at < 0 {
		back = func() error { return os.Remove(path) }
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), writeWhole(path, value)); err != nil {
		return err
	}
	// The next start must not fail of what was accepted here.
	if _, err := k.check(kept.Text, works); err != nil && kept.Problems == nil {
		return errors.Join(itsm.Errorf(itsm.Invalid, "value: the connector that uses it cannot be made with it: %v", err), back())
	}
	if err := k.note(ctx, object, map[string]string{"secret": "stored"}, by); err != nil {
		return errors.Join(err, back())
	}
	return nil
}

// secretsOf tells whether a secret changed that a document names.
func secretsOf(text, dir string) string {
	names, err := secretNames(dir)
	sum := sha256.New()
	for _, n := range names {
		if uses(text, n) {
			b, err := os.ReadFile(filepath.Join(dir, conf.SecretsDir, n))
			fmt.Fprintf(sum, "%q %q %v\n", n, b, err)
		}
	}
	return fmt.Sprintf("%x %v", sum.Sum(nil), err)
}

// Restart implements partners.Keeper.
func (k *keeper) Restart(ctx context.Context, by partners.Admin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.file()
	if err != nil {
		return itsm.Errorf(itsm.Conflict, "the configuration file has a mistake, so the server would not start again: %v", err)
	}
	text, err := k.read(f.DataDir)
	if err != nil {
		return err
	}
	if _, err := k.check(text, starts); err != nil {
		return itsm.Errorf(itsm.Conflict, "the configuration has a mistake, so the server would not start again: %v", err)
	}
	if err := k.note(ctx, "configuration/restart", map[string]string{"connectors": versionOf(text)}, by); err != nil {
		return err
	}
	select {
	case k.restart <- struct{}{}:
	default: // it is about to
	}
	return nil
}

// note has it journaled who changed what, before it is changed.
func (k *keeper) note(ctx context.Context, object string, change map[string]string, by partners.Admin) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	o, err := k.do(ctx, itsm.Act{Kind: itsm.ActConfigure, Object: object, Body: body, Actor: by.Actor, RemoteIP: by.RemoteIP})
	if err != nil {
		return err
	}
	return o.Err()
}

// Examples implements partners.Keeper.
func (*keeper) Examples() []partners.Example {
	var out []partners.Example
	for _, kind := range conf.SortedKeys(connectorKinds) {
		out = append(out, partners.Example{Kind: kind, Text: connectorExamples[kind]})
	}
	return out
}

// wait ends the server when it is asked to start again.
func (k *keeper) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-k.restart:
		return errRestart
	}
}

// writeWhole puts a text in place of a file that only this server's user can read:
// after a crash it is the old one or the new one.
func writeWhole(path, text string) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return errors.Join(os.Rename(next, path), syncDir(filepath.Dir(path)))
}
