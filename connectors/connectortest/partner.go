package connectortest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Status is how a record stands.
type Status uint8

// How a record can stand.
const (
	Open Status = iota + 1
	Acknowledged
	Resolved
)

// String returns the word for people.
func (s Status) String() string {
	return [...]string{"none", "open", "acknowledged", "resolved"}[s]
}

// Note is one comment of a record.
type Note struct {
	ID, Author, Text string
	At               time.Time
}

// Object is one record at the partner. The machine owns ID, Version, Changes, Created and
// Foreign; a front fills the rest from what the vendor's protocol says.
type Object struct {
	ID       string // the partner's own, "OBJ00001"
	Key      string // whatever the connector finds its record by; "" when the partner has no such field
	Title    string // has to contain the title that was sent: the suite tells records apart by it
	Status   Status
	Priority string
	Assignee string
	Notes    []Note
	Fields   map[string]string // what else the vendor keeps
	Version  int64             // when it last changed, in ms of the partner's clock; rises with every change
	Changes  int               // how often it changed since it was made
	By       string            // who changed it last; API for us
	Created  time.Time
	Foreign  bool // somebody else's: no call of ours may change it
}

func (o *Object) clone() Object {
	c := *o
	c.Notes = slices.Clone(o.Notes)
	c.Fields = maps.Clone(o.Fields)
	if c.Fields == nil {
		c.Fields = map[string]string{}
	}
	return c
}

// Change is one change of a record, as the partner reports it.
type Change struct {
	ID     string // of the report: the same in every delivery of it
	What   What
	Object Object // as it was right after the change
	Note   Note   // with Noted
	By     string // who did it; API for us
	At     time.Time
}

// What says what happened to a record.
type What uint8

// What can happen to a record.
const (
	Created What = iota + 1
	Changed      // of title, priority or other fields
	WasAcknowledged
	WasUnacknowledged
	WasResolved
	WasReopened
	WasAssigned
	WasPrioritized
	Noted
)

// API is who does what comes in through the partner's API: our own account.
const API = "signalbox"

// Partner is the records of a partner and what its people do with them. Every
// method is safe for concurrent use.
type Partner struct {
	// Lag is how long a new record is hidden from Find and Get: what a partner
	// says that takes requests at once and works through them later.
	Lag time.Duration
	// Unfiltered makes Find return every record there is, newest and foreign ones
	// first, as a search does that ignores a term it does not know.
	Unfiltered bool
	// Skew is how far the partner's clock is from ours.
	Skew time.Duration

	mu      sync.Mutex
	objects []*Object
	byID    map[string]*Object
	byKey   map[string][]*Object
	seen    map[string]bool
	seq     int
	version int64
	reports int
	touched []string
	gone    []string
	report  func(Change)
}

// NewPartner makes an empty one.
func NewPartner() *Partner {
	return &Partner{byID: map[string]*Object{}, byKey: map[string][]*Object{}, seen: map[string]bool{}}
}

// Now is the time by the partner's clock.
func (p *Partner) Now() time.Time { return time.Now().Add(p.Skew) }

// Create makes a new record, whatever there is already.
func (p *Partner) Create(o Object) Object { return p.create(o, API) }

func (p *Partner) create(o Object, by string) Object {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(o, by).clone()
}

func (p *Partner) add(o Object, by string) *Object {
	p.seq++
	c := o.clone()
	c.ID, c.Created = fmt.Sprintf("OBJ%05d", p.seq), time.Now()
	if c.Status == 0 {
		c.Status = Open
	}
	p.objects = append(p.objects, &c)
	p.byID[c.ID] = &c
	p.byKey[c.Key] = append(p.byKey[c.Key], &c)
	p.changed(&c, Created, Note{}, by)
	return &c
}

// Upsert is a create of a partner that folds equal keys: the open record with the
// key of o is changed, or made when there is none.
func (p *Partner) Upsert(o Object) Object {
	p.mu.Lock()
	defer p.mu.Unlock()
	if had := p.openWith(o.Key); had != nil {
		p.update(had, func(h *Object) { h.Title, h.Priority = o.Title, o.Priority }, API)
		return had.clone()
	}
	return p.add(o, API).clone()
}

// Fold is a create of a partner that folds equal keys and leaves the open record as
// it is.
func (p *Partner) Fold(o Object) Object {
	p.mu.Lock()
	defer p.mu.Unlock()
	if had := p.openWith(o.Key); had != nil {
		return had.clone()
	}
	return p.add(o, API).clone()
}

func (p *Partner) openWith(key string) *Object {
	for _, o := range slices.Backward(p.byKey[key]) {
		if o.Status != Resolved {
			return o
		}
	}
	return nil
}

// OpenWith returns the open record with a key, even while it is hidden.
func (p *Partner) OpenWith(key string) (Object, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.openWith(key); o != nil {
		return o.clone(), true
	}
	return Object{}, false
}

