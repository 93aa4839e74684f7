package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/coverage"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// CoverageReport is how many open joint deals are registered, and how many of those are
// up to date.
type CoverageReport struct {
	AsOf          time.Time      `json:"as_of"`
	ServiceLevels ServiceLevels  `json:"service_levels"`
	Total         Figures        `json:"total"`
	By            string         `json:"by" enum:"cloud,region,owner"`
	Lines         []CoverageLine `json:"lines" nullable:"false"`
}

// CoverageLine is the figures of one cloud, region or person.
type CoverageLine struct {
	Key   string `json:"key" doc:"Its value as a filter."`
	Label string `json:"label"`
	Figures
}

// Figures are sizes of sets of deals. Registered, blocked, failed and waiting make
// up joint; current to refused make up registered; the late ones lie across.
type Figures struct {
	Joint        int64      `json:"joint" doc:"Open, joint, and to be registered by the joint rule."`
	Registered   int64      `json:"registered"`
	Blocked      int64      `json:"blocked"`
	Failed       int64      `json:"failed"`
	Waiting      int64      `json:"waiting"`
	LateRegister int64      `json:"late_register" doc:"Not registered, past the service level."`
	Current      int64      `json:"current"`
	Outgoing     int64      `json:"outgoing"`
	Locked       int64      `json:"locked"`
	Conflict     int64      `json:"conflict"`
	Refused      int64      `json:"refused"`
	LateUpdate   int64      `json:"late_update" doc:"A change of ours is not in the portal, past the service level."`
	OldestRead   *time.Time `json:"oldest_read" doc:"When the portal's truth was read that is the oldest."`
}

func figuresOf(f *coverage.Figures) Figures {
	return Figures{
		Joint: f.Joint, Registered: f.Registered, Blocked: f.Blocked, Failed: f.Failed, Waiting: f.Waiting, LateRegister: f.LateRegister, Current: f.Current,
		Outgoing: f.Outgoing, Locked: f.Locked, Conflict: f.Conflict, Refused: f.Refused, LateUpdate: f.LateUpdate, OldestRead: at(f.OldestRead),
	}
}

// ServiceLevels say what is late.
type ServiceLevels struct {
	RegisterWorkingDays int `json:"register_working_days" minimum:"1" maximum:"60" doc:"Working days, Monday to Friday in UTC, from becoming joint to being with the partner."`
	UpdateDays          int `json:"update_days" minimum:"1" maximum:"365" doc:"Days from a change of ours to its being in the portal."`
}

// CoveredDeal is one deal at one cloud, as it stands.
type CoveredDeal struct {
	OpportunityID  string     `json:"opportunity_id"`
	CRMID          string     `json:"crm_id"`
	Name           string     `json:"name"`
	AccountName    string     `json:"account_name"`
	OwnerName      string     `json:"owner_name"`
	Region         string     `json:"region"`
	Cloud          string     `json:"cloud" enum:"aws,azure,gcp"`
	RegistrationID string     `json:"registration_id,omitempty"`
	RemoteID       string     `json:"remote_id,omitempty"`
	State          string     `json:"state" doc:"Of the registration; empty when there is none."`
	Stands         string     `json:"stands" enum:"blocked,failed,waiting,current,outgoing,locked,conflict,refused"`
	Reason         string     `json:"reason"`
	Since          time.Time  `json:"since"`
	DueOn          string     `json:"due_on,omitempty" format:"date"`
	Late           bool       `json:"late"`
	JointAt        time.Time  `json:"joint_at"`
	RemoteReadAt   *time.Time `json:"remote_read_at"`
}

