package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"signalbox/connectors"
)

// Where the data directory keeps what administrators configure in the console.
const (
	StoredFile = "connectors.yml"
	SecretsDir = "secrets"
)

// storedScheme begins the name of a secret that the console keeps.
const storedScheme = "stored:"

// storedBytesMax bounds the connectors of the console.
const storedBytesMax = 256 << 10

// stored is the document of the console: connectors and nothing else.
type stored struct {
	Connectors map[string]Connector `yaml:"connectors"`
}

// AddStored adds the connectors that were configured in the console, which the data
// directory keeps. A missing file is none.
func (f *File) AddStored(dir string) error {
	path := filepath.Join(dir, StoredFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("connectors of the console: %w", err)
	}
	return f.AddStoredText(path, b, dir)
}

// AddStoredText adds the connectors of a document of the console and reports
// everything wrong with it at once, as Parse does. Whoever writes it may do less than
// whoever has the host, so it names no file and no variable of the server's: its
// secrets are stored:NAME, a file of dir, and its mappings are built in.
func (f *File) AddStoredText(name string, b []byte, dir string) error {
	if len(b) > storedBytesMax {
		return fmt.Errorf("%s: %d bytes: expected at most %d", name, len(b), storedBytesMax)
	}
	var doc stored
	r := readDocument(name, b, &doc)
	if len(r.errs) > 0 {
		return r.err()
	}
	all := *f
	all.Connectors, all.ofConsole = map[string]Connector{}, map[string]bool{}
	maps.Copy(all.Connectors, f.Connectors)
	for _, n := range SortedKeys(doc.Connectors) {
		path, c := "connectors."+n, doc.Connectors[n]
		if _, taken := f.Connectors[n]; taken {
			r.bad(path, "a connector of the configuration file", "another name")
		}
		if strings.ContainsAny(c.Mapping, `./\`) {
			r.bad(path+".mapping", strconv.Quote(cut(c.Mapping)), "the name of a built-in mapping; one of a file is configured in the configuration file")
		}
		r.keepSecrets(path, reflect.ValueOf(&c).Elem(), filepath.Join(dir, SecretsDir))
		all.Connectors[n], all.ofConsole[n] = c, true
		r.connector(&all, n)
	}
	for _, fault := range all.Core().Faults() { // f had none
		r.bad(pathOf(fault.Field), fault.Value, fault.Expected)
	}
	if len(r.errs) > 0 {
		return r.err()
	}
	*f = all
	return nil
}

// ReachOf is where a connector may call.
func (f *File) ReachOf(name string) connectors.Reach {
	if f.ofConsole[name] {
		return connectors.Confined(name, f.Console.MayCall)
	}
	return connectors.Reach{}
}

var (
	secretType = reflect.TypeFor[Secret]()
	urlType    = reflect.TypeFor[URL]()
)

// keepSecrets turns the names of stored secrets in v into their files, and reports
// every other secret.
func (r *reader) keepSecrets(path string, v reflect.Value, dir string) {
	switch {
	case v.Type() == secretType:
		v.Set(reflect.ValueOf(r.keepSecret(path, v.Interface().(Secret), dir)))
	case v.Type() == urlType:
		u := v.Interface().(URL)
		u.secret = r.keepSecret(path, u.secret, dir)
		v.Set(reflect.ValueOf(u))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				r.keepSecrets(path+"."+key, v.Field(i), dir)
			}
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		r.keepSecrets(path, v.Elem(), dir)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			r.keepSecrets(path+"["+strconv.Itoa(i)+"]", v.Index(i), dir)
		}
	case v.Kind() == reflect.Map:
		for _, k := range v.MapKeys() {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(v.MapIndex(k))
			r.keepSecrets(path+"."+k.String(), item, dir)
			v.SetMapIndex(k, item)
		}
	}
}

func (r *reader) keepSecret(path string, s Secret, dir string) Secret {
	name, ok := strings.CutPrefix(s.ref, storedScheme)
	switch {
	case !s.IsSet():
	case !ok || !IsSecretName(name):
		r.bad(path, s.ref, "stored:NAME, the name of a secret that is stored on this page: the console reads no file and no variable of the server")
	default:
		return Secret{ref: "file:" + filepath.Join(dir, name)}
	}
	return s
}

// IsSecretName reports whether the console may keep a secret under a name.
func IsSecretName(name string) bool { return isName(name) }
