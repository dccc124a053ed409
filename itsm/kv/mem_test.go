package kv_test

import (
	"testing"

	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

func TestMem(t *testing.T) {
	kvtest.Run(t, func(testing.TB) kv.DB { return kv.Mem() })
}
