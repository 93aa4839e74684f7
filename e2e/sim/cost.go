package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	awsbox "github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// CostReport says what keeping registrations true costs.
type CostReport struct {
	Steady         map[string]int // calls for one changed opportunity
	Conflict       map[string]int // the same, when somebody changed the record meanwhile
	Backlog        int            // updates that waited
	Drained        time.Duration  // until all were sent, on the simulated clock
	Share          float64        // of the allowed write rate
	Urgent         int            // edits that people made meanwhile
	LongestUrgent  time.Duration  // the longest that one of them waited
	Reconciled     int            // registrations in a full look
	ReconcileReads int
}

// ticker is a simulated clock for goroutines: when all of them sleep, time goes on
// to where the first wakes.
type ticker struct {
	mu      sync.Mutex
	now     time.Time
	running int
	asleep  []*sleeper
}

type sleeper struct {
	at   time.Time
	wake chan struct{}
}

// Now gives the simulated time.
func (t *ticker) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

func (t *ticker) sleep(ctx context.Context, d time.Duration) error {
	t.mu.Lock()
	s := &sleeper{at: t.now.Add(d), wake: make(chan struct{})}
	t.asleep = append(t.asleep, s)
	t.leave()
	t.mu.Unlock()
	<-s.wake
	return ctx.Err()
}

// leave says that one of the goroutines sleeps or has ended. Needs mu.
func (t *ticker) leave() {
	t.running--
	if t.running > 0 || len(t.asleep) == 0 {
		return
	}
	slices.SortStableFunc(t.asleep, func(a, b *sleeper) int { return a.at.Compare(b.at) })
	s := t.asleep[0]
	t.asleep = t.asleep[1:]
	if s.at.After(t.now) {
		t.now = s.at
	}
	t.running++
	close(s.wake)
}

func (t *ticker) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave()
}

// costs is a house with many registered deals and no faults.
type costs struct {
	ctx   context.Context
	box   *awsbox.Server
	boxes *kit.Clock
	time  *ticker
	db    *db.DB
	regs  *registration.Service
	opps  *opportunity.Service
	list  []opportunity.Opportunity
	mu    sync.Mutex
	calls map[string]int
}

type counting struct{ c *costs }

// RoundTrip counts a call and has the sandbox answer it.
func (n counting) RoundTrip(req *http.Request) (*http.Response, error) {
	op := req.Header.Get("X-Amz-Target")
	n.c.mu.Lock()
	n.c.calls[op[strings.LastIndexByte(op, '.')+1:]]++
	n.c.mu.Unlock()
	w := &world{ctx: n.c.ctx}
	return (&side{n: &network{w: w}, name: "box", to: n.c.box.Handler()}).pass(req, op), nil
}

