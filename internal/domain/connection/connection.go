// Package connection answers "do we reach the outside systems, how fresh is what
// they told us, and how much of their quota is left?".
package connection

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Status is a connection's health.
type Status string

// The states of health.
const (
	StatusUnknown      Status = "unknown"       // never tried
	StatusHealthy      Status = "healthy"       // the last call went well
	StatusDegraded     Status = "degraded"      // the last call failed in a way that passes by itself
	StatusDown         Status = "down"          // the last call failed and a person has to mend it
	StatusNotConnected Status = "not_connected" // no credentials are configured
)

// Label is the health in words.
func (s Status) Label() string {
	switch s {
	case StatusHealthy:
		return "Healthy"
	case StatusDegraded:
		return "Degraded"
	case StatusDown:
		return "Down"
	case StatusNotConnected:
		return "Not connected"
	}
	return "Not tried yet"
}

// Usage is how much of a quota is used.
type Usage struct {
	Name   string `json:"name"`   // "Reads in 24 h"
	Used   int64  `json:"used"`   // calls
	Limit  int64  `json:"limit"`  // calls; 0 is not known
	Source string `json:"source"` // who says so: the system itself or our own count
}

// Connection is one outside system. ID is salesforce, aws, azure or gcp.
type Connection struct {
	ID        string           `db:"id" json:"id"`
	Status    Status           `db:"status" json:"status"`
	Detail    string           `db:"detail" json:"detail"` // where it is: address, catalog, version
	CheckedAt time.Time        `db:"checked_at" json:"checked_at,omitzero"`
	SyncedAt  time.Time        `db:"synced_at" json:"synced_at,omitzero"`
	FailedAt  time.Time        `db:"failed_at" json:"failed_at,omitzero"`
	Error     string           `db:"error" json:"error"`
	ErrorCode string           `db:"error_code" json:"error_code"`
	Records   int64            `db:"records" json:"records"` // taken in the last sync
	Usage     db.JSON[[]Usage] `db:"usage" json:"usage"`
	UpdatedAt time.Time        `db:"updated_at" json:"updated_at"`
}

// Label is the system's name for people.
func (c *Connection) Label() string {
	switch c.ID {
	case "salesforce":
		return "Salesforce"
	case "aws":
		return "AWS Partner Central"
	case "azure":
		return "Microsoft Partner Center"
	case "gcp":
		return "Google Cloud Partner Network Hub"
	}
	return c.ID
}

// Service is the use cases of connections.
type Service struct {
	db    *db.DB
	clock clock.Clock
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service { return &Service{db: d, clock: c} }

// List gives all connections. Needs read_operations.
func (s *Service) List(ctx context.Context) ([]Connection, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return nil, err
	}
	return list(ctx, s.db)
}

// Report is what a caller learned about a connection.
type Report struct {
	ID      string
	Detail  string
	Err     error // nil: it went well
	Synced  bool  // a whole sync went through
	Records int64 // taken in that sync
	Usage   []Usage
	Absent  bool // no credentials are configured
}

// Report keeps what was learned.
func (s *Service) Report(ctx context.Context, r Report) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		c, err := byID(ctx, tx, r.ID)
		if problem.Is(err, problem.KindNotFound) {
			c, err = Connection{ID: r.ID, Status: StatusUnknown}, nil
		}
		if err != nil {
			return err
		}
		c.UpdatedAt = tx.Now()
		if r.Detail != "" {
			c.Detail = r.Detail
		}
		if r.Usage != nil {
			c.Usage = db.NewJSON(r.Usage)
		}
		switch {
		case r.Absent:
			c = Connection{ID: r.ID, Status: StatusNotConnected, UpdatedAt: tx.Now()}
		case r.Err == nil:
			c.Status, c.Error, c.ErrorCode, c.CheckedAt = StatusHealthy, "", "", tx.Now()
		default:
			c.Status, c.Error, c.ErrorCode, c.CheckedAt, c.FailedAt = StatusDown, r.Err.Error(), "", tx.Now(), tx.Now()
			if remote := problem.RemoteOf(r.Err); remote != nil {
				c.ErrorCode = remote.Code
			}
			if problem.RetryOf(r.Err) != problem.RetryHuman {
				c.Status = StatusDegraded
			}
		}
		if r.Synced {
			c.SyncedAt, c.Records = tx.Now(), r.Records
		}
		return save(ctx, tx, c)
	})
}

// Usage keeps how much of a connection's quota is used, and nothing else.
func (s *Service) Usage(ctx context.Context, connectionID string, usage []Usage) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return saveUsage(ctx, tx, connectionID, db.NewJSON(usage)) })
}
