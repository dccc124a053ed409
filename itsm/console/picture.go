package console

import (
	"cmp"
	"slices"
	"strconv"

	"signalbox/itsm"
)

// Bounds of the dependency picture. It stays readable because what does not fit
// is drawn as one node that says how many CIs it stands for.
const (
	pictureLayersMax = 5                       // columns (wide) or rows (narrow), the cause included
	pictureWideMax   = 6                       // nodes in a layer of the wide picture
	pictureNarrowMax = 3                       // nodes in a layer of the narrow picture
	pictureCIsMax    = 2 * itsm.IncidentCIsMax // an incident's services and CIs
	picturePathsMax  = pictureCIsMax + itsm.CausePathsMax
)

// drawing is what a picture shows: walks from CIs to the probable cause.
type drawing struct {
	Cause   string
	Word    string         // what the cause is called: "Probable cause"
	Walks   [][]string     // each from some CI to Cause, both included
	Firing  map[string]int // firing alerts of a CI
	Part    bool           // Firing may miss some: not every alert was read
	Apart   int            // alerting CIs that no walk connects with the cause
	Service map[string]bool
	Tier    func(id string) int // importance of a service, 1 is the most
	Name    func(id string) string
	Class   func(id string) string
	Href    func(id string) string // its page, or ""
}

// picture is a drawing laid out: boxes and lines with finished coordinates.
type picture struct {
	ID            string
	Width, Height int
	Summary       string // the text alternative in a sentence
	Nodes         []pictureNode
	Edges         []pictureEdge
}

type pictureNode struct {
	X, Y, W, H   int
	Lines        []textLine
	Class        string // "cause", "firing", "quiet" or "more", and "service"
	Label        string // what a screen reader or a hover says
	Href         string
	StripeHeight int
}

type textLine struct {
	X, Y  int
	Class string
	Text  string
}

type pictureEdge struct{ D, Arrow string }

// item is a CI, or several that were drawn as one.
type item struct {
	id     string   // "" for a collapsed node
	all    []string // the CIs it stands for
	layer  int
	order  int // centre of its neighbours below, in thousandths, for fewer crossings
	firing int
}

// draw lays d out twice: as columns for a wide window, as rows for a phone. Nil
// when there is nothing to connect.
func (d drawing) draw() (wide, narrow *picture) {
	depth, below := d.graph()
	if len(depth) < 2 {
		return nil, nil
	}
	layers := d.layers(depth)
	w := d.collapse(layers, below, pictureWideMax)
	n := d.collapse(layers, below, pictureNarrowMax)
	return d.render(w, below, wideGeometry), d.render(n, below, narrowGeometry)
}

// graph returns the distance of each CI to the cause and the next CIs on the way to it.
func (d drawing) graph() (depth map[string]int, below map[string][]string) {
	depth, below = map[string]int{d.Cause: 0}, map[string][]string{}
	walks := d.Walks[:min(len(d.Walks), picturePathsMax)]
	for _, walk := range walks {
		if len(walk) == 0 || walk[len(walk)-1] != d.Cause {
			continue
		}
		for i, id := range walk {
			hops := len(walk) - 1 - i
			if have, ok := depth[id]; !ok || hops < have {
				depth[id] = hops
			}
			if i+1 < len(walk) && !slices.Contains(below[id], walk[i+1]) {
				below[id] = append(below[id], walk[i+1])
			}
		}
	}
	return depth, below
}

