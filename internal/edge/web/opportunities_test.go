package web_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// The tests share one world and run one after the other: those that change
// something come last.
func TestTheOpportunityPages(t *testing.T) {
	t.Parallel()
	w := newDealWorld(t)
	for _, c := range []struct {
		rule string
		test func(*testing.T, *dealWorld)
	}{
		{"every page answers, and only those who are signed in", everyRoute},
		{"the list pages forwards and backwards without losing or repeating a row", pagesThroughTheList},
		{"a bad address shows the list and says what is wrong", badAddresses},
		{"hostile names come out as text", hostileNames},
		{"an export holds exactly what the list shows, safe for a spreadsheet", exports},
		{"the columns are those of the address", columns},
		{"the board counts what the list finds", boardCounts},
		{"the record page says what to do next", recordPages},
		{"a reader sees and cannot act", readersOnlyRead},
		{"search finds by name and by id", searches},
		{"a check without sending changes nothing", dryRuns},
		{"views are saved, replaced, shared and deleted", savedViews},
		{"a decision needs a reason and is kept when it is refused", jointDecisions},
		{"the bulk preview tells each row's fate, and the act does it", bulkActs},
		{"solutions are chosen by those who saw the latest version", solutionChoice},
		{"a conflict is settled by those who saw its values", conflictsAreSettled},
		{"a field is edited in the portal, and what is refused says why", fieldsAreEdited},
		{"contacts are edited row by row, without a script", contactsAreEdited},
		{"Directors say who wins each field", ownersAreSet},
		{"an activity is recorded, changed and cancelled without JavaScript", activitiesAreRecorded},
		{"a refused form keeps what was typed and names every fault", activityFormsKeepInput},
		{"a dispute shows both and is settled by those who saw it", activityDisputes},
		{"an intro meeting goes from the match to what came of it", introductions},
		{"a refused introduction keeps what was typed", introFormsKeepInput},
		{"the timeline is narrowed by kind and goes back in time", timelinesAreNarrowed},
	} {
		t.Run(c.rule, func(t *testing.T) { c.test(t, w) }) //nolint:paralleltest // one after the other
	}
}

func everyRoute(t *testing.T, w *dealWorld) {
	blocked := w.inState(t, registration.StateBlocked)
	nobody := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]int{
		"/opportunities": 200, "/opportunities/board": 200, "/opportunities/board?by=stage": 200, "/opportunities?view=board": 303,
		"/opportunities/views/new": 200, "/opportunities/export.csv": 200, "/opportunities/export.xlsx": 200, "/opportunities/bulk/submit": 303,
		"/opportunities/" + blocked.ID: 200, "/opportunities/" + blocked.ID + "/check?cloud=aws": 200, "/opportunities/" + blocked.ID + "/check?cloud=mars": 422,
		"/opportunities/" + blocked.ID + "/check?cloud=azure": 409, "/opportunities/opp_none": 404, "/accounts/" + blocked.AccountID: 200, "/accounts/acc_none": 404,
		"/registrations": 200, "/search": 200, "/search?q=a": 200, "/search.json?q=a": 200,
	} {
		if status, _, h := w.get(t, w.abdm, path); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		} else if status == 200 && h.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s may be kept by others: Cache-Control %q", path, h.Get("Cache-Control"))
		}
		if status, body, _ := w.get(t, nobody, path); status != http.StatusSeeOther || strings.Contains(body, blocked.Name) {
			t.Errorf("GET %s by nobody: %d", path, status)
		}
	}
}

var rowLink = regexp.MustCompile(`href="/opportunities/(opp_[0-9a-z]{26})" data-row-link`)

