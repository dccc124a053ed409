package console

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTemplatesAreAllNamed(t *testing.T) {
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	files := func() fstest.MapFS {
		m := fstest.MapFS{}
		for _, n := range append(append([]string{}, sharedTemplates...), pageTemplates...) {
			body, err := fs.ReadFile(templateFiles, "templates/"+n+".html")
			if err != nil {
				t.Fatal(err)
			}
			m["templates/"+n+".html"] = &fstest.MapFile{Data: body}
		}
		return m
	}
	if _, err := parseTemplates(files(), a); err != nil {
		t.Fatalf("the templates as they are: %v", err)
	}
	for _, c := range []struct {
		name string
		edit func(fstest.MapFS)
		want string
	}{
		{"missing", func(m fstest.MapFS) { delete(m, "templates/status.html") }, "template status"},
		{"missing part", func(m fstest.MapFS) { delete(m, "templates/parts.html") }, "template parts"},
		{"unused", func(m fstest.MapFS) { m["templates/old.html"] = &fstest.MapFile{Data: []byte("x")} }, "old.html belongs to no page"},
		{"of another page", func(m fstest.MapFS) { m["templates/help.html"] = m["templates/parts.html"] }, `help does not define "page-help"`},
		{"broken", func(m fstest.MapFS) { m["templates/help.html"] = &fstest.MapFile{Data: []byte("{{if}}")} }, "template help"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := files()
			c.edit(m)
			if _, err := parseTemplates(m, a); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one that says %q", err, c.want)
			}
		})
	}
}

// All files share one set, in which a later definition would take the place of an
// earlier one of the same name.
func TestTemplatesAreDefinedOnce(t *testing.T) {
	in := map[string]string{}
	for _, n := range append(append([]string{}, sharedTemplates...), pageTemplates...) {
		body, err := fs.ReadFile(templateFiles, "templates/"+n+".html")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`{{\s*define "([^"]+)"`).FindAllStringSubmatch(string(body), -1) {
			if in[m[1]] != "" {
				t.Errorf("%q is defined in %s and in %s", m[1], in[m[1]], n)
			}
			in[m[1]] = n
		}
	}
	if in["top"] == "" || len(in) <= len(pageTemplates) {
		t.Errorf("found %d definitions", len(in))
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	b, err := openBook(fixedClock)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "localhost:8080", "ftp://x", "https://", "javascript:alert(1)"} {
		if _, _, err := b.serve(address, nil); err == nil {
			t.Errorf("external_url %q is accepted", address)
		}
	}
	if _, err := New(Options{ExternalURL: "http://localhost"}); err == nil {
		t.Error("a console without records is accepted")
	}
}

// The scripts are small, and do nothing a strict policy or a reviewer would mind.
func TestScript(t *testing.T) {
	for _, name := range []string{"app.js", "edit.js"} {
		body, err := os.ReadFile(filepath.Join("static", name))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(body), "\n"); n >= 200 {
			t.Errorf("%s has %d lines, want under 200", name, n)
		}
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", ".reload("} {
			if strings.Contains(string(body), word) {
				t.Errorf("%s uses %s", name, word)
			}
		}
	}
}

// Every pair of text and background that the style sheet combines keeps the
// contrast of WCAG AA, in the light and in the dark.
func TestContrast(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("static", "app.css"))
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(string(body), -1) {
		colours[m[1]] = [2]string{m[2], m[3]}
	}
	colours["p1-text"], colours["p1-box"] = [2]string{"#ffffff", "#2c0503"}, [2]string{"#a8201a", "#ff8a80"}
	colours["p2-text"], colours["p2-box"] = [2]string{"#ffffff", "#2e1500"}, [2]string{"#b04a00", "#ffab70"}
	pairs := [][2]string{{"on-accent", "accent"}, {"accent", "surface"}, {"p1-text", "p1-box"}, {"p2-text", "p2-box"}, {"bg", "text"}}
	for _, c := range []string{"text", "muted", "link"} {
		for _, on := range []string{"bg", "surface", "sunken"} {
			pairs = append(pairs, [2]string{c, on})
		}
	}
	for _, c := range []string{"red", "orange", "amber", "blue", "violet", "green", "grey"} {
		pairs = append(pairs, [2]string{c, c + "-bg"}, [2]string{c, "bg"}, [2]string{c, "surface"})
	}
	for _, c := range []string{"amber-bg", "blue-bg", "green-bg"} {
		pairs = append(pairs, [2]string{"text", c}, [2]string{"link", c}, [2]string{"muted", c})
	}
	for _, p := range pairs {
		fg, ok := colours[p[0]]
		bg, ok2 := colours[p[1]]
		if !ok || !ok2 {
			t.Fatalf("the style sheet has no colour %s or %s", p[0], p[1])
		}
		for mode := range 2 {
			if r := contrast(t, fg[mode], bg[mode]); r < 4.5 {
				t.Errorf("%s %s on %s %s: contrast %.2f, want at least 4.5", p[0], fg[mode], p[1], bg[mode], r)
			}
		}
	}
	for mode := range 2 { // the focus ring is not text
		if r := contrast(t, colours["focus"][mode], colours["bg"][mode]); r < 3 {
			t.Errorf("focus ring: contrast %.2f, want at least 3", r)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