// layers sorts the CIs by distance; what is further than the last layer joins it.
func (d drawing) layers(depth map[string]int) [][]string {
	out := make([][]string, pictureLayersMax)
	deepest, rank := 0, d.ranks()
	for id, hops := range depth {
		l := min(hops, pictureLayersMax-1)
		deepest = max(deepest, l)
		out[l] = append(out[l], id)
	}
	for _, ids := range out {
		slices.SortFunc(ids, func(a, b string) int { // the most telling first: they are kept
			return cmp.Or(cmp.Compare(d.Firing[b], d.Firing[a]), service(d.Service[b])-service(d.Service[a]), cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
		})
	}
	return out[:deepest+1]
}

// ranks tells how important a CI is by the best service it carries, so that what
// is kept of each layer belongs together.
func (d drawing) ranks() func(id string) int {
	const none = 9
	best := map[string]int{}
	for _, walk := range d.Walks {
		if len(walk) == 0 || !d.Service[walk[0]] {
			continue
		}
		tier := d.Tier(walk[0])
		for _, id := range walk {
			if have, ok := best[id]; !ok || tier < have {
				best[id] = tier
			}
		}
	}
	return func(id string) int {
		if r, ok := best[id]; ok {
			return r
		}
		return none
	}
}

func service(is bool) int {
	if is {
		return 1
	}
	return 0
}

// collapse keeps the first CIs of each layer and makes one item of the rest.
func (d drawing) collapse(layers [][]string, below map[string][]string, perLayer int) [][]item {
	out := make([][]item, len(layers))
	place := map[string]int{} // centre of a drawn CI within its layer
	for l, ids := range layers {
		keep := len(ids)
		if keep > perLayer {
			keep = perLayer - 1
		}
		for _, id := range ids[:keep] {
			out[l] = append(out[l], item{id: id, all: []string{id}, layer: l, firing: d.Firing[id]})
		}
		if keep < len(ids) {
			rest := item{all: ids[keep:], layer: l}
			for _, id := range rest.all {
				rest.firing += d.Firing[id]
			}
			out[l] = append(out[l], rest)
		}
		order(out[l], below, place)
	}
	return out
}

// order sorts a layer by where its items' dependencies are drawn and notes the
// places it gives; the collapsed item stays last.
func order(items []item, below map[string][]string, place map[string]int) {
	for i := range items {
		sum, n := 0, 0
		for _, id := range items[i].all {
			for _, b := range below[id] {
				sum, n = sum+place[b], n+1
			}
		}
		if n > 0 {
			items[i].order = sum / n
		}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(service(a.id == ""), service(b.id == "")), cmp.Compare(a.order, b.order))
	})
	for i, it := range items {
		for _, id := range it.all {
			place[id] = (2*i + 1) * 1000 / (2 * len(items))
		}
	}
}

// geometry is how layers become coordinates.
type geometry struct {
	id                   string
	boxW, boxH           int
	layerGap, itemGap    int
	columns              bool // layers are columns, the cause on the left; else rows, the cause at the bottom
	nameRunes, nameLines int
}

var (
	wideGeometry   = geometry{id: "wide", boxW: 172, boxH: 46, layerGap: 52, itemGap: 12, columns: true, nameRunes: 18, nameLines: 1}
	narrowGeometry = geometry{id: "narrow", boxW: 108, boxH: 62, layerGap: 40, itemGap: 9, nameRunes: 11, nameLines: 2}
)

func (d drawing) render(layers [][]item, below map[string][]string, g geometry) *picture {
	longest := 0
	for _, l := range layers {
		longest = max(longest, len(l))
	}
	p := &picture{ID: g.id, Summary: d.summary(layers)}
	across := func(boxes, box int) int { return boxes*box + (boxes-1)*g.itemGap }
	along := func(box int) int { return len(layers)*box + (len(layers)-1)*g.layerGap }
	if g.columns {
		p.Width, p.Height = along(g.boxW)+2, across(longest, g.boxH)+2
	} else {
		p.Width, p.Height = across(pictureNarrowMax, g.boxW)+2, along(g.boxH)+2
	}
	drawn := map[string]*pictureNode{}
	for l, items := range layers {
		for i, it := range items {
			var n pictureNode
			if g.columns {
				n.X = 1 + l*(g.boxW+g.layerGap)
				n.Y = 1 + (p.Height-2-across(len(items), g.boxH))/2 + i*(g.boxH+g.itemGap)
			} else {
				n.Y = 1 + (len(layers)-1-l)*(g.boxH+g.layerGap)
				n.X = 1 + (p.Width-2-across(len(items), g.boxW))/2 + i*(g.boxW+g.itemGap)
			}
			n.W, n.H = g.boxW, g.boxH
			d.label(&n, it, g)
			for _, id := range it.all {
				drawn[id] = &n
			}
			p.Nodes = append(p.Nodes, n)
		}
	}
	p.Edges = edges(layers, below, drawn, g)
	return p
}

