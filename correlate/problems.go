package correlate

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"signalbox/correlate/problem"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// problems is what keeps coming back: the history of every signature, and what the
// machine proposed and people made of it.
type problems struct {
	series  map[string]*recurrence   // by signature
	byCause map[string][]*recurrence // by each CI that was at fault, in the order of the signatures
	common  problem.Common           // how much each kind tells
	list    map[itsm.ProblemNumber]*trouble
	byName  map[changeName]itsm.ProblemNumber // of those that were made at a partner
	last    itsm.ProblemNumber
	known   int                                // problems that answer for the incidents that match them
	of      map[itsm.IncidentNumber]*recurring // what is known of the recurrence of an incident
	watch   itsm.Time                          // when the first incident was counted
}

// recurrence is the history of one signature and the problem that answers for it.
type recurrence struct {
	problem.Series
	profile problem.Profile
	causes  []string           // that were likeliest of one of its incidents; the first is that of the signature
	number  itsm.ProblemNumber // 0: none was proposed yet
	since   itsm.Time          // only what opened from here on counts: an earlier problem was closed then
	asked   int                // incidents that a rule asks for before it is proposed, within
	within  Duration
}

// recurring is what is known of the recurrence of one incident whose state is kept.
type recurring struct {
	key     string             // signature it was counted under when it last resolved; "": not yet
	problem itsm.ProblemNumber // known problem it belongs to; 0: none
	pinned  bool               // a person linked or unlinked it: its signature decides nothing
	fix     string             // close note of the person who resolved it, as it is compared
	print   problem.Print      // footprint it was counted with
}

// Bounds of what is kept of recurrence.
const (
	recurrencesMax = 20_000 // signatures; beyond it a tenth, the longest silent, is forgotten
	troublesMax    = 20_000 // candidates and problems; beyond it what is over is forgotten
	classLooked    = 64     // members of an incident that are asked for their class
	causeSeriesMax = 8      // signatures of one CI that are looked at for pairs
	neighboursMax  = 24     // CIs next to it that are
)

func newProblems() problems {
	return problems{series: map[string]*recurrence{}, byCause: map[string][]*recurrence{},
		common: problem.Common{In: map[uint64]uint32{}}, list: map[itsm.ProblemNumber]*trouble{}, byName: map[changeName]itsm.ProblemNumber{},
		of: map[itsm.IncidentNumber]*recurring{}}
}

// recurs is for reading what is known of the recurrence of i.
func (s *State) recurs(i *incident) recurring {
	if r := s.problems.of[i.number]; r != nil {
		return *r
	}
	return recurring{}
}

func (s *State) recurring(i *incident) *recurring {
	r := s.problems.of[i.number]
	if r == nil {
		r = &recurring{}
		s.problems.of[i.number] = r
	}
	return r
}

// signatureOf says what makes i the same trouble as another: what a rule says, else
// the CI at fault, the class of most of its alerts, and the environment.
func (s *State) signatureOf(i *incident) problem.Signature {
	g := problem.Signature{Cause: i.leadCI}
	if len(i.causes) > 0 {
		g.Cause = i.causes[0].CI
	}
	if r, ok := s.graph.Lookup(g.Cause); ok {
		g.Env = s.graph.Env(r)
		g.Cause = s.workloadOf(g.Cause, r)
	}
	lead := s.alerts.Get(i.lead)
	if g.Env == "" && lead != nil {
		g.Env, _ = labelsOf(lead.text).First("environment", "env", "cluster", "namespace")
	}
	g.Class = s.classOf(i)
	if p := i.policy(); p != nil && p.signature != "" {
		g.Rule = clip(p.signature, itsm.ObjectNameMax/2)
	}
	return g
}

// workloadOf names what a pod belongs to, since pods of one workload come and go
// under different names: the CI of that name where the CMDB has it, else the name.
func (s *State) workloadOf(id string, r cmdb.Ref) string {
	if !strings.Contains(strings.ToLower(s.graph.Class(r)), "pod") {
		return id
	}
	dir, base := path.Split(id)
	names := cmdb.Workloads(base)
	for _, n := range names {
		if _, ok := s.graph.Lookup(dir + n); ok {
			return dir + n
		}
	}
	if len(names) > 0 {
		return dir + names[0]
	}
	return id
}

