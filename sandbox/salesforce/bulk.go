package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The states of a job (Bulk API 2.0 guide, Job States).
const (
	jobOpen           = "Open"
	jobUploadComplete = "UploadComplete"
	jobInProgress     = "InProgress"
	jobComplete       = "JobComplete"
	jobFailed         = "Failed"
	jobAborted        = "Aborted"
)

// The two kinds of jobs, as they stand in paths.
const (
	jobIngest = "ingest"
	jobQuery  = "query"
)

const (
	jobsListed     = 1000               // in one page of a list
	jobsKept       = 7 * 24 * time.Hour // then a job and its results are gone
	ingestSince    = 41                 // the release that has ingest jobs
	bulkQuerySince = 47                 // the release that has query jobs
)

// bulkJob is one job. What is exported is journalled.
type bulkJob struct {
	ID         string
	Kind       string // ingest or query
	Operation  string
	Object     string
	ExternalID string `json:",omitempty"`
	Query      string `json:",omitempty"`
	LineEnding string // LF or CRLF
	Delimiter  string // COMMA …
	Version    string // 67.0
	CreatedBy  string
	Created    time.Time
	Modified   time.Time
	State      string
	Uploaded   bool      `json:",omitempty"` // its data is there
	Queued     time.Time // when it became ready to be processed
	Started    time.Time
	Ended      time.Time
	Error      string `json:",omitempty"`
	Trouble    string `json:",omitempty"` // the fault that it shall meet
	Gone       bool   `json:",omitempty"` // deleted
	bulkProgress

	running bool         // its data comes in, or it is being processed
	index   *resultIndex // of a query's results
}

// bulkProgress is how far an ingest job is: after so many rows of its data, with
// so long files of results. A query job has Rows only.
type bulkProgress struct {
	Job    string `json:",omitempty"`
	Rows   int
	Failed int
	Good   int64 // bytes of the successful results
	Bad    int64 // bytes of the failed results
}

func (j *bulkJob) done() bool {
	return j.State == jobComplete || j.State == jobFailed || j.State == jobAborted
}

// bulkSettings are moved by the control page.
type bulkSettings struct {
	// Delay is how long a job waits in the queue, and Pace how many rows a
	// second are then processed (0: as fast as can be), both by the sandbox's clock.
	Delay time.Duration
	Pace  int
	// HardDelete says whether the user has the permission "Bulk API Hard Delete".
	HardDelete bool
	// MaxUpload bounds the data of a job: 150 MB once it is base64.
	MaxUpload int64
}

// bulk holds the jobs of the Bulk API 2.0 and works them off.
type bulk struct {
	s       *Server
	context context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	jobs     map[string]*bulkJob
	order    []string // by creation
	next     uint64
	settings bulkSettings
	dir      string // where the jobs' data is, made with the first
	keep     bool   // dir outlives the process
	timer    *time.Timer
	closed   bool
}

func newBulk(s *Server, statePath string) *bulk {
	b := &bulk{s: s, jobs: map[string]*bulkJob{}, settings: bulkSettings{MaxUpload: 150 << 20 / 4 * 3}}
	b.context, b.stop = context.WithCancel(context.Background())
	if statePath != "" {
		b.dir, b.keep = statePath+".jobs", true
	}
	return b
}

// close ends the work on jobs. What is not kept is removed.
func (b *bulk) close() error {
	b.mu.Lock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	b.stop()
	b.running.Wait()
	if b.keep || b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

// path gives the place of one of a job's files: in, good, bad or out.
func (b *bulk) path(j *bulkJob, what string) string {
	return filepath.Join(b.dir, j.ID+"."+what+".csv")
}

// makeDir makes the folder of the jobs' data. b.mu is held.
func (b *bulk) makeDir() error {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "salesforce-sandbox-jobs-")
		b.dir = dir
		return err
	}
	return os.MkdirAll(b.dir, 0o700)
}

func (b *bulk) removeFiles(j *bulkJob) {
	for _, what := range []string{"in", "good", "bad", "out"} {
		if err := os.Remove(b.path(j, what)); err != nil && !errors.Is(err, os.ErrNotExist) {
			b.s.log.Warn("a bulk job's file stays", "job", j.ID, "error", err)
		}
	}
}

