package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// follow keeps a registration that the partner has true on both sides: it reads
// what the partner says when that is due, merges it with ours when either changed,
// and sends what is outgoing. It does one of these; Advance calls it again.
func (s *Service) follow(ctx context.Context, p Portal, r *Registration) error {
	if r.RemoteRecord == "" || !r.PollAt.After(s.clock.Now()) {
		return s.look(ctx, p, r)
	}
	if r.Outgoing == 0 || r.ComparedVersion == 0 {
		return s.compare(ctx, p, r)
	}
	current, err := opportunity.VersionOf(ctx, s.db, r.OpportunityID)
	if err != nil {
		return err
	}
	if current != r.ComparedVersion {
		return s.compare(ctx, p, r)
	}
	return s.send(ctx, p, r)
}

// look reads the record and merges it.
func (s *Service) look(ctx context.Context, p Portal, r *Registration) error {
	remote, err := p.Read(ctx, r.RemoteID)
	s.called(ctx, r, "Read", err, nil, nil)
	if err != nil {
		return &portalError{err}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		if err := s.observe(ctx, tx, r, remote); err != nil {
			return err
		}
		return s.mergeNow(ctx, tx, p, r)
	})
}

// compare merges what the partner said last with ours as it is now.
func (s *Service) compare(ctx context.Context, p Portal, r *Registration) error {
	return s.save(ctx, r, func(tx *db.Tx) error {
		r.DueAt = r.PollAt
		return s.mergeNow(ctx, tx, p, r)
	})
}

func (s *Service) mergeNow(ctx context.Context, tx *db.Tx, p Portal, r *Registration) error {
	m, err := s.gather(ctx, tx, p, r)
	if err != nil {
		return err
	}
	out, err := m.merge()
	if err != nil {
		return err
	}
	before := r.Conflicts
	if err := s.settle(ctx, tx, r, out, m.deal.Opportunity.Version); err != nil {
		return err
	}
	if r.Outgoing > 0 {
		r.DueAt = tx.Now()
	}
	if r.Conflicts > before {
		return s.happened(ctx, tx, *r, authz.KindIntegration, "conflict", fmt.Sprintf("Both sides changed the same field (%s)", r.RemoteID), "")
	}
	return nil
}

// send sends all that is outgoing in one call. The rows of the fields are the
// intent; the portal's lock makes it safe to send twice, and an unknown outcome is
// settled by the look that refused plans.
func (s *Service) send(ctx context.Context, p Portal, r *Registration) error {
	fields, err := fieldsOf(ctx, s.db, r.ID)
	if err != nil {
		return err
	}
	changes := outgoing(fields)
	if len(changes) == 0 {
		return s.compare(ctx, p, r)
	}
	if r.Urgent {
		ctx = WithUrgent(ctx)
	}
	remote, err := p.Update(ctx, r.RemoteID, json.RawMessage(r.RemoteRecord), changes)
	s.called(ctx, r, "Update", err, changes, nil)
	switch {
	case problem.Is(err, problem.KindPrecondition):
		return s.remerge(ctx, p, r)
	case err != nil && problem.RetryOf(err) == problem.RetryHuman && !problem.Is(err, problem.KindNotFound):
		return s.save(ctx, r, func(tx *db.Tx) error { return s.refuseFields(ctx, tx, r, fields, err) })
	case err != nil:
		return &portalError{err}
	}
	return s.save(ctx, r, func(tx *db.Tx) error {
		poll := r.PollAt
		s.take(r, Remote{Version: remote.Version, Record: remote.Record, Stage: remote.Stage, Status: remote.Status, ReviewComment: r.ReviewComment}, r.RemoteReadAt)
		r.SentAt, r.PollAt, r.DueAt = tx.Now(), poll, poll
		var lines []string
		for _, f := range fields {
			if f.Status != FieldOutgoing {
				continue
			}
			r.Agreed.V[f.Path] = Pair{Ours: f.Ours, Theirs: f.Ours}
			info := infoFor(p, f.Path)
			lines = append(lines, fmt.Sprintf("%s: %s, before %s", info.Label, info.plain(f.Ours), info.plain(f.Theirs)))
		}
		if err := s.happened(ctx, tx, *r, authz.KindIntegration, "updated", fmt.Sprintf("Updated in %s (%s)", r.Cloud.Portal(), r.RemoteID), strings.Join(lines, "\n")); err != nil {
			return err
		}
		if err := s.tellCRM(ctx, tx, r); err != nil {
			return err
		}
		return s.mergeNow(ctx, tx, p, r)
	})
}

// remerge reads a record that somebody changed at the partner's since it was read,
// and merges it.
func (s *Service) remerge(ctx context.Context, p Portal, r *Registration) error {
	remote, err := p.ReadRecord(ctx, r.RemoteID)
	s.called(ctx, r, "ReadRecord", err, nil, nil)
	if err != nil {
		return &portalError{err}
	}
	remote.Sellers = r.Sellers
	return s.save(ctx, r, func(tx *db.Tx) error {
		if err := s.observe(ctx, tx, r, remote); err != nil {
			return err
		}
		return s.mergeNow(ctx, tx, p, r)
	})
}

