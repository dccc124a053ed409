package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// shop is a small service: orders runs on web-1 and web-2, both depend on db-1.
const shop = `
cis:
- {id: orders, name: Orders, class: Service, tier: 1, support_group: shop}
- {id: web-1, name: web one, class: Server, env: prod}
- {id: web-2, name: web two, class: Server, env: prod}
- {id: db-1, name: Orders DB, class: Database, owner: dba, aliases: [orders-db], attributes: {size: 12345678901234567890, nested: {a: [1, null]}}}
- {id: a/b c, name: odd, class: Server}
relations:
- {from: orders, type: depends_on, to: web-1}
- {from: orders, type: depends_on, to: web-2}
- {from: web-1, type: depends_on, to: db-1}
- {from: db-1, type: used_by, to: web-2}
`

func shopWorld(t testing.TB) *world {
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/cmdb/import?source=test", shop, "Content-Type: application/yaml"), http.StatusOK, `"cis_added":5`, `"relations_added":4`)
	return w
}

func TestCI(t *testing.T) {
	w := shopWorld(t)
	a := w.want(w.call("GET", "/api/v1/cmdb/cis/db-1", ""), http.StatusOK)
	want := `{"id":"db-1","name":"Orders DB","class":"Database","env":null,"tier":null,"owner":"dba","support_group":null,"aliases":["orders-db"],` +
		`"attributes":{"nested":{"a":[1,null]},"size":12345678901234567890},"sources":["test"]}`
	if a.body != want {
		t.Errorf("CI = %s\nwant %s", a.body, want)
	}
	w.want(w.call("GET", "/api/v1/cmdb/cis/orders", ""), http.StatusOK, `"tier":1`, `"support_group":"shop"`, `"aliases":[]`, `"attributes":{}`)
	w.want(w.call("GET", "/api/v1/cmdb/cis/a%2Fb%20c", ""), http.StatusOK, `"id":"a/b c"`)
	for _, id := range []string{"DB-1", "nothing", "..%2f..%2fetc%2fpasswd", "%00", strings.Repeat("x", idBytesMax+1)} {
		w.want(w.raw("GET", "/api/v1/cmdb/cis/"+id), http.StatusNotFound)
		w.want(w.raw("GET", "/api/v1/cmdb/cis/"+id+"/impact"), http.StatusNotFound)
	}
}

func TestCIList(t *testing.T) {
	w := shopWorld(t)
	for query, want := range map[string]string{
		"":                       "a/b c,db-1,orders,web-1,web-2",
		"class=server":           "a/b c,web-1,web-2",
		"class=Service,Database": "db-1,orders",
		"q=ORDERS":               "db-1,orders",
		"q=shop":                 "orders",
		"class=Server&q=two":     "web-2",
		"q=nothing":              "",
	} {
		items, next := w.want(w.call("GET", "/api/v1/cmdb/cis?"+query, ""), http.StatusOK).items(t)
		if got := strings.Join(numbersOf(items, "id"), ","); got != want || next != "" {
			t.Errorf("?%s = %q, next %q, want %q", query, got, next, want)
		}
	}
	w.want(w.call("GET", "/api/v1/cmdb/cis?cursor=%25", ""), http.StatusBadRequest, "cursor")
}

// collect pages through a list.
func (w *world) collect(path, field string) []string {
	w.t.Helper()
	var got []string
	for cursor := ""; ; {
		items, next := w.want(w.call("GET", path+"&cursor="+url.QueryEscape(cursor), ""), http.StatusOK).items(w.t)
		got = append(got, numbersOf(items, field)...)
		if next == "" {
			return got
		}
		if cursor = next; len(got) > 10_000 {
			w.t.Fatal("paging does not end")
		}
	}
}

// TestCIPaging: every CI once, by id, whatever order they were imported in.
func TestCIPaging(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 300 {
		id := fmt.Sprintf("ci-%04d", (i*7919)%10_000)
		want = append(want, id)
		w.put(itsm.CI{ID: id, Name: id, Class: "Server"})
	}
	slices.Sort(want)
	if got := w.collect("/api/v1/cmdb/cis?limit=7", "id"); !slices.Equal(got, want) {
		t.Errorf("%d CIs, want %d in order", len(got), len(want))
	}
}

// put imports one CI past the API.
func (w *world) put(c itsm.CI) {
	w.t.Helper()
	doc, _ := cmdb.NewDoc([]itsm.CI{c}, nil)
	if _, ps, err := w.ImportCMDB(w.t.Context(), doc, "test", false, false, ""); err != nil || cmdb.Blocking(ps) {
		w.t.Fatal(err, ps)
	}
}

