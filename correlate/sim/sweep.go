package sim

import (
	"time"

	"signalbox/itsm"
)

// Bounds of sweeps: how many of the newest incidents one compares while the world
// goes on, and how long a partner may take to show what it was told.
const (
	sweptIncidents = 8
	sweptAfter     = time.Minute
)

// sweeps lets a partner be compared now and then.
func (w *World) sweeps() {
	w.later(w.span(10*time.Minute, 4*time.Hour), todoSweep, nil)
	p := w.partners[w.n(len(w.partners))]
	if p.downTo <= w.now {
		p.sweep(w, sweptIncidents)
	}
}

// sweep journals what a partner has of the newest incidents, where that is not as
// wanted, as a sender does.
func (p *partner) sweep(w *World, newest int) {
	w.machine.catchUp()
	all := len(w.mirror.incidents)
	for n := all; n > max(0, all-newest); n-- {
		number := itsm.IncidentNumber(n)
		v, ok := w.machine.folder.State.SyncWith(number, p.name)
		if !ok || !v.Told || v.Waiting > 0 || w.machine.at().Sub(max(v.At, v.ToldAt)) < sweptAfter {
			continue
		}
		for _, epoch := range v.Before {
			if r := p.has(number, epoch); r.Status.IsOpen() {
				p.seen(w, number, epoch)
			}
		}
		if r := p.has(number, v.Epoch); len(itsm.Differences(&v.Want, &r, v.Kept)) > 0 {
			p.seen(w, number, v.Epoch)
		}
	}
}

// has is the partner's record as a look-up shows it.
func (p *partner) has(n itsm.IncidentNumber, epoch uint32) (r itsm.PartnerRecord) {
	o := p.objects[objectKey{n, epoch}]
	if o == nil {
		return r
	}
	r.Status, r.Version, r.Ours = itsm.RecordStatus(o.state), o.version, o.human == ""
	if o.human != "" {
		r.By = "jane"
	}
	return r
}

func (p *partner) seen(w *World, n itsm.IncidentNumber, epoch uint32) {
	r := p.has(n, epoch)
	w.act(&itsm.Act{Kind: itsm.ActSync, Incident: n, Epoch: epoch, Actor: p.name + ":sweep", Origin: p.name, Seen: &r, ReadOnly: !w.settling && w.chance(100)}, nil)
	p.wake(w)
}
