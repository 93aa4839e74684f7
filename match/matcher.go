package match

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
)

// Band is what is to be done with a decision.
type Band string

// The bands.
const (
	BandMatch   Band = "match"   // sure enough to link
	BandReview  Band = "review"  // a person should look
	BandRelated Band = "related" // another company of the same family
	BandNone    Band = "none"    // no record of the left list is this company
)

// Options say how a Matcher decides. The zero value is what is recommended.
type Options struct {
	// Threshold is the probability from which a pair is linked, 0.8 by default:
	// on lists of companies that gives a precision of 99 %.
	Threshold float64
	// Review is the probability from which a person should look, 0.05 by default.
	Review float64
	Limits Limits
	// Workers is how many records are matched at the same time; by default as many
	// as there are processors.
	Workers int
}

// The defaults of Options.
const (
	DefaultThreshold = 0.8
	DefaultReview    = 0.05
)

func (o Options) orDefault() Options {
	o.Threshold = cmp.Or(o.Threshold, DefaultThreshold)
	o.Review = min(cmp.Or(o.Review, DefaultReview), o.Threshold)
	o.Workers = max(cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), 1)
	o.Limits = o.Limits.orDefault()
	return o
}

// Decision is what is decided of one record of the right list.
type Decision struct {
	RightID string
	// LeftID is the record of the left list that it is, should be looked at as, or
	// is related to, by Band; "" with BandNone.
	LeftID string
	// Probability is how likely the best candidate is the record, 0 without one.
	Probability float64
	Band        Band
	// Relation says how the two are related, with BandRelated.
	Relation Relation
	// Prior is the evidence before looking, in bits; Evidence adds to it.
	Prior    float64
	Evidence []Evidence
	// Others are the next best candidates, most probable first, at most three.
	Others []Alternative
}

// Alternative is another candidate.
type Alternative struct {
	LeftID      string
	Probability float64
}

// Evidence is what one field tells of a pair.
type Evidence struct {
	Field string  // "name", "domain", "place", …
	Says  string  // what was seen: "the same words"
	Bits  float64 // log2 of how much likelier that is of one company than of two
}

// Matcher finds the records of a right list in the index of a left one. It is safe
// for concurrent use.
type Matcher struct {
	ix    *Index
	model *Model
	opts  Options
	pool  sync.Pool
}

// NewMatcher makes a matcher. Without a model it uses DefaultModel: better let one
// learn from a sample.
func NewMatcher(ix *Index, m *Model, o Options) *Matcher {
	if m == nil {
		m = DefaultModel()
	}
	mt := &Matcher{ix: ix, model: m, opts: o.orDefault()}
	mt.pool.New = func() any { return &session{searcher: ix.searcher(mt.opts.Limits)} }
	return mt
}

// Model gives the model that decides.
func (m *Matcher) Model() *Model { return m.model }

// Index gives the left list.
func (m *Matcher) Index() *Index { return m.ix }

// session is what one goroutine needs to match.
type session struct {
	*searcher
	rd      reader
	cmp     comparer
	left    entity
	rows    []uint32
	vectors []vector
	ps      []float64
}

// look finds the candidates of a record and compares them.
func (s *session) look(r *Record) *entity {
	e := s.rd.read(r)
	s.lookup(e)
	return e
}

func (s *session) lookup(e *entity) {
	s.ix.inform(e)
	s.rows, s.vectors = s.rows[:0], s.vectors[:0]
	for _, c := range s.find(e) {
		s.ix.load(c.row, &s.left)
		s.rows = append(s.rows, c.row)
		s.vectors = append(s.vectors, s.cmp.compare(&s.left, e))
	}
}

// Match decides of one record.
func (m *Matcher) Match(r *Record) Decision {
	s := m.pool.Get().(*session)
	defer m.pool.Put(s)
	return m.decide(s, r)
}

func (m *Matcher) decide(s *session, r *Record) Decision {
	return m.judge(s, r.ID, s.look(r))
}

// judge decides of what was looked up.
func (m *Matcher) judge(s *session, id string, e *entity) Decision {
	d := Decision{RightID: id, Band: BandNone, Prior: m.model.Prior}
	if len(s.rows) == 0 {
		return d
	}
	s.ps = m.model.posteriors(s.vectors, s.ps)
	best := s.best()
	d.Probability = s.ps[best]
	switch {
	case d.Probability >= m.opts.Threshold:
		d.Band = BandMatch
	case d.Probability >= m.opts.Review:
		d.Band = BandReview
	default:
		if at, rel := m.relative(s, e); rel != RelationNone {
			d.Band, d.Relation, best = BandRelated, rel, at
		}
	}
	if d.Band == BandNone {
		return d
	}
	d.LeftID = s.ix.ID(s.rows[best])
	d.Evidence = m.model.evidence(&s.vectors[best])
	d.Others = s.others(best, m.opts.Review)
	return d
}