// adopt takes a job from the journal.
func (b *bulk) adopt(raw json.RawMessage) error {
	var j bulkJob
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	if n, ok := idNumber(j.ID); ok && n > b.next {
		b.next = n
	}
	if j.Gone {
		delete(b.jobs, j.ID)
		b.order = slices.DeleteFunc(b.order, func(id string) bool { return id == j.ID })
		return nil
	}
	if b.jobs[j.ID] == nil {
		b.order = append(b.order, j.ID)
	}
	b.jobs[j.ID] = &j
	return nil
}

// advance takes a job's progress from the journal.
func (b *bulk) advance(p bulkProgress) {
	if j := b.jobs[p.Job]; j != nil {
		j.bulkProgress = p
	}
}

// emit gives the jobs to a journal that is written anew.
func (b *bulk) emit(emit func(string, any) error) error {
	for _, id := range b.order {
		if err := emit(kindJob, b.jobs[id]); err != nil {
			return err
		}
	}
	if b.next == 0 || b.jobs[makeID("750", b.next)] != nil {
		return nil
	}
	return emit(kindJob, &bulkJob{ID: makeID("750", b.next), Gone: true}) // so that no id is given twice
}

// save journals a job as it stands. b.mu is held.
func (b *bulk) save(j *bulkJob) *apiError {
	j.Modified = b.s.clock.Now()
	if err := b.s.journal.Append(kindJob, j); err != nil {
		b.s.log.Error("the journal cannot be written", "error", err)
		return refuse("UNKNOWN_EXCEPTION", "An unexpected error occurred: the job could not be kept").with(http.StatusInternalServerError)
	}
	return nil
}

// enter adds a new job. b.mu is held.
func (b *bulk) enter(j *bulkJob) *apiError {
	if err := b.makeDir(); err != nil {
		b.s.log.Error("the folder of the bulk jobs cannot be made", "error", err)
		return refuse("UNKNOWN_EXCEPTION", "An unexpected error occurred: there is no place for the job's data").with(http.StatusInternalServerError)
	}
	b.next++
	j.ID = makeID("750", b.next)
	j.Created = b.s.clock.Now()
	b.jobs[j.ID] = j
	b.order = append(b.order, j.ID)
	return b.save(j)
}

// find gives a job that is still kept. b.mu is held.
func (b *bulk) find(kind, text string) (*bulkJob, *apiError) {
	id, _ := longID(text)
	j := b.jobs[id]
	if j == nil || j.Kind != kind {
		return nil, notFound()
	}
	return j, nil
}

// serve answers everything below /jobs/ingest and /jobs/query.
func (b *bulk) serve(c *call, kind string, path []string) *reply {
	since := map[string]int{jobIngest: ingestSince, jobQuery: bulkQuerySince}[kind]
	if since == 0 || c.before(since) || c.tx != nil {
		return errorReply(notFound())
	}
	b.expire()
	switch {
	case len(path) == 0:
		return c.only([]string{http.MethodGet, "HEAD", http.MethodPost}, func() *reply {
			if c.method == http.MethodPost {
				return b.create(c, kind)
			}
			return b.list(c, kind)
		})
	case len(path) == 1:
		return c.only([]string{http.MethodGet, "HEAD", http.MethodPatch, http.MethodDelete}, func() *reply { return b.one(c, kind, path[0]) })
	case len(path) == 2 && kind == jobIngest && path[1] == "batches":
		return c.only([]string{http.MethodPut}, func() *reply { return b.upload(c, path[0]) })
	case len(path) == 2 && kind == jobIngest:
		return c.get(func() *reply { return b.ingestResults(path[0], path[1]) })
	case len(path) == 2 && path[1] == "results":
		return c.get(func() *reply { return b.queryResults(c, path[0]) })
	default:
		return errorReply(notFound())
	}
}

