package salesforce

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const oneRow = `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Opportunity","url":"/services/data/v67.0/sobjects/Opportunity/006000000000001"},
 "Id":"006Ab0000000001","Name":"Caf\u00e9 \"Ü\" – \\ 1","Amount":1.39E8,"ARR_Net__c":-12.50,"IsWon":true,"IsClosed":false,"CloseDate":"2026-01-31",
 "SystemModstamp":"2026-01-02T03:04:05.678+0000","Description":null,
 "Account":{"attributes":{"type":"Account"},"Name":"Acme","Owner":{"Email":"a@b.example"}},"Fulfillment_Partner__r":null}]}`

func rows(t *testing.T, f *fake, soql string) ([]Record, *Client) {
	t.Helper()
	c, _ := newClient(t, f)
	var out []Record
	for r, err := range c.Query(t.Context(), soql, QueryOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out, c
}

func TestRecordGivesEachKindOfValueExactly(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("q") != "SELECT Id FROM Opportunity WHERE Name = 'a+b & c'" {
			t.Errorf("query %q", r.URL.Query().Get("q"))
		}
		io.WriteString(w, oneRow)
	})
	got, _ := rows(t, f, " SELECT Id FROM Opportunity WHERE Name = 'a+b & c'\n")
	if len(got) != 1 {
		t.Fatalf("%d rows", len(got))
	}
	for _, r := range []Record{got[0], got[0].Clone()} {
		at, err := r.Time("SystemModstamp")
		if err != nil || !at.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)) || at.Location() != time.UTC {
			t.Errorf("%v, %v", at, err)
		}
		have := []any{
			r.Type(), r.ID("Id"), r.String("id"), r.String("Name"), r.Number("Amount"), r.Number("arr_net__c"), r.String("Amount"),
			r.Bool("IsWon"), r.Bool("IsClosed"), r.String("IsWon"), r.String("CloseDate"), r.String("Description"), r.Number("Name"), r.Number("Description"),
			r.String("Account.Name"), r.String("Account.Owner.Email"), r.String("account.OWNER.email"), r.String("Fulfillment_Partner__r.Name"),
			r.Has("Description"), r.IsNull("Description"), r.Has("Nope"), r.IsNull("Nope"), r.Has("Account.Nope"), r.Has("Name.Nope"), r.Bool("Nope"),
		}
		want := []any{
			"Opportunity", "006Ab0000000001IAA", "006Ab0000000001", "Café \"Ü\" – \\ 1", json.Number("139000000"), json.Number("-12.50"), "139000000",
			true, false, "true", "2026-01-31", "", json.Number(""), json.Number(""),
			"Acme", "a@b.example", "a@b.example", "",
			true, true, false, true, false, false, false,
		}
		for i := range want {
			if !reflect.DeepEqual(have[i], want[i]) {
				t.Errorf("%d: %#v, want %#v", i, have[i], want[i])
			}
		}
		if at, err := r.Time("Description"); err != nil || !at.IsZero() {
			t.Errorf("null time: %v, %v", at, err)
		}
		if _, err := r.Time("Name"); err == nil {
			t.Error("a name is no time")
		}
		p, ok := r.Parent("Account")
		if !ok || p.String("Name") != "Acme" || p.Type() != "Account" {
			t.Errorf("parent %s", p.JSON())
		}
		if _, ok := r.Parent("Fulfillment_Partner__r"); ok {
			t.Error("a null parent is none")
		}
		var names []string
		for n := range r.Each() {
			names = append(names, n)
		}
		if len(names) != 11 || names[0] != "Id" {
			t.Errorf("names %v", names)
		}
		var into struct {
			Name    string
			Amount  json.Number
			Account struct{ Name string }
		}
		if err := r.Decode(&into); err != nil || into.Account.Name != "Acme" || into.Amount != "1.39E8" {
			t.Errorf("%+v, %v", into, err)
		}
	}
	var none Record
	if none.Has("x") || none.String("x") != "" || none.Decode(&struct{}{}) == nil || len(none.JSON()) != 0 {
		t.Error("the zero Record is not empty")
	}
}

