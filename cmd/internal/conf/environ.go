package conf

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"signalbox/correlate"
)

// EnvPrefix begins the names of environment variables.
const EnvPrefix = "SIGNALBOX_"

// EnvName is the environment variable of a flag or a top-level key.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// environ puts SIGNALBOX_KEY in the place of every top-level scalar of the file;
// an empty variable is none. Each value is judged alone, so that the error names
// the variable and not the file.
func (f *File) environ(lookup func(string) (string, bool)) error {
	var errs []error
	v := reflect.ValueOf(f).Elem()
	for t, i := v.Type(), 0; i < t.NumField(); i++ {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if key == "" || !isScalar(t.Field(i).Type) {
			continue
		}
		text, ok := lookup(EnvName(key))
		if !ok || text == "" {
			continue
		}
		alone := &File{Correlation: correlate.DefaultConfig()}
		if err := setScalar(reflect.ValueOf(alone).Elem().Field(i), text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %q: %w", EnvName(key), key, text, err))
			continue
		}
		alone.defaults()
		r := &reader{file: EnvName(key)}
		if r.check(alone); len(r.errs) > 0 {
			errs = append(errs, r.err())
			continue
		}
		v.Field(i).Set(reflect.ValueOf(alone).Elem().Field(i))
	}
	return errors.Join(errs...)
}

func isScalar(t reflect.Type) bool {
	return t.Kind() == reflect.String || t == reflect.TypeFor[*bool]()
}

func setScalar(v reflect.Value, text string) error {
	if v.Kind() == reflect.String {
		v.SetString(text)
		return nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("expected true or false")
	}
	v.Set(reflect.ValueOf(&b))
	return nil
}
