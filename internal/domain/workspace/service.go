package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Service is the reads of the workspace.
type Service struct {
	db     *db.DB
	clock  clock.Clock
	gather int64 // from more than so many on, List walks: CountedTo, but in tests
}

// NewService gives the reads on a database.
func NewService(d *db.DB, c clock.Clock) *Service {
	return &Service{db: d, clock: c, gather: CountedTo}
}

// Row is one line of the list.
type Row struct {
	ID          string    `db:"id" json:"id"`
	CRMID       string    `db:"crm_id" json:"crm_id"`
	Name        string    `db:"name" json:"name"`
	NameKey     string    `db:"name_key" json:"-"`
	AccountID   string    `db:"account_id" json:"account_id"`
	AccountName string    `db:"account_name" json:"account_name"`
	Stage       string    `db:"stage" json:"stage"`
	Closed      bool      `db:"closed" json:"closed"`
	Won         bool      `db:"won" json:"won"`
	CloseOn     date.Date `db:"close_on" json:"close_on"`
	Currency    string    `db:"currency" json:"currency"`
	AmountMinor *int64    `db:"amount_minor" json:"amount_minor"`
	OrderType   string    `db:"order_type" json:"order_type"`
	Segment     string    `db:"segment" json:"segment"`
	Geo         string    `db:"geo" json:"geo"`
	Region      string    `db:"region" json:"region"`
	OwnerCRMID  string    `db:"owner_crm_id" json:"owner_crm_id"`
	OwnerName   string    `db:"owner_name" json:"owner_name"`
	CRMModstamp time.Time `db:"crm_modstamp" json:"crm_modstamp"`

	Clouds []RowCloud `db:"-" json:"clouds"`
}

// RowCloud is how the opportunity stands at one cloud: State "" is joint but
// not registered.
type RowCloud struct {
	Cloud    cloud.Cloud        `json:"cloud"`
	State    registration.State `json:"state"`
	Blocking int64              `json:"blocking"`
	RemoteID string             `json:"remote_id"`
}

// Amount gives the amount, or none.
func (r *Row) Amount() money.Amount {
	if r.AmountMinor == nil || r.Currency == "" {
		return money.Amount{}
	}
	return money.Amount{Minor: *r.AmountMinor, Currency: r.Currency}
}

// Page is one page of the list; Next is the cursor of the next one, "" at the
// end. Found is how many opportunities the query finds on all pages, at most
// CountedTo+1.
type Page struct {
	Rows  []Row
	Next  string
	Found int64
}

// List gives a page of opportunities. Needs read.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	limit := min(q.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	q, err := named(ctx, s.db, q, s.gather)
	if err != nil {
		return Page{}, err
	}
	found, err := count(ctx, s.db, q, CountedTo+1)
	if err != nil {
		return Page{}, err
	}
	by := gather
	if found > s.gather {
		by = walk
	}
	rows, err := page(ctx, s.db, q, limit+1, by)
	if err != nil {
		return Page{}, err
	}
	p := Page{Rows: rows, Found: found}
	if len(rows) > limit {
		p.Rows = rows[:limit]
		last := &rows[limit-1]
		p.Next = makeCursor(q.Sort, last)
	}
	return p, s.addClouds(ctx, p.Rows)
}

// Count says how many opportunities the query finds, at most limit+1. Needs read.
func (s *Service) Count(ctx context.Context, q Query, limit int) (int64, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return 0, err
	}
	q, err := named(ctx, s.db, q, s.gather)
	if err != nil {
		return 0, err
	}
	return count(ctx, s.db, q, limit+1)
}

func (s *Service) addClouds(ctx context.Context, rows []Row) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	joint, err := opportunity.JointOf(ctx, s.db, ids)
	if err != nil {
		return err
	}
	regs, err := standings(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		for _, c := range cloud.All() {
			rc := RowCloud{Cloud: c}
			known := slices.Contains(opportunity.JointWith(joint[r.ID]), c)
			for _, reg := range regs[r.ID] {
				if reg.Cloud == c {
					rc.State, rc.Blocking, rc.RemoteID, known = reg.State, reg.Blocking, reg.RemoteID, true
				}
			}
			if known {
				r.Clouds = append(r.Clouds, rc)
			}
		}
	}
	return nil
}

