// Package api answers "how does a program do what a person can do on the
// pages?": the HTTP API below /api/v1, described by the OpenAPI document that it
// serves. It holds no rule of the business: each operation reads its input, asks
// a service, and writes what it says.
//
// What is the same for every operation stands in chain.go, in this order: the
// request id, who asks, the rate limit, the body, the Idempotency-Key. A caller
// is the owner of a personal token, or the actor that the browser session has put
// into the request's context (authz.With); protection against requests from other
// sites is the business of whoever puts it there.
package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/platform/idempotency"
)

// Prefix is the path below which the API answers.
const Prefix = "/api/v1"

// DefaultPerMinute is how many requests an actor may make in a minute.
const DefaultPerMinute = 600

// Option changes how the API is built.
type Option func(*server)

// PerMinute sets how many requests an actor may make in a minute, reads and
// writes together, in this process.
func PerMinute(n int) Option { return func(s *server) { s.limiter = newLimiter(s.app.Clock, n) } }

type server struct {
	app       *app.App
	log       *slog.Logger
	mux       *http.ServeMux
	huma      huma.API
	limiter   *limiter
	keys      *idempotency.Store
	documents map[string]func() (document, error) // by path
	ifMatch   map[string]bool                     // patterns of the operations that compare versions
}

// New gives the handler of everything below Prefix. It may be mounted at
// Prefix+"/" of a mux that strips nothing.
func New(a *app.App, opts ...Option) (http.Handler, error) {
	s := &server{app: a, log: a.Log, mux: http.NewServeMux(), keys: idempotency.NewStore(a.DB, a.Clock), ifMatch: map[string]bool{}}
	s.limiter = newLimiter(a.Clock, DefaultPerMinute)
	for _, o := range opts {
		o(s)
	}
	s.huma = humago.NewWithPrefix(s.mux, Prefix, s.config())
	s.registerMe()
	s.registerAccounts()
	s.registerOpportunities()
	s.registerRegistrations()
	s.registerApprovals()
	s.registerFields()
	s.registerInvitations()
	s.registerActivities()
	s.registerIntros()
	s.registerHandOvers()
	s.registerWork()
	s.registerOversight()
	s.registerTagging()
	s.registerMapping()
	s.registerAutomation()
	s.registerRoutes()
	s.registerInvitationsMany()
	s.registerMachinery()
	s.registerViews()
	s.registerSettings()
	s.registerTeam()
	s.describe()
	return s, nil
}

func (s *server) config() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Tandem",
				Version: "1",
				Description: "Co-selling with AWS, Microsoft Azure and Google Cloud, beside Salesforce.\n\n" +
					"Every write takes an `Idempotency-Key`; a repeat gets the same answer and `Idempotency-Replayed: true`. " +
					"Every error is RFC 9457 problem details with a stable `code`. Lists go on with the cursor `next`.",
			},
			Servers: []*huma.Server{{URL: Prefix, Description: "This Tandem"}},
			Tags:    tags(),
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", BearerFormat: "tdm_…", Description: "A personal token. Its scopes are read, write and admin."},
					"session": {Type: "apiKey", In: "cookie", Name: "tandem_session", Description: "The session of a signed-in browser, from Tandem's own pages only."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{s.transform},
	}
}

// schemaName gives a shape its name in the document: TokenList, JobPage,
// CreateTokenRequest.
func schemaName(t reflect.Type, hint string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(huma.DefaultSchemaNamer(t, hint), "-") {
		b.WriteString(upperFirst(part))
	}
	name := b.String()
	if inner, ok := strings.CutPrefix(name, "All"); ok && strings.HasSuffix(inner, "Body") {
		return strings.TrimSuffix(inner, "Body") + "List"
	}
	if inner, ok := strings.CutPrefix(name, "Page"); ok {
		return inner + "Page"
	}
	if inner, ok := strings.CutSuffix(name, "InputBody"); ok {
		return inner + "Request"
	}
	return name
}

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "Me", Description: "Who asks, and what they may do."},
		{Name: "Work", Description: "What needs a person, the workspace in numbers, and search."},
		{Name: "Accounts", Description: "The companies of Salesforce."},
		{Name: "Opportunities", Description: "The deals of Salesforce, and which of them are joint."},
		{Name: "Registrations", Description: "Joint deals in the partners' portals."},
		{Name: "Activities", Description: "What happened on deals and accounts, made in Tandem, by the engine or in Salesforce."},
		{Name: "Approvals", Description: "What needs a Director's approval before it goes to a partner."},
		{Name: "Tagging", Description: "Deals whose partner and route fields in Salesforce are wrong, and their corrections."},
		{Name: "Automation", Description: "What Tandem does with Salesforce by itself: switches, runs, dry runs and weekly digests."},
		{Name: "Route conflicts", Description: "Deals that two sides claim, and by whose route they go."},
		{Name: "Oversight", Description: "Coverage, what was refused for good, and acts on many deals."},
		{Name: "Invitations", Description: "Deals and leads that partners offer us."},
		{Name: "Views", Description: "Saved views of lists."},
		{Name: "Settings", Description: "The rules of the team."},
		{Name: "Team", Description: "People, users and tokens."},
		{Name: "Machinery", Description: "Connections, sync runs, jobs and the audit log."},
	}
}

// describe sets out the OpenAPI document in its two forms. Each is written when it
// is first asked for: to write both took longer than all else before the first
// answer of the program.
func (s *server) describe() {
	doc := s.huma.OpenAPI()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(doc.Components.Schemas.Map(), unused)
	}
	written := func(kind string, write func() ([]byte, error)) func() (document, error) {
		return sync.OnceValues(func() (document, error) {
			body, err := write()
			if err != nil {
				return document{}, fmt.Errorf("api: describe: %w", err)
			}
			return newDocument(kind, body), nil
		})
	}
	s.documents = map[string]func() (document, error){
		Prefix + "/openapi.json": written("application/json", func() ([]byte, error) { return json.MarshalIndent(doc, "", "  ") }),
		Prefix + "/openapi.yaml": written("application/yaml", doc.YAML),
	}
}

func newDocument(kind string, body []byte) document {
	sum := sha256.Sum256(body)
	return document{kind: kind, body: body, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// problemSchema gives the schema of Problem, by reference.
func (s *server) problemSchema() *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
}

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// link writes the Link header of the next page, and its address.
func link(path, query string) (header, address string) {
	address = Prefix + path
	if query != "" {
		address += "?" + query
	}
	return "<" + strings.ReplaceAll(address, ">", "%3E") + `>; rel="next"`, address
}
