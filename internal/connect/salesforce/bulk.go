package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// BulkOptions tune a bulk query; the zero value is right for most.
type BulkOptions struct {
	// All reads deleted and archived records too; select IsDeleted to tell.
	All bool
	// Page is how many records one answer holds; 0 is 100,000. An answer is read
	// as it comes, so its size costs no memory.
	Page int
	// AsOf, if set, is told the organization's time at which the job was made,
	// once, before the first record: what changed before it is in the results.
	AsOf func(time.Time)
}

const (
	bulkPage  = 100_000
	firstLook = 250 * time.Millisecond // at a job; the pause between looks grows
	lastLook  = 15 * time.Second
	// cleanUp bounds the calls that tidy up when a query is left.
	cleanUp = 20 * time.Second
)

// The states of a job (Bulk API 2.0 guide, Job States).
const (
	jobComplete = "JobComplete"
	jobFailed   = "Failed"
	jobAborted  = "Aborted"
)

// bulkJob is what Salesforce says of a query job.
type bulkJob struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Created string `json:"createdDate"`
	Records int64  `json:"numberRecordsProcessed"`
	Error   string `json:"errorMessage"`
}

// BulkQuery runs a SOQL statement as a job of the Bulk API 2.0 and gives its
// records as they come; one answer is read while its records are consumed. It
// costs few calls however much it reads, and takes some seconds at least: for
// less than some ten thousand records Query is quicker. Records come in no order
// unless the statement has one, which makes the job slower (Bulk API 2.0 guide,
// SOQL considerations).
//
// An answer that breaks off is asked for again, and what was given of it is left
// out. An error is given once, as the last pair. Leaving the loop ends the job. A
// statement that the Bulk API does not take is refused with the code API_ERROR,
// an object that it does not know with INVALIDENTITY (problem.RetryHuman), a day
// whose jobs are used up with LIMIT_EXCEEDED (problem.RetryLater).
func (c *Client) BulkQuery(ctx context.Context, soql string, opts BulkOptions) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := c.bulkQuery(ctx, soql, opts, yield); err != nil {
			yield(Row{}, err)
		}
	}
}

func (c *Client) bulkQuery(ctx context.Context, soql string, opts BulkOptions, yield func(Row, error) bool) error {
	job, err := c.createBulk(ctx, soql, opts)
	if err != nil {
		return err
	}
	defer c.dropBulk(ctx, &job)
	if opts.AsOf != nil {
		at, err := ParseDateTime(job.Created)
		if err != nil {
			return problem.FromRemote(problem.Remote{System: system, Operation: "create query job", Code: "UNREADABLE_ANSWER", Retry: problem.RetrySoon}, "Salesforce does not say when it made the query job", err)
		}
		opts.AsOf(at)
	}
	if err := c.awaitBulk(ctx, &job); err != nil {
		return err
	}
	for locator := ""; locator != "null"; {
		next, goOn, err := c.bulkPages(ctx, job.ID, locator, opts, yield)
		if err != nil || !goOn {
			return err
		}
		if next == locator {
			return garbage("query results", &answer{status: http.StatusOK}, "the locator leads to the same records again")
		}
		locator = next
	}
	return nil
}

// createBulk makes the job. Made twice, because an answer was lost, it costs one
// of the day's ten thousand jobs and nothing else.
func (c *Client) createBulk(ctx context.Context, soql string, opts BulkOptions) (bulkJob, error) {
	if soql = strings.TrimSpace(soql); soql == "" || len(soql) > maxStatement {
		return bulkJob{}, problem.Invalid("soql", "length", fmt.Sprintf("a statement has 1 to %d characters, this has %d", maxStatement, len(soql)))
	}
	operation := "query"
	if opts.All {
		operation = "queryAll"
	}
	body, err := marshal("create query job", map[string]string{"operation": operation, "query": soql})
	if err != nil {
		return bulkJob{}, err
	}
	return c.bulkCall(ctx, call{op: "create query job", method: http.MethodPost, path: "/jobs/query", body: body, idempotent: true})
}

