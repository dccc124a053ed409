package api

import (
	"context"
	"net/http"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/partners"
)

// keptBytesMax bounds a document or secret with its JSON around it.
const keptBytesMax = 1 << 20

type keptView struct {
	Text    string           `json:"text"`
	Version string           `json:"version"`
	InFile  []string         `json:"in_file"`
	MayCall []string         `json:"may_call"`
	Secrets []keptSecretView `json:"secrets"`
	Pending bool             `json:"pending"`
}

type keptSecretView struct {
	Name string `json:"name"`
	Used bool   `json:"used"`
}

// keptRoutes are the connectors that administrators configure here.
func (a *API) keptRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/configuration/connectors", access.Admin, nil, a.kept},
		{http.MethodPut, Prefix + "/configuration/connectors", access.Admin, nil, a.saveKept},
		{http.MethodPut, Prefix + "/configuration/secrets/:name", access.Admin, nil, a.saveSecret},
		{http.MethodDelete, Prefix + "/configuration/secrets/:name", access.Admin, nil, a.saveSecret},
		{http.MethodPost, Prefix + "/configuration/restart", access.Admin, nil, a.restart},
	}
}

func (a *API) keeper() (partners.Keeper, error) {
	if a.o.Keeper == nil {
		return nil, unavailable("this process keeps no configuration")
	}
	return a.o.Keeper, nil
}

func (a *API) kept(r *request) error {
	k, err := a.keeper()
	if err != nil {
		return err
	}
	return a.showKept(r, k)
}

func (a *API) showKept(r *request, k partners.Keeper) error {
	v, err := k.Kept()
	if err != nil {
		return err
	}
	out := keptView{Text: v.Text, Version: v.Version, InFile: list(v.InFile), MayCall: list(v.MayCall), Secrets: []keptSecretView{}, Pending: v.Pending}
	for _, s := range v.Secrets {
		out.Secrets = append(out.Secrets, keptSecretView(s))
	}
	return r.json(out)
}

// changing runs a change of what is kept and shows it again.
func (a *API) changing(r *request, do func(context.Context, partners.Keeper, partners.Admin) error) error {
	k, err := a.keeper()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	if err := do(ctx, k, partners.Admin{Actor: r.who.Actor(), RemoteIP: strings.Clone(r.IP())}); err != nil {
		return err
	}
	return a.showKept(r, k)
}

func (a *API) saveKept(r *request) error {
	var in struct {
		Text    *string `json:"text"`
		Version string  `json:"version"`
	}
	if err := r.decodeUpTo(&in, keptBytesMax); err != nil {
		return err
	}
	if in.Text == nil {
		return itsm.Errorf(itsm.Invalid, "text: expected the whole document; an empty text removes every connector of the console")
	}
	return a.changing(r, func(ctx context.Context, k partners.Keeper, by partners.Admin) error {
		return k.SaveKept(ctx, *in.Text, in.Version, by)
	})
}

// saveSecret keeps the secret of the path, or removes it.
func (a *API) saveSecret(r *request) error {
	var in struct {
		Value string `json:"value"`
	}
	if err := r.decodeUpTo(&in, keptBytesMax); err != nil {
		return err
	}
	remove := r.Method() == http.MethodDelete
	if remove != (strings.TrimSpace(in.Value) == "") {
		return itsm.Errorf(itsm.Invalid, "value: expected the secret with PUT, nothing with DELETE")
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	return a.changing(r, func(ctx context.Context, k partners.Keeper, by partners.Admin) error {
		return k.SaveSecret(ctx, name, in.Value, by)
	})
}

func (a *API) restart(r *request) error {
	if err := r.decode(&struct{}{}); err != nil {
		return err
	}
	return a.changing(r, func(ctx context.Context, k partners.Keeper, by partners.Admin) error { return k.Restart(ctx, by) })
}
