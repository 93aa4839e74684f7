package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// Connection is one outside system and its health.
type Connection struct {
	ID        string     `json:"id" enum:"salesforce,aws,azure,gcp"`
	Label     string     `json:"label"`
	Status    string     `json:"status" enum:"unknown,healthy,degraded,down,not_connected"`
	Detail    string     `json:"detail"`
	CheckedAt *time.Time `json:"checked_at"`
	SyncedAt  *time.Time `json:"synced_at"`
	FailedAt  *time.Time `json:"failed_at"`
	Error     string     `json:"error"`
	ErrorCode string     `json:"error_code"`
	Records   int64      `json:"records" doc:"Taken in the last sync."`
	Usage     []Usage    `json:"usage" nullable:"false"`
}

// Usage is how much of a quota is used.
type Usage struct {
	Name   string `json:"name"`
	Used   int64  `json:"used"`
	Limit  int64  `json:"limit" doc:"0 is not known."`
	Source string `json:"source" doc:"Who says so."`
}

// SyncRun is a wish to read Salesforce now.
type SyncRun struct {
	DryRun  bool  `json:"dry_run"`
	JobID   int64 `json:"job_id,omitempty" doc:"The job that reads."`
	Running bool  `json:"running" doc:"One waits or runs already: no second one was planned."`
}

// Job is a job as people see it.
type Job struct {
	ID          int64      `json:"id"`
	Kind        string     `json:"kind" example:"salesforce_pull"`
	State       string     `json:"state" enum:"running,retryable,available,scheduled,pending,discarded,cancelled,completed"`
	Queue       string     `json:"queue"`
	Args        string     `json:"args" doc:"JSON."`
	Attempt     int        `json:"attempt"`
	MaxAttempts int        `json:"max_attempts"`
	CreatedAt   time.Time  `json:"created_at"`
	ScheduledAt time.Time  `json:"scheduled_at"`
	AttemptedAt *time.Time `json:"attempted_at"`
	FinalizedAt *time.Time `json:"finalized_at"`
	Errors      []Failure  `json:"errors" nullable:"false"`
}

// Failure is one failed attempt of a job.
type Failure struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Error   string    `json:"error"`
}

func jobOf(j *jobs.Job) Job {
	return Job{
		ID: j.ID, Kind: j.Kind, State: j.State, Queue: j.Queue, Args: j.Args, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, CreatedAt: j.CreatedAt,
		ScheduledAt: j.ScheduledAt, AttemptedAt: at(j.AttemptedAt), FinalizedAt: at(j.FinalizedAt),
		Errors: mapped(j.Errors, func(f *jobs.Failure) Failure { return Failure{At: f.At, Attempt: f.Attempt, Error: f.Error} }),
	}
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Seq       int64     `json:"seq"`
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	ActorKind string    `json:"actor_kind"`
	ActorID   string    `json:"actor_id"`
	ActorName string    `json:"actor_name"`
	Action    string    `json:"action" example:"opportunity.mark_joint"`
	Subject   string    `json:"subject"`
	Detail    any       `json:"detail" doc:"A JSON object."`
	Hash      string    `json:"hash" doc:"Over this entry and the one before it."`
}

