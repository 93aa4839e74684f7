package sim

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	awsbox "github.com/tandem-cosell/tandem/sandbox/aws"
)

// CostReport says what keeping registrations true costs. Calls are counted by
// operation.
type CostReport struct {
	Steady    map[string]int // for one changed opportunity
	Conflict  map[string]int // the same, when somebody changed the record meanwhile
	Look      map[string]int // to read one record with all that the partner says of it
	Reconcile map[string]int // for a full look at all registrations
	Listed    int            // registrations in that look

	Backlog int             // updates that waited
	Urgent  int             // edits that people made meanwhile
	Drain   map[string]int  // for both
	Span    time.Duration   // until all were sent, on the simulated clock
	Share   float64         // of the write rate that AWS allows, over that span
	Waits   []time.Duration // of each edit until AWS had it, the shortest first
	Refused int             // calls that AWS refused because its quotas were exceeded
}

// Calls gives how many calls were made.
func Calls(byOperation map[string]int) (n int) {
	for _, calls := range byOperation {
		n += calls
	}
	return n
}

// costs is a house with many registered deals and no faults.
type costs struct {
	ctx  context.Context
	box  *awsbox.Server
	time *ticker
	db   *db.DB
	regs *registration.Service
	opps *opportunity.Service
	list []opportunity.Opportunity

	mu      sync.Mutex
	calls   map[string]int
	refused int
}

type counting struct{ c *costs }

// RoundTrip counts a call and has the sandbox answer it.
func (n counting) RoundTrip(req *http.Request) (*http.Response, error) {
	op := req.Header.Get("X-Amz-Target")
	op = op[strings.LastIndexByte(op, '.')+1:]
	w := &world{ctx: n.c.ctx}
	resp := (&side{n: &network{w: w}, name: "box", to: n.c.box.Handler()}).pass(req, op)
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	n.c.calls[op]++
	if strings.Contains(resp.Header.Get("X-Amzn-ErrorType"), "Throttling") {
		n.c.refused++
	}
	return resp, nil
}

// counted gives the calls that do makes.
func (c *costs) counted(do func() error) (map[string]int, error) {
	c.mu.Lock()
	c.calls = map[string]int{}
	c.mu.Unlock()
	err := do()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls, err
}

// unlimited is for what is not measured: it takes no simulated time.
var unlimited = aws.Limits{ReadsPerSecond: 1e6, WritesPerSecond: 1e6, ReadsPerDay: 1e9, WritesPerDay: 1e9}

