package registration

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// maxSteps bounds how far one Advance goes: the longest way from a check to a
// running submit task has five steps.
const maxSteps = 10

// Advance moves a registration as far as it goes without waiting, each step in
// three parts: the intent is stored, the portal is asked, the answer is stored.
// Killed between any two, the next Advance goes on from what is stored. What a
// portal refuses is kept in the registration and is no error here; an error is a
// broken store or an ended context.
func (s *Service) Advance(ctx context.Context, registrationID string) error {
	// A create that was decided before this call may have been sent.
	look := true
	for range maxSteps {
		r, err := ByID(ctx, s.db, registrationID)
		if err != nil {
			return err
		}
		if r.DueAt.IsZero() || r.DueAt.After(s.clock.Now()) {
			return nil
		}
		portal, ok := s.portals[r.Cloud]
		if !ok {
			return nil
		}
		sent := r.CreateToken != ""
		err = s.step(ctx, portal, &r, look)
		look = sent || err != nil
		refusal, fromPortal := errors.AsType[*portalError](err)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case fromPortal:
			err = s.refused(ctx, r, refusal.err)
		}
		// A precondition of our own store: somebody changed the row meanwhile, look again.
		if err != nil && (fromPortal || !problem.Is(err, problem.KindPrecondition)) {
			return err
		}
	}
	return nil
}

// portalError marks what a portal answered, to tell it from our own trouble.
type portalError struct{ err error }

// Error gives the portal's error.
func (e *portalError) Error() string { return e.err.Error() }

// Unwrap gives the portal's error.
func (e *portalError) Unwrap() error { return e.err }

func (s *Service) step(ctx context.Context, p Portal, r *Registration, look bool) error {
	if stopped, err := s.stopped(ctx, r); stopped || err != nil {
		return err
	}
	switch r.State {
	case StateChecking, StateBlocked, StateElsewhere:
		if done, err := s.elsewhere(ctx, p, r); done || err != nil {
			return err
		}
		return s.check(ctx, p, r)
	case StateCreating:
		return s.create(ctx, p, r, look)
	case StateCreated:
		return s.associate(ctx, p, r)
	case StateAssociated:
		return s.submit(ctx, p, r)
	case StateSubmitting:
		return s.await(ctx, p, r)
	case StateSubmitted, StateInReview, StateApproved, StateActionRequired, StateRejected, StateLaunched, StateClosedLost:
		return s.follow(ctx, p, r)
	}
	return s.save(ctx, r, func(*db.Tx) error { r.DueAt = time.Time{}; return nil })
}

// save runs edit on r and stores it in one transaction, if nobody changed the
// row meanwhile.
func (s *Service) save(ctx context.Context, r *Registration, edit func(tx *db.Tx) error) error {
	before := *r
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		*r = before
		if err := edit(tx); err != nil {
			return err
		}
		return update(ctx, tx, r)
	})
}

// check asks the portal's rules about the deal and either blocks the
// registration or stores the intent to create: payload and token.
func (s *Service) check(ctx context.Context, p Portal, r *Registration) error {
	d, err := s.Deal(ctx, s.db, r.OpportunityID, r.Cloud)
	if err != nil {
		return err
	}
	found := p.Check(d)
	var payload json.RawMessage
	var sent Values
	if found.Errors() == 0 {
		if payload, err = p.Payload(d); err != nil {
			return &portalError{err}
		}
		if sent, err = p.Theirs(payload); err != nil {
			return err
		}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		r.Findings, r.Blocking, r.CheckedVersion = found, int64(found.Errors()), d.Opportunity.Version
		r.Error, r.ErrorCode, r.Attempts = "", "", 0
		if r.Blocking > 0 {
			r.DueAt, r.Reason = time.Time{}, fmt.Sprintf("%d of the fields that %s requires are missing or malformed", r.Blocking, r.Cloud.Portal())
			if r.Blocking == 1 {
				r.Reason = fmt.Sprintf("One field that %s requires is missing or malformed", r.Cloud.Portal())
			}
			if err := r.move(StateBlocked, tx.Now()); err != nil {
				return err
			}
			return s.tellCRM(ctx, tx, r)
		}
		r.SolutionIDs, r.Payload, r.Reason, r.DueAt = strings.Join(d.Solutions, " "), string(payload), "", tx.Now()
		r.ComparedVersion = d.Opportunity.Version
		if r.CreateToken == "" { // else an earlier payload may have been taken: that is the base
			r.Agreed.V = agreedOn(sent) // not all of ours: some a portal takes only later
		}
		if r.CreateToken == "" {
			r.CreateToken = newToken()
		}
		return r.move(StateCreating, tx.Now())
	})
}

