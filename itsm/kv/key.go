package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// keyVersion is the second byte of every key.
const keyVersion = 1

// Tags that begin a part. They are far from 0xFF, which the escape of strings relies on.
const (
	tagUint   = 'U' // 8 bytes, big-endian
	tagDesc   = 'D' // 8 bytes, big-endian, inverted: the newest sorts first
	tagString = 'S' // 0x00 is written 0x00 0xFF; ends with a single 0x00
)

// Desc is a part that sorts from the highest to the lowest.
type Desc uint64

// Key builds a tuple key of parts, each a uint64, a Desc or a string. Another
// type is a programmer's error and panics.
func Key(kind byte, parts ...any) []byte {
	k := Begin(make([]byte, 0, 2+9*len(parts)), kind)
	for _, p := range parts {
		switch v := p.(type) {
		case uint64:
			k = AppendUint(k, v)
		case Desc:
			k = AppendDesc(k, uint64(v))
		case string:
			k = AppendString(k, v)
		default:
			panic(fmt.Sprintf("kv: a key part of type %T; expected uint64, kv.Desc or string", p))
		}
	}
	return k
}

// Begin appends what every key of kind begins with.
func Begin(dst []byte, kind byte) []byte { return append(dst, kind, keyVersion) }

// AppendUint appends a part that sorts upwards.
func AppendUint(dst []byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, tagUint), v)
}

// AppendDesc appends a part that sorts downwards.
func AppendDesc(dst []byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, tagDesc), ^v)
}

// AppendString appends a string part.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, tagString)
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i]...), 0x00, 0xFF)
		s = s[i+1:]
	}
	return append(append(dst, s...), 0x00)
}

// After returns the smallest key greater than key.
func After(key []byte) []byte { return append(bytes.Clone(key), 0) }

// errKey is what a key that Key did not make comes to.
var errKey = errors.New("kv: not a tuple key")

// Parts takes a key apart: its kind and its parts as Key took them.
func Parts(key []byte) (kind byte, parts []any, err error) {
	if len(key) < 2 || key[1] != keyVersion {
		return 0, nil, errKey
	}
	kind, key = key[0], key[2:]
	for len(key) > 0 {
		var p any
		if p, key, err = part(key); err != nil {
			return 0, nil, err
		}
		parts = append(parts, p)
	}
	return kind, parts, nil
}

func part(key []byte) (p any, rest []byte, err error) {
	tag, key := key[0], key[1:]
	switch tag {
	case tagUint, tagDesc:
		if len(key) < 8 {
			return nil, nil, errKey
		}
		v := binary.BigEndian.Uint64(key)
		if tag == tagDesc {
			return Desc(^v), key[8:], nil
		}
		return v, key[8:], nil
	case tagString:
		return stringPart(key)
	}
	return nil, nil, errKey
}

func stringPart(key []byte) (p any, rest []byte, err error) {
	var s []byte
	for {
		i := bytes.IndexByte(key, 0)
		if i < 0 {
			return nil, nil, errKey
		}
		s = append(s, key[:i]...)
		if i+1 == len(key) || key[i+1] != 0xFF {
			return string(s), key[i+1:], nil
		}
		s, key = append(s, 0), key[i+2:]
	}
}

// Format prints any key for people: 2(↓17 "db-1" 4). A key that is no tuple is
// printed in hex.
func Format(key []byte) string {
	kind, parts, err := Parts(key)
	if err != nil {
		return fmt.Sprintf("%x", key)
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(kind)))
	b.WriteByte('(')
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch v := p.(type) {
		case uint64:
			b.WriteString(strconv.FormatUint(v, 10))
		case Desc:
			b.WriteString("↓" + strconv.FormatUint(uint64(v), 10))
		case string:
			b.WriteString(strconv.Quote(v))
		}
	}
	b.WriteByte(')')
	return b.String()
}

// Uints reads a key whose parts are all numbers, undoing Desc, into out. It
// answers false when the key has other parts, or more or fewer.
func Uints(key []byte, out ...*uint64) bool {
	if len(key) != 2+9*len(out) || key[1] != keyVersion {
		return false
	}
	for i, p := range out {
		v := binary.BigEndian.Uint64(key[2+9*i+1:])
		switch key[2+9*i] {
		case tagUint:
			*p = v
		case tagDesc:
			*p = ^v
		default:
			return false
		}
	}
	return true
}

// Strings is Uints for a key whose parts are all strings.
func Strings(key []byte, out ...*string) bool {
	if len(key) < 2 || key[1] != keyVersion {
		return false
	}
	rest := key[2:]
	for _, p := range out {
		if len(rest) == 0 || rest[0] != tagString {
			return false
		}
		end := 1 + bytes.IndexByte(rest[1:], 0)
		if end > 0 && (end+1 == len(rest) || rest[end+1] != 0xFF) { // nothing in it is escaped
			*p, rest = string(rest[1:end]), rest[end+1:]
			continue
		}
		v, after, err := stringPart(rest[1:])
		if err != nil {
			return false
		}
		*p, rest = v.(string), after
	}
	return len(rest) == 0
}