func (c *Client) bulkCall(ctx context.Context, cl call) (bulkJob, error) {
	ans, err := c.do(ctx, cl)
	if err != nil {
		return bulkJob{}, err
	}
	var job bulkJob
	if err := json.Unmarshal(ans.body, &job); err != nil || !IsID(job.ID) || job.State == "" {
		return bulkJob{}, garbage(cl.op, ans, "no job")
	}
	return job, nil
}

// awaitBulk looks at the job, ever more seldom, until it is done.
func (c *Client) awaitBulk(ctx context.Context, job *bulkJob) error {
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		switch job.State {
		case jobComplete:
			return nil
		case jobFailed, jobAborted:
			return failedJob(*job)
		}
		if err := c.sleep(ctx, pause); err != nil {
			return fmt.Errorf("salesforce query job: %w", err)
		}
		now, err := c.bulkCall(ctx, call{op: "query job", method: http.MethodGet, path: "/jobs/query/" + job.ID, idempotent: true})
		if err != nil {
			return err
		}
		*job = now
	}
}

// failedJob is the error of a job that did not end well: "Code : text" where
// Salesforce says why.
func failedJob(job bulkJob) error {
	r := problem.Remote{System: system, Operation: "query job", Code: "BULK_JOB_FAILED", RequestID: job.ID, Retry: problem.RetrySoon}
	if job.State == jobAborted {
		r.Code, r.Retry = "BULK_JOB_ABORTED", problem.RetryHuman
		return problem.FromRemote(r, "Somebody has aborted the query job "+job.ID+" in Salesforce", nil)
	}
	code, _, said := strings.Cut(job.Error, " : ")
	if said {
		r.Code = strings.ToUpper(strings.TrimSpace(code))
		r.Retry = Classify(http.StatusOK, r.Code)
	}
	return problem.FromRemote(r, "Salesforce could not carry out the query job "+job.ID+": "+cut(job.Error), nil)
}

// dropBulk ends a job that was left, and deletes it: results are kept for a week
// otherwise, and count against the day's space.
func (c *Client) dropBulk(ctx context.Context, job *bulkJob) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	path := "/jobs/query/" + job.ID
	if job.State != jobComplete && job.State != jobFailed && job.State != jobAborted {
		if _, err := c.do(ctx, call{op: "abort query job", method: http.MethodPatch, path: path, body: []byte(`{"state":"Aborted"}`), idempotent: true}); err != nil {
			c.log.DebugContext(ctx, "salesforce: a query job goes on", "job", job.ID, "error", err)
			return
		}
	}
	if _, err := c.do(ctx, call{op: "delete query job", method: http.MethodDelete, path: path, idempotent: true}); err != nil {
		c.log.DebugContext(ctx, "salesforce: a query job stays", "job", job.ID, "error", err)
	}
}

// bulkPages gives the records of one answer and the locator of the next. An
// answer that breaks off is asked for again, as long as each try brings more.
func (c *Client) bulkPages(ctx context.Context, id, locator string, opts BulkOptions, yield func(Row, error) bool) (next string, goOn bool, err error) {
	for given, failures := 0, 0; ; {
		next, n, goOn, err := c.bulkPage(ctx, id, locator, opts, given, yield)
		if err == nil || !goOn {
			return next, goOn, err
		}
		if ctx.Err() != nil {
			return "", false, fmt.Errorf("salesforce query results: %w", ctx.Err())
		}
		if failures++; n > given {
			given, failures = n, 1
		}
		if failures >= c.cfg.MaxAttempts {
			return "", false, err
		}
		c.log.DebugContext(ctx, "salesforce: an answer broke off and is asked for again", "job", id, "after", given, "error", err)
		if serr := c.sleep(ctx, pause(failures, 0)); serr != nil {
			return "", false, err
		}
	}
}

