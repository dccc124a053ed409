package kv_test

import (
	"bytes"
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm/kv"
)

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		key  []byte
		want string
	}{
		{kv.Key(7), "7()"},
		{kv.Key(2, kv.Desc(17), "db\x00-1", uint64(4)), `2(↓17 "db\x00-1" 4)`},
		{kv.Key(1, ""), `1("")`},
		{[]byte("plain"), "706c61696e"},
		{kv.Key(2, uint64(1))[:8], "0201550000000000"},
		{nil, ""},
	} {
		if got := kv.Format(tt.key); got != tt.want {
			t.Errorf("Format(%x) = %s; want %s", tt.key, got, tt.want)
		}
	}
}

// tuple draws the parts of a key of one shape, so that two of them compare.
func tuple(t *rapid.T, shape []int, name string) []any {
	parts := make([]any, len(shape))
	for i, s := range shape {
		switch s {
		case 0:
			parts[i] = rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3)).Draw(t, name)
		case 1:
			parts[i] = kv.Desc(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3)).Draw(t, name))
		default:
			parts[i] = rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune{0, 1, 'a', 0xFF, 0x10FFFF}))).Draw(t, name)
		}
	}
	return parts
}

func compareTuples(a, b []any) int {
	for i := range a {
		c := 0
		switch x := a[i].(type) {
		case uint64:
			c = cmp.Compare(x, b[i].(uint64))
		case kv.Desc:
			c = cmp.Compare(b[i].(kv.Desc), x)
		case string:
			c = cmp.Compare(x, b[i].(string))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func TestKeysKeepOrderAndRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 4).Draw(t, "shape")
		a, b := tuple(t, shape, "a"), tuple(t, shape, "b")
		ka, kb := kv.Key(3, a...), kv.Key(3, b...)
		if got, want := bytes.Compare(ka, kb), compareTuples(a, b); got != want {
			t.Fatalf("%s against %s: %d; want %d", kv.Format(ka), kv.Format(kb), got, want)
		}
		kind, parts, err := kv.Parts(ka)
		if err != nil || kind != 3 {
			t.Fatalf("Parts(%x) = %d, %v", ka, kind, err)
		}
		if diff := gocmp.Diff(a, parts); diff != "" {
			t.Fatal(diff)
		}
		for i := range a { // no key of fewer parts is taken for another one
			if p := kv.Key(3, a[:i]...); !bytes.HasPrefix(ka, p) || bytes.Equal(ka, p) {
				t.Fatalf("%x is no proper prefix of %x", p, ka)
			}
		}
	})
}

func TestPrefixOfStringsDoesNotReachFurther(t *testing.T) {
	if bytes.HasPrefix(kv.Key(1, "pager2", uint64(1)), kv.Key(1, "pager")) {
		t.Error("the keys of connector pager include those of pager2")
	}
}

func TestUints(t *testing.T) {
	var a, b uint64
	if !kv.Uints(kv.Key(1, uint64(5), kv.Desc(9)), &a, &b) || a != 5 || b != 9 {
		t.Errorf("Uints = %d, %d; want 5, 9", a, b)
	}
	for _, key := range [][]byte{kv.Key(1, uint64(5)), kv.Key(1, "sixteen-letters-"), kv.Key(1, uint64(5), kv.Desc(9), uint64(1)), {1}} {
		if kv.Uints(key, &a, &b) {
			t.Errorf("Uints(%s) answers true", kv.Format(key))
		}
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.StringOf(rapid.SampledFrom([]rune("ab\x00\u00ff"))), 3, 3).Draw(t, "parts")
		key := kv.Key(7, want[0], want[1], want[2])
		var a, b, c, d string
		if !kv.Strings(key, &a, &b, &c) || a != want[0] || b != want[1] || c != want[2] {
			t.Fatalf("Strings(%s) = %q %q %q, want %q", kv.Format(key), a, b, c, want)
		}
		if kv.Strings(key, &a, &b) || kv.Strings(key, &a, &b, &c, &d) || kv.Strings(key[:len(key)-1], &a, &b, &c) {
			t.Fatalf("Strings(%s) answers true for other parts", kv.Format(key))
		}
	})
	for _, key := range [][]byte{nil, {7}, kv.Key(7, uint64(1)), kv.Key(7, "x", uint64(1))} {
		var a string
		if kv.Strings(key, &a) {
			t.Errorf("Strings(%x) answers true", key)
		}
	}
}

func FuzzParts(f *testing.F) {
	f.Add(kv.Key(2, kv.Desc(17), "db\x00-1", uint64(4)))
	f.Fuzz(func(t *testing.T, key []byte) {
		kind, parts, err := kv.Parts(key)
		if err == nil && !bytes.Equal(kv.Key(kind, parts...), key) {
			t.Errorf("%x reads as %s, which is written differently", key, kv.Format(key))
		}
	})
}