// Cost registers deals in the sandbox, and measures what it takes to keep them
// true: image is an empty, migrated database.
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
	began := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	c := &costs{ctx: authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_cost", Name: "Ada", Level: authz.LevelDirector}), boxes: kit.NewFrozenClock(began), time: &ticker{now: began}, calls: map[string]int{}}
	if c.db, err = db.Open(ctx, db.Config{URL: "sqlite://" + path}); err != nil {
		return rep, err
	}
	defer func() { _ = c.db.Close() }()
	c.box, err = awsbox.New(awsbox.Options{
		Clock: c.boxes, MachineTime: c.boxes.Now, AccessKeyID: "AKIASIM", SecretAccessKey: "secret", Quotas: awsbox.Quotas{Off: true},
		Entities: []awsbox.Entity{{Catalog: "AWS", ID: "S-1", Type: "Solutions", Name: "Platform", Status: "Active"}},
	})
	if err != nil {
		return rep, err
	}
	defer func() { _ = c.box.Close() }()
	if err := c.connect(aws.Limits{ReadsPerSecond: 1e6, WritesPerSecond: 1e6, ReadsPerDay: 1e9, WritesPerDay: 1e9}); err != nil {
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
	c.calls = map[string]int{}
	full, err := c.regs.FollowChanges(c.ctx, "aws", true)
	if err != nil {
		return rep, err
	}
	rep.Reconciled = full.Listed
	for _, n := range c.calls {
		rep.ReconcileReads += n
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
		c.pass(10 * time.Second)
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

func (c *costs) pass(d time.Duration) {
	c.time.mu.Lock()
	c.time.now = c.time.now.Add(d)
	c.time.mu.Unlock()
	c.boxes.Advance(d)
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
	c.pass(time.Minute)
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
	c.calls = map[string]int{}
	err = c.regs.Advance(c.ctx, id)
	return c.calls, err
}

// workers are those of the program's queues.
const (
	bulkWorkers   = 8
	urgentWorkers = 4
)

// drain has a backlog sent under AWS's own limits, while people edit.
func (c *costs) drain(rep *CostReport, backlog, urgent int) error {
	var changed []opportunity.Opportunity
	c.pass(25 * time.Hour)
	for i := range backlog {
		o := c.list[i]
		o.NextSteps, o.CRMModstamp = fmt.Sprint("backlog ", i), c.time.Now()
		changed = append(changed, o)
	}
	for part := range slices.Chunk(changed, 500) {
		if err := c.take(slices.Clone(part)); err != nil {
			return err
		}
	}
	if err := c.connect(aws.DefaultLimits()); err != nil {
		return err
	}
	queue, err := registration.DueIDs(c.ctx, c.db, []cloudName{"aws"}, c.time.Now(), 1_000_000)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(7, 7))
	span := time.Duration(backlog) * time.Second
	var arrivals []time.Duration
	for range urgent {
		arrivals = append(arrivals, time.Duration(rng.Int64N(int64(span))))
	}
	slices.Sort(arrivals)
	began := c.time.Now()
	c.calls = map[string]int{}
	var mu sync.Mutex
	var failed error
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
		}
	}
	var wg sync.WaitGroup
	c.time.running = bulkWorkers + urgentWorkers
	var drained time.Time
	for range bulkWorkers {
		wg.Go(func() {
			defer c.time.ended()
			for {
				mu.Lock()
				if len(queue) == 0 {
					if now := c.time.Now(); now.After(drained) {
						drained = now
					}
					mu.Unlock()
					return
				}
				id := queue[0]
				queue = queue[1:]
				mu.Unlock()
				if err := c.advance(c.ctx, id); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	for n := range urgentWorkers {
		wg.Go(func() {
			defer c.time.ended()
			for i := n; i < len(arrivals); i += urgentWorkers {
				at := began.Add(arrivals[i])
				if d := at.Sub(c.time.Now()); d > 0 {
					if err := c.time.sleep(c.ctx, d); err != nil {
						fail(err)
						return
					}
				}
				id, err := c.id(len(c.list) - 1 - i)
				if err == nil {
					_, err = c.regs.Put(c.ctx, id, registration.Values{"LifeCycle.NextSteps": quoted(fmt.Sprint("a person's edit ", i))})
				}
				if err == nil {
					err = c.advance(registration.WithUrgent(c.ctx), id)
				}
				if err != nil {
					fail(err)
					return
				}
				mu.Lock()
				rep.LongestUrgent = max(rep.LongestUrgent, c.time.Now().Sub(at))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	rep.Backlog, rep.Urgent, rep.Drained = backlog, urgent, drained.Sub(began)
	rep.Share = float64(c.calls["UpdateOpportunity"]) / c.time.Now().Sub(began).Seconds()
	return nil
}

// advance is a job's work: one that was given back comes again when it may.
func (c *costs) advance(ctx context.Context, id string) error {
	for {
		if err := c.regs.Advance(ctx, id); err != nil {
			return err
		}
		r, err := registration.ByID(ctx, c.db, id)
		if err != nil {
			return err
		}
		switch wait := r.DueAt.Sub(c.time.Now()); {
		case r.Error != "":
			return problem.Unavailable("cost", r.Error, nil)
		case r.Outgoing == 0:
			return nil
		case wait > 0:
			if err := c.time.sleep(ctx, wait); err != nil {
				return err
			}
		}
	}
}
