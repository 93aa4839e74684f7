package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesToday() {
	w.get("/{$}", w.showToday)
}

// itemKind is a tab of Today: what the rest of the kind is called after its number,
// and the list that holds it. byOwner says that the list can be narrowed to one
// owner's.
type itemKind struct {
	kind    workspace.ItemKind
	label   string
	words   string
	rest    string
	byOwner bool
}

// itemKinds are the tabs in order.
var itemKinds = []itemKind{
	{workspace.ItemConnection, "Connections", "connections", "/connections", false},
	{workspace.ItemApproval, "Approvals", "requests to decide on", "/approvals?box=waiting", false},
	{workspace.ItemAsked, "Yours", "requests of yours", "/approvals?box=mine", false},
	{workspace.ItemFlowOff, "Switched off", "flows that are off", automationPath, false},
	{workspace.ItemDigest, "Digest", "digests", automationPath + "/digests", false},
	{workspace.ItemAction, "Partner asks", "that the partner asks about", "/opportunities?state=action_required", true},
	{workspace.ItemInvitation, "Invitations", "invitations to answer", invitationsPath + "?show=answer", false},
	{workspace.ItemToLink, "To link", "accepted ones", invitationsPath + "?show=accepted", false},
	{workspace.ItemHandOver, "To enter", "to enter in a portal by hand", handOversPath, false},
	{workspace.ItemRoute, "Routes", "routes to decide on", routesPath + "?state=open&state=reopened", false},
	{workspace.ItemIntro, "Intro meetings", "intro meetings to tell of", "", false},
	{workspace.ItemFailed, "Refused", "that were refused", attentionPath + "?kind=registration", true},
	{workspace.ItemConflict, "Conflicts", "with conflicts", conflictsPath, false},
	{workspace.ItemRefused, "Fields", "with refused fields", attentionPath + "?kind=field", true},
	{workspace.ItemBlocked, "Blocked", "that are blocked", "/opportunities?state=blocked", true},
	{workspace.ItemRejected, "Rejected", "that were rejected", "/opportunities?state=rejected", true},
	{workspace.ItemCRM, "Salesforce", "that Salesforce refused", attentionPath + "?kind=record", true},
	{workspace.ItemWaiting, "Waiting long", "that wait for long", "/opportunities?state=submitted&state=in_review", true},
}

type todayData struct {
	page  ui.Page
	owner []ui.Button // whose deals; nil when the person owns none
	cards []ui.StatCard
	aside templ.Component // the clouds whose portals are not connected
	sync  syncPart
	work  ui.WorkList
	forms []itemForm // what the acts of the items send
}

func (w *Web) showToday(rw http.ResponseWriter, r *http.Request) {
	d, err := w.todayData(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, todayPage(d))
}

func (w *Web) todayData(r *http.Request) (todayData, error) {
	var d todayData
	ctx, now := r.Context(), w.app.Clock.Now()
	kind := workspace.ItemKind(r.FormValue("kind"))
	if kind != "" && !slices.ContainsFunc(workKinds(), func(k workspace.ItemKind) bool { return k == kind }) {
		return d, problem.Invalid("kind", "unknown_kind", "There is no such kind of work: choose one of the tabs")
	}
	mine, owner := r.FormValue("who") == "mine", ""
	if crmID := person(ctx).CRMID; crmID != nil && mine {
		owner = *crmID
	}
	t, err := w.app.Workspace.Today(ctx, workspace.TodayQuery{OwnerCRMID: owner, Kind: kind})
	if err != nil {
		return d, err
	}
	sum, err := w.app.Workspace.Summary(ctx)
	if err != nil {
		return d, err
	}
	if d.sync, err = w.syncPart(r); err != nil {
		return d, err
	}
	d.cards, d.aside = w.todayCards(sum)
	d.owner = ownerButtons(r, kind, owner != "")
	d.work = ui.WorkList{ID: "work", Title: "What needs somebody", Empty: w.todayEmpty(r, t, sum, kind, d.sync)}
	if owner != "" {
		d.work.Title = "What needs you"
	}
	if d.work.Total = t.Total; kind != "" {
		d.work.Total = t.Counts[kind]
	}
	more, last := t.More(), map[workspace.ItemKind]int{}
	for i, item := range t.Items {
		shown := workItem(item, i, now)
		if item.Request != nil {
			d.forms = append(d.forms, requestItem(&shown, &item, r.URL.RequestURI(), now))
		}
		d.work.Items = append(d.work.Items, shown)
		last[item.Kind] = i
	}
	for k, i := range last {
		d.work.Items[i].More = todayMore(k, kind, owner, more[k])
	}
	d.page = w.page(r, ui.Page{Title: "Today", Nav: ui.AreaToday, Lead: d.sync.lead(now), Actions: d.sync.actions(), Tabs: todayTabs(t, kind, owner != "")})
	return d, nil
}