// best gives the most probable candidate; of equal ones the first found.
func (s *session) best() int {
	best := 0
	for i := range s.ps {
		if s.ps[i] > s.ps[best] {
			best = i
		}
	}
	return best
}

func (s *session) others(best int, least float64) []Alternative {
	var out []Alternative
	for i, p := range s.ps {
		if i != best && p >= least/5 {
			out = append(out, Alternative{s.ix.ID(s.rows[i]), p})
		}
	}
	slices.SortStableFunc(out, func(a, b Alternative) int { return cmp.Compare(b.Probability, a.Probability) })
	return out[:min(len(out), 3)]
}

// ID gives the ID of a row.
func (ix *Index) ID(row uint32) string { return cString(ix.ids, ix.rows[row].id) }

// Learn fits a model to a sample of the right list (see Sampler), without labels.
func Learn(ix *Index, sampled []*Record, o Options) *Model {
	o = o.orDefault()
	samples := make([]sample, len(sampled))
	var wg sync.WaitGroup
	for w := range o.Workers {
		wg.Go(func() {
			s := &session{searcher: ix.searcher(o.Limits)}
			for i := w; i < len(sampled); i += o.Workers {
				s.look(sampled[i])
				samples[i].vectors = slices.Clone(s.vectors)
			}
		})
	}
	wg.Wait()
	return learn(samples, DefaultModel())
}

// Sampler keeps the records of a list that a model is learnt from: the same ones,
// and in the same order, whatever the order of the list. The zero value keeps
// DefaultSample.
type Sampler struct {
	Size int
	kept []sampled
	most uint64
}

// DefaultSample is how many records a model is learnt from.
const DefaultSample = 15_000

type sampled struct {
	hash uint64
	r    *Record
}

// Add offers a record, which must not change afterwards: it may be kept.
func (s *Sampler) Add(r *Record) {
	size := cmp.Or(s.Size, DefaultSample)
	h := contentHash(r)
	if len(s.kept) >= size && h >= s.most {
		return
	}
	s.kept = append(s.kept, sampled{h, r})
	if len(s.kept) >= size+size/4+1 {
		s.shrink(size)
	}
}

func (s *Sampler) shrink(size int) {
	slices.SortFunc(s.kept, func(a, b sampled) int {
		if c := cmp.Compare(a.hash, b.hash); c != 0 {
			return c
		}
		return cmp.Compare(a.r.ID, b.r.ID)
	})
	if len(s.kept) > size {
		s.kept = s.kept[:size]
		s.most = s.kept[size-1].hash
	}
}

// Records gives the sample.
func (s *Sampler) Records() []*Record {
	s.shrink(cmp.Or(s.Size, DefaultSample))
	out := make([]*Record, len(s.kept))
	for i, k := range s.kept {
		out[i] = k.r
	}
	return out
}

// batch is how many records go to a worker at once.
const batch = 256

// Stream decides of each record and yields the decisions in the order of the
// records. It holds only some batches in memory. The records must not change after
// they were given. An error of the list ends the stream and is yielded.
func (m *Matcher) Stream(ctx context.Context, records iter.Seq2[*Record, error]) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type job struct {
			in   []*Record
			err  error
			out  []Decision
			done chan struct{}
		}
		jobs, order := make(chan *job), make(chan *job, 2*m.opts.Workers)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for range m.opts.Workers {
			wg.Go(func() {
				s := m.pool.Get().(*session)
				defer m.pool.Put(s)
				for j := range jobs {
					for _, r := range j.in {
						j.out = append(j.out, m.decide(s, r))
					}
					close(j.done)
				}
			})
		}
		wg.Go(func() {
			defer close(order)
			defer close(jobs)
			j := &job{done: make(chan struct{})}
			send := func() bool {
				select {
				case <-ctx.Done():
					return false
				case order <- j:
				}
				select {
				case <-ctx.Done():
					return false
				case jobs <- j:
				}
				j = &job{done: make(chan struct{})}
				return true
			}
			for r, err := range records {
				if err != nil {
					j.err = err
					break
				}
				if j.in = append(j.in, r); len(j.in) == batch && !send() {
					return
				}
			}
			send()
		})
		for j := range order {
			select {
			case <-ctx.Done():
				yield(Decision{}, context.Cause(ctx))
				return
			case <-j.done:
			}
			for _, d := range j.out {
				if !yield(d, nil) {
					return
				}
			}
			if j.err != nil {
				yield(Decision{}, j.err)
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(Decision{}, err)
		}
	}
}
