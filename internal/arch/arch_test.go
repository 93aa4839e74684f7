package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheHouseKeepsItsFloors(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found, err := Check(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

func TestEachRuleCatchesItsViolation(t *testing.T) {
	t.Parallel()
	imports := func(pkg string, paths ...string) string {
		text := "package " + pkg + "\n"
		for _, p := range paths {
			text += "import _ \"" + strings.Replace(p, "~", "example.com/t", 1) + "\"\n"
		}
		return text
	}
	for _, c := range []struct {
		name, file, text, rule string
	}{
		{"base may not see platform", "internal/base/money/x.go", imports("money", "~/internal/platform/db"), "floors"},
		{"platform may not see domain", "internal/platform/jobs/x.go", imports("jobs", "~/internal/domain/team"), "floors"},
		{"domain may not see a connector", "internal/domain/team/x.go", imports("team", "~/internal/connect/aws"), "floors"},
		{"connect may not see flow", "internal/connect/aws/x.go", imports("aws", "~/internal/flow/sync"), "floors"},
		{"flow may not see the wiring", "internal/flow/sync/x.go", imports("sync", "~/internal/app"), "floors"},
		{"flow may not see the edge", "internal/flow/sync/x.go", imports("sync", "~/internal/edge/web"), "floors"},
		{"a test keeps the floors too", "internal/base/money/x_test.go", imports("money_test", "~/internal/platform/db"), "floors"},
		{"the wiring may not see the command line", "internal/app/x.go", imports("app", "~/internal/edge/cli"), "floors"},
		{"edge may look down", "internal/edge/web/x.go", imports("web", "~/internal/flow/sync", "~/internal/domain/team", "~/internal/base/money"), ""},
		{"a floor may see itself", "internal/platform/jobs/x.go", imports("jobs", "~/internal/platform/db"), ""},
		{"the command line may see the wiring", "internal/edge/cli/x.go", imports("cli", "~/internal/app", "~/sandbox/aws"), ""},
		{"the wiring may not see the pages", "internal/app/x.go", imports("app", "~/internal/edge/web"), "floors"},
		{"a page may see the wiring", "internal/edge/web/x.go", imports("web", "~/internal/app"), ""},
		{"cmd may see all", "cmd/tandem/main.go", imports("main", "~/internal/edge/cli", "~/internal/app", "~/sandbox/aws"), ""},

		{"a lower domain package may not see a higher one", "internal/domain/account/x.go", imports("account", "~/internal/domain/registration"), "domain order"},
		{"a higher one may see a lower one", "internal/domain/registration/x.go", imports("registration", "~/internal/domain/account"), ""},
		{"a domain package needs a place in the order", "internal/domain/weather/x.go", imports("weather"), "domain order"},

		{"domain knows no web", "internal/domain/team/x.go", imports("team", "net/http"), "imports"},
		{"nor River's drivers", "internal/domain/team/x.go", imports("team", "github.com/riverqueue/river/rivertype"), "imports"},
		{"nor templ", "internal/domain/team/x.go", imports("team", "github.com/a-h/templ"), "imports"},
		{"nor kong", "internal/domain/team/x.go", imports("team", "github.com/alecthomas/kong"), "imports"},
		{"net/url is no web", "internal/domain/team/x.go", imports("team", "net/url"), ""},
		{"base does no input", "internal/base/money/x.go", imports("money", "os"), "imports"},
		{"base may implement Valuer", "internal/base/money/x.go", imports("money", "database/sql/driver"), ""},
		{"base may not query", "internal/base/money/x.go", imports("money", "database/sql"), "imports"},

		{"sandbox may not see domain", "sandbox/aws/x.go", imports("aws", "~/internal/domain/team"), "leaves"},
		{"sandbox may not see platform, in tests either", "sandbox/aws/x_test.go", imports("aws", "~/internal/platform/db"), "leaves"},
		{"sandbox may see base", "sandbox/aws/x.go", imports("aws", "~/internal/base/clock", "~/sandbox/kit", "~/facts/aws"), ""},
		{"match sees nothing of internal", "match/x.go", imports("match", "~/internal/base/clock"), "leaves"},
		{"domain may not see a sandbox", "internal/domain/team/x.go", imports("team", "~/sandbox/aws"), "sandbox"},
		{"a connector may not see a sandbox", "internal/connect/aws/x.go", imports("aws", "~/sandbox/aws"), "sandbox"},
		{"a connector's test may", "internal/connect/aws/x_test.go", imports("aws", "~/sandbox/aws"), ""},
		{"an end-to-end test may", "e2e/clients/x_test.go", imports("clients", "~/sandbox/aws", "~/internal/app"), ""},

		{"SQL in a page", "internal/edge/web/x.go", "package web\nconst q = `\n  SELECT id FROM x`\n", "sql"},
		{"SQL in an edge's store.go", "internal/edge/web/store.go", "package web\nconst q = `SELECT id FROM x`\n", "sql"},
		{"SQL in a service", "internal/domain/team/service.go", "package team\nconst q = \"delete from x where id = ?\"\n", "sql"},
		{"a common table expression", "internal/flow/sync/x.go", "package sync\nconst q = \"WITH a AS (SELECT 1) SELECT 2\"\n", "sql"},
		{"SQL in store.go", "internal/domain/team/store.go", "package team\nconst q = \"DELETE FROM x\"\n", ""},
		{"SQL in a test", "internal/domain/team/x_test.go", "package team\nconst q = \"DELETE FROM x\"\n", ""},
		{"SOQL in the Salesforce client", "internal/connect/salesforce/x.go", "package salesforce\nconst q = \"SELECT Id FROM Account\"\n", ""},
		{"words are no SQL", "internal/edge/web/x.go", "package web\nconst b = \"Update the list\"\nconst c = \"Select all\"\nconst d = \"DELETE\"\n", ""},

		{"an empty name", "internal/flow/util/x.go", "package util\n", "names"},
		{"an empty folder name", "sandbox/common/x.go", "package kit\n", "names"},
		{"a long file", "internal/flow/sync/x.go", "package sync\n" + strings.Repeat("\n", maxLines), "length"},
		{"a long generated file", "internal/edge/web/x_templ.go", "// Code generated by templ - DO NOT EDIT.\n\npackage web\n" + strings.Repeat("\n", maxLines), ""},
		{"a nested module is not ours", "bench/util/x.go", "package util\n", ""},
	} {
		tree := fstest.MapFS{
			"go.mod":       {Data: []byte("module example.com/t\n")},
			"bench/go.mod": {Data: []byte("module example.com/t/bench\n")},
			c.file:         {Data: []byte(c.text)},
		}
		found, err := Check(tree)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var rules []string
		for _, v := range found {
			rules = append(rules, v.Rule)
		}
		if rules = slices.Compact(rules); strings.Join(rules, " ") != c.rule {
			t.Errorf("%s: broke %q, want %q: %v", c.name, rules, c.rule, found)
		}
	}
}

func TestViolationNamesFileLineAndMend(t *testing.T) {
	t.Parallel()
	found, err := Check(fstest.MapFS{
		"go.mod":                   {Data: []byte("module example.com/t\n")},
		"internal/base/money/a.go": {Data: []byte("package money\n\nimport _ \"example.com/t/internal/platform/db\"\n")},
	})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if want := "internal/base/money/a.go:3: floors: internal/platform/db is on the floor platform, above base: imports only go down"; found[0].String() != want {
		t.Error(found[0])
	}
}
