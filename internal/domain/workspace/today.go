package workspace

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// ItemKind says what sort of work an item of Today is.
type ItemKind string

// The kinds, and with them the one clear action of an item.
const (
	ItemConnection ItemKind = "connection"      // a system cannot be reached: look at Connections
	ItemAction     ItemKind = "action_required" // the partner wants something mended: mend it
	ItemFailed     ItemKind = "failed"          // the portal refused a call: mend and retry
	ItemConflict   ItemKind = "conflict"        // both sides changed a field: settle it
	ItemRefused    ItemKind = "refused"         // the portal takes no value of a field: mend it and send it again
	ItemBlocked    ItemKind = "blocked"         // fields are missing: mend them in Salesforce
	ItemRejected   ItemKind = "rejected"        // the partner refused the deal: tell its owner
	ItemCRM        ItemKind = "crm"             // Salesforce refused a write: mend and retry
	ItemWaiting    ItemKind = "waiting"         // the partner has not answered for long: ask
	ItemApproval   ItemKind = "approval"        // somebody asks for approval: decide
	ItemAsked      ItemKind = "asked"           // one's own request waits, or was decided on: take note
	ItemInvitation ItemKind = "invitation"      // a partner offers a deal or a lead: answer it, or try again
	ItemIntro      ItemKind = "intro_outcome"   // an intro meeting is over: say whether it was held
	ItemFlowOff    ItemKind = "flow_off"        // somebody switched a flow off, or all of them: know it
	ItemDigest     ItemKind = "digest"          // the week's digest of automation: read it
	ItemHandOver   ItemKind = "hand_over"       // a deal is to be entered in a portal by hand: fill the form in there
	ItemRoute      ItemKind = "route"           // two sides claim a deal: decide whose route it is
	ItemToLink     ItemKind = "invitation_link" // an accepted one has no opportunity of Salesforce yet: link it
)

// Item is one thing that needs a person. Request is set for the kinds approval and
// asked.
type Item struct {
	Kind           ItemKind           `json:"kind"`
	Title          string             `json:"title"`
	Reason         string             `json:"reason"`
	OpportunityID  string             `json:"opportunity_id"`
	RegistrationID string             `json:"registration_id"`
	Name           string             `json:"name"`
	AccountName    string             `json:"account_name"`
	OwnerName      string             `json:"owner_name"`
	Cloud          cloud.Cloud        `json:"cloud"`
	State          registration.State `json:"state"`
	Amount         money.Amount       `json:"amount"`
	CloseOn        date.Date          `json:"close_on"`
	Since          time.Time          `json:"since"`
	InvitationID   string             `json:"invitation_id"`
	IntroID        string             `json:"intro_id"`
	Flow           automation.FlowID  `json:"flow"` // that is off, "" for all of them
	Week           string             `json:"week"` // of a digest
	HandOverID     string             `json:"hand_over_id"`
	RouteID        string             `json:"route_conflict_id"`
	ExpiresAt      time.Time          `json:"expires_at"`  // of an invitation that waits for an answer
	Dismissible    bool               `json:"dismissible"` // an accepted lead that can be dismissed
	Urgency        int                `json:"urgency"`     // higher is more urgent; see urgency
	Request        *approval.Request  `json:"request,omitempty"`
}

// Today is the day's work: the most urgent items first, and how many of each
// kind there are in all.
type Today struct {
	Items  []Item           `json:"items"`
	Counts map[ItemKind]int `json:"counts"`
	Total  int              `json:"total"`
}

// More says how many of each kind are not among the items.
func (t *Today) More() map[ItemKind]int {
	out := maps.Clone(t.Counts)
	for _, i := range t.Items {
		out[i.Kind]--
	}
	maps.DeleteFunc(out, func(_ ItemKind, n int) bool { return n <= 0 })
	return out
}

// TodayQuery says whose work is asked for, by the owner's CRM id, "" the team's,
// and of which kind, "" everything.
type TodayQuery struct {
	OwnerCRMID string
	Kind       ItemKind
}

// waitingAfter is how long a review may take before someone should ask: a
// typical one takes 24 to 72 hours (aws.md §1.7; third-party, unverified).
const waitingAfter = 5 * 24 * time.Hour

