package sim

import (
	"fmt"

	"signalbox/itsm"
)

// todoKind says what happens.
type todoKind uint8

const (
	todoArrive        todoKind = iota + 1 // *parcel reaches the door
	todoChange                            // *condition begins or ends
	todoNotify                            // *sender repeats what it knows
	todoOutage                            // a CI fails and takes others along
	todoNoise                             // something unrelated
	todoPerson                            // somebody acts on an incident
	todoRepeatAct                         // a client sends *repeatedAct again
	todoCourier                           // the sender of *partner makes its round
	todoWebhook                           // *itsm.Act comes from a partner
	todoPartnerPerson                     // somebody acts in a partner's tool
	todoSweep                             // a partner is compared with what is wanted
	todoImport                            // a CMDB import
	todoClock                             // our clock jumps
	todoCrash                             // our process dies
)

// todo is one thing that will happen.
type todo struct {
	at   itsm.Time
	seq  uint64 // order of what happens at the same time
	kind todoKind
	what any
}

// agenda is what will happen, soonest first: a binary heap.
type agenda struct {
	heap []todo
	seq  uint64
}

func (a *agenda) len() int    { return len(a.heap) }
func (a *agenda) first() todo { return a.heap[0] }

func (a *agenda) less(i, j int) bool {
	x, y := &a.heap[i], &a.heap[j]
	return x.at < y.at || x.at == y.at && x.seq < y.seq
}

func (a *agenda) push(t todo) {
	a.seq++
	t.seq = a.seq
	a.heap = append(a.heap, t)
	for i := len(a.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !a.less(i, up) {
			break
		}
		a.heap[i], a.heap[up] = a.heap[up], a.heap[i]
		i = up
	}
}

func (a *agenda) pop() todo {
	top, n := a.heap[0], len(a.heap)-1
	a.heap[0] = a.heap[n]
	a.heap[n] = todo{}
	a.heap = a.heap[:n]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < n; c++ {
			if a.less(c, least) {
				least = c
			}
		}
		if least == i {
			return top
		}
		a.heap[i], a.heap[least] = a.heap[least], a.heap[i]
		i = least
	}
}

// take removes and returns, in order, everything of the given kinds.
func (a *agenda) take(kinds ...todoKind) []todo {
	var out, rest []todo
	for a.len() > 0 {
		t := a.pop()
		keep := true
		for _, k := range kinds {
			keep = keep && t.kind != k
		}
		if keep {
			rest = append(rest, t)
		} else {
			out = append(out, t)
		}
	}
	a.heap = rest // sorted, so it is a heap
	return out
}

// trace keeps what happened as readable lines, when a run is traced.
type trace struct {
	kept []string
}

func (t *trace) add(line string) { t.kept = append(t.kept, line) }

// note traces something that happened; it costs nothing unless the run is traced.
func (w *World) note(what string, a, b int64) {
	if w.o.Trace {
		w.trace.add(fmt.Sprintf("%6d %s %s %d %d", w.steps, w.now, what, a, b))
	}
}

// notef traces with words. Callers check Trace first where arguments cost.
func (w *World) notef(format string, args ...any) {
	w.trace.add(fmt.Sprintf("%6d %s ", w.steps, w.now) + fmt.Sprintf(format, args...))
}
