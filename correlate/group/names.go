package group

import (
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// callEnds are the labels that name the far end of a call, and homes those that
// name what the CI runs on. That two CIs are named in one alert is a relation
// that the sender observed, whatever the CMDB says.
var (
	callEnds = []string{"caller", "callee", "peer", "peer_service", "client", "server", "upstream", "downstream",
		"destination", "destination_service"}
	homes    = []string{"host", "node", "hostname"}
	otherEnd = slices.Concat(callEnds, homes)
	ownNames = []string{"host", "node", "hostname", "instance", "service"} // of an unbound alert
)

// isCall reports whether the alert is about a call between two CIs.
func isCall(ls itsm.Labels) bool {
	_, label := ls.First(callEnds...)
	return label != ""
}

// namesAnother reports whether the labels name another CI. Most do not, and then
// none of the many names need be looked for.
func namesAnother(ls itsm.Labels) bool {
	return slices.ContainsFunc(ls, func(l itsm.Label) bool { return slices.Contains(otherEnd, l.Name) })
}

// sighted is a name within an environment.
type sighted struct{ env, name string }

// observed is which CIs a name was seen with.
type observed struct {
	cis  []cmdb.Ref // sorted
	many bool       // more than observedMax: the name says nothing
}

// Bounds of what is kept of names that no CI answers to.
const (
	observedMax = 32
	sightedMax  = 20_000
)

// namedBy resolves the second CI the probe's labels name, NoRef when there is
// none or it is not known unambiguously.
func (g *Grouper) namedBy(p Probe) cmdb.Ref {
	for _, label := range otherEnd {
		if name := p.Labels.Get(label); name != "" {
			if r := g.resolve(p, name); r != cmdb.NoRef && r != p.CI {
				return r
			}
		}
	}
	return cmdb.NoRef
}

// resolve finds the CI with a name as seen from the probe's environment. A CI of
// another environment is never meant: names repeat from one to the next, and a
// wrong guess would tie unrelated applications together.
func (g *Grouper) resolve(p Probe, name string) cmdb.Ref {
	env := g.envOf(&p)
	if env == "" {
		return g.cmdb.Identify(cmdb.Sighting{Source: p.Source, CIName: name}).Ref
	}
	b := g.cmdb.Identify(cmdb.Sighting{Source: p.Source, CIName: name, Labels: itsm.Labels{{Name: "env", Value: env}}})
	if b.Ref == cmdb.NoRef {
		b = g.cmdb.Identify(cmdb.Sighting{Source: p.Source, CIName: name})
	}
	if b.Ref != cmdb.NoRef && g.cmdb.Env(b.Ref) != "" && g.cmdb.Env(b.Ref) != env {
		return cmdb.NoRef
	}
	return b.Ref
}

// envOf is the environment of the probe: its CI's, else the sender's label.
func (g *Grouper) envOf(p *Probe) string {
	if p.CI != cmdb.NoRef {
		if env := g.cmdb.Env(p.CI); env != "" {
			return env
		}
	}
	env, _ := p.Labels.First("environment", "env", "cluster", "namespace")
	return env
}

// tag is the service and environment of an alert; without a service it is none.
type tag struct{ service, env string }

func (g *Grouper) tagOf(p *Probe) tag {
	service, _ := p.Labels.First("service", "app", "job")
	if service == "" {
		return tag{}
	}
	return tag{service, g.envOf(p)}
}

// is reports whether a group keeps the tag as s: both parts with a zero byte between.
func (t tag) is(s string) bool {
	n := len(t.service)
	return len(s) == n+1+len(t.env) && s[n] == 0 && s[:n] == t.service && s[n+1:] == t.env
}

// addTag adds a tag that is not there yet, while there is room.
func addTag(list *[]string, t tag) {
	if t.service != "" && len(*list) < tagsMax && !slices.ContainsFunc(*list, t.is) {
		*list = append(*list, t.service+"\x00"+t.env)
	}
}

// senderKey is the sender's own group, for unbound alerts only.
func senderKey(p Probe) string {
	if p.CI != cmdb.NoRef || p.SenderGroup == "" {
		return ""
	}
	return p.Source + "\x00" + p.SenderGroup
}

// see remembers which CIs are named together with names the CMDB does not know.
func (g *Grouper) see(p Probe) {
	if p.CI == cmdb.NoRef {
		return
	}
	for _, label := range otherEnd {
		name := p.Labels.Get(label)
		if name == "" || len(name) > 253 {
			continue
		}
		k := sighted{g.cmdb.Env(p.CI), strings.ToLower(name)}
		o := g.seen[k]
		if o == nil {
			if len(g.seen) >= sightedMax {
				continue
			}
			o = &observed{}
			g.seen[k] = o
		}
		if i, found := slices.BinarySearch(o.cis, p.CI); !found && !o.many {
			if o.many = len(o.cis) >= observedMax; o.many {
				o.cis = nil
			} else {
				o.cis = slices.Insert(o.cis, i, p.CI)
			}
		}
	}
}