func workKinds() []workspace.ItemKind {
	var out []workspace.ItemKind
	for _, k := range itemKinds {
		out = append(out, k.kind)
	}
	return out
}

// todayAddress is Today narrowed to a kind and to whose deals.
func todayAddress(kind workspace.ItemKind, mine bool) string {
	v := url.Values{}
	if kind != "" {
		v.Set("kind", string(kind))
	}
	if mine {
		v.Set("who", "mine")
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

func todayTabs(t workspace.Today, kind workspace.ItemKind, mine bool) *ui.Tabs {
	tabs := &ui.Tabs{Label: "Kinds of work", Items: []ui.Tab{{Label: "Everything", Href: todayAddress("", mine), Active: kind == "", Count: t.Total}}}
	for _, k := range itemKinds {
		if t.Counts[k.kind] == 0 && k.kind != kind {
			continue
		}
		tabs.Items = append(tabs.Items, ui.Tab{Label: k.label, Href: todayAddress(k.kind, mine), Active: k.kind == kind, Count: t.Counts[k.kind]})
	}
	return tabs
}

func ownerButtons(r *http.Request, kind workspace.ItemKind, mine bool) []ui.Button {
	if person(r.Context()).CRMID == nil {
		return nil
	}
	choice := func(label string, isMine bool) ui.Button {
		b := ui.Button{Label: label, Small: true, Variant: ui.VariantGhost, Href: todayAddress(kind, isMine)}
		if isMine == mine {
			b.Variant, b.Attrs = ui.VariantSecondary, templ.Attributes{"aria-current": "true"}
		}
		return b
	}
	return []ui.Button{choice("The team's deals", false), choice("Deals I own", true)}
}

// todayMore leads to the n items of a kind that are not shown: to its list.
func todayMore(kind, only workspace.ItemKind, owner string, n int) ui.WorkMore {
	i := slices.IndexFunc(itemKinds, func(k itemKind) bool { return k.kind == kind })
	if n == 0 || i < 0 {
		return ui.WorkMore{}
	}
	k := itemKinds[i]
	m := ui.WorkMore{Text: "and " + ui.Count(int64(n)) + " more " + k.words, Href: k.rest}
	if k.rest == "" || kind == workspace.ItemWaiting && only == "" { // there is no list, or it has those that wait for a short time, too
		m.Href = todayAddress(kind, owner != "")
		return m
	}
	if k.byOwner && owner != "" {
		m.Href += "&owner=" + url.QueryEscape(owner)
	}
	return m
}

// todayCards counts what stands at each connected cloud.
func (w *Web) todayCards(sum workspace.Summary) ([]ui.StatCard, templ.Component) {
	var cards []ui.StatCard
	var off []unconnected
	for _, c := range sum.Clouds {
		if _, ok := w.app.Registrations.Portal(c.Cloud); !ok {
			if c.Joint > 0 {
				off = append(off, unconnected{cloud: string(c.Cloud), label: c.Cloud.Label(), joint: c.Joint})
			}
			continue
		}
		count := func(states ...registration.State) (int64, string) {
			n, q := int64(0), url.Values{"cloud": {string(c.Cloud)}}
			for _, s := range states {
				n += c.ByState[s]
				q.Add("state", string(s))
			}
			return n, "/opportunities?" + q.Encode()
		}
		card := func(label, note string, tone ui.Tone, states ...registration.State) {
			n, href := count(states...)
			if n == 0 {
				tone = ""
			}
			cards = append(cards, ui.StatCard{Label: label, Value: ui.Figure(n), Note: note, Tone: tone, Href: href})
		}
		cards = append(cards, ui.StatCard{Label: "Joint with " + c.Cloud.Label(), Value: ui.Figure(c.Joint), Note: "of " + ui.Count(sum.Opportunities) + " opportunities", Href: "/opportunities?cloud=" + string(c.Cloud)})
		var in []registration.State
		for _, s := range registration.States() {
			if s.InPortal() {
				in = append(in, s)
			}
		}
		card("In the portal", share(c.Register, c.Joint)+" of the joint ones", "", in...)
		card("Approved", "launched and lost ones too", ui.ToneSuccess, registration.StateApproved, registration.StateLaunched, registration.StateClosedLost)
		card("Waiting for review", "submitted or in review", "", registration.StateSubmitting, registration.StateSubmitted, registration.StateInReview)
		card("Blocked", "fields to mend in Salesforce", ui.ToneWarn, registration.StateBlocked)
	}
	if len(off) == 0 {
		return cards, nil
	}
	return cards, unconnectedLine(off)
}

type unconnected struct {
	cloud, label string
	joint        int64
}

func share(n, of int64) string {
	if of == 0 {
		return "0 %"
	}
	return strconv.FormatInt(100*n/of, 10) + " %"
}

// workItem puts one thing to do into words: what, why, since when, and the act.
func workItem(i workspace.Item, n int, now time.Time) ui.WorkItem {
	out := ui.WorkItem{ID: "work-" + strconv.Itoa(n), Cloud: string(i.Cloud), Amount: wholeMoney(i.Amount)}
	words, _ := splitError(i.Reason)
	why := []string{i.Title}
	if words != "" {
		why = append(why, strings.TrimSuffix(words, "."))
	}
	out.Why = strings.Join(why, ": ") + "."
	if days := int(now.Sub(i.Since).Hours() / 24); days > 0 && !i.Since.IsZero() && i.Kind != workspace.ItemWaiting {
		out.Why += " Since " + counted(days, "day") + "."
	}
	if i.Kind == workspace.ItemConnection {
		out.Title, out.Href, out.Tone = i.Title, "/connections", ui.ToneDanger
		out.Why = words
		if i.Urgency < 1000 {
			out.Tone = ui.ToneWarn
		}
		out.Act = ui.Button{Label: "Look at it", Href: out.Href}
		return out
	}
	switch i.Kind {
	case workspace.ItemFlowOff:
		out.Title, out.Why, out.Href, out.Tone = i.Title, words, automationPath, ui.ToneWarn
		if i.Flow != "" {
			out.Href = flowPath(i.Flow)
		}
		out.Act = ui.Button{Label: "See what waits", Href: out.Href}
		return out
	case workspace.ItemDigest:
		out.Title, out.Why, out.Href, out.Tone = i.Title, words, automationPath+"/digests/"+url.PathEscape(i.Week), ui.ToneInfo
		out.Act = ui.Button{Label: "Read it", Href: out.Href}
		return out
	}
	out.Title = i.Name
	if i.AccountName != "" && !namesAccount(i.Name, i.AccountName) {
		out.Title = i.AccountName + " · " + i.Name
	}
	if i.InvitationID != "" {
		return offerWork(out, i)
	}
	out.Href = "/opportunities/" + url.PathEscape(i.OpportunityID)
	if !i.CloseOn.IsZero() {
		out.Due = i.CloseOn.Time()
	}
	at := out.Href + "#" + string(i.Cloud)
	switch i.Kind {
	case workspace.ItemHandOver:
		out.Href = handOverPath(i.HandOverID, "")
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "Open the form", Href: out.Href}
	case workspace.ItemIntro:
		out.Href = introPath(i.IntroID, "")
		out.Tone, out.Act = ui.ToneInfo, ui.Button{Label: "Say what came of it", Href: out.Href + "#outcome"}
	case workspace.ItemRoute:
		out.Href = routePath(i.RouteID)
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "Decide", Href: out.Href + "#decide"}
	case workspace.ItemAction:
		out.Tone, out.Act = ui.ToneDanger, ui.Button{Label: "See what to change", Href: at}
	case workspace.ItemFailed:
		out.Tone, out.Act = ui.ToneDanger, ui.Button{Label: "Mend and retry", Href: at}
	case workspace.ItemConflict:
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "Settle it", Href: "/conflicts#" + i.RegistrationID}
	case workspace.ItemRefused:
		out.Tone, out.Act = ui.ToneDanger, ui.Button{Label: "Mend and send again", Href: at + "-refused"}
	case workspace.ItemBlocked:
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "Mend fields", Href: at + "-findings"}
	case workspace.ItemRejected:
		out.Tone, out.Act = ui.ToneNeutral, ui.Button{Label: "Read the reason", Href: at}
	case workspace.ItemCRM:
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "See the record", Href: at}
	default:
		out.Tone, out.Act = ui.ToneInfo, ui.Button{Label: "See the review", Href: at}
	}
	return out
}