// create sends the stored payload. With look it first asks whether the record is
// there already: an earlier attempt may have made it. Before anything is sent it asks
// whether another tool was quicker since the check; where there are such tools, the
// portal is searched, too.
func (s *Service) create(ctx context.Context, p Portal, r *Registration, look bool) error {
	d, err := s.Deal(ctx, s.db, r.OpportunityID, r.Cloud)
	if err != nil {
		return err
	}
	var remote Remote
	if look || d.Opportunity.Deleted {
		if remote, err = s.find(ctx, p, r, d); err != nil {
			return err
		}
	}
	if remote.ID == "" && d.Opportunity.Deleted {
		return s.save(ctx, r, func(tx *db.Tx) error { return s.withdraw(ctx, tx, r, deletedThere) })
	}
	if remote.ID == "" {
		coexists, err := s.LookElsewhere(ctx, d.Opportunity.CRMID)
		if err != nil {
			return &portalError{claimsUnread(err)}
		}
		if done, err := s.elsewhere(ctx, p, r); done || err != nil {
			return err
		}
		if coexists && !look {
			if remote, err = s.find(ctx, p, r, d); err != nil {
				return err
			}
		}
	}
	if remote.ID == "" {
		stop, err := s.Stop(ctx, s.db, r.OpportunityID, r.Cloud)
		if err != nil {
			return err
		}
		if stop.By != "" {
			if !look {
				r.CreateToken = "" // nothing was sent under it
			}
			return s.keepBack(ctx, r, stop)
		}
		remote, err = p.Create(ctx, json.RawMessage(r.Payload), r.CreateToken)
		s.called(ctx, r, "Create", err, json.RawMessage(r.Payload), map[string]string{"id": remote.ID, "version": remote.Version})
		if err != nil {
			return &portalError{err}
		}
		if remote.ID == "" {
			return &portalError{noAnswer(r.Cloud, "create", "gave no id for the record")}
		}
		sent, err := p.Theirs(json.RawMessage(r.Payload))
		if err != nil {
			return err
		}
		r.Agreed.V = agreedOn(sent)
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		s.take(r, remote, tx.Now())
		r.CreatedRemoteAt, r.DueAt, r.Payload = tx.Now(), tx.Now(), ""
		if err := r.move(StateCreated, tx.Now()); err != nil {
			return err
		}
		if err := s.happened(ctx, tx, *r, authz.KindIntegration, "registered",
			fmt.Sprintf("Registered in %s as %s", r.Cloud.Portal(), r.RemoteID), ""); err != nil {
			return err
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// find searches the portal for the deal's record; none has no id.
func (s *Service) find(ctx context.Context, p Portal, r *Registration, d Deal) (Remote, error) {
	found, err := p.Find(ctx, d)
	s.called(ctx, r, "Find", err, nil, nil)
	if err != nil {
		return Remote{}, &portalError{err}
	}
	if found == nil {
		return Remote{}, nil
	}
	return *found, nil
}

// agreedOn gives the base of a record that holds exactly the values.
func agreedOn(v Values) Agreed {
	out := make(Agreed, len(v))
	for path, value := range v {
		out[path] = Pair{Ours: value, Theirs: value}
	}
	return out
}

// noAnswer is a portal's answer that lacks what it must have: the call may have
// acted.
func noAnswer(c cloud.Cloud, operation, text string) error {
	return problem.FromRemote(problem.Remote{System: string(c), Operation: operation, Code: "incomplete_answer", Retry: problem.RetryUnsure}, c.Portal()+" "+text, nil)
}

// tellCRM has Salesforce's record of r written anew.
func (s *Service) tellCRM(ctx context.Context, tx *db.Tx, r *Registration) error {
	r.CRMDirty, r.CRMError = true, ""
	return s.Write(ctx, tx)
}

// deletedThere is why nothing more is done towards the portal for a deal.
const deletedThere = "deleted in Salesforce"

// held puts a registration to rest whose opportunity is deleted in Salesforce: what is
// not with the partner yet is not brought there. It goes on when the deal comes back.
func (s *Service) held(ctx context.Context, r *Registration) (bool, error) {
	o, err := opportunity.ByID(ctx, s.db, r.OpportunityID)
	if err != nil || !o.Deleted {
		return false, err
	}
	return true, s.save(ctx, r, func(*db.Tx) error {
		r.DueAt, r.Reason = time.Time{}, deletedThere
		return nil
	})
}

func (s *Service) associate(ctx context.Context, p Portal, r *Registration) error {
	if held, err := s.held(ctx, r); held || err != nil {
		return err
	}
	for _, solution := range r.Solutions() {
		err := p.Associate(ctx, r.RemoteID, solution)
		s.called(ctx, r, "Associate", err, map[string]string{"solution": solution}, nil)
		if err != nil {
			return &portalError{err}
		}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		r.DueAt, r.Attempts, r.Error, r.ErrorCode = tx.Now(), 0, "", ""
		if r.SubmitToken == "" {
			r.SubmitToken = newToken()
		}
		return r.move(StateAssociated, tx.Now())
	})
}

func (s *Service) submit(ctx context.Context, p Portal, r *Registration) error {
	if held, err := s.held(ctx, r); held || err != nil {
		return err
	}
	task, err := p.Submit(ctx, r.RemoteID, r.SubmitToken)
	s.called(ctx, r, "Submit", err, nil, task)
	if err != nil {
		return &portalError{err}
	}
	if task.ID == "" {
		return &portalError{noAnswer(r.Cloud, "submit", "gave no id for the submission")}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		r.SubmitTaskID, r.DueAt, r.Attempts, r.Error, r.ErrorCode = task.ID, tx.Now(), 0, "", ""
		if task.EngagementID != "" {
			r.EngagementID = task.EngagementID
		}
		return r.move(StateSubmitting, tx.Now())
	})
}

// errTaskFailed says that a submit task ended in failure, not that asking failed.
var errTaskFailed = errors.New("the submission failed")

func (s *Service) await(ctx context.Context, p Portal, r *Registration) error {
	task, err := p.TaskStatus(ctx, r.SubmitTaskID)
	s.called(ctx, r, "TaskStatus", err, nil, task)
	if err != nil {
		return &portalError{err}
	}
	if task.Failed {
		return &portalError{problem.FromRemote(problem.Remote{System: string(r.Cloud), Operation: "submit", Code: task.Reason, Retry: problem.RetryHuman},
			r.Cloud.Portal()+" could not take the submission", errTaskFailed)}
	}
	if !task.Done {
		return s.save(ctx, r, func(tx *db.Tx) error {
			r.DueAt, r.Attempts = tx.Now().Add(s.pace.Task), 0
			return nil
		})
	}
	remote, err := p.Read(ctx, r.RemoteID)
	s.called(ctx, r, "Read", err, nil, nil)
	if err != nil {
		return &portalError{err}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		if task.EngagementID != "" {
			r.EngagementID = task.EngagementID
		}
		r.SubmittedAt = tx.Now()
		if err := r.move(StateSubmitted, tx.Now()); err != nil {
			return err
		}
		if err := s.happened(ctx, tx, *r, authz.KindIntegration, "submitted", fmt.Sprintf("Submitted to %s for co-selling (%s)", r.Cloud.Label(), r.RemoteID), ""); err != nil {
			return err
		}
		if err := s.tellCRM(ctx, tx, r); err != nil {
			return err
		}
		if err := s.observe(ctx, tx, r, remote); err != nil {
			return err
		}
		return s.mergeNow(ctx, tx, p, r)
	})
}

