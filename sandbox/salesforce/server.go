// Package salesforce answers "how would Salesforce answer that?": a local
// server with an organisation like GitLab's, real OAuth, the REST API's rows,
// queries, collections and composite calls, the Bulk API 2.0's jobs, and its
// rules and refusals. It keeps its state in a journal and survives being killed.
//
// What differs from Salesforce, knowingly, and what no source decides, stands in
// the README beside this file.
package salesforce

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// Options say what organisation to serve. The zero value gives an empty one
// in memory.
type Options struct {
	// StatePath is the journal's file; empty keeps everything in memory only.
	StatePath string
	// Clock is the organisation's time; nil follows the machine's.
	Clock *kit.Clock
	// Logger gets one line per trouble of the sandbox itself; nil is silent.
	Logger *slog.Logger
	// ClientID and ClientSecret are the connected app's. Empty ones are
	// invented once and kept in the journal.
	ClientID, ClientSecret string
	// JWTPublicKey is the PEM certificate or public key (RSA) that the app has
	// registered for the JWT bearer flow; nil turns the flow off.
	JWTPublicKey []byte
	// FiscalStartMonth is the month in which the fiscal year begins, 1 to 12;
	// 0 is February.
	FiscalStartMonth int
	// DailyLimit is how many API calls a day the organisation may make; 0 is 100,000.
	DailyLimit int
	// SessionTTL is how long a session lives without a call; 0 is two hours.
	SessionTTL time.Duration
	// Faults are the troubles to inject; nil injects none until a control call.
	Faults *kit.Faults
}

// Server is one organisation. Make it with New; it is safe for concurrent use.
type Server struct {
	clock       *kit.Clock
	log         *slog.Logger
	faults      *kit.Faults
	recorder    *kit.Recorder
	journal     *kit.Journal
	store       *store
	countries   countryTable
	describes   *describes
	ruling      atomic.Pointer[ruling]
	org         orgEntry
	jwtKey      *rsa.PublicKey
	fiscalStart time.Month
	sessions    *sessions
	cursors     *cursors
	allocations map[string]*quota // by the name that the limits resource gives
	locks       *rowLocks
	bulk        *bulk
	bus         *bus
	schemas     eventSchemas
	control     http.Handler
}

// New opens the organisation that the journal holds, or founds a new one with
// its integration user, stages and record types.
func New(opt Options) (*Server, error) {
	if opt.FiscalStartMonth < 0 || opt.FiscalStartMonth > 12 {
		return nil, fmt.Errorf("salesforce sandbox: fiscal start month %d is not 1 to 12", opt.FiscalStartMonth)
	}
	sch, err := parseSchema(organisationSchema + packagesSchema)
	if err != nil {
		return nil, fmt.Errorf("salesforce sandbox: %w", err)
	}
	s := &Server{
		clock: opt.Clock, log: opt.Logger, faults: opt.Faults,
		recorder: kit.NewRecorder(500, 4096), store: newStore(sch), countries: newCountryTable(),
		fiscalStart: time.Month(opt.FiscalStartMonth), locks: &rowLocks{},
	}
	kit.FillIn(&s.clock, &s.log, &s.faults)
	if s.fiscalStart == 0 {
		s.fiscalStart = time.February
	}
	if len(opt.JWTPublicKey) > 0 {
		if s.jwtKey, err = parsePublicKey(opt.JWTPublicKey); err != nil {
			return nil, fmt.Errorf("salesforce sandbox: %w", err)
		}
	}
	s.bulk = newBulk(s, opt.StatePath)
	s.bus = newBus(s.clock.Now)
	if s.schemas, err = newEventSchemas(sch); err != nil {
		return nil, fmt.Errorf("salesforce sandbox: %w", err)
	}
	s.ruling.Store(s.plainRuling(time.Time{}))
	if s.journal, err = kit.OpenJournal(opt.StatePath); err != nil {
		return nil, fmt.Errorf("salesforce sandbox: %w", err)
	}
	if err := s.open(opt); err != nil {
		return nil, errors.Join(fmt.Errorf("salesforce sandbox: %w", err), s.journal.Close())
	}
	s.sessions = newSessions(opt.SessionTTL)
	s.cursors = newCursors()
	s.allocations = newAllocations(opt.DailyLimit, s.clock.Now())
	s.describes = &describes{s}
	s.control = s.controlPages()
	s.bulk.kick()
	return s, nil
}

