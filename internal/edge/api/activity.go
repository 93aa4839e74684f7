package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// Attendee is somebody who takes part in an activity.
type Attendee struct {
	Name    string `json:"name,omitempty" maxLength:"120" example:"Grace Hopper"`
	Email   string `json:"email,omitempty" maxLength:"120" example:"grace@aws.example" doc:"Somebody whose address Salesforce knows is linked there; a name or an address is needed."`
	Company string `json:"company,omitempty" maxLength:"120" example:"AWS"`
	Side    string `json:"side,omitempty" enum:"ours,partner,customer" default:"partner"`
}

// Activity is one thing that happened on an opportunity or with an account.
type Activity struct {
	ID            string     `json:"id" example:"act_01jn8m5q4se9tvd6dy1v9k2r5c"`
	OpportunityID string     `json:"opportunity_id" doc:"Empty for an activity of an account."`
	AccountID     string     `json:"account_id" doc:"Empty for an activity of an opportunity."`
	Origin        string     `json:"origin" enum:"engine,person,crm" doc:"Who made it: Tandem by itself, somebody in Tandem, or somebody in Salesforce."`
	Cloud         string     `json:"cloud" doc:"aws, azure, gcp or empty."`
	Kind          string     `json:"kind" example:"meeting" doc:"meeting, call, email, introduction, request, decision, intro_meeting or task; what the engine logs has kinds of its own, such as approved."`
	Subject       string     `json:"subject"`
	Body          string     `json:"body" doc:"The notes."`
	Location      string     `json:"location"`
	StartsAt      *time.Time `json:"starts_at" doc:"Of a meeting."`
	EndsAt        *time.Time `json:"ends_at"`
	On            string     `json:"on" example:"2026-11-24" doc:"The day of all else."`
	Minutes       int64      `json:"minutes" doc:"How long a call was; 0 is not known."`
	OwnerCRMID    string     `json:"owner_crm_id"`
	OwnerName     string     `json:"owner_name"`
	Attendees     []Attendee `json:"attendees" nullable:"false"`
	Done          bool       `json:"done" doc:"False for a task that is open in Salesforce."`
	Cancelled     bool       `json:"cancelled"`
	CancelReason  string     `json:"cancel_reason"`
	ActorKind     string     `json:"actor_kind" enum:"person,integration,system,portal"`
	ActorName     string     `json:"actor_name"`
	HappenedAt    time.Time  `json:"happened_at" doc:"Where it stands on the timeline: when it begins, or the beginning of its day."`
	CRMObject     string     `json:"crm_object" enum:"Task,Event"`
	CRMState      string     `json:"crm_state" enum:"none,pending,logged,failed,conflict" doc:"Whether Salesforce has it as it is here; conflict: both sides changed it, settle it."`
	CRMTaskID     string     `json:"crm_task_id" doc:"The Task or Event in Salesforce."`
	CRMError      string     `json:"crm_error"`
	LoggedAt      *time.Time `json:"logged_at"`
	GoneAt        *time.Time `json:"gone_at" doc:"When it was found deleted in Salesforce."`
	Version       int64      `json:"version"`
}

func activityOf(a *activity.Activity) Activity {
	return Activity{
		ID: a.ID, OpportunityID: a.OpportunityID, AccountID: a.AccountID, Origin: string(a.Origin), Cloud: string(a.Cloud), Kind: string(a.Kind), Subject: a.Subject,
		Body: a.Body, Location: a.Location, StartsAt: at(a.StartsAt), EndsAt: at(a.EndsAt), On: string(a.On), Minutes: a.Minutes, OwnerCRMID: a.OwnerCRMID,
		OwnerName: a.OwnerName, Done: a.Done, Cancelled: a.Cancelled(), CancelReason: a.CancelReason, ActorKind: string(a.ActorKind), ActorName: a.ActorName,
		HappenedAt: a.HappenedAt, CRMObject: string(a.CRMObject), CRMState: string(a.CRMState), CRMTaskID: a.CRMTaskID, CRMError: a.CRMError,
		LoggedAt: at(a.LoggedAt), GoneAt: at(a.GoneAt), Version: a.Version,
		Attendees: mapped(a.Attendees.V, func(p *activity.Attendee) Attendee {
			return Attendee{Name: p.Name, Email: p.Email, Company: p.Company, Side: string(p.Side)}
		}),
	}
}