// observe takes the partner's word into r and tells of what is new. A state that
// may not follow ours leaves ours as it is: the portal's own word is kept beside it.
func (s *Service) observe(ctx context.Context, tx *db.Tx, r *Registration, remote Remote) error {
	before := *r
	s.take(r, remote, tx.Now())
	r.PollAt = tx.Now().Add(s.pace.Refresh)
	if remote.State != r.State && r.State.CanBecome(remote.State) {
		if err := r.move(remote.State, tx.Now()); err != nil {
			return err
		}
		switch r.State {
		case StateApproved, StateActionRequired, StateRejected:
			r.DecidedAt = tx.Now()
		}
		if err := s.tellMove(ctx, tx, before.State, r, remote.ReviewComment); err != nil {
			return err
		}
	}
	if r.State == StateSubmitted || r.State == StateInReview {
		r.PollAt = tx.Now().Add(s.pace.Review)
	}
	r.DueAt = r.PollAt
	if err := s.tellSellers(ctx, tx, before.Sellers, r); err != nil {
		return err
	}
	if crmChanged(&before, r) {
		return s.tellCRM(ctx, tx, r)
	}
	return nil
}

// tellMove tells of the state that the partner brought about. A decision implies
// that there was a review: if it came and went between two looks, it is told of
// too, so that the timeline does not depend on when Tandem looked.
func (s *Service) tellMove(ctx context.Context, tx *db.Tx, from State, r *Registration, comment string) error {
	kind := decisions[r.State]
	if kind == "" {
		return nil
	}
	tell := func(state State, kind, body string) error {
		subject := fmt.Sprintf("%s: %s (%s)", r.Cloud.Label(), strings.ToLower(state.Label()), r.RemoteID)
		return s.happened(ctx, tx, *r, authz.KindPortal, kind, subject, body)
	}
	if decided := r.State == StateApproved || r.State == StateActionRequired || r.State == StateRejected; decided && (from == StateSubmitted || from == StateSubmitting) {
		if err := tell(StateInReview, decisions[StateInReview], "The review was over when Tandem looked."); err != nil {
			return err
		}
	}
	return tell(r.State, kind, comment)
}