type jobsInput struct {
	State []string `query:"state,explode" nullable:"false" enum:"running,retryable,available,scheduled,pending,discarded,cancelled,completed"`
	Kind  []string `query:"kind,explode" nullable:"false" maxItems:"50" example:"[\"salesforce_pull\"]" doc:"What the jobs do, as in their field kind."`
	After string   `query:"after" doc:"The cursor next of the page before."`
	Limit int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type jobInput struct {
	Repeatable
	ID int64 `path:"id" minimum:"1"`
}

func (s *server) registerMachinery() {
	add(s, operation{id: "list-connections", method: http.MethodGet, path: "/connections", tag: "Machinery", summary: "List the outside systems and their health", action: authz.ActionReadOperations},
		func(ctx context.Context, _ *struct{}) (*all[Connection], error) {
			list, err := s.app.Connections.List(ctx)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, func(c *connection.Connection) Connection {
				return Connection{
					ID: c.ID, Label: c.Label(), Status: string(c.Status), Detail: c.Detail, CheckedAt: at(c.CheckedAt), SyncedAt: at(c.SyncedAt),
					FailedAt: at(c.FailedAt), Error: c.Error, ErrorCode: c.ErrorCode, Records: c.Records, Usage: mapped(c.Usage.V, func(u *connection.Usage) Usage {
						return Usage{Name: u.Name, Used: u.Used, Limit: u.Limit, Source: u.Source}
					}),
				}
			})), nil
		})
	add(s, operation{
		id: "start-sync", method: http.MethodPost, path: "/sync-runs", tag: "Machinery", summary: "Read Salesforce now", action: authz.ActionSync, status: http.StatusAccepted, also: []int{http.StatusBadGateway},
		about: "Plans a job, unless one waits or runs already. A dry run answers 200 and says whether one would be planned.",
	}, s.startSync)
	s.alsoAnswers("/sync-runs", http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
	add(s, operation{id: "list-jobs", method: http.MethodGet, path: "/jobs", tag: "Machinery", summary: "List jobs, newest first", action: authz.ActionReadOperations}, s.listJobs)
	add(s, operation{id: "count-jobs", method: http.MethodGet, path: "/jobs/counts", tag: "Machinery", summary: "Count the jobs in each state", action: authz.ActionReadOperations},
		func(ctx context.Context, _ *struct{}) (*struct{ Body map[string]int64 }, error) {
			n, err := s.app.Jobs.Counts(ctx)
			return &struct{ Body map[string]int64 }{n}, err
		})
	add(s, operation{id: "get-job", method: http.MethodGet, path: "/jobs/{id}", tag: "Machinery", summary: "Get a job", action: authz.ActionReadOperations, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ID int64 `path:"id" minimum:"1"`
		},
		) (*struct{ Body Job }, error) {
			j, err := s.app.Jobs.Get(ctx, in.ID)
			return &struct{ Body Job }{jobOf(&j)}, err
		})
	add(s, operation{id: "retry-job", method: http.MethodPost, path: "/jobs/{id}/retry", tag: "Machinery", summary: "Run a job again, whatever state it ended in", action: authz.ActionRetryJob, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *jobInput) (*struct{ Body Job }, error) {
			j, err := s.app.Jobs.Retry(ctx, in.ID)
			return &struct{ Body Job }{jobOf(&j)}, err
		})
	add(s, operation{id: "cancel-job", method: http.MethodPost, path: "/jobs/{id}/cancel", tag: "Machinery", summary: "End a job that waits, and ask a running one to end", action: authz.ActionRetryJob, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *jobInput) (*struct{ Body Job }, error) {
			j, err := s.app.Jobs.Cancel(ctx, in.ID)
			return &struct{ Body Job }{jobOf(&j)}, err
		})
	add(s, operation{
		id: "list-audit-entries", method: http.MethodGet, path: "/audit", tag: "Machinery", summary: "List who did what to a record, newest first", action: authz.ActionReadOperations,
		about: "Entries about users and tokens need manage_people.",
	},
		func(ctx context.Context, in *struct {
			Subject string `query:"subject" required:"true" minLength:"1" maxLength:"100" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c" doc:"The id of the record, or the name of a setting."`
			Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
		},
		) (*all[AuditEntry], error) {
			list, err := audit.Read(ctx, s.app.DB, in.Subject, in.Limit)
			if err != nil {
				return nil, err
			}
			out := make([]AuditEntry, 0, len(list))
			for _, e := range list {
				detail, err := raw(e.Detail)
				if err != nil {
					return nil, err
				}
				out = append(out, AuditEntry{
					Seq: e.Seq, ID: e.ID, At: e.At, ActorKind: string(e.ActorKind), ActorID: e.ActorID, ActorName: e.ActorName,
					Action: e.Action, Subject: e.Subject, Detail: detail, Hash: e.Hash,
				})
			}
			return allOf(out), nil
		})
}

type syncInput struct {
	Repeatable
	DryRun bool `query:"dry_run" doc:"As in the body."`
	Body   *struct {
		DryRun bool `json:"dry_run,omitempty" doc:"Say whether a read would be planned, and plan none."`
	}
}

func (s *server) startSync(ctx context.Context, in *syncInput) (*struct {
	Status int
	Body   SyncRun
}, error,
) {
	out := &struct {
		Status int
		Body   SyncRun
	}{Status: http.StatusAccepted}
	var err error
	if out.Body.DryRun = in.DryRun || in.Body != nil && in.Body.DryRun; out.Body.DryRun {
		out.Status = http.StatusOK
		out.Body.Running, err = s.app.Sync.CheckPull(ctx, s.app.Jobs)
		return out, err
	}
	out.Body.JobID, out.Body.Running, err = s.app.Sync.StartPull(ctx, s.app.Jobs)
	return out, err
}

func (s *server) listJobs(ctx context.Context, in *jobsInput) (*listed[Job], error) {
	var before int64
	if in.After != "" {
		n, err := strconv.ParseInt(in.After, 10, 64)
		if err != nil || n < 1 {
			return nil, problem.Invalid("after", "malformed", "This is not a cursor that a list gave: begin from the first page")
		}
		before = n
	}
	list, err := s.app.Jobs.List(ctx, jobs.Filter{States: in.State, Kinds: in.Kind, Before: before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &listed[Job]{Body: Page[Job]{Items: mapped(list, jobOf)}}
	if len(list) == in.Limit {
		out.Body.Next = strconv.FormatInt(list[len(list)-1].ID, 10)
		v := url.Values{"after": {out.Body.Next}, "limit": {strconv.Itoa(in.Limit)}, "state": in.State, "kind": in.Kind}
		out.Link, out.Body.NextLink = link("/jobs", v.Encode())
	}
	return out, nil
}
