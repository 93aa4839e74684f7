package sync

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Listener is a portal that has events to be fetched. The names only say that there is
// something to read; done says that it was taken in hand, and until then they come
// again.
type Listener interface {
	Portal
	Listen(ctx context.Context) (names []string, done func(context.Context) error, err error)
}

// HearArgs is the job that fetches a portal's events.
type HearArgs struct {
	Cloud cloud.Cloud `json:"cloud" river:"unique"`
}

// Kind names the job.
func (HearArgs) Kind() string { return "portal_hear" }

// Hear fetches a portal's events and plans the reading of what changed there. They are
// taken as heard only when that is stored.
func (s *Service) Hear(ctx context.Context, c cloud.Cloud) error {
	for _, p := range s.Portals {
		l, ok := p.(Listener)
		if !ok || p.Cloud() != c {
			continue
		}
		names, done, err := l.Listen(ctx)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			if err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return s.Registrations.Look(ctx, tx, c) }); err != nil {
				return err
			}
		}
		return done(ctx)
	}
	return nil
}