// create answers POST /jobs/{kind}.
func (b *bulk) create(c *call, kind string) *reply {
	var j *bulkJob
	var err *apiError
	switch {
	case kind == jobQuery:
		j, err = b.createQuery(c)
	case isMultipart(c):
		j, err = b.createWithData(c)
	default:
		j, err = b.createIngest(c)
	}
	if err != nil {
		return errorReply(err)
	}
	b.kick()
	b.mu.Lock()
	defer b.mu.Unlock()
	return jsonReply(http.StatusOK, j.show(false))
}

// one answers GET, PATCH and DELETE /jobs/{kind}/{id}.
func (b *bulk) one(c *call, kind, id string) *reply {
	b.kick()
	b.mu.Lock()
	defer b.mu.Unlock()
	j, err := b.find(kind, id)
	if err != nil {
		return errorReply(err)
	}
	switch c.method {
	case http.MethodGet:
		return jsonReply(http.StatusOK, j.show(true))
	case http.MethodDelete:
		if err := b.remove(j); err != nil {
			return errorReply(err)
		}
		return &reply{status: http.StatusNoContent}
	}
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	var in struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return errorReply(parserError(err, 0))
	}
	if err := b.move(j, in.State); err != nil {
		return errorReply(err)
	}
	return jsonReply(http.StatusOK, j.show(false))
}

// move takes a job to the state that its owner wants: UploadComplete or Aborted.
func (b *bulk) move(j *bulkJob, state string) *apiError {
	switch {
	case state == jobUploadComplete && j.Kind == jobIngest:
		if j.State != jobOpen || j.running {
			return invalidState(j, "closed")
		}
		j.State, j.Queued = jobUploadComplete, b.s.clock.Now()
		j.Trouble = string(b.s.faults.Next("jobs.process").Kind)
		defer b.kickLocked()
	case state == jobAborted:
		if j.done() {
			return invalidState(j, "aborted")
		}
		j.State, j.Ended = jobAborted, b.s.clock.Now()
	default:
		return refuse("INVALIDJOBSTATE", "InvalidJobState : A job's state can be set to UploadComplete or Aborted, not to '%s'", state)
	}
	return b.save(j)
}

func invalidState(j *bulkJob, what string) *apiError {
	return refuse("INVALIDJOBSTATE", "InvalidJobState : A job in the state %s cannot be %s", j.State, what)
}

// remove deletes a job that is not being worked on.
func (b *bulk) remove(j *bulkJob) *apiError {
	if !j.done() && j.State != jobUploadComplete || j.running {
		return invalidState(j, "deleted")
	}
	j.Gone = true
	if err := b.save(j); err != nil {
		j.Gone = false
		return err
	}
	b.forget(j)
	return nil
}

func (b *bulk) forget(j *bulkJob) {
	delete(b.jobs, j.ID)
	b.order = slices.DeleteFunc(b.order, func(id string) bool { return id == j.ID })
	b.removeFiles(j)
}

// expire forgets the jobs that are older than Salesforce keeps them.
func (b *bulk) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Clone(b.order) {
		j := b.jobs[id]
		if b.s.clock.Now().Sub(j.Created) > jobsKept && !j.running {
			j.Gone = true
			if err := b.save(j); err != nil {
				j.Gone = false
				return
			}
			b.forget(j)
		}
	}
}

// list answers GET /jobs/{kind}: the newest first.
func (b *bulk) list(c *call, kind string) *reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*bulkJob
	for _, id := range slices.Backward(b.order) {
		if j := b.jobs[id]; j.Kind == kind && fitsList(c, j) {
			found = append(found, j)
		}
	}
	from := 0
	if locator := c.query.Get("queryLocator"); locator != "" {
		from = slices.IndexFunc(found, func(j *bulkJob) bool { return j.ID == locator })
		if from < 0 {
			return errorReply(refuse("INVALID_QUERY_LOCATOR", "invalid query locator"))
		}
	}
	out := map[string]any{"done": true, "nextRecordsUrl": nil}
	page := found[from:]
	if len(page) > jobsListed {
		out["done"] = false
		out["nextRecordsUrl"] = c.root() + "/jobs/" + kind + "?queryLocator=" + page[jobsListed].ID
		page = page[:jobsListed]
	}
	records := make([]map[string]any, len(page))
	for i, j := range page {
		records[i] = j.show(false)
		records[i]["jobType"] = j.jobType()
	}
	out["records"] = records
	return jsonReply(http.StatusOK, out)
}

