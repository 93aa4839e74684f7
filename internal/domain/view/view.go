// Package view keeps the views of lists that people saved: a name and the
// query string that shows the list again, so that a view is a link.
package view

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// View is a saved list: Noun says of what ("opportunity"), Query is the
// canonical query string of the page, without the cursor.
type View struct {
	ID        string    `db:"id" json:"id"`
	OwnerID   string    `db:"owner_id" json:"-"`
	Noun      string    `db:"noun" json:"noun"`
	Name      string    `db:"name" json:"name"`
	Query     string    `db:"query" json:"query"`
	Shared    bool      `db:"shared" json:"shared"`
	CreatedAt time.Time `db:"created_at,insert" json:"-"`
	UpdatedAt time.Time `db:"updated_at" json:"updated_at"`
	Version   int64     `db:"version" json:"version"`
	Mine      bool      `db:"mine,readonly" json:"mine"`
}

// Service is the use cases of saved views.
type Service struct {
	db    *db.DB
	clock clock.Clock
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service { return &Service{db: d, clock: c} }

// List gives the person's own views of a noun and those others share, by name.
// Needs read.
func (s *Service) List(ctx context.Context, noun string) ([]View, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	actor, _ := authz.From(ctx)
	return list(ctx, s.db, noun, actor.ID)
}

// Save keeps a view under a name; the person's own view of that name is
// replaced. Needs save_view.
func (s *Service) Save(ctx context.Context, noun, name, query string, shared bool) (View, error) {
	if err := authz.Require(ctx, authz.ActionSaveView); err != nil {
		return View{}, err
	}
	actor, _ := authz.From(ctx)
	var bad problem.List
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > 60 {
		bad.Add("name", "required", "Give the view a name of 1 to 60 characters")
	}
	if noun != "opportunity" {
		bad.Add("noun", "unknown_noun", fmt.Sprintf("%q is not a list whose views can be saved: use opportunity", noun))
	}
	values, err := url.ParseQuery(query)
	if err != nil || len(query) > 4000 {
		bad.Add("query", "malformed", "The view is not a query string of at most 4,000 characters")
	}
	if err := bad.Err(); err != nil {
		return View{}, err
	}
	values.Del("after")
	values.Del("view")
	v := View{ID: id.New("viw"), OwnerID: actor.ID, Noun: noun, Name: name, Query: values.Encode(), Shared: shared, Version: 1, Mine: true}
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		v.CreatedAt, v.UpdatedAt = tx.Now(), tx.Now()
		old, err := byName(ctx, tx, noun, actor.ID, name)
		if problem.Is(err, problem.KindNotFound) {
			return insert(ctx, tx, &v)
		}
		if err != nil {
			return err
		}
		v.ID, v.Version = old.ID, old.Version+1
		return update(ctx, tx, &v)
	})
	return v, err
}

// Delete removes one of the person's own views. Needs save_view.
func (s *Service) Delete(ctx context.Context, viewID string) error {
	if err := authz.Require(ctx, authz.ActionSaveView); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		err := remove(ctx, tx, viewID, actor.ID)
		if problem.Is(err, problem.KindNotFound) {
			err = problem.NotFound("view", viewID)
		}
		return err
	})
}
