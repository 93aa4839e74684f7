package mapping

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// CRM is the organisation as the mapping asks for it.
type CRM interface {
	// Organisation describes what a mapping concerns.
	Organisation(ctx context.Context, m Mapping) (Org, error)
	// Sample reads one record by a mapping, and says what it becomes; facts are what
	// would be written to it beside.
	Sample(ctx context.Context, m Mapping, object Object, crmID string, facts map[Field]string) (Sample, error)
}

// Sample is a record as the organisation has it and as Tandem would take it.
type Sample struct {
	Object Object
	CRMID  string
	Name   string
	URL    string // of the record's page in Salesforce
	Lines  []SampleLine
}

// SampleLine is one field of a sample. Raw is the organisation's value, Ours what
// Tandem makes of it, Written what would be written back; Fault says why it cannot
// be read.
type SampleLine struct {
	Field   Field
	CRM     string
	Raw     string
	Ours    string
	Writes  bool
	Written string
	Fault   string
}

// ErrNotConnected is what asking the organisation gives when there is none.
var ErrNotConnected error = problem.Conflict("not_connected", "Salesforce is not connected: set its address and credentials, see docs/connect.md")

// Service is the use cases of the mapping.
type Service struct {
	db    *db.DB
	clock clock.Clock
	// CRM is nil when Salesforce is not connected.
	CRM CRM
	// Changed plans that Salesforce is read anew and gets what is now written, in the
	// transaction that put one mapping in place of another.
	Changed func(ctx context.Context, tx *db.Tx, from, to Mapping) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service {
	return &Service{db: d, clock: c, Changed: func(context.Context, *db.Tx, Mapping, Mapping) error { return nil }}
}

// InForce gives the mapping by which Salesforce is read and written, for the
// machinery.
func (s *Service) InForce(ctx context.Context) (Mapping, error) {
	v, err := latest(ctx, s.db)
	if err != nil {
		return Mapping{}, fmt.Errorf("the mapping in force: %w", err)
	}
	return v.Mapping.V, nil
}

// Get gives the version in force. Needs read.
func (s *Service) Get(ctx context.Context) (Version, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Version{}, err
	}
	return latest(ctx, s.db)
}

// At gives a version; 0 is the default. Needs read.
func (s *Service) At(ctx context.Context, version int64) (Version, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Version{}, err
	}
	v, err := versionOf(ctx, s.db, version)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("version", strconv.FormatInt(version, 10))
	}
	return v, err
}

// Page is one page of versions, the latest first; Next is the version before which
// the next page begins, 0 at the end.
type Page struct {
	Rows []Version
	Next int64
}

// Versions gives saved versions, the latest first; before 0 begins with the one in
// force. Needs read.
func (s *Service) Versions(ctx context.Context, before int64, limit int) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	if before <= 0 {
		before = 1 << 62
	}
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	rows, err := versions(ctx, s.db, before, limit+1)
	if err != nil {
		return Page{}, err
	}
	p := Page{Rows: rows}
	if len(rows) > limit {
		p.Rows, p.Next = rows[:limit], rows[limit-1].Version
	}
	return p, nil
}

// Check says how a mapping fits the organisation as it is now. Needs read.
func (s *Service) Check(ctx context.Context, m Mapping) ([]Finding, error) {
	org, err := s.Organisation(ctx, m)
	if err != nil {
		return nil, err
	}
	return m.Check(org), nil
}

// Organisation describes what a mapping concerns. Needs read.
func (s *Service) Organisation(ctx context.Context, m Mapping) (Org, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Org{}, err
	}
	if s.CRM == nil {
		return Org{}, ErrNotConnected
	}
	return s.CRM.Organisation(ctx, m)
}

// Templates gives the mappings to begin from. Needs read.
func (s *Service) Templates(ctx context.Context) ([]Template, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return Templates(), nil
}

