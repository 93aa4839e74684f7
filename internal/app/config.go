package app

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/microsoft"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
)

// Config is all that a deployment sets: by flags, by TANDEM_* variables or in a
// file, in that order of precedence (see internal/edge/cli).
type Config struct {
	DataDir  string `name:"data-dir" help:"Folder for the embedded database and the lock." default:"./tandem-data" type:"path" env:"TANDEM_DATA_DIR"`
	Database string `help:"Database: a path for SQLite, or postgres://user:password@host/name. Empty is DATA-DIR/tandem.db." env:"TANDEM_DATABASE"`
	Listen   string `help:"Address that pages and API are served on." default:"127.0.0.1:8080" env:"TANDEM_LISTEN"`
	BaseURL  string `name:"base-url" help:"Address under which people reach Tandem, if it is not the one listened on." env:"TANDEM_BASE_URL"`
	Role     string `help:"What this process does: serve pages and API (web), run jobs (worker), or both (all)." enum:"all,web,worker" default:"all" env:"TANDEM_ROLE"`
	Workers  int    `help:"Jobs run at the same time." default:"8" env:"TANDEM_WORKERS"`

	LogLevel  string `name:"log-level" help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"TANDEM_LOG_LEVEL"`
	LogFormat string `name:"log-format" help:"auto (text on a terminal, else JSON), text or json." enum:"auto,text,json" default:"auto" env:"TANDEM_LOG_FORMAT"`

	SyncEvery    time.Duration `name:"sync-every" help:"How often Salesforce is read." default:"5m" env:"TANDEM_SYNC_EVERY"`
	MetricsToken string        `name:"metrics-token" help:"Bearer token for /metrics; without one only this machine may read it." env:"TANDEM_METRICS_TOKEN"`

	Salesforce SalesforceConfig `embed:"" prefix:"salesforce-" envprefix:"TANDEM_SALESFORCE_"`
	AWS        AWSConfig        `embed:"" prefix:"aws-" envprefix:"TANDEM_AWS_"`
	Microsoft  MicrosoftConfig  `embed:"" prefix:"microsoft-" envprefix:"TANDEM_MICROSOFT_"`
	Google     GoogleConfig     `embed:"" prefix:"google-" envprefix:"TANDEM_GOOGLE_"`

	// Set by the program itself, not by people.
	Version     string            `kong:"-"`
	Environment string            `kong:"-"` // shown on every page, such as "Demo data"
	Pace        registration.Pace `kong:"-"` // zero is registration.DefaultPace
	Every       sync.Every        `kong:"-"` // zero has the defaults of New
}

// SalesforceConfig says which organisation is the system of record.
type SalesforceConfig struct {
	URL          string `help:"My Domain address of the organisation, https://NAME.my.salesforce.com. Empty: not connected." env:"URL"`
	ClientID     string `name:"client-id" help:"Consumer key of the External Client App." env:"CLIENT_ID"`
	ClientSecret string `name:"client-secret" help:"Consumer secret, for the client credentials flow." env:"CLIENT_SECRET"`
	Username     string `help:"User name, for the JWT bearer flow." env:"USERNAME"`
	KeyFile      string `name:"key-file" help:"PEM file with the private key, for the JWT bearer flow." type:"path" env:"KEY_FILE"`
	APIVersion   string `name:"api-version" help:"API version, such as 67.0. Empty: the newest that both know." env:"API_VERSION"`
	Currency     string `help:"Currency of an organisation without multiple currencies." default:"USD" env:"CURRENCY"`

	DailyShare  float64       `name:"daily-share" help:"Part of the organisation's daily calls and bulk jobs that background work may use, the rest being left to people and other integrations; 0 is 0.8." default:"0.8" env:"DAILY_SHARE"`
	Events      string        `help:"Follow changes as they happen, by Change Data Capture over the Pub/Sub API (on), or poll only (off)." enum:"on,off" default:"off" env:"EVENTS"`
	EventsURL   string        `name:"events-url" help:"Address of the Pub/Sub API." default:"https://api.pubsub.salesforce.com:7443" env:"EVENTS_URL"`
	EventsTopic string        `name:"events-topic" help:"Channel of the change events: of all selected objects, or one of your own." default:"/data/ChangeEvents" env:"EVENTS_TOPIC"`
	EventsNet   time.Duration `name:"events-net" help:"How often Salesforce is read as a safety net while changes are followed." default:"30m" env:"EVENTS_NET"`

	BulkFrom int64 `name:"bulk-from" help:"From how many records on an object is read by a Bulk API job, not page by page; 0 is 50000." default:"50000" env:"BULK_FROM"`
}

