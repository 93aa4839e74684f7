package microsoft

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const referralsPath = "/v1.0/engagements/referrals"

// Query says which referrals are listed, in OData's words.
type Query struct {
	Filter  string
	OrderBy string // "updatedDateTime asc", …
	Top     int    // 0 is a full page
	Count   bool
}

// Page is one page of a list; NextLink is "" on the last.
type Page struct {
	Count    int        `json:"@odata.count"`
	Value    []Referral `json:"value"`
	NextLink string     `json:"@odata.nextLink"`
}

// quote writes a text of a filter.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (c *Client) referrals(id string) string {
	if id == "" {
		return c.endpoint + referralsPath
	}
	return c.endpoint + referralsPath + "/" + url.PathEscape(id)
}

// List reads one page of referrals.
func (c *Client) List(ctx context.Context, q Query) (*Page, error) {
	v := url.Values{}
	if q.Filter != "" {
		v.Set("$filter", q.Filter)
	}
	if q.OrderBy != "" {
		v.Set("$orderby", q.OrderBy)
	}
	if q.Top > 0 {
		v.Set("$top", strconv.Itoa(q.Top))
	}
	if q.Count {
		v.Set("$count", "true")
	}
	return c.page(ctx, c.referrals("")+"?"+v.Encode())
}

func (c *Client) page(ctx context.Context, address string) (*Page, error) {
	out := &Page{}
	return out, c.do(ctx, call{op: "GetAllReferrals", method: http.MethodGet, address: address, resource: ResourceReferrals}, out)
}

// Next reads the page after p. The link's query is taken and asked of our own
// endpoint: a token goes nowhere that the configuration does not name.
func (c *Client) Next(ctx context.Context, p *Page) (*Page, error) {
	u, err := url.Parse(p.NextLink)
	if err != nil || u.RawQuery == "" {
		return nil, problem.FromRemote(problem.Remote{System: System, Operation: "GetAllReferrals", Code: CodeUnreadable, Retry: problem.RetryHuman}, "Microsoft's link to the next page cannot be read", err)
	}
	return c.page(ctx, c.referrals("")+"?"+u.Query().Encode())
}

// All reads every page of a list. A record that changes between two pages may be
// skipped where the order is by the time of change: see Changed.
func (c *Client) All(ctx context.Context, q Query) iter.Seq2[Referral, error] {
	return func(yield func(Referral, error) bool) {
		page, err := c.List(ctx, q)
		for {
			if err != nil {
				yield(Referral{}, err)
				return
			}
			for _, r := range page.Value {
				if !yield(r, nil) {
					return
				}
			}
			if page.NextLink == "" {
				return
			}
			page, err = c.Next(ctx, page)
		}
	}
}

// Changed reads the referrals that changed since then, the oldest first. Each page
// begins where the one before ended, by the time of the change: a record that
// changes meanwhile moves to the end and is not skipped, as it would be by counting.
func (c *Client) Changed(ctx context.Context, since time.Time) iter.Seq2[Referral, error] {
	return func(yield func(Referral, error) bool) {
		from, seen := since, map[string]string{}
		for {
			q := Query{OrderBy: "updatedDateTime asc"}
			if !from.IsZero() {
				q.Filter = "updatedDateTime ge " + from.UTC().Format("2006-01-02T15:04:05.0000000Z")
			}
			page, err := c.List(ctx, q)
			fresh := false
			for {
				if err != nil {
					yield(Referral{}, err)
					return
				}
				for _, r := range page.Value {
					if seen[r.ID] == r.UpdatedDateTime {
						continue
					}
					fresh, seen[r.ID] = true, r.UpdatedDateTime
					if at := instant(r.UpdatedDateTime); at.After(from) {
						from = at
					}
					if !yield(r, nil) {
						return
					}
				}
				if page.NextLink == "" {
					return
				}
				if fresh {
					break
				}
				page, err = c.Next(ctx, page) // a whole page of one moment: go on by counting
			}
		}
	}
}

// Get reads one referral.
func (c *Client) Get(ctx context.Context, id string) (*Referral, error) {
	out := &Referral{}
	return out, c.do(ctx, call{op: "GetReferralById", method: http.MethodGet, address: c.referrals(id), resource: ResourceReferrals}, out)
}

// Create makes a referral. The service knows no token of ours: after an unknown
// outcome (problem.RetryUnsure), look for it before it is made again.
func (c *Client) Create(ctx context.Context, r *Referral) (*Referral, error) {
	out := &Referral{}
	return out, c.do(ctx, call{op: "CreateReferral", method: http.MethodPost, address: c.referrals(""), resource: ResourceReferrals, body: r}, out)
}

// Patch changes a referral that is as eTag says, and gives it as it is then. That it
// changed meanwhile is IsStale.
func (c *Client) Patch(ctx context.Context, id, eTag string, ops []Operation) (*Referral, error) {
	if len(ops) == 0 {
		return nil, fmt.Errorf("microsoft PatchReferralById %s: there is nothing to change", id)
	}
	header := map[string]string{"Prefer": "return=representation"}
	if eTag != "" {
		header["If-Match"] = eTag
	}
	out := &Referral{}
	err := c.do(ctx, call{op: "PatchReferralById", method: http.MethodPatch, address: c.referrals(id), resource: ResourceReferrals, body: ops, header: header}, out)
	if err == nil && out.ID == "" { // it did not give the record: read it
		return c.Get(ctx, id)
	}
	return out, err
}

// Engagement reads the records of an engagement that we see: ours, and Microsoft's
// or other partners' if they take part.
func (c *Client) Engagement(ctx context.Context, id string) ([]Referral, error) {
	var out []Referral
	for r, err := range c.All(ctx, Query{Filter: "engagementId eq " + quote(id)}) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
