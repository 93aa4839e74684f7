// Package sandbox starts the faithful local servers of the outside systems on
// loopback ports, seeded and with their state kept in a folder, so that Tandem
// and anybody's client can be tried against them.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
	"github.com/tandem-cosell/tandem/sandbox/google"
	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/microsoft"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// The seeds: the demo organisation, or nothing but what a new organisation has.
const (
	SeedDemo  = "demo"
	SeedEmpty = "empty"
)

// Options says how to start the sandboxes.
type Options struct {
	Dir      string        // where state is kept; "" keeps it in memory only
	PortBase int           // the first port; 0 lets the system choose
	Seed     string        // SeedDemo or SeedEmpty; a folder keeps the seed it was made with
	Faults   string        // a spec of kit.ParseFaults, "" for none
	Offset   time.Duration // how far the sandboxes' clocks are ahead of the machine's
	Logger   *slog.Logger  // nil is silent
	Demo     demo.Options  // of the seed; zero fields have their defaults

	Quotas      aws.Quotas    // of Partner Central; zero are the published ones
	AutoReview  bool          // AWS's reviewer and Microsoft's seller decide by themselves; otherwise POST /_control/review and …/seller do
	ReviewDelay time.Duration // how long they take
	TaskDelay   time.Duration // how long a submission's task takes
}

// Services says how to reach the sandboxes.
type Services struct {
	AWS        AWS        `json:"aws"`
	Microsoft  Microsoft  `json:"microsoft"`
	Salesforce Salesforce `json:"salesforce"`
	Google     Google     `json:"google"`
}

// AWS says how to reach Partner Central.
type AWS struct {
	URL             string `json:"url"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	Region          string `json:"region"`
	AccountID       string `json:"account_id"`
}

// Microsoft says how to reach Partner Center. Solutions are as
// TANDEM_MICROSOFT_SOLUTIONS takes them.
type Microsoft struct {
	URL          string `json:"url"`
	LoginURL     string `json:"login_url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Username     string `json:"username"`
	Password     string `json:"password"`
	RefreshToken string `json:"refresh_token"`
	Solutions    string `json:"solutions"`
}

// Salesforce says how to reach the organisation.
type Salesforce struct {
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	// PubSub is where the Pub/Sub API is, as host:port: by TLS with a certificate of
	// the authority in the file PubSubCA (none without a folder), or in the clear.
	PubSub   string `json:"pubsub"`
	PubSubCA string `json:"pubsub_ca,omitempty"`
}

// Google says how to reach Cloud Channel, Pub/Sub and the token endpoint. KeyFile is
// the text of the service account's key file, Subscription one on the topic of opportunity events.
type Google struct {
	URL          string `json:"url"`
	Partner      string `json:"partner"`
	Subscription string `json:"subscription"`
	KeyFile      string `json:"key_file"`
}

// Fleet is the running sandboxes.
type Fleet struct {
	Services   Services
	AWS        *aws.Server
	Microsoft  *microsoft.Server
	Salesforce *salesforce.Server
	Google     *google.Server

	servers []*http.Server
	events  *grpc.Server
	failed  chan error
}

