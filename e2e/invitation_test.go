package e2e

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

const hookKey = "a key for the tests only"

// offers is a served Tandem with a Partner Central that sends its events to it.
type offers struct {
	t        *testing.T
	services sandbox.Services
	dir      string
	password string
	p        *process
	base     string
}

func newOffers(t *testing.T) *offers {
	t.Helper()
	o := &offers{t: t, dir: t.TempDir(), services: fleet(t, sandbox.Options{TaskDelay: 700 * time.Millisecond, Demo: demo.Options{Seed: 3, Accounts: 40, Opportunities: 130}}).Services}
	o.password = user(t, "ada@example.com", "abdm", "--data-dir", o.dir)
	o.start()
	return o
}

// start starts the program and has the events sent to its address.
func (o *offers) start() {
	o.t.Helper()
	o.p, o.base = serve(o.t, command{args: []string{"serve", "--data-dir", o.dir}, env: append(connected(o.services), "TANDEM_AWS_WEBHOOK_KEY="+hookKey)})
	control(o.t, o.services.AWS.URL, "webhook", fmt.Sprintf(`{"url":%q,"api_key":%q,"duplicate":0.3,"reorder":0.2,"replay":true,"seed":1}`, o.base+"/hooks/aws", hookKey))
}

func (o *offers) visitor() *visitor {
	o.t.Helper()
	v := visit(o.t, o.base)
	if x := v.signIn("ada@example.com", o.password); x.StatusCode != http.StatusSeeOther {
		o.t.Fatalf("sign-in: %d", x.StatusCode)
	}
	return v
}

var (
	offerLink    = regexp.MustCompile(`href="(/invitations/inv_[0-9a-z]+)"`)
	offerVersion = regexp.MustCompile(`name="version" value="([0-9]+)"`)
)

// offered waits until the list shows a customer, and gives the address of the offer.
func (o *offers) offered(v *visitor, customer string) string {
	o.t.Helper()
	var path string
	eventually(o.t, 30*time.Second, "the offer for "+customer, func() error {
		list := v.get("/invitations?show=answer").text
		for _, m := range offerLink.FindAllStringSubmatch(list, -1) {
			if x := v.get(m[1]); strings.Contains(x.text, customer) {
				path = m[1]
				return nil
			}
		}
		return fmt.Errorf("not listed")
	})
	return path
}

// referred counts the opportunities that AWS brought.
func (o *offers) referred() int {
	o.t.Helper()
	n := 0
	for _, r := range portal(o.t, o.services) {
		if strings.Contains(r.Origin, "AWS") {
			n++
		}
	}
	return n
}

func TestAReferralIsAcceptedAndLinkedAndAnotherRejectedInTheBrowser(t *testing.T) {
	t.Parallel()
	o := newOffers(t)
	for _, customer := range []string{"Ampersand Freight", "Bracket Pharma"} {
		control(t, o.services.AWS.URL, "refer", fmt.Sprintf(`{"opportunity":{"Customer":{"Account":{"CompanyName":%q}}}}`, customer))
	}
	v := o.visitor()
	take, leave := o.offered(v, "Ampersand Freight"), o.offered(v, "Bracket Pharma") // told by the events: the next poll is minutes away
	// Reading needs no script.
	if x := v.get(take); !strings.Contains(x.text, "Hidden until it is accepted") || !strings.Contains(x.text, "customer contacts") || strings.Contains(x.text, "Sender contacts</dt>") {
		t.Fatalf("the page of an offer: %s", x.text)
	}
	if x := v.get("/"); !strings.Contains(x.text, "Ampersand Freight") || !strings.Contains(x.text, "Answer it") {
		t.Error("Today does not name the offer")
	}

	ctx := startBrowser(t)
	open(ctx, t, o.base+"/sign-in?next=/invitations")
	press(ctx, t, chromedp.SendKeys(chromedp.CSS("input[name=email]"), "ada@example.com"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), o.password+"\r"))
	arrived(ctx, t, `location.pathname === "/invitations"`)
	picture(ctx, t, "invitations-list")
	said := listen(ctx)
	open(ctx, t, o.base+take)
	picture(ctx, t, "invitation-pending")
	press(ctx, t, chromedp.Click(chromedp.CSS("#accept button")))
	arrived(ctx, t, `document.querySelector("#link-form, #link") !== null`)
	arrived(ctx, t, `document.querySelector("#known").textContent.includes("Street") && document.querySelector("#hidden") === null`)
	eventually(t, 60*time.Second, "Salesforce is read", func() error {
		if x := v.get(take + "?q=a"); !strings.Contains(x.text, `name="opportunity"`) {
			return fmt.Errorf("no opportunity is found")
		}
		return nil
	})
	open(ctx, t, o.base+take+"?q=a")
	picture(ctx, t, "invitation-accepted")
	press(ctx, t, chromedp.Click(chromedp.CSS("#link-form input[type=radio]")), chromedp.Click(chromedp.CSS("#link-form button")))
	arrived(ctx, t, `document.querySelector("#linked a") !== null`)
	press(ctx, t, chromedp.Click(chromedp.CSS("#linked a")))
	arrived(ctx, t, `location.pathname.startsWith("/opportunities/")`)

	open(ctx, t, o.base+leave)
	press(ctx, t, chromedp.Click(chromedp.CSS("#answer summary")), chromedp.SetValue(chromedp.CSS("#reject select"), "Unable to support"), chromedp.Click(chromedp.CSS("#reject button")))
	arrived(ctx, t, `document.querySelector("#answer") === null && document.querySelector(".record-header, #invitation").textContent.includes("Rejected")`)
	picture(ctx, t, "invitation-rejected")
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
	if n := o.referred(); n != 1 {
		t.Errorf("%d opportunities of AWS's", n)
	}
	if x := v.get("/invitations?show=linked"); !strings.Contains(x.text, "Ampersand Freight") {
		t.Error("it is not in the list of linked ones")
	}
}

