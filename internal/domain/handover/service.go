package handover

import (
	"cmp"
	"context"
	"encoding/json"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Service is the use cases of what is entered by hand. Registrations must be set
// before a person uses it.
type Service struct {
	db    *db.DB
	clock clock.Clock

	Registrations *registration.Service
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service { return &Service{db: d, clock: c} }

// Ask has a person enter a record, or change what they entered. Asked again, the
// newest wish counts; since when it waits stays.
func (s *Service) Ask(ctx context.Context, w Wish) (Entry, error) {
	var e Entry
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		e, err = byOurID(ctx, tx, w.Cloud, w.OurID)
		fresh := problem.Is(err, problem.KindNotFound)
		if err != nil && !fresh {
			return err
		}
		if fresh {
			found, err := opportunity.ByCRMIDs(ctx, tx, []string{w.OurID})
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return problem.NotFound("opportunity", w.OurID)
			}
			e = Entry{ID: id.New("hov"), OpportunityID: found[0].ID, OurID: w.OurID, Cloud: w.Cloud}
		}
		if len(w.Paths) == 0 && !e.New() {
			return nil // it was entered before the wish was known to be fulfilled
		}
		if e.Waits() && e.Wanted == string(w.Record) {
			return nil
		}
		e.Wanted, e.Paths.V = string(w.Record), w.Paths
		if !e.Waits() {
			e.AskedAt = tx.Now()
		}
		if fresh {
			return insert(ctx, tx, &e)
		}
		return update(ctx, tx, &e)
	})
	return e, err
}

// ByOurID gives the entry of an opportunity by its CRM id; nil when there is none.
func (s *Service) ByOurID(ctx context.Context, c cloud.Cloud, ourID string) (*Entry, error) {
	return entryOrNil(byOurID(ctx, s.db, c, ourID))
}

// ByRemoteID gives the entry with a number of the portal's; nil when there is none.
func (s *Service) ByRemoteID(ctx context.Context, c cloud.Cloud, remoteID string) (*Entry, error) {
	return entryOrNil(byRemoteID(ctx, s.db, c, remoteID))
}

func entryOrNil(e Entry, err error) (*Entry, error) {
	if problem.Is(err, problem.KindNotFound) {
		return nil, nil
	}
	return &e, err
}

// ToldSince gives what was told of since then, the oldest first.
func (s *Service) ToldSince(ctx context.Context, c cloud.Cloud, since time.Time) ([]Entry, error) {
	return toldSince(ctx, s.db, c, since)
}

// CountWaiting counts what waits to be entered in a cloud's portal.
func (s *Service) CountWaiting(ctx context.Context, c cloud.Cloud) (int64, error) {
	return countWaiting(ctx, s.db, c)
}

// Get gives one entry with its deal. Needs read.
func (s *Service) Get(ctx context.Context, entryID string) (Deal, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Deal{}, err
	}
	return dealOf(ctx, s.db, entryID)
}

// maxListed bounds a list of what waits.
const maxListed = 200

// List gives what waits to be entered, the longest first, at most 200: of the deals of
// one owner (CRM id), or of all with "". Needs read.
func (s *Service) List(ctx context.Context, ownerCRMID string) ([]Deal, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return Waiting(ctx, s.db, ownerCRMID, maxListed)
}

// Form gives the fields of an entry, in the portal's order: all that has a value, or
// had one, those to be entered now marked. Needs read.
func (s *Service) Form(ctx context.Context, entryID string) ([]Line, error) {
	d, err := s.Get(ctx, entryID)
	if err != nil {
		return nil, err
	}
	p, ok := s.Registrations.Portal(d.Cloud)
	if !ok {
		return nil, problem.Conflict("not_connected", d.Cloud.Portal()+" is not connected: see Connections")
	}
	wanted, before := registration.Values{}, registration.Values{}
	if d.Record != "" {
		if before, err = p.Theirs(json.RawMessage(d.Record)); err != nil {
			return nil, err
		}
		wanted = before
	}
	if d.Wanted != "" {
		if wanted, err = p.Theirs(json.RawMessage(d.Wanted)); err != nil {
			return nil, err
		}
	}
	var out []Line
	for _, f := range p.Fields() {
		l := Line{Group: f.Group, Label: f.Label, Path: f.Path, Value: f.Text(wanted[f.Path]), Before: f.Text(before[f.Path])}
		l.Change = d.Waits() && (d.New() || l.Value != l.Before)
		if l.Value != "" || l.Before != "" {
			out = append(out, l)
		}
	}
	return out, nil
}

