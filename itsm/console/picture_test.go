package console

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outageDrawing has n CIs, each behind one of 12 applications under 4 services.
func outageDrawing(n int) drawing {
	d := drawing{Cause: "db", Word: "Probable cause", Firing: map[string]int{"db": 1}, Service: map[string]bool{},
		Name: func(id string) string { return id }, Class: func(string) string { return "Pod" }, Href: ciPath, Tier: func(string) int { return 2 }}
	for k := range n {
		pod := fmt.Sprintf("pod-%03d", k)
		svc := fmt.Sprintf("svc-%d", k%4)
		d.Firing[pod], d.Service[svc] = 1+k%3, true
		d.Walks = append(d.Walks, []string{svc, fmt.Sprintf("app-%d", k%12), pod, "db"})
	}
	return d
}

func TestPictureOf300(t *testing.T) {
	wide, narrow := outageDrawing(300).draw()
	for _, c := range []struct {
		p        *picture
		perLayer int
	}{{wide, pictureWideMax}, {narrow, pictureNarrowMax}} {
		if n := len(c.p.Nodes); n > 4*c.perLayer || n < 4 {
			t.Errorf("%s: %d boxes for four layers, want at most %d a layer", c.p.ID, n, c.perLayer)
		}
		stood := 0
		for i, a := range c.p.Nodes {
			if a.X < 0 || a.Y < 0 || a.X+a.W > c.p.Width || a.Y+a.H > c.p.Height {
				t.Errorf("%s: box %+v lies outside %d×%d", c.p.ID, a, c.p.Width, c.p.Height)
			}
			for _, b := range c.p.Nodes[i+1:] {
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: boxes %q and %q overlap", c.p.ID, a.Label, b.Label)
				}
			}
			more := 0
			if strings.HasPrefix(a.Class, "more") {
				if _, err := fmt.Sscanf(a.Lines[0].Text, "%d more", &more); err != nil {
					t.Errorf("%s: a collapsed box says %q, want how many it stands for", c.p.ID, a.Lines[0].Text)
				}
			}
			stood += max(1, more)
		}
		if want := 300 + 12 + 4 + 1; stood != want {
			t.Errorf("%s: the boxes stand for %d CIs, want %d: none lost, none twice", c.p.ID, stood, want)
		}
		if len(c.p.Edges) == 0 || len(c.p.Edges) > 40 {
			t.Errorf("%s: %d lines, want some and few", c.p.ID, len(c.p.Edges))
		}
	}
	if narrow.Width > 350 {
		t.Errorf("the narrow picture is %d wide, want what fits a phone of 375", narrow.Width)
	}
	if want := "Here 316 CIs depend on db, 300 of them with firing alerts."; wide.Summary != want {
		t.Errorf("summary %q, want %q", wide.Summary, want)
	}
}

// The same facts in another order are the same picture.
func TestPictureIsStable(t *testing.T) {
	d := outageDrawing(60)
	want, _ := d.draw()
	r := rand.New(rand.NewSource(1))
	for range 20 {
		r.Shuffle(len(d.Walks), func(i, j int) { d.Walks[i], d.Walks[j] = d.Walks[j], d.Walks[i] })
		got, _ := d.draw()
		slices.SortFunc(got.Edges, func(a, b pictureEdge) int { return strings.Compare(a.D, b.D) })
		slices.SortFunc(want.Edges, func(a, b pictureEdge) int { return strings.Compare(a.D, b.D) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("shuffled walks change the picture (-want +got):\n%s", diff)
		}
	}
}

func TestPictureOfOddWalks(t *testing.T) {
	d := outageDrawing(0)
	if w, n := d.draw(); w != nil || n != nil {
		t.Error("a cause alone is drawn, want no picture")
	}
	d.Walks = [][]string{{}, {"x", "not the cause"}, {"db"}, {"a", "b", "c", "d", "e", "f", "g", "db"}, {"a", "db"}, {"db", "a", "db"}}
	w, _ := d.draw()
	if w == nil {
		t.Fatal("no picture for a chain of eight")
	}
	xs := map[int]bool{}
	for _, n := range w.Nodes {
		xs[n.X] = true
	}
	if len(xs) > pictureLayersMax {
		t.Errorf("%d layers, want at most %d", len(xs), pictureLayersMax)
	}
}

func TestWrapName(t *testing.T) {
	for in, want := range map[string][]string{
		"short":                                  {"short"},
		"checkout-api-1":                         {"checkout-", "api-1"},
		"abcdefghijklmnopqrst":                   {"abcdefghijk", "lmnopqrst"},
		"a-very-long-name-indeed-with-a-tail-17": {"a-very-lon…", "th-a-tail-17"},
	} {
		got := wrapName(in, 11, 2)
		for _, part := range got {
			if len([]rune(part)) > 12 {
				t.Errorf("wrapName(%q): part %q is too long", in, part)
			}
		}
		if len(want) <= 2 && len([]rune(in)) <= 20 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrapName(%q) (-want +got):\n%s", in, diff)
			}
		}
	}
}

func BenchmarkPicture300(b *testing.B) {
	d := outageDrawing(300)
	for b.Loop() {
		d.draw()
	}
}
