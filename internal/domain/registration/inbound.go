package registration

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// PortalEvent is a portal's word that something happened. It carries ids only, may
// come twice, late or never: it makes Tandem look sooner, and nothing rests on it.
type PortalEvent struct {
	ID       string
	Kind     string
	RemoteID string
}

// Report is what a look at a portal's list came to. The lists hold at most 100
// lines each; the counts are whole.
type Report struct {
	At         time.Time `json:"at"`
	Full       bool      `json:"full"`       // all records were looked at
	Listed     int       `json:"listed"`     // records that the portal listed
	Changed    int       `json:"changed"`    // of ours, changed there without our doing: read again
	Adopted    int       `json:"adopted"`    // carry our id, were made elsewhere and are followed now
	Missing    []Drift   `json:"missing"`    // of ours, no longer listed
	Unknown    []Drift   `json:"unknown"`    // listed, and no opportunity of ours
	Duplicates []Drift   `json:"duplicates"` // a second record of an opportunity of ours
}

// Drift is one way in which a portal's list and ours differ.
type Drift struct {
	RemoteID       string `json:"remote_id"`
	OurID          string `json:"our_id"`
	Company        string `json:"company"`
	Status         string `json:"status"`
	RegistrationID string `json:"registration_id"`
	Note           string `json:"note"`
}

const maxDrift = 100

func addDrift(list *[]Drift, d Drift) {
	if len(*list) < maxDrift {
		*list = append(*list, d)
	}
}

// keepEvents is how long a portal's event is remembered, to know it again.
const keepEvents = 7 * 24 * time.Hour

// Heard takes a portal's event: one that was not heard before plans a look at
// what changed.
func (s *Service) Heard(ctx context.Context, c cloud.Cloud, e PortalEvent) (fresh bool, err error) {
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if fresh, err = FirstHeard(ctx, tx, c, e); err != nil || !fresh {
			return err
		}
		return s.Look(ctx, tx, c)
	})
	return fresh, err
}

// FirstHeard keeps a portal's event, and reports whether it was not heard before.
func FirstHeard(ctx context.Context, tx *db.Tx, c cloud.Cloud, e PortalEvent) (bool, error) {
	fresh, err := firstSeen(ctx, tx, c, e)
	if err != nil || !fresh {
		return false, err
	}
	return true, forgetEvents(ctx, tx, tx.Now().Add(-keepEvents))
}

// lookBack is how far before its mark a look begins: what a portal lists can lag.
const lookBack = 5 * time.Minute

// FollowChanges reads what changed in a cloud's portal since the last time, and
// has each registration that changed there read. full reads everything and says
// how far the two sides drifted apart.
func (s *Service) FollowChanges(ctx context.Context, c cloud.Cloud, full bool) (Report, error) {
	p, ok := s.portals[c]
	if !ok {
		return Report{}, nil
	}
	w, err := watchOf(ctx, s.db, c)
	if err != nil {
		return Report{}, err
	}
	begun := s.clock.Now()
	rep := Report{At: begun, Full: full}
	var from time.Time
	if !full && !w.ChangesAt.IsZero() {
		from = w.ChangesAt.Add(-lookBack)
	}
	seen := map[string]string{} // by our id, the record that carries it
	var listed map[string]bool
	if full {
		listed = map[string]bool{}
	}
	var batch []RemoteChange
	flush := func() error {
		defer func() { batch = batch[:0] }()
		return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return s.takeChanges(ctx, tx, p, batch, seen, &rep) })
	}
	for change, err := range p.Changes(ctx, from) {
		if err != nil {
			return rep, err
		}
		rep.Listed++
		if full {
			listed[change.RemoteID] = true
		}
		if batch = append(batch, change); len(batch) == 100 {
			if err := flush(); err != nil {
				return rep, err
			}
		}
	}
	if err := flush(); err != nil {
		return rep, err
	}
	return rep, s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if full {
			if err := s.missing(ctx, tx, c, listed, begun, &rep); err != nil {
				return err
			}
			w.ReconciledAt, w.Report.V = begun, rep
		}
		w.ChangesAt = begun
		return saveWatch(ctx, tx, &w)
	})
}

func (s *Service) takeChanges(ctx context.Context, tx *db.Tx, p Portal, batch []RemoteChange, seen map[string]string, rep *Report) error {
	if len(batch) == 0 {
		return nil
	}
	ids := make([]string, len(batch))
	var ours []string
	for i, x := range batch {
		ids[i] = x.RemoteID
		if x.OurID != "" {
			ours = append(ours, x.OurID)
		}
	}
	known, err := ByRemoteIDs(ctx, tx, p.Cloud(), ids)
	if err != nil {
		return err
	}
	opps, err := opportunity.ByCRMIDs(ctx, tx, ours)
	if err != nil {
		return err
	}
	for _, x := range batch {
		other := seen[x.OurID]
		if x.OurID != "" && other == "" {
			seen[x.OurID] = x.RemoteID
		}
		if r, ok := known[x.RemoteID]; ok {
			if sameVersion(p, r.RemoteVersion, x.Version) || !s.follows(&r) {
				continue
			}
			rep.Changed++
			if err := poll(ctx, tx, r.ID); err != nil {
				return err
			}
			if err := s.Wake(ctx, tx, r.ID); err != nil {
				return err
			}
			continue
		}
		i := slices.IndexFunc(opps, func(o opportunity.Opportunity) bool { return x.OurID != "" && o.CRMID == x.OurID })
		d := Drift{RemoteID: x.RemoteID, OurID: x.OurID, Company: x.Company, Status: x.Status}
		if i < 0 {
			d.Note = "It carries no id of an opportunity of ours"
			addDrift(&rep.Unknown, d)
			continue
		}
		if err := s.adopt(ctx, tx, p, &opps[i], x, d, rep); err != nil {
			return err
		}
	}
	return nil
}