// offerWork puts an invitation into words.
func offerWork(out ui.WorkItem, i workspace.Item) ui.WorkItem {
	out.Href, out.Due = invitationPath(i.InvitationID), i.ExpiresAt
	switch {
	case i.Kind == workspace.ItemToLink:
		out.Tone, out.Act = ui.ToneInfo, ui.Button{Label: "Link or create", Href: out.Href + "#link"}
		if i.Dismissible {
			out.Act = ui.Button{Label: "Make it an opportunity", Href: out.Href + "#convert"}
			out.Other = ui.Button{Label: "Dismiss…", Variant: ui.VariantGhost, Href: out.Href + "?dismiss#dismiss"}
		}
	case i.ExpiresAt.IsZero():
		out.Tone, out.Act = ui.ToneDanger, ui.Button{Label: "Mend and retry", Href: out.Href}
	default:
		out.Tone, out.Act = ui.ToneWarn, ui.Button{Label: "Answer it", Href: out.Href + "#answer"}
		if i.Urgency >= 530 {
			out.Tone = ui.ToneDanger
		}
	}
	return out
}

// namesAccount reports whether a deal's name begins with its account's, as many
// teams name them; the account need not be said twice then.
func namesAccount(name, account string) bool {
	n, a := strings.Fields(strings.ToLower(name)), strings.Fields(strings.ToLower(account))
	return len(n) > 0 && len(a) > 0 && n[0] == a[0] && (len(a) == 1 || len(n) > 1 && n[1] == a[1])
}

