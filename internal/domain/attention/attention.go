// Package attention answers "what failed for good, why, and what mends it?": one
// inbox of all that a portal or Salesforce refused, over all registrations, each
// with the fix in words and a way to send it again.
package attention

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Kind says what was refused.
type Kind string

// The kinds.
const (
	KindRegistration Kind = "registration" // the portal refused a call of a registration for good
	KindField        Kind = "field"        // the portal refuses, or would refuse, a field's value
	KindRecord       Kind = "record"       // Salesforce refused the registration's record
	KindEdit         Kind = "edit"         // Salesforce refused a value from the portal or a person
	KindActivity     Kind = "activity"     // Salesforce refused an activity, or changed it too
	KindTags         Kind = "tags"         // Salesforce refused the correction of a deal's tags
	KindClaim        Kind = "claim"        // another tool registered the deal, too or instead
	KindDeleted      Kind = "deleted"      // the deal was deleted in Salesforce and is still with the partner
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{KindRegistration, KindField, KindRecord, KindEdit, KindActivity, KindTags, KindClaim, KindDeleted}
}

// Label is the kind in words.
func (k Kind) Label() string {
	switch k {
	case KindRegistration:
		return "Registration failed"
	case KindField:
		return "Field refused"
	case KindRecord:
		return "Salesforce record refused"
	case KindEdit:
		return "Salesforce field refused"
	case KindActivity:
		return "Activity not in Salesforce"
	case KindTags:
		return "Correction of tags refused"
	case KindClaim:
		return "Registered by another tool"
	case KindDeleted:
		return "Deal deleted in Salesforce"
	}
	return string(k)
}

// Item is one refusal. Text is what the system said, verbatim; Fix is what to do.
// Path is the portal's name of the field, for fields and edits; ByCheck says that
// our own check refused before the portal was asked.
type Item struct {
	Kind           Kind        `db:"kind"`
	Ref            string      `db:"ref"` // the registration, the activity or the correction
	Path           string      `db:"path"`
	RegistrationID string      `db:"registration_id"`
	OpportunityID  string      `db:"opportunity_id"`
	AccountID      string      `db:"account_id"` // of an activity without a deal
	What           string      `db:"what"`       // the subject of an activity, or the rule of a correction
	Name           string      `db:"name"`       // of the deal, else of the account
	AccountName    string      `db:"account_name"`
	OwnerName      string      `db:"owner_name"`
	Cloud          cloud.Cloud `db:"cloud"`
	RemoteID       string      `db:"remote_id"`
	Code           string      `db:"code"`
	Text           string      `db:"text"`
	ByCheck        bool        `db:"by_check"`
	Since          time.Time   `db:"since"`

	Title string `db:"-"`
	Fix   string `db:"-"`
}

// ID is the name of the refusal in SendAgain.
func (i *Item) ID() string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(i.Kind) + "\n" + i.Ref + "\n" + i.Path))
}

// parseID reads what ID gave.
func parseID(s string) (k Kind, ref, path string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 3 || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 || !slices.Contains(Kinds(), Kind(parts[0])) {
		return "", "", "", false
	}
	return Kind(parts[0]), parts[1], parts[2], true
}

// Query says what of the inbox is asked for. Within a filter the values are
// alternatives; empty filters nothing.
type Query struct {
	Clouds []cloud.Cloud
	Kinds  []Kind
	Codes  []string
	Owners []string // CRM ids
	// Opportunities are ids of deals.
	Opportunities []string
	After         string // the cursor of the page before
	Limit         int    // 1 to 200; 50 if 0
}

// Page is one page of the inbox; Next is the cursor of the next one, "" at the end.
type Page struct {
	At   time.Time
	Rows []Item
	Next string
}

// Service is the use cases of the inbox.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	registrations *registration.Service
	approvals     *approval.Service
	activities    *activity.Service
	tagging       *tagging.Service
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock, r *registration.Service, p *approval.Service, a *activity.Service, t *tagging.Service) *Service {
	return &Service{db: d, clock: c, registrations: r, approvals: p, activities: a, tagging: t}
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that this list gave: begin from the first page")

type place struct {
	since     time.Time
	kind      Kind
	ref, path string
}

func (i *Item) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(i.Since.UTC().Format(time.RFC3339Nano) + "\n" + string(i.Kind) + "\n" + i.Ref + "\n" + i.Path))
}

func parseCursor(s string) (*place, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 4 || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil, errCursor
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil {
		return nil, errCursor
	}
	return &place{at, Kind(parts[1]), parts[2], parts[3]}, nil
}

// List gives a page of the inbox, what waits for longest first. Needs read.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	var bad problem.List
	for _, c := range q.Clouds {
		if !c.Valid() {
			bad.Add("cloud", "unknown_cloud", fmt.Sprintf("%q is not a cloud: use aws, azure or gcp", c))
		}
	}
	for _, k := range q.Kinds {
		if !slices.Contains(Kinds(), k) {
			bad.Add("kind", "unknown_kind", fmt.Sprintf("%q is not a kind of refusal", k))
		}
	}
	if len(q.Codes)+len(q.Owners)+len(q.Opportunities) > 200 {
		bad.Add("filter", "too_many", "Use at most 200 values in all filters together")
	}
	if err := bad.Err(); err != nil {
		return Page{}, err
	}
	var after *place
	if q.After != "" {
		var err error
		if after, err = parseCursor(q.After); err != nil {
			return Page{}, err
		}
	}
	limit := min(q.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	rows, err := inbox(ctx, s.db, q, after, limit+1)
	if err != nil {
		return Page{}, err
	}
	p := Page{At: s.clock.Now(), Rows: rows}
	if len(rows) > limit {
		p.Rows, p.Next = rows[:limit], rows[limit-1].cursor()
	}
	return p, s.explain(ctx, p.Rows)
}