// ActivityEvent is one thing that became of an activity.
type ActivityEvent struct {
	Kind       string    `json:"kind" example:"adopted"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body" doc:"What was replaced by what."`
	ActorName  string    `json:"actor_name"`
	HappenedAt time.Time `json:"happened_at"`
}

// ActivityDispute is a part of an activity that was changed here and in Salesforce.
type ActivityDispute struct {
	Part   string `json:"part" enum:"subject,when,location,owner,notes,cancelled"`
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// ActivityDetail is an activity with its history and what is in dispute.
type ActivityDetail struct {
	Activity
	Dispute   []ActivityDispute `json:"dispute" nullable:"false" doc:"What both sides changed; settle it."`
	ChangedBy string            `json:"changed_by" doc:"Who changed it in Salesforce meanwhile."`
	History   []ActivityEvent   `json:"history" nullable:"false" doc:"Newest first."`
}

// ActivityAnswered is the answer to a wish about an activity.
type ActivityAnswered struct {
	DryRun   bool     `json:"dry_run"`
	Activity Activity `json:"activity"`
}

// ActivityContents is what can be said of an activity.
type ActivityContents struct {
	Subject    string     `json:"subject" minLength:"1" maxLength:"240" example:"Architecture review with AWS"`
	Notes      string     `json:"notes,omitempty" maxLength:"20000"`
	Location   string     `json:"location,omitempty" maxLength:"255" doc:"Of a meeting."`
	StartsAt   *time.Time `json:"starts_at,omitempty" doc:"A meeting needs it; whole minutes."`
	EndsAt     *time.Time `json:"ends_at,omitempty"`
	On         string     `json:"on,omitempty" format:"date" doc:"All else needs it."`
	Minutes    int64      `json:"minutes,omitempty" minimum:"0" maximum:"1440" doc:"Of a call."`
	OwnerCRMID string     `json:"owner_crm_id,omitempty" doc:"A user of Salesforce; absent is who records it, else the owner of the deal."`
	Attendees  []Attendee `json:"attendees,omitempty" nullable:"false" maxItems:"50"`
}

func (c *ActivityContents) input() activity.Input {
	in := activity.Input{Subject: c.Subject, Notes: c.Notes, Location: c.Location, On: date.Date(c.On), Minutes: c.Minutes, OwnerCRMID: c.OwnerCRMID}
	if c.StartsAt != nil {
		in.StartsAt = *c.StartsAt
	}
	if c.EndsAt != nil {
		in.EndsAt = *c.EndsAt
	}
	for _, p := range c.Attendees {
		in.Attendees = append(in.Attendees, activity.Attendee{Name: p.Name, Email: p.Email, Company: p.Company, Side: activity.Side(p.Side)})
	}
	return in
}

type activityAnswer struct {
	ETag   string `header:"ETag" doc:"The version of what is shown."`
	Status int
	Body   ActivityAnswered
}

func activityAnswered(a *activity.Activity, err error, dry bool, done int) (*activityAnswer, error) {
	if err != nil {
		return nil, err
	}
	out := &activityAnswer{Status: done, Body: ActivityAnswered{DryRun: dry, Activity: activityOf(a)}}
	if dry {
		out.Status = http.StatusOK
	}
	out.ETag, err = etagOf(a.Version, out.Body.Activity)
	return out, err
}

// ActivityWish is what every wish about an activity can be sent with.
type ActivityWish struct {
	Repeatable
	Versioned
	ID     string `path:"id" example:"act_01jn8m5q4se9tvd6dy1v9k2r5c"`
	DryRun bool   `query:"dry_run" doc:"Check all rules, and change nothing."`
}

func (w *ActivityWish) wish() (activity.Wish, error) {
	version, _, err := versionOf(w.IfMatch)
	return activity.Wish{ID: w.ID, Version: version, DryRun: w.DryRun}, err
}

func (s *server) registerActivities() {
	s.registerTimelines()
	add(s, operation{id: "get-activity", method: http.MethodGet, path: "/activities/{id}", tag: "Activities", summary: "Get an activity, with what became of it", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}}, s.getActivity)
	record := operation{
		id: "record-activity", method: http.MethodPost, path: "/activities", tag: "Activities", summary: "Record a meeting, call, e-mail, introduction, request or decision", action: authz.ActionLog, status: http.StatusCreated, also: []int{http.StatusNotFound},
		about: "A meeting becomes an Event in Salesforce, all else a Task, once; changes and cancellations follow. A dry run answers 200 with the activity as it would be.",
	}
	add(s, record, func(ctx context.Context, in *struct {
		Repeatable
		DryRun bool `query:"dry_run" doc:"Check all rules, and keep nothing."`
		Body   struct {
			OpportunityID string `json:"opportunity_id,omitempty" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c" doc:"Where it was: this, or the account."`
			AccountID     string `json:"account_id,omitempty"`
			Kind          string `json:"kind" enum:"meeting,call,email,introduction,request,decision"`
			ActivityContents
		}
	},
	) (*activityAnswer, error) {
		input := in.Body.input()
		input.OpportunityID, input.AccountID, input.Kind = in.Body.OpportunityID, in.Body.AccountID, activity.Kind(in.Body.Kind)
		a, err := s.app.Activities.Record(ctx, input, in.DryRun)
		return activityAnswered(&a, err, in.DryRun, http.StatusCreated)
	})
	s.alsoAnswers(record.path, http.MethodPost, http.StatusCreated, http.StatusOK, "Dry run: nothing was kept")
	wish := func(id, method, name, summary, about string) operation {
		return operation{id: id, method: method, path: "/activities/{id}" + name, tag: "Activities", summary: summary, about: about, action: authz.ActionLog, ifMatch: true, also: []int{http.StatusNotFound}}
	}
	add(s, wish("change-activity", http.MethodPut, "", "Change a recorded activity", "Its kind and place stay. What Salesforce made is changed there."), func(ctx context.Context, in *struct {
		ActivityWish
		Body ActivityContents
	},
	) (*activityAnswer, error) {
		w, err := in.wish()
		if err != nil {
			return nil, err
		}
		a, err := s.app.Activities.Change(ctx, w, in.Body.input())
		return activityAnswered(&a, err, in.DryRun, http.StatusOK)
	})
	add(s, wish("cancel-activity", http.MethodPost, "/cancel", "Cancel a recorded activity", "Its record in Salesforce is marked or deleted, as the setting says."), func(ctx context.Context, in *struct {
		ActivityWish
		Body struct {
			Reason string `json:"reason,omitempty" maxLength:"240" example:"The customer moved the date"`
		}
	},
	) (*activityAnswer, error) {
		w, err := in.wish()
		if err != nil {
			return nil, err
		}
		a, err := s.app.Activities.Cancel(ctx, w, in.Body.Reason)
		return activityAnswered(&a, err, in.DryRun, http.StatusOK)
	})
	add(s, wish("send-activity", http.MethodPost, "/send-again", "Have Salesforce get what it refused of an activity", ""), func(ctx context.Context, in *ActivityWish) (*activityAnswer, error) {
		w, err := in.wish()
		if err != nil {
			return nil, err
		}
		a, err := s.app.Activities.Send(ctx, w)
		return activityAnswered(&a, err, in.DryRun, http.StatusOK)
	})
	add(s, wish("settle-activity", http.MethodPost, "/settle", "Say which holds of an activity that was changed here and in Salesforce", "The other one stays in its history."), func(ctx context.Context, in *struct {
		ActivityWish
		Body struct {
			Choice string `json:"choice" enum:"ours,theirs"`
		}
	},
	) (*activityAnswer, error) {
		w, err := in.wish()
		if err != nil {
			return nil, err
		}
		a, err := s.app.Activities.Settle(ctx, w, activity.Choice(in.Body.Choice))
		return activityAnswered(&a, err, in.DryRun, http.StatusOK)
	})
	s.registerCancelMode()
}

