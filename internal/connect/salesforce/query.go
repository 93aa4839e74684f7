package salesforce

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

// maxStatement is Salesforce's limit on a SOQL statement, in characters.
const maxStatement = 100_000

// QueryOptions tune a query; the zero value is right for most.
type QueryOptions struct {
	// BatchSize asks for pages of so many records, 200 to 2,000; Salesforce
	// may give fewer. 0 leaves it to Salesforce (2,000).
	BatchSize int
	// OnTotal, if set, is told the number of records that match, and
	// Salesforce's time when it was asked (zero when it does not tell it), once,
	// before the first.
	OnTotal func(total int, asked time.Time)
}

// Query runs a SOQL statement and gives its records as they come; the next page
// is fetched while the current one is consumed. An error is given once, as the
// last pair. Leaving the loop stops the fetching.
//
// A query may break off between pages (INVALID_QUERY_LOCATOR after a long
// stop): the error is then of class problem.RetrySoon, and the records given so
// far are good.
func (c *Client) Query(ctx context.Context, soql string, opts QueryOptions) iter.Seq2[Record, error] {
	return c.query(ctx, "query", "/query", soql, opts)
}

// QueryAll is Query over deleted and archived records too; select IsDeleted to
// tell.
func (c *Client) QueryAll(ctx context.Context, soql string, opts QueryOptions) iter.Seq2[Record, error] {
	return c.query(ctx, "queryAll", "/queryAll", soql, opts)
}

// QueryInto is Query with each record decoded into a T, a struct with json
// tags. Convenient for small results; Query is several times faster.
func QueryInto[T any](ctx context.Context, c *Client, soql string, opts QueryOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r, err := range c.Query(ctx, soql, opts) {
			var v T
			if err == nil {
				if err = r.Decode(&v); err != nil {
					err = fmt.Errorf("salesforce query: a record does not fit %T: %w", v, err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Count runs a "SELECT COUNT() FROM …" statement.
func (c *Client) Count(ctx context.Context, soql string) (int, error) {
	p, err := c.firstPage(ctx, "query", "/query", soql, QueryOptions{})
	if err != nil {
		return 0, err
	}
	return p.total, nil
}

// Children gives the records of a child sub-select of r, such as
// "OpportunityTeamMembers", those on further pages too; none if it is null or
// was not selected.
func (c *Client) Children(ctx context.Context, r Record, relationship string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		v := r.find(relationship)
		if v == nil || v[0] == 'n' {
			return
		}
		p, err := indexPage(v, 0, 0, 0)
		if err != nil {
			yield(Record{}, fmt.Errorf("salesforce: %s of the record is no sub-select: %w", relationship, err))
			return
		}
		c.pages(ctx, p, QueryOptions{}, yield)
	}
}

func (c *Client) query(ctx context.Context, op, path, soql string, opts QueryOptions) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		p, err := c.firstPage(ctx, op, path, soql, opts)
		if err != nil {
			yield(Record{}, err)
			return
		}
		if opts.OnTotal != nil {
			opts.OnTotal(p.total, p.asked)
		}
		c.pages(ctx, p, opts, yield)
	}
}

func (c *Client) firstPage(ctx context.Context, op, path, soql string, opts QueryOptions) (*page, error) {
	if soql = strings.TrimSpace(soql); soql == "" || len(soql) > maxStatement {
		return nil, problem.Invalid("soql", "length", fmt.Sprintf("a statement has 1 to %d characters, this has %d", maxStatement, len(soql)))
	}
	return c.fetchPage(ctx, call{op: op, method: http.MethodGet, path: path, query: url.Values{"q": {soql}}}, opts, nil)
}

// pages gives the records of p and of the pages after it.
func (c *Client) pages(ctx context.Context, p *page, opts QueryOptions, yield func(Record, error) bool) {
	type fetched struct {
		page *page
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	var coming chan fetched
	defer func() {
		cancel()
		if coming != nil {
			<-coming // so that nothing of this query runs after its loop
		}
	}()
	for {
		if p.next != "" {
			next, now := make(chan fetched, 1), p
			coming = next
			go func() {
				n, err := c.nextPage(ctx, now, opts)
				next <- fetched{n, err}
			}()
		}
		for i := range p.records {
			if err := ctx.Err(); err != nil {
				yield(Record{}, fmt.Errorf("salesforce query: %w", err))
				return
			}
			if !yield(p.record(i), nil) {
				return
			}
		}
		if coming == nil {
			return
		}
		f := <-coming
		coming = nil
		if f.err != nil {
			yield(Record{}, f.err)
			return
		}
		p = f.page
	}
}

// nextPage follows nextRecordsUrl, which has to stay below /services/data/ of
// our own host: the session token goes with it.
func (c *Client) nextPage(ctx context.Context, p *page, opts QueryOptions) (*page, error) {
	u, err := url.Parse(p.next)
	if err != nil || u.IsAbs() || u.Host != "" || u.RawQuery != "" || !strings.HasPrefix(u.Path, "/services/data/") || strings.Contains(u.Path, "..") {
		return nil, garbage("queryMore", &answer{status: http.StatusOK, body: p.buf}, "nextRecordsUrl leads outside the API")
	}
	n, err := c.fetchPage(ctx, call{op: "queryMore", method: http.MethodGet, path: u.EscapedPath()}, opts, p)
	if err == nil && n.next == p.next {
		return nil, garbage("queryMore", &answer{status: http.StatusOK, body: n.buf}, "nextRecordsUrl leads to the same page again")
	}
	return n, err
}

func (c *Client) fetchPage(ctx context.Context, cl call, opts QueryOptions, before *page) (*page, error) {
	cl.idempotent = true
	if opts.BatchSize > 0 {
		cl.header = map[string]string{"Sforce-Query-Options": "batchSize=" + strconv.Itoa(min(max(opts.BatchSize, 200), 2000))}
	}
	records, fields := 0, 0
	if before != nil {
		cl.sizeHint = len(before.buf) + len(before.buf)/16
		records, fields = len(before.records), len(before.fields)
	}
	ans, err := c.do(ctx, cl)
	if err != nil {
		return nil, err
	}
	p, err := parsePage(ans.body, records, fields)
	if err != nil {
		return nil, garbage(cl.op, ans, err.Error())
	}
	p.asked = ans.asked
	return p, nil
}