// todayEmpty teaches: what stands here, and what to do when nothing does yet.
func (w *Web) todayEmpty(r *http.Request, t workspace.Today, sum workspace.Summary, kind workspace.ItemKind, s syncPart) ui.EmptyState {
	operates := may(r, authz.ActionReadOperations)
	switch {
	case w.app.Sync.CRM == nil:
		e := ui.EmptyState{Icon: ui.IconPlug, Title: "Connect Salesforce to begin", Text: "Tandem reads your opportunities from Salesforce, finds the ones that are joint with a cloud, and says here what each of them needs. Nothing is connected yet."}
		if operates {
			e.Actions = []ui.Button{{Label: "How to connect", Variant: ui.VariantPrimary, Href: "/connections"}}
		}
		return e
	case sum.Opportunities == 0 && s.running:
		return ui.EmptyState{Icon: ui.IconRefresh, Title: "Salesforce is being read", Text: "The first read takes a few minutes in a large organisation. What needs somebody appears here as soon as it is known."}
	case sum.Opportunities == 0:
		return ui.EmptyState{Icon: ui.IconRefresh, Title: "Salesforce was not read yet", Text: "After the first read, deals that miss a field, that a partner sent back or that wait for long stand here, the most urgent on top."}
	case kind != "" && t.Total > 0:
		return ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing of this kind", Text: "What is done leaves this list by itself.", Actions: []ui.Button{{Label: "Show everything", Href: todayAddress("", r.FormValue("who") == "mine")}}}
	case r.FormValue("who") == "mine":
		return ui.EmptyState{Icon: ui.IconCheckCircle, Title: "All clear", Text: "None of the deals that you own needs anything now.", Actions: []ui.Button{{Label: "Look at the team's deals", Href: "/"}}}
	}
	return ui.EmptyState{
		Icon: ui.IconCheckCircle, Title: "All clear", Text: "No deal is blocked, sent back or stuck. New work appears here by itself after each read of Salesforce and each answer of a partner.",
		Actions: []ui.Button{{Label: "See the joint opportunities", Href: "/opportunities"}},
	}
}

// syncPart is the last read of Salesforce, the one that runs, and the button.
type syncPart struct {
	connected bool // Salesforce is
	known     bool // the person may see connections
	may       bool // the person may start one
	running   bool
	last      connection.Connection
	here      string // the page's own address
}

func (w *Web) syncPart(r *http.Request) (syncPart, error) {
	s := syncPart{connected: w.app.Sync.CRM != nil, known: may(r, authz.ActionReadOperations), may: may(r, authz.ActionSync), here: r.URL.RequestURI()}
	if s.known {
		list, err := w.app.Connections.List(r.Context())
		if err != nil {
			return s, err
		}
		for _, c := range list {
			if c.ID == "salesforce" {
				s.last = c
			}
		}
	}
	if s.connected && s.may {
		var err error
		if s.running, err = w.app.Sync.CheckPull(r.Context(), w.app.Jobs); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s syncPart) actions() []ui.Button {
	if !s.may || !s.connected {
		return nil
	}
	b := ui.Button{Label: "Sync now", Icon: ui.IconRefresh, Attrs: templ.Attributes{"form": "sync-now"}}
	if s.running {
		b.Blocked = "Salesforce is being read right now"
	}
	return []ui.Button{b}
}

func (s syncPart) lead(now time.Time) templ.Component {
	return todayLead(now, s)
}
