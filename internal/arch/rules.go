package arch

// floors, lowest first. A package imports its own floor and those below.
var floors = []string{"base", "platform", "domain", "connect", "flow", "app", "edge"}

// domainOrder lists the domain packages, lowest first: one imports only those
// before it. This is the one place of that list.
var domainOrder = []string{
	"team",
	"account",
	"opportunity",
	"registration",
	"handover",
	"activity",
	"intro",
	"approval",
	"invitation",
	"tagging",
	"mapping",
	"route",
	"offer",
	"connection",
	"automation",
	"view",
	"workspace",
	"coverage",
	"attention",
	"bulk",
}

// leaves stand alone: of internal/ they import only what is listed.
var leaves = []struct {
	dir string
	may []string
}{
	{"match", nil},
	{"facts", nil},
	{"sandbox", []string{"internal/base"}},
}

// sandboxUsers may import the sandboxes, beside tests.
var sandboxUsers = []string{"cmd", "internal/app", "internal/edge/cli"}

// bannedImports are packages that a folder must not know; tests may.
var bannedImports = []struct {
	dir     string
	imports []string
	why     string
}{
	{
		"internal/domain",
		[]string{"net/http", "github.com/riverqueue/river", "riverqueue.com", "github.com/alecthomas/kong", "github.com/alecthomas/kong-yaml", "github.com/a-h/templ"},
		"a business rule knows neither the web nor the job runner nor the command line",
	},
	{
		"internal/base",
		[]string{"net/http", "os", "database/sql", "github.com/riverqueue/river"},
		"base holds values and does no input or output",
	},
	{
		"internal/edge",
		[]string{"database/sql"},
		"an edge asks a domain service",
	},
}

// sqlPlaces may hold statements outside store.go: the database layer itself, and
// the Salesforce client, whose language SOQL looks the same.
var sqlPlaces = []string{"internal/platform/db", "internal/connect/salesforce"}

// bannedNames are package names that say nothing.
var bannedNames = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "type", "types", "manager", "managers"}

// maxLines is how long a file that no program wrote may be.
const maxLines = 600

// longFiles may be longer, each for a reason given here.
var longFiles = []string{}
