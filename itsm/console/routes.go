package console

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// route is one row of the table that says what exists and who may use it.
type route struct {
	method string
	path   string
	role   access.Role
	handle fiber.Handler
}

// routes is the whole console. A test compares it with the router and checks that
// everything but the way in needs a role.
func (c *Console) routes() []route {
	return append(slices.Concat(c.keptRoutes(), c.peopleRoutes(), c.problemRoutes(), c.reportRoutes(), c.viewRoutes()), []route{
		{http.MethodGet, "/static/:name", access.Nobody, c.static},
		{http.MethodGet, "/sign-in", access.Nobody, c.signIn},
		{http.MethodPost, "/sign-in", access.Nobody, c.signInPost},
		{http.MethodPost, "/sign-out", access.Nobody, c.signOut},
		{http.MethodPost, "/theme", access.Nobody, c.themePost},

		{http.MethodGet, "/home", access.Viewer, c.home},
		{http.MethodGet, "/", access.Viewer, c.incidents},
		{http.MethodGet, "/incidents", access.Viewer, c.incidents},
		{http.MethodGet, "/bulk", access.Responder, c.bulkAsk},
		{http.MethodGet, "/incidents/:number", access.Viewer, c.incident},
		{http.MethodGet, "/incidents/:number/review", access.Viewer, c.review},
		{http.MethodGet, "/alerts", access.Viewer, c.alerts},
		{http.MethodGet, "/alerts/:id", access.Viewer, c.alert},
		{http.MethodGet, "/alerts/:id/why", access.Viewer, c.whyAlert},
		{http.MethodGet, "/incidents/:number/why", access.Viewer, c.whyIncident},
		{http.MethodGet, "/incidents/:number/ask/:deed", access.Responder, c.ask},
		{http.MethodGet, "/cis", access.Viewer, c.cis},
		{http.MethodGet, "/cis/*", access.Viewer, c.ci},
		{http.MethodGet, "/unbound", access.Viewer, c.unbound},
		{http.MethodGet, "/changes", access.Viewer, c.calendar},
		{http.MethodGet, "/changes/:id", access.Viewer, c.changeOne},
		{http.MethodGet, "/maintenance", access.Viewer, c.maintenance},
		{http.MethodGet, "/maintenance/new", access.Responder, c.newWindow},
		{http.MethodGet, "/maintenance/:id", access.Viewer, c.window},
		{http.MethodGet, "/rules", access.Viewer, c.rules},
		{http.MethodGet, "/rules/rule/:id", access.Viewer, c.rule},
		{http.MethodGet, "/rules/try", access.Viewer, c.try},
		{http.MethodGet, "/rules/history", access.Viewer, c.ruleHistory},
		{http.MethodGet, "/rules/suggestions", access.Viewer, c.suggestions},
		{http.MethodGet, "/rules/diff", access.Viewer, c.ruleDiff},
		{http.MethodGet, "/rules/words", access.Viewer, c.ruleWords},
		{http.MethodGet, "/rules/backtests", access.Viewer, c.backtests},
		{http.MethodGet, "/rules/backtests/:id", access.Viewer, c.backtest},
		{http.MethodGet, "/rules/edit", access.Admin, c.edit},
		{http.MethodGet, "/rules/revisions/:revision", access.Viewer, c.ruleRevision},
		{http.MethodGet, "/rules/revisions/:revision/activate", access.Admin, c.activateAsk},
		{http.MethodGet, "/quarantine", access.Viewer, c.quarantine},
		{http.MethodGet, "/quarantine/:id", access.Viewer, c.quarantined},
		{http.MethodGet, "/deliveries", access.Viewer, c.deliveries},
		{http.MethodGet, "/deliveries/:offset", access.Viewer, c.delivery},
		{http.MethodGet, "/totals", access.Viewer, c.totals},
		{http.MethodGet, "/connectors", access.Viewer, c.connectors},
		{http.MethodGet, "/connectors/:connector", access.Viewer, c.connector},
		{http.MethodGet, "/status", access.Viewer, c.status},
		{http.MethodGet, "/help", access.Viewer, c.help},
		{http.MethodGet, "/live", access.Viewer, c.live},

		{http.MethodPost, "/incidents/:number/acknowledge", access.Responder, c.act(acknowledge)},
		{http.MethodPost, "/incidents/:number/unacknowledge", access.Responder, c.act(unacknowledge)},
		{http.MethodPost, "/incidents/:number/resolve", access.Responder, c.act(resolve)},
		{http.MethodPost, "/incidents/:number/reopen", access.Responder, c.act(reopen)},
		{http.MethodPost, "/incidents/:number/hold", access.Responder, c.act(hold)},
		{http.MethodPost, "/incidents/:number/resume", access.Responder, c.act(resume)},
		{http.MethodPost, "/incidents/:number/assign", access.Responder, c.act(assign)},
		{http.MethodPost, "/incidents/:number/priority", access.Responder, c.act(priority)},
		{http.MethodPost, "/incidents/:number/notes", access.Responder, c.act(note)},
		{http.MethodPost, "/incidents/:number/merge", access.Responder, c.act(merge)},
		{http.MethodPost, "/incidents/:number/split", access.Responder, c.act(split)},
		{http.MethodPost, "/incidents/:number/undo", access.Responder, c.act(undo)},
		{http.MethodPost, "/incidents/:number/unrelated", access.Responder, c.act(unrelated)},
		{http.MethodPost, "/incidents/:number/cancel", access.Responder, c.act(cancel)},
		{http.MethodPost, "/incidents/:number/parent", access.Responder, c.act(setParent)},
		{http.MethodPost, "/incidents/:number/children", access.Responder, c.act(addChild)},
		{http.MethodPost, "/incidents/:number/watch", access.Responder, c.act(follow)},
		{http.MethodPost, "/incidents/:number/unwatch", access.Responder, c.act(unfollow)},
		{http.MethodPost, "/incidents/:number/attach", access.Responder, c.act(attach)},
		{http.MethodPost, "/incidents/:number/detach", access.Responder, c.act(detach)},
		{http.MethodPost, "/incidents/:number/major/propose", access.Responder, c.act(majorPropose)},
		{http.MethodPost, "/incidents/:number/major/accept", access.ProblemManager, c.act(majorAccept)},
		{http.MethodPost, "/incidents/:number/major/reject", access.ProblemManager, c.act(majorReject)},
		{http.MethodPost, "/incidents/:number/major/demote", access.ProblemManager, c.act(majorDemote)},
		{http.MethodPost, "/incidents/:number/review", access.Responder, c.saveReview},
		{http.MethodPost, "/incidents/:number/review/done", access.ProblemManager, c.act(reviewDone)},
		{http.MethodPost, "/bulk", access.Responder, c.bulk},
		{http.MethodPost, "/unbound", access.Admin, c.unboundPost},
		{http.MethodPost, "/maintenance", access.Responder, c.saveWindow},
		{http.MethodPost, "/maintenance/:id", access.Responder, c.saveWindow},
		{http.MethodPost, "/maintenance/:id/end", access.Responder, c.windowDeed(itsm.ActMaintenanceEnd, "window-ended")},
		{http.MethodPost, "/maintenance/:id/cancel", access.Responder, c.windowDeed(itsm.ActMaintenanceCancel, "window-off")},
		{http.MethodPost, "/rules/edit", access.Admin, c.editPost},
		{http.MethodPost, "/rules/suggestions/:id/draft", access.Admin, c.draftSuggestion},
		{http.MethodPost, "/rules/suggestions/:id/backtest", access.Admin, c.trySuggestion},
		{http.MethodPost, "/rules/check", access.Admin, c.checkRules},
		{http.MethodPost, "/rules/backtests", access.Admin, c.backtestsPost},
		{http.MethodPost, "/rules/revisions/:revision/activate", access.Admin, c.activate},
		{http.MethodPost, "/quarantine/:id/retry", access.Responder, c.retry},
		{http.MethodPost, "/connectors/:connector/pause", access.Admin, c.onConnector("paused", pauseConnector)},
		{http.MethodPost, "/connectors/:connector/resume", access.Admin, c.onConnector("resumed", resumeConnector)},
		{http.MethodPost, "/connectors/:connector/test", access.Admin, c.testConnector},
		{http.MethodPost, "/connectors/:connector/dead-letters/:letter/retry", access.Responder, c.retryIntent},
	}...)
}

// Routes adds the console to app. Call it after everything else is mounted: its
// last route answers any address nobody else knows with the not-found page.
func (c *Console) Routes(app *fiber.App) {
	for _, r := range c.routes() {
		app.Add(r.method, r.path, c.guard(r))
		if r.method == http.MethodGet {
			app.Add(http.MethodHead, r.path, c.guard(r))
		}
	}
	app.Get("/*", c.notFound)
}
