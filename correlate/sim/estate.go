package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// estate is what an organisation runs: CIs, how they depend on one another, and
// the import that tells Signalbox of them. Worlds share estates and copy what
// they change.
type estate struct {
	cis        []itsm.CI
	relations  []itsm.Relation
	dependants map[string][]string // CI → CIs that fail with it, sorted
	entries    [][]byte            // the import, encoded
	commits    int                 // entries of which the last activates it
}

// estatesMax is how many different estates worlds are given.
const estatesMax = 16

var estates [estatesMax]struct {
	once sync.Once
	e    *estate
}

// estateOf returns the estate of a seed. Building one costs as much as hundreds
// of steps, so seeds share them.
func estateOf(seed uint64) *estate {
	n := seed % estatesMax
	estates[n].once.Do(func() { estates[n].e = newEstate(n) })
	return estates[n].e
}

func newEstate(n uint64) *estate {
	rng := rand.New(rand.NewPCG(n, 1))
	e := &estate{}
	e.add(itsm.CI{ID: "san", Class: "storage"}, itsm.CI{ID: "dns", Class: "network", Tier: 1})
	apps := 2 + int(n%3)
	for a := range apps {
		e.addApp(rng, fmt.Sprintf("app%d", a), a)
	}
	if n%4 == 3 { // applications that call one another
		e.relate("app1-api0", "calls", "app0-api0")
	}
	e.dependants = dependantsOf(e.relations)
	e.entries = importEntries(cmdb.Empty(cmdb.DefaultRelationTypes()), e.cis, e.relations, 0)
	e.commits = len(e.entries)
	return e
}

func (e *estate) addApp(rng *rand.Rand, app string, tier int) {
	service, db := app, app+"-db"
	e.add(itsm.CI{ID: service, Class: "Service", Env: "prod", Tier: tier%3 + 1, SupportGroup: "team-" + app},
		itsm.CI{ID: db, Class: "database", Env: "prod", Tier: rng.IntN(4)}, itsm.CI{ID: app + "-dbhost", Class: "host"})
	e.relate(db, "runs_on", app+"-dbhost")
	e.relate(app+"-dbhost", "depends_on", "san")
	for i := range 2 + rng.IntN(3) {
		api, host := fmt.Sprintf("%s-api%d", app, i), fmt.Sprintf("%s-host%d", app, i)
		e.add(itsm.CI{ID: api, Class: "instance", Env: "prod"}, itsm.CI{ID: host, Class: "host", Env: "prod"})
		e.relate(service, "has_instance", api)
		e.relate(api, "runs_on", host)
		e.relate(api, "depends_on", db)
		e.relate(host, "depends_on", "dns")
	}
}

func (e *estate) add(cis ...itsm.CI) {
	for _, c := range cis {
		c.Name = c.ID
		e.cis = append(e.cis, c)
	}
}

func (e *estate) relate(from, kind, to string) {
	e.relations = append(e.relations, itsm.Relation{From: from, Type: kind, To: to})
}

// dependantsOf turns the relations into who fails with whom. Every type used
// here makes from fail with to.
func dependantsOf(rels []itsm.Relation) map[string][]string {
	m := map[string][]string{}
	for _, r := range rels {
		m[r.To] = append(m[r.To], r.From)
	}
	for _, l := range m {
		slices.Sort(l)
	}
	return m
}

// importChunkBytes is small, so that imports have several chunks and a crash can
// fall between them.
const importChunkBytes = 512

// importEntries encodes what the engine would journal to make the graph list
// exactly these CIs and relations.
func importEntries(g *cmdb.Graph, cis []itsm.CI, rels []itsm.Relation, nth int) [][]byte {
	doc, problems := cmdb.NewDoc(cis, rels)
	changes, diff, more := g.Plan(doc, "sim", true)
	if cmdb.Blocking(problems) || cmdb.Blocking(more) {
		panic(fmt.Sprintf("sim: its own import is refused: %v %v", problems, more))
	}
	if diff.Empty() {
		return nil
	}
	id := fmt.Sprintf("import-%d", nth)
	var out [][]byte
	for seq, body := range changes.Chunks(importChunkBytes) {
		out = append(out, entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: id, Seq: seq, Body: body}))
	}
	return append(out, entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: id, Source: "sim", Prune: true, Chunks: len(out), Actor: "sim"}))
}

// mutate changes the estate of one world as a night's import would: something is
// new, something is gone, something is worth more.
func mutate(rng *rand.Rand, cis []itsm.CI, rels []itsm.Relation, nth int) ([]itsm.CI, []itsm.Relation) {
	cis, rels = slices.Clone(cis), slices.Clone(rels)
	switch rng.IntN(4) {
	case 0: // what alerts named without being known
		name := fmt.Sprintf("loose%d", rng.IntN(looseNames))
		if !slices.ContainsFunc(cis, func(c itsm.CI) bool { return c.ID == name }) {
			cis = append(cis, itsm.CI{ID: name, Name: name, Class: "host"})
			rels = append(rels, itsm.Relation{From: name, Type: "depends_on", To: "san"})
		}
	case 1: // a relation nobody maintains any more
		if len(rels) > 4 {
			at := rng.IntN(len(rels))
			rels = slices.Delete(rels, at, at+1)
		}
	case 2: // a CI is retired while it may be alerting
		at := rng.IntN(len(cis))
		gone := cis[at].ID
		if gone != "san" && gone != "dns" && len(cis) > 8 {
			cis = slices.Delete(cis, at, at+1)
			rels = slices.DeleteFunc(rels, func(r itsm.Relation) bool { return r.From == gone || r.To == gone })
		}
	default:
		c := &cis[rng.IntN(len(cis))]
		c.Tier = rng.IntN(4)
		c.Owner = fmt.Sprintf("owner-%d", nth)
	}
	return cis, rels
}