// What Today shows: of one kind at most TodayLimit items. Of everything at least the
// KindShare most urgent of each kind, so that many of one don't hide another, and
// beyond that the most urgent of all until there are TodayPage.
const (
	TodayLimit = 100
	TodayPage  = 30
	KindShare  = 5
)

// Today gives what needs a person: of the deals of one owner, or of all; and in both
// cases what waits for the decision of whoever asks, and what became of their own
// requests. Needs read.
func (s *Service) Today(ctx context.Context, q TodayQuery) (Today, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Today{}, err
	}
	now := s.clock.Now()
	rows, err := needy(ctx, s.db, q.OwnerCRMID, now.Add(-waitingAfter), now.AddDate(0, 0, -14))
	if err != nil {
		return Today{}, err
	}
	t := Today{Items: []Item{}, Counts: map[ItemKind]int{}}
	for i := range rows {
		item := rows[i].item(now)
		t.Counts[item.Kind]++
		t.Items = append(t.Items, item)
	}
	if err := s.addIntros(ctx, &t, q.OwnerCRMID, now); err != nil {
		return Today{}, err
	}
	if err := s.addHandOvers(ctx, &t, q.OwnerCRMID, now); err != nil {
		return Today{}, err
	}
	if err := s.addRoutes(ctx, &t, q.OwnerCRMID, now); err != nil {
		return Today{}, err
	}
	if q.OwnerCRMID == "" { // nobody owns an invitation
		if err := s.addOffers(ctx, &t, now); err != nil {
			return Today{}, err
		}
	}
	if authz.Require(ctx, authz.ActionReadOperations) == nil {
		sick, err := unhealthy(ctx, s.db)
		if err != nil {
			return Today{}, err
		}
		for _, c := range sick {
			t.Counts[ItemConnection]++
			item := Item{Kind: ItemConnection, Title: c.Label() + " cannot be reached", Reason: c.Error, Since: c.FailedAt, Urgency: 1000}
			if c.Status == connection.StatusDegraded {
				item.Title, item.Urgency = c.Label()+" answers badly", 300
			}
			t.Items = append(t.Items, item)
		}
	}
	if err := s.addAutomation(ctx, &t); err != nil {
		return Today{}, err
	}
	if err := s.addRequests(ctx, &t, now); err != nil {
		return Today{}, err
	}
	maps.DeleteFunc(t.Counts, func(_ ItemKind, n int) bool { return n == 0 })
	for _, n := range t.Counts {
		t.Total += n
	}
	slices.SortStableFunc(t.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Urgency, a.Urgency), cmp.Compare(a.CloseOn, b.CloseOn), a.Since.Compare(b.Since))
	})
	t.Items = shown(t.Items, q.Kind)
	if err := s.sayWhichFields(ctx, t.Items); err != nil {
		return t, err
	}
	return t, s.sayWhatToMend(ctx, t.Items)
}

// addIntros adds the intro meetings of which nobody has said whether they were held.
func (s *Service) addIntros(ctx context.Context, t *Today, ownerCRMID string, now time.Time) error {
	met, err := intro.AwaitOutcome(ctx, s.db, ownerCRMID, now, TodayLimit)
	for i := range met {
		m := &met[i]
		t.Counts[ItemIntro]++
		t.Items = append(t.Items, Item{
			Kind: ItemIntro, Title: "Was it held?", Reason: m.Title, OpportunityID: m.OpportunityID, Name: m.DealName, AccountName: m.AccountName, OwnerName: m.OwnerName,
			Cloud: m.Cloud, Since: m.EndsAt, IntroID: m.ID, Urgency: 250,
		})
	}
	return err
}