func listed(body string) []string {
	var out []string
	for _, m := range rowLink.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func linkOf(body, label string) string {
	m := regexp.MustCompile(`<a[^>]*href="([^"]*)"[^>]*title="` + label + `"`).FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func pagesThroughTheList(t *testing.T, w *dealWorld) {
	for _, list := range []string{"/opportunities?limit=50", "/opportunities?limit=25&open=open&sort=-amount", "/opportunities?limit=100&sort=close_on"} {
		var pages [][]string
		seen := map[string]bool{}
		path := list
		for path != "" && len(pages) < 20 {
			body := w.page(t, w.abdm, path)
			ids := listed(body)
			for _, x := range ids {
				if seen[x] {
					t.Fatalf("%s shows %s twice", list, x)
				}
				seen[x] = true
			}
			pages = append(pages, ids)
			if len(pages) > 2 {
				if got := listed(w.page(t, w.abdm, linkOf(body, "Previous page"))); fmt.Sprint(got) != fmt.Sprint(pages[len(pages)-2]) {
					t.Fatalf("%s: the page before page %d is another one", list, len(pages))
				}
			}
			path = linkOf(body, "Next page")
		}
		v, err := url.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		q, err := workspace.ParseQuery(v.Query())
		if err != nil {
			t.Fatal(err)
		}
		n, err := w.app.Workspace.Count(authz.With(t.Context(), authz.System), q, 10_000)
		if err != nil || int64(len(seen)) != n {
			t.Errorf("%s pages through %d, and there are %d (%v)", list, len(seen), n, err)
		}
		has(t, w.page(t, w.abdm, list), strconv.Itoa(int(n))+" opportunities")
	}
}

func badAddresses(t *testing.T, w *dealWorld) {
	for query, want := range map[string]string{
		"cloud=oracle":                  "is not a cloud",
		"state=sleeping":                "is not a state",
		"sort=colour":                   "is not a column to sort by",
		"limit=100000":                  "from 1 to 200",
		"after=!!!":                     "begin from the first page",
		"close_from=yesterday":          "not a day",
		"open=maybe":                    "open, closed or won",
		"col=name&col=shoesize":         "is not a column",
		"q=%ff%fe":                      "no readable text",
		"stage=%00":                     "no readable text",
		"stage=%zz":                     "could not be read",
		"q=" + strings.Repeat("x", 201): "at most 200 characters",
	} {
		status, body, _ := w.get(t, w.abdm, "/opportunities?"+query)
		if status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, status)
		}
		if !strings.Contains(html.UnescapeString(body), want) || len(listed(body)) == 0 {
			t.Errorf("%s: the page lacks %q or the list", query, want)
		}
		if status, _, _ := w.get(t, w.abdm, "/opportunities/export.csv?"+query); status != http.StatusUnprocessableEntity && !strings.HasPrefix(query, "after") {
			t.Errorf("an export of %s: %d", query, status)
		}
		if status, _, _ := w.get(t, w.abdm, "/opportunities/board?"+query); status != http.StatusUnprocessableEntity {
			t.Errorf("a board of %s: %d", query, status)
		}
	}
	has(t, w.page(t, w.abdm, "/accounts/"+w.hostile.AccountID), "/opportunities?account="+w.hostile.AccountID)
	for _, path := range []string{"/opportunities", "/opportunities/board?by=stage"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		has(t, w.page(t, w.abdm, path+sep+"account="+w.hostile.AccountID+"&limit=200"), "/opportunities/"+w.hostile.ID)
		has(t, w.page(t, w.abdm, path+sep+"cloud=aws&state=none"), "Not registered")
	}
	has(t, w.page(t, w.abdm, "/opportunities?region=Atlantis"), "No opportunity meets all of these filters", "Atlantis")
}

func hostileNames(t *testing.T, w *dealWorld) {
	for _, path := range []string{"/opportunities?q=hyperlink", "/opportunities/board?by=stage&q=hyperlink", "/opportunities/" + w.hostile.ID, "/accounts/" + w.hostile.AccountID, "/search?q=hyperlink"} {
		body := w.page(t, w.abdm, path)
		has(t, body, "&lt;script&gt;alert(1)")
		lacks(t, body, "<script>alert(1)", "<img src=x", "<b>bold", `href="javascript:`)
	}
	lacks(t, w.page(t, w.abdm, `/search?q="><script>alert(9)</script>`), "<script>alert(9)")
	has(t, w.page(t, w.abdm, "/opportunities?q=hyperlink"), "days overdue")
}