// AWSConfig says which Partner Central account is registered in.
type AWSConfig struct {
	Endpoint        string  `help:"Address of the Selling API." default:"https://partnercentral-selling.us-east-1.api.aws" env:"ENDPOINT"`
	Region          string  `help:"Region that requests are signed for." default:"us-east-1" env:"REGION"`
	Catalog         string  `help:"AWS for the real thing, Sandbox to try." enum:"AWS,Sandbox" default:"AWS" env:"CATALOG"`
	AccessKeyID     string  `name:"access-key-id" help:"Access key id. Empty: not connected." env:"ACCESS_KEY_ID"`
	SecretAccessKey string  `name:"secret-access-key" help:"Secret access key." env:"SECRET_ACCESS_KEY"`
	SessionToken    string  `name:"session-token" help:"Session token, for temporary credentials." env:"SESSION_TOKEN"`
	Company         string  `help:"Our company's name, as the customer's expected spend names it." default:"Us" env:"COMPANY"`
	UseCase         string  `name:"use-case" help:"Customer use case of our product, in AWS's words." default:"Web development & DevOps" env:"USE_CASE"`
	WebhookKey      string  `name:"webhook-key" help:"Key that an EventBridge API destination sends with AWS's events to /hooks/aws. Empty: there is no such address." env:"WEBHOOK_KEY"`
	WritesPerSecond float64 `name:"writes-per-second" help:"Write quota of the account." default:"1" env:"WRITES_PER_SECOND"`
	ReadsPerSecond  float64 `name:"reads-per-second" help:"Read quota of the account." default:"10" env:"READS_PER_SECOND"`
	LockPartnerID   bool    `name:"lock-partner-id" help:"Take our own id of an approved opportunity for locked, as AWS's documentation says; its field table lets it change." env:"LOCK_PARTNER_ID"`
}

// MicrosoftConfig says as whom Partner Center is registered in. The API acts for a
// signed-in user: one with the role Referrals admin, whose refresh token is set here
// once and renewed by itself from then on.
type MicrosoftConfig struct {
	Endpoint     string `help:"Address of the Referrals API." default:"https://api.partner.microsoft.com" env:"ENDPOINT"`
	HookEndpoint string `name:"hook-endpoint" help:"Address of the webhooks' API." default:"https://api.partnercenter.microsoft.com" env:"HOOK_ENDPOINT"`
	LoginURL     string `name:"login-url" help:"Address of the token server, with the tenant." default:"https://login.microsoftonline.com/common" env:"LOGIN_URL"`
	ClientID     string `name:"client-id" help:"Id of the app in Entra. Empty: not connected." env:"CLIENT_ID"`
	ClientSecret string `name:"client-secret" help:"The app's client secret." env:"CLIENT_SECRET"`
	SecretUntil  string `name:"secret-until" help:"Day on which the client secret ends, 2027-03-31, to be warned before." env:"SECRET_UNTIL"`
	RefreshToken string `name:"refresh-token" help:"Refresh token of a user with the role Referrals admin. A new one replaces what was renewed." env:"REFRESH_TOKEN"`
	DealType     string `name:"deal-type" help:"How deals are registered: co-sell asks Microsoft to help, partner-led shows the deal to its sellers, private shows it to nobody." enum:"co-sell,partner-led,private" default:"co-sell" env:"DEAL_TYPE"`
	Assistance   string `help:"Help that Microsoft is asked for." enum:"WorkloadSpecificValueProposition,CustomerTechnicalArchitecture,ProofOfConceptOrDemo,QuotesOrLicensing,PostSalesCustomerSuccess,GeneralOrOther" default:"WorkloadSpecificValueProposition" env:"ASSISTANCE"`
	Phone        string `help:"Phone number of our team, for whoever has none in Salesforce: Microsoft requires one." env:"PHONE"`
	Solutions    string `help:"Our co-sell ready solutions, SOL-1234-ABCD=Name;SOL-…=Name: Microsoft has no API that lists them." env:"SOLUTIONS"`
	WinAtOnce    bool   `name:"win-at-once" help:"Tell that a deal is won also within 72 hours of its creation, although it can then never be registered for incentives." env:"WIN_AT_ONCE"`

	WebhookRootFile  string   `name:"webhook-root-file" help:"PEM file with the roots that the certificates of Microsoft's events lead to. Empty: this machine's." type:"path" env:"WEBHOOK_ROOT_FILE"`
	WebhookCertHosts []string `name:"webhook-cert-host" help:"Hosts that Microsoft's certificates may be read from. Empty: events are not taken at /hooks/microsoft." env:"WEBHOOK_CERT_HOSTS"`
	WebhookForward   string   `name:"webhook-forward" help:"Address that each event is passed on to as it came, such as the one of the official connector: Microsoft tells one address only." env:"WEBHOOK_FORWARD"`
}

