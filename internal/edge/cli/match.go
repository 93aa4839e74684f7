package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/match"
	"github.com/tandem-cosell/tandem/match/list"
)

type matchCmd struct {
	Lists matchListsCmd `cmd:"" default:"withargs" help:"Find the companies of RIGHT in LEFT."`
	Eval  matchEvalCmd  `cmd:"" help:"Say how good a matching is, by pairs that are known."`
}

// Help gives an example.
func (matchCmd) Help() string {
	return `The lists are CSV files with a row of headings. Columns are guessed; name those
that are not: --right-column name=Firma. The fields are id, name, country, state,
city, postcode, website, phone, duns, lei, registration, aws_account, tenant, parent.

Example:
  tandem match crm.csv partner.csv -o matches.csv
  tandem match crm.csv partner.csv --explain b42
  tandem match eval crm.csv partner.csv --truth truth.csv`
}

// matchFlags are the lists and how they are matched.
type matchFlags struct {
	LeftColumn  map[string]string `help:"Column of a field in LEFT, as FIELD=HEADING; several with + between them."`
	RightColumn map[string]string `help:"Column of a field in RIGHT, as FIELD=HEADING."`
	Threshold   float64           `help:"Probability from which a pair is a match." default:"0.8"`
	OneToOne    bool              `help:"Give each company of LEFT to one of RIGHT at most."`
	SkipBadRows bool              `help:"Leave out rows that cannot be read instead of stopping."`
}

func (f *matchFlags) check() error {
	if !(f.Threshold > 0 && f.Threshold <= 1) {
		return problem.Invalid("threshold", "out_of_range", fmt.Sprintf("The threshold is a probability from 0 to 1: %v is none", f.Threshold))
	}
	return nil
}

type matchListsCmd struct {
	matchFlags
	Left    string `arg:"" help:"CSV file of the companies to find, such as those of the CRM."`
	Right   string `arg:"" help:"CSV file of the companies to look up, such as the partner's."`
	Output  string `short:"o" help:"File to write; standard output by default." placeholder:"FILE"`
	Explain string `help:"Explain the decision for this id of RIGHT and write nothing." placeholder:"ID"`
	JSON    bool   `name:"json" help:"Print what was found as JSON (with -o)."`
}

