package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gosf "github.com/k-capehart/go-salesforce/v3"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/sandbox"
)

// readVersion is the one API version with which go-salesforce can page.
const readVersion = "v63.0"

var readFields = []string{
	"Id", "Name", "StageName", "CloseDate", "Amount", "CurrencyIsoCode", "AccountId", "OwnerId", "Type", "ForecastCategoryName",
	"LeadSource", "Description", "Order_Type_Test__c", "Deal_Path__c", "User_Segment_O__c", "Stamped_User_Geo__c", "Stamped_User_Region__c", "SystemModstamp",
}

func readStatement() string {
	return "SELECT " + strings.Join(readFields, ", ") + " FROM Opportunity ORDER BY SystemModstamp, Id"
}

// readTask is what a reading process is told.
type readTask struct{ Salesforce sandbox.Salesforce }

// readResult is what it read, all fields of all records as text.
type readResult struct {
	Records int64
	Bytes   int64
	Seconds float64
}

// benchRead reads all opportunities from the sandbox, without storing them, with
// our client and with others, each in a process of its own.
func (b *bench) benchRead(ctx context.Context) error {
	type reading struct {
		readResult
		usage
	}
	read := map[string]reading{}
	for _, part := range []string{"read-tandem", "read-json", "read-gosalesforce"} {
		var r reading
		var err error
		if r.usage, err = b.runChild(ctx, part, readTask{b.sandbox.Salesforce}, &r.readResult); err != nil {
			return err
		}
		if r.Records != int64(b.opportunities()) {
			return fmt.Errorf("%s read %d opportunities of %d", part, r.Records, b.opportunities())
		}
		read[part] = r
	}
	ours := read["read-tandem"]
	beside := func(part string) string {
		r := read[part]
		return fmt.Sprintf("%s, %s, %s: %.1f× our CPU", rate(r.Records, r.Seconds), r.each(r.Records), megabytes(r.peak), float64(r.cpu)/float64(ours.cpu))
	}
	b.table.add(row{
		what: "reading opportunities, not storing them", measured: rate(ours.Records, ours.Seconds), peer: ours.each(ours.Records) + " a record, " + megabytes(ours.peak),
		note: fmt.Sprintf("%d fields of each, every field read as text; paged, over HTTP, gzip as each client asks for it.", len(readFields)),
	})
	b.table.add(row{what: "  net/http and encoding/json into maps", peer: beside("read-json")})
	b.table.add(row{what: "  go-salesforce v3.1.0", peer: beside("read-gosalesforce"), note: "Pinned to " + readVersion + ", the API version that it can page with; it gives all records at once."})
	return nil
}

func readWith(given []byte, read func(readTask) (readResult, error)) (any, error) {
	var task readTask
	if err := decode(given, &task); err != nil {
		return nil, err
	}
	began := time.Now()
	res, err := read(task)
	res.Seconds = time.Since(began).Seconds()
	return res, err
}

func childReadTandem(ctx context.Context, given []byte) (any, error) {
	return readWith(given, func(task readTask) (res readResult, err error) {
		c, err := salesforce.New(salesforce.Config{LoginURL: task.Salesforce.URL, ClientID: task.Salesforce.ClientID, ClientSecret: task.Salesforce.ClientSecret})
		if err != nil {
			return res, err
		}
		for r, err := range c.Query(ctx, readStatement(), salesforce.QueryOptions{}) {
			if err != nil {
				return res, err
			}
			res.Records++
			for _, f := range readFields {
				res.Bytes += int64(len(r.String(f)))
			}
		}
		return res, nil
	})
}

func countMap(res *readResult, record map[string]any) {
	res.Records++
	for _, f := range readFields {
		switch v := record[f].(type) {
		case nil:
		case string:
			res.Bytes += int64(len(v))
		default:
			res.Bytes += int64(len(fmt.Sprint(v)))
		}
	}
}

func childReadGoSalesforce(_ context.Context, given []byte) (any, error) {
	return readWith(given, func(task readTask) (res readResult, err error) {
		c, err := gosf.Init(gosf.Creds{Domain: task.Salesforce.URL, ConsumerKey: task.Salesforce.ClientID, ConsumerSecret: task.Salesforce.ClientSecret}, gosf.WithAPIVersion(readVersion))
		if err != nil {
			return res, err
		}
		var all []map[string]any
		if err := c.Query(readStatement(), &all); err != nil {
			return res, err
		}
		for _, record := range all {
			countMap(&res, record)
		}
		return res, nil
	})
}

func childReadJSON(ctx context.Context, given []byte) (any, error) {
	return readWith(given, func(task readTask) (res readResult, err error) {
		s := task.Salesforce
		var token struct {
			AccessToken string `json:"access_token"`
		}
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret}}
		if err := answer(ctx, http.MethodPost, s.URL+"/services/oauth2/token", "", form.Encode(), &token); err != nil {
			return res, err
		}
		next := "/services/data/" + readVersion + "/query?q=" + url.QueryEscape(readStatement())
		for next != "" {
			var page struct {
				Next    string           `json:"nextRecordsUrl"`
				Records []map[string]any `json:"records"`
			}
			if err := answer(ctx, http.MethodGet, s.URL+next, token.AccessToken, "", &page); err != nil {
				return res, err
			}
			for _, record := range page.Records {
				countMap(&res, record)
			}
			next = page.Next
		}
		return res, nil
	})
}

func answer(ctx context.Context, method, address, token, form string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader([]byte(form)))
	if err != nil {
		return err
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", req.URL.Path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}