// tellSellers tells, in one event, of the partner's people who are new on the
// deal.
func (s *Service) tellSellers(ctx context.Context, tx *db.Tx, before Sellers, r *Registration) error {
	var lines []string
	for _, seller := range r.Sellers {
		if slices.ContainsFunc(before, func(x Seller) bool { return x.Email == seller.Email && x.Role == seller.Role }) {
			continue
		}
		lines = append(lines, strings.Join(slices.DeleteFunc([]string{seller.Name, seller.Role, seller.Email}, func(s string) bool { return s == "" }), ", "))
	}
	if len(lines) == 0 {
		return nil
	}
	subject := fmt.Sprintf("%s has %d more people on this deal (%s)", r.Cloud.Label(), len(lines), r.RemoteID)
	switch {
	case len(before) == 0 && len(lines) == 1:
		subject = fmt.Sprintf("%s has one person on this deal (%s)", r.Cloud.Label(), r.RemoteID)
	case len(before) == 0:
		subject = fmt.Sprintf("%s has %d people on this deal (%s)", r.Cloud.Label(), len(lines), r.RemoteID)
	case len(lines) == 1:
		subject = fmt.Sprintf("%s has one more person on this deal (%s)", r.Cloud.Label(), r.RemoteID)
	}
	return s.happened(ctx, tx, *r, authz.KindPortal, "partner_seller", subject, strings.Join(lines, "\n"))
}

// decisions names the event of the states that the partner brings about.
var decisions = map[State]string{
	StateInReview: "in_review", StateApproved: "approved", StateActionRequired: "action_required",
	StateRejected: "rejected", StateLaunched: "launched", StateClosedLost: "closed_lost",
}

// take copies what the portal said into r.
func (s *Service) take(r *Registration, remote Remote, now time.Time) {
	r.RemoteReadAt = now
	r.Attempts, r.Error, r.ErrorCode, r.Reason = 0, "", "", ""
	set := func(dst *string, v string) {
		if v != "" {
			*dst = v
		}
	}
	set(&r.RemoteID, remote.ID)
	set(&r.RemoteVersion, remote.Version)
	set(&r.RemoteStatus, remote.Status)
	set(&r.RemoteStage, remote.Stage)
	set(&r.RemoteURL, remote.URL)
	set(&r.EngagementID, remote.EngagementID)
	set(&r.Motion, remote.Motion)
	set(&r.RemoteRecord, string(remote.Record))
	set(&r.RemoteSummary, string(remote.Summary))
	r.ReviewComment = remote.ReviewComment
	if remote.Sellers != nil {
		r.Sellers = remote.Sellers
	}
}