// bulkPage reads one answer and leaves out what was given already. It says how
// many records of the answer are given now; goOn with an error means that the
// answer broke off.
func (c *Client) bulkPage(ctx context.Context, id, locator string, opts BulkOptions, skip int, yield func(Row, error) bool) (next string, given int, goOn bool, err error) {
	query := url.Values{"maxRecords": {strconv.Itoa(bulkPage)}}
	if opts.Page > 0 {
		query.Set("maxRecords", strconv.Itoa(opts.Page))
	}
	if locator != "" {
		query.Set("locator", locator)
	}
	const op = "query results"
	ans, err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/jobs/query/" + id + "/results", query: query, accept: "text/csv", idempotent: true, streamed: true})
	if err != nil {
		return "", skip, false, err
	}
	defer ans.stream.Close()
	next = ans.header.Get("Sforce-Locator")
	total, err := strconv.Atoi(ans.header.Get("Sforce-NumberOfRecords"))
	if err != nil || next == "" {
		return "", skip, false, garbage(op, &answer{status: ans.status, header: ans.header}, "no number of records, or no locator")
	}
	rows := newCSVReader(ans.stream)
	if err := rows.header(); err != nil {
		return "", skip, true, brokenOff(op, err)
	}
	for n := 0; ; n++ {
		row, err := rows.row()
		switch {
		case errors.Is(err, io.EOF) && n == total:
			return next, n, true, nil
		case errors.Is(err, io.EOF):
			return "", max(n, skip), true, brokenOff(op, fmt.Errorf("%d of %d records came", n, total))
		case err != nil:
			return "", max(n, skip), true, brokenOff(op, err)
		case n >= total:
			return "", n, false, garbage(op, &answer{status: ans.status, header: ans.header}, "more records than it says")
		case n < skip:
			continue
		}
		if err := ctx.Err(); err != nil {
			return "", n, false, fmt.Errorf("salesforce %s: %w", op, err)
		}
		if !yield(row, nil) {
			return "", n, false, nil
		}
	}
}

// brokenOff is an answer of which a part came.
func brokenOff(op string, err error) error {
	code := "NO_ANSWER"
	if errors.Is(err, context.DeadlineExceeded) {
		code = "TIMEOUT"
	}
	return problem.FromRemote(problem.Remote{System: system, Operation: op, Code: code, Status: http.StatusOK, Retry: problem.RetrySoon}, "Salesforce's answer to "+op+" broke off: "+err.Error(), err)
}

// Deleted are the records of an object that went within a time.
type Deleted struct {
	IDs []string // 18 characters each, in Salesforce's order
	At  []time.Time
	// Until is up to when nothing is missing: the next question begins there.
	Until time.Time
	// Since is since when deletions are known at all; what went before is not told.
	Since time.Time
}

// DeletedBetween gives the records of an object that were deleted between two
// instants, whether they are in the recycle bin or erased. Salesforce looks at
// whole minutes and 15 days back at most (SOAP API guide, getDeleted): an earlier
// from is INVALID_REPLICATION_DATE, more than 600,000 records EXCEEDED_ID_LIMIT.
func (c *Client) DeletedBetween(ctx context.Context, object string, from, to time.Time) (Deleted, error) {
	if err := checkName("object", object); err != nil {
		return Deleted{}, err
	}
	cl := call{
		op: "deleted " + object, method: http.MethodGet, path: "/sobjects/" + object + "/deleted/", idempotent: true,
		query: url.Values{"start": {FormatDateTime(from)}, "end": {FormatDateTime(to)}},
	}
	ans, err := c.do(ctx, cl)
	if err != nil {
		return Deleted{}, err
	}
	var body struct {
		Records []struct {
			ID string `json:"id"`
			At string `json:"deletedDate"`
		} `json:"deletedRecords"`
		Until string `json:"latestDateCovered"`
		Since string `json:"earliestDateAvailable"`
	}
	if err := json.Unmarshal(ans.body, &body); err != nil {
		return Deleted{}, garbage(cl.op, ans, err.Error())
	}
	out := Deleted{IDs: make([]string, len(body.Records)), At: make([]time.Time, len(body.Records))}
	for i, r := range body.Records {
		if !IsID(r.ID) {
			return Deleted{}, garbage(cl.op, ans, "a deleted record without an id")
		}
		out.IDs[i] = ID18(r.ID)
		if out.At[i], err = ParseDateTime(r.At); err != nil {
			return Deleted{}, garbage(cl.op, ans, err.Error())
		}
	}
	if out.Until, err = ParseDateTime(body.Until); err == nil {
		out.Since, err = ParseDateTime(body.Since)
	}
	if err != nil {
		return Deleted{}, garbage(cl.op, ans, err.Error())
	}
	return out, nil
}
