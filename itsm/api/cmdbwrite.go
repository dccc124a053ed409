package api

import (
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

type ciInput struct {
	ID           *string        `json:"id"`
	Name         string         `json:"name"`
	Class        string         `json:"class"`
	Env          string         `json:"env"`
	Tier         int            `json:"tier"`
	Owner        string         `json:"owner"`
	SupportGroup string         `json:"support_group"`
	Aliases      []string       `json:"aliases"`
	Attributes   map[string]any `json:"attributes"`
	Sources      []string       `json:"sources"` // taken and left out, so that what GET answers can be sent back
}

func (c *ciInput) ci(id string) (itsm.CI, error) {
	if c.ID != nil && *c.ID != id {
		return itsm.CI{}, itsm.Errorf(itsm.Invalid, "id %q: expected %q, the id of the address, or no id", httpWord(*c.ID), id)
	}
	return itsm.CI{ID: id, Name: c.Name, Class: c.Class, Env: c.Env, Tier: c.Tier, Owner: c.Owner,
		SupportGroup: c.SupportGroup, Aliases: c.Aliases, Attributes: c.Attributes}, nil
}

// putCI creates or replaces a CI and answers with it.
func (a *API) putCI(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in ciInput
	if err := r.decode(&in); err != nil {
		return err
	}
	c, err := in.ci(id)
	if err != nil {
		return err
	}
	if err := a.writeCMDB(r, []itsm.CI{c}, nil, func() error { return a.checkTag(r, id) }); err != nil {
		return err
	}
	return a.showCI(r, id)
}

// writeCMDB imports a few values in the name of the client's source.
func (a *API) writeCMDB(r *request, cis []itsm.CI, relations []itsm.Relation, check func() error) error {
	source, err := r.importSource()
	if err != nil {
		return err
	}
	doc, problems := cmdb.NewDoc(cis, relations)
	if cmdb.Blocking(problems) {
		return findingsOf(problems)
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	if err := check(); err != nil {
		return err
	}
	_, err = a.activateLocked(doc, importOrder{source: source, actor: r.who.Actor()}, nil)
	return err
}

// checkTag compares If-Match with the CI as it is now. The caller holds writing.
func (a *API) checkTag(r *request, id string) error {
	want := strings.TrimSpace(r.Get("If-Match"))
	if want == "" {
		return nil
	}
	g := a.o.Engine.Graph()
	ref, known := g.Lookup(id)
	if !known {
		return itsm.Errorf(itsm.Stale, "If-Match: there is no CI %q yet", id)
	}
	tag, err := ciTag(viewCI(g.CI(ref), g.Sources(ref)))
	if err != nil {
		return err
	}
	if want != "*" && strings.TrimPrefix(want, "W/") != tag {
		return itsm.Errorf(itsm.Stale, "If-Match %s: the CI changed and is %s now; read it again", httpWord(want), tag)
	}
	return nil
}
