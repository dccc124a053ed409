package cmdb

// choose takes the first finding that names one CI, and then lets a later one
// refine it: a container beats the host it runs on.
func (id *identifier) choose() Ref {
	for i := range id.n {
		f := &id.finds[i]
		r := id.single(f)
		if r == NoRef {
			continue
		}
		id.by = stepWords[f.step]
		if f.scoped && f.step == stepService {
			id.by = "service+environment"
		}
		id.trail.add(f.label, f.key, hit, r)
		if f.step <= stepMapping {
			return r // somebody said so
		}
		return id.refine(r, i+1)
	}
	return NoRef
}

// single returns the one CI a finding means: the only one, else the one that
// depends on all the others, else the host they all run on.
func (id *identifier) single(f *finding) Ref {
	refs := id.of(f)
	switch len(refs) {
	case 0:
		return NoRef // no room was left to keep them
	case 1:
		return refs[0]
	}
	if r := id.mostSpecific(refs); r != NoRef {
		id.trail.add(f.label, f.key, hitSpecific, r)
		return r
	}
	if r := id.commonHost(refs); r != NoRef {
		id.trail.add(f.label, f.key, hitCommonHost, r)
		return r
	}
	id.trail.add(f.label, f.key, missAmbiguous, refs[0])
	return NoRef
}

// kinHops is how far apart two CIs of one name may be to be one thing at two
// levels, such as a database and the virtual machine of the same name.
const kinHops = 2

// mostSpecific returns the CI that depends on all the others and is of no less
// specific a kind, or NoRef.
func (id *identifier) mostSpecific(refs []Ref) Ref {
	for _, r := range refs {
		var buf [32]Reach
		reach := id.g.Explains(r, kinHops, buf[:0])
		all := true
		for _, o := range refs {
			all = all && reaches(reach, o) && id.kind(o) <= id.kind(r)
		}
		if all && !id.mutual(r, refs) {
			return r
		}
	}
	return NoRef
}

// mutual reports whether one of refs depends on r as r depends on it: in a
// cycle no one is the more specific.
func (id *identifier) mutual(r Ref, refs []Ref) bool {
	for _, o := range refs {
		var buf [32]Reach
		if o != r && id.kind(o) == id.kind(r) && reaches(id.g.Explains(o, kinHops, buf[:0]), r) {
			return true
		}
	}
	return false
}

func reaches(list []Reach, r Ref) bool {
	for i := range list {
		if list[i].Ref == r {
			return true
		}
	}
	return false
}

// commonHost returns the host that all of them directly run on, or NoRef.
func (id *identifier) commonHost(refs []Ref) Ref {
	for _, h := range *id.g.deps.at(int(refs[0])) {
		if id.kind(h.to) != kindHost {
			continue
		}
		all := true
		for _, r := range refs[1:] {
			all = all && id.dependsOn(r, h.to)
		}
		if all {
			return h.to
		}
	}
	return NoRef
}

// refine looks whether a later finding is more specific than r and depends on
// it, directly or through an instance that is then the CI.
func (id *identifier) refine(r Ref, from int) Ref {
	for i := from; i < id.n; i++ {
		f := &id.finds[i]
		better := NoRef
		for _, c := range id.of(f) {
			if s := id.sharper(c, r); s != NoRef {
				if better != NoRef && better != s {
					better = NoRef // two of them: no reason to prefer one
					break
				}
				better = s
			}
		}
		if better != NoRef {
			id.trail.add(f.label, f.key, hitRefined, better)
			r = better
		}
	}
	return r
}

// sharper returns the CI that c and r together mean, if it is more specific
// than r: the instance of service c that runs on r, or c itself.
func (id *identifier) sharper(c, r Ref) Ref {
	if id.kind(c) <= id.kind(r) {
		return NoRef
	}
	found := NoRef
	for _, h := range *id.g.deps.at(int(c)) {
		if id.kind(h.to) == kindInstance && id.kind(c) < kindInstance && h.to != found && id.dependsOn(h.to, r) {
			if found != NoRef {
				return c // several instances there: the service is as close as it gets
			}
			found = h.to
		}
	}
	if found == NoRef && id.dependsOn(c, r) {
		return c
	}
	return found
}

func (id *identifier) kind(r Ref) kind { return id.g.recs.at(int(r)).kind }

// dependsOn reports whether r directly depends on on.
func (id *identifier) dependsOn(r, on Ref) bool {
	// The shorter of the two lists: a service has few dependencies, a host may
	// have thousands of dependants, a gateway the other way round.
	deps, back := *id.g.deps.at(int(r)), *id.g.dependants.at(int(on))
	want := on
	if len(back) < len(deps) {
		deps, want = back, r
	}
	for i := range deps {
		if deps[i].to == want {
			return true
		}
	}
	return false
}

// ambiguous lists the CIs between which nothing decided, of the first finding.
func (id *identifier) ambiguous() []string {
	if id.n == 0 {
		return nil
	}
	refs := id.of(&id.finds[0])
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = id.g.ID(r)
	}
	return out
}