func exports(t *testing.T, w *dealWorld) {
	query := "open=open&sort=name&col=name&col=amount&col=close_on&col=owner&col=clouds&col=updated"
	status, body, h := w.get(t, w.reader, "/opportunities/export.csv?"+query)
	if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/csv") || !strings.Contains(h.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", status, h)
	}
	records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(records[0], "|"); got != "Opportunity|Account|Clouds|Amount|Currency|Close date|Owner|Updated (UTC)" {
		t.Errorf("heads: %s", got)
	}
	rows := w.rows(t, workspace.Query{Open: "open", Sort: workspace.SortName})
	n, err := w.app.Workspace.Count(authz.With(t.Context(), authz.System), workspace.Query{Open: "open"}, 10_000)
	if err != nil || int64(len(records)-1) != n {
		t.Errorf("%d rows of %d (%v)", len(records)-1, n, err)
	}
	hostile := 0
	for i, r := range records[1:] {
		if i < len(rows) && rows[i].ID != w.hostile.ID && strings.TrimPrefix(r[0], "'") != rows[i].Name {
			t.Fatalf("row %d is %s, the list has %s", i, r[0], rows[i].Name)
		}
		for _, cell := range r {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
		if strings.HasPrefix(r[0], "'=HYPERLINK") {
			hostile++
			if r[3] != "12345.67" || r[4] != "USD" || r[5] != "2020-01-31" || r[6] != "'+Owner" {
				t.Errorf("the row of the hostile deal: %q", r)
			}
		}
	}
	if hostile != 1 {
		t.Errorf("the hostile deal is exported %d times", hostile)
	}
	status, body, _ = w.get(t, w.reader, "/opportunities/export.xlsx?"+query)
	if status != 200 {
		t.Fatalf("XLSX: %d", status)
	}
	book, err := excelize.OpenReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	cells, err := book.GetRows("Opportunities")
	if err != nil {
		t.Fatal(err)
	}
	if len(cells) != len(records) {
		t.Errorf("XLSX has %d rows, CSV %d", len(cells), len(records))
	}
	for i, r := range cells {
		if r[0] != records[i][0] {
			t.Fatalf("row %d: XLSX has %q, CSV %q", i, r[0], records[i][0])
		}
		if strings.HasPrefix(r[0], "'=HYPERLINK") && (r[3] != "12345.67" || r[5] != "2020-01-31") {
			t.Errorf("the row of the hostile deal: %q", r)
		}
	}
}

func columns(t *testing.T, w *dealWorld) {
	usual := w.page(t, w.abdm, "/opportunities")
	has(t, usual, `data-col="clouds"`, `data-col="owner"`)
	lacks(t, usual, `data-col="crm_id"`)
	chosen := w.page(t, w.abdm, "/opportunities?col=crm_id")
	has(t, chosen, `data-col="name"`, `data-col="crm_id"`, "col=crm_id")
	lacks(t, chosen, `data-col="owner"`)
}

var boardCount = regexp.MustCompile(`<h2 id="column-([^"]*)">[^<]*</h2>\s*<span class="count">([0-9,]+)</span>`)

func boardCounts(t *testing.T, w *dealWorld) {
	found := boardCount.FindAllStringSubmatch(w.page(t, w.abdm, "/opportunities/board"), -1)
	if len(found) < 3 {
		t.Fatalf("columns: %v", found)
	}
	for _, m := range found {
		if m[1] == "none" {
			continue
		}
		has(t, w.page(t, w.abdm, "/opportunities?cloud=aws&state="+m[1]), ">"+m[2]+" opportunit")
	}
	lacks(t, w.page(t, w.abdm, "/opportunities/board"), `draggable="true"`)
}