// Lane is one column of the board: how many opportunities it holds, what they
// are worth by currency, and the first of them.
type Lane struct {
	Key   string
	Label string
	Count int64
	Sums  []money.Amount
	Rows  []Row
}

// Group says by what the board has its columns.
type Group string

// The groups.
const (
	GroupState Group = "state" // state of the registration at the first cloud of the query, AWS if none
	GroupStage Group = "stage" // the CRM's stage
)

// LaneRows is how many cards a lane shows at most.
const LaneRows = 25

// Board gives the query as a board. Needs read.
func (s *Service) Board(ctx context.Context, q Query, by Group) ([]Lane, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	c := cloud.AWS
	if len(q.Clouds) > 0 {
		c = q.Clouds[0]
	}
	if by == GroupState {
		q.Clouds = []cloud.Cloud{c}
	}
	q, err := named(ctx, s.db, q, s.gather)
	if err != nil {
		return nil, err
	}
	sums, err := laneSums(ctx, s.db, q, by, c)
	if err != nil {
		return nil, err
	}
	var lanes []Lane
	at := map[string]int{}
	for _, x := range sums {
		i, ok := at[x.Lane]
		if !ok {
			i = len(lanes)
			at[x.Lane] = i
			lanes = append(lanes, Lane{Key: x.Lane, Label: laneLabel(by, x.Lane)})
		}
		lanes[i].Count += x.Count
		if x.Currency != "" && x.Minor != 0 {
			lanes[i].Sums = append(lanes[i].Sums, money.Amount{Minor: x.Minor, Currency: x.Currency})
		}
	}
	for i := range lanes {
		if lanes[i].Rows, err = laneRows(ctx, s.db, q, by, c, lanes[i].Key, LaneRows); err != nil {
			return nil, err
		}
		if err := s.addClouds(ctx, lanes[i].Rows); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(lanes, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(laneOrder(by, a.Key), laneOrder(by, b.Key)), strings.Compare(a.Key, b.Key))
	})
	return lanes, nil
}

func laneLabel(by Group, key string) string {
	switch {
	case key == "" && by == GroupState:
		return "Not registered"
	case key == "":
		return "No stage"
	case by == GroupState:
		return registration.State(key).Label()
	}
	return key
}

func laneOrder(by Group, key string) int {
	if by == GroupState {
		return slices.Index(registration.States(), registration.State(key)) // -1, the first, for not registered
	}
	var n int
	if _, err := fmt.Sscanf(key, "%d", &n); err == nil {
		return n
	}
	if strings.EqualFold(key, "Closed Won") {
		return 7 // between 7-Closing and 8-Closed Lost
	}
	return 100
}

// Choices are the values that occur, for the filters of the list.
type Choices struct {
	Stages   []string
	Geos     []string
	Regions  []string
	Segments []string
	Orders   []string
	Owners   []Choice
}

// Choice is a value with its name.
type Choice struct {
	Value string `db:"value" json:"value"`
	Label string `db:"label" json:"label"`
}

// Choices gives the values that occur. Needs read.
func (s *Service) Choices(ctx context.Context) (Choices, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Choices{}, err
	}
	c, err := choices(ctx, s.db)
	slices.SortFunc(c.Stages, func(a, b string) int {
		return cmp.Or(cmp.Compare(laneOrder(GroupStage, a), laneOrder(GroupStage, b)), strings.Compare(a, b))
	})
	return c, err
}

// Hit is something found by its name.
type Hit struct {
	Kind   string `db:"kind" json:"kind"` // "opportunity" or "account"
	ID     string `db:"id" json:"id"`
	Title  string `db:"title" json:"title"`
	Detail string `db:"detail" json:"detail"`
}

// Search finds opportunities and accounts by name, and an opportunity by its
// Salesforce id or its id in a portal. Needs read.
func (s *Service) Search(ctx context.Context, text string, limit int) ([]Hit, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 200 {
		return []Hit{}, nil
	}
	return search(ctx, s.db, text, min(max(limit, 1), 50))
}
