package workspace

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type step struct {
	ID     int64  `db:"id"`
	Parent int64  `db:"parent"`
	Unused int64  `db:"notused"`
	Detail string `db:"detail"`
}

// What a walk of many opportunities must never do: sort them all, or begin with a
// set of all that match.
func TestAWalkStopsAtTheEndOfThePage(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	for _, s := range Sorts() {
		for name, q := range map[string]Query{
			"all":   {},
			"stage": {Stages: []string{"1-Discovery", "2-Scoping"}},
			"owner": {Owners: []string{"005A"}, CloseFrom: "2026-01-01"},
			"geo":   {Geos: []string{"EMEA"}, Open: "open"},
			"joint": {Clouds: []cloud.Cloud{cloud.AWS}, Open: "won"},
			"state": {Clouds: []cloud.Cloud{cloud.AWS}, States: []registration.State{registration.StateApproved}},
		} {
			if name == "stage" && s == SortStage {
				continue // a few stages in order are a few walks
			}
			q.Sort = s
			w := filter(q, walk)
			tail, err := ordered(w, q)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := db.Select[step](t.Context(), d, `EXPLAIN QUERY PLAN SELECT `+rowColumns+` FROM opportunity o`+w.sql()+tail+` LIMIT ?`, append(w.args, 51)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range steps {
				if strings.Contains(x.Detail, "TEMP B-TREE") || strings.Contains(x.Detail, "LIST SUBQUERY") || strings.HasPrefix(x.Detail, "SCAN r") {
					t.Errorf("%s by %s: %s", name, s, x.Detail)
				}
			}
		}
	}
}

// What is counted by the list's own filters never reads the opportunities.
func TestTheFiltersAreCountedFromOneIndex(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	for name, q := range map[string]Query{
		"all":    {},
		"geo":    {Geos: []string{"EMEA"}, Open: "open"},
		"region": {Regions: []string{"DACH"}, Segments: []string{"Large"}, Orders: []string{"Growth"}, Open: "won"},
	} {
		from, w, _ := gathered(q)
		steps, err := db.Select[step](t.Context(), d, `EXPLAIN QUERY PLAN SELECT count(*) FROM (SELECT 1 FROM `+from+w.sql()+` LIMIT ?) n`, append(w.args, 51)...)
		if err != nil {
			t.Fatal(err)
		}
		covered := false
		for _, x := range steps {
			covered = covered || strings.Contains(x.Detail, "COVERING INDEX opportunity_")
		}
		if !covered {
			t.Errorf("%s: %+v", name, steps)
		}
	}
}