// Try reads one record by a mapping, "" for the one that changed last, and says what
// it would become; nothing is kept or written. Needs read.
func (s *Service) Try(ctx context.Context, m Mapping, object Object, crmID string) (Sample, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Sample{}, err
	}
	if !slices.Contains(Objects(), object) {
		return Sample{}, problem.Invalid("object", "unknown_value", "Choose Opportunity, Account or OpportunityContactRole")
	}
	if err := m.Validate(); err != nil {
		return Sample{}, err
	}
	if s.CRM == nil {
		return Sample{}, ErrNotConnected
	}
	if crmID == "" {
		list, err := recent(ctx, s.db, object, 1)
		if err != nil {
			return Sample{}, err
		}
		if len(list) == 0 {
			return Sample{}, problem.NotFound("record", string(object))
		}
		crmID = list[0].CRMID
	}
	facts := map[Field]string{}
	if object == ObjectOpportunity {
		records, err := registration.RecordsOf(ctx, s.db, crmID)
		if err != nil {
			return Sample{}, err
		}
		for i := range records {
			for f, v := range FactsOf(&records[i]) {
				facts[FactField(records[i].Cloud, f)] = v
			}
		}
	}
	return s.CRM.Sample(ctx, m, object, crmID, facts)
}

// samples is how many records are offered to try a mapping on.
const samples = 25

// Records gives records on which a mapping can be tried, those that changed last
// first. Needs read.
func (s *Service) Records(ctx context.Context, object Object) ([]Record, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return recent(ctx, s.db, object, samples)
}

// Save puts a mapping in force, as a new version; version is the one that the person
// saw. A field that was changed and cannot work in the organisation as it is now is
// refused, if the organisation can be asked; what was wrong before is no hindrance to
// mending something else. Needs change_settings.
func (s *Service) Save(ctx context.Context, m Mapping, version int64, reason string) (Version, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return Version{}, err
	}
	if err := m.Validate(); err != nil {
		return Version{}, err
	}
	stands, err := latest(ctx, s.db)
	if err != nil {
		return Version{}, err
	}
	if err := s.fits(ctx, stands.Mapping.V, m); err != nil {
		return Version{}, err
	}
	return s.save(ctx, m, version, reason)
}

// RollBack puts an earlier version in force again, as a new one. Needs
// change_settings.
func (s *Service) RollBack(ctx context.Context, to, version int64, reason string) (Version, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return Version{}, err
	}
	old, err := s.At(ctx, to)
	if err != nil {
		return Version{}, err
	}
	if err := old.Mapping.V.Validate(); err != nil { // of a version of Tandem that knew other fields
		return Version{}, err
	}
	return s.save(ctx, old.Mapping.V, version, reason)
}

// fits refuses what was changed to something that cannot work.
func (s *Service) fits(ctx context.Context, from, to Mapping) error {
	if s.CRM == nil {
		return nil
	}
	org, err := s.CRM.Organisation(ctx, to)
	if err != nil {
		return nil //nolint:nilerr // saved unchecked: an organisation that does not answer is no fault of the mapping
	}
	var bad problem.List
	for _, f := range to.Check(org) {
		e, ok := to.Of(f.Field)
		if was, mapped := from.Of(f.Field); f.Level != LevelError || !ok || mapped && was.Equal(e) {
			continue
		}
		at := slices.IndexFunc(to.Entries, func(x Entry) bool { return x.Field == f.Field })
		bad.Add(fmt.Sprintf("fields[%d].crm", at), f.Code, f.Message+". "+f.Mend)
	}
	return bad.Err()
}

func (s *Service) save(ctx context.Context, m Mapping, version int64, reason string) (Version, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > 500 {
		return Version{}, problem.Invalid("reason", "length", "Say in 1 to 500 characters why: the next person will ask")
	}
	actor, _ := authz.From(ctx)
	v := Version{Version: version + 1, Mapping: db.NewJSON(m.sorted()), Reason: reason, SavedBy: actor.Name}
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		stands, err := latest(ctx, tx)
		if err != nil {
			return err
		}
		if stands.Version != version {
			return problem.Precondition("mapping", strconv.FormatInt(version, 10))
		}
		v.SavedAt = tx.Now()
		if stored, err := saveVersion(ctx, tx, &v); err != nil {
			return err
		} else if !stored {
			return problem.Precondition("mapping", strconv.FormatInt(version, 10))
		}
		changes := map[Field][2]string{}
		for _, d := range Diff(stands.Mapping.V, m) {
			changes[d.Field] = [2]string{d.Before.Text(), d.After.Text()}
		}
		if err := audit.Record(ctx, tx, "mapping.save", "mapping", map[string]any{"version": v.Version, "reason": reason, "changes": changes}); err != nil {
			return err
		}
		return s.Changed(ctx, tx, stands.Mapping.V, m)
	})
	return v, err
}