// Get returns a record; false when there is none, or none to be seen yet.
func (p *Partner) Get(id string) (Object, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.byID[id]; o != nil && p.visible(o) {
		return o.clone(), true
	}
	return Object{}, false
}

func (p *Partner) visible(o *Object) bool { return o.Foreign || time.Since(o.Created) >= p.Lag }

// Find returns the records that match and can be seen, newest first.
func (p *Partner) Find(match func(*Object) bool) []Object {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(p.objects, match)
}

// FindKey is Find by the key.
func (p *Partner) FindKey(key string) []Object {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(p.byKey[key], func(*Object) bool { return true })
}

func (p *Partner) find(list []*Object, match func(*Object) bool) (found []Object) {
	if p.Unfiltered {
		list = slices.Clone(p.objects)
		slices.SortStableFunc(list, func(a, b *Object) int { // foreign ones come out first
			return boolInt(a.Foreign) - boolInt(b.Foreign)
		})
		match = func(*Object) bool { return true }
	}
	for _, o := range slices.Backward(list) {
		if p.visible(o) && match(o) {
			found = append(found, o.clone())
		}
	}
	return found
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Change changes a record; false when there is none. What changes by it is
// reported: a new status, assignee or priority by its own name.
func (p *Partner) Change(id string, edit func(*Object)) (Object, bool) { return p.edit(id, API, edit) }

// Edit is a Change by a person.
func (p *Partner) Edit(by, id string, edit func(*Object)) (Object, bool) { return p.edit(id, by, edit) }

func (p *Partner) edit(id, by string, edit func(*Object)) (Object, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.byID[id]
	if o == nil {
		return Object{}, false
	}
	p.update(o, edit, by)
	return o.clone(), true
}

func (p *Partner) update(o *Object, edit func(*Object), by string) {
	was := o.clone()
	edit(o)
	p.touches(o, by, "changed")
	switch {
	case was.Status != o.Status:
		p.changed(o, moved(was.Status, o.Status), Note{}, by)
	case was.Assignee != o.Assignee:
		p.changed(o, WasAssigned, Note{}, by)
	case was.Priority != o.Priority:
		p.changed(o, WasPrioritized, Note{}, by)
	case was.Title != o.Title, !maps.Equal(was.Fields, o.Fields):
		p.changed(o, Changed, Note{}, by)
	}
}

func moved(from, to Status) What {
	switch {
	case to == Acknowledged:
		return WasAcknowledged
	case to == Resolved:
		return WasResolved
	case from == Acknowledged:
		return WasUnacknowledged
	}
	return WasReopened
}

// Note adds a comment to a record; false when there is no such record.
func (p *Partner) Note(id, author, text string) (Note, bool) { return p.note(id, API, author, text) }

func (p *Partner) note(id, by, author, text string) (Note, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.byID[id]
	if o == nil {
		return Note{}, false
	}
	p.seq++
	n := Note{ID: fmt.Sprintf("NOTE%05d", p.seq), Author: author, Text: text, At: p.Now()}
	o.Notes = append(o.Notes, n)
	p.touches(o, by, "noted")
	p.changed(o, Noted, n, by)
	return n, true
}

// Delete takes a record away, as an administrator does who tidies up.
func (p *Partner) Delete(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.byID[id]
	if o == nil {
		return
	}
	is := func(x *Object) bool { return x == o }
	delete(p.byID, id)
	p.byKey[o.Key] = slices.DeleteFunc(p.byKey[o.Key], is)
	p.objects = slices.DeleteFunc(p.objects, is)
	p.gone = append(p.gone, id)
}

// Once reports, once, that a key was not seen before: for partners that take a
// message with an id of ours only once.
func (p *Partner) Once(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[key] {
		return false
	}
	p.seen[key] = true
	return true
}

// Titled returns the records whose title contains text, oldest first, hidden ones
// too.
func (p *Partner) Titled(text string) (found []Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.objects {
		if strings.Contains(o.Title, text) {
			found = append(found, o.clone())
		}
	}
	return found
}

// Touched returns what was done to foreign records through the API.
func (p *Partner) Touched() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.touched)
}

// Reports sets who hears of every change of a record that is not foreign, ours
// through the API included. It is called under the partner's lock.
func (p *Partner) Reports(to func(Change)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report = to
}

func (p *Partner) touches(o *Object, by, what string) {
	if o.Foreign && by == API {
		p.touched = append(p.touched, fmt.Sprintf("%s %q was %s", o.ID, o.Title, what))
	}
}

// changed stamps a change and reports it.
func (p *Partner) changed(o *Object, what What, n Note, by string) {
	p.version = max(p.version+1, p.Now().UnixMilli())
	if o.Version, o.By = p.version, by; what != Created {
		o.Changes++
	}
	if p.report == nil || o.Foreign {
		return
	}
	p.reports++
	p.report(Change{ID: fmt.Sprintf("REPORT%06d", p.reports), What: what, Object: o.clone(), Note: n, By: by, At: time.UnixMilli(o.Version)})
}