// An Associate's answer waits for a Director, and goes out by itself when it is
// approved.
func TestAnAssociateAcceptsAReferralAndADirectorApprovesItInTheBrowser(t *testing.T) {
	t.Parallel()
	o, axe := newOffers(t), readAxe(t)
	ann, dan := user(t, "ann@example.com", "associate", "--data-dir", o.dir), user(t, "dan@example.com", "director", "--data-dir", o.dir)
	control(t, o.services.AWS.URL, "refer", `{"opportunity":{"Customer":{"Account":{"CompanyName":"Dovetail Labs"}}}}`)
	offer := o.offered(o.visitor(), "Dovetail Labs")
	ctx := startBrowser(t)
	sees := func(text string) {
		t.Helper()
		arrived(ctx, t, fmt.Sprintf(`document.body.textContent.includes(%q)`, text))
	}

	signedIn(ctx, t, o.base, "ann@example.com", ann)
	said := listen(ctx)
	open(ctx, t, o.base+offer)
	sees("A Director approves it first; then it goes out by itself.")
	press(ctx, t, chromedp.Click(chromedp.CSS("#accept button")))
	sees("Sent to Test director for approval: it goes out by itself when approved")
	sees("Nothing: it waits for a Director")
	examine(ctx, t, axe, "invitation-waits")
	open(ctx, t, o.base+"/")
	sees("Waits for approval: Accept the referral from AWS")
	if n := o.referred(); n != 0 {
		t.Fatalf("%d opportunities before a Director approved", n)
	}

	signedIn(ctx, t, o.base, "dan@example.com", dan)
	sees("Test associate asks: Accept the referral from AWS")
	examine(ctx, t, axe, "today-approve-invitation")
	open(ctx, t, o.base+"/invitations")
	sees("Waits for approval")
	open(ctx, t, o.base+offer)
	sees("Decide on the request of Test associate")
	press(ctx, t, chromedp.Click(chromedp.CSS(`a[href^="/approvals/apr_"]`)))
	sees("What is offered")
	examine(ctx, t, axe, "approval-invitation")
	press(ctx, t, chromedp.Click(chromedp.CSS(`form[action$="/approve"] button`)))
	sees("Approved: it goes out now, in Test associate's name")
	open(ctx, t, o.base+offer)
	arrived(ctx, t, `document.querySelector("#link") !== null`)
	sees("Test associate")
	examine(ctx, t, axe, "invitation-approved")
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
	if n := o.referred(); n != 1 {
		t.Errorf("%d opportunities of AWS's", n)
	}
}

