package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
)

// bulkWaitMax is how long one request may act; what it did not come to is said to be
// refused, and can be sent again.
const bulkWaitMax = 20 * time.Second

// bulkResult is what an act came to on one incident.
type bulkResult struct {
	Incident string  `json:"incident"`
	Result   string  `json:"result"`
	Code     *string `json:"code"`
	Detail   *string `json:"detail"`
}

type bulkView struct {
	Action    string       `json:"action"`
	Done      int          `json:"done"`
	Unchanged int          `json:"unchanged"`
	Refused   int          `json:"refused"`
	Pending   int          `json:"pending"`
	Results   []bulkResult `json:"results"`
}

// bulkActions are the names of the actions that many incidents can take at once.
func bulkActions() (names []string) {
	for _, do := range allActions() {
		if do.many {
			names = append(names, do.name)
		}
	}
	return names
}

// bulk does one action to many incidents, one act each, in the order they are named.
func (a *API) bulk(r *request) error {
	var b struct {
		Action    string          `json:"action"`
		Incidents []string        `json:"incidents"`
		Body      json.RawMessage `json:"body"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	all := allActions()
	at := slices.IndexFunc(all, func(do action) bool { return do.many && do.name == b.Action })
	if at < 0 {
		return itsm.Errorf(itsm.Invalid, "action %q: expected one of %s", httpWord(b.Action), strings.Join(bulkActions(), ", "))
	}
	numbers, err := bulkNumbers(b.Incidents)
	if err != nil {
		return err
	}
	one := *r
	if one.body = b.Body; len(one.body) == 0 {
		one.body = []byte("{}")
	}
	if err := all[at].fill(&one, &itsm.Act{Kind: all[at].kind}); err != nil {
		return err // it would be wrong of each
	}
	key, err := r.header("Idempotency-Key", idempotencyBytesMax-len("/INC0000000000"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, bulkWaitMax)
	defer cancel()
	v := bulkView{Action: b.Action, Results: make([]bulkResult, 0, len(numbers))}
	for _, n := range numbers {
		act := itsm.Act{Kind: all[at].kind, Incident: n, Actor: r.who.Actor(), RemoteIP: strings.Clone(r.IP())}
		if key != "" {
			act.IdempotencyKey = key + "/" + n.String()
		}
		v.add(a.bulkOne(ctx, &one, all[at], act))
	}
	return r.json(v)
}

func bulkNumbers(words []string) ([]itsm.IncidentNumber, error) {
	if len(words) == 0 {
		return nil, itsm.Errorf(itsm.Invalid, "incidents: expected the numbers of the incidents to act on")
	}
	if len(words) > itsm.BulkMax {
		return nil, itsm.Errorf(itsm.TooLarge, "incidents: %d numbers; at most %d", len(words), itsm.BulkMax)
	}
	var out []itsm.IncidentNumber
	for i, w := range words {
		n, err := itsm.ParseIncidentNumber(w)
		if err != nil {
			return nil, itsm.Errorf(itsm.Invalid, "incidents[%d] %q: expected the number of an incident such as INC0000001", i, httpWord(w))
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// bulkOne acts on one incident, and says what became of it.
func (a *API) bulkOne(ctx context.Context, r *request, do action, act itsm.Act) (res bulkResult) {
	res = bulkResult{Incident: act.Incident.String(), Result: "done"}
	out, err := a.doOne(ctx, r, do, &act)
	switch {
	case out.IsPending(err):
		detail := itsm.MessageOf(err)
		res.Result, res.Detail = "pending", &detail
	case err != nil:
		code, detail := string(itsm.CodeOf(err)), itsm.MessageOf(err)
		res.Result, res.Code, res.Detail = "refused", &code, &detail
	case out.NoOp:
		res.Result = "unchanged"
	}
	return res
}

func (a *API) doOne(ctx context.Context, r *request, do action, act *itsm.Act) (out itsm.Outcome, err error) {
	if err := ctx.Err(); err != nil {
		return out, itsm.Wrap(itsm.Unavailable, err, "there was no time left for it; send it again")
	}
	if err := do.fill(r, act); err != nil {
		return out, err
	}
	if err := a.reaches(r, act); err != nil {
		return out, err
	}
	if out, err = a.o.Engine.Do(ctx, *act); err == nil {
		err = out.Err()
	}
	return out, err
}

func (v *bulkView) add(r bulkResult) {
	switch r.Result {
	case "done":
		v.Done++
	case "unchanged":
		v.Unchanged++
	case "pending":
		v.Pending++
	default:
		v.Refused++
	}
	v.Results = append(v.Results, r)
}
