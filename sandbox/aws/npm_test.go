package aws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// TestUnmodifiedNpmClientWorks runs e2e/clients/aws.mjs with AWS's own client
// for JavaScript. It needs Node and "npm ci" in e2e/clients.
func TestUnmodifiedNpmClientWorks(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node is not installed")
	}
	folder := filepath.Join("..", "..", "e2e", "clients")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@aws-sdk", "client-partnercentral-selling", "dist-cjs", "index.js")); err != nil {
		t.Skip("the package is not installed: run npm ci in e2e/clients")
	}
	b := newBench(t, aws.Options{Clock: kit.NewClock(), TaskDelay: 200 * time.Millisecond, ReviewDelay: 48 * time.Hour, Quotas: aws.Quotas{WritesPerSecond: 1}})
	key, secret := b.srv.Credentials()
	cmd := exec.CommandContext(t.Context(), node, "aws.mjs")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+b.url, "CONTROL_URL="+b.url, "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-east-1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
