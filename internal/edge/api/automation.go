package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// Automation is what Tandem does with Salesforce by itself.
type Automation struct {
	Paused  *FlowOff `json:"paused" doc:"Everything is paused; null: it is not."`
	Version int64    `json:"version"`
	Flows   []Flow   `json:"flows" nullable:"false"`
	Rules   []Rule   `json:"rules" nullable:"false" doc:"The rules that decide what the flows do, and who changed each last."`
}

// Flow is one thing that Tandem does by itself.
type Flow struct {
	ID      string     `json:"id" example:"write_tasks"`
	Name    string     `json:"name"`
	Mode    string     `json:"mode" enum:"reads,writes,checks"`
	Does    string     `json:"does"`
	When    string     `json:"when"`
	Objects string     `json:"objects"`
	On      bool       `json:"on"`
	Off     *FlowOff   `json:"off" doc:"Why it is off; null: it is on."`
	Waiting *int64     `json:"waiting" doc:"Records that wait for it; null for one that does not write."`
	Last    *FlowRun   `json:"last" doc:"The last run; null: it never ran."`
	Week    FlowCounts `json:"week" doc:"Sums of the last seven days."`
	Runs    int64      `json:"runs" doc:"In the last seven days."`
}

// FlowOff says who switched something off.
type FlowOff struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
	All bool      `json:"all" doc:"Everything is paused."`
}

// FlowCounts is what a flow did, in records.
type FlowCounts struct {
	Looked    int64 `json:"looked"`
	Changed   int64 `json:"changed" doc:"In Salesforce; by a flow that reads or checks, in Tandem."`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused" doc:"For good."`
	Failures  int64 `json:"failures" doc:"That pass by themselves."`
}

// FlowRun is the last run of a flow.
type FlowRun struct {
	BeganAt time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at"`
	Message string     `json:"message" doc:"What ended it, empty for nothing."`
	FlowCounts
}

// Rule is a rule or setting and who changed it last.
type Rule struct {
	Name      string     `json:"name" example:"joint_rule"`
	Words     string     `json:"words"`
	ChangedBy string     `json:"changed_by"`
	ChangedAt *time.Time `json:"changed_at"`
}

// FlowDetail is a flow with its history.
type FlowDetail struct {
	Flow
	Version  int64        `json:"version"`
	Days     []FlowDay    `json:"days" nullable:"false" doc:"At most 90, the newest first."`
	Errors   []FlowError  `json:"errors" nullable:"false" doc:"The latest; the same one of the same record is listed once."`
	Switches []FlowSwitch `json:"switches" nullable:"false"`
}

// FlowDay is what a flow did on a day.
type FlowDay struct {
	Day  string `json:"day"`
	Runs int64  `json:"runs"`
	FlowCounts
}

// FlowError is an error that a flow met.
type FlowError struct {
	Kind    string    `json:"kind" enum:"flow,opportunity,account,key" doc:"What subject is: a Salesforce id, or an external id."`
	Subject string    `json:"subject"`
	Message string    `json:"message"`
	Times   int64     `json:"times"`
	FirstAt time.Time `json:"first_at"`
	LastAt  time.Time `json:"last_at"`
}

// FlowSwitch is who switched a flow, or everything.
type FlowSwitch struct {
	At  time.Time `json:"at"`
	By  string    `json:"by"`
	On  bool      `json:"on"`
	All bool      `json:"all"`
	Why string    `json:"why"`
}

// FlowDryRun is what a flow would change if it ran now.
type FlowDryRun struct {
	Flow    string                    `json:"flow"`
	At      time.Time                 `json:"at"`
	Total   *int64                    `json:"total" doc:"Records that wait for the flow; null is not known."`
	Changes []automation.RecordChange `json:"changes" nullable:"false"`
	Next    *int                      `json:"next" doc:"The from of the next page; null on the last."`
}

// Digest is the sum of a week.
type Digest struct {
	Week    string             `json:"week" example:"2026-W47"`
	FromOn  string             `json:"from_on"`
	LastOn  string             `json:"last_on"`
	MadeAt  time.Time          `json:"made_at"`
	Summary string             `json:"summary"`
	Content automation.Content `json:"content"`
	Text    string             `json:"text"`
}

// DigestSchedule says when the week's digest is made.
type DigestSchedule struct {
	Weekday int    `json:"weekday" minimum:"0" maximum:"6" doc:"0 is Sunday."`
	Hour    int    `json:"hour" minimum:"0" maximum:"23"`
	Zone    string `json:"zone" example:"Europe/Berlin"`
}

// DigestScheduleSetting is the schedule as it stands.
type DigestScheduleSetting struct {
	Schedule  DigestSchedule `json:"schedule"`
	Default   bool           `json:"default" doc:"Nobody changed it yet."`
	Version   int64          `json:"version"`
	UpdatedBy string         `json:"updated_by"`
	UpdatedAt *time.Time     `json:"updated_at"`
}