// addAutomation adds the flows that are off, for everybody meets what waits for them,
// and the week's digest for those who oversee.
func (s *Service) addAutomation(ctx context.Context, t *Today) error {
	state, err := automation.StateNow(ctx, s.db)
	if err != nil {
		return err
	}
	add := func(i Item) {
		t.Counts[i.Kind]++
		t.Items = append(t.Items, i)
	}
	if p := state.Paused; p != nil {
		add(Item{Kind: ItemFlowOff, Title: p.By + " paused everything with Salesforce", Reason: p.Why, Since: p.At, Urgency: 650})
	} else {
		for _, f := range automation.Flows() {
			if off := state.OffOf(f.ID); off != nil {
				add(Item{Kind: ItemFlowOff, Title: f.Name + ": switched off by " + off.By, Reason: off.Why + " · " + f.OffText, Since: off.At, Flow: f.ID, Urgency: 400})
			}
		}
	}
	d, err := automation.Unread(ctx, s.db)
	if err != nil || d == nil {
		return err
	}
	add(Item{Kind: ItemDigest, Title: "Automation in the week to " + string(d.Last()), Reason: d.Summary(), Since: d.MadeAt, Week: d.Week, Urgency: 120})
	return nil
}

// addHandOvers adds what is to be entered in a portal by hand; what waits for longer
// than its patience is pressing.
func (s *Service) addHandOvers(ctx context.Context, t *Today, ownerCRMID string, now time.Time) error {
	list, err := handover.Waiting(ctx, s.db, ownerCRMID, TodayLimit)
	for i := range list {
		d := &list[i]
		item := Item{
			Kind: ItemHandOver, Title: "Change it in " + d.Cloud.Portal(), OpportunityID: d.OpportunityID, Name: d.Name, AccountName: d.AccountName, OwnerName: d.DealOwner,
			Cloud: d.Cloud, Since: d.AskedAt, HandOverID: d.ID, Urgency: 400,
		}
		if d.New() {
			item.Title, item.Urgency = "Enter it in "+d.Cloud.Portal(), 450
		}
		if now.Sub(d.AskedAt) > handover.Patience {
			item.Reason, item.Urgency = "It waits for long", item.Urgency+300
		}
		t.Counts[ItemHandOver]++
		t.Items = append(t.Items, item)
	}
	return err
}

// shown leaves of all items, the most urgent first, those that Today shows.
func shown(all []Item, kind ItemKind) []Item {
	if kind != "" {
		all = slices.DeleteFunc(all, func(i Item) bool { return i.Kind != kind })
		return all[:min(len(all), TodayLimit)]
	}
	of, share := map[ItemKind]int{}, 0
	for _, i := range all {
		if of[i.Kind]++; of[i.Kind] <= KindShare {
			share++
		}
	}
	room := TodayPage - share // for those beyond the share of their kind
	clear(of)
	return slices.DeleteFunc(all, func(i Item) bool {
		if of[i.Kind]++; of[i.Kind] <= KindShare {
			return false
		}
		room--
		return room < 0
	})
}

// addRequests adds the requests that the actor of ctx decides on, the older the more
// urgent, and their own.
func (s *Service) addRequests(ctx context.Context, t *Today, now time.Time) error {
	waiting, err := approval.Waiting(ctx, s.db, TodayLimit)
	if err != nil {
		return err
	}
	asked, err := approval.Asked(ctx, s.db, TodayLimit)
	if err != nil {
		return err
	}
	if t.Counts[ItemApproval], t.Counts[ItemAsked], err = approval.CountMine(ctx, s.db); err != nil {
		return err
	}
	ends, err := s.ends(ctx, slices.Concat(waiting, asked))
	if err != nil {
		return err
	}
	add := func(kind ItemKind, r *approval.Request, title, reason string, since time.Time, urgency int) {
		item := Item{
			Kind: kind, Title: title, Reason: reason, OpportunityID: r.OpportunityID, Name: r.DealName, AccountName: r.AccountName,
			Cloud: r.Cloud, Amount: r.Amount(), Since: since, Urgency: urgency, Request: r,
		}
		if end, ok := ends[r.Subject]; ok && r.State == approval.StatePending {
			item.ExpiresAt = end
			if kind == ItemApproval && end.Sub(now) <= 24*time.Hour {
				item.Urgency = 950 // what expires undecided is lost
			}
		}
		t.Items = append(t.Items, item)
	}
	for i := range waiting {
		r := &waiting[i]
		hours := int(now.Sub(r.RequestedAt).Hours())
		add(ItemApproval, r, r.RequestedByName+" asks: "+r.Title, strings.Join(append(slices.Clone(r.Details.V), r.Why.V...), " · "), r.RequestedAt, 700+min(hours, 200))
	}
	for i := range asked {
		switch r := &asked[i]; r.State {
		case approval.StatePending:
			add(ItemAsked, r, "Waits for approval: "+r.Title, strings.Join(r.Why.V, " · "), r.RequestedAt, 100)
		case approval.StateApproved:
			add(ItemAsked, r, r.DecidedByName+" approved: "+r.Title, r.Note, r.DecidedAt, 150)
		case approval.StateRefused:
			add(ItemAsked, r, r.DecidedByName+" did not approve: "+r.Title, r.Note, r.DecidedAt, 350)
		default:
			title := "Out of date when it was approved: "
			if r.DecidedBy == authz.System.ID {
				title = "Out of date before it was decided: "
			}
			add(ItemAsked, r, title+r.Title, r.Outcome, r.DecidedAt, 350)
		}
	}
	return nil
}