// Start starts every sandbox and gives them when all are ready. A port in use,
// a state file that is damaged and a fault spec that cannot be read are errors
// that say so.
func Start(ctx context.Context, opt Options) (*Fleet, error) {
	if opt.Seed == "" {
		opt.Seed = SeedDemo
	}
	if opt.Seed != SeedDemo && opt.Seed != SeedEmpty {
		return nil, fmt.Errorf("%q is not a seed: use demo or empty", opt.Seed)
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{failed: make(chan error, 3)}
	if err := f.start(ctx, opt); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fleet) start(ctx context.Context, opt Options) error {
	faultsAWS, err := kit.ParseFaults(opt.Faults)
	if err != nil {
		return err
	}
	faultsSF, err := kit.ParseFaults(opt.Faults)
	if err != nil {
		return err
	}
	faultsGoogle, err := kit.ParseFaults(opt.Faults)
	if err != nil {
		return err
	}
	clock := kit.NewClock()
	clock.Advance(opt.Offset)
	seeded, err := prepare(opt.Dir)
	if err != nil {
		return err
	}
	if f.Salesforce, err = salesforce.New(salesforce.Options{StatePath: path(opt.Dir, "salesforce.journal"), Clock: clock, Logger: opt.Logger, Faults: faultsSF}); err != nil {
		return fmt.Errorf("salesforce sandbox: %w", err)
	}
	var entities []aws.Entity
	for _, s := range demo.Solutions() {
		created, err := time.Parse(time.DateOnly, s.CreatedOn)
		if err != nil {
			return fmt.Errorf("solution %s: %w", s.ID, err)
		}
		for _, catalog := range []string{"AWS", "Sandbox"} {
			entities = append(entities, aws.Entity{Catalog: catalog, Type: "Solutions", ID: s.ID, Name: s.Name, Category: s.Category, Status: s.Status, Created: created})
		}
	}
	if f.AWS, err = aws.New(aws.Options{
		StatePath: path(opt.Dir, "aws.journal"), Clock: clock, Logger: opt.Logger, CompanyName: demo.Vendor, Quotas: opt.Quotas,
		TaskDelay: opt.TaskDelay, ReviewDelay: opt.ReviewDelay, AutoReview: opt.AutoReview, Faults: faultsAWS, Entities: entities,
	}); err != nil {
		return fmt.Errorf("aws sandbox: %w", err)
	}
	faultsMS, err := kit.ParseFaults(opt.Faults)
	if err != nil {
		return err
	}
	var solutions []microsoft.Solution
	for _, s := range demo.MicrosoftSolutions() {
		solutions = append(solutions, microsoft.Solution{ID: s.ID, Name: s.Name, Eligible: s.Category == demo.IPCoSell})
	}
	if f.Microsoft, err = microsoft.New(microsoft.Options{
		StatePath: path(opt.Dir, "microsoft.journal"), Clock: clock, Logger: opt.Logger, Faults: faultsMS, OrganizationName: demo.Vendor, Solutions: solutions,
		AutoSeller: opt.AutoReview, SellerDelay: opt.ReviewDelay,
	}); err != nil {
		return fmt.Errorf("microsoft sandbox: %w", err)
	}
	if f.Google, err = google.New(google.Options{
		StatePath: path(opt.Dir, "google.journal"), Clock: clock, Logger: opt.Logger, Faults: faultsGoogle, Subscription: googleSubscription,
		Quotas: google.Quotas{Off: opt.Quotas.Off}, AutoReview: opt.AutoReview, ReviewDelay: opt.ReviewDelay,
	}); err != nil {
		return err
	}
	if !seeded {
		if opt.Seed == SeedDemo {
			if opt.Demo.Today.IsZero() {
				opt.Demo.Today = clock.Now()
			}
			if _, err := f.Salesforce.Load(ctx, demo.Stream(opt.Demo)); err != nil {
				return fmt.Errorf("seed the salesforce sandbox: %w", err)
			}
		}
		if err := finish(opt.Dir, opt.Seed); err != nil {
			return err
		}
	}
	return f.serve(ctx, opt)
}

// googleSubscription hears of Google's opportunities from the start.
const googleSubscription = "tandem"

// seedFile marks a folder whose seed is whole.
const seedFile = "seeded"

// prepare makes the folder and says whether it was seeded. What a start that
// was killed in the middle of the seed left behind is removed.
func prepare(dir string) (seeded bool, err error) {
	if dir == "" {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("the sandboxes' folder %s cannot be made: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, seedFile)); err == nil {
		return true, nil
	}
	for _, name := range []string{"salesforce.journal", "salesforce.journal.jobs", "aws.journal", "microsoft.journal", "google.journal"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return false, err
		}
	}
	return false, nil
}

func finish(dir, seed string) error {
	if dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, seedFile), []byte(seed+"\n"), 0o600)
}