// Refusal is something that a portal or Salesforce refused for good.
type Refusal struct {
	ID             string    `json:"id" doc:"Send it to /attention/send-again."`
	Kind           string    `json:"kind" enum:"registration,field,record,edit,activity,claim,deleted"`
	Title          string    `json:"title"`
	OpportunityID  string    `json:"opportunity_id"`
	AccountID      string    `json:"account_id,omitempty" doc:"Of an activity that belongs to no deal."`
	ActivityID     string    `json:"activity_id,omitempty"`
	RegistrationID string    `json:"registration_id,omitempty"`
	Name           string    `json:"name" doc:"Of the deal, or of the account."`
	AccountName    string    `json:"account_name"`
	OwnerName      string    `json:"owner_name"`
	Cloud          string    `json:"cloud"`
	RemoteID       string    `json:"remote_id,omitempty"`
	Field          string    `json:"field,omitempty" doc:"The portal's name of the field."`
	Code           string    `json:"code" doc:"The system's own code; check is our own check."`
	Said           string    `json:"said" doc:"The system's own words."`
	Fix            string    `json:"fix"`
	Since          time.Time `json:"since"`
}

func refusalOf(x *attention.Item) Refusal {
	act := ""
	if x.Kind == attention.KindActivity {
		act = x.Ref
	}
	return Refusal{
		AccountID: x.AccountID, ActivityID: act,
		ID: x.ID(), Kind: string(x.Kind), Title: x.Title, OpportunityID: x.OpportunityID, RegistrationID: x.RegistrationID, Name: x.Name, AccountName: x.AccountName,
		OwnerName: x.OwnerName, Cloud: string(x.Cloud), RemoteID: x.RemoteID, Field: x.Path, Code: x.Code, Said: x.Text, Fix: x.Fix, Since: x.Since,
	}
}

// SentAgain is how sending one refusal again began.
type SentAgain struct {
	ID      string `json:"id"`
	Sent    bool   `json:"sent"`
	Waiting string `json:"waiting,omitempty" doc:"A Director decides on it first."`
	Code    string `json:"code,omitempty" doc:"Why not."`
	Error   string `json:"error,omitempty"`
}

// BulkResult is an act on many deals, row by row.
type BulkResult struct {
	RunID  string         `json:"run_id,omitempty" doc:"Absent in a dry run."`
	DryRun bool           `json:"dry_run"`
	Action string         `json:"action" enum:"check,submit,assign,stage,retry,undo"`
	Cloud  string         `json:"cloud"`
	Ended  bool           `json:"ended" doc:"False while rows are queued."`
	Counts map[string]int `json:"counts" doc:"Rows by outcome."`
	Rows   []BulkRow      `json:"rows" nullable:"false" doc:"In the order of the ids."`
}

// BulkRow is what would become, or became, of one deal.
type BulkRow struct {
	OpportunityID  string `json:"opportunity_id"`
	RegistrationID string `json:"registration_id,omitempty"`
	Name           string `json:"name"`
	Outcome        string `json:"outcome" enum:"will,waits,nothing,blocked,queued,asked,done,refused" doc:"waits: kept until the partner's lock opens; asked: a Director decides on it first."`
	Message        string `json:"message"`
	Before         string `json:"before,omitempty"`
	After          string `json:"after,omitempty"`
}

func bulkOf(r *bulk.Run, dry bool) BulkResult {
	out := BulkResult{RunID: r.ID, DryRun: dry, Action: string(r.Action), Cloud: string(r.Cloud), Ended: dry || !r.EndedAt.IsZero(), Counts: map[string]int{}}
	out.Rows = mapped(r.Rows, func(x *bulk.Row) BulkRow {
		out.Counts[string(x.Outcome)]++
		return BulkRow{OpportunityID: x.OpportunityID, RegistrationID: x.RegistrationID, Name: x.Name, Outcome: string(x.Outcome), Message: x.Message, Before: x.Before, After: x.After}
	})
	return out
}

// Watch is how a portal's changes are followed.
type Watch struct {
	Cloud        string     `json:"cloud"`
	ChangesAt    *time.Time `json:"changes_at" doc:"The last look at what changed."`
	ReconciledAt *time.Time `json:"reconciled_at" doc:"The last full look."`
	Listed       int        `json:"listed"`
	Changed      int        `json:"changed"`
	Adopted      int        `json:"adopted"`
	Missing      []Drift    `json:"missing" nullable:"false"`
	Unknown      []Drift    `json:"unknown" nullable:"false"`
	Duplicates   []Drift    `json:"duplicates" nullable:"false"`
}

