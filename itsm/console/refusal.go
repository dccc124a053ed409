package console

import (
	"net/url"
	"strconv"
	"time"

	"signalbox/itsm"
)

// refusedFields are the fields of a form that repeating it has to carry.
var refusedFields = []string{"close_code", "text", "reason", "assignee", "group", "priority", "into", "alert", "parent", "child", "title", "url"}

// viewRefusal explains a refused act. entries are the newest of the timeline;
// those after what the person saw are what changed in between.
func viewRefusal(p incidentPage, d deed, f url.Values, cause error, entries []itsm.TimelineEntry, inv inventory, now time.Time) *staleView {
	v := &staleView{Head: d.verb + " was not done.", Text: line(itsm.MessageOf(cause), lineRunesMax)}
	if itsm.CodeOf(cause) != itsm.Stale {
		return v
	}
	v.Text = "The incident changed after you opened the page. Nothing was lost; look at what changed, then decide."
	seen, err := strconv.ParseUint(f.Get("seen"), 10, 64)
	if err == nil {
		for _, e := range entries {
			if uint64(e.Offset) > seen {
				v.Changes = append(v.Changes, viewTimeline([]itsm.TimelineEntry{e}, inv, now)...)
			}
		}
	}
	v.Retry, v.Action = d.verb+" anyway", p.Path+"/"+d.name
	for _, name := range refusedFields {
		for _, value := range f[name] {
			v.Fields = append(v.Fields, option{Label: name, Value: value})
		}
	}
	return v
}
