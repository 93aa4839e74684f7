package account

import (
	"context"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Service is the use cases of accounts.
type Service struct{ db *db.DB }

// NewService gives the use cases on a database.
func NewService(d *db.DB) *Service { return &Service{db: d} }

// Get gives one account by Tandem's id. Needs read.
func (s *Service) Get(ctx context.Context, accountID string) (Account, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Account{}, err
	}
	return ByID(ctx, s.db, accountID)
}

// Page is some accounts by name, and the cursor of the next page ("" is none).
type Page struct {
	Rows []Account
	Next string
}

// List gives a page of at most limit (1–200) accounts whose name holds q, after
// the cursor of the page before. Needs read.
func (s *Service) List(ctx context.Context, q, cursor string, limit int) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	limit = min(max(limit, 1), 200)
	key, afterID, _ := strings.Cut(cursor, "\n")
	rows, err := page(ctx, s.db, db.Contains(textkey.Of(q)), key, afterID, limit+1)
	if err != nil {
		return Page{}, err
	}
	p := Page{Rows: rows}
	if len(rows) > limit {
		last := rows[limit-1]
		p.Rows, p.Next = rows[:limit], last.NameKey+"\n"+last.ID
	}
	return p, nil
}
