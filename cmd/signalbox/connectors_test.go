package main

import (
	"context"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/itsm"
)

// TestConnectorKinds: what the configuration takes is what is built in.
func TestConnectorKinds(t *testing.T) {
	if built := conf.SortedKeys(connectorKinds); !slices.Equal(built, conf.ConnectorKinds()) {
		t.Errorf("built in are %v, configurable %v", built, conf.ConnectorKinds())
	}
	for i := range reflect.TypeFor[conf.Connector]().NumField() {
		f := reflect.TypeFor[conf.Connector]().Field(i)
		for _, k := range strings.Split(f.Tag.Get("for"), ",") {
			if _, ok := connectorKinds[k]; k != "" && !ok {
				t.Errorf("connectors.NAME.%s is for kind %q, which does not exist", f.Tag.Get("yaml"), k)
			}
		}
	}
}

// TestR10 holds rule R10 of two-way sync where one process is the whole cluster:
// each partner has one sender, and no second process can have one beside it,
// because it cannot have the journal.
func TestR10OneSenderForEachPartner(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "")
	err := run(t.Context(), []string{"serve", "--data-dir", s.dir, "--listen", "127.0.0.1:0"}, strings.NewReader(""), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("a second process on the same data: %v", err)
	}
	ps := partnerSet{"jira": {Connector: named("jira")}, "pagerduty": {Connector: named("pagerduty")}}
	senders, wakes := sendersOf(ps, nil, nil, nil, nil)
	if len(senders) != len(ps) || len(wakes) != len(ps) {
		t.Errorf("%d senders and %d wakes for %d partners", len(senders), len(wakes), len(ps))
	}
}

type named string

// Name implements connectors.Connector.
func (n named) Name() string { return string(n) }

// Push implements connectors.Connector.
func (named) Push(context.Context, itsm.Intent) (connectors.Receipt, error) {
	return connectors.Receipt{}, nil
}
