// Package clients answers "would the vendors' own libraries notice that they talk
// to our sandboxes": it drives the sandboxes with the unmodified npm packages
// @aws-sdk/client-partnercentral-selling, jsforce and salesforce-pubsub-api-client,
// through the calls of the main job. The scripts beside this file hold the checks.
package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce/pack"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestAWSClientDoesTheMainJob(t *testing.T) {
	t.Parallel()
	runAWS(t, "aws.mjs")
}

func TestAWSClientUsesEveryOperation(t *testing.T) {
	t.Parallel()
	runAWS(t, "aws-all.mjs")
}

func runAWS(t *testing.T, script string) {
	t.Helper()
	needNode(t)
	server, err := aws.New(aws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, server.Close) })
	url := serve(t, server.Handler())
	keyID, secret := server.Credentials()
	runScript(t, script,
		"AWS_ENDPOINT_URL="+url,
		"AWS_ACCESS_KEY_ID="+keyID,
		"AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_REGION="+server.Region(),
		"CONTROL_URL="+url,
	)
}

func TestSalesforceClientDoesTheMainJob(t *testing.T) {
	t.Parallel()
	needNode(t)
	server, err := salesforce.New(salesforce.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, server.Close) })
	if _, err := server.Load(t.Context(), demo.Generate(demo.Options{Seed: 1}).Records()); err != nil {
		t.Fatal(err)
	}
	url := serve(t, server.Handler())
	id, secret := server.Credentials()
	runScript(t, "salesforce.mjs",
		"SALESFORCE_URL="+url,
		"SALESFORCE_CLIENT_ID="+id,
		"SALESFORCE_CLIENT_SECRET="+secret,
		"CONTROL_URL="+url+"/_control",
	)
	if calls := requests(t, url); calls < 60 {
		t.Errorf("the client made %d calls, at least 60 are wanted", calls)
	}
}

func TestSalesforcesEventsReachAClient(t *testing.T) {
	t.Parallel()
	needNode(t)
	fleet, err := sandbox.Start(t.Context(), sandbox.Options{Seed: sandbox.SeedEmpty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, fleet.Close) })
	sf := fleet.Services.Salesforce
	runScript(t, "salesforce-events.mjs",
		"SALESFORCE_URL="+sf.URL,
		"SALESFORCE_CLIENT_ID="+sf.ClientID,
		"SALESFORCE_CLIENT_SECRET="+sf.ClientSecret,
		"PUBSUB_ENDPOINT="+sf.PubSub,
	)
	if calls := requests(t, sf.URL); calls < 40 {
		t.Errorf("the client made %d calls, at least 40 are wanted", calls)
	}
}

// requests says how many calls the sandbox has answered.
func requests(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url + "/_control/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, resp.Body.Close)
	var stats struct {
		Requests int `json:"requests"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls", stats.Requests)
	return stats.Requests
}

func TestSalesforcesOwnLibraryTakesThePackage(t *testing.T) {
	t.Parallel()
	needNode(t)
	dir := filepath.Join(t.TempDir(), "package")
	if err := pack.Write(dir); err != nil {
		t.Fatal(err)
	}
	runScript(t, "package-check.mjs", "PACKAGE_DIR="+dir)
}

// needNode fails in CI, and skips elsewhere, when the clients aren't installed.
func needNode(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "this test needs Node 18 or newer: apt-get install nodejs npm"
	} else if _, err := os.Stat(filepath.Join("node_modules", "jsforce", "package.json")); err != nil {
		missing = "the clients aren't installed: make test does it, or npm ci in e2e/clients"
	}
	switch {
	case missing == "":
	case os.Getenv("CI") != "":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func closed(t *testing.T, closing func() error) {
	t.Helper()
	if err := closing(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// runScript runs one script with nothing of our environment but the path, so
// that no profile or proxy of the machine gets in between.
func runScript(t *testing.T, script string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "AWS_EC2_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	t.Logf("%s", out)
}