// Drift is one way in which a portal's list and ours differ.
type Drift struct {
	RemoteID       string `json:"remote_id"`
	OurID          string `json:"our_id,omitempty"`
	Company        string `json:"company,omitempty"`
	Status         string `json:"status,omitempty"`
	RegistrationID string `json:"registration_id,omitempty"`
	Note           string `json:"note"`
}

func driftOf(d *registration.Drift) Drift {
	return Drift{RemoteID: d.RemoteID, OurID: d.OurID, Company: d.Company, Status: d.Status, RegistrationID: d.RegistrationID, Note: d.Note}
}

// ScopeInput narrows coverage.
type ScopeInput struct {
	Cloud  []string `query:"cloud,explode" nullable:"false" enum:"aws,azure,gcp"`
	Region []string `query:"region,explode" nullable:"false"`
	Owner  []string `query:"owner,explode" nullable:"false" doc:"Salesforce ids."`
}

func (in *ScopeInput) scope() (coverage.Scope, url.Values) {
	s, v := coverage.Scope{Regions: in.Region, Owners: in.Owner}, url.Values{}
	for _, c := range in.Cloud {
		s.Clouds = append(s.Clouds, cloud.Cloud(c))
	}
	for name, list := range map[string][]string{"cloud": in.Cloud, "region": in.Region, "owner": in.Owner} {
		if len(list) > 0 {
			v[name] = list
		}
	}
	return s, v
}

type coverageInput struct {
	ScopeInput
	By string `query:"by" enum:"cloud,region,owner" default:"cloud"`
}