// What AWS offers is made an opportunity in Salesforce with one act, after its
// fields were shown; what Salesforce refuses is marked at its field.
func TestAReferralIsMadeAnOpportunityInSalesforceInTheBrowser(t *testing.T) {
	t.Parallel()
	o, axe := newOffers(t), readAxe(t)
	v := o.visitor()
	eventually(t, 60*time.Second, "Salesforce is read", func() error {
		if x := v.get("/opportunities"); !strings.Contains(x.text, `href="/opportunities/opp_`) {
			return fmt.Errorf("no opportunity is listed")
		}
		return nil
	})
	const known = `fetch("/api/v1/opportunities?limit=1").then(r => r.json()).then(x => x.items[0].account_name)`
	ctx := startBrowser(t)
	open(ctx, t, o.base+"/sign-in")
	signedIn(ctx, t, o.base, "ada@example.com", o.password)
	customer := evaluate[string](ctx, t, known)
	control(t, o.services.AWS.URL, "refer", fmt.Sprintf(`{"opportunity":{"Customer":{"Account":{"CompanyName":%q}}}}`, customer))
	offer := o.offered(v, html.EscapeString(customer))
	sees := func(text string) {
		t.Helper()
		arrived(ctx, t, fmt.Sprintf(`document.body.textContent.includes(%q)`, text))
	}
	said := listen(ctx)
	open(ctx, t, o.base+offer)
	press(ctx, t, chromedp.Click(chromedp.CSS("#accept button")))
	arrived(ctx, t, `document.querySelector("#link") !== null`)
	examine(ctx, t, axe, "invitation-link")
	press(ctx, t, chromedp.Click(chromedp.CSS(`#link a[href$="/create"]`)))
	sees("AWS Project.Title → Opportunity.Name")
	if got := evaluate[string](ctx, t, `document.querySelector("input[name='opportunity.account']:checked").closest("label").textContent`); !strings.Contains(got, customer) {
		t.Errorf("the account is %q", got)
	}
	examine(ctx, t, axe, "invitation-create")

	// Another account is looked for without losing what was entered.
	press(ctx, t, chromedp.SetValue(chromedp.CSS("[name='opportunity.name']"), "A name of ours"), chromedp.SendKeys(chromedp.CSS("[name=account_query]"), "zzz"), chromedp.Evaluate[chromedp.Void](`window.before = 1`), chromedp.Click(chromedp.CSS("[name=find]")))
	arrived(ctx, t, `window.before === undefined && document.querySelector("[name='opportunity.name']").value === "A name of ours" && document.querySelector("[name=account_query]").value === "zzz"`)
	sees("No account is called “zzz”")
	press(ctx, t, chromedp.Evaluate[chromedp.Void](`document.querySelector("[name='opportunity.stage']").value = ""; document.querySelector("form[data-guard]").noValidate = true`), chromedp.Click(chromedp.CSS("form[data-guard] .btn-primary")))
	sees("Nothing was made")
	sees("Stage is needed: Salesforce makes no opportunity without it")
	said() // the browser tells of the refused form
	said = listen(ctx)
	examine(ctx, t, axe, "invitation-create-wrong")

	control(t, o.services.Salesforce.URL, "setup", `{"validation_rules":[{"object":"Opportunity","name":"Offered","when":"CoSell_Origin_Key__c != null","field":"Description","message":"Say what the customer needs"}]}`)
	press(ctx, t, chromedp.SetValue(chromedp.CSS("[name='opportunity.stage']"), "1-Discovery"), chromedp.Click(chromedp.CSS("form[data-guard] .btn-primary")))
	sees("Salesforce refused to make the opportunity")
	sees("Mend what Salesforce refused")
	examine(ctx, t, axe, "invitation-create-refused")
	control(t, o.services.Salesforce.URL, "setup", `{}`)
	press(ctx, t, chromedp.Click(chromedp.CSS(`a[href$="/create"]`)))
	sees("Say what the customer needs")
	press(ctx, t, chromedp.Click(chromedp.CSS("form[data-guard] .btn-primary")))
	arrived(ctx, t, `document.querySelector("#linked a")?.textContent.includes("A name of ours")`)
	examine(ctx, t, axe, "invitation-created")
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
	if n := o.referred(); n != 1 {
		t.Errorf("%d opportunities of AWS's", n)
	}
}

