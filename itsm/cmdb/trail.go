package cmdb

// outcome says what came of one look-up.
type outcome uint8

const (
	missNothing outcome = iota
	missCommon
	missElsewhere
	missAmbiguous
	hit
	hitSpecific
	hitCommonHost
	hitRefined
)

var outcomeWords = [...]string{
	missNothing:   " names no CI",
	missCommon:    " names too many CIs to mean one",
	missElsewhere: " is not in this environment, cluster or namespace; not taken: ",
	missAmbiguous: " names several unrelated CIs, among them ",
	hit:           " is ",
	hitSpecific:   " names several CIs; the most specific, which depends on the others, is ",
	hitCommonHost: " names several CIs; all run on ",
	hitRefined:    " is more specific and depends on that: ",
}

// trail collects what was tried; it is put into words at the end.
type trail struct {
	marks [trailMax]mark
	n     int
}

// trailMax bounds the lines of a trail.
const trailMax = 12

// mark is one line of a trail before it is put into words.
type mark struct {
	label, value string
	outcome      outcome
	ref          Ref
}

func (t *trail) add(label, value string, o outcome, r Ref) {
	if t.n < trailMax {
		t.marks[t.n] = mark{label, value, o, r}
		t.n++
	}
}

// lines renders the trail into one allocation of text.
func (t *trail) lines(g *Graph) []string {
	if t.n == 0 {
		return nil
	}
	var buf [1024]byte
	var ends [trailMax]int
	b := buf[:0]
	for i := range t.n {
		m := &t.marks[i]
		b = append(append(b, m.label...), " \""...)
		b = append(append(b, m.value...), '"')
		b = append(b, outcomeWords[m.outcome]...)
		if m.ref != NoRef {
			b = append(b, g.ID(m.ref)...)
		}
		ends[i] = len(b)
	}
	text, start := string(b), 0
	out := make([]string, t.n)
	for i := range t.n {
		out[i], start = text[start:ends[i]], ends[i]
	}
	return out
}
