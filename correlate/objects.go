package correlate

import (
	"encoding/json"
	"fmt"

	"signalbox/itsm"
)

// objectActors does each kind of act on what is no incident. Each area of the
// fold adds its own.
var objectActors = map[itsm.ActKind]func(*State, *itsm.Act) itsm.Outcome{
	itsm.ActConfigure:          (*State).actConfigure,
	itsm.ActProblemCreate:      (*State).problemAct,
	itsm.ActProblemAccept:      (*State).problemAct,
	itsm.ActProblemDismiss:     (*State).problemAct,
	itsm.ActProblemMerge:       (*State).problemAct,
	itsm.ActProblemAssign:      (*State).problemAct,
	itsm.ActProblemState:       (*State).problemAct,
	itsm.ActProblemRootCause:   (*State).problemAct,
	itsm.ActProblemWorkaround:  (*State).problemAct,
	itsm.ActProblemKnownError:  (*State).problemAct,
	itsm.ActProblemCommunicate: (*State).problemAct,
	itsm.ActProblemLink:        (*State).problemAct,
	itsm.ActProblemUnlink:      (*State).problemAct,
	itsm.ActProblemNote:        (*State).problemAct,
	itsm.ActProblemPut:         (*State).actProblemPut,
}

// actConfigure has nothing to do: what is configured is no part of the fold.
func (s *State) actConfigure(*itsm.Act) itsm.Outcome { return itsm.Outcome{} }

// objectAct checks what all such acts have in common.
func (s *State) objectAct(a *itsm.Act, do func(*State, *itsm.Act) itsm.Outcome) itsm.Outcome {
	if len(a.Object) > itsm.ObjectNameMax {
		return refuse(a, itsm.TooLarge, "object: %d bytes; an id has at most %d", len(a.Object), itsm.ObjectNameMax)
	}
	if len(a.Body) > itsm.ObjectBodyMax {
		return refuse(a, itsm.TooLarge, "body: %d bytes; expected at most %d", len(a.Body), itsm.ObjectBodyMax)
	}
	was := s.acting
	s.acting = a
	o := do(s, a)
	s.acting = was
	if o.Object == "" {
		o.Object = a.Object
	}
	return o
}

func jsonOf(noun any) []byte {
	b, err := json.Marshal(noun)
	if err != nil { // a noun is plain data, so this is a mistake in the program
		panic(fmt.Sprintf("%T has no JSON: %v", noun, err))
	}
	return b
}

// putObject has an object stored, as v says it. A v of nil removes it.
func (s *State) putObject(kind, id string, version uint64, refs []string, v any) {
	o := &itsm.Object{Kind: kind, ID: id, Version: version, At: s.now, Offset: s.off, Refs: refs}
	if v != nil {
		o.Body = jsonOf(v)
	}
	if part := o.Fault(); part != "" {
		panic(fmt.Sprintf("%s %s: %s is out of bounds", kind, id, part))
	}
	s.put(itsm.Decision{Kind: itsm.PutObject, Object: o})
}