func TestALeadIsDismissedFromTheListAndTheDismissalTakenBackInTheBrowser(t *testing.T) {
	t.Parallel()
	o, axe := newOffers(t), readAxe(t)
	control(t, o.services.AWS.URL, "refer", `{"kind":"lead","lead":{"Customer":{"CompanyName":"Ember Textiles"}}}`)
	v := o.visitor()
	offer := o.offered(v, "Ember Textiles")
	ctx := startBrowser(t)
	open(ctx, t, o.base+"/sign-in")
	signedIn(ctx, t, o.base, "ada@example.com", o.password)
	sees := func(text string) {
		t.Helper()
		arrived(ctx, t, fmt.Sprintf(`document.body.textContent.includes(%q)`, text))
	}
	said := listen(ctx)
	open(ctx, t, o.base+offer)
	press(ctx, t, chromedp.Click(chromedp.CSS("#accept button")))
	arrived(ctx, t, `document.querySelector("#convert") !== null`)
	examine(ctx, t, axe, "lead-accepted")
	open(ctx, t, o.base+"/invitations?show=accepted")
	examine(ctx, t, axe, "invitations-leads")
	press(ctx, t, chromedp.Click(chromedp.CSS(`a[href$="?dismiss#dismiss"]`)))
	arrived(ctx, t, `document.querySelector("#dismiss details").open`)
	examine(ctx, t, axe, "lead-dismiss")
	press(ctx, t, chromedp.SendKeys(chromedp.CSS("[name=dismissal]"), "No budget this year"), chromedp.Click(chromedp.CSS(`form[action$="/dismiss"] button`)))
	sees("The lead is dismissed")
	press(ctx, t, chromedp.Click(chromedp.CSS(`form[action$="/restore"] button`)))
	sees("It is an accepted lead again")
	arrived(ctx, t, `document.querySelector("#convert") !== null && document.querySelector("#invitation[hx-get]") === null`)

	press(ctx, t, chromedp.Click(chromedp.CSS("#dismiss summary")), chromedp.SendKeys(chromedp.CSS("[name=dismissal]"), "Really none"), chromedp.Click(chromedp.CSS(`form[action$="/dismiss"] button`)))
	sees("The lead is dismissed")
	open(ctx, t, o.base+"/invitations?show=dismissed")
	sees("Ember Textiles")
	open(ctx, t, o.base+offer)
	sees("Really none")
	examine(ctx, t, axe, "lead-dismissed")
	if x := v.get("/"); strings.Contains(x.text, "Ember Textiles") {
		t.Error("a dismissed lead is on Today")
	}
	press(ctx, t, chromedp.Click(chromedp.CSS(`#dismissed button`)))
	sees("It is an accepted lead again")
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
}

func press(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func picture(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv(screenshotsEnv)
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// Killed at whatever moment after a person accepted, and however often the form is
// sent, AWS makes one opportunity.
func TestAnAcceptanceThatIsKilledOrRepeatedMakesOneOpportunity(t *testing.T) {
	t.Parallel()
	o := newOffers(t)
	for n, after := range []time.Duration{0, 30 * time.Millisecond, 400 * time.Millisecond} {
		customer := fmt.Sprintf("Cornice Works %c", 'A'+n)
		control(t, o.services.AWS.URL, "refer", fmt.Sprintf(`{"opportunity":{"Customer":{"Account":{"CompanyName":%q}}}}`, customer))
		v := o.visitor()
		path := o.offered(v, customer)
		m := offerVersion.FindStringSubmatch(v.get(path).text)
		if m == nil {
			t.Fatal("the form has no version")
		}
		form := url.Values{"version": {m[1]}}
		if x := v.do(http.MethodPost, path+"/accept", form); x.StatusCode != http.StatusSeeOther {
			t.Fatalf("accept: %d %s", x.StatusCode, x.text)
		}
		if x := v.do(http.MethodPost, path+"/accept", form); x.StatusCode != http.StatusPreconditionFailed && x.StatusCode != http.StatusConflict {
			t.Fatalf("accept again: %d", x.StatusCode)
		}
		time.Sleep(after)
		o.p.kill()
		o.start()
		v = o.visitor()
		eventually(t, 40*time.Second, customer+" is accepted", func() error {
			if x := v.get(path); !strings.Contains(x.text, `id="link"`) {
				return fmt.Errorf("not yet")
			}
			return nil
		})
		if got := o.referred(); got != n+1 {
			t.Fatalf("killed after %s: %d opportunities for %d offers", after, got, n+1)
		}
	}
}
