package team

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type sessionKeeper struct{}

// KeepSession gives the context of a browser session's request. A session ends
// when its person's password changes; keep is told of the new one when the person
// changes it in this very session, which goes on.
func KeepSession(ctx context.Context, keep func(context.Context, Person) error) context.Context {
	return context.WithValue(ctx, sessionKeeper{}, keep)
}

// ChangePassword gives the one who is signed in a new password. Wrong fields
// ("current", "new") are a problem of kind invalid; wrong current passwords count
// as wrong sign-ins of that address do, and too many of them are of kind too_many
// with the time to wait. The person's other sessions end; their API tokens stay.
// Needs own_password.
func (s *Service) ChangePassword(ctx context.Context, current, next string) error {
	if err := authz.Require(ctx, authz.ActionOwnPassword); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	p, err := s.Person(ctx, actor.ID)
	if err != nil {
		return err
	}
	subjects := []string{"mail:" + p.EmailKey}
	if err := s.throttle(ctx, subjects); err != nil {
		return err
	}
	var bad problem.List
	if f := checkPassword(next); f != "" {
		bad.Add("new", "weak", f)
	}
	switch right, err := matches(current, p.PasswordHash); {
	case err != nil:
		return err
	case !right:
		if err := s.countWrong(ctx, subjects); err != nil {
			return err
		}
		bad.Add("current", "wrong", "This is not your current password")
	case current == next:
		bad.Add("new", "same", "The new password is the one you have: choose another")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	hash, err := argon2id.CreateHash(next, hashing)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		now, err := byID(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if now.PasswordHash != p.PasswordHash {
			return problem.Conflict("password_changed", "Your password was changed by somebody else just now: sign in again")
		}
		now.PasswordHash, now.UpdatedAt = hash, tx.Now()
		if err := save(ctx, tx, &now); err != nil {
			return err
		}
		if err := forget(ctx, tx, subjects); err != nil {
			return err
		}
		p = now
		return audit.Record(ctx, tx, "user.own_password", p.ID, map[string]any{"email": p.Email})
	})
	if err != nil {
		return err
	}
	if keep, ok := ctx.Value(sessionKeeper{}).(func(context.Context, Person) error); ok {
		return keep(ctx, p)
	}
	return nil
}

// matches reports whether the password is the one of the hash. A longer one than
// any password is wrong without the cost of hashing it.
func matches(password, hash string) (bool, error) {
	if len(password) > 4*MaxPassword {
		return false, nil
	}
	right, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("check the password: %w", err)
	}
	return right, nil
}
