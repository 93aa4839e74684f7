package sync

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// Guard gives the CRM through which everything of Tandem reaches Salesforce: each
// write asks first whether the flow that makes it is on, and is counted as the
// flow's. A write of no flow is refused: no path goes around automation.
func Guard(crm CRM, a *automation.Service) CRM { return &guarded{CRM: crm, automation: a} }

type guarded struct {
	CRM
	automation *automation.Service
}

var errNoFlow = errors.New("no flow acts here: what Tandem does with Salesforce needs one of internal/domain/automation")

// may gives the run that acts, if its flow is on.
func may(ctx context.Context) (*automation.Run, error) {
	run := automation.RunOf(ctx)
	if run == nil {
		return nil, errNoFlow
	}
	return run, run.May(ctx)
}

// mayRead is may for what only reads: who reads as no flow was asked before.
func mayRead(ctx context.Context) error {
	if run := automation.RunOf(ctx); run != nil {
		return run.May(ctx)
	}
	return nil
}

// counted counts what was read for the run of ctx.
func counted(ctx context.Context, c automation.Counts) error {
	if run := automation.RunOf(ctx); run != nil {
		return run.Add(ctx, c)
	}
	return nil
}

// UpsertRegistrations writes for the run of ctx.
func (g *guarded) UpsertRegistrations(ctx context.Context, records []registration.CRMRecord) ([]registration.CRMResult, error) {
	run, err := may(ctx)
	if err != nil {
		return nil, err
	}
	results, err := g.CRM.UpsertRegistrations(ctx, records)
	for i := range results {
		run.Met(automation.AboutOpportunity, records[i].OpportunityCRMID, results[i].Err)
	}
	return results, err
}

// UpdateOpportunity writes for the run of ctx.
func (g *guarded) UpdateOpportunity(ctx context.Context, c registration.CRMChange) (registration.CRMResult, error) {
	run, err := may(ctx)
	if err != nil {
		return registration.CRMResult{}, err
	}
	res, err := g.CRM.UpdateOpportunity(ctx, c)
	if err == nil {
		run.Met(automation.AboutOpportunity, c.OpportunityCRMID, res.Err)
	}
	return res, err
}

// LogTasks writes for the run of ctx.
func (g *guarded) LogTasks(ctx context.Context, tasks []activity.Task) ([]activity.Result, error) {
	run, err := may(ctx)
	if err != nil {
		return nil, err
	}
	results, err := g.CRM.LogTasks(ctx, tasks)
	for i := range results {
		run.Met(automation.AboutOpportunity, tasks[i].OpportunityCRMID, results[i].Err)
	}
	return results, err
}

// WriteActivities writes for the run of ctx.
func (g *guarded) WriteActivities(ctx context.Context, writes []activity.Write) ([]activity.Written, error) {
	run, err := may(ctx)
	if err != nil {
		return nil, err
	}
	results, err := g.CRM.WriteActivities(ctx, writes)
	for i := range results {
		kind := automation.AboutOpportunity
		if writes[i].WhatCRMID == writes[i].AccountCRMID {
			kind = automation.AboutAccount
		}
		run.Met(kind, writes[i].WhatCRMID, results[i].Err)
	}
	return results, err
}

// MadeOpportunity looks for the run of making opportunities, which it begins: it is
// what goes before each.
func (g *guarded) MadeOpportunity(ctx context.Context, key string) (crmID string, err error) {
	err = g.making(ctx, func(ctx context.Context, _ *automation.Run) error {
		crmID, err = g.CRM.MadeOpportunity(ctx, key)
		return err
	})
	return crmID, err
}

// MakeOpportunity makes one as the flow that does.
func (g *guarded) MakeOpportunity(ctx context.Context, key string, values map[string]string) (crmID string, err error) {
	err = g.making(ctx, func(ctx context.Context, run *automation.Run) error {
		crmID, err = g.CRM.MakeOpportunity(ctx, key, values)
		if ctx.Err() == nil {
			run.Met(automation.AboutKey, key, err)
		}
		return err
	})
	return crmID, err
}

// making does one step of the flow that makes opportunities. What it meets is told
// to whoever wanted the opportunity.
func (g *guarded) making(ctx context.Context, step func(context.Context, *automation.Run) error) error {
	run, off, err := g.automation.Begin(ctx, automation.MakeOpportunities)
	if err != nil {
		return err
	}
	if off != nil {
		return off.Err()
	}
	return run.End(ctx, step(run.With(ctx), run))
}

// run does one step as a flow, unless that is off. That it was switched off
// meanwhile ends the step and is no error.
func (s *Service) run(ctx context.Context, id automation.FlowID, step func(context.Context) error) error {
	run, off, err := s.Automation.Begin(ctx, id)
	if err != nil || off != nil {
		return err
	}
	return run.End(ctx, step(run.With(ctx)))
}

// Wait is what one flow has for Salesforce. Off says why it does not go there.
type Wait struct {
	Flow    automation.FlowID
	Waiting int64
	Off     *automation.Off
}

// Waits counts what each flow that writes has for Salesforce. Edits and corrections
// are made on a record as it was read: while reading is off they wait for it, too.
func (s *Service) Waits(ctx context.Context) ([]Wait, error) {
	state, err := automation.StateNow(ctx, s.DB)
	if err != nil {
		return nil, err
	}
	count := map[automation.FlowID]func(context.Context, db.Queryer) (int64, error){
		automation.WriteEdits: registration.CountPendingEdits, automation.WriteCorrections: tagging.CountPending, automation.WriteRegistrations: registration.CountDirty,
		automation.WriteTasks: func(ctx context.Context, q db.Queryer) (int64, error) {
			return activity.CountPending(ctx, q, activity.OriginEngine)
		},
		automation.WriteActivities: func(ctx context.Context, q db.Queryer) (int64, error) {
			return activity.CountPending(ctx, q, activity.OriginPerson)
		},
		automation.MakeOpportunities: invitation.CountCreating,
	}
	var out []Wait
	for _, f := range automation.Flows() {
		if f.Mode != automation.ModeWrites {
			continue
		}
		w := Wait{Flow: f.ID, Off: state.OffOf(f.ID)}
		if w.Waiting, err = count[f.ID](ctx, s.DB); err != nil {
			return nil, err
		}
		if w.Off == nil && (f.ID == automation.WriteEdits || f.ID == automation.WriteCorrections) {
			w.Off = state.OffOf(automation.ReadRecords)
		}
		out = append(out, w)
	}
	return out, nil
}

// switchedOn plans what waited while flows were off.
func (s *Service) switchedOn(ctx context.Context, tx *db.Tx, client *jobs.Client, flows []automation.FlowID) error {
	plan := map[string]bool{}
	for _, id := range flows {
		var args river.JobArgs
		opts := anyOnce
		switch id {
		case automation.CheckTagging:
			args = TaggingArgs{}
		case automation.MakeOpportunities:
			if err := invitation.WakeCreating(ctx, tx); err != nil { // the sweep finds what is due
				return err
			}
			continue
		case automation.ReadRecords, automation.ReadActivities:
			args, opts = PullArgs{}, syncOnce
		default:
			args, opts = PushArgs{}, syncOnce
		}
		if plan[args.Kind()] || opts == syncOnce && s.CRM == nil {
			continue
		}
		plan[args.Kind()] = true
		if err := client.Insert(ctx, tx, args, opts); err != nil {
			return err
		}
	}
	return nil
}