// fitsList says whether a job is of the kind that the parameters ask for.
func fitsList(c *call, j *bulkJob) bool {
	for name, has := range map[string]string{"jobType": j.jobType(), "concurrencyMode": "Parallel"} {
		if want := c.query.Get(name); want != "" && !strings.EqualFold(want, has) {
			return false
		}
	}
	return true
}

func (j *bulkJob) jobType() string {
	if j.Kind == jobQuery {
		return "V2Query"
	}
	return "V2Ingest"
}

// show is a job as the API answers it; full for one that was asked for.
func (j *bulkJob) show(full bool) map[string]any {
	const layout = "2006-01-02T15:04:05.000+0000"
	out := map[string]any{
		"id": j.ID, "operation": j.Operation, "object": j.Object, "createdById": j.CreatedBy,
		"createdDate": j.Created.UTC().Format(layout), "systemModstamp": j.Modified.UTC().Format(layout), "state": j.State,
		"concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": json.RawMessage(j.Version),
		"lineEnding": j.LineEnding, "columnDelimiter": j.Delimiter,
	}
	if j.Kind == jobIngest {
		if j.ExternalID != "" {
			out["externalIdFieldName"] = j.ExternalID
		}
		if j.State == jobOpen {
			out["contentUrl"] = "services/data/v" + j.Version + "/jobs/ingest/" + j.ID + "/batches"
		}
	}
	if !full {
		return out
	}
	spent := int64(0)
	if !j.Started.IsZero() && j.Ended.After(j.Started) {
		spent = j.Ended.Sub(j.Started).Milliseconds()
	}
	out["jobType"], out["retries"], out["totalProcessingTime"], out["numberRecordsProcessed"] = j.jobType(), 0, spent, j.Rows
	if j.Error != "" {
		out["errorMessage"] = j.Error
	}
	if j.Kind == jobQuery {
		out["isPkChunkingSupported"] = true
		return out
	}
	out["apiActiveProcessingTime"], out["apexProcessingTime"], out["numberRecordsFailed"] = spent, 0, j.Failed
	return out
}

// delimiters are the values of columnDelimiter.
var delimiters = map[string]byte{"COMMA": ',', "TAB": '\t', "SEMICOLON": ';', "PIPE": '|', "CARET": '^', "BACKQUOTE": '`'}

var lineEndings = map[string]string{"LF": "\n", "CRLF": "\r\n"}

// format checks what a job says of the form of its data, and fills in what it
// does not say.
func (j *bulkJob) format(contentType string) *apiError {
	if j.LineEnding == "" {
		j.LineEnding = "LF"
	}
	if j.Delimiter == "" {
		j.Delimiter = "COMMA"
	}
	for _, v := range []struct {
		name, value string
		known       bool
	}{
		{"ContentTypeEnum", contentType, contentType == "" || contentType == "CSV"},
		{"LineEndingEnum", j.LineEnding, lineEndings[j.LineEnding] != ""},
		{"ColumnDelimiterEnum", j.Delimiter, delimiters[j.Delimiter] != 0},
	} {
		if !v.known {
			return refuse("JSON_PARSER_ERROR", "%s is not a value of %s", v.value, v.name)
		}
	}
	return nil
}

// bulkOperation names a request about jobs for faults and the log.
func bulkOperation(method string, parts []string) string {
	if len(parts) < 2 {
		return "jobs"
	}
	verb := map[string]string{http.MethodGet: "status", http.MethodPost: "create", http.MethodPatch: "update", http.MethodDelete: "delete", http.MethodPut: "upload"}[method]
	switch {
	case len(parts) == 2 && method == http.MethodGet:
		verb = "list"
	case len(parts) == 4 && method == http.MethodGet:
		verb = "results"
	}
	return fmt.Sprintf("jobs.%s.%s", parts[1], verb)
}
