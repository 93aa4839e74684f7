package automation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// SubjectKind says what an error is about.
type SubjectKind string

// The kinds.
const (
	AboutFlow        SubjectKind = "flow"        // nothing in particular
	AboutOpportunity SubjectKind = "opportunity" // by its CRM id
	AboutAccount     SubjectKind = "account"     // by its CRM id
	AboutKey         SubjectKind = "key"         // an external id
)

// saveEvery is how often a run that goes on keeps what it did so far.
const saveEvery = 10 * time.Second

// maxMessage is how much of an error is kept, in bytes: it is part of a key, and
// PostgreSQL takes 2,704 bytes of one.
const maxMessage = 1000

// Run is one run of a flow. What it did is kept as sums, now and then and at its
// end, never a row for each record: a process that is killed loses the count of its
// last seconds, and nothing else.
type Run struct {
	s    *Service
	flow FlowID

	mu       sync.Mutex
	began    time.Time
	saved    time.Time
	counted  bool   // the run itself is among the day's
	total    Counts // of the run
	fresh    Counts // not kept yet
	troubles []Trouble
	told     error // the last that Met noted
}

type runKey struct{}

// Begin begins a run, unless the flow is off: off then says why.
func (s *Service) Begin(ctx context.Context, id FlowID) (r *Run, off *Off, err error) {
	if off, err = OffNow(ctx, s.db, id); err != nil || off != nil {
		return nil, off, err
	}
	now := s.clock.Now()
	return &Run{s: s, flow: id, began: now, saved: now}, nil, nil
}

// With gives a context in which r acts.
func (r *Run) With(ctx context.Context) context.Context { return context.WithValue(ctx, runKey{}, r) }

// RunOf gives the run that acts; nil for none.
func RunOf(ctx context.Context) *Run {
	r, _ := ctx.Value(runKey{}).(*Run)
	return r
}

// Flow says whose run it is.
func (r *Run) Flow() FlowID { return r.flow }

// May gives nil while the flow is on, and a problem that IsOff knows once it was
// switched off. It is asked before each call.
func (r *Run) May(ctx context.Context) error {
	off, err := OffNow(ctx, r.s.db, r.flow)
	if err != nil || off == nil {
		return err
	}
	return off.Err()
}

// Add counts what was done, and keeps it now and then.
func (r *Run) Add(ctx context.Context, c Counts) error {
	r.mu.Lock()
	r.total, r.fresh = r.total.Plus(c), r.fresh.Plus(c)
	due := r.s.clock.Now().Sub(r.saved) >= saveEvery
	r.mu.Unlock()
	if !due {
		return nil
	}
	return r.save(ctx, nil, false)
}

// Met notes the outcome of one record: done, refused for good, or put off.
func (r *Run) Met(kind SubjectKind, subject string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = err
	c := Counts{Looked: 1}
	switch {
	case err == nil:
		c.Changed = 1
	case problem.Is(err, problem.KindPrecondition): // the record moved on: it is merged and written later
		c.Unchanged = 1
	case problem.RetryOf(err) == problem.RetryHuman:
		c.Refused = 1
		r.note(kind, subject, err)
	default:
		c.Failures = 1
		r.note(kind, subject, err)
	}
	r.total, r.fresh = r.total.Plus(c), r.fresh.Plus(c)
}

func (r *Run) note(kind SubjectKind, subject string, err error) {
	text := err.Error()
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	for i := range r.troubles {
		if t := &r.troubles[i]; t.Subject == subject && t.Message == text {
			t.Times++
			return
		}
	}
	if len(r.troubles) < keepTroubles {
		r.troubles = append(r.troubles, Trouble{Flow: r.flow, Kind: kind, Subject: subject, Message: text, Times: 1})
	}
}

// End keeps how the run went. That the flow was switched off meanwhile is no
// error; End gives what is left of err for the caller. A run in which there was
// nothing to do is not counted, unless the flow reads.
func (r *Run) End(ctx context.Context, err error) error {
	if IsOff(err) {
		err = nil
	}
	flow, ferr := FlowOf(r.flow)
	if ferr != nil {
		return ferr
	}
	r.mu.Lock()
	cut := err != nil && ctx.Err() != nil // the program ends: no failure of the flow
	if err != nil && !cut && (r.told == nil || !errors.Is(err, r.told)) {
		r.total.Failures++
		r.fresh.Failures++
		r.note(AboutFlow, "", err)
	}
	idle := r.total == Counts{} && flow.Mode != ModeReads
	r.mu.Unlock()
	if idle {
		return err
	}
	message := error(nil)
	if !cut {
		message = err
	}
	if serr := r.save(context.WithoutCancel(ctx), message, true); serr != nil && err == nil {
		return serr
	}
	return err
}

func (r *Run) save(ctx context.Context, cause error, ended bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := Last{Flow: r.flow, BeganAt: r.began, Counts: r.total}
	if cause != nil {
		last.Message = strings.ToValidUTF8(cause.Error()[:min(len(cause.Error()), maxMessage)], "")
	}
	err := r.s.db.InTx(ctx, r.s.clock, func(tx *db.Tx) error {
		if ended {
			last.EndedAt = tx.Now()
		}
		runs := int64(1)
		if r.counted {
			runs = 0
		}
		return r.s.keep(ctx, tx, last, runs, r.fresh, r.troubles)
	})
	if err != nil {
		return fmt.Errorf("keep the run of %s: %w", r.flow, err)
	}
	r.counted, r.fresh, r.troubles, r.saved = true, Counts{}, nil, r.s.clock.Now()
	return nil
}

// keep stores the last run and adds to the sums of the day.
func (s *Service) keep(ctx context.Context, tx *db.Tx, last Last, runs int64, c Counts, list []Trouble) error {
	if err := saveLast(ctx, tx, &last); err != nil {
		return err
	}
	zone, err := zoneOf(ctx, tx)
	if err != nil {
		return err
	}
	if err := addDay(ctx, tx, last.Flow, dayOf(tx.Now(), zone), runs, c); err != nil {
		return err
	}
	for i := range list {
		if err := addTrouble(ctx, tx, &list[i]); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pruneTroubles(ctx, tx, last.Flow)
}

// Count keeps, in the caller's transaction, what a flow did that has no run of its
// own: a check of what another flow just stored.
func (s *Service) Count(ctx context.Context, tx *db.Tx, id FlowID, c Counts) error {
	return s.keep(ctx, tx, Last{Flow: id, BeganAt: tx.Now(), EndedAt: tx.Now(), Counts: c}, 1, c, nil)
}

type tallyKey struct{}

// WithTally gives a context in which Tally counts into n.
func WithTally(ctx context.Context, n *int64) context.Context {
	return context.WithValue(ctx, tallyKey{}, n)
}

// Tally counts records that were news, for whoever asked with WithTally.
func Tally(ctx context.Context, n int) {
	if p, ok := ctx.Value(tallyKey{}).(*int64); ok {
		*p += int64(n)
	}
}