func TestPutCI(t *testing.T) {
	w := shopWorld(t)
	body := `{"name":"cache","class":"Cache","env":"prod","tier":2,"owner":"ops","support_group":"sre","aliases":["redis"],"attributes":{"x":1}}`
	a := w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", body), http.StatusOK, `"id":"cache-1"`, `"tier":2`, `"sources":["api"]`)
	same := w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", body), http.StatusOK)
	if a.body != same.body || a.header.Get("ETag") != same.header.Get("ETag") || a.header.Get("ETag") == "" {
		t.Errorf("the same PUT changed the CI: %s %s", a.header, same.header)
	}
	back := w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", a.body, "If-Match: "+a.header.Get("ETag")), http.StatusOK)
	if back.body != a.body {
		t.Errorf("what GET answers cannot be sent back: %s", back.body)
	}
	w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", `{"name":"cache","class":"Cache"}`), http.StatusOK, `"tier":null`, `"aliases":[]`, `"attributes":{}`)
	w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", body, "If-Match: "+a.header.Get("ETag")), http.StatusPreconditionFailed, `"code":"stale"`)
	w.want(w.call("PUT", "/api/v1/cmdb/cis/new-1", body, `If-Match: "1"`), http.StatusPreconditionFailed, "new-1")
	w.want(w.call("PUT", "/api/v1/cmdb/cis/new-1", body, `If-Match: *`), http.StatusPreconditionFailed)
	w.want(w.call("PUT", "/api/v1/cmdb/cis/cache-1", body, `If-Match: *`), http.StatusOK)
	w.want(w.call("PUT", "/api/v1/cmdb/cis/x%2Fy?source=hand", `{"id":"x/y","name":"n","class":"c"}`), http.StatusOK, `"sources":["hand"]`)
}

func TestWrongCIs(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string]struct {
		status int
		words  []string
	}{
		``:                                        {422, []string{`"field":"name"`, `"field":"class"`, "nothing was imported"}},
		`{"name":"n"}`:                            {422, []string{`"field":"class"`}},
		`{"name":"n","class":"c","tier":9}`:       {422, []string{`"field":"tier"`, "9"}},
		`{"name":"n","class":"c","tier":"1"}`:     {400, []string{"tier: expected a whole number"}},
		`{"name":"n","class":"c","aliases":"a"}`:  {400, []string{"aliases: expected a list"}},
		`{"name":"n","class":"c","attributes":1}`: {400, []string{"attributes: expected an object"}},
		`{"id":"other","name":"n","class":"c"}`:   {400, []string{"other", "x"}},
		`{"name":"n","class":"c","colour":"red"}`: {400, []string{"colour", "support_group"}},
		`{"name":"n\u0000","class":"c"}`:          {422, []string{"control characters"}},
	} {
		w.want(w.call("PUT", "/api/v1/cmdb/cis/x", body), want.status, want.words...)
	}
	w.want(w.call("PUT", "/api/v1/cmdb/cis/x?source=", `{"name":"n","class":"c"}`), http.StatusBadRequest, "source")
	w.want(w.call("PUT", "/api/v1/cmdb/cis/x", `{"name":"`+strings.Repeat("n", bodyBytesMax)+`"}`), http.StatusRequestEntityTooLarge)
	if w.graph.Len() != 0 {
		t.Errorf("%d CIs were stored", w.graph.Len())
	}
}

func TestImpact(t *testing.T) {
	w := shopWorld(t)
	w.open(itsm.Incident{CIs: []string{"db-1"}})
	w.open(itsm.Incident{CIs: []string{"db-1"}, State: itsm.Closed})
	a := w.want(w.call("GET", "/api/v1/cmdb/cis/db-1/impact", ""), http.StatusOK)
	want := `{"ci":"db-1","services":["orders"],"affected":[{"ci":"web-1","name":"web one","class":"Server","tier":null,"hops":1},` +
		`{"ci":"web-2","name":"web two","class":"Server","tier":null,"hops":1},{"ci":"orders","name":"Orders","class":"Service","tier":1,"hops":2}],` +
		`"affected_count":3,"truncated":false,"open_incidents":["INC0000001"]}`
	if a.body != want {
		t.Errorf("impact = %s\nwant     %s", a.body, want)
	}
	w.want(w.call("GET", "/api/v1/cmdb/cis/orders/impact", ""), http.StatusOK, `"services":["orders"]`, `"affected":[]`, `"affected_count":0`)
}