// classOf is the class of alert that most members of i have; of equals the one that
// sorts first.
func (s *State) classOf(i *incident) string {
	n := map[string]int{}
	for _, m := range i.members[:min(len(i.members), classLooked)] {
		if a := s.alerts.Get(m.alert); a != nil {
			n[classOfAlert(a)]++
		}
	}
	best := ""
	for _, c := range sortedKeys(n) {
		if n[c] > n[best] {
			best = c
		}
	}
	return best
}

// classOfAlert is the name of the rule that raised an alert, else its title without
// what differs from one to the next.
func classOfAlert(a *alert) string {
	if n := firstLabel(a.text, [5]string{"alertname", "alert_name", "check", "monitor", "rule"}); n != "" {
		return clip(n, titleShown)
	}
	return clip(problem.NormalFix(titleOf(a.text)), titleShown)
}

// countResolved puts an incident that resolved into the history of its signature and looks
// whether it keeps coming back.
func (s *State) countResolved(i *incident, fix string) {
	if s.problems.watch == 0 {
		s.problems.watch = i.openedAt
	}
	r := s.recurring(i)
	if r.pinned {
		if s.settleLinked(i, r); r.problem == 0 {
			return // a person said that it is other trouble
		}
	}
	sig, print := s.signatureOf(i), s.printOf(i)
	if r.print == nil {
		s.problems.common.Put(print)
	}
	rec := s.sameTrouble(i, sig, print)
	if rec == nil {
		rec = &recurrence{Series: problem.Series{Signature: sig}}
		s.addRecurrence(sig.String(), rec)
	}
	s.uncount(i)
	s.alsoCaused(rec, sig.Cause)
	rec.profile.Put(print)
	r.key, r.fix, r.print = rec.Signature.String(), problem.NormalFix(fix), print
	rec.asked, rec.within = s.askedFor(i)
	rec.Put(s.occurrence(i, r))
	s.examine(rec, i)
}

// askedFor is the threshold of the rule that signed i.
func (s *State) askedFor(i *incident) (int, Duration) {
	p := i.policy()
	if p == nil || p.signedBy == "" || s.rules.Set == nil {
		return 0, 0
	}
	r := s.rules.Set.Rule(p.signedBy)
	if r == nil || r.Problem == nil {
		return 0, 0
	}
	return r.Problem.Incidents, Duration(r.Problem.Within)
}

func (s *State) occurrence(i *incident, r *recurring) problem.Occurrence {
	o := problem.Occurrence{Incident: i.number, Opened: i.openedAt, Resolved: i.resolvedAt, Reopens: i.epoch - 1, People: i.people(), Fix: r.fix}
	for _, c := range s.whatChanged(i) {
		if d := i.openedAt.Sub(c.At); c.Hops == 0 && c.At != 0 && d <= problem.ChangeIn {
			o.Change, o.ChangeBefore = c.Change, d
			break
		}
	}
	return o
}

// people counts who had to do with i.
func (i *incident) people() uint32 {
	h := i.handled()
	var who []string
	for _, p := range []string{h.ackBy, i.resolvedBy, h.assignee, h.overrideBy} {
		if p != "" && p != actSystem.actor && !slices.Contains(who, p) {
			who = append(who, p)
		}
	}
	return uint32(len(who))
}

// uncount takes an incident out of the history it was counted in: it was cancelled,
// became part of another, or turned out to be other trouble.
func (s *State) uncount(i *incident) {
	r := s.problems.of[i.number]
	if r == nil || r.key == "" {
		return
	}
	if rec := s.problems.series[r.key]; rec != nil {
		rec.Remove(i.number)
		rec.profile.Remove(r.print)
	}
	r.key = ""
}