// sayWhichFields puts the fields into the reasons of conflicts and refusals.
func (s *Service) sayWhichFields(ctx context.Context, items []Item) error {
	var ids []string
	for _, i := range items {
		if i.Kind == ItemConflict || i.Kind == ItemRefused {
			ids = append(ids, i.RegistrationID)
		}
	}
	found, err := openFields(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for i := range items {
		switch items[i].Kind {
		case ItemConflict:
			items[i].Reason = conflictReason(found[items[i].RegistrationID])
		case ItemRefused:
			items[i].Reason = refusedReason(found[items[i].RegistrationID])
		}
	}
	return nil
}

// conflictReason names the fields in conflict, at most three, and says if others
// were refused.
func conflictReason(list []openField) string {
	var labels []string
	refused := 0
	for _, f := range list {
		if f.Status == registration.FieldConflict {
			labels = append(labels, f.Label)
		} else {
			refused++
		}
	}
	text := strings.Join(labels[:min(len(labels), 3)], ", ")
	if n := len(labels) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if refused > 0 {
		text += fmt.Sprintf(" · %d more refused", refused)
	}
	return text
}

func refusedReason(list []openField) string {
	text, n := "", 0
	for _, f := range list {
		if f.Status != registration.FieldRefused {
			continue
		}
		if n++; n == 1 {
			text = f.Label + ": " + f.Reason
		}
	}
	if n > 1 {
		text += fmt.Sprintf(" · and %d more", n-1)
	}
	return text
}

// sayWhatToMend puts the first findings into the reasons of the blocked items.
func (s *Service) sayWhatToMend(ctx context.Context, items []Item) error {
	var ids []string
	for _, i := range items {
		if i.Kind == ItemBlocked {
			ids = append(ids, i.RegistrationID)
		}
	}
	found, err := findingsOf(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for i := range items {
		if text := firstMessages(found[items[i].RegistrationID]); items[i].Kind == ItemBlocked && text != "" {
			items[i].Reason = text
		}
	}
	return nil
}

type needyRow struct {
	RegistrationID string             `db:"registration_id"`
	OpportunityID  string             `db:"opportunity_id"`
	Name           string             `db:"name"`
	AccountName    string             `db:"account_name"`
	OwnerName      string             `db:"owner_name"`
	Cloud          cloud.Cloud        `db:"cloud"`
	State          registration.State `db:"state"`
	Blocking       int64              `db:"blocking"`
	Reason         string             `db:"reason"`
	Error          string             `db:"error"`
	CRMError       string             `db:"crm_error"`
	ReviewComment  string             `db:"review_comment"`
	RemoteID       string             `db:"remote_id"`
	Conflicts      int64              `db:"conflicts"`
	Refused        int64              `db:"refused"`
	StaleSince     time.Time          `db:"stale_since"`
	StateAt        time.Time          `db:"state_at"`
	Currency       string             `db:"currency"`
	AmountMinor    *int64             `db:"amount_minor"`
	CloseOn        date.Date          `db:"close_on"`
}

func (r *needyRow) item(now time.Time) Item {
	i := Item{
		OpportunityID: r.OpportunityID, RegistrationID: r.RegistrationID, Name: r.Name, AccountName: r.AccountName, OwnerName: r.OwnerName,
		Cloud: r.Cloud, State: r.State, CloseOn: r.CloseOn, Since: r.StateAt,
	}
	if r.AmountMinor != nil && r.Currency != "" {
		i.Amount = money.Amount{Minor: *r.AmountMinor, Currency: r.Currency}
	}
	switch {
	case r.State == registration.StateFailed:
		i.Kind, i.Title, i.Reason, i.Urgency = ItemFailed, r.Cloud.Portal()+" refused a call", r.Error, 500
	case r.State == registration.StateActionRequired:
		i.Kind, i.Title, i.Reason, i.Urgency = ItemAction, r.Cloud.Label()+" asks for a change", r.ReviewComment, 600
	case r.State == registration.StateRejected:
		i.Kind, i.Title, i.Reason, i.Urgency = ItemRejected, r.Cloud.Label()+" rejected the deal", r.ReviewComment, 250
	case r.Conflicts > 0:
		i.Kind, i.Urgency, i.Since = ItemConflict, 480, r.StaleSince
		i.Title = fmt.Sprintf("%d fields were changed in Salesforce and in %s", r.Conflicts, r.Cloud.Portal())
		if r.Conflicts == 1 {
			i.Title = "One field was changed in Salesforce and in " + r.Cloud.Portal()
		}
	case r.Refused > 0:
		i.Kind, i.Urgency, i.Since = ItemRefused, 470, r.StaleSince
		i.Title = fmt.Sprintf("%s takes %d fields not as they are", r.Cloud.Portal(), r.Refused)
		if r.Refused == 1 {
			i.Title = r.Cloud.Portal() + " takes one field not as it is"
		}
	case r.CRMError != "":
		i.Kind, i.Title, i.Reason, i.Urgency = ItemCRM, "Salesforce refused the registration record", r.CRMError, 450
	case r.State == registration.StateBlocked:
		i.Kind, i.Urgency = ItemBlocked, 400
		i.Title = fmt.Sprintf("%d fields to mend before it can be registered", r.Blocking)
		if r.Blocking == 1 {
			i.Title = "One field to mend before it can be registered"
		}
	default:
		i.Kind, i.Title, i.Urgency = ItemWaiting, r.Cloud.Label()+" has not decided yet", 200
		i.Reason = fmt.Sprintf("In review for %d days", int(now.Sub(r.StateAt).Hours()/24))
	}
	if i.Reason == "" {
		i.Reason = r.Reason
	}
	i.Urgency += urgency(date.Of(now), r.CloseOn)
	return i
}

// urgency adds up to 90 points the nearer the close date is, and 95 when it is
// past: what closes unregistered cannot be registered any more.
func urgency(today, closeOn date.Date) int {
	if closeOn.IsZero() {
		return 0
	}
	days := int(closeOn.Time().Sub(today.Time()).Hours() / 24)
	if days < 0 {
		return 95
	}
	return max(0, 90-days)
}

func firstMessages(list registration.Findings) string {
	text, n := "", 0
	for _, f := range list {
		if f.Severity != registration.SeverityError {
			continue
		}
		n++
		switch n {
		case 1:
			text = f.Message
		case 2:
			text += " · " + f.Message
		}
	}
	if n > 2 {
		text += fmt.Sprintf(" · and %d more", n-2)
	}
	return text
}

// Coverage is how the joint opportunities stand at a cloud.
type Coverage struct {
	Cloud    cloud.Cloud                  `json:"cloud"`
	Joint    int64                        `json:"joint"`
	ByState  map[registration.State]int64 `json:"by_state"`
	Register int64                        `json:"in_portal"`
}

// Summary is the workspace in numbers.
type Summary struct {
	Accounts      int64      `json:"accounts"`
	Opportunities int64      `json:"opportunities"`
	Clouds        []Coverage `json:"clouds"`
}

// Summary counts what there is. Needs read.
func (s *Service) Summary(ctx context.Context) (Summary, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Summary{}, err
	}
	return summary(ctx, s.db)
}
