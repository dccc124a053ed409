package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
)

// slowBackup writes its first bytes, waits, and writes the rest.
type slowBackup struct {
	started, goOn chan struct{}
	closed        chan struct{}
	fail          error
}

func (b *slowBackup) Write(w io.Writer) error {
	close(b.started)
	<-b.goOn
	if _, err := io.WriteString(w, "everything"); err != nil {
		return err
	}
	return b.fail
}

func (b *slowBackup) Close() error { close(b.closed); return nil }

func newSlowBackup() *slowBackup {
	return &slowBackup{started: make(chan struct{}), goOn: make(chan struct{}), closed: make(chan struct{})}
}

func TestBackupIsStreamedOneAtATime(t *testing.T) {
	b := newSlowBackup()
	made := 0
	w := newWorld(t, func(o *Options) {
		o.Backup = func(context.Context) (Backup, error) { made++; return b, nil }
	})
	answers := make(chan answer, 1)
	go func() { answers <- w.call("GET", "/api/v1/backup", "") }()
	<-b.started
	w.want(w.call("GET", "/api/v1/backup", ""), http.StatusConflict, "being made already")
	w.want(w.call("HEAD", "/api/v1/backup", ""), http.StatusOK)
	close(b.goOn)
	if a := <-answers; a.status != http.StatusOK || a.body != "everything" {
		t.Errorf("backup = %d %q", a.status, a.body)
	}
	<-b.closed
	if made != 1 {
		t.Errorf("%d backups were started, want 1", made)
	}
}

func TestBackupSaysWhyItCannotBegin(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Backup = func(context.Context) (Backup, error) { return nil, itsm.Errorf(itsm.Unavailable, "the disk is full") }
	})
	for range 2 { // the first failure must not hold the slot
		w.want(w.call("GET", "/api/v1/backup", ""), http.StatusServiceUnavailable, "the disk is full")
	}
	w.want(w.call("GET", "/api/v1/backup", "", "Authorization: Bearer "+responderToken), http.StatusForbidden)
}

func TestBackupThatBreaksOffFreesItsPlace(t *testing.T) {
	b := newSlowBackup()
	b.fail = errors.New("disk error")
	close(b.goOn)
	w := newWorld(t, func(o *Options) { o.Backup = func(context.Context) (Backup, error) { return b, nil } })
	if a := w.call("GET", "/api/v1/backup", ""); !strings.HasPrefix(a.body, "everything") {
		t.Errorf("got %q", a.body)
	}
	<-b.closed
}