func flowOffOf(o *automation.Off) *FlowOff {
	if o == nil {
		return nil
	}
	return &FlowOff{By: o.By, At: o.At, Why: o.Why, All: o.All}
}

func flowCountsOf(c automation.Counts) FlowCounts {
	return FlowCounts{Looked: c.Looked, Changed: c.Changed, Unchanged: c.Unchanged, Refused: c.Refused, Failures: c.Failures}
}

func flowOf(v *automation.View, waits []sync.Wait) Flow {
	f := Flow{
		ID: string(v.ID), Name: v.Name, Mode: string(v.Mode), Does: v.Does, When: v.When, Objects: v.Objects, On: v.Off == nil, Off: flowOffOf(v.Off),
		Week: flowCountsOf(v.Week), Runs: v.Runs,
	}
	for i := range waits {
		if waits[i].Flow == v.ID {
			f.Waiting = &waits[i].Waiting
		}
	}
	if l := v.Last; l != nil {
		f.Last = &FlowRun{BeganAt: l.BeganAt, EndedAt: at(l.EndedAt), Message: l.Message, FlowCounts: flowCountsOf(l.Counts)}
	}
	return f
}

func digestOf(d *automation.Digest) Digest {
	return Digest{Week: d.Week, FromOn: string(d.From), LastOn: string(d.Last()), MadeAt: d.MadeAt, Summary: d.Summary(), Content: d.Content.V, Text: d.Text()}
}

func (s *server) automation(ctx context.Context) (*record[Automation], error) {
	all, err := s.app.Automation.Overview(ctx)
	if err != nil {
		return nil, err
	}
	waits, err := s.app.Sync.Waits(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.app.Automation.Rules(ctx)
	if err != nil {
		return nil, err
	}
	out := Automation{Version: all.Version, Flows: mapped(all.Flows, func(v *automation.View) Flow { return flowOf(v, waits) }), Rules: mapped(rules, func(r *automation.Rule) Rule {
		return Rule{Name: r.Name, Words: r.Words, ChangedBy: r.ChangedBy, ChangedAt: at(r.ChangedAt)}
	})}
	if all.State.Paused != nil {
		out.Paused = flowOffOf(all.State.OffOf(automation.ReadRecords))
	}
	return recordOf(all.Version, out)
}

func (s *server) flowDetail(ctx context.Context, id automation.FlowID) (*record[FlowDetail], error) {
	d, err := s.app.Automation.Detail(ctx, id)
	if err != nil {
		return nil, err
	}
	waits, err := s.app.Sync.Waits(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(d.Version, FlowDetail{
		Flow: flowOf(&d.View, waits), Version: d.Version,
		Days: mapped(d.Days, func(x *automation.Day) FlowDay {
			return FlowDay{Day: string(x.On), Runs: x.Runs, FlowCounts: flowCountsOf(x.Counts)}
		}),
		Errors: mapped(d.Troubles, func(x *automation.Trouble) FlowError {
			return FlowError{Kind: string(x.Kind), Subject: x.Subject, Message: x.Message, Times: x.Times, FirstAt: x.FirstAt, LastAt: x.LastAt}
		}),
		Switches: mapped(d.Switches, func(x *automation.Switched) FlowSwitch {
			return FlowSwitch{At: x.At, By: x.By, On: x.On, All: x.All, Why: x.Why}
		}),
	})
}

func (s *server) digestSchedule(ctx context.Context) (*record[DigestScheduleSetting], error) {
	c, row, err := s.app.Automation.Schedule(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, DigestScheduleSetting{
		Schedule: DigestSchedule{Weekday: int(c.Weekday), Hour: c.Hour, Zone: c.Zone}, Default: row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt),
	})
}

// automationVersion gives the version of the switches that a caller saw.
func (s *server) automationVersion(ctx context.Context, ifMatch string) (int64, error) {
	return s.settingVersion(ctx, ifMatch, func() (setting.Row, error) {
		_, row, err := s.app.Automation.State(ctx)
		return row, err
	})
}

func (s *server) registerAutomation() {
	const group = "Automation"
	needsMatch := []int{http.StatusPreconditionRequired}
	add(s, operation{id: "get-automation", method: http.MethodGet, path: "/automation", tag: group, summary: "Get what Tandem does with Salesforce by itself", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[Automation], error) {
			return s.automation(ctx)
		})
	add(s, operation{
		id: "put-pause", method: http.MethodPut, path: "/automation/pause", tag: group, summary: "Pause everything, or end the pause", action: authz.ActionChangeSettings, ifMatch: true, also: needsMatch,
		about: "What would be done waits and goes out when the pause ends; flows that are off by themselves stay so. To pause needs a reason. Needs If-Match with the ETag of the automation, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body struct {
				Paused bool   `json:"paused"`
				Why    string `json:"why,omitempty" maxLength:"500"`
			}
		},
		) (*record[Automation], error) {
			version, err := s.automationVersion(ctx, in.IfMatch)
			if err != nil {
				return nil, err
			}
			if in.Body.Paused {
				err = s.app.Automation.Pause(ctx, in.Body.Why, version)
			} else {
				err = s.app.Automation.Resume(ctx, in.Body.Why, version)
			}
			if err != nil {
				return nil, err
			}
			return s.automation(ctx)
		})
	s.registerFlows(group, needsMatch)
	add(s, operation{id: "list-digests", method: http.MethodGet, path: "/automation/digests", tag: group, summary: "List the weekly digests, newest first", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*all[Digest], error) {
			list, err := s.app.Automation.Digests(ctx, 200)
			return allOf(mapped(list, digestOf)), err
		})
	add(s, operation{id: "get-digest", method: http.MethodGet, path: "/automation/digests/{week}", tag: group, summary: "Get the digest of a week", action: authz.ActionRead, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Week string `path:"week" example:"2026-W47"`
		},
		) (*struct{ Body Digest }, error) {
			d, err := s.app.Automation.Digest(ctx, in.Week)
			return &struct{ Body Digest }{digestOf(&d)}, err
		})
	add(s, operation{id: "read-digest", method: http.MethodPost, path: "/automation/digests/{week}/read", tag: group, summary: "Note that you have read a digest: it leaves your Today", action: authz.ActionChangeSettings, also: []int{http.StatusNotFound}, status: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Repeatable
			Week string `path:"week"`
		},
		) (*struct{}, error) {
			return nil, s.app.Automation.MarkRead(ctx, in.Week)
		})
	add(s, operation{id: "get-digest-schedule", method: http.MethodGet, path: "/settings/digest", tag: "Settings", summary: "Get when the week's digest is made", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[DigestScheduleSetting], error) {
			return s.digestSchedule(ctx)
		})
	add(s, operation{
		id: "put-digest-schedule", method: http.MethodPut, path: "/settings/digest", tag: "Settings", summary: "Change when the week's digest is made", action: authz.ActionChangeSettings, ifMatch: true, also: needsMatch,
		about: "Its zone is also that of the days of each flow's history. Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body DigestSchedule
		},
		) (*record[DigestScheduleSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Automation.Schedule(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			c := automation.Schedule{Weekday: time.Weekday(in.Body.Weekday), Hour: in.Body.Hour, Zone: in.Body.Zone}
			if err := s.app.Automation.SetSchedule(ctx, c, version); err != nil {
				return nil, err
			}
			return s.digestSchedule(ctx)
		})
}

