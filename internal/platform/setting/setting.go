// Package setting keeps the team's own rules (which deals are joint, how long
// things may take) as versioned JSON, one row a setting.
package setting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Row is a setting as it is stored. Version 0 means that the default holds.
type Row struct {
	Name      string    `db:"name"`
	Value     string    `db:"value"`
	Version   int64     `db:"version"`
	UpdatedBy string    `db:"updated_by"`
	UpdatedAt time.Time `db:"updated_at"`
}

// Load gives the setting, or def when it was never set.
func Load[T any](ctx context.Context, q db.Queryer, name string, def T) (T, Row, error) {
	row, err := load(ctx, q, name)
	if problem.Is(err, problem.KindNotFound) {
		return def, Row{Name: name}, nil
	}
	if err != nil {
		return def, row, fmt.Errorf("setting %s: %w", name, err)
	}
	var v T
	if err := json.Unmarshal([]byte(row.Value), &v); err != nil {
		return def, row, fmt.Errorf("setting %s: %w", name, err)
	}
	return v, row, nil
}

// Save stores a setting that was at the given version when the person read it,
// and puts the change in the audit log.
func Save(ctx context.Context, tx *db.Tx, name string, v any, version int64, by string) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	old, err := load(ctx, tx, name)
	if err != nil && !problem.Is(err, problem.KindNotFound) {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	if old.Version != version {
		return problem.Precondition("setting", name)
	}
	row := Row{Name: name, Value: string(text), Version: version + 1, UpdatedBy: by, UpdatedAt: tx.Now()}
	if n, err := save(ctx, tx, row, version); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	} else if n == 0 {
		return problem.Precondition("setting", name)
	}
	return audit.Record(ctx, tx, "setting.change", name, map[string]any{"before": json.RawMessage(orNull(old.Value)), "after": json.RawMessage(text)})
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}
