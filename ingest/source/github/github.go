// Package github decodes GitHub's webhooks into changes: deployments and what
// became of them, published releases, and pushes to the default branch. Which of
// them count is chosen at GitHub, by the events of the hook. It is pure.
//
// The fields read are those of
// https://docs.github.com/en/webhooks/webhook-events-and-payloads (2026-11).
// Bodies do not name their event, so it is told by what they hold.
package github

import (
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// states are those of a deployment status; "inactive" says only that a later
// deployment took over.
var states = map[string]itsm.ChangeState{
	"pending": itsm.ChangePlanned, "queued": itsm.ChangePlanned, "waiting": itsm.ChangePlanned, "in_progress": itsm.ChangeInProgress,
	"success": itsm.ChangeSuccessful, "failure": itsm.ChangeFailed, "error": itsm.ChangeFailed,
}

// Decode turns the body of one webhook into at most one act. What changes nothing,
// such as a ping, is an empty result.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	w := wire{f}
	if f["zen"] == "" && f["repository.full_name"] == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, `not a GitHub webhook: "repository.full_name" is missing; expected the events deployment, deployment_status, release or push as JSON`)
	}
	var u itsm.ChangeUpdate
	var at itsm.Time
	ok := false
	switch {
	case f["deployment_status.state"] != "":
		u, at, ok = w.status()
	case f["deployment.id"] != "":
		u, at, ok = w.deployment(itsm.ChangePlanned), w.at("deployment.created_at"), true
	case f["release.id"] != "" && f["action"] == "published":
		u, at, ok = w.release()
	case f["head_commit.id"] != "" && f["ref"] == "refs/heads/"+f["repository.default_branch"]:
		u, at, ok = w.push()
	}
	if !ok {
		return source.Result{}, nil
	}
	act, err := source.ChangeAct("github:"+w.First("deployment_status.creator.login", "sender.login", "repository.full_name"), at, u)
	return source.Result{Acts: []itsm.Act{act}}, err
}

type wire struct{ source.Flat }

func (w wire) at(path string) itsm.Time { return source.MaybeTime(w.Flat[path]) }

// deployment is what a deployment says in every event about it. Its payload is the
// sender's own: "ci" or "service" in it names what is deployed, else that is the
// repository.
func (w wire) deployment(state itsm.ChangeState) itsm.ChangeUpdate {
	f := w.Flat
	env := w.First("deployment.environment", "deployment.original_environment")
	title := "Deploy " + f["repository.full_name"]
	if ref := f["deployment.ref"]; ref != "" {
		title += " " + ref
	}
	if env != "" {
		title += " to " + env
	}
	kind := itsm.StandardChange
	return itsm.ChangeUpdate{ExternalID: source.Said(f["repository.full_name"] + "#deployment/" + f["deployment.id"]), Type: &kind, State: &state,
		Title: source.Said(source.Title(title)), Description: source.Said(f["deployment.description"]), Environment: source.Said(env),
		CIs: w.ci("deployment.payload.ci", "deployment.payload.service"), Who: source.Said(w.First("deployment.creator.login", "sender.login")),
		URL: source.Said(source.Link(w.First("deployment_status.log_url", "deployment_status.target_url", "repository.html_url")))}
}

// ci names what is changed: what one of the paths says, else the repository.
func (w wire) ci(paths ...string) *[]string {
	_, repository, _ := strings.Cut(w.Flat["repository.full_name"], "/")
	return source.SaidCI(w.First(paths...), repository)
}

func (w wire) status() (itsm.ChangeUpdate, itsm.Time, bool) {
	state, ok := states[w.Flat["deployment_status.state"]]
	if !ok || w.Flat["deployment.id"] == "" {
		return itsm.ChangeUpdate{}, 0, false
	}
	at := w.at("deployment_status.created_at")
	u := w.deployment(state)
	switch {
	case state == itsm.ChangeInProgress:
		u.StartedAt = source.SaidAt(at)
	case state.IsOver():
		u.EndedAt = source.SaidAt(at)
	}
	return u, at, true
}

func (w wire) release() (itsm.ChangeUpdate, itsm.Time, bool) {
	f := w.Flat
	at, state := w.at("release.published_at"), itsm.ChangeSuccessful
	title := "Release " + w.First("release.name", "release.tag_name") + " of " + f["repository.full_name"]
	return itsm.ChangeUpdate{ExternalID: source.Said(f["repository.full_name"] + "#release/" + f["release.id"]), State: &state, Title: source.Said(source.Title(title)),
		EndedAt: source.SaidAt(at), CIs: w.ci(), Who: source.Said(w.First("release.author.login", "sender.login")), URL: source.Said(source.Link(f["release.html_url"]))}, at, true
}

func (w wire) push() (itsm.ChangeUpdate, itsm.Time, bool) {
	f := w.Flat
	at, state := w.at("head_commit.timestamp"), itsm.ChangeSuccessful
	title := "Push to " + f["repository.default_branch"] + " of " + f["repository.full_name"] + ": " + f["head_commit.message"]
	return itsm.ChangeUpdate{ExternalID: source.Said(f["repository.full_name"] + "@" + f["head_commit.id"]), State: &state, Title: source.Said(source.Title(title)),
		EndedAt: source.SaidAt(at), CIs: w.ci(), Who: source.Said(w.First("pusher.name", "sender.login")), URL: source.Said(source.Link(w.First("head_commit.url", "compare")))}, at, true
}
