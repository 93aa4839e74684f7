package workspace

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	opps  []opportunity.Opportunity
	joint map[string][]cloud.Cloud
	regs  map[string]map[cloud.Cloud]registration.State
	names map[string]string // account CRM id → name
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	f := &fixture{db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), joint: map[string][]cloud.Cloud{}, regs: map[string]map[cloud.Cloud]registration.State{}, names: map[string]string{}}
	f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelABDM})
	f.Service = NewService(d, f.clock)
	return f
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func (f *fixture) tx(t *testing.T, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := f.db.InTx(f.ctx, f.clock, fn); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) add(t *testing.T, list ...opportunity.Opportunity) {
	t.Helper()
	f.tx(t, func(tx *db.Tx) error {
		for i := range list {
			if list[i].CRMModstamp.IsZero() {
				list[i].CRMModstamp = tx.Now()
			}
		}
		changed, err := opportunity.Import(f.ctx, tx, list)
		f.opps = append(f.opps, changed...)
		return err
	})
}

func (f *fixture) id(crmID string) string {
	i := slices.IndexFunc(f.opps, func(o opportunity.Opportunity) bool { return o.CRMID == crmID })
	return f.opps[i].ID
}

// stand says that a deal is joint with a cloud and, with a state, registered.
// more is what else the registration's row holds, as "column = 'value'".
func (f *fixture) stand(t *testing.T, crmID string, c cloud.Cloud, s registration.State, more string) {
	t.Helper()
	o := f.id(crmID)
	f.tx(t, func(tx *db.Tx) error {
		if _, err := tx.Exec(f.ctx, `INSERT INTO opportunity_cloud (opportunity_id, cloud, joint, source, why, decided_at) VALUES (?, ?, ?, 'rule', 'x', ?)`, o, c, true, tx.Now()); err != nil || s == "" {
			return err
		}
		if _, err := tx.Exec(f.ctx, `INSERT INTO registration (id, opportunity_id, cloud, state, remote_id, state_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			"reg_"+crmID+string(c), o, c, s, "O"+crmID, tx.Now(), tx.Now(), tx.Now()); err != nil || more == "" {
			return err
		}
		_, err := tx.Exec(f.ctx, `UPDATE registration SET `+more+` WHERE id = ?`, "reg_"+crmID+string(c))
		return err
	})
	f.joint[o] = append(f.joint[o], c)
	if s != "" {
		if f.regs[o] == nil {
			f.regs[o] = map[cloud.Cloud]registration.State{}
		}
		f.regs[o][c] = s
	}
}

// crowd makes n deals that often are alike in what one sorts and filters by.
func (f *fixture) crowd(t *testing.T, n int) {
	t.Helper()
	f.tx(t, func(tx *db.Tx) error {
		var list []account.Account
		for i, name := range []string{"Acme 100%", "a_b Ltd", "Éclair", ""} {
			crm := fmt.Sprintf("001%d", i)
			f.names[crm] = name
			list = append(list, account.Account{CRMID: crm, Name: name, CRMModstamp: tx.Now()})
		}
		_, err := account.Import(f.ctx, tx, list)
		return err
	})
	pick := func(i int, list ...string) string { return list[i%len(list)] }
	minor := func(v int64) *int64 { return &v }
	var list []opportunity.Opportunity
	for i := range n {
		o := opportunity.Opportunity{
			CRMID: fmt.Sprintf("006%03d", i), Name: pick(i/2, "Same", "same", "100% Déal", "x_y", `back\slash`, "axb", ""),
			AccountCRMID: pick(i, "0010", "0011", "0012", "0013", "001X"), AccountName: pick(i/3, "Acme", "Beta", ""), Stage: pick(i/4, "3-Technical Evaluation", "Closed Won", "10-Duplicate", "", "8-Closed\nLost"),
			Closed: i%5 == 0, Won: i%10 == 0, CloseOn: date.Date(pick(i/2, "2026-12-31", "2026-12-31", "2026-11-01", "")), Currency: pick(i/3, "USD", "EUR", "USD", ""),
			OrderType: pick(i, "New", "Growth"), Segment: pick(i, "Large", "PubSec", "Mid"), Geo: pick(i, "AMER", "EMEA"), Region: pick(i, "West", "East"),
			OwnerCRMID: pick(i, "005A", "005B"), OwnerName: pick(i, "Ada", "Bob"), Deleted: i%17 == 3, CRMModstamp: f.clock.Now().Add(time.Duration(i/4) * time.Microsecond),
		}
		if i%3 != 0 {
			o.AmountMinor = minor(int64(i%4-1) * 100)
		}
		list = append(list, o)
	}
	f.add(t, list...)
	states := registration.States()
	for i := range n {
		for j, c := range cloud.All() {
			if i%(j+2) != 0 {
				continue
			}
			s := registration.State("")
			if i%3 != 1 {
				s = states[(i+j)%len(states)]
			}
			f.stand(t, fmt.Sprintf("006%03d", i), c, s, "")
		}
	}
}

func sortKey(s Sort, o *opportunity.Opportunity) []string {
	num := func(p *int64) string {
		v := int64(0)
		if p != nil {
			v = *p
		}
		return fmt.Sprintf("%020d", v+1_000_000)
	}
	switch s {
	case SortName:
		return []string{o.NameKey, o.ID}
	case SortAccount:
		return []string{o.AccountName, o.ID}
	case SortStage:
		return []string{o.Stage, string(o.CloseOn), o.ID}
	case SortOwner:
		return []string{o.OwnerName, o.ID}
	case SortAmount:
		return []string{o.Currency, num(o.AmountMinor), o.ID}
	case SortUpdated:
		return []string{o.CRMModstamp.Format(db.TimeLayout), o.ID}
	}
	return []string{string(o.CloseOn), o.ID}
}

// naive is the list as one would make it by hand.
func (f *fixture) naive(q Query) []string {
	has := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	var found []opportunity.Opportunity
	for _, o := range f.opps {
		registered, jointly := len(q.States) == 0, len(q.Clouds) == 0
		for c, s := range f.regs[o.ID] {
			registered = registered || slices.Contains(q.States, s) && (len(q.Clouds) == 0 || slices.Contains(q.Clouds, c))
		}
		for _, c := range f.joint[o.ID] {
			jointly = jointly || slices.Contains(q.Clouds, c)
			_, there := f.regs[o.ID][c]
			registered = registered || !there && slices.Contains(q.States, StateNone) && (len(q.Clouds) == 0 || slices.Contains(q.Clouds, c))
		}
		if len(q.States) > 0 {
			jointly = true // the state says of which clouds
		}
		key := textkey.Of(q.Text)
		named := strings.Contains(o.NameKey, key) || strings.Contains(textkey.Of(f.names[o.AccountCRMID]), key)
		open := q.Open == "" || q.Open == "open" && !o.Closed || q.Open == "closed" && o.Closed || q.Open == "won" && o.Won
		if !o.Deleted && registered && jointly && named && open && has(q.Stages, o.Stage) && has(q.Geos, o.Geo) && has(q.Regions, o.Region) && has(q.Segments, o.Segment) &&
			has(q.Orders, o.OrderType) && has(q.Owners, o.OwnerCRMID) && has(q.Accounts, o.AccountCRMID) && (q.CloseFrom == "" || o.CloseOn >= q.CloseFrom) && (q.CloseTo == "" || o.CloseOn <= q.CloseTo) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b opportunity.Opportunity) int {
		n := slices.Compare(sortKey(q.Sort, &a), sortKey(q.Sort, &b))
		if q.Desc {
			n = -n
		}
		return n
	})
	out := make([]string, len(found))
	for i := range found {
		out[i] = found[i].ID
	}
	return out
}

// walk pages through the whole list.
func (f *fixture) walk(q Query) ([]Row, error) {
	var out []Row
	for range 500 {
		p, err := f.List(f.ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Rows...)
		if p.Next == "" {
			return out, nil
		}
		q.After = p.Next
	}
	return nil, fmt.Errorf("the pages have no end")
}

func TestASetLargerThanOneINIsFoundWhole(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 3)
		ids := make([]string, 2*db.MaxIn+1)
		for i := range ids {
			ids[i] = fmt.Sprint("opp_none", i)
		}
		ids[0], ids[db.MaxIn], ids[2*db.MaxIn] = f.opps[0].ID, f.opps[1].ID, f.opps[2].ID
		for _, x := range []struct {
			ids  []string
			want int64
		}{{ids, 3}, {ids[1:], 2}, {nil, 0}} {
			w := &where{}
			w.oneOf(`o.id IN (?)`, x.ids)
			if n, err := db.Get[int64](f.ctx, f.db, `SELECT count(*) FROM opportunity o`+w.sql(), w.args...); n != x.want || err != nil {
				t.Errorf("of %d: %d, %v, want %d", len(x.ids), n, err, x.want)
			}
		}
	})
}

func idsOf(rows []Row) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = rows[i].ID
	}
	return out
}

func some[T any](r *rapid.T, name string, of ...T) []T {
	if rapid.IntRange(0, 3).Draw(r, name+"?") != 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(of), 1, 2).Draw(r, name)
}

func TestEveryFilterSortAndPageIsTheListMadeByHand(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 90)
		rapid.Check(t, func(r *rapid.T) {
			q := Query{
				Text:   rapid.SampledFrom([]string{"", "", "", "%", "_", `\`, "same", "DEAL", "acme", "100%", "nothing"}).Draw(r, "text"),
				Clouds: some(r, "cloud", cloud.All()...), States: some(r, "state", append(registration.States(), StateNone)...),
				Stages: some(r, "stage", "Closed Won", "3-Technical Evaluation", "?", "8-Closed\nLost"), Geos: some(r, "geo", "AMER", "EMEA"), Regions: some(r, "region", "West", "East"),
				Segments: some(r, "segment", "Large", "Mid"), Orders: some(r, "order", "New", "Growth"), Owners: some(r, "owner", "005A", "005B", "005C"),
				Accounts: some(r, "account", f.opps[0].AccountCRMID, f.opps[1].AccountCRMID, f.opps[2].AccountCRMID),
				Open:     rapid.SampledFrom([]string{"", "", "open", "closed", "won"}).Draw(r, "open"),
				Sort:     rapid.SampledFrom(append(Sorts(), "")).Draw(r, "sort"), Desc: rapid.Bool().Draw(r, "desc"), Limit: rapid.SampledFrom([]int{1, 2, 3, 7, 0}).Draw(r, "limit"),
			}
			if rapid.IntRange(0, 3).Draw(r, "from?") == 0 {
				q.CloseFrom = "2026-11-02"
			}
			if rapid.IntRange(0, 3).Draw(r, "to?") == 0 {
				q.CloseTo = "2026-12-30"
			}
			f.gather = rapid.SampledFrom([]int64{0, CountedTo}).Draw(r, "gathered") // 0 walks
			want := f.naive(q)
			rows, err := f.walk(q)
			if err != nil {
				r.Fatal(err)
			}
			if got := idsOf(rows); !slices.Equal(got, want) {
				r.Fatalf("%+v\n got %d %v\nwant %d %v", q, len(got), got, len(want), want)
			}
			for i := range rows {
				clouds := map[cloud.Cloud]registration.State{}
				for _, c := range rows[i].Clouds {
					clouds[c.Cloud] = c.State
				}
				for _, c := range f.joint[rows[i].ID] {
					if s, ok := clouds[c]; !ok || s != f.regs[rows[i].ID][c] {
						r.Fatalf("%s shows %v", rows[i].CRMID, clouds)
					}
				}
			}
			if n, err := f.Count(f.ctx, q, 1000); err != nil || int(n) != len(want) {
				r.Fatalf("counted %d, want %d, %v", n, len(want), err)
			}
			if p, err := f.List(f.ctx, q); err != nil || int(p.Found) != len(want) {
				r.Fatalf("found %d, want %d, %v", p.Found, len(want), err)
			}
			if n, err := f.Count(f.ctx, q, 2); err != nil || int(n) != min(3, len(want)) {
				r.Fatalf("counted %d up to 2, %v", n, err)
			}
			f.sameBoard(r, q)
		})
	})
}

// sameBoard says that the lanes hold what the list holds.
func (f *fixture) sameBoard(r *rapid.T, q Query) {
	for _, by := range []Group{GroupStage, GroupState} {
		lanes, err := f.Board(f.ctx, q, by)
		if err != nil {
			r.Fatal(err)
		}
		if by == GroupState {
			q.Clouds = []cloud.Cloud{append(slices.Clone(q.Clouds), cloud.AWS)[0]}
		}
		count, sums := map[string]int64{}, map[string]map[string]int64{}
		for _, id := range f.naive(q) {
			o := f.opps[slices.IndexFunc(f.opps, func(o opportunity.Opportunity) bool { return o.ID == id })]
			key := o.Stage
			if by == GroupState {
				key = string(f.regs[id][q.Clouds[0]])
			}
			count[key]++
			if sums[key] == nil {
				sums[key] = map[string]int64{}
			}
			if o.AmountMinor != nil && o.Currency != "" {
				sums[key][o.Currency] += *o.AmountMinor
			}
		}
		order := 0
		for _, l := range lanes {
			got := map[string]int64{}
			for _, a := range l.Sums {
				got[a.Currency] = a.Minor
			}
			maps.DeleteFunc(sums[l.Key], func(_ string, v int64) bool { return v == 0 })
			if l.Count != count[l.Key] || len(l.Rows) != min(int(l.Count), LaneRows) || !maps.Equal(got, sums[l.Key]) || l.Label == "" {
				r.Fatalf("%s %q: %d and %v, want %d and %v", by, l.Key, l.Count, got, count[l.Key], sums[l.Key])
			}
			if at := laneOrder(by, l.Key); at < order && order != 0 {
				r.Fatalf("the lane %q stands too late", l.Key)
			} else {
				order = at
			}
			delete(count, l.Key)
		}
		if len(count) > 0 {
			r.Fatalf("%s: lanes are missing: %v", by, count)
		}
	}
}

func TestACursorThatNoListGaveIsRefused(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 20)
		first, err := f.List(f.ctx, Query{Sort: SortAmount, Limit: 2})
		if err != nil || first.Next == "" {
			t.Fatal(err)
		}
		raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		for name, c := range map[string]Query{
			"no base64":      {Sort: SortAmount, After: "%%%"},
			"another sort":   {Sort: SortName, After: first.Next},
			"cut":            {Sort: SortAmount, After: first.Next[:8]},
			"no number":      {Sort: SortAmount, After: raw("amount\nopp_1\nUSD\nmany")},
			"no day":         {Sort: SortClose, After: raw("close_on\nopp_1\ntomorrow")},
			"no instant":     {Sort: SortUpdated, After: raw("updated\nopp_1\nnow")},
			"no id":          {Sort: SortName, After: raw("name\n\nx")},
			"NUL":            {Sort: SortName, After: raw("name\nopp_1\nx\x00")},
			"no text":        {Sort: SortName, After: raw("name\nopp_1\n\xff")},
			"a made-up sort": {Sort: "moon", After: raw("name\nopp_1\nx")},
		} {
			if _, err := f.List(f.ctx, c); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// One that is made up but well-formed is only a place in the list.
		if p, err := f.List(f.ctx, Query{Sort: SortName, After: raw("name\n' OR 1=1 --\n' OR 1=1 --")}); err != nil || len(p.Rows) == 0 {
			t.Errorf("%d rows, %v", len(p.Rows), err)
		}
		for limit, want := range map[int]int{-1: 19, 0: 19, 1000: 19, 1: 1} {
			if p, err := f.List(f.ctx, Query{Limit: limit}); err != nil || len(p.Rows) != want {
				t.Errorf("limit %d: %d rows, %v", limit, len(p.Rows), err)
			}
		}
	})
}

func TestSearchFindsNamesIdsAndTheSignsOfLike(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 20)
		find := func(text string) []Hit {
			t.Helper()
			hits, err := f.Search(f.ctx, text, 50)
			if err != nil {
				t.Fatal(err)
			}
			return hits
		}
		for _, text := range []string{"006006", "O006006", f.id("006006")} {
			if h := find(text); len(h) != 1 || h[0].ID != f.id("006006") || h[0].Kind != "opportunity" {
				t.Errorf("%q: %+v", text, h)
			}
		}
		for text, in := range map[string]string{"%": "%", "_": "_", `\`: `\`, "ÉCLAIR": "eclair", "  acme ": "acme"} {
			h := find(text)
			if len(h) == 0 {
				t.Errorf("%q finds nothing", text)
			}
			for _, x := range h {
				if !strings.Contains(textkey.Of(x.Title), in) {
					t.Errorf("%q finds %q", text, x.Title)
				}
			}
		}
		for _, text := range []string{"", "  ", "\u0301", strings.Repeat("x", 201), "nothing at all", "006003" /* deleted */} {
			if h := find(text); len(h) != 0 {
				t.Errorf("%q finds %+v", text, h)
			}
		}
		if h, err := f.Search(f.ctx, "e", -1); err != nil || len(h) != 1 {
			t.Error(h, err)
		}
	})
}

func TestAQueryStringIsReadAndWrittenTheSame(t *testing.T) {
	t.Parallel()
	v, err := url.ParseQuery("q=a&cloud=aws&cloud=gcp&state=approved&state=none&account=acc_1&stage=3&stage=3&geo=&open=won&close_from=2026-01-01&close_to=2026-02-01&sort=-amount&limit=20&other=1")
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(v)
	if err != nil || len(q.Stages) != 1 || q.Limit != 20 || !q.Desc || q.Sort != SortAmount || len(q.Geos) != 0 {
		t.Fatalf("%+v, %v", q, err)
	}
	if got := q.Values().Encode(); got != "account=acc_1&close_from=2026-01-01&close_to=2026-02-01&cloud=aws&cloud=gcp&open=won&q=a&sort=-amount&stage=3&state=approved&state=none" {
		t.Fatal(got)
	}
	_, err = ParseQuery(url.Values{
		"q": {strings.Repeat("x", 201)}, "cloud": {"oracle"}, "state": {"odd"}, "open": {"maybe"}, "close_from": {"x"}, "close_to": {"y"},
		"sort": {"moon"}, "limit": {"201"}, "after": {"!"}, "stage": strings.Split(strings.Repeat("a,b,c,", 1)+strings.Join(numbers(201), ","), ","),
	})
	e, ok := err.(*problem.Error) //nolint:errorlint // the parser gives the error itself
	if !ok || len(e.Fields) != 10 {
		t.Fatalf("%v", err)
	}
}

func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"", "q=%25&sort=-stage", "after=AAAA&sort=amount", "close_from=2026-13-01", "cloud=aws&cloud=aws"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		q, err := ParseQuery(v)
		if err != nil {
			if !problem.Is(err, problem.KindInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseQuery(q.Values())
		if err != nil || again.Values().Encode() != q.Values().Encode() {
			t.Fatalf("%q became %q, %v", q.Values().Encode(), again.Values().Encode(), err)
		}
	})
}

func TestRegistrationsArePagedWithoutGapOrDouble(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 10)
		all, err := f.Registrations(f.ctx, RegistrationQuery{Limit: 200})
		if err != nil || len(all.Rows) == 0 || all.Next != "" {
			t.Fatal(len(all.Rows), err)
		}
		for _, q := range []RegistrationQuery{{Clouds: []cloud.Cloud{cloud.AWS}}, {States: []registration.State{registration.StateChecking, registration.StateBlocked}}, {OpportunityID: f.id("006000")}} {
			p, err := f.Registrations(f.ctx, q)
			want := 0
			for _, r := range all.Rows {
				if (len(q.Clouds) == 0 || slices.Contains(q.Clouds, r.Cloud)) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) && cmp.Or(q.OpportunityID, r.OpportunityID) == r.OpportunityID {
					want++
				}
			}
			if err != nil || len(p.Rows) != want || want == 0 {
				t.Errorf("%+v: %d, want %d, %v", q, len(p.Rows), want, err)
			}
		}
		if _, err := f.Registrations(f.ctx, RegistrationQuery{After: "x"}); !problem.Is(err, problem.KindInvalid) {
			t.Error(err)
		}
	})
}

func TestTheSummaryAndTheChoicesAreWhatIsThere(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.crowd(t, 40)
		s, err := f.Summary(f.ctx)
		if err != nil || s.Accounts != 4 || s.Opportunities != int64(len(f.naive(Query{}))) || len(s.Clouds) != 3 {
			t.Fatalf("%+v, %v", s, err)
		}
		for _, c := range s.Clouds {
			if c.Joint != int64(len(f.naive(Query{Clouds: []cloud.Cloud{c.Cloud}}))) {
				t.Errorf("%+v", c)
			}
		}
		got, err := f.Choices(f.ctx)
		if err != nil || strings.Join(got.Geos, " ") != "AMER EMEA" || len(got.Stages) != 4 || len(got.Orders) != 2 || len(got.Segments) != 3 || len(got.Owners) != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		if got.Stages[0] != "3-Technical Evaluation" {
			t.Errorf("%q", got.Stages)
		}
		amount := int64(5)
		if a := (&Row{Currency: "USD", AmountMinor: &amount}).Amount(); a != (money.Amount{Minor: 5, Currency: "USD"}) {
			t.Error(a)
		}
	})
}