type coveredInput struct {
	ScopeInput
	What  string `query:"what" enum:"exceptions,joint,registered,blocked,failed,waiting,unregistered,late_register,current,outgoing,locked,conflict,refused,late_update" default:"exceptions"`
	After string `query:"after" doc:"The cursor next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type refusalsInput struct {
	Cloud []string `query:"cloud,explode" nullable:"false" enum:"aws,azure,gcp"`
	Kind  []string `query:"kind,explode" nullable:"false" enum:"registration,field,record,edit,activity,claim,deleted"`
	Code  []string `query:"code,explode" nullable:"false"`
	Owner []string `query:"owner,explode" nullable:"false" doc:"Salesforce ids."`
	After string   `query:"after" doc:"The cursor next of the page before."`
	Limit int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type bulkInput struct {
	Repeatable
	Action string `path:"action" enum:"check,submit,assign,stage,retry"`
	DryRun bool   `query:"dry_run" doc:"As in the body."`
	Body   struct {
		IDs      []string `json:"ids" nullable:"false" maxItems:"500" doc:"Opportunities."`
		Cloud    string   `json:"cloud" enum:"aws,azure,gcp" example:"aws"`
		DryRun   bool     `json:"dry_run,omitempty" doc:"Say what would become of each, and change nothing."`
		Stage    string   `json:"stage,omitempty" example:"Committed" doc:"For stage: the portal's word."`
		Assignee string   `json:"assignee,omitempty" doc:"For assign: a person's id; absent is each deal's owner in Salesforce."`
	}
}

func (s *server) registerOversight() {
	add(s, operation{id: "get-coverage", method: http.MethodGet, path: "/coverage", tag: "Oversight", summary: "Count the joint deals that are registered and up to date", action: authz.ActionRead}, s.coverage)
	add(s, operation{id: "list-covered-deals", method: http.MethodGet, path: "/coverage/deals", tag: "Oversight", summary: "List the deals behind a figure of coverage, the oldest first", action: authz.ActionRead}, s.coveredDeals)
	add(s, operation{id: "get-service-levels", method: http.MethodGet, path: "/settings/service-levels", tag: "Settings", summary: "Get the service levels", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[ServiceLevels], error) {
			l, row, err := s.app.Coverage.Levels(ctx)
			if err != nil {
				return nil, err
			}
			return recordOf(row.Version, ServiceLevels(l))
		})
	add(s, operation{id: "put-service-levels", method: http.MethodPut, path: "/settings/service-levels", tag: "Settings", summary: "Change the service levels", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired}, about: "Needs If-Match with the ETag of the setting as you read it, or *."}, s.putLevels)
	add(s, operation{id: "list-refusals", method: http.MethodGet, path: "/attention", tag: "Oversight", summary: "List what was refused for good, the oldest first", action: authz.ActionRead}, s.refusals)
	add(s, operation{id: "send-again", method: http.MethodPost, path: "/attention/send-again", tag: "Oversight", summary: "Send refusals again", action: authz.ActionUpdate, about: "A row that cannot be sent is an error of its own, not of the request."}, s.sendAgain)
	add(s, operation{
		id: "bulk", method: http.MethodPost, path: "/bulk/{action}", tag: "Oversight", summary: "Check, submit, assign, stage or retry many deals", action: authz.ActionUpdate,
		about: "Each row has its own result; a row that is refused does not fail the request. What calls the portal for every row (assign) is queued: read the run again. check and submit need register.",
	}, s.bulk)
	add(s, operation{id: "get-bulk-run", method: http.MethodGet, path: "/bulk-runs/{id}", tag: "Oversight", summary: "Get what became of an act on many deals", action: authz.ActionRead, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ID string `path:"id"`
		},
		) (*struct{ Body BulkResult }, error) {
			r, err := s.app.Bulk.Get(ctx, in.ID)
			return &struct{ Body BulkResult }{bulkOf(&r, false)}, err
		})
	add(s, operation{id: "undo-bulk-run", method: http.MethodPost, path: "/bulk-runs/{id}/undo", tag: "Oversight", summary: "Put the former values back", action: authz.ActionUpdate, also: []int{http.StatusNotFound}, about: "Only a change of stage can be taken back, once, and only where nobody changed it since. The answer is a run of its own."},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*struct{ Body BulkResult }, error) {
			r, err := s.app.Bulk.Undo(ctx, in.ID)
			return &struct{ Body BulkResult }{bulkOf(&r, false)}, err
		})
	add(s, operation{id: "get-portal-watch", method: http.MethodGet, path: "/portals/{cloud}/watch", tag: "Machinery", summary: "Get how a portal's changes are followed, and the drift of the last full look", action: authz.ActionReadOperations},
		func(ctx context.Context, in *struct {
			Cloud string `path:"cloud" enum:"aws,azure,gcp"`
		},
		) (*struct{ Body Watch }, error) {
			x, err := s.app.Registrations.Watched(ctx, cloud.Cloud(in.Cloud))
			rep := x.Report.V
			return &struct{ Body Watch }{Watch{
				Cloud: in.Cloud, ChangesAt: at(x.ChangesAt), ReconciledAt: at(x.ReconciledAt), Listed: rep.Listed, Changed: rep.Changed, Adopted: rep.Adopted,
				Missing: mapped(rep.Missing, driftOf), Unknown: mapped(rep.Unknown, driftOf), Duplicates: mapped(rep.Duplicates, driftOf),
			}}, err
		})
}

func (s *server) coverage(ctx context.Context, in *coverageInput) (*struct{ Body CoverageReport }, error) {
	scope, _ := in.scope()
	rep, err := s.app.Coverage.Report(ctx, scope, coverage.By(in.By))
	if err != nil {
		return nil, err
	}
	out := CoverageReport{AsOf: rep.At, ServiceLevels: ServiceLevels(rep.Levels), Total: figuresOf(&rep.Total), By: in.By}
	out.Lines = mapped(rep.Lines, func(l *coverage.Line) CoverageLine {
		return CoverageLine{Key: l.Key, Label: l.Label, Figures: figuresOf(&l.Figures)}
	})
	return &struct{ Body CoverageReport }{out}, nil
}

func (s *server) coveredDeals(ctx context.Context, in *coveredInput) (*listed[CoveredDeal], error) {
	scope, v := in.scope()
	p, err := s.app.Coverage.Deals(ctx, scope, coverage.What(in.What), in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listed[CoveredDeal]{Body: Page[CoveredDeal]{Next: p.Next, Items: mapped(p.Rows, func(d *coverage.Deal) CoveredDeal {
		return CoveredDeal{
			OpportunityID: d.ID, CRMID: d.CRMID, Name: d.Name, AccountName: d.AccountName, OwnerName: d.OwnerName, Region: d.Region, Cloud: string(d.Cloud),
			RegistrationID: d.RegistrationID, RemoteID: d.RemoteID, State: string(d.State), Stands: string(d.Place), Reason: d.Why, Since: d.Since, DueOn: string(d.DueOn),
			Late: d.Late, JointAt: d.JointAt, RemoteReadAt: at(d.RemoteReadAt),
		}
	})}}
	if p.Next != "" {
		v.Set("what", in.What)
		v.Set("limit", strconv.Itoa(in.Limit))
		v.Set("after", p.Next)
		out.Link, out.Body.NextLink = link("/coverage/deals", v.Encode())
	}
	return out, nil
}

func (s *server) putLevels(ctx context.Context, in *struct {
	Repeatable
	Versioned
	Body ServiceLevels
},
) (*record[ServiceLevels], error) {
	version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
		_, row, err := s.app.Coverage.Levels(ctx)
		return row, err
	})
	if err != nil {
		return nil, err
	}
	if err := s.app.Coverage.SetLevels(ctx, coverage.Levels(in.Body), version); err != nil {
		return nil, err
	}
	l, row, err := s.app.Coverage.Levels(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, ServiceLevels(l))
}

func (s *server) refusals(ctx context.Context, in *refusalsInput) (*listed[Refusal], error) {
	q, v := attention.Query{Codes: in.Code, Owners: in.Owner, After: in.After, Limit: in.Limit}, url.Values{"limit": {strconv.Itoa(in.Limit)}}
	for _, c := range in.Cloud {
		q.Clouds = append(q.Clouds, cloud.Cloud(c))
	}
	for _, k := range in.Kind {
		q.Kinds = append(q.Kinds, attention.Kind(k))
	}
	for name, list := range map[string][]string{"cloud": in.Cloud, "kind": in.Kind, "code": in.Code, "owner": in.Owner} {
		if len(list) > 0 {
			v[name] = list
		}
	}
	p, err := s.app.Attention.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[Refusal]{Body: Page[Refusal]{Next: p.Next, Items: mapped(p.Rows, refusalOf)}}
	if p.Next != "" {
		v.Set("after", p.Next)
		out.Link, out.Body.NextLink = link("/attention", v.Encode())
	}
	return out, nil
}

func (s *server) sendAgain(ctx context.Context, in *struct {
	Repeatable
	Body struct {
		IDs []string `json:"ids" nullable:"false" maxItems:"500"`
	}
},
) (*all[SentAgain], error) {
	results, err := s.app.Attention.SendAgain(ctx, in.Body.IDs)
	if err != nil {
		return nil, err
	}
	return allOf(mapped(results, func(r *attention.Result) SentAgain {
		out := SentAgain{ID: r.ID, Sent: r.Err == nil && r.Waiting == "", Waiting: r.Waiting}
		if r.Err != nil {
			out.Code, out.Error = string(problem.KindOf(r.Err)), r.Err.Error()
		}
		return out
	})), nil
}

func (s *server) bulk(ctx context.Context, in *bulkInput) (*struct{ Body BulkResult }, error) {
	ask := bulk.Ask{Action: bulk.Action(in.Action), Cloud: cloud.Cloud(in.Body.Cloud), IDs: in.Body.IDs, Stage: in.Body.Stage, Assignee: in.Body.Assignee}
	if in.DryRun || in.Body.DryRun || ask.Action == bulk.ActionCheck {
		rows, err := s.app.Bulk.Preview(ctx, ask)
		return &struct{ Body BulkResult }{bulkOf(&bulk.Run{Action: ask.Action, Cloud: ask.Cloud, Rows: rows}, true)}, err
	}
	r, err := s.app.Bulk.Do(ctx, ask)
	return &struct{ Body BulkResult }{bulkOf(&r, false)}, err
}