// refuseFields keeps the portal's refusal with the fields that it names, or with
// all that were sent when it names none.
func (s *Service) refuseFields(ctx context.Context, tx *db.Tx, r *Registration, fields []Field, cause error) error {
	named := fieldsNamed(cause)
	hit := false
	for range 2 {
		for i := range fields {
			f := &fields[i]
			if f.Status != FieldOutgoing {
				continue
			}
			j := slices.IndexFunc(named, func(x problem.Field) bool { return strings.Contains(x.Field, f.Path) })
			if j < 0 && len(named) > 0 {
				continue
			}
			f.Status, f.Reason, f.ByPortal, hit = FieldRefused, cut(cause.Error(), 100_000), true, true
			if j >= 0 && named[j].Message != "" {
				f.Reason = named[j].Message
			}
		}
		if hit {
			break
		}
		named = nil // none of ours is named: all are meant
	}
	r.Error, r.ErrorCode = cut(cause.Error(), 100_000), "portal"
	if remote := problem.RemoteOf(cause); remote != nil && remote.Code != "" {
		r.ErrorCode = remote.Code
	}
	// What the portal refuses may rest on a state that we do not know: look before the rest is sent.
	r.PollAt, r.DueAt = tx.Now(), tx.Now()
	if err := replaceFields(ctx, tx, r.ID, fields); err != nil {
		return err
	}
	if err := s.happened(ctx, tx, *r, authz.KindPortal, "failed", fmt.Sprintf("%s refused an update (%s)", r.Cloud.Portal(), r.RemoteID), r.Error); err != nil {
		return err
	}
	return s.tellCRM(ctx, tx, r)
}

func infoFor(p Portal, path string) FieldInfo {
	for _, f := range p.Fields() {
		if f.Path == path {
			return f
		}
	}
	return FieldInfo{Path: path, Label: path}
}

// Outcome is how a call to a portal went.
type Outcome string

// The outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused" // for good
	OutcomePassing Outcome = "passing" // tried again by itself
	OutcomeUnsure  Outcome = "unsure"  // it may have been done: looked at before it is tried again
	OutcomeStale   Outcome = "stale"   // the record had changed: read and merged before it is tried again
)

// maxLogged bounds what the event log keeps of a request or an answer, in bytes.
const maxLogged = 16 << 10

// called notes a call for the event log; it is stored with r.
func (s *Service) called(ctx context.Context, r *Registration, operation string, err error, request, answer any) {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	c := Call{At: s.clock.Now(), Operation: operation, ActorKind: string(actor.Kind), ActorName: actor.Name, Attempt: r.Attempts + 1, Outcome: OutcomeDone, Request: logged(request), Answer: logged(answer)}
	if err != nil {
		c.Message = cut(err.Error(), maxLogged)
		if remote := problem.RemoteOf(err); remote != nil {
			c.Code = remote.Code
		}
		switch retry := problem.RetryOf(err); {
		case problem.Is(err, problem.KindPrecondition):
			c.Outcome = OutcomeStale
		case retry == problem.RetryHuman:
			c.Outcome = OutcomeRefused
		case retry == problem.RetryUnsure:
			c.Outcome = OutcomeUnsure
		default:
			c.Outcome = OutcomePassing
		}
	}
	r.calls = append(r.calls, c)
}

func logged(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case json.RawMessage:
		return cut(string(x), maxLogged)
	case string:
		return cut(x, maxLogged)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return cut(string(b), maxLogged)
}

type urgentKey struct{}

// WithUrgent marks what is done under ctx as waited for by a person: a portal's
// quota serves it before bulk work.
func WithUrgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// Urgent reports whether a person waits for what is done under ctx.
func Urgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }

// PendingCRM gives what Salesforce shall have of the edits, at most limit fields,
// one change for each opportunity.
func (s *Service) PendingCRM(ctx context.Context, limit int) ([]CRMChange, [][]Edit, error) {
	rows, err := pendingEdits(ctx, s.db, limit)
	if err != nil {
		return nil, nil, err
	}
	var changes []CRMChange
	var edits [][]Edit
	for _, row := range rows {
		field := ""
		if p, ok := s.portals[row.Cloud]; ok {
			for _, f := range p.Fields() {
				if f.Path == row.Path {
					field = f.Writes
				}
			}
		}
		text, ok := textOf(row.Value)
		if field == "" || !ok {
			continue
		}
		if n := len(changes); n == 0 || changes[n-1].OpportunityCRMID != row.OpportunityCRMID {
			changes = append(changes, CRMChange{OpportunityCRMID: row.OpportunityCRMID, Fields: map[string]string{}, ReadAt: row.MadeOn})
			edits = append(edits, nil)
		}
		n := len(changes) - 1
		if row.MadeOn.Before(changes[n].ReadAt) {
			changes[n].ReadAt = row.MadeOn
		}
		if row.EditedAt.After(changes[n].MadeAt) {
			changes[n].MadeAt = row.EditedAt
		}
		changes[n].Fields[field] = text
		edits[n] = append(edits[n], row.Edit)
	}
	return changes, edits, nil
}

// WrittenCRM keeps how the writing of a change to Salesforce went. A record that
// had changed leaves the edits pending: the next read merges them. A refusal that
// passes leaves them too.
func (s *Service) WrittenCRM(ctx context.Context, edits []Edit, cause error) error {
	state, message := CRMWritten, ""
	if cause != nil {
		if problem.Is(cause, problem.KindPrecondition) || problem.RetryOf(cause) != problem.RetryHuman {
			return nil // they stay pending
		}
		state, message = CRMRefused, cut(cause.Error(), 4000)
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		for _, e := range edits {
			if err := editWritten(ctx, tx, e, state, message); err != nil {
				return err
			}
		}
		return nil
	})
}

// fieldsNamed gives the fields that a portal's refusal names.
func fieldsNamed(err error) []problem.Field {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p.Fields
	}
	return nil
}
