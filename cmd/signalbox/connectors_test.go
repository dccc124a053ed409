package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"signalbox/cmd/internal/conf"
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