func (s *server) registerFlows(group string, needsMatch []int) {
	add(s, operation{id: "get-flow", method: http.MethodGet, path: "/automation/flows/{flow}", tag: group, summary: "Get a flow with its history", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			Flow string `path:"flow" example:"write_tasks"`
		},
		) (*record[FlowDetail], error) {
			return s.flowDetail(ctx, automation.FlowID(in.Flow))
		})
	add(s, operation{
		id: "put-flow", method: http.MethodPut, path: "/automation/flows/{flow}", tag: group, summary: "Switch a flow on or off", action: authz.ActionChangeSettings, ifMatch: true, also: append(needsMatch, http.StatusNotFound),
		about: "What it would do waits while it is off. To switch it off needs a reason. Needs If-Match with the ETag of the automation or of the flow, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Flow string `path:"flow"`
			Body struct {
				On  bool   `json:"on"`
				Why string `json:"why,omitempty" maxLength:"500"`
			}
		},
		) (*record[FlowDetail], error) {
			version, err := s.automationVersion(ctx, in.IfMatch)
			if err != nil {
				return nil, err
			}
			if err := s.app.Automation.Switch(ctx, automation.FlowID(in.Flow), in.Body.On, in.Body.Why, version); err != nil {
				return nil, err
			}
			return s.flowDetail(ctx, automation.FlowID(in.Flow))
		})
	add(s, operation{
		id: "try-flow", method: http.MethodGet, path: "/automation/flows/{flow}/dry-run", tag: group, summary: "See exactly which records a flow would change now", action: authz.ActionSync, also: []int{http.StatusNotFound, http.StatusBadGateway},
		about: "Asks Salesforce what the records hold at this moment; sends nothing and changes nothing, whether the flow is on or off.",
	},
		func(ctx context.Context, in *struct {
			Flow  string `path:"flow"`
			From  int    `query:"from" minimum:"0" maximum:"5000" doc:"The next of the page before."`
			Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
		},
		) (*struct{ Body FlowDryRun }, error) {
			d, err := s.app.Sync.DryRun(ctx, automation.FlowID(in.Flow), in.From, in.Limit)
			if err != nil {
				return nil, err
			}
			out := FlowDryRun{Flow: string(d.Flow.ID), At: d.At, Changes: d.Changes}
			if d.Total >= 0 {
				out.Total = &d.Total
			}
			if d.Next > 0 {
				out.Next = &d.Next
			}
			return &struct{ Body FlowDryRun }{out}, nil
		})
}