// paged answers with n records in pages of size.
func paged(n, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if i := strings.LastIndexByte(r.URL.Path, '-'); i > 0 {
			fmt.Sscan(r.URL.Path[i+1:], &from)
		}
		to := min(from+size, n)
		var b strings.Builder
		fmt.Fprintf(&b, `{"totalSize":%d,"done":%t,`, n, to == n)
		if to < n {
			fmt.Fprintf(&b, `"nextRecordsUrl":"/services/data/v67.0/query/01g000000000001-%d",`, to)
		}
		b.WriteString(`"records":[`)
		for i := from; i < to; i++ {
			if i > from {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"attributes":{"type":"Account"},"n":%d}`, i)
		}
		b.WriteString("]}")
		io.WriteString(w, b.String())
	}
}

func TestQueryFollowsAllPagesInOrder(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 200, 201, 1050} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Sforce-Query-Options") != "batchSize=200" {
				t.Errorf("options %q", r.Header.Get("Sforce-Query-Options"))
			}
			paged(n, 200)(w, r)
		})
		c, _ := newClient(t, f)
		total, next := -1, 0
		for r, err := range c.Query(t.Context(), "SELECT n FROM Account", QueryOptions{BatchSize: 50, OnTotal: func(n int, _ time.Time) { total = n }}) {
			if err != nil {
				t.Fatal(err)
			}
			if r.String("n") != strconv.Itoa(next) {
				t.Fatalf("record %s at place %d", r.String("n"), next)
			}
			next++
		}
		if next != n || total != n {
			t.Errorf("%d records of %d, total %d", next, n, total)
		}
	}
}

func TestAReadKnowsWhenItWasAskedBySalesforcesClock(t *testing.T) {
	t.Parallel()
	theirs := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, tc := range []struct {
		name, date string
		want       time.Time
	}{
		{"an answer that took four seconds", theirs.Format(http.TimeFormat), theirs.Add(-4 * time.Second)},
		{"no date", "", time.Time{}},
		{"no date that can be read", "today", time.Time{}},
	} {
		ours := clock.NewFake(start)
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			ours.Advance(4 * time.Second)
			w.Header()["Date"] = nil // else the server writes its own
			if tc.date != "" {
				w.Header().Set("Date", tc.date)
			}
			paged(0, 200)(w, r)
		})
		c, _ := newClient(t, f, func(cfg *Config) { cfg.Clock = ours })
		told := 0
		for _, err := range c.Query(t.Context(), "SELECT n FROM Account", QueryOptions{OnTotal: func(n int, asked time.Time) {
			told++
			if n != 0 || !asked.Equal(tc.want) {
				t.Errorf("%s: asked at %v, want %v", tc.name, asked, tc.want)
			}
		}}) {
			t.Fatal(err)
		}
		if told != 1 {
			t.Errorf("%s: told %d times", tc.name, told)
		}
	}
}

func TestNextPageIsFetchedWhileTheCurrentOneIsConsumed(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "-200") {
			close(second)
		}
		paged(400, 200)(w, r)
	})
	c, _ := newClient(t, f)
	n := 0
	for _, err := range c.Query(t.Context(), "SELECT n FROM Account", QueryOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			select {
			case <-second:
			case <-time.After(10 * time.Second):
				t.Fatal("the second page was not asked for")
			}
		}
	}
}

func TestLeavingTheLoopStopsTheFetching(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "-") {
			<-r.Context().Done() // a page that never comes
			return
		}
		paged(400, 200)(w, r)
	}
	c, _ := newClient(t, f)
	for range c.Query(t.Context(), "SELECT n FROM Account", QueryOptions{}) {
		break
	}
	if _, calls := f.seen(); len(calls) > 2 {
		t.Errorf("%v", calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for _, err := range c.Query(ctx, "SELECT n FROM Account", QueryOptions{}) {
		if n++; n == 10 {
			cancel()
		}
		if n > 10 && !errors.Is(err, context.Canceled) {
			t.Errorf("record %d after the cancel: %v", n, err)
		}
	}
	cancel()
	if n != 11 {
		t.Errorf("%d", n)
	}
}

func TestBrokenPagesAreNamedAndEndTheQuery(t *testing.T) {
	t.Parallel()
	page := func(next string) string {
		return `{"totalSize":2,"done":false,"nextRecordsUrl":"` + next + `","records":[{"n":1}]}`
	}
	for name, tt := range map[string]struct {
		first, second string
		status        int
		rows          int
		code          string
	}{
		"HTML":                      {first: htmlPage, code: "UNREADABLE_ANSWER"},
		"cut off":                   {first: oneRow[:len(oneRow)-3], code: "UNREADABLE_ANSWER"},
		"an array":                  {first: `[]`, code: "UNREADABLE_ANSWER"},
		"no records":                {first: `{"totalSize":1,"done":true}`, code: "UNREADABLE_ANSWER"},
		"records that are none":     {first: `{"totalSize":1,"done":true,"records":[7]}`, code: "UNREADABLE_ANSWER"},
		"not done and no next page": {first: `{"totalSize":1,"done":false,"records":[]}`, code: "UNREADABLE_ANSWER"},
		"a count that is none":      {first: `{"totalSize":"x","done":true,"records":[]}`, code: "UNREADABLE_ANSWER"},
		"another host":              {first: page("https://evil.example/services/data/x"), rows: 1, code: "UNREADABLE_ANSWER"},
		"another host, shorter":     {first: page("//evil.example/services/data/x"), rows: 1, code: "UNREADABLE_ANSWER"},
		"outside the API":           {first: page("/services/data/../oauth2/revoke"), rows: 1, code: "UNREADABLE_ANSWER"},
		"the same page for ever":    {first: page("/services/data/v67.0/query/1-1"), second: page("/services/data/v67.0/query/1-1"), status: 200, rows: 1, code: "UNREADABLE_ANSWER"},
		"an expired locator":        {first: page("/services/data/v67.0/query/1-1"), second: `[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]`, status: 400, rows: 1, code: "INVALID_QUERY_LOCATOR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, inTurn(reply(200, tt.first), reply(max(tt.status, 200), tt.second)))
			c, _ := newClient(t, f)
			n, errs := 0, 0
			for _, err := range c.Query(t.Context(), "SELECT n FROM Account", QueryOptions{}) {
				if err == nil {
					n++
					continue
				}
				errs++
				wantRemote(t, err, problem.RetrySoon, tt.code, max(tt.status, 200))
			}
			if n != tt.rows || errs != 1 {
				t.Errorf("%d rows, %d errors", n, errs)
			}
		})
	}
}

func TestSessionMayEndBetweenPages(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.ended["token-1"] = true
		f.mu.Unlock()
		paged(500, 200)(w, r)
	}
	got, _ := rows(t, f, "SELECT n FROM Account")
	if n, _ := f.seen(); len(got) != 500 || n != 2 {
		t.Errorf("%d rows, %d sign-ins", len(got), n)
	}
}

func TestChildrenComeFromTheirOwnFurtherPages(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "01gChild") {
			io.WriteString(w, `{"totalSize":3,"done":true,"records":[{"UserId":"c"}]}`)
			return
		}
		io.WriteString(w, `{"totalSize":2,"done":true,"records":[
		 {"Id":"1","OpportunityTeamMembers":{"totalSize":3,"done":false,"nextRecordsUrl":"/services/data/v67.0/query/01gChild-2","records":[{"UserId":"a"},{"UserId":"b"}]}},
		 {"Id":"2","OpportunityTeamMembers":null,"Broken":7}]}`)
	})
	got, c := rows(t, f, "SELECT Id, (SELECT UserId FROM OpportunityTeamMembers) FROM Opportunity")
	var users []string
	for _, r := range got {
		for m, err := range c.Children(t.Context(), r.Clone(), "OpportunityTeamMembers") {
			if err != nil {
				t.Fatal(err)
			}
			users = append(users, r.String("Id")+m.String("UserId"))
		}
	}
	if diff := cmp.Diff([]string{"1a", "1b", "1c"}, users); diff != "" {
		t.Error(diff)
	}
	for _, err := range c.Children(t.Context(), got[1], "Broken") {
		if err == nil {
			t.Error("7 is no sub-select")
		}
	}
	for range c.Children(t.Context(), got[1], "NotSelected") {
		t.Error("what was not selected has no children")
	}
}

func TestQueryIntoCountAndQueryAll(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/queryAll"):
			io.WriteString(w, `{"totalSize":1,"done":true,"records":[{"Id":"1","IsDeleted":true}]}`)
		case strings.Contains(r.URL.RawQuery, "COUNT"):
			io.WriteString(w, `{"totalSize":42,"done":true,"records":[]}`)
		default:
			io.WriteString(w, `{"totalSize":2,"done":true,"records":[{"n":1},{"n":"x"}]}`)
		}
	})
	c, _ := newClient(t, f)
	if n, err := c.Count(t.Context(), "SELECT COUNT() FROM Account"); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.Count(t.Context(), " "); !problem.Is(err, problem.KindInvalid) {
		t.Error(err)
	}
	for r, err := range c.QueryAll(t.Context(), "SELECT Id, IsDeleted FROM Account", QueryOptions{}) {
		if err != nil || !r.Bool("IsDeleted") {
			t.Errorf("%s, %v", r.JSON(), err)
		}
	}
	var ns []int
	var last error
	for v, err := range QueryInto[struct{ N int }](t.Context(), c, "SELECT n FROM Account", QueryOptions{}) {
		ns, last = append(ns, v.N), err
	}
	if len(ns) != 2 || ns[0] != 1 || last == nil {
		t.Errorf("%v, %v", ns, last)
	}
}

// widePage is a page of n rows with 25 columns, three of them of parents.
func widePage(n int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"totalSize":%d,"done":true,"records":[`, n)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"attributes":{"type":"Opportunity","url":"/services/data/v67.0/sobjects/Opportunity/006Ab0000%06dIAA"},"Id":"006Ab0000%06dIAA","Name":"Expansion of the platform %d","AccountId":"001Ab0000%06dAAC","Account":{"attributes":{"type":"Account","url":"/services/data/v67.0/sobjects/Account/001Ab0000%06dAAC"},"Name":"Northwind Metal Works %d","Website":"https://northwind-%d.example"},"StageName":"4-Proposal","CloseDate":"2026-12-31","Amount":%d.5,"ARR_Net__c":%d.25,"Order_Type_Test__c":"1. New - First Order","ForecastCategoryName":"Best Case","OwnerId":"005Ab0000%06dAAC","Owner":{"attributes":{"type":"User","url":"/services/data/v67.0/sobjects/User/005Ab0000%06dAAC"},"Email":"seller%d@example.com"},"Fulfillment_Partner__c":null,"SystemModstamp":"2026-08-02T03:04:05.000+0000","Deal_Path__c":"Partner","SQL_Source__c":"Channel Generated","Start_Date__c":"2027-01-01","End_Date__c":"2027-12-31","User_Segment_O__c":"Mid-Market","Stamped_User_Geo__c":"EMEA","Stamped_User_Region__c":"EMEA","Stamped_User_Area__c":"DACH","Push_Counter__c":2.0,"Next_Steps__c":"Call \"Jo\" again","IsClosed":false,"IsWon":false}`, i, i, i, i, i, i, i, i*100, i*90, i, i, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

var wideColumns = []string{"Id", "Name", "AccountId", "Account.Name", "Account.Website", "StageName", "CloseDate", "Amount", "ARR_Net__c", "Order_Type_Test__c", "ForecastCategoryName", "OwnerId", "Owner.Email", "Fulfillment_Partner__c", "SystemModstamp", "Deal_Path__c", "SQL_Source__c", "Start_Date__c", "End_Date__c", "User_Segment_O__c", "Stamped_User_Geo__c", "Stamped_User_Region__c", "Stamped_User_Area__c", "Push_Counter__c", "Next_Steps__c"}

// BenchmarkDecode reads all 25 columns of 2,000 rows: the import's hot path.
func BenchmarkDecode(b *testing.B) {
	const n = 2000
	buf := widePage(n)
	b.Run("Record", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		b.ReportAllocs()
		for b.Loop() {
			p, err := parsePage(buf, n, 27*n)
			if err != nil {
				b.Fatal(err)
			}
			size := 0
			for i := range p.records {
				r := p.record(i)
				for _, col := range wideColumns {
					size += len(r.String(col))
				}
			}
			if size == 0 {
				b.Fatal("nothing read")
			}
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("encoding-json-map", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		b.ReportAllocs()
		for b.Loop() {
			var v struct{ Records []map[string]any }
			if err := json.Unmarshal(buf, &v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

// BenchmarkQuery streams 100,000 rows of 25 columns in 50 gzipped pages over
// loopback and reports the most heap seen.
func BenchmarkQuery(b *testing.B) {
	const perPage, pages = 2000, 50
	body := widePage(perPage)
	zip := func(plain []byte) []byte {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestSpeed)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		return z.Bytes()
	}
	last := zip(body)
	more := zip(bytes.Replace(body, []byte(`"done":true,`), []byte(`"done":false,"nextRecordsUrl":"/services/data/v67.0/query/01g-NEXT",`), 1))
	other := zip(bytes.Replace(body, []byte(`"done":true,`), []byte(`"done":false,"nextRecordsUrl":"/services/data/v67.0/query/01g-OTHER",`), 1))
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `{"access_token":"t","instance_url":"http://%s"}`, r.Host)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		if asked++; asked%pages == 0 {
			w.Write(last)
			return
		}
		if asked%2 == 0 { // the link has to change from page to page
			w.Write(more)
			return
		}
		w.Write(other)
	}))
	defer srv.Close()
	c, err := New(Config{LoginURL: srv.URL, ClientID: "k", ClientSecret: "s", APIVersion: "67.0"})
	if err != nil {
		b.Fatal(err)
	}
	var peak uint64
	b.ReportAllocs()
	for b.Loop() {
		n, size := 0, 0
		for r, err := range c.Query(b.Context(), "SELECT x FROM Opportunity", QueryOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
			for _, col := range wideColumns {
				size += len(r.String(col))
			}
			if n++; n%perPage == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
		if n != perPage*pages || size == 0 {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(perPage*pages*b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

func TestTheBenchmarkPageIsWhatItSays(t *testing.T) {
	t.Parallel()
	p, err := parsePage(widePage(3), 0, 0)
	if err != nil || len(p.records) != 3 {
		t.Fatal(err)
	}
	for _, col := range wideColumns {
		if !p.record(2).Has(col) {
			t.Errorf("no %s", col)
		}
	}
}