func recordPages(t *testing.T, w *dealWorld) {
	blocked := w.page(t, w.abdm, "/opportunities/"+w.inState(t, registration.StateBlocked).ID)
	has(t, blocked, "Mend ", `href="#aws-findings"`, "Blocks", "In Salesforce:", "Check without sending", "Joint with AWS by the rule", "Not read yet", "fields that we would send")
	approved := w.inState(t, registration.StateApproved)
	reg, _ := w.registrationOf(t, approved.ID)
	page := w.page(t, w.abdm, "/opportunities/"+approved.ID)
	has(t, page, reg.RemoteID, "Approved", "Our values beside theirs", "fields that agree", "Registered in AWS Partner Central", "In Salesforce", approved.CRMID, "/accounts/"+approved.AccountID)
	lacks(t, page, "Check without sending")
	for _, row := range w.rows(t, workspace.Query{Clouds: []cloud.Cloud{cloud.Azure}, Open: "open"}) {
		has(t, w.page(t, w.abdm, "/opportunities/"+row.ID), "Microsoft Partner Center is not connected", "/connections")
		break
	}
	has(t, w.page(t, w.abdm, "/opportunities/"+w.hostile.ID), "Not joint with any cloud", "Nothing happened yet")
	sum := w.page(t, w.abdm, "/registrations")
	has(t, sum, "/opportunities?cloud=aws&amp;state=approved", "Microsoft Partner Center is not connected", "joint opportunities")
}

func readersOnlyRead(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateBlocked)
	page := w.page(t, w.reader, "/opportunities/"+row.ID)
	has(t, page, "Your role reads only", row.Name)
	lacks(t, page, `name="joint"`, `name="reason"`)
	has(t, w.page(t, w.reader, "/opportunities"), "Your role reads only")
	before, _ := w.registrationOf(t, row.ID)
	for path, form := range map[string]url.Values{
		"/opportunities/" + row.ID + "/register":         {"cloud": {"aws"}},
		"/opportunities/" + row.ID + "/joint":            {"cloud": {"aws"}, "joint": {"no"}, "reason": {"x"}},
		"/opportunities/" + row.ID + "/solutions":        {"cloud": {"aws"}, "version": {"1"}},
		"/opportunities/" + row.ID + "/activities/retry": {},
		"/opportunities/bulk/submit":                     {"id": {row.ID}},
		"/opportunities/bulk/submit/confirm":             {"id": {row.ID}, "cloud": {"aws"}},
		"/opportunities/bulk/joint":                      {"id": {row.ID}},
		"/opportunities/bulk/joint/confirm":              {"id": {row.ID}, "cloud": {"aws"}, "joint": {"no"}, "reason": {"x"}},
	} {
		if status, _, _ := w.post(t, w.reader, path, form); status != http.StatusForbidden {
			t.Errorf("POST %s by a reader: %d", path, status)
		}
	}
	if status, _, _ := w.get(t, w.reader, "/opportunities/"+row.ID+"/check?cloud=aws"); status != http.StatusForbidden {
		t.Errorf("a check by a reader: %d", status)
	}
	if after, _ := w.registrationOf(t, row.ID); after.Version != before.Version {
		t.Error("a reader changed the registration")
	}
}

func searches(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	reg, _ := w.registrationOf(t, row.ID)
	for _, q := range []string{row.CRMID, reg.RemoteID, row.Name} {
		_, body, h := w.get(t, w.reader, "/search.json?q="+url.QueryEscape(q))
		var hits []struct{ Label, Href, Detail, Group string }
		if err := json.Unmarshal([]byte(body), &hits); err != nil || h.Get("Content-Type") != "application/json" {
			t.Fatalf("%v: %s", err, body)
		}
		found := 0
		for _, x := range hits {
			if x.Href == "/opportunities/"+row.ID && x.Label == row.Name && x.Group == "Opportunity" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%q finds the deal %d times", q, found)
		}
	}
	has(t, w.page(t, w.reader, "/search?q="+url.QueryEscape(row.AccountName)), "/accounts/"+row.AccountID)
	if _, body, _ := w.get(t, w.reader, "/search.json?q=%ff"); strings.TrimSpace(body) != "[]" {
		t.Errorf("nonsense finds %s", body)
	}
}
