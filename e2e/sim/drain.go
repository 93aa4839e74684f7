package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	awsbox "github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// ticker is a simulated clock for goroutines: when all of them sleep, time goes on
// to where the first wakes.
type ticker struct {
	box *kit.Clock // the sandbox's, which goes with it

	mu      sync.Mutex
	now     time.Time
	running int
	asleep  []*sleeper
}

func newTicker(at time.Time) *ticker { return &ticker{box: kit.NewFrozenClock(at), now: at} }

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
		t.move(s.at)
	}
	t.running++
	close(s.wake)
}

func (t *ticker) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave()
}

// pass has time go on while nobody sleeps.
func (t *ticker) pass(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move(t.now.Add(d))
}

// move needs mu.
func (t *ticker) move(to time.Time) {
	t.now = to
	t.box.Set(to)
}

// workers are those of the program's queues.
const (
	bulkWorkers   = 8
	urgentWorkers = 4
)

// drain has a backlog sent under AWS's own limits, which the sandbox holds us to,
// while people edit.
func (c *costs) drain(rep *CostReport, backlog, urgent int) error {
	if backlog+urgent > len(c.list) {
		return fmt.Errorf("%d deals are too few for %d updates and %d edits", len(c.list), backlog, urgent)
	}
	c.time.pass(25 * time.Hour) // what was called before no longer counts
	if err := c.pile(backlog); err != nil {
		return err
	}
	if err := c.connect(aws.DefaultLimits()); err != nil {
		return err
	}
	w := &world{ctx: c.ctx, aws: c.box}
	if !w.control(http.MethodPost, "quotas", awsbox.Quotas{}, nil) {
		return errors.New("the sandbox takes no quotas")
	}
	queue, err := registration.DueIDs(c.ctx, c.db, []cloudName{"aws"}, c.time.Now(), 1_000_000)
	if err != nil {
		return err
	}
	if len(queue) != backlog {
		return fmt.Errorf("%d updates wait, not %d", len(queue), backlog)
	}
	began := c.time.Now()
	rep.Backlog, rep.Urgent = backlog, urgent
	rep.Drain, err = c.counted(func() error {
		var group team
		c.time.running = bulkWorkers + urgentWorkers
		for range bulkWorkers {
			group.goes(c.time, func() error { return c.work(&group, &queue) })
		}
		arrivals := arrivalsWithin(time.Duration(backlog)*time.Second, urgent)
		for n := range urgentWorkers {
			group.goes(c.time, func() error {
				for i := n; i < len(arrivals); i += urgentWorkers {
					waited, err := c.edit(len(c.list)-1-i, began.Add(arrivals[i]))
					if err != nil {
						return err
					}
					group.note(func() { rep.Waits = append(rep.Waits, waited) })
				}
				return nil
			})
		}
		group.Wait()
		return group.failed
	})
	slices.Sort(rep.Waits)
	rep.Span, rep.Refused = c.time.Now().Sub(began), c.refused
	rep.Share = float64(rep.Drain["UpdateOpportunity"]) / (rep.Span.Seconds() * aws.DefaultLimits().WritesPerSecond)
	return err
}

// pile has as many deals changed in Salesforce, and nothing sent yet.
func (c *costs) pile(backlog int) error {
	var changed []opportunity.Opportunity
	for i := range backlog {
		o := c.list[i]
		o.NextSteps, o.CRMModstamp = fmt.Sprint("backlog ", i), c.time.Now()
		changed = append(changed, o)
	}
	for part := range slices.Chunk(changed, 500) {
		if err := c.take(part); err != nil {
			return err
		}
	}
	return nil
}

// arrivalsWithin gives when people edit: evenly at random over the span.
func arrivalsWithin(span time.Duration, n int) []time.Duration {
	rng := rand.New(rand.NewPCG(7, 7))
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = time.Duration(rng.Int64N(int64(span)))
	}
	slices.Sort(out)
	return out
}

// team is goroutines that sleep by a ticker, and the first error of theirs.
type team struct {
	sync.WaitGroup
	mu     sync.Mutex
	failed error
}

func (g *team) note(fn func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fn()
}

func (g *team) goes(t *ticker, do func() error) {
	g.Go(func() {
		defer t.ended()
		if err := do(); err != nil {
			g.note(func() { g.failed = errors.Join(g.failed, err) })
		}
	})
}

// work advances what is next in the queue until it is empty.
func (c *costs) work(g *team, queue *[]string) error {
	for {
		id := ""
		g.note(func() {
			if len(*queue) > 0 && g.failed == nil {
				id, *queue = (*queue)[0], (*queue)[1:]
			}
		})
		if id == "" {
			return nil
		}
		if err := c.advance(c.ctx, id); err != nil {
			return err
		}
	}
}

// edit has a person edit a deal in the portal at an instant, and gives how long it
// took from then until AWS had it.
func (c *costs) edit(i int, at time.Time) (time.Duration, error) {
	if d := at.Sub(c.time.Now()); d > 0 {
		if err := c.time.sleep(c.ctx, d); err != nil {
			return 0, err
		}
	}
	id, err := c.id(i)
	if err != nil {
		return 0, err
	}
	if _, err := c.regs.Put(c.ctx, id, registration.Values{"LifeCycle.NextSteps": quoted(fmt.Sprint("a person's edit ", i))}); err != nil {
		return 0, err
	}
	err = c.advance(registration.WithUrgent(c.ctx), id)
	return c.time.Now().Sub(at), err
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