func crmChanged(a, b *Registration) bool {
	return a.State != b.State || a.RemoteID != b.RemoteID || a.RemoteStatus != b.RemoteStatus || a.RemoteStage != b.RemoteStage ||
		a.RemoteVersion != b.RemoteVersion || !slices.Equal(a.Sellers, b.Sellers) || a.Error != b.Error
}

// happened tells of an event and marks the record for Salesforce.
func (s *Service) happened(ctx context.Context, tx *db.Tx, r Registration, who authz.Kind, kind, subject, body string) error {
	name := "Tandem"
	if who == authz.KindPortal {
		name = r.Cloud.Portal()
	}
	return s.Happened(ctx, tx, Event{Registration: r, Kind: kind, Subject: subject, Body: body, ActorKind: who, ActorName: name})
}

// refused keeps a portal's refusal: what passes is tried again later, what does
// not waits for a person.
func (s *Service) refused(ctx context.Context, r Registration, cause error) error {
	fresh, err := ByID(ctx, s.db, r.ID)
	if err != nil {
		return err
	}
	if fresh.Version != r.Version {
		return nil // it moved on: the next look decides
	}
	fresh.calls = r.calls
	if remote := problem.RemoteOf(cause); remote != nil && remote.Code == CodeOwnPace {
		fresh.calls = nil
		return s.storeUnlessMoved(ctx, &fresh, func(tx *db.Tx) error {
			fresh.DueAt = tx.Now().Add(max(remote.RetryAfter, time.Millisecond))
			return nil
		})
	}
	if remote := problem.RemoteOf(cause); remote != nil && remote.Code == CodeHandedOver {
		return s.handedOver(ctx, &fresh, remote.RetryAfter)
	}
	return s.storeUnlessMoved(ctx, &fresh, func(tx *db.Tx) error {
		r := &fresh
		r.Attempts++
		r.Error, r.ErrorCode = cut(cause.Error(), 100_000), "portal"
		if remote := problem.RemoteOf(cause); remote != nil && remote.Code != "" {
			r.ErrorCode = remote.Code
		}
		if r.RemoteID != "" {
			r.PollAt = tx.Now() // look before the next try
		}
		retry := problem.RetryOf(cause)
		if retry != problem.RetryHuman || problem.Is(cause, problem.KindNotFound) && r.Attempts < 5 {
			r.DueAt = tx.Now().Add(s.wait(r.Attempts, cause))
			return nil
		}
		r.FailedFrom, r.DueAt = r.State, time.Time{}
		switch {
		case r.State == StateCreating:
			// After mending, the payload is made anew under a new token. That there is a token at the next
			// check says that an attempt was made, and that the portal must be searched first.
			r.FailedFrom, r.CreateToken, r.Payload = StateChecking, newToken(), ""
		case r.State == StateAssociated:
			r.FailedFrom = StateCreated // the same token: an earlier attempt may have started the task
		case errors.Is(cause, errTaskFailed):
			r.FailedFrom, r.SubmitToken = StateCreated, "" // the same token would give the failed task again
		}
		r.Reason = "Refused by " + r.Cloud.Portal()
		from := r.State
		if err := r.move(StateFailed, tx.Now()); err != nil {
			return err
		}
		if err := s.happened(ctx, tx, *r, authz.KindPortal, "failed", fmt.Sprintf("%s refused a step (%s)", r.Cloud.Portal(), strings.ToLower(from.Label())), r.Error); err != nil {
			return err
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// storeUnlessMoved is save for what only matters if the row is as it was read.
func (s *Service) storeUnlessMoved(ctx context.Context, r *Registration, edit func(tx *db.Tx) error) error {
	err := s.save(ctx, r, edit)
	if problem.Is(err, problem.KindPrecondition) {
		return nil
	}
	return err
}

func (s *Service) wait(attempts int64, cause error) time.Duration {
	wait := min(s.pace.Retry<<min(attempts-1, 20), s.pace.Max)
	if wait <= 0 {
		wait = s.pace.Max
	}
	if remote := problem.RemoteOf(cause); remote != nil {
		wait = max(wait, remote.RetryAfter)
	}
	return wait
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func newToken() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