// label fills in what a node says.
func (d drawing) label(n *pictureNode, it item, g geometry) {
	name, sub := "", ""
	switch {
	case it.id == "":
		n.Class = "more"
		name = plural(len(it.all), "more CI", "more CIs")
		if !d.Part {
			sub = "quiet"
		}
		n.Label = name + " that depend on it"
	default:
		n.Class = "quiet"
		name, sub = d.Name(it.id), line(d.Class(it.id), 24)
		n.Label, n.Href = line(name, lineRunesMax), d.Href(it.id)
		if sub != "" {
			n.Label += ", " + sub
		}
	}
	if it.firing > 0 {
		sub = strconv.Itoa(it.firing) + " firing"
		n.Label += ", " + plural(it.firing, "firing alert", "firing alerts")
		n.Class += " firing"
	} else if !d.Part {
		n.Label += ", no firing alert"
	}
	if it.id == d.Cause {
		n.Class += " cause"
		n.Label = d.Word + ": " + n.Label
		if it.firing == 0 && !d.Part {
			sub = "no alert of its own"
			if !g.columns {
				sub = "no own alert"
			}
		}
	}
	if d.Service[it.id] {
		n.Class += " service"
	}
	n.StripeHeight = n.H - 12
	y := n.Y + 19
	for _, part := range wrapName(name, g.nameRunes, g.nameLines) {
		n.Lines = append(n.Lines, textLine{X: n.X + 12, Y: y, Class: "name", Text: part})
		y += 14
	}
	n.Lines = append(n.Lines, textLine{X: n.X + 12, Y: n.Y + n.H - 10, Class: "sub", Text: middle(sub, g.nameRunes+5)})
}

// wrapName breaks a name at a separator into at most lines parts.
func wrapName(name string, runes, lines int) []string {
	rs := []rune(middle(name, runes*lines))
	if lines == 1 || len(rs) <= runes {
		return []string{middle(string(rs), runes)}
	}
	cut := runes
	for i := runes; i > runes/2; i-- {
		if rs[i-1] == '-' || rs[i-1] == '.' || rs[i-1] == '_' || rs[i-1] == '/' || rs[i-1] == ' ' {
			cut = i
			break
		}
	}
	return []string{string(rs[:cut]), middle(string(rs[cut:]), runes)}
}

// edges draws each dependency once, from the cause outwards: the way failure travels.
func edges(layers [][]item, below map[string][]string, drawn map[string]*pictureNode, g geometry) []pictureEdge {
	var out []pictureEdge
	type pair struct{ from, to *pictureNode }
	seen := map[pair]bool{}
	for _, items := range layers {
		for _, it := range items {
			for _, id := range it.all {
				for _, b := range below[id] {
					k := pair{drawn[b], drawn[id]}
					if k.from == nil || k.to == nil || seen[k] || !outwards(k.from, k.to, g) {
						continue
					}
					seen[k] = true
					out = append(out, edge(k.from, k.to, g))
				}
			}
		}
	}
	return out
}

// outwards reports whether to is drawn in a later layer; a detour within a layer
// is left to the list of paths.
func outwards(from, to *pictureNode, g geometry) bool {
	if g.columns {
		return to.X > from.X
	}
	return to.Y < from.Y
}

func edge(from, to *pictureNode, g geometry) pictureEdge {
	n := strconv.Itoa
	if g.columns {
		x1, y1, x2, y2 := from.X+from.W, from.Y+from.H/2, to.X-6, to.Y+to.H/2
		bend := (x2 - x1) / 2
		return pictureEdge{
			D:     "M" + n(x1) + " " + n(y1) + "C" + n(x1+bend) + " " + n(y1) + " " + n(x2-bend) + " " + n(y2) + " " + n(x2) + " " + n(y2),
			Arrow: "M" + n(x2+5) + " " + n(y2) + "l-7 -4v8z",
		}
	}
	x1, y1, x2, y2 := from.X+from.W/2, from.Y, to.X+to.W/2, to.Y+to.H+6
	bend := (y2 - y1) / 2
	return pictureEdge{
		D:     "M" + n(x1) + " " + n(y1) + "C" + n(x1) + " " + n(y1+bend) + " " + n(x2) + " " + n(y2-bend) + " " + n(x2) + " " + n(y2),
		Arrow: "M" + n(x2) + " " + n(y2-5) + "l-4 7h8z",
	}
}

// summary says the picture in sentences, and nothing that it does not know.
func (d drawing) summary(layers [][]item) string {
	cis, firing := 0, 0
	for _, items := range layers[1:] {
		for _, it := range items {
			cis += len(it.all)
			for _, id := range it.all {
				if d.Firing[id] > 0 {
					firing++
				}
			}
		}
	}
	least := ""
	if d.Part {
		least = "at least "
	}
	s := "Here " + plural(cis, "CI depends", "CIs depend") + " on " + line(d.Name(d.Cause), titleRunesMax) + ", " +
		least + thousands(firing) + " of them with firing alerts."
	if d.Apart > 0 {
		s += " " + plural(d.Apart, "other CI of this incident has", "other CIs of this incident have") + " no known path to it."
	}
	return s
}