func (s *State) addRecurrence(key string, rec *recurrence) {
	if len(s.problems.series) >= recurrencesMax {
		s.forgetSilent()
	}
	s.problems.series[key] = rec
	s.alsoCaused(rec, rec.Signature.Cause)
}

// forgetSilent drops a tenth of the signatures: those that were silent longest and
// that no problem answers for. When each was heard of last is looked up once and not
// at every comparison.
func (s *State) forgetSilent() {
	list := make([]silent, 0, len(s.problems.series))
	for k, rec := range s.problems.series { // sorted below
		if t := s.problems.list[rec.number]; t == nil || !t.State.Known() && t.State != itsm.ProblemCandidate {
			list = append(list, silent{rec.Last(), k, rec})
		}
	}
	slices.SortFunc(list, func(a, b silent) int { return cmp.Or(cmp.Compare(a.since, b.since), strings.Compare(a.key, b.key)) })
	for _, v := range list[:min(len(list), recurrencesMax/10)] {
		delete(s.problems.series, v.key)
		for _, cause := range v.rec.causes {
			list := slices.DeleteFunc(s.problems.byCause[cause], func(o *recurrence) bool { return o == v.rec })
			if s.problems.byCause[cause] = list; len(list) == 0 {
				delete(s.problems.byCause, cause)
			}
		}
	}
}

// silent is a signature and when it was heard of last.
type silent struct {
	since itsm.Time
	key   string
	rec   *recurrence
}

// beside are the series that may belong together with rec: others of the same CI,
// and those of the CIs that the CMDB relates to it.
func (s *State) beside(rec *recurrence) (out []problem.Pair, who []*recurrence) {
	add := func(list []*recurrence, because string) {
		for _, o := range list[:min(len(list), causeSeriesMax)] {
			if o != rec && len(o.Kept) > 0 {
				out, who = append(out, problem.Pair{Other: &o.Series, Because: because}), append(who, o)
			}
		}
	}
	cause := rec.Signature.Cause
	add(s.problems.byCause[cause], "both are about "+cause)
	ref, ok := s.graph.Lookup(cause)
	if !ok {
		return out, who
	}
	next := s.graph.AppendDependants(nil, ref)
	for _, r := range next[:min(len(next), neighboursMax)] {
		id := s.graph.ID(r)
		add(s.problems.byCause[id], id+" depends on "+cause)
	}
	next = s.graph.AppendDependencies(nil, ref)
	for _, r := range next[:min(len(next), neighboursMax)] {
		id := s.graph.ID(r)
		add(s.problems.byCause[id], cause+" depends on "+id)
	}
	return out, who
}

// lookAt is what the tests are told besides the history.
func (s *State) lookAt(rec *recurrence) (problem.Look, []*recurrence) {
	l := problem.Look{Now: s.now, Watch: s.problems.watch, Since: rec.since, ReopenIn: (s.cfg.ResolveAfter + s.cfg.ReopenWithin).Std(),
		RuleIncidents: rec.asked, RuleWithin: rec.within.Std()}
	l.ChangesADay, l.ChangeTitle = s.changesFor(rec)
	var who []*recurrence
	l.Pairs, who = s.beside(rec)
	return l, who
}

// changesFor is how many changes a day the CI of rec saw in the last month, or since the
// first of them in a watch that is younger, and the title of the last one that an incident
// followed.
func (s *State) changesFor(rec *recurrence) (aDay float64, title string) {
	n, first := 0, cmp.Or(s.problems.watch, s.now)
	for _, k := range s.changesOf(rec.Signature.Cause) {
		if c := s.changes.all[k]; c != nil && s.now.Sub(c.From()) <= changeKept {
			n++
			first = min(first, c.From())
		}
	}
	for _, o := range slices.Backward(rec.Kept) {
		if o.Change != "" {
			if k, err := itsm.ParseChangeNumber(o.Change); err == nil && s.changes.all[k] != nil {
				title = s.changes.all[k].Title
			}
			break
		}
	}
	over := min(changeKept, max(24*time.Hour, s.now.Sub(first)))
	return float64(n) / (over.Hours() / 24), title
}