func TestRelations(t *testing.T) {
	w := shopWorld(t)
	a := w.want(w.call("GET", "/api/v1/cmdb/relations", ""), http.StatusOK)
	want := `{"items":[{"from":"orders","type":"depends_on","to":"web-1","affected":"orders"},{"from":"orders","type":"depends_on","to":"web-2","affected":"orders"},` +
		`{"from":"web-1","type":"depends_on","to":"db-1","affected":"web-1"},{"from":"db-1","type":"used_by","to":"web-2","affected":"web-2"}],"next_cursor":""}`
	if a.body != want {
		t.Errorf("relations = %s\nwant        %s", a.body, want)
	}
	for query, want := range map[string]string{
		"ci=db-1":                  "web-1 db-1",
		"ci=db-1,web-1":            "orders web-1 db-1",
		"type=used_by":             "db-1",
		"ci=web-2&type=depends_on": "orders",
		"ci=nothing":               "",
	} {
		items, _ := w.want(w.call("GET", "/api/v1/cmdb/relations?"+query, ""), http.StatusOK).items(t)
		if got := strings.Join(numbersOf(items, "from"), " "); got != want {
			t.Errorf("?%s = %q, want %q", query, got, want)
		}
	}
	for _, limit := range []string{"1", "2", "3"} {
		got := w.collect("/api/v1/cmdb/relations?limit="+limit, "to")
		if !slices.Equal(got, []string{"web-1", "web-2", "db-1", "web-2"}) {
			t.Errorf("pages of %s = %v", limit, got)
		}
		got = w.collect("/api/v1/cmdb/relations?ci=orders,web-2&limit="+limit, "to")
		if !slices.Equal(got, []string{"web-1", "web-2", "web-2"}) {
			t.Errorf("pages of %s with a filter = %v", limit, got)
		}
	}
	w.want(w.call("GET", "/api/v1/cmdb/relations?cursor=YWJj", ""), http.StatusBadRequest, "cursor")
}

func TestPostRelation(t *testing.T) {
	w := shopWorld(t)
	for range 2 { // adding it again changes nothing
		w.want(w.call("POST", "/api/v1/cmdb/relations", `{"from":"web-2","type":"runs_on","to":"a/b c"}`), http.StatusOK, `"affected":"web-2"`)
	}
	w.want(w.call("POST", "/api/v1/cmdb/relations", `{"from":"a/b c","type":"part_of","to":"orders"}`), http.StatusOK, `"affected":"orders"`)
	if n := w.graph.Relations(); n != 6 {
		t.Errorf("%d relations, want 6", n)
	}
	for body, want := range map[string]struct {
		status int
		words  []string
	}{
		`{"from":"web-2","type":"runs_on","to":"nowhere"}`: {422, []string{`"field":"to"`, "nowhere"}},
		`{"from":"nowhere","type":"runs_on","to":"web-2"}`: {422, []string{`"field":"from"`, "nowhere"}},
		`{"from":"web-2","type":"runs_on","to":"web-2"}`:   {422, []string{"itself"}},
		`{"from":"web-2","to":"web-1"}`:                    {422, []string{`"field":"type"`}},
		`{"from":"web-2","kind":"runs_on","to":"web-1"}`:   {400, []string{"kind", "from, type, to"}},
		`{}`: {422, []string{`"field":"from"`}},
	} {
		w.want(w.call("POST", "/api/v1/cmdb/relations", body), want.status, want.words...)
	}
	if n := w.graph.Relations(); n != 6 {
		t.Errorf("%d relations after refused ones, want 6", n)
	}
}

func TestQuality(t *testing.T) {
	w := shopWorld(t)
	w.want(w.call("GET", "/api/v1/cmdb/quality", ""), http.StatusOK, `"cis":5`, `"relations":4`, `"without_relations":{"total":1,"examples":["a/b c"]}`)
	w = newWorld(t)
	w.want(w.call("GET", "/api/v1/cmdb/quality", ""), http.StatusOK, `"cycles":{"total":0,"examples":[]}`)
}

func BenchmarkListCIs(b *testing.B) {
	cis := make([]itsm.CI, 100_000)
	for i := range cis {
		id := fmt.Sprintf("ci-%06d", i)
		cis[i] = itsm.CI{ID: id, Name: id, Class: "Server"}
	}
	doc, _ := cmdb.NewDoc(cis, nil)
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	changes, _, _ := g.Plan(doc, "test", false)
	g = g.Apply(changes)
	b.ReportAllocs()
	for b.Loop() {
		if refs := firstByID(g, "ci-050000", 51, func(cmdb.Ref) bool { return true }); len(refs) != 51 || g.ID(refs[0]) != "ci-050001" {
			b.Fatal(len(refs))
		}
	}
}
