package itsm

import "encoding/json"

// Object is a record that is neither an alert nor an incident: a change, a
// maintenance window, a problem, a user. The fold decides it and the desk stores
// it; what it says is the JSON of its own noun.
type Object struct {
	Kind    string          `json:"kind"` // "change", "problem", ...; lines of its history are of kind "change.log"
	ID      string          `json:"id"`   // within its kind: "CHG0000001", "user/ada"
	Version uint64          `json:"version"`
	At      Time            `json:"at"` // of its last change
	Offset  Offset          `json:"offset"`
	Refs    []string        `json:"refs"` // what it is found by besides its id: "incident/INC0000001", "ci/db-1"
	Body    json.RawMessage `json:"body"` // empty removes the object
}

// Named bounds of an object.
const (
	ObjectNameMax = 200       // bytes of a kind, an id or a ref
	ObjectRefsMax = 1000      // refs of one object
	ObjectBodyMax = 512 << 10 // bytes of a body; far below what one value of the store may have
)

// Fault names what of an object is out of bounds, or "".
func (o *Object) Fault() string {
	switch {
	case o.Kind == "" || len(o.Kind) > ObjectNameMax:
		return "kind"
	case o.ID == "" || len(o.ID) > ObjectNameMax:
		return "id"
	case len(o.Refs) > ObjectRefsMax:
		return "refs"
	case len(o.Body) > ObjectBodyMax:
		return "body"
	}
	for _, r := range o.Refs {
		if r == "" || len(r) > ObjectNameMax {
			return "refs"
		}
	}
	return ""
}