func (s *server) getActivity(ctx context.Context, in *struct {
	ConditionalRead
	ID string `path:"id" example:"act_01jn8m5q4se9tvd6dy1v9k2r5c"`
},
) (*record[ActivityDetail], error) {
	a, err := s.app.Activities.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.app.Activities.History(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	out := ActivityDetail{Activity: activityOf(&a), Dispute: []ActivityDispute{}, History: mapped(list, func(h *activity.History) ActivityEvent {
		return ActivityEvent{Kind: h.Kind, Subject: h.Subject, Body: h.Body, ActorName: h.ActorName, HappenedAt: h.HappenedAt}
	})}
	if t := a.Theirs.V; t != nil {
		out.ChangedBy = t.By
		for _, p := range t.Parts {
			out.Dispute = append(out.Dispute, ActivityDispute{Part: string(p), Ours: a.Face().Text(p), Theirs: t.Text(p)})
		}
	}
	return recordOf(a.Version, out)
}

type timelineInput struct {
	ID     string   `path:"id"`
	Kind   []string `query:"kind,explode" nullable:"false" enum:"portal,meeting,call,email,introduction,request,decision,task" doc:"portal is what happened to the registrations; introduction holds the intro meetings, too."`
	Origin []string `query:"origin,explode" nullable:"false" enum:"engine,person,crm"`
	After  string   `query:"after" doc:"The cursor next of the page before."`
	Limit  int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

func (in *timelineInput) query() (activity.Query, url.Values) {
	q, v := activity.Query{After: in.After, Limit: in.Limit}, url.Values{"limit": {strconv.Itoa(in.Limit)}}
	for _, k := range in.Kind {
		q.Filters = append(q.Filters, activity.Filter(k))
		v.Add("kind", k)
	}
	for _, o := range in.Origin {
		q.Origins = append(q.Origins, activity.Origin(o))
		v.Add("origin", o)
	}
	return q, v
}

func (s *server) registerTimelines() {
	about := "What the engine logged, what people recorded in Tandem and what was made in Salesforce, in one order."
	add(s, operation{id: "list-activities", method: http.MethodGet, path: "/opportunities/{id}/activities", tag: "Activities", summary: "List what happened on an opportunity, newest first", action: authz.ActionRead, about: about, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *timelineInput) (*listed[Activity], error) {
			o, _, err := s.app.Opportunities.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			q, v := in.query()
			q.OpportunityID = o.ID
			return s.timeline(ctx, q, v, "/opportunities/"+url.PathEscape(o.ID)+"/activities")
		})
	add(s, operation{id: "list-account-activities", method: http.MethodGet, path: "/accounts/{id}/activities", tag: "Activities", summary: "List what happened with an account and on its opportunities, newest first", action: authz.ActionRead, about: about, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *timelineInput) (*listed[Activity], error) {
			a, err := s.app.Accounts.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			q, v := in.query()
			q.AccountID = a.ID
			return s.timeline(ctx, q, v, "/accounts/"+url.PathEscape(a.ID)+"/activities")
		})
}

func (s *server) timeline(ctx context.Context, q activity.Query, v url.Values, path string) (*listed[Activity], error) {
	p, err := s.app.Activities.Timeline(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[Activity]{Body: Page[Activity]{Next: p.Next, Items: mapped(p.Rows, func(l *activity.Line) Activity { return activityOf(&l.Activity) })}}
	if p.Next != "" {
		v.Set("after", p.Next)
		out.Link, out.Body.NextLink = link(path, v.Encode())
	}
	return out, nil
}

// CancelMode says what becomes of the record of a cancelled activity in Salesforce.
type CancelMode struct {
	Mode string `json:"mode" enum:"mark,delete" doc:"mark: its subject says so; delete: it goes to the recycle bin."`
}

// CancelModeSetting is the mode as it stands.
type CancelModeSetting struct {
	CancelMode
	Default   bool       `json:"default" doc:"Nobody changed it yet."`
	Version   int64      `json:"version"`
	UpdatedBy string     `json:"updated_by"`
	UpdatedAt *time.Time `json:"updated_at"`
}

func (s *server) registerCancelMode() {
	add(s, operation{id: "get-cancelled-activities", method: http.MethodGet, path: "/settings/cancelled-activities", tag: "Settings", summary: "Get what becomes of cancelled activities in Salesforce", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[CancelModeSetting], error) {
			return s.cancelMode(ctx)
		})
	add(s, operation{
		id: "put-cancelled-activities", method: http.MethodPut, path: "/settings/cancelled-activities", tag: "Settings", summary: "Change what becomes of cancelled activities in Salesforce", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body CancelMode
		},
		) (*record[CancelModeSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Activities.CancelMode(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			if err := s.app.Activities.SetCancelMode(ctx, activity.CancelMode(in.Body.Mode), version); err != nil {
				return nil, err
			}
			return s.cancelMode(ctx)
		})
}

func (s *server) cancelMode(ctx context.Context) (*record[CancelModeSetting], error) {
	m, row, err := s.app.Activities.CancelMode(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, CancelModeSetting{CancelMode: CancelMode{string(m)}, Default: row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)})
}
