package sync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Events is the CRM's stream of what changed. Follow gives the batches after a
// position, "" for what happens from now on, until take gives an error or the stream
// breaks off; begun is called once the stream is asked for. A position that the CRM
// knows no more is an error with the cause connection.ErrPositionLost.
type Events interface {
	Follow(ctx context.Context, position string, begun func(context.Context) error, take func(context.Context, connection.Batch) error) error
}

// The paces of the worker that follows the events.
const (
	leaseFor   = 30 * time.Second // a killed worker is replaced after so long
	leaseRenew = leaseFor / 3
	// settle is how long a new subscription is given to take effect before what
	// came before it is read.
	settle = time.Second
	// patienceMost is the longest pause between tries, and forPeople the pause after a
	// refusal that a person has to mend.
	patienceLeast = time.Second
	patienceMost  = time.Minute
	forPeople     = 5 * time.Minute
)

// FollowEvents follows the CRM's changes until ctx ends, when no other worker does.
func (s *Service) FollowEvents(ctx context.Context) {
	ctx = authz.With(s.background(ctx), authz.System)
	holder := id.New("wrk")
	for ctx.Err() == nil {
		st, ours, err := s.Connections.Lease(ctx, holder, leaseFor)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.WarnContext(ctx, "the lease of the stream of changes cannot be asked for", "error", err)
		case ours:
			s.hold(ctx, holder)
		}
		s.live.Store(err == nil && !ours && st.Live(s.Clock.Now()))
		pause(ctx, leaseRenew)
	}
	if err := s.Connections.Release(context.WithoutCancel(ctx), holder); err != nil {
		s.Log.WarnContext(ctx, "the stream of changes is not released", "error", err)
	}
}

// hold follows the changes as long as the lease can be renewed.
func (s *Service) hold(ctx context.Context, holder string) {
	ctx, end := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		defer end()
		for pause(ctx, leaseRenew) {
			if _, ours, err := s.Connections.Lease(ctx, holder, leaseFor); err != nil || !ours {
				return
			}
		}
	}()
	wait := patienceLeast
	for ctx.Err() == nil {
		heard, err := s.follow(ctx, holder)
		s.live.Store(false)
		if ctx.Err() != nil {
			break
		}
		if heard {
			wait = patienceLeast
		}
		s.broke(ctx, holder, err)
		next := wait
		switch {
		case errors.Is(err, connection.ErrPositionLost):
			continue
		case errors.Is(err, errNotRead):
			next = 2 * time.Second
		case problem.RetryOf(err) == problem.RetryHuman:
			next = forPeople
		default:
			wait = min(2*wait, patienceMost)
		}
		pause(ctx, next/2+rand.N(next/2+1))
	}
	end()
	<-renewed
}

// broke keeps why the stream broke off.
func (s *Service) broke(ctx context.Context, holder string, err error) {
	lost := errors.Is(err, connection.ErrPositionLost)
	state, reason := connection.StreamBroken, err.Error()
	if errors.Is(err, errNotRead) {
		state = connection.StreamWaiting
	} else {
		s.Log.WarnContext(ctx, "the stream of changes broke off", "error", err)
	}
	if err := s.Connections.StreamGoes(ctx, holder, state, reason, lost); err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "how it goes with the stream of changes is not kept", "error", err)
	}
}

// errNotRead is what following gives before the mirror was read for the first time:
// changes of a part of it are of no use.
var errNotRead error = problem.Unavailable("not_read_yet", "Salesforce is read for the first time; changes are followed after that", nil)

// follow follows the stream once, from where it was; heard says that it gave anything.
func (s *Service) follow(ctx context.Context, holder string) (heard bool, err error) {
	for _, o := range s.objects() {
		by, err := s.mappedBy(ctx, o.object)
		if err != nil {
			return false, err
		}
		mark, err := cursor(ctx, s.DB, o.object, by)
		if err != nil {
			return false, err
		}
		if mark.IsZero() && o.object == opportunityObject { // the last of them
			return false, errNotRead
		}
	}
	st, _, err := s.Connections.Lease(ctx, holder, leaseFor)
	if err != nil {
		return false, err
	}
	begun := func(ctx context.Context) error {
		if err := s.Connections.StreamGoes(ctx, holder, connection.StreamStreaming, "", false); err != nil {
			return err
		}
		s.live.Store(true)
		if st.Position != "" || !pause(ctx, settle) {
			return ctx.Err()
		}
		return s.Pull(ctx) // what changed while nobody listened
	}
	err = s.Events.Follow(ctx, st.Position, begun, func(ctx context.Context, b connection.Batch) error {
		heard = true
		if err := s.take(ctx, b.Changes); err != nil {
			return fmt.Errorf("take changes: %w", err)
		}
		return s.Connections.Took(ctx, holder, b)
	})
	if err == nil {
		err = problem.Unavailable("stream_ended", "Salesforce ended the stream of changes", nil)
	}
	return heard, err
}

// take reads the records that changed, and stores them as a read of everything does.
// What a flow that is off leaves out comes with the next read after it is on again.
// Objects that the mirror does not hold are none of ours.
func (s *Service) take(ctx context.Context, changes []connection.Change) error {
	if len(changes) == 0 {
		return nil
	}
	err := s.run(ctx, automation.ReadRecords, func(ctx context.Context) error { return takeOf(ctx, changes, s.objects()) })
	if err != nil {
		return err
	}
	return s.run(ctx, automation.ReadActivities, func(ctx context.Context) error {
		if ids, all := changedOf(changes, opportunityObject); all || len(ids) > 0 {
			if _, err := s.watchNew(ctx); err != nil {
				return err
			}
		}
		var list []followed
		for _, o := range activityObjects {
			list = append(list, s.activityMirror(o))
		}
		return takeOf(ctx, changes, list)
	})
}

// takeOf reads what changed of some objects.
func takeOf(ctx context.Context, changes []connection.Change, objects []followed) error {
	for _, o := range objects {
		ids, all := changedOf(changes, o.object)
		var err error
		switch {
		case all:
			_, err = o.changed(ctx)
		case len(ids) > 0:
			err = o.byIDs(ctx, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changedOf gives the ids of an object's records that changed, each once; all says
// that there are some without a name.
func changedOf(changes []connection.Change, object string) (ids []string, all bool) {
	for _, c := range changes {
		if c.Object == object {
			ids, all = append(ids, c.IDs...), all || c.All
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), all
}

// pause waits, and says whether the whole time has passed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// duePull says whether a routine read is planned now: seldom while changes come as
// they happen, which then is the safety net.
func (s *Service) duePull(now time.Time, net time.Duration) bool {
	last := time.UnixMilli(s.pulled.Load())
	if s.live.Load() && now.Sub(last) < net {
		return false
	}
	s.pulled.Store(now.UnixMilli())
	return true
}
