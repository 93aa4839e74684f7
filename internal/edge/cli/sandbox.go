package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

type sandboxCmd struct {
	JSON          bool          `name:"json" help:"Print one line of JSON with addresses and credentials when all sandboxes are ready."`
	PortBase      int           `name:"port-base" help:"First port; the sandboxes take this one and those after it. 0 lets the system choose." default:"0"`
	Seed          string        `help:"What the organisation holds at first." enum:"demo,empty" default:"demo"`
	DataDir       string        `name:"data-dir" help:"Folder to keep state in. Empty keeps it in memory." type:"path"`
	Fault         string        `help:"Troubles to inject: latency=50ms,jitter=20ms,throttle=0.1,error=0.05,reset=0.02,truncate=0.01,lost_reply=0.02,lag=3s,seed=7." placeholder:"SPEC"`
	Clock         string        `help:"Where the sandboxes' clocks stand: +24h is a day ahead, or an instant like 2026-12-01T09:00:00Z." placeholder:"WHEN"`
	AutoReview    bool          `name:"auto-review" help:"Let AWS's reviewer and Microsoft's seller decide by themselves, instead of POST /_control/review and /_control/seller."`
	ReviewDelay   time.Duration `name:"review-delay" help:"How long a review takes." default:"2s"`
	NoQuotas      bool          `name:"no-quotas" help:"Turn Partner Central's quotas off."`
	Accounts      int           `help:"Accounts of the demo organisation." default:"400"`
	Opportunities int           `help:"Opportunities of the demo organisation." default:"1500"`
	RandomSeed    uint64        `name:"random-seed" help:"Seed of the demo organisation's generator." default:"1"`
	LogLevel      string        `name:"log-level" help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"warn"`
}

// Help gives an example.
func (sandboxCmd) Help() string {
	return `The sandboxes speak the real protocols, keep state and say no. Each has a control interface below /_control/.

Examples:
  tandem sandbox --json --auto-review
  tandem sandbox --port-base 9100 --seed empty --fault latency=100ms,throttle=0.05 --clock +24h`
}

// Run serves the sandboxes until it is interrupted.
func (c *sandboxCmd) Run(r *run) error {
	offset, err := clockOffset(c.Clock, time.Now())
	if err != nil {
		return err
	}
	log, err := r.log(&app.Config{LogLevel: c.LogLevel})
	if err != nil {
		return err
	}
	fleet, err := sandbox.Start(r.ctx, sandbox.Options{
		Dir: c.DataDir, PortBase: c.PortBase, Seed: c.Seed, Faults: c.Fault, Offset: offset, Logger: log,
		AutoReview: c.AutoReview, ReviewDelay: c.ReviewDelay, TaskDelay: 200 * time.Millisecond, Quotas: aws.Quotas{Off: c.NoQuotas},
		Demo: demo.Options{Seed: c.RandomSeed, Accounts: c.Accounts, Opportunities: c.Opportunities},
	})
	if err != nil {
		return &problem.Error{Kind: problem.KindConflict, Code: "sandbox", Message: "The sandboxes did not start", Err: err}
	}
	if c.JSON {
		err = r.print(map[string]any{"services": fleet.Services})
	} else {
		s := &fleet.Services
		r.say("Salesforce           %s\n  client id          %s\n  client secret      %s\n  Pub/Sub API        %s\n", s.Salesforce.URL, s.Salesforce.ClientID, s.Salesforce.ClientSecret, s.Salesforce.PubSub)
		r.say("AWS Partner Central  %s\n  access key id      %s\n  secret access key  %s\n", s.AWS.URL, s.AWS.AccessKeyID, s.AWS.SecretAccessKey)
		r.say("Microsoft            %s\n  client id          %s\n  client secret      %s\n  refresh token      %s\n", s.Microsoft.URL, s.Microsoft.ClientID, s.Microsoft.ClientSecret, s.Microsoft.RefreshToken)
		r.say("Google Cloud         %s\n  partner            %s\n  subscription       %s\n  key file           %s\nCtrl-C ends them.\n", s.Google.URL, s.Google.Partner, s.Google.Subscription, s.Google.URL+"/_control/credentials")
	}
	if err == nil {
		err = wait(r.ctx, fleet)
	}
	if cerr := fleet.Close(); err == nil {
		err = cerr
	}
	return err
}

func wait(ctx context.Context, fleet *sandbox.Fleet) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-fleet.Failed():
		return err
	}
}

// clockOffset reads "+24h", "-30m" or an instant.
func clockOffset(s string, now time.Time) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, problem.Invalid("clock", "malformed", fmt.Sprintf("%q is not a span like +24h or -30m", s))
		}
		return d, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, problem.Invalid("clock", "malformed", fmt.Sprintf("%q is neither a span like +24h nor an instant like 2026-12-01T09:00:00Z", s))
	}
	return t.Sub(now), nil
}
