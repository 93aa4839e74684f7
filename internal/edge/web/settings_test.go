package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestEverySettingsPageShowsWhatIsThereAndOnlyDirectorsFindWhatChangesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	director, associate, reader := h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Rita Reader", authz.LevelReader)
	if got := h.browser(t).get("/settings/people"); got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/sign-in?next=") {
		t.Errorf("somebody who is not signed in: %d %s", got.status, got.header.Get("Location"))
	}
	for _, v := range []*visitor{director, associate, reader} {
		if got := v.get("/settings"); got.header.Get("Location") != "/settings/profile" {
			t.Errorf("/settings leads to %q", got.header.Get("Location"))
		}
		v.sees("/settings/profile", 200, v.person.Name, v.person.Email, v.person.Level.Label(), "see the team's deals", "Theme and density")
		v.sees("/settings/about", 200, "test", "SQLite", "Schema version", "htmx", "Zero-Clause BSD", "Mozilla Public License 2.0")
		v.sees("/settings/tokens", 200, "No token yet", "Make token")
		v.sees("/settings/joint-rule", 200, "A deal is joint with AWS when its resale partner, influence partner or deal registration partner names “amazon web services”, “amazon” or “aws”.", "“10-Duplicate” are not registered, and neither are closed ones.")
	}
	director.sees("/settings/joint-rule", 200, "Save rule", "Preview", `name="clouds.aws.words"`)
	director.sees("/settings/policies", 200, "oversight.cedar", "Nobody approves their own request", "team.cedar", "in force in this Tandem", `value="250000"`, "Save")
	director.sees("/settings/people", 200, "Add a user", "Rita Reader", "Ada Associate")
	director.sees("/settings/people/new", 200, "Add user")
	director.sees("/settings/people/"+reader.person.ID, 200, "Set level", "Disable…")
	director.sees("/settings/people/"+director.person.ID, 200, "This is you", "!Set level")
	director.sees("/settings/people/usr_nobody", 404)
	for _, v := range []*visitor{associate, reader} {
		v.sees("/settings/joint-rule", 200, "!Save rule", "!<textarea", "Directors change this rule")
		v.sees("/settings/solutions", 200, "!Save", "Directors choose")
		v.sees("/settings/policies", 200, "!Save", "Directors change this value", "oversight.cedar")
		v.sees("/settings/people", 200, "!Add a user")
		v.sees("/settings/people/new", 403)
		v.sees("/settings/people/"+director.person.ID, 403)
		at := "/settings/people/" + director.person.ID
		for path, form := range map[string]url.Values{
			"/settings/joint-rule": ruleForm(opportunity.DefaultJointRule(), "0"), "/settings/joint-rule/preview": ruleForm(opportunity.DefaultJointRule(), "0"),
			"/settings/solutions": {"version": {"0"}}, "/settings/policies": {"version": {"0"}, "threshold_usd": {"1"}}, "/settings/people": {"name": {"X Y"}, "email": {"x@y.example"}, "level": {"director"}},
			at + "/level": {"level": {"reader"}}, at + "/password": nil, at + "/disable": nil,
		} {
			if got := v.post(path, form); got.status != http.StatusForbidden {
				t.Errorf("%s may POST %s: %d", v.person.Level, path, got.status)
			}
		}
	}
}

func TestATokenIsShownOnceAndKeptNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	got := v.post("/settings/tokens", url.Values{"name": {"nightly <b>report</b>"}, "scopes": {"read", "write"}, "expires_in": {"30"}})
	got.holds(t, "the answer", http.StatusCreated, "It is shown this one time")
	secret := between(t, got.text, `data-copy="`, `"`)
	if !strings.HasPrefix(secret, "tdm_") {
		t.Fatalf("no token but %q", secret)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("a browser may keep the page with the token")
	}
	if strings.Contains(got.raw, "<b>report") {
		t.Error("the name is not escaped")
	}
	if a, err := h.app.Team.ActorOfToken(t.Context(), secret); err != nil || a.ID != v.person.ID {
		t.Errorf("the token does not work: %v", err)
	}
	list := v.sees("/settings/tokens", 200, "!"+secret, "nightly", "read, write", "…"+secret[len(secret)-4:])
	if h.stored(t, secret) {
		t.Error("the token is in the data folder or the log")
	}
	v.post("/settings/tokens", url.Values{"name": {""}, "expires_in": {"30"}}).holds(t, "a token without a name", 422, "Give the token a name", "Choose at least one scope")
	v.post("/settings/tokens", url.Values{"name": {"kept name"}, "scopes": {"read"}, "expires_in": {"1e9"}}).holds(t, "a life that is no choice", 422, "Choose how long", "kept name")

	revoke := "/settings/tokens/" + between(t, list.text, "/settings/tokens/", `/revoke`) + "/revoke"
	v.sees(revoke, 200, "Revoke token", "cannot be taken back")
	if got := h.visitor(t, "Eve Else", authz.LevelDirector).post(revoke, nil); got.status != http.StatusNotFound {
		t.Errorf("somebody else's token: %d", got.status)
	}
	if got := v.post(revoke, nil); got.status != http.StatusSeeOther {
		t.Fatalf("revoke: %d", got.status)
	}
	if _, err := h.app.Team.ActorOfToken(t.Context(), secret); err == nil {
		t.Error("a revoked token works")
	}
	v.sees("/settings/tokens", 200, "The token is revoked", "No token yet")
}

func TestADirectorAddsChangesAndDisablesAUserAndThePasswordIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	director := h.visitor(t, "Dora Director", authz.LevelDirector)
	got := director.post("/settings/people", url.Values{"name": {"Nina Neu"}, "email": {"nina@team.example"}, "level": {"abdm"}})
	got.holds(t, "the answer", http.StatusCreated, "shown this one time", "nina@team.example")
	password := between(t, got.text, `data-copy="`, `"`)
	if h.stored(t, password) {
		t.Error("the password is in the data folder or the log")
	}
	director.post("/settings/people", url.Values{"name": {"Nina Again"}, "email": {"nina@team.example"}, "level": {"abdm"}}).holds(t, "one who exists", 409, "There is a user with the address", "Nina Again")
	director.post("/settings/people", url.Values{"name": {"Bad"}, "email": {"no address"}, "level": {"king"}}).holds(t, "wrong input", 422, "is not an e-mail address", "is not a level", `value="no address"`)

	nina := h.browser(t)
	if got := nina.post("/sign-in", url.Values{"email": {"nina@team.example"}, "password": {password}}); got.status != http.StatusSeeOther {
		t.Fatalf("the password does not work: %d", got.status)
	}
	list := director.sees("/settings/people?q=nina", 200, "Nina Neu", "!Dora Director</bdi>\n", "!"+password)
	at := "/settings/people/" + between(t, between(t, list.text, "<tbody", "</tbody>"), "/settings/people/", `"`)
	if got := director.post(at+"/level", url.Values{"level": {"senior"}}); got.header.Get("Location") != at {
		t.Errorf("set level: %d", got.status)
	}
	director.sees(at, 200, "Senior Alliance Business Development Manager")
	director.sees(at+"?confirm=disable", 200, "Disable user")
	second := between(t, director.post(at+"/password", nil).text, `data-copy="`, `"`)
	if second == password || h.stored(t, second) {
		t.Error("the second password is the first, or stored")
	}
	if got := director.post(at+"/disable", nil); got.status != http.StatusSeeOther {
		t.Fatalf("disable: %d", got.status)
	}
	if got := nina.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("somebody disabled still sees pages: %d", got.status)
	}
	own := "/settings/people/" + director.person.ID
	director.post(own+"/disable", nil).holds(t, "disable oneself", 409, "ask another Director")
	director.post(own+"/level", url.Values{"level": {"reader"}}).holds(t, "demote oneself", 409, "ask another Director")
}

