package sync

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// DigestArgs is the job that makes the week's digest when it is due.
type DigestArgs struct{}

// Kind names the job.
func (DigestArgs) Kind() string { return "automation_digest" }

// digestEvery is how often it is looked whether a digest is due.
const digestEvery = 5 * time.Minute

// digestJob adds the worker of digests, and gives the job that looks whether one is
// due. River's leader plans it; that a week has one rests on the table alone.
func (s *Service) digestJob(r *jobs.Registry) *river.PeriodicJob {
	jobs.Add(r, 0, func(ctx context.Context, _ DigestArgs) error {
		week, err := s.Automation.MakeDigest(ctx, s.open)
		if err == nil && week != "" {
			s.Log.InfoContext(ctx, "the week's digest was made", "week", week)
		}
		return err
	})
	return river.NewPeriodicJob(river.PeriodicInterval(digestEvery), func() (river.JobArgs, *river.InsertOpts) { return DigestArgs{}, anyOnce }, &river.PeriodicJobOpts{RunOnStart: true})
}

// open counts what waits for a person.
func (s *Service) open(ctx context.Context, q db.Queryer) ([]automation.FindingLine, error) {
	wrong, err := tagging.CountFindings(ctx, q)
	if err != nil {
		return nil, err
	}
	refused, _, err := registration.Refused(ctx, q)
	if err != nil {
		return nil, err
	}
	more, _, err := activity.Refused(ctx, q)
	if err != nil {
		return nil, err
	}
	conflicts, err := registration.CountConflicts(ctx, q)
	var out []automation.FindingLine
	for _, l := range []automation.FindingLine{
		{Kind: automation.FindingTagging, What: "Tagging findings", Count: wrong},
		{Kind: automation.FindingRefused, What: "Records that Salesforce refused", Count: refused + more},
		{Kind: automation.FindingConflict, What: "Fields that changed on both sides", Count: conflicts},
	} {
		if l.Count > 0 {
			out = append(out, l)
		}
	}
	return out, err
}
