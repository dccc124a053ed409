package desk

import "signalbox/itsm"

func (b *rawBuffer) changes(list []itsm.IncidentChange) {
	b.uint(uint64(len(list)))
	for i := range list {
		c := &list[i]
		for _, v := range []string{c.Change, c.Title, string(c.State), c.Who, c.URL, c.CI, c.Because} {
			b.str(v)
		}
		b.int(int64(c.Hops))
		b.time(c.At)
	}
}

func (r *reader) changes() []itsm.IncidentChange {
	n := r.count(9)
	if n == 0 {
		return nil
	}
	list := make([]itsm.IncidentChange, n)
	for i := range list {
		c := &list[i]
		c.Change, c.Title, c.State = r.str(), r.str(), itsm.ChangeState(r.str())
		c.Who, c.URL, c.CI, c.Because = r.str(), r.str(), r.str(), r.str()
		c.Hops, c.At = int(r.int()), r.time()
	}
	return list
}