// explain fills the title, the code and the fix.
func (s *Service) explain(ctx context.Context, rows []Item) error {
	labels := map[cloud.Cloud]map[string]string{}
	for i := range rows {
		x := &rows[i]
		if x.Code == "" {
			x.Code = CodeIn(x.Text)
		}
		if x.ByCheck {
			x.Code = CodeCheck
		}
		if x.Kind == KindDeleted {
			x.Text = fmt.Sprintf("The opportunity was deleted in Salesforce, and is in %s as %s.", x.Cloud.Portal(), x.RemoteID)
		}
		x.Fix = fixOf(x)
		x.Title = x.Kind.Label()
		if x.What != "" {
			x.Title += ": " + x.What
		}
		if x.Path == "" || x.Kind == KindClaim {
			continue
		}
		if labels[x.Cloud] == nil {
			infos, err := s.registrations.FieldInfos(ctx, x.Cloud)
			if err != nil {
				return err
			}
			labels[x.Cloud] = map[string]string{}
			for _, f := range infos {
				labels[x.Cloud][f.Path] = f.Label
			}
		}
		label := labels[x.Cloud][x.Path]
		if label == "" {
			label = x.Path
		}
		x.Title += ": " + label
	}
	return nil
}

// Group is how many refusals there are of one kind and code.
type Group struct {
	Kind  Kind   `db:"kind"`
	Code  string `db:"code"`
	Count int64  `db:"n"`
}

// Count says how many refusals there are in all. Needs read.
func (s *Service) Count(ctx context.Context) (int64, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return 0, err
	}
	return count(ctx, s.db)
}

// Groups counts the refusals by kind and code, the most first: of those that have
// a code of their own. Needs read.
func (s *Service) Groups(ctx context.Context) ([]Group, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return groups(ctx, s.db)
}

// Result is how sending one refusal again began. Err nil: it is on its way.
type Result struct {
	ID   string
	Item Item // zero when there is no such refusal any more
	// Waiting says that a Director decides first, and who; "" is sent.
	Waiting string
	Err     error
}

// Most is how many refusals SendAgain takes.
const Most = 500

// SendAgain has refusals sent again, each as fits its kind; one that cannot be is an
// error of its row alone. What belongs to one registration is sent once. Each act
// needs its own permission.
func (s *Service) SendAgain(ctx context.Context, ids []string) ([]Result, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, problem.Invalid("ids", "nothing_selected", "Nothing was selected: tick the rows to send again")
	}
	if len(ids) > Most {
		return nil, problem.Invalid("ids", "too_many", fmt.Sprintf("Send at most %d again at once", Most))
	}
	out := make([]Result, 0, len(ids))
	type sent struct {
		waiting string
		err     error
	}
	done := map[string]sent{}
	for _, id := range ids {
		r := Result{ID: id}
		kind, ref, path, ok := parseID(id)
		if !ok {
			r.Err = problem.NotFound("refusal", id)
			out = append(out, r)
			continue
		}
		item, err := one(ctx, s.db, kind, ref, path)
		switch {
		case problem.Is(err, problem.KindNotFound):
			// Its fellow of the same registration has been sent with it.
			if _, together := done[act(kind, ref, path)]; !together {
				r.Err = problem.NotFound("refusal", ref)
			}
		case err != nil:
			return out, err
		default:
			r.Item = item
			name := act(kind, ref, path)
			was, already := done[name]
			if !already {
				was.waiting, was.err = s.again(ctx, &item)
				done[name] = was
			}
			if problem.KindOf(was.err) == problem.KindInternal {
				return out, was.err
			}
			r.Waiting, r.Err = was.waiting, was.err
		}
		out = append(out, r)
	}
	for i := range out {
		items := []Item{out[i].Item}
		if err := s.explain(ctx, items); err != nil {
			return out, err
		}
		out[i].Item = items[0]
	}
	return out, nil
}

// act names what is done for a refusal: those of the same name are done together.
func act(k Kind, ref, path string) string {
	switch k {
	case KindRegistration, KindRecord:
		return "register " + ref
	case KindField:
		return "resend " + ref
	}
	return string(k) + " " + ref + " " + path
}

// again sends a refusal again, or gives in words what decides on that first.
func (s *Service) again(ctx context.Context, x *Item) (waiting string, err error) {
	var res approval.Result
	switch x.Kind {
	case KindField:
		res, err = s.approvals.Resend(ctx, x.RegistrationID)
	case KindEdit:
		err = s.registrations.ResendEdit(ctx, x.RegistrationID, x.Path)
	case KindActivity:
		_, err = s.activities.Send(ctx, activity.Wish{ID: x.Ref})
	case KindTags:
		_, err = s.tagging.Again(ctx, x.Ref)
	case KindClaim:
		err = problem.Conflict("decide", "There is nothing to send: open the deal and say which record holds")
	case KindDeleted:
		err = problem.Conflict("deleted", "There is nothing to send: restore the opportunity in Salesforce, or close it in "+x.Cloud.Portal())
	default:
		res, err = s.approvals.Register(ctx, x.OpportunityID, x.Cloud)
	}
	if err == nil && res.Waiting != nil {
		waiting = res.Waiting.Message()
	}
	return waiting, err
}
