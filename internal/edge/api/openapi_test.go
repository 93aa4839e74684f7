package api_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

type document struct {
	OpenAPI    string                               `json:"openapi" yaml:"openapi"`
	Info       map[string]string                    `json:"info"`
	Servers    []struct{ URL string }               `json:"servers"`
	Tags       []struct{ Name, Description string } `json:"tags"`
	Paths      map[string]map[string]described      `json:"paths"`
	Components struct {
		Schemas         map[string]any            `json:"schemas"`
		SecuritySchemes map[string]map[string]any `json:"securitySchemes"`
	} `json:"components"`
}

type described struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Tags        []string              `json:"tags"`
	Action      string                `json:"x-tandem-action"`
	Security    []map[string][]string `json:"security"`
	Parameters  []struct {
		Name, In, Description string
		Required              bool
		Schema                map[string]any
	} `json:"parameters"`
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema map[string]any }
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema map[string]any }
	} `json:"responses"`
}

func (d described) scope() string { return d.Security[0]["token"][0] }

func openAPI(t *testing.T) document {
	t.Helper()
	return into[document](t, shared.do(t, call{token: "-", method: http.MethodGet, path: "/openapi.json"}).want(t, http.StatusOK))
}

// operations runs a test for every operation of the document, so that a new one
// is covered by itself.
func operations(t *testing.T, test func(t *testing.T, method, path string, d described)) {
	t.Helper()
	for path, methods := range openAPI(t).Paths {
		for method, d := range methods {
			t.Run(d.OperationID, func(t *testing.T) {
				t.Parallel()
				test(t, strings.ToUpper(method), path, d)
			})
		}
	}
}

var variable = regexp.MustCompile(`\{(\w+)\}`)

// concrete fills a path's variables with ids that are well-formed and unknown.
func concrete(path string) string {
	return variable.ReplaceAllStringFunc(path, func(v string) string {
		switch {
		case v == "{cloud}":
			return "aws"
		case v == "{action}":
			return "stage"
		case v == "{version}" || strings.HasPrefix(path, "/jobs"):
			return "999999999"
		}
		return "xxx_00000000000000000000000000"
	})
}

func TestTheDocumentIsOpenAPI31AndWhole(t *testing.T) {
	t.Parallel()
	doc := openAPI(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info["title"] == "" || doc.Info["version"] == "" {
		t.Errorf("openapi %q, info %v", doc.OpenAPI, doc.Info)
	}
	if len(doc.Servers) != 1 || doc.Servers[0].URL != "/api/v1" {
		t.Errorf("servers %v", doc.Servers)
	}
	if len(doc.Paths) < 30 {
		t.Errorf("only %d paths", len(doc.Paths))
	}
	var known []string
	for _, tag := range doc.Tags {
		if tag.Description == "" {
			t.Errorf("the tag %s has no description", tag.Name)
		}
		known = append(known, tag.Name)
	}
	ids := map[string]bool{}
	operations(t, func(t *testing.T, method, path string, d described) {
		if d.OperationID == "" || d.Summary == "" || len(d.Tags) != 1 || !slices.Contains(known, d.Tags[0]) {
			t.Errorf("%s %s: id %q, summary %q, tags %v", method, path, d.OperationID, d.Summary, d.Tags)
		}
		if len(d.Security) != 2 || len(d.Security[0]["token"]) != 1 || !slices.Contains(authz.Scopes(), d.scope()) || d.Security[1]["session"] == nil {
			t.Fatalf("security %v", d.Security)
		}
		if got := authz.Action(d.Action).Scope(); got != d.scope() {
			t.Errorf("action %s needs scope %s, the document says %s", d.Action, got, d.scope())
		}
		for _, status := range []string{"401", "403", "422", "429", "500", "503"} {
			r, ok := d.Responses[status]
			if !ok || r.Content["application/problem+json"].Schema["$ref"] != "#/components/schemas/Problem" {
				t.Errorf("answer %s is %v", status, r)
			}
		}
		good := 0
		for status, r := range d.Responses {
			if r.Description == "" {
				t.Errorf("answer %s has no description", status)
			}
			if status[0] == '2' {
				good++
			}
		}
		if good == 0 {
			t.Error("no answer 2xx")
		}
		var declared []string
		for _, p := range d.Parameters {
			if p.Schema == nil {
				t.Errorf("parameter %s has no schema", p.Name)
			}
			if p.In == "path" {
				declared = append(declared, "{"+p.Name+"}")
			}
		}
		wanted := variable.FindAllString(path, -1)
		slices.Sort(declared)
		slices.Sort(wanted)
		if !slices.Equal(declared, wanted) {
			t.Errorf("path parameters %v, declared %v", wanted, declared)
		}
		if method != http.MethodGet && !slices.ContainsFunc(d.Parameters, func(p struct {
			Name, In, Description string
			Required              bool
			Schema                map[string]any
		},
		) bool {
			return p.Name == "Idempotency-Key" && p.In == "header"
		}) {
			t.Error("a write without Idempotency-Key")
		}
	})
	for _, methods := range doc.Paths {
		for _, d := range methods {
			if ids[d.OperationID] {
				t.Errorf("operation id %s occurs twice", d.OperationID)
			}
			ids[d.OperationID] = true
		}
	}
}

func TestEveryReferenceInTheDocumentLeadsSomewhereAndEverySchemaIsUsed(t *testing.T) {
	t.Parallel()
	a := shared.do(t, call{token: "-", method: http.MethodGet, path: "/openapi.json"}).want(t, http.StatusOK)
	doc := into[map[string]any](t, a)
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			if ref, ok := x["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/components/schemas/")
				if _, ok := schemas[name]; !ok {
					t.Errorf("%s leads nowhere", ref)
				}
				used[name] = true
			}
			for _, y := range x {
				walk(y)
			}
		case []any:
			for _, y := range x {
				walk(y)
			}
		}
	}
	walk(doc)
	for name, v := range schemas {
		if !used[name] {
			t.Errorf("nothing uses the schema %s", name)
		}
		if !regexp.MustCompile(`^[a-zA-Z0-9._-]+$`).MatchString(name) {
			t.Errorf("%q is no name of a component", name)
		}
		s := v.(map[string]any)
		if s["type"] != "object" {
			continue
		}
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, r := range required {
			if _, ok := properties[r.(string)]; !ok {
				t.Errorf("%s requires %s, which it does not have", name, r)
			}
		}
	}
}

func TestTheDocumentIsServedAsYAMLTooAndToEverybody(t *testing.T) {
	t.Parallel()
	a := shared.do(t, call{token: "-", method: http.MethodGet, path: "/openapi.yaml"}).want(t, http.StatusOK)
	var doc struct {
		OpenAPI string         `yaml:"openapi"`
		Paths   map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Paths) != len(openAPI(t).Paths) {
		t.Errorf("openapi %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	tag := a.header.Get("ETag")
	shared.do(t, call{token: "-", method: http.MethodGet, path: "/openapi.yaml", header: map[string]string{"If-None-Match": tag}}).want(t, http.StatusNotModified)
	shared.do(t, call{token: "-", method: http.MethodPost, path: "/openapi.yaml"}).refusal(t, http.StatusMethodNotAllowed, "method_not_allowed")
}

func TestThePageOfDocumentationNamesEveryOperation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range openAPI(t).Paths {
		for method, d := range methods {
			line := "| `" + strings.ToUpper(method) + " " + path + "` | " + d.Summary + " | " + d.scope() + " |"
			if !strings.Contains(string(page), line) {
				t.Errorf("docs/api.md lacks the line %s", line)
			}
		}
	}
}
