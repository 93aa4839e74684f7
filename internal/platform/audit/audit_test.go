package audit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

var noon = clock.NewFake(time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC))

func write(ctx context.Context, d *db.DB, n int) error {
	for i := range n {
		err := d.InTx(ctx, noon, func(tx *db.Tx) error {
			return Record(ctx, tx, "deal.change", fmt.Sprintf("opp_%d", i%2), map[string]any{"n": i, "text": "a\x00b <&> é"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestAnUntouchedLogIsWhole(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada"})
		if n, err := Verify(ctx, d); n != 0 || err != nil {
			t.Fatalf("the empty log: %d, %v", n, err)
		}
		if err := write(ctx, d, 5); err != nil {
			t.Fatal(err)
		}
		if n, err := Verify(ctx, d); n != 5 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		list, err := Of(ctx, d, "opp_0", 2)
		if err != nil || len(list) != 2 || list[0].Seq != 5 || list[1].Seq != 3 || list[0].ActorName != "Ada" || list[0].ActorKind != authz.KindPerson {
			t.Fatalf("%+v, %v", list, err)
		}
	})
}

func TestNobodySignedInIsTandemItself(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		if err := d.InTx(t.Context(), noon, func(tx *db.Tx) error { return Record(t.Context(), tx, "a", "b", nil) }); err != nil {
			t.Fatal(err)
		}
		list, err := Of(t.Context(), d, "b", 1)
		if err != nil || list[0].ActorKind != authz.KindSystem || list[0].Detail != "{}" {
			t.Fatalf("%+v, %v", list, err)
		}
	})
}

func TestAnEntryOfARolledBackChangeIsNotThere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		boom := fmt.Errorf("no")
		err := d.InTx(ctx, noon, func(tx *db.Tx) error {
			if err := Record(ctx, tx, "a", "b", nil); err != nil {
				return err
			}
			return boom
		})
		if err == nil {
			t.Fatal("committed")
		}
		if err := write(ctx, d, 1); err != nil {
			t.Fatal(err)
		}
		if n, err := Verify(ctx, d); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	})
}

func TestEveryTamperingShows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, says string }{
		"detail":        {`UPDATE audit_entry SET detail = '{}' WHERE seq = 3`, "entry 3 was changed"},
		"time":          {"move the time", "entry 3 was changed"},
		"actor":         {`UPDATE audit_entry SET actor_name = 'Eve' WHERE seq = 1`, "entry 1 was changed"},
		"actor's kind":  {`UPDATE audit_entry SET actor_kind = 'portal' WHERE seq = 2`, "entry 2 was changed"},
		"actor's id":    {`UPDATE audit_entry SET actor_id = 'usr_2' WHERE seq = 2`, "entry 2 was changed"},
		"action":        {`UPDATE audit_entry SET action = 'x' WHERE seq = 5`, "entry 5 was changed"},
		"subject":       {`UPDATE audit_entry SET subject = 'opp_9' WHERE seq = 2`, "entry 2 was changed"},
		"moved between": {`UPDATE audit_entry SET action = 'deal.', subject = 'change' || subject WHERE seq = 2`, "entry 2 was changed"},
		"id":            {`UPDATE audit_entry SET id = 'aud_0' WHERE seq = 2`, "entry 2 was changed"},
		"hash":          {`UPDATE audit_entry SET hash = '00' WHERE seq = 2`, "entry 2 was changed"},
		"link":          {`UPDATE audit_entry SET prev_hash = '' WHERE seq = 2`, "entry 2 does not follow"},
		"first gone":    {`DELETE FROM audit_entry WHERE seq = 1`, "entry 1 is missing"},
		"middle gone":   {`DELETE FROM audit_entry WHERE seq = 3`, "entry 3 is missing"},
		"end gone":      {`DELETE FROM audit_entry WHERE seq > 3`, "ends at entry 3, but 5 were written"},
		"all gone":      {`DELETE FROM audit_entry`, "ends at entry 0, but 5 were written"},
		"gap closed":    {`DELETE FROM audit_entry WHERE seq = 3; UPDATE audit_entry SET seq = 3 WHERE seq = 4; UPDATE audit_entry SET seq = 4 WHERE seq = 5`, "entry 3 does not follow"},
		"reordered":     {`UPDATE audit_entry SET seq = 99 WHERE seq = 2; UPDATE audit_entry SET seq = 2 WHERE seq = 3; UPDATE audit_entry SET seq = 3 WHERE seq = 99`, "entry 2 does not follow"},
		"end replaced":  {`UPDATE audit_head SET hash = '00'`, "entry 5 was changed"},
		"added behind": {`INSERT INTO audit_entry (seq, id, at, actor_kind, action, subject, prev_hash, hash)
			SELECT 6, 'aud_x', at, actor_kind, action, subject, hash, 'x' FROM audit_entry WHERE seq = 5`, "entry 6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
				ctx := t.Context()
				if err := write(ctx, d, 5); err != nil {
					t.Fatal(err)
				}
				err := d.InTx(ctx, noon, func(tx *db.Tx) error {
					for statement := range strings.SplitSeq(c.sql, ";") {
						if statement == "move the time" {
							if _, err := tx.Exec(ctx, `UPDATE audit_entry SET at = ? WHERE seq = 3`, noon.Now().Add(time.Microsecond)); err != nil {
								return err
							}
							continue
						}
						if _, err := tx.Exec(ctx, statement); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Verify(ctx, d); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("Verify says %v, want %q", err, c.says)
				}
			})
		})
	}
}

func TestWritersAtTheSameTimeMakeOneChain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := write(ctx, d, 10); err != nil {
					t.Error(err)
				}
			})
		}
		// Verifying a log that grows is no false alarm.
		for range 5 {
			if _, err := Verify(ctx, d); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		if n, err := Verify(ctx, d); n != 40 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	})
}