func path(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

func (f *Fleet) serve(ctx context.Context, opt Options) error {
	base := opt.PortBase
	awsURL, err := f.listen(ctx, base, 0, f.AWS.Handler())
	if err != nil {
		return err
	}
	sfURL, err := f.listen(ctx, base, 1, f.Salesforce.Handler())
	if err != nil {
		return err
	}
	pubsub, authority, err := f.listenEvents(ctx, opt)
	if err != nil {
		return err
	}
	msURL, err := f.listen(ctx, base, 3, f.Microsoft.Handler())
	if err != nil {
		return err
	}
	var sold []string
	for _, s := range f.Microsoft.Solutions() {
		sold = append(sold, s.ID+"="+s.Name)
	}
	ms := f.Microsoft.Credentials()
	googleURL, err := f.listen(ctx, base, 4, f.Google.Handler())
	if err != nil {
		return err
	}
	keyFile, err := f.Google.Credentials(googleURL)
	if err != nil {
		return fmt.Errorf("google sandbox: %w", err)
	}
	key, secret := f.AWS.Credentials()
	id, clientSecret := f.Salesforce.Credentials()
	f.Services = Services{
		AWS: AWS{URL: awsURL, AccessKeyID: key, SecretAccessKey: secret, Region: f.AWS.Region(), AccountID: f.AWS.AccountID()},
		Microsoft: Microsoft{
			URL: msURL, LoginURL: msURL + "/common", ClientID: ms.ClientID, ClientSecret: ms.ClientSecret, Username: ms.Username, Password: ms.Password,
			RefreshToken: ms.RefreshToken, Solutions: strings.Join(sold, ";"),
		},
		Salesforce: Salesforce{URL: sfURL, ClientID: id, ClientSecret: clientSecret, PubSub: pubsub, PubSubCA: authority},
		Google: Google{
			URL: googleURL, Partner: f.Google.Partner(), Subscription: "projects/" + f.Google.Project() + "/subscriptions/" + googleSubscription, KeyFile: string(keyFile),
		},
	}
	return nil
}

// listenEvents serves the Pub/Sub API, and says where and with which authority's
// certificate.
func (f *Fleet) listenEvents(ctx context.Context, opt Options) (address, authority string, err error) {
	server, certificate, err := f.Salesforce.EventServer()
	if err != nil {
		return "", "", err
	}
	if opt.Dir != "" {
		authority = filepath.Join(opt.Dir, "pubsub-ca.pem")
		if err := os.WriteFile(authority, certificate, 0o600); err != nil {
			return "", "", err
		}
	}
	ln, err := port(ctx, opt.PortBase, 2)
	if err != nil {
		return "", "", err
	}
	f.events = server
	go func() {
		if err := server.Serve(ln); err != nil {
			f.failed <- err
		}
	}()
	return ln.Addr().String(), authority, nil
}

// port opens the n-th port after base, any when base is 0.
func port(ctx context.Context, base, n int) (net.Listener, error) {
	number := 0
	if base > 0 {
		number = base + n
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
	if err != nil {
		return nil, fmt.Errorf("a sandbox cannot listen: %w", err)
	}
	return ln, nil
}

func (f *Fleet) listen(ctx context.Context, base, n int, h http.Handler) (string, error) {
	ln, err := port(ctx, base, n)
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, Protocols: google.Protocols()}
	f.servers = append(f.servers, srv)
	go func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			f.failed <- err
		}
	}()
	return "http://" + ln.Addr().String(), nil
}

// Failed gives the error of a sandbox that stopped serving by itself.
func (f *Fleet) Failed() <-chan error { return f.failed }

// Close stops the sandboxes and closes their state.
func (f *Fleet) Close() error {
	var err error
	if f.events != nil {
		f.events.Stop()
	}
	for _, s := range f.servers {
		err = errors.Join(err, s.Close())
	}
	if f.AWS != nil {
		err = errors.Join(err, f.AWS.Close())
	}
	if f.Microsoft != nil {
		err = errors.Join(err, f.Microsoft.Close())
	}
	if f.Salesforce != nil {
		err = errors.Join(err, f.Salesforce.Close())
	}
	if f.Google != nil {
		err = errors.Join(err, f.Google.Close())
	}
	return err
}