func ruleForm(r opportunity.JointRule, version string) url.Values {
	v := url.Values{"version": {version}}
	for c, rule := range r.Clouds {
		at := "clouds." + string(c) + "."
		if rule.Enabled {
			v.Set(at+"enabled", "yes")
		}
		if rule.RegisterClosed {
			v.Set(at+"register_closed", "yes")
		}
		v[at+"fields"] = rule.Fields
		v.Set(at+"words", strings.Join(rule.Words, "\r\n"))
		v.Set(at+"exclude_stages", strings.Join(rule.ExcludeStages, "\r\n"))
	}
	return v
}

func TestTheJointRuleIsPreviewedSavedAndAConflictKeepsTheInput(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	director := h.visitor(t, "Dora Director", authz.LevelDirector)
	sum, err := h.app.Workspace.Summary(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	joint := sum.Clouds[0].Joint
	if joint == 0 {
		t.Fatal("nothing is joint with AWS in the small organisation")
	}
	rule := opportunity.DefaultJointRule()
	aws := rule.Clouds[cloud.AWS]
	aws.Words, aws.RegisterClosed = []string{"nobody & <script>"}, true
	rule.Clouds[cloud.AWS] = aws

	got := director.post("/settings/joint-rule/preview", ruleForm(rule, "0"))
	got.holds(t, "the preview", 200, "stop being joint", "nothing is saved yet", "Nothing changes", "nobody & <script>")
	if strings.Contains(got.raw, "<script>\n") || strings.Contains(got.raw, "& <script>") {
		t.Error("the words are not escaped")
	}
	if after, err := h.app.Workspace.Summary(h.ctx); err != nil || after.Clouds[0].Joint != joint {
		t.Errorf("the preview changed something: %v %v", after, err)
	}
	bad := opportunity.DefaultJointRule()
	bad.Clouds[cloud.Azure] = opportunity.CloudRule{Enabled: true, Words: []string{"x"}, ExcludeStages: []string{"My own stage"}}
	director.post("/settings/joint-rule", ruleForm(bad, "0")).holds(t, "a wrong rule", 422, "Choose at least one field", "too short", "My own stage", `href="#f-clouds.azure.fields"`)

	if got := director.post("/settings/joint-rule", ruleForm(rule, "0")); got.status != http.StatusSeeOther {
		t.Fatalf("save: %d %s", got.status, got.text)
	}
	director.sees("/settings/joint-rule", 200, "The joint rule is in force", "changed by Dora Director", "names “nobody & <script>”", "closed ones are", `name="version" value="1"`)
	if after, err := h.app.Workspace.Summary(h.ctx); err != nil || after.Clouds[0].Joint != 0 {
		t.Errorf("after the save %d are joint: %v", after.Clouds[0].Joint, err)
	}
	mine := opportunity.DefaultJointRule()
	gcp := mine.Clouds[cloud.GCP]
	gcp.Words = []string{"my words"}
	mine.Clouds[cloud.GCP] = gcp
	director.post("/settings/joint-rule", ruleForm(mine, "0")).holds(t, "a stale save", 412, "Somebody changed the rule while you were editing", "Dora Director's", "my words", `name="version" value="1"`)
	if got := director.post("/settings/joint-rule", ruleForm(mine, "1")); got.status != http.StatusSeeOther {
		t.Errorf("the second save: %d", got.status)
	}
	director.post("/settings/joint-rule", url.Values{"version": {"x"}}).holds(t, "a form that is not whole", 422)
}

func TestADirectorSetsTheStartOfTheFiscalYearAndTheViewsFollow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	director, reader := h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Rita Reader", authz.LevelReader)
	reader.sees("/settings/fiscal-year", 200, "1 February", "Directors change", "!Save")
	if got := reader.post("/settings/fiscal-year", url.Values{"version": {"0"}, "start_month": {"7"}}); got.status != http.StatusForbidden {
		t.Errorf("a reader may change it: %d", got.status)
	}
	director.post("/settings/fiscal-year", url.Values{"version": {"0"}, "start_month": {"13"}}).holds(t, "a month that is none", 422, "Choose a month")
	if got := director.post("/settings/fiscal-year", url.Values{"version": {"0"}, "start_month": {"7"}}); got.status != http.StatusSeeOther {
		t.Fatalf("save: %d", got.status)
	}
	page := director.sees("/settings/fiscal-year", 200, "1 July", "starts in July")
	director.post("/settings/fiscal-year", url.Values{"version": {"0"}, "start_month": {"1"}}).holds(t, "an old form", 412, "while you were editing")
	quarter := between(t, page.text, "FY", "<")
	director.sees("/opportunities", 200, "Closing in FY"+quarter)
}