func (s *Server) open(opt Options) error {
	found, err := s.replay()
	if err != nil {
		return err
	}
	renamed := found && (opt.ClientID != "" && opt.ClientID != s.org.ClientID || opt.ClientSecret != "" && opt.ClientSecret != s.org.ClientSecret)
	if opt.ClientID != "" {
		s.org.ClientID = opt.ClientID
	}
	if opt.ClientSecret != "" {
		s.org.ClientSecret = opt.ClientSecret
	}
	if !found {
		return s.found()
	}
	if renamed {
		if err := s.journal.Append(kindOrg, s.org); err != nil {
			return err
		}
	}
	return s.compactIfLong()
}

// found makes a new organisation with what every organisation has.
func (s *Server) found() error {
	if s.org.ClientID == "" {
		s.org.ClientID = "3MVG9" + randomText(40)
	}
	if s.org.ClientSecret == "" {
		s.org.ClientSecret = randomText(32)
	}
	s.org.OrgID = makeID("00D", 1)
	s.org.UserID = makeID("005", 1)
	s.org.Created = s.clock.Now().UTC().Truncate(time.Second)
	s.ruling.Store(s.plainRuling(s.org.Created))
	if err := s.journal.Append(kindOrg, s.org); err != nil {
		return err
	}
	_, err := s.Load(context.Background(), func(yield func(string, map[string]any) bool) {
		for _, r := range s.foundingRecords() {
			if !yield(r.object, r.fields) {
				return
			}
		}
	})
	return err
}

type foundingRecord struct {
	object string
	fields map[string]any
}

func (s *Server) foundingRecords() []foundingRecord {
	out := []foundingRecord{
		{"User", map[string]any{
			"Id": s.org.UserID, "Username": IntegrationUsername, "FirstName": "Tandem", "LastName": "Integration",
			"Email": "integration@tandem.example", "Alias": "tandem", "IsActive": true, "Title": "Integration user",
		}},
		{"Organization", map[string]any{
			"Id": s.org.OrgID, "Name": "Tandem Sandbox", "Country": "United States", "FiscalYearStartMonth": int(s.fiscalStart),
			"OrganizationType": "Enterprise Edition", "InstanceName": "TDM1", "IsSandbox": true, "UsesStartDateAsFiscalYearName": false,
			"DefaultLocaleSidKey": "en_US", "TimeZoneSidKey": "UTC", "LanguageLocaleKey": "en_US",
		}},
	}
	for i, st := range stages {
		out = append(out, foundingRecord{"OpportunityStage", map[string]any{
			"MasterLabel": st.name, "ApiName": st.name, "IsActive": true, "SortOrder": i + 1, "IsClosed": st.closed, "IsWon": st.won,
			"ForecastCategory": st.category, "ForecastCategoryName": st.categoryOf, "DefaultProbability": st.probability,
		}})
	}
	for _, r := range [][3]string{
		{"Account", "Standard", "Standard"},
		{"Account", "Partner", "Partner"},
		{"Opportunity", "Standard", "Standard"},
		{"Opportunity", "Renewal", "Renewal"},
		{"Case", "Deal Desk", "Deal_Desk"},
		{"Case", "Ecosystem Operations", "Ecosystem_Operations"},
	} {
		out = append(out, foundingRecord{"RecordType", map[string]any{"SobjectType": r[0], "Name": r[1], "DeveloperName": r[2], "IsActive": true}})
	}
	return out
}

// IntegrationUsername is the user that the client-credentials flow runs as.
const IntegrationUsername = "integration@tandem-sandbox.example"

// Credentials gives the connected app's client id and secret.
func (s *Server) Credentials() (clientID, clientSecret string) {
	return s.org.ClientID, s.org.ClientSecret
}

// Clock gives the organisation's clock, which tests may move.
func (s *Server) Clock() *kit.Clock { return s.clock }

// Faults gives the troubles that the server injects.
func (s *Server) Faults() *kit.Faults { return s.faults }

// Close ends the work on bulk jobs, which the next start goes on with, and
// closes the journal. Calls that come later fail to write.
func (s *Server) Close() error { return errors.Join(s.bulk.close(), s.journal.Close()) }

func randomText(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)[:n]
}