// Run matches two lists.
func (c *matchListsCmd) Run(r *run) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.JSON && c.Output == "" {
		return problem.Invalid("json", "needs_output", "With --json, say with -o where the pairs go")
	}
	// The index is large and lives long: a heap that grows by half keeps a million
	// companies within 600 MB.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	m, err := c.matcher(r, c.Left, c.Right)
	if err != nil {
		return err
	}
	if c.Explain != "" {
		return c.explain(r, m)
	}
	found := map[match.Band]int{}
	err = writeTo(r, c.Output, func(w io.Writer) error {
		out := csv.NewWriter(w)
		row := []string{"right_id", "left_id", "probability", "decision", "evidence"}
		if err := out.Write(row); err != nil {
			return err
		}
		for d, err := range c.decisions(r, m, c.Right) {
			if err != nil {
				return err
			}
			found[d.Band]++
			row = append(row[:0], d.RightID, d.LeftID, strconv.FormatFloat(d.Probability, 'f', 6, 64), string(d.Band), d.Short())
			if err := out.Write(row); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return r.print(map[string]any{"match": found[match.BandMatch], "review": found[match.BandReview], "related": found[match.BandRelated], "none": found[match.BandNone], "left": m.Index().Len()})
	}
	r.say("%d matches, %d to review, %d related, %d without a match, against %d companies.\n",
		found[match.BandMatch], found[match.BandReview], found[match.BandRelated], found[match.BandNone], m.Index().Len())
	return nil
}

func (c *matchListsCmd) explain(r *run, m *match.Matcher) error {
	for rec, err := range c.read(r, "", c.Right, c.RightColumn) {
		if err != nil {
			return err
		}
		if rec.ID == c.Explain {
			d := m.Match(rec)
			r.printf("%s", d.Explain())
			return nil
		}
	}
	return problem.Invalid("explain", "not_found", fmt.Sprintf("%s holds no company with the id %q", c.Right, c.Explain))
}

// matcher reads the left list into an index and learns from the right one.
func (f *matchFlags) matcher(r *run, left, right string) (*match.Matcher, error) {
	b := match.NewBuilder()
	for rec, err := range f.read(r, "Reading "+filepath.Base(left), left, f.LeftColumn) {
		if err != nil {
			return nil, err
		}
		b.Add(rec)
	}
	ix := b.Build()
	var sample match.Sampler
	for rec, err := range f.read(r, "Reading "+filepath.Base(right), right, f.RightColumn) {
		if err != nil {
			return nil, err
		}
		sample.Add(rec)
	}
	o := match.Options{Threshold: f.Threshold}
	return match.NewMatcher(ix, match.Learn(ix, sample.Records(), o), o), nil
}

// decisions gives what is decided of each company of the right list, in its order.
func (f *matchFlags) decisions(r *run, m *match.Matcher, right string) iter.Seq2[match.Decision, error] {
	all := m.Stream(r.ctx, f.read(r, "Matching", right, f.RightColumn))
	if !f.OneToOne {
		return all
	}
	return func(yield func(match.Decision, error) bool) {
		var ds []match.Decision
		for d, err := range all {
			if err != nil {
				yield(d, err)
				return
			}
			ds = append(ds, d)
		}
		match.OneToOne(ds, match.Options{Threshold: f.Threshold})
		for _, d := range ds {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// mostSaid is how many bad rows are named.
const mostSaid = 10

// read gives the companies of a file and shows how far it is, unless step is "".
// Bad rows end it with the first of them named, or are left out.
func (f *matchFlags) read(r *run, step, name string, columns map[string]string) iter.Seq2[*match.Record, error] {
	return func(yield func(*match.Record, error) bool) {
		file, err := os.Open(name)
		if err != nil {
			yield(nil, problem.Invalid("file", "unreadable", fmt.Sprintf("%s cannot be read: %v", name, err)))
			return
		}
		defer file.Close()
		p, in := newProgress(r), &counted{r: file}
		if info, err := file.Stat(); err == nil && step != "" {
			p.start(step, info.Size())
		}
		defer p.end()
		l, err := list.Open(in, columns)
		if err != nil {
			yield(nil, problem.Invalid("file", "unreadable", name+": "+err.Error()))
			return
		}
		var bad []string
		n, skipped := 0, 0
		for rec, err := range l.Records() {
			if n++; n%1000 == 0 {
				p.set(in.n)
				if r.ctx.Err() != nil {
					yield(nil, r.ctx.Err())
					return
				}
			}
			var row *list.RowError
			switch {
			case errors.As(err, &row):
				if skipped++; len(bad) < mostSaid {
					bad = append(bad, row.Error())
				}
			case err != nil:
				yield(nil, fmt.Errorf("%s: %w", name, err))
				return
			case len(bad) > 0 && !f.SkipBadRows: // only looks for more bad rows
			case !yield(rec, nil):
				return
			}
		}
		if skipped > 0 && !f.SkipBadRows {
			yield(nil, badRows(name, bad, skipped))
		}
	}
}

func badRows(name string, bad []string, all int) error {
	text := strings.Join(bad, "\n  ")
	if all > len(bad) {
		text += fmt.Sprintf("\n  and %d more", all-len(bad))
	}
	return problem.Invalid("file", "bad_rows", fmt.Sprintf("%s has rows that cannot be read; mend them, or leave them out with --skip-bad-rows:\n  %s", name, text))
}

// counted counts the bytes that are read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// writeTo writes a file that is there whole or not at all; "" is standard output.
func writeTo(r *run, name string, write func(io.Writer) error) (err error) {
	if name == "" {
		w := bufio.NewWriterSize(r.out, 64<<10)
		return errors.Join(write(w), w.Flush())
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".tandem-*")
	if err != nil {
		return problem.Invalid("output", "unwritable", fmt.Sprintf("%s cannot be written: %v", name, err))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what failed is told already
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if err = errors.Join(write(w), w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

type matchEvalCmd struct {
	matchFlags
	Left    string `arg:"" optional:"" help:"CSV file of the companies to find."`
	Right   string `arg:"" optional:"" help:"CSV file of the companies to look up."`
	Truth   string `required:"" help:"CSV file of the pairs that are known: right_id and left_id, empty for none." placeholder:"FILE"`
	Matches string `help:"Judge this file, which tandem match wrote, instead of matching." placeholder:"FILE"`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (matchEvalCmd) Help() string {
	return `Example:
  tandem match eval crm.csv partner.csv --truth truth.csv --json
  tandem match eval --matches matches.csv --truth truth.csv`
}

// Run judges a matching.
func (c *matchEvalCmd) Run(r *run) error {
	if err := c.check(); err != nil {
		return err
	}
	if (c.Right == "") == (c.Matches == "") {
		return problem.Invalid("matches", "required", "Give LEFT and RIGHT, or --matches with what tandem match wrote")
	}
	truth, err := readFile(c.Truth, list.Truth)
	if err != nil {
		return err
	}
	var pairs []match.Scored
	judged := match.Truth{} // of what the right list holds
	take := func(s match.Scored) {
		if known, ok := truth[s.RightID]; ok {
			judged[s.RightID] = known
		}
		if s.LeftID != "" {
			pairs = append(pairs, s)
		}
	}
	if c.Matches != "" {
		ms, err := readFile(c.Matches, list.Matches)
		if err != nil {
			return err
		}
		for _, s := range ms {
			take(s)
		}
	} else {
		m, err := c.matcher(r, c.Left, c.Right)
		if err != nil {
			return err
		}
		for d, err := range c.decisions(r, m, c.Right) {
			if err != nil {
				return err
			}
			s := match.Scored{RightID: d.RightID, Probability: d.Probability}
			if d.Band == match.BandMatch || d.Band == match.BandReview {
				s.LeftID = d.LeftID
			}
			take(s)
		}
	}
	if len(judged) == 0 {
		return problem.Invalid("truth", "no_overlap", fmt.Sprintf("%s knows none of the companies of the right list: are the ids the same?", c.Truth))
	}
	rep := match.Evaluate(pairs, judged, c.Threshold)
	if c.JSON {
		return r.print(rep)
	}
	c.print(r, rep, len(truth)-len(judged))
	return nil
}

func (c *matchEvalCmd) print(r *run, rep match.Report, unseen int) {
	r.printf("%d companies judged, %d of them have a match", rep.Judged, rep.Matches)
	if unseen > 0 {
		r.printf("; %d of the truth are not in the right list", unseen)
	}
	r.printf("\n\n%-28s %9s %9s %9s %9s\n", "", "from p", "precision", "recall", "F1")
	for _, q := range []struct {
		name string
		match.Quality
	}{{"at the threshold", rep.Default}, {"at the best threshold", rep.Best}, {"at 99 % precision", rep.At99}} {
		r.printf("%-28s %9.3f %9.4f %9.4f %9.4f\n", q.name, q.Threshold, q.Precision, q.Recall, q.F1)
	}
	r.printf("\n%-28s %9s %9s %9s\n", "calibration", "pairs", "promised", "true")
	for _, k := range rep.Calibration {
		r.printf("%-28s %9d %9.4f %9.4f\n", fmt.Sprintf("from p %.2f on", k.From), k.Pairs, k.Predicted, k.Actual)
	}
}

// readFile opens a file and reads it; what is wrong is told with its name.
func readFile[T any](name string, read func(io.Reader) (T, error)) (out T, err error) {
	f, err := os.Open(name)
	if err != nil {
		return out, problem.Invalid("file", "unreadable", fmt.Sprintf("%s cannot be read: %v", name, err))
	}
	defer f.Close()
	if out, err = read(f); err != nil {
		return out, problem.Invalid("file", "unreadable", name+": "+err.Error())
	}
	return out, nil
}
