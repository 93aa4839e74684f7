package sync

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Tools is how the CRM tells what other co-sell tools in it registered.
type Tools interface {
	// Tools names the other co-sell tools that the CRM has.
	Tools(ctx context.Context) ([]connection.Tool, error)
	// Claims gives the records of a tool's object.
	Claims(ctx context.Context, object string, read connection.Read) iter.Seq2[registration.Claim, error]
	// ClaimsOf gives what the tools say of one opportunity now.
	ClaimsOf(ctx context.Context, opportunityCRMID string) ([]registration.Claim, error)
}

// readClaims reads what other tools registered, before the opportunities are looked at.
func (s *Service) readClaims(ctx context.Context) (int64, error) {
	tools, err := s.CRM.Tools(ctx)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, t := range tools {
		if !t.Read {
			continue
		}
		n, err := read(ctx, s, t.Object, "registration_claim", func(ctx context.Context, what connection.Read) iter.Seq2[registration.Claim, error] {
			return s.CRM.Claims(ctx, t.Object, what)
		}, func(c *registration.Claim) time.Time { return c.CRMModstamp }, s.Registrations.SawClaims)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// LookElsewhere reads what other tools say of one opportunity at this moment, and
// reports whether there are any that register.
func (s *Service) LookElsewhere(ctx context.Context, opportunityCRMID string) (bool, error) {
	if s.CRM == nil {
		return false, nil
	}
	tools, err := s.CRM.Tools(ctx)
	if err != nil || !slices.ContainsFunc(tools, func(t connection.Tool) bool { return t.Read }) {
		return false, err
	}
	list, err := s.CRM.ClaimsOf(ctx, opportunityCRMID)
	if err != nil {
		return true, err
	}
	return true, s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return s.Registrations.SawClaims(ctx, tx, list) })
}

// beside says in words what other co-sell tools there are, "" for none.
func (s *Service) beside(ctx context.Context) (string, error) {
	tools, err := s.CRM.Tools(ctx)
	var names []string
	for _, t := range tools {
		if !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return "", err
	}
	return "; other co-sell tools there: " + strings.Join(names, ", "), err
}

func (s *Service) mirroredClaims(object string) mirrored {
	m := mirrored{object: object, live: func(ctx context.Context) ([]string, error) { return registration.LiveClaims(ctx, s.DB, object) }, gone: s.Registrations.ClaimsGone}
	m.look = func(ctx context.Context, ids []string) error {
		source := func(ctx context.Context, what connection.Read) iter.Seq2[registration.Claim, error] {
			return s.CRM.Claims(ctx, object, what)
		}
		return lookAt(ctx, s, ids, source, func(c *registration.Claim) string { return c.CRMID }, s.Registrations.SawClaims, m.gone)
	}
	return m
}
