package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// eventsBar is how long a change made in Salesforce may take to show, in ms.
const eventsBar = 2000.0

// benchEvents changes opportunities in Salesforce one after the other, and measures
// until each shows in the database of a server that follows the changes.
func (b *bench) benchEvents(ctx context.Context) (err error) {
	s, err := b.startSandbox(ctx, 200, 1000)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	dir := filepath.Join(b.dir, "events")
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	cmd := command(ctx, b.binary, "serve", "--data-dir", dir, "--listen", address, "--log-level", "error")
	cmd.Env = append(cmd.Env, "TANDEM_SALESFORCE_URL="+s.Salesforce.URL, "TANDEM_SALESFORCE_CLIENT_ID="+s.Salesforce.ClientID, "TANDEM_SALESFORCE_CLIENT_SECRET="+s.Salesforce.ClientSecret,
		"TANDEM_SALESFORCE_EVENTS=on", "TANDEM_SALESFORCE_EVENTS_URL=http://"+s.Salesforce.PubSub)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProcess(cmd)) }()
	d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "tandem.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := until(ctx, time.Minute, func() bool {
		var n int
		return d.QueryRowContext(ctx, `SELECT count(*) FROM crm_stream WHERE state = 'streaming'`).Scan(&n) == nil && n == 1
	}); err != nil {
		return fmt.Errorf("the changes are not followed: %w", err)
	}
	time.Sleep(2 * time.Second) // the read that follows a first subscription

	took, err := b.changeAndSee(ctx, s, d)
	if err != nil {
		return err
	}
	slices.Sort(took)
	b.table.add(row{
		what: "a change in Salesforce shows in Tandem, events on", measured: spread(took), bar: fmt.Sprintf("≤ %.0f ms", eventsBar), verdict: b.verdict(quantile(took, 0.99) <= eventsBar),
		peer: "polling: within --sync-every (5 min)",
		note: fmt.Sprintf("From Salesforce's answer to the write until a query of the database of `tandem serve` finds it, %d changes one after the other, over the Pub/Sub API and REST of the sandbox's process.", len(took)),
	})
	return nil
}

// changeAndSee gives how many milliseconds each change took.
func (b *bench) changeAndSee(ctx context.Context, s *sandboxProcess, d *sql.DB) ([]float64, error) {
	token, ids, err := someDeals(ctx, s)
	if err != nil {
		return nil, err
	}
	n := 500
	if b.quick {
		n = 20
	}
	var took []float64
	for i := range n {
		id, name := ids[i%len(ids)], fmt.Sprintf("changed %d", i)
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, s.Salesforce.URL+"/services/data/v67.0/sobjects/Opportunity/"+id, strings.NewReader(`{"Name":"`+name+`"}`))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			return nil, fmt.Errorf("the change is answered by %s", res.Status)
		}
		began := time.Now()
		if err := until(ctx, 30*time.Second, func() bool {
			var have string
			return d.QueryRowContext(ctx, `SELECT name FROM opportunity WHERE crm_id = ?`, id).Scan(&have) == nil && have == name
		}); err != nil {
			return nil, fmt.Errorf("change %d does not show: %w", i, err)
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return took, nil
}

// someDeals signs in to the sandbox and gives the ids of some opportunities.
func someDeals(ctx context.Context, s *sandboxProcess) (token string, ids []string, err error) {
	var signed struct {
		Token string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.Salesforce.ClientID}, "client_secret": {s.Salesforce.ClientSecret}}
	if err := answer(ctx, http.MethodPost, s.Salesforce.URL+"/services/oauth2/token", "", form.Encode(), &signed); err != nil {
		return "", nil, err
	}
	var found struct {
		Records []struct{ ID string }
	}
	q := url.QueryEscape("SELECT Id FROM Opportunity LIMIT 100")
	if err := answer(ctx, http.MethodGet, s.Salesforce.URL+"/services/data/v67.0/query?q="+q, signed.Token, "", &found); err != nil {
		return "", nil, err
	}
	for _, r := range found.Records {
		ids = append(ids, r.ID)
	}
	return signed.Token, ids, nil
}

// until waits for something to be so.
func until(ctx context.Context, most time.Duration, so func() bool) error {
	began := time.Now()
	for !so() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(began) > most {
			return fmt.Errorf("not within %s", most)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
