package rules

import (
	"slices"
	"strings"

	"signalbox/itsm"
)

// Normalise applies the stage normalise. When a rule changes anything, Facts.Event
// points to a changed copy, which the next Begin overwrites; the event it pointed
// to is left as it was.
func (r *Run) Normalise() (changed bool) {
	next := int32(0)
	for next >= 0 {
		from := next
		next = -1
		r.stage(Normalise, from, func(c *compiled) bool {
			if !r.matches(c) {
				return true
			}
			r.hit(c)
			if c.Shadow {
				return true
			}
			if !changed {
				r.copyEvent()
				changed = true
			}
			r.apply(c)
			// What later rules need may have changed: gather again and go on after this one.
			r.view.reset(r.f)
			r.gather()
			next = c.at + 1
			return false
		})
	}
	return changed
}

func (r *Run) copyEvent() {
	r.event = *r.f.Event
	r.event.Labels = append(make(itsm.Labels, 0, len(r.event.Labels)+labelsRoom), r.event.Labels...)
	r.event.Annotations = slices.Clone(r.event.Annotations)
	r.f.Event = &r.event
	r.view.reset(r.f)
}

// labelsRoom is room for labels that rules usually add.
const labelsRoom = 4

func (r *Run) apply(c *compiled) {
	n := c.Normalise
	for _, x := range n.Rename {
		if v := r.event.Labels.Get(x.From); v != "" {
			r.setLabel(&r.event.Labels, x.From, "")
			r.setLabel(&r.event.Labels, x.To, v)
		}
	}
	for i, x := range n.Extract {
		r.extract(c, i, x)
	}
	r.view.reset(r.f)
	for i := range c.lookup {
		r.lookUp(c, &c.lookup[i])
	}
	if s, ok := n.Severity[strings.ToLower(r.event.SeverityWord)]; ok {
		r.event.Severity = s
	}
	for _, s := range c.set {
		r.view.reset(r.f)
		if v, err := s.value.text(&r.view); err != nil {
			r.fail(c, err)
		} else {
			r.assign(s.field, v)
		}
	}
	for _, name := range n.Drop {
		r.drop(name)
	}
	r.key(n.Key)
}

func (r *Run) extract(c *compiled, i int, x Extract) {
	from := r.event.Title
	if name, ok := strings.CutPrefix(x.From, "labels."); ok {
		from = r.event.Labels.Get(name)
	} else if name, ok := strings.CutPrefix(x.From, "annotations."); ok {
		from = r.event.Annotations.Get(name)
	}
	re, from := &c.extract[i], cut(from, extractMax)
	if err := r.view.pay(re.cost(from)); err != nil {
		r.fail(c, err)
		return
	}
	m := re.FindStringSubmatch(from)
	for g, name := range re.SubexpNames() {
		if name != "" && g < len(m) && m[g] != "" {
			r.setLabel(&r.event.Labels, name, cut(m[g], labelMax))
		}
	}
}

// extractMax bounds the text that a pattern is matched against, in bytes.
const extractMax = 4096

func (r *Run) lookUp(c *compiled, l *lookup) {
	var key []byte
	for _, t := range l.match {
		key = appendField(key, r.text(c, t))
	}
	row, ok := l.index[string(key)]
	if !ok {
		return
	}
	for i, field := range l.set {
		r.assign(field, cut(l.table.rows[row][l.from[i]], labelMax))
	}
	r.view.reset(r.f)
}

// assign sets a field of the event; an empty text takes a label away and leaves
// the others alone.
func (r *Run) assign(field, v string) {
	e := &r.event
	if name, ok := strings.CutPrefix(field, "labels."); ok {
		r.setLabel(&e.Labels, name, v)
		return
	}
	if name, ok := strings.CutPrefix(field, "annotations."); ok {
		r.setLabel(&e.Annotations, name, v)
		return
	}
	switch {
	case v == "":
	case field == "severity":
		e.Severity = itsm.SeverityOf(v)
	case field == "title":
		e.Title = v
	case field == "ci":
		e.CIName = v
	case field == "group":
		e.Group = v
	}
}

// setLabel keeps labels sorted, each name once, at most labelsMax.
func (r *Run) setLabel(ls *itsm.Labels, name, v string) {
	i, found := slices.BinarySearchFunc(*ls, name, func(l itsm.Label, n string) int { return strings.Compare(l.Name, n) })
	switch {
	case found && v == "":
		*ls = slices.Delete(*ls, i, i+1)
	case found:
		(*ls)[i].Value = v
	case v != "" && len(*ls) < labelsMax:
		*ls = slices.Insert(*ls, i, itsm.Label{Name: name, Value: v})
	}
}

func (r *Run) drop(name string) {
	prefix, many := strings.CutSuffix(name, "*")
	r.event.Labels = slices.DeleteFunc(r.event.Labels, func(l itsm.Label) bool {
		return l.Name == name || many && strings.HasPrefix(l.Name, prefix)
	})
}

// key makes labels the identity of the alert. Without any of them the sender's
// own stays: alerts that have nothing in common must not become one.
func (r *Run) key(names []string) {
	var b strings.Builder
	some := false
	for _, n := range names {
		v := r.event.Labels.Get(n)
		some = some || v != ""
		b.WriteString(n + "=" + v + "\x1f")
	}
	if some {
		r.event.Identity = strings.TrimSuffix(b.String(), "\x1f")
	}
}