// follows reports whether the engine reads the record of r by itself.
func (s *Service) follows(r *Registration) bool {
	switch r.State {
	case StateSubmitted, StateInReview, StateApproved, StateActionRequired, StateRejected, StateLaunched, StateClosedLost:
		return true
	}
	return false
}

func sameVersion(p Portal, a, b string) bool {
	if a == b {
		return true
	}
	at, bt := p.ChangedAt(a), p.ChangedAt(b)
	return !at.IsZero() && at.Truncate(time.Millisecond).Equal(bt.Truncate(time.Millisecond))
}

// adopt follows a record that carries our id and that another program or a person
// made in the portal, unless the opportunity has one already.
func (s *Service) adopt(ctx context.Context, tx *db.Tx, p Portal, o *opportunity.Opportunity, x RemoteChange, d Drift, rep *Report) error {
	have, err := ByOpportunities(ctx, tx, []string{o.ID})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(have[o.ID], func(r Registration) bool { return r.Cloud == p.Cloud() })
	switch {
	case i >= 0 && have[o.ID][i].RemoteID == "":
		return nil // the engine searches before it creates
	case i >= 0:
		d.RegistrationID, d.Note = have[o.ID][i].ID, fmt.Sprintf("The opportunity is registered as %s already: another way of synchronising may be at work", have[o.ID][i].RemoteID)
		addDrift(&rep.Duplicates, d)
		return nil
	case x.Draft:
		d.Note = "A draft that was made elsewhere: submit or delete it in " + p.Cloud().Portal()
		addDrift(&rep.Unknown, d)
		return nil
	}
	rep.Adopted++
	_, err = s.Link(ctx, tx, o.ID, p.Cloud(), x.RemoteID, false)
	return err
}

// Link follows a record that is in the portal already as the registration of an
// opportunity: one that was made elsewhere, or, offered, a referral that was accepted.
func (s *Service) Link(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud, remoteID string, offered bool) (Registration, error) {
	have, err := ByOpportunities(ctx, tx, []string{opportunityID})
	if err != nil {
		return Registration{}, err
	}
	r := Registration{ID: id.New("reg"), OpportunityID: opportunityID, Cloud: c, State: StateSubmitted, StateAt: tx.Now(), RemoteID: remoteID, Offered: offered, DueAt: tx.Now(), PollAt: tx.Now(), CRMDirty: true}
	if i := slices.IndexFunc(have[opportunityID], func(r Registration) bool { return r.Cloud == c }); i >= 0 {
		old := have[opportunityID][i]
		switch {
		case old.RemoteID == remoteID:
			return old, nil
		case !old.neverSent():
			return old, problem.Conflict("already_registered", fmt.Sprintf("This opportunity is registered in %s already, as %s", c.Portal(), old.RemoteID))
		}
		r.ID, r.Version, r.CreatedAt, r.CRMRowID = old.ID, old.Version, old.CreatedAt, old.CRMRowID
		if err := update(ctx, tx, &r); err != nil {
			return r, err
		}
	} else if err := insert(ctx, tx, &r); err != nil {
		return r, err
	}
	if err := s.happened(ctx, tx, r, authz.KindIntegration, "linked", fmt.Sprintf("Linked with the record in %s (%s)", c.Portal(), remoteID), ""); err != nil {
		return r, err
	}
	if err := s.Write(ctx, tx); err != nil {
		return r, err
	}
	return r, s.Wake(ctx, tx, r.ID)
}

// missing names the registrations that the portal no longer lists, and has each
// read, which says what became of it. One that was made after the look began is
// not missing.
func (s *Service) missing(ctx context.Context, tx *db.Tx, c cloud.Cloud, listed map[string]bool, begun time.Time, rep *Report) error {
	rows, err := remotes(ctx, tx, c)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if listed[r.RemoteID] || r.CreatedRemoteAt.After(begun.Add(-lookBack)) {
			continue
		}
		addDrift(&rep.Missing, Drift{RemoteID: r.RemoteID, RegistrationID: r.ID, Note: "The portal no longer lists it"})
		if err := poll(ctx, tx, r.ID); err != nil {
			return err
		}
		if err := s.Wake(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// Watched says how far the changes of a portal were followed, and what the last
// full look came to. Needs read_operations.
func (s *Service) Watched(ctx context.Context, c cloud.Cloud) (Watch, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return Watch{}, err
	}
	return watchOf(ctx, s.db, c)
}
