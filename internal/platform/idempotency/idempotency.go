// Package idempotency answers "was this very request made before, and what was
// said then?": it keeps the answer to a write under the key that its caller
// chose, so that a repeat gets the same answer and the write happens once.
//
// The database holds neither the key nor the answer in clear: the key is kept
// as its SHA-256, and the answer is sealed (AES-256-GCM) under a key made from
// it. An answer can hold a secret that is shown once, such as a new API token,
// and a copy of the database shall let nobody in.
package idempotency

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// The bounds of a key's life.
const (
	MaxKey    = 255             // characters of a key
	Life      = 24 * time.Hour  // how long an answer is kept
	TakeOver  = 5 * time.Minute // after which an unanswered request counts as dead
	retryTick = 2 * time.Second // how long a repeat should wait for the first request
	maxStored = 4 * 1024 * 1024 // bytes of an answer that is kept
)

// Request is one write: who wants what. Route is its method and path with the
// query string; two requests with the same key must agree in it and in the body.
type Request struct {
	PersonID string
	Key      string
	Route    string
	Body     []byte
}

// Answer is what was said to a request.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Store keeps keys and answers.
type Store struct {
	db    *db.DB
	clock clock.Clock
}

// NewStore gives the store on a database.
func NewStore(d *db.DB, c clock.Clock) *Store { return &Store{db: d, clock: c} }

// Reservation is the right to do the request. It ends with Finish or Release.
type Reservation struct {
	store *Store
	row   row
	seal  cipher.AEAD
}

// Begin reserves the key, or gives the answer that was given before. A key that
// is too long or was used for another request is a problem of kind invalid
// (idempotency_key_too_long, idempotency_mismatch); one whose request is still
// at work is a conflict with a time to wait. A reservation older than TakeOver is
// taken over: its process died.
func (s *Store) Begin(ctx context.Context, r Request) (*Answer, *Reservation, error) {
	if utf8.RuneCountInString(r.Key) > MaxKey {
		return nil, nil, problem.Invalid("Idempotency-Key", "idempotency_key_too_long", fmt.Sprintf("Use a key of at most %d characters, such as a UUID", MaxKey))
	}
	seal, err := sealer(r.Key)
	if err != nil {
		return nil, nil, err
	}
	// A body can hold a password: without the key nobody can try bodies out on its hash.
	mine := row{PersonID: r.PersonID, Key: digest("key", []byte(r.Key)), Route: r.Route, BodyHash: digest("body of "+r.Key, r.Body)}
	var found row
	reserved := false
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		reserved, found = false, row{}
		mine.CreatedAt = tx.Now()
		if err := forget(ctx, tx, mine, tx.Now().Add(-Life)); err != nil {
			return err
		}
		n, err := reserve(ctx, tx, mine)
		if err != nil || n == 1 {
			reserved = n == 1
			return err
		}
		found, err = get(ctx, tx, mine.PersonID, mine.Key)
		if problem.Is(err, problem.KindNotFound) {
			found = mine // released a moment ago: the repeat asks again
			return nil
		}
		if err != nil || found.Status != 0 || !found.same(mine) || tx.Now().Before(found.CreatedAt.Add(TakeOver)) {
			return err
		}
		err = takeOver(ctx, tx, found)
		if problem.Is(err, problem.KindNotFound) {
			return nil // another repeat was faster
		}
		reserved = err == nil
		return err
	})
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("idempotency: %w", err)
	case reserved:
		return nil, &Reservation{store: s, row: mine, seal: seal}, nil
	case !found.same(mine):
		return nil, nil, &problem.Error{
			Kind: problem.KindInvalid, Code: "idempotency_mismatch",
			Message: "This Idempotency-Key was used for another request: use a new key for each new request, and the same one only to repeat it unchanged",
		}
	case found.Status == 0:
		return nil, nil, &problem.Error{
			Kind: problem.KindConflict, Code: "idempotency_in_progress", RetryAfter: retryTick,
			Message: "The first request with this Idempotency-Key is still at work: ask again shortly",
		}
	}
	a, err := found.open(seal)
	return a, nil, err
}

// Finish keeps the answer. It does nothing when another request took the
// reservation over meanwhile.
func (r *Reservation) Finish(ctx context.Context, a Answer) error {
	if len(a.Body) > maxStored {
		return r.Release(ctx)
	}
	r.row.Status, r.row.Headers = int64(a.Status), db.NewJSON(a.Header)
	nonce := make([]byte, r.seal.NonceSize())
	rand.Read(nonce)
	r.row.Body = r.seal.Seal(nonce, nonce, a.Body, []byte(r.row.Route))
	return r.store.db.InTx(ctx, r.store.clock, func(tx *db.Tx) error { return finish(ctx, tx, r.row) })
}

// Release forgets the reservation, so that a repeat does the request: for an
// answer that may be another one next time, such as "unavailable".
func (r *Reservation) Release(ctx context.Context) error {
	return r.store.db.InTx(ctx, r.store.clock, func(tx *db.Tx) error { return release(ctx, tx, r.row) })
}

func (r row) same(other row) bool { return r.Route == other.Route && r.BodyHash == other.BodyHash }

func (r row) open(seal cipher.AEAD) (*Answer, error) {
	n := seal.NonceSize()
	if len(r.Body) < n {
		return nil, fmt.Errorf("idempotency: the stored answer is cut off")
	}
	body, err := seal.Open(nil, r.Body[:n], r.Body[n:], []byte(r.Route))
	if err != nil {
		return nil, fmt.Errorf("idempotency: open the stored answer: %w", err)
	}
	return &Answer{Status: int(r.Status), Header: r.Headers.V, Body: body}, nil
}

func digest(what string, b []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "tandem idempotency %s\n", what)
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

func sealer(key string) (cipher.AEAD, error) {
	sum := sha256.Sum256([]byte("tandem idempotency seal\n" + key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	return aead, nil
}
