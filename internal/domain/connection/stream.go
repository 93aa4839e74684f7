package connection

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Change says which records of an outside system changed; what became of them is
// read.
type Change struct {
	Object string // the system's own name, such as Opportunity
	IDs    []string
	// All says that the records are not named: all that changed have to be read.
	All bool
	// Gap says that the system could not tell more of the change than this.
	Gap bool
	// Own says that it was a write of ours. Its records are read all the same, for
	// the system's own automation may have changed more in the same transaction.
	Own    bool
	Fields []string // the fields that an update changed, as the system names them
	At     time.Time
}

// Batch is some changes in their order, and the position after them. One without
// changes is a sign of life.
type Batch struct {
	Changes  []Change
	Position string
}

// ErrPositionLost is the cause of an error when the system knows no more what comes
// after a position.
var ErrPositionLost = errors.New("the position in the stream of changes is known no more")

// StreamState is how it goes with a stream of changes.
type StreamState string

// The states of a stream.
const (
	StreamOff       StreamState = "off"       // not switched on
	StreamWaiting   StreamState = "waiting"   // nobody can follow it yet
	StreamStreaming StreamState = "streaming" // changes come as they happen
	StreamBroken    StreamState = "broken"    // it broke off and is tried again; changes are polled
)

// Stream is how far a system's changes are followed, by whom, and how it goes.
type Stream struct {
	ID           string      `db:"id"`
	Position     string      `db:"position"` // the system's own, "" is none
	PositionedAt time.Time   `db:"positioned_at"`
	Holder       string      `db:"holder"` // the worker that follows
	LeasedUntil  time.Time   `db:"leased_until"`
	State        StreamState `db:"state"`
	Reason       string      `db:"reason"`   // why it does not stream
	Since        time.Time   `db:"since"`    // of the state
	HeardAt      time.Time   `db:"heard_at"` // the last answer, a sign of life too
	EventAt      time.Time   `db:"event_at"` // when the last change that was taken happened
	Events       int64       `db:"events"`
	Gaps         int64       `db:"gaps"`
	Lost         int64       `db:"lost"` // how often the position was known no more
}

// Live says whether changes come as they happen: the worker that follows them has
// said so, and is there.
func (s *Stream) Live(now time.Time) bool {
	return s.State == StreamStreaming && now.Before(s.LeasedUntil)
}

const streamID = "salesforce"

// Stream gives how Salesforce's changes are followed. Needs read_operations.
func (s *Service) Stream(ctx context.Context) (Stream, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return Stream{}, err
	}
	return streamByID(ctx, s.db, streamID)
}

// Lease lets one worker follow the stream, and again, for as long as it says; ok is
// false while another one does.
func (s *Service) Lease(ctx context.Context, holder string, d time.Duration) (st Stream, ok bool, err error) {
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if ok, err = leaseStream(ctx, tx, streamID, holder, tx.Now().Add(d)); err != nil {
			return err
		}
		st, err = streamByID(ctx, tx, streamID)
		return err
	})
	return st, ok, err
}

// Release lets another worker follow the stream at once.
func (s *Service) Release(ctx context.Context, holder string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return releaseStream(ctx, tx, streamID, holder) })
}

// errNotHolder is for a worker whose lease another one took.
var errNotHolder error = problem.Conflict("stream_taken", "Another worker follows the changes now")

// Took keeps, for the worker that follows, what was taken of the stream and the
// position after it. What it tells of is stored before: taken twice does no harm,
// and not at all would.
func (s *Service) Took(ctx context.Context, holder string, b Batch) error {
	return s.change(ctx, holder, func(st *Stream, now time.Time) {
		st.HeardAt = now
		if b.Position != "" {
			st.Position, st.PositionedAt = b.Position, now
		}
		for _, c := range b.Changes {
			st.Events++
			if c.Gap {
				st.Gaps++
			}
			if c.At.After(st.EventAt) {
				st.EventAt = c.At
			}
		}
	})
}

// StreamGoes keeps, for the worker that follows, how it goes. A position that is
// known no more is forgotten.
func (s *Service) StreamGoes(ctx context.Context, holder string, state StreamState, reason string, lost bool) error {
	return s.change(ctx, holder, func(st *Stream, now time.Time) {
		if st.State != state {
			st.Since = now
		}
		st.State, st.Reason = state, reason
		if state == StreamStreaming {
			st.HeardAt = now
		}
		if lost {
			st.Position, st.PositionedAt = "", time.Time{}
			st.Lost++
		}
	})
}

func (s *Service) change(ctx context.Context, holder string, f func(*Stream, time.Time)) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		st, err := streamByID(ctx, tx, streamID)
		if err != nil {
			return err
		}
		if st.Holder != holder {
			return errNotHolder
		}
		f(&st, tx.Now())
		ok, err := saveStream(ctx, tx, st)
		if err == nil && !ok {
			err = errNotHolder
		}
		return err
	})
}
