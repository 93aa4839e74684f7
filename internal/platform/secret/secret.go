// Package secret keeps what the program has to remember and nobody may read, such
// as a sign-in that renews itself: sealed in the database under a key that is not
// in it.
package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Store keeps secrets by name.
type Store struct {
	db    *db.DB
	clock clock.Clock
	aead  cipher.AEAD
}

// row is a secret as it is stored.
type row struct {
	Name      string    `db:"name"`
	Sealed    string    `db:"sealed"`
	UpdatedAt time.Time `db:"updated_at"`
}

// New gives a store under a key that is made of material: a secret of the
// configuration, whose change makes what was kept unreadable.
func New(d *db.DB, c clock.Clock, material string) (*Store, error) {
	if material == "" {
		return nil, errors.New("secret: there is nothing to make a key of")
	}
	key, err := hkdf.Key(sha256.New, []byte(material), nil, "tandem secret store 1", 32)
	if err != nil {
		return nil, fmt.Errorf("secret: make the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret: make the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("secret: make the cipher: %w", err)
	}
	return &Store{db: d, clock: c, aead: aead}, nil
}

// Save seals a value and keeps it in place of the one before.
func (s *Store) Save(ctx context.Context, name, value string) error {
	sealed := base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, []byte(value), []byte(name)))
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return save(ctx, tx, row{name, sealed, tx.Now()}) })
}

// Load gives a value. One that was never saved, or that was sealed under another
// key, is a problem of kind not_found: the caller begins anew.
func (s *Store) Load(ctx context.Context, name string) (string, error) {
	sealed, err := load(ctx, s.db, name)
	if err != nil {
		return "", err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", problem.NotFound("secret", name)
	}
	value, err := s.aead.Open(nil, nil, raw, []byte(name))
	if err != nil {
		return "", problem.NotFound("secret", name)
	}
	return string(value), nil
}