// Limits of what is taken.
const (
	maxRemoteID = 64
	maxText     = 2000
)

func (t *Told) clean(e *Entry) error {
	var bad problem.List
	t.RemoteID, t.OwnerName, t.OwnerEmail, t.Note = strings.TrimSpace(t.RemoteID), strings.TrimSpace(t.OwnerName), strings.TrimSpace(t.OwnerEmail), strings.TrimSpace(t.Note)
	switch {
	case e.New() && t.RemoteID == "":
		bad.Add("remote_id", "required", "Type the number that the portal gave the deal")
	case len(t.RemoteID) > maxRemoteID || strings.ContainsAny(t.RemoteID, " \t\r\n/"):
		bad.Add("remote_id", "malformed", "A deal's number has no blanks or slashes, and at most 64 characters")
	case !e.New() && t.RemoteID != "" && t.RemoteID != e.RemoteID:
		bad.Add("remote_id", "fixed", "The number of this deal is "+e.RemoteID+": it cannot be another's")
	}
	if t.State == "" {
		t.State = e.State
	}
	if t.State == "" {
		t.State = registration.StateSubmitted
	}
	if !slices.Contains(States(), t.State) {
		bad.Add("state", "not_listed", "Say how the partner stands to the deal")
	}
	if t.OwnerEmail != "" {
		if _, err := mail.ParseAddress(t.OwnerEmail); err != nil {
			bad.Add("owner_email", "malformed", "That is no e-mail address")
		}
	}
	if len(t.Note) > maxText || len(t.OwnerName) > maxText {
		bad.Add("note", "too_long", "At most 2,000 characters")
	}
	return bad.Err()
}

// Tell takes what a person says of the portal: that they entered what waited, under
// which number, and how the partner stands to it. The registration goes on from there.
// Needs register.
func (s *Service) Tell(ctx context.Context, entryID string, t Told) (Deal, error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return Deal{}, err
	}
	actor, _ := authz.From(ctx)
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		e, err := byID(ctx, tx, entryID)
		if err != nil {
			return err
		}
		if t.Version != 0 && t.Version != e.Version {
			return problem.Precondition("form", e.ID)
		}
		if err := t.clean(&e); err != nil {
			return err
		}
		if e.New() {
			other, err := byRemoteID(ctx, tx, e.Cloud, t.RemoteID)
			if err == nil {
				return problem.Invalid("remote_id", "taken", "Another deal has the number "+t.RemoteID+" already ("+other.OurID+")")
			}
			if !problem.Is(err, problem.KindNotFound) {
				return err
			}
			e.RemoteID, t.Entered = t.RemoteID, true
		}
		if t.Entered && e.Waits() {
			e.Record, e.Wanted, e.Paths.V, e.AskedAt = e.Wanted, "", nil, time.Time{}
		}
		e.State, e.Note = t.State, t.Note
		e.OwnerName, e.OwnerEmail = cmp.Or(t.OwnerName, e.OwnerName), cmp.Or(t.OwnerEmail, e.OwnerEmail)
		e.ToldBy = actor.Name
		e.ToldAt = tx.Now()
		if err := update(ctx, tx, &e); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "hand_over.tell", e.ID, map[string]any{"opportunity": e.OpportunityID, "cloud": e.Cloud, "remote_id": e.RemoteID, "state": e.State, "entered": t.Entered}); err != nil {
			return err
		}
		return s.Registrations.LookNow(ctx, tx, e.OpportunityID, e.Cloud)
	})
	if err != nil {
		return Deal{}, err
	}
	return dealOf(ctx, s.db, entryID)
}