func TestTheDefaultSolutionsAreChosenFromThePortal(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	director, reader := h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Rita Reader", authz.LevelReader)
	list, err := h.app.Registrations.Solutions(h.ctx, cloud.AWS)
	if err != nil || len(list) == 0 {
		t.Fatalf("%v %v", list, err)
	}
	id := list[0].RemoteID
	director.sees("/settings/solutions", 200, list[0].Name, id, `type="checkbox" name="aws"`, "Microsoft Partner Center is not connected")
	reader.sees("/settings/solutions", 200, "None is chosen", "!checkbox\" name=\"aws\"")
	if got := director.post("/settings/solutions", url.Values{"version": {"0"}, "aws": {id}}); got.status != http.StatusSeeOther {
		t.Fatalf("save: %d %s", got.status, got.text)
	}
	reader.sees("/settings/solutions", 200, list[0].Name)
	director.post("/settings/solutions", url.Values{"version": {"0"}, "aws": {list[1].RemoteID}}).holds(t, "a stale save", 412, "Somebody changed the default solutions")
	director.post("/settings/solutions", url.Values{"version": {"1"}, "aws": {"S-<i>none"}}).holds(t, "one that is not there", 422, "is not a solution in AWS Partner Central", "not in the portal any more")
}

func TestAPersonChangesTheirPasswordAndOnlyTheirOtherSessionsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	here := h.visitor(t, "Ada Associate", authz.LevelReader)
	if _, err := h.app.Team.SetPassword(h.ctx, here.person.Email, "the first password"); err != nil {
		t.Fatal(err)
	}
	in := func(v *visitor, password string) int {
		return v.post("/sign-in", url.Values{"email": {here.person.Email}, "password": {password}}).status
	}
	there := h.browser(t)
	if in(here, "the first password") != http.StatusSeeOther || in(there, "the first password") != http.StatusSeeOther {
		t.Fatal("cannot sign in")
	}
	here.sees("/settings/profile", 200, "Your password", `autocomplete="current-password"`, `autocomplete="new-password"`)
	form := func(current, next, again string) url.Values {
		return url.Values{"current": {current}, "new": {next}, "again": {again}}
	}
	here.post("/settings/password", form("wrong", "the second password", "the second password")).holds(t, "a wrong one", 422, "This is not your current password", "!the second password")
	here.post("/settings/password", form("the first password", "the second password", "the third password")).holds(t, "two different ones", 422, "stands here differently")
	here.post("/settings/password", form("the first password", "short", "short")).holds(t, "a short one", 422, "at least 12 characters")
	if got := here.post("/settings/password", form("the first password", "the second password", "the second password")); got.status != http.StatusSeeOther {
		t.Fatalf("%d %.300s", got.status, got.text)
	}
	here.sees("/settings/profile", 200, "Your password is changed")
	if got := there.get("/settings/profile"); got.status != http.StatusSeeOther {
		t.Errorf("the other session goes on: %d", got.status)
	}
	if in(there, "the first password") != http.StatusUnauthorized || in(there, "the second password") != http.StatusSeeOther {
		t.Error("the new password is not the one that counts")
	}
	if h.stored(t, "the second password") {
		t.Error("the password is in the data folder or the log")
	}
	for range 5 {
		here.post("/settings/password", form("a guess", "the third password", "the third password"))
	}
	here.post("/settings/password", form("the second password", "the third password", "the third password")).holds(t, "after many guesses", 429, "Too many attempts")
}
