package invitation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Pace says how often the engine looks again.
type Pace struct {
	Task  time.Duration // at a task of the portal that still runs
	Retry time.Duration // first wait after a passing error; doubles to Max
	Max   time.Duration
}

// Service is the use cases of invitations. The hooks must be set before use.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	portals       map[cloud.Cloud]Portal
	registrations *registration.Service
	approvals     *approval.Service
	pace          Pace

	// Wake plans an Advance of an invitation as soon as the transaction commits.
	Wake func(ctx context.Context, tx *db.Tx, invitationID string) error
	// CRM is where opportunities are made of invitations; nil when Salesforce is not
	// connected.
	CRM CRM
	// Store keeps opportunities as Salesforce gives them, in the caller's transaction.
	Store func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error
	// Look plans a look at what a cloud's portal lists.
	Look func(ctx context.Context, tx *db.Tx, c cloud.Cloud) error
}

// NewService gives the use cases on a database and the portals there are, and has
// the approvals do the wishes about invitations.
func NewService(d *db.DB, c clock.Clock, portals []Portal, registrations *registration.Service, approvals *approval.Service, pace Pace) *Service {
	s := &Service{db: d, clock: c, portals: map[cloud.Cloud]Portal{}, registrations: registrations, approvals: approvals, pace: pace}
	for _, p := range portals {
		s.portals[p.Cloud()] = p
	}
	s.Wake = func(context.Context, *db.Tx, string) error { return nil }
	s.Look = func(context.Context, *db.Tx, cloud.Cloud) error { return nil }
	s.Store = func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
		_, err := opportunity.Import(ctx, tx, list)
		return err
	}
	s.handle()
	return s
}

// Clouds lists the clouds whose invitations are followed.
func (s *Service) Clouds() []cloud.Cloud {
	var out []cloud.Cloud
	for _, c := range cloud.All() {
		if _, ok := s.portals[c]; ok {
			out = append(out, c)
		}
	}
	return out
}

// Rejections lists the reasons for which an invitation of a cloud can be rejected.
func (s *Service) Rejections(c cloud.Cloud) []string {
	if p, ok := s.portals[c]; ok {
		return p.Rejections()
	}
	return nil
}

// Query narrows a list. No states are all.
type Query struct {
	States []State
	After  string // the cursor of the page before
	Limit  int    // 50 when 0, at most 200
}

// Page is one page of a list; Next is the cursor of the next one, "" at the end.
type Page struct {
	Rows []Invitation
	Next string
}

// List gives invitations: what needs an answer first, the one that expires soonest
// on top. Needs read.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	if len(q.States) == 0 {
		q.States = States()
	}
	limit := min(q.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	rows, err := page(ctx, s.db, q.States, q.After, limit+1)
	if err != nil || len(rows) <= limit {
		return Page{Rows: rows}, err
	}
	return Page{Rows: rows[:limit], Next: rows[limit-1].OrderKey}, nil
}

// Counts counts the invitations by state. Needs read.
func (s *Service) Counts(ctx context.Context) (map[State]int64, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	rows, err := counts(ctx, s.db)
	out := map[State]int64{}
	for _, r := range rows {
		out[r.State] = r.Count
	}
	return out, err
}

// Get gives one invitation. Needs read.
func (s *Service) Get(ctx context.Context, invitationID string) (Invitation, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Invitation{}, err
	}
	return ByID(ctx, s.db, invitationID)
}

// Events gives what happened to an invitation, newest first. Needs read.
func (s *Service) Events(ctx context.Context, invitationID string) ([]Event, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return eventsOf(ctx, s.db, invitationID)
}

// tell keeps an event in the transaction of the change that it tells of. kind is
// who acted; a person's name is that of ctx.
func (s *Service) tell(ctx context.Context, tx *db.Tx, i *Invitation, who authz.Kind, kind, subject, body string) error {
	name := "Tandem"
	switch who {
	case authz.KindPortal:
		name = i.Cloud.Portal()
	case authz.KindPerson:
		if a, ok := authz.From(ctx); ok {
			who, name = a.Kind, a.Name
		}
	}
	return insertEvent(ctx, tx, &Event{
		ID: id.New("ive"), InvitationID: i.ID, Kind: kind, Subject: subject, Body: body, ActorKind: string(who), ActorName: name, HappenedAt: tx.Now(),
	})
}

// save runs edit on i and stores it in one transaction, if nobody changed the row
// meanwhile.
func (s *Service) save(ctx context.Context, i *Invitation, edit func(tx *db.Tx) error) error {
	before := *i
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		*i = before
		if err := edit(tx); err != nil {
			return err
		}
		return s.store(ctx, tx, i, before.State)
	})
}

func newToken() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func connected(c cloud.Cloud) error {
	return problem.Conflict("not_connected", c.Portal()+" is not connected: see Connections")
}