// GoogleConfig says how deals get into Google Cloud's partner portal.
type GoogleConfig struct {
	Carrier         string   `help:"How deals get to Google: hand-over (a person enters a filled form), or api (experimental, for partners that Google listed). Empty: not connected." enum:",hand-over,api" default:"" env:"CARRIER"`
	Partner         string   `help:"Account id of the partner at Google, 18 characters that begin with 0014; for api." env:"PARTNER"`
	KeyFile         string   `name:"key-file" help:"Key file of the service account with the role Integrator; for api." type:"path" env:"KEY_FILE"`
	Endpoint        string   `help:"Address of the Cloud Channel API." default:"https://cloudchannel.googleapis.com" env:"ENDPOINT"`
	PubSubEndpoint  string   `name:"pubsub-endpoint" help:"Address of Pub/Sub." default:"https://pubsub.googleapis.com" env:"PUBSUB_ENDPOINT"`
	Subscription    string   `help:"Subscription on Google's topic of opportunity events, projects/PROJECT/subscriptions/NAME. Empty: changes are found by asking." env:"SUBSCRIPTION"`
	ProductFamily   []string `name:"product-family" help:"Product families of our deals, in Google's words." env:"PRODUCT_FAMILY"`
	SupportLevel    string   `name:"support-level" help:"What we want of Google, in Google's words." env:"SUPPORT_LEVEL"`
	DeliveryModel   string   `name:"delivery-model" help:"How our product is delivered, in Google's words." env:"DELIVERY_MODEL"`
	ContractVehicle string   `name:"contract-vehicle" help:"How the customer buys, in Google's words." default:"CLOUD_MARKETPLACE" env:"CONTRACT_VEHICLE"`
	ContactCustomer bool     `name:"contact-customer" help:"Let Google contact the customer." env:"CONTACT_CUSTOMER"`
}

// The carriers of Google's deals.
const (
	GoogleHandOver = "hand-over"
	GoogleAPI      = "api"
)

// Validate reports every setting that cannot work, by the name of its flag.
func (c *Config) Validate() error {
	var bad problem.List
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad.Add("listen", "malformed", fmt.Sprintf("%q is not HOST:PORT", c.Listen))
	}
	if c.BaseURL != "" {
		if u, err := url.Parse(c.BaseURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad.Add("base-url", "malformed", fmt.Sprintf("%q is not an http or https address", c.BaseURL))
		}
	}
	if c.SyncEvery < 10*time.Second {
		bad.Add("sync-every", "too_short", "Read Salesforce at most every 10s: each read costs calls of its daily limit")
	}
	if s := c.Salesforce; s.URL != "" {
		if s.ClientID == "" {
			bad.Add("salesforce-client-id", "required", "Give the consumer key of the External Client App")
		}
		if s.ClientSecret == "" && (s.Username == "" || s.KeyFile == "") {
			bad.Add("salesforce-client-secret", "required", "Give the consumer secret, or a user name and a key file for the JWT bearer flow")
		}
		if s.DailyShare < 0 || s.DailyShare > 1 {
			bad.Add("salesforce-daily-share", "out_of_range", "Give a part between 0 and 1, such as 0.8")
		}
		if s.Events != "" && s.Events != "on" && s.Events != "off" {
			bad.Add("salesforce-events", "malformed", fmt.Sprintf("Write on or off, not %q", s.Events))
		}
		if s.BulkFrom < 0 {
			bad.Add("salesforce-bulk-from", "out_of_range", "Give a number of records, such as 50000")
		}
	}
	if a := c.AWS; a.AccessKeyID != "" && a.SecretAccessKey == "" {
		bad.Add("aws-secret-access-key", "required", "An access key id needs its secret access key")
	}
	c.Microsoft.validate(&bad)
	if g := c.Google; g.Carrier == GoogleAPI {
		if g.Partner == "" {
			bad.Add("google-partner", "required", "The API needs the partner's account id at Google")
		}
		if g.KeyFile == "" {
			bad.Add("google-key-file", "required", "The API needs the key file of a service account")
		}
	}
	if k := c.AWS.WebhookKey; k != "" && len(k) < minWebhookKey {
		bad.Add("aws-webhook-key", "too_short", fmt.Sprintf("Use a key of at least %d characters: whoever knows it can make Tandem look at Partner Central", minWebhookKey))
	}
	return bad.Err()
}

func (m *MicrosoftConfig) validate(bad *problem.List) {
	if m.ClientID != "" && m.ClientSecret == "" {
		bad.Add("microsoft-client-secret", "required", "The app needs its client secret")
	}
	if m.ClientID != "" && m.RefreshToken == "" {
		bad.Add("microsoft-refresh-token", "required", "Give the refresh token of a user with the role Referrals admin")
	}
	if _, err := date.Parse(m.SecretUntil); m.SecretUntil != "" && err != nil {
		bad.Add("microsoft-secret-until", "malformed", "Write the day as 2027-03-31")
	}
	if _, err := microsoft.ParseSolutions(m.Solutions); err != nil {
		bad.Add("microsoft-solutions", "malformed", err.Error())
	}
	if f := m.WebhookForward; f != "" {
		if u, err := url.Parse(f); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			bad.Add("microsoft-webhook-forward", "malformed", fmt.Sprintf("%q is not an http or https address", f))
		}
	}
}

// minWebhookKey is how long the key of the webhook is at least.
const minWebhookKey = 16

func (c *Config) database() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.DataDir, "tandem.db")
}

// ServerDatabase reports whether the database is a server that several
// processes may share.
func (c *Config) ServerDatabase() bool {
	return strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://")
}