// Cost registers deals in the sandbox, and measures what it takes to keep them
// true: image is an empty, migrated database. The backlog is of the first of the
// deals, the people's edits are of the last: there must be enough for both.
func Cost(ctx context.Context, image []byte, deals, backlog, urgent int) (rep CostReport, err error) {
	dir, err := os.MkdirTemp("", "tandem-cost-")
	if err != nil {
		return rep, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	path := filepath.Join(dir, "cost.db")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		return rep, err
	}
	clock := newTicker(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	c := &costs{ctx: authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_cost", Name: "Ada", Level: authz.LevelDirector}), time: clock, calls: map[string]int{}}
	if c.db, err = db.Open(ctx, db.Config{URL: "sqlite://" + path}); err != nil {
		return rep, err
	}
	defer func() { _ = c.db.Close() }()
	c.box, err = awsbox.New(awsbox.Options{
		Clock: clock.box, MachineTime: clock.Now, AccessKeyID: "AKIASIM", SecretAccessKey: "secret", Quotas: awsbox.Quotas{Off: true},
		Entities: []awsbox.Entity{{Catalog: "AWS", ID: "S-1", Type: "Solutions", Name: "Platform", Status: "Active"}},
	})
	if err != nil {
		return rep, err
	}
	defer func() { _ = c.box.Close() }()
	if err := c.connect(unlimited); err != nil {
		return rep, err
	}
	if err := c.register(deals); err != nil {
		return rep, err
	}
	if rep.Steady, err = c.change(0, false); err != nil {
		return rep, err
	}
	if rep.Conflict, err = c.change(1, true); err != nil {
		return rep, err
	}
	if rep.Look, err = c.look(2); err != nil {
		return rep, err
	}
	rep.Reconcile, err = c.counted(func() error {
		full, err := c.regs.FollowChanges(c.ctx, "aws", true)
		rep.Listed = full.Listed
		return err
	})
	if err != nil {
		return rep, err
	}
	return rep, c.drain(&rep, backlog, urgent)
}

func (c *costs) connect(limits aws.Limits) error {
	client, err := aws.New(aws.Config{
		Endpoint: "http://aws.sim", AccessKeyID: "AKIASIM", SecretAccessKey: "secret", Transport: counting{c}, Clock: c.time, Pace: c.time, Sleep: c.time.sleep, Limits: limits,
	})
	if err != nil {
		return err
	}
	portal := aws.NewPortal(client, aws.Profile{TargetCompany: "Us"}, salesforce.FieldName)
	c.regs = registration.NewService(c.db, c.time, []registration.Portal{portal}, registration.DefaultPace)
	c.opps = opportunity.NewService(c.db, c.time)
	return nil
}

// take has deals read from the CRM and whatever follows.
func (c *costs) take(list []opportunity.Opportunity) error {
	return c.db.InTx(c.ctx, c.time, func(tx *db.Tx) error {
		changed, err := opportunity.Import(c.ctx, tx, list)
		if err != nil {
			return err
		}
		m, err := c.opps.Matcher(c.ctx, tx)
		if err != nil {
			return err
		}
		if _, err := opportunity.Decide(c.ctx, tx, m, changed); err != nil {
			return err
		}
		return c.regs.Reconsider(c.ctx, tx, m, changed)
	})
}

func (c *costs) register(deals int) error {
	minor := int64(120_000_00)
	at := c.time.Now()
	err := c.db.InTx(c.ctx, c.time, func(tx *db.Tx) error {
		_, err := account.Import(c.ctx, tx, []account.Account{{
			CRMID: "001000000000001AAA", Name: "Customer", Website: "https://customer.example", Industry: "Retail", Street: "1 Main Street", City: "Springfield",
			State: "Illinois", PostalCode: "62701", Country: "US", CRMModstamp: at,
		}})
		return err
	})
	if err != nil {
		return err
	}
	if _, err := c.regs.RefreshSolutions(c.ctx, "aws"); err != nil {
		return err
	}
	if err := c.regs.SetDefaults(c.ctx, registration.DefaultSolutions{"aws": {"S-1"}}, 0); err != nil {
		return err
	}
	for i := range deals {
		c.list = append(c.list, opportunity.Opportunity{
			CRMID: fmt.Sprintf("006%012dAAA", i), AccountCRMID: "001000000000001AAA", Name: fmt.Sprint("Deal ", i), Stage: "3-Technical Evaluation", CloseOn: "2027-06-30", Currency: "USD",
			AmountMinor: &minor, Description: fmt.Sprint("They need to build faster than before, number ", i), NextSteps: "first", FulfillmentPartner: "AWS",
			OrderType: "1. New - First Order", CRMModstamp: at,
		})
	}
	for part := range slices.Chunk(c.list, 500) {
		if err := c.take(slices.Clone(part)); err != nil {
			return err
		}
	}
	if err := c.settle(); err != nil {
		return err
	}
	return c.settle()
}

// settle has everything advance, and whatever waits for the partner approved.
func (c *costs) settle() error {
	for range 3 {
		ids, err := registration.DueIDs(c.ctx, c.db, []cloudName{"aws"}, c.time.Now(), 1_000_000)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.regs.Advance(c.ctx, id); err != nil {
				return err
			}
		}
		c.time.pass(10 * time.Second)
	}
	w := &world{ctx: c.ctx, aws: c.box}
	for _, r := range w.remotes() {
		if r.Review.Status == "Submitted" || r.Review.Status == "In review" {
			w.control(http.MethodPost, "review", map[string]any{"opportunity": r.ID, "decision": "Approved"}, nil)
		}
	}
	_, err := c.regs.FollowChanges(c.ctx, "aws", false)
	return err
}

func (c *costs) id(i int) (string, error) {
	o, err := opportunity.ByCRMIDs(c.ctx, c.db, []string{c.list[i].CRMID})
	if err != nil || len(o) != 1 {
		return "", fmt.Errorf("deal %d: %d, %w", i, len(o), err)
	}
	m, err := registration.ByOpportunities(c.ctx, c.db, []string{o[0].ID})
	if err != nil || len(m[o[0].ID]) != 1 {
		return "", fmt.Errorf("deal %d has %d registrations: %w", i, len(m[o[0].ID]), err)
	}
	return m[o[0].ID][0].ID, nil
}

// change changes one deal in the CRM, and counts the calls that follow.
func (c *costs) change(i int, conflict bool) (map[string]int, error) {
	id, err := c.id(i)
	if err != nil {
		return nil, err
	}
	c.time.pass(time.Minute)
	if conflict {
		r, err := registration.ByID(c.ctx, c.db, id)
		if err != nil {
			return nil, err
		}
		w := &world{ctx: c.ctx, aws: c.box}
		w.control(http.MethodPost, "edit", map[string]any{"opportunity": r.RemoteID, "set": map[string]any{"Project.AdditionalComments": "theirs"}}, nil)
	}
	o := c.list[i]
	o.NextSteps, o.CRMModstamp = "second", c.time.Now()
	if err := c.take([]opportunity.Opportunity{o}); err != nil {
		return nil, err
	}
	return c.counted(func() error { return c.regs.Advance(c.ctx, id) })
}

// look has the record of one deal read, and counts the calls.
func (c *costs) look(i int) (map[string]int, error) {
	id, err := c.id(i)
	if err != nil {
		return nil, err
	}
	if _, err := c.regs.Refresh(c.ctx, id); err != nil {
		return nil, err
	}
	return c.counted(func() error { return c.regs.Advance(c.ctx, id) })
}
