package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// bodyBytesMax bounds every body but that of an import and that of a rule set.
const bodyBytesMax = 1 << 20

// decode reads a JSON object into the struct that v points to. Unlike
// encoding/json it takes names only as they are written, each once, and says
// which names exist. No body at all is an empty object.
func (r *request) decode(v any) error { return r.decodeUpTo(v, bodyBytesMax) }

// decodeUpTo is decode with a bound of its own.
func (r *request) decodeUpTo(v any, max int) error {
	b := r.body
	if b == nil {
		var err error
		if b, err = access.Body(r.Ctx, max); err != nil {
			return err
		}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	return decodeObject(b, v)
}

func decodeObject(b []byte, v any) error {
	if err := checkNames(b, fieldNames(v)); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a long number among attributes stays what was written
	err := d.Decode(v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return itsm.Errorf(itsm.Invalid, "%s: expected %s, got %s", wrong.Field, kindWord(wrong.Type), wrong.Value)
	case itsm.CodeOf(err) != itsm.Internal:
		return err
	}
	return itsm.Errorf(itsm.Invalid, "body: not valid JSON: %v", err)
}

// checkNames walks the top level of the object.
func checkNames(b []byte, allowed []string) error {
	d := json.NewDecoder(bytes.NewReader(b))
	t, err := d.Token()
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "body: not valid JSON: %v", err)
	}
	if t != json.Delim('{') {
		return itsm.Errorf(itsm.Invalid, "body: expected a JSON object")
	}
	seen := make(map[string]bool, len(allowed))
	var skipped json.RawMessage
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "body: not valid JSON: %v", err)
		}
		name, _ := t.(string) // an object's key is always a string
		if !slices.Contains(allowed, name) {
			return unknownName("field", name, allowed)
		}
		if seen[name] {
			return itsm.Errorf(itsm.Invalid, "field %q: given more than once", name)
		}
		seen[name] = true
		if err := d.Decode(&skipped); err != nil {
			return itsm.Errorf(itsm.Invalid, "%s: not valid JSON: %v", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return itsm.Errorf(itsm.Invalid, "body: not valid JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return itsm.Errorf(itsm.Invalid, "body: something follows the JSON object")
	}
	return nil
}

// fieldNames lists the JSON names of the struct that v points to.
func fieldNames(v any) []string {
	t := reflect.TypeOf(v).Elem()
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func kindWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	}
	return "a whole number"
}

// short refuses a field that is longer than max bytes.
func short(name, value string, max int) error {
	if len(value) > max {
		return itsm.Errorf(itsm.TooLarge, "%s: %d bytes; at most %d", name, len(value), max)
	}
	return nil
}
