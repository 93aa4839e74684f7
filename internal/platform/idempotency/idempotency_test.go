package idempotency_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/idempotency"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func each(t *testing.T, test func(t *testing.T, s *idempotency.Store, c *clock.Fake, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		c := clock.NewFake(began)
		test(t, idempotency.NewStore(d, c), c, d)
	})
}

func request(key, body string) idempotency.Request {
	return idempotency.Request{PersonID: "usr_1", Key: key, Route: "POST /api/v1/tokens", Body: []byte(body)}
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	return p.Code
}

var answer = idempotency.Answer{Status: 201, Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"secret":"tdm_hunter2"}`)}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, _ *clock.Fake, _ *db.DB) {
		ctx := t.Context()
		before, res, err := s.Begin(ctx, request("k", "{}"))
		if err != nil || before != nil || res == nil {
			t.Fatalf("the first request got %v, %v, %v", before, res, err)
		}
		if err := res.Finish(ctx, answer); err != nil {
			t.Fatal(err)
		}
		again, res, err := s.Begin(ctx, request("k", "{}"))
		if err != nil || res != nil {
			t.Fatalf("the repeat got %v, %v", res, err)
		}
		if diff := cmp.Diff(&answer, again); diff != "" {
			t.Error(diff)
		}
		other := request("k", "{}")
		other.PersonID = "usr_2"
		if a, res, err := s.Begin(ctx, other); a != nil || res == nil || err != nil {
			t.Errorf("a key of another person got %v, %v, %v", a, res, err)
		}
	})
}

func TestNeitherKeyNorAnswerStandInTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, _ *clock.Fake, d *db.DB) {
		ctx := t.Context()
		_, res, err := s.Begin(ctx, request("my-very-own-key", `{"password":"correct horse"}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Finish(ctx, answer); err != nil {
			t.Fatal(err)
		}
		type stored struct {
			Key  string `db:"idem_key"`
			Hash string `db:"body_hash"`
			Body []byte `db:"body"`
		}
		row, err := db.Get[stored](ctx, d, `SELECT idem_key, body_hash, body FROM idempotency`)
		if err != nil {
			t.Fatal(err)
		}
		all := row.Key + row.Hash + string(row.Body)
		for _, secret := range []string{"my-very-own-key", "hunter2", "correct horse"} {
			if strings.Contains(all, secret) {
				t.Errorf("%q can be read in the database", secret)
			}
		}
	})
}

func TestAKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, _ *clock.Fake, _ *db.DB) {
		ctx := t.Context()
		if _, _, err := s.Begin(ctx, request("k", "a")); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Begin(ctx, request("k", "b"))
		if codeOf(t, err) != "idempotency_mismatch" || !problem.Is(err, problem.KindInvalid) {
			t.Errorf("another body got %v", err)
		}
		elsewhere := request("k", "a")
		elsewhere.Route = "POST /api/v1/users"
		if _, _, err := s.Begin(ctx, elsewhere); codeOf(t, err) != "idempotency_mismatch" {
			t.Errorf("another route got %v", err)
		}
		_, _, err = s.Begin(ctx, request(strings.Repeat("é", 256), "a"))
		if !problem.Is(err, problem.KindInvalid) {
			t.Errorf("a key of 256 characters got %v", err)
		}
		if _, _, err := s.Begin(ctx, request(strings.Repeat("é", 255), "a")); err != nil {
			t.Errorf("a key of 255 characters got %v", err)
		}
	})
}

func TestARequestAtWorkIsAConflictUntilItsProcessCountsAsDead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, c *clock.Fake, _ *db.DB) {
		ctx := t.Context()
		_, dead, err := s.Begin(ctx, request("k", "a"))
		if err != nil {
			t.Fatal(err)
		}
		c.Advance(idempotency.TakeOver - time.Second)
		_, _, err = s.Begin(ctx, request("k", "a"))
		if codeOf(t, err) != "idempotency_in_progress" || !problem.Is(err, problem.KindConflict) {
			t.Fatalf("a request at work gave %v", err)
		}
		c.Advance(time.Second)
		_, heir, err := s.Begin(ctx, request("k", "a"))
		if err != nil || heir == nil {
			t.Fatalf("taking over gave %v, %v", heir, err)
		}
		late := answer
		late.Body = []byte("too late")
		if err := dead.Finish(ctx, late); err != nil {
			t.Fatal(err)
		}
		if err := heir.Finish(ctx, answer); err != nil {
			t.Fatal(err)
		}
		a, _, err := s.Begin(ctx, request("k", "a"))
		if err != nil || !bytes.Equal(a.Body, answer.Body) {
			t.Errorf("the kept answer is %v, %v", a, err)
		}
	})
}

func TestAReleasedKeyCanBeUsedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, _ *clock.Fake, _ *db.DB) {
		ctx := t.Context()
		_, res, err := s.Begin(ctx, request("k", "a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Release(ctx); err != nil {
			t.Fatal(err)
		}
		if _, res, err := s.Begin(ctx, request("k", "b")); res == nil || err != nil {
			t.Errorf("after a release it got %v, %v", res, err)
		}
	})
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, c *clock.Fake, d *db.DB) {
		ctx := t.Context()
		for _, key := range []string{"k", "other"} {
			_, res, err := s.Begin(ctx, request(key, "a"))
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Finish(ctx, answer); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(idempotency.Life)
		if a, res, err := s.Begin(ctx, request("k", "b")); a != nil || res == nil || err != nil {
			t.Errorf("a day later it got %v, %v, %v", a, res, err)
		}
		if n, err := db.Get[int64](ctx, d, `SELECT count(*) FROM idempotency`); n != 1 || err != nil {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
}

func TestOfManyAtOnceOneDoesTheRequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *idempotency.Store, _ *clock.Fake, _ *db.DB) {
		ctx := t.Context()
		var wg sync.WaitGroup
		var mu sync.Mutex
		reserved, waiting := 0, 0
		for range 12 {
			wg.Go(func() {
				_, res, err := s.Begin(ctx, request("k", "a"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case res != nil:
					reserved++
				case problem.Is(err, problem.KindConflict):
					waiting++
				default:
					t.Errorf("unexpected: %v", err)
				}
			})
		}
		wg.Wait()
		if reserved != 1 || waiting != 11 {
			t.Errorf("%d did it and %d wait", reserved, waiting)
		}
	})
}
