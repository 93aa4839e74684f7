package salesforce

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

const (
	resultsDefault = 50_000 // records in one answer when maxRecords is not given
	markEvery      = 1000   // records between two places that are noted
	renderChunk    = 2000   // records written while the organisation stands still
)

// createQuery answers POST /jobs/query. What the Bulk API does not take, or no
// query could be, is refused at once.
func (b *bulk) createQuery(c *call) (*bulkJob, *apiError) {
	if err := c.requireJSON(); err != nil {
		return nil, err
	}
	var in struct {
		Operation   string `json:"operation"`
		Query       string `json:"query"`
		LineEnding  string `json:"lineEnding"`
		Delimiter   string `json:"columnDelimiter"`
		ContentType string `json:"contentType"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, parserError(err, 0)
	}
	j := &bulkJob{
		Kind: jobQuery, Operation: in.Operation, Query: in.Query, State: jobUploadComplete, LineEnding: in.LineEnding, Delimiter: in.Delimiter,
		Version: c.version, CreatedBy: c.userID,
	}
	if err := j.format(in.ContentType); err != nil {
		return nil, err
	}
	if j.Operation != "query" && j.Operation != "queryAll" {
		return nil, refuse("INVALIDJOB", "InvalidJob : Unsupported operation '%s': use query or queryAll", in.Operation)
	}
	b.s.store.mu.RLock()
	plan, _, err := b.s.prepareTable(j)
	b.s.store.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	j.Object = plan.Object()
	now := b.s.clock.Now()
	if used, limit, _ := b.s.allocations[allocQueryStorage].state(now); used >= limit {
		return nil, refuse("LIMIT_EXCEEDED", "Max bulk v2 query result size stored (%d) kb per 24 hrs has been exceeded", limit*1024)
	}
	if used, limit, ok := b.s.allocations[allocQueryJobs].take(1, now); !ok {
		return nil, refuse("LIMIT_EXCEEDED", "Max bulk v2 query jobs (%d) per 24 hrs has been reached (%d)", limit, used+1)
	}
	j.Queued, j.Trouble = now, string(b.s.faults.Next("jobs.process").Kind)
	b.mu.Lock()
	defer b.mu.Unlock()
	return j, b.enter(j)
}

// prepareTable compiles a job's query. The store is held for reading.
func (s *Server) prepareTable(j *bulkJob) (*soql.Plan, *soql.Table, *apiError) {
	plan, err := s.prepare(j.Query, j.Operation == "queryAll", j.CreatedBy, (&call{version: j.Version}).release())
	if err != nil {
		return nil, nil, err
	}
	table, terr := plan.Table()
	if terr != nil {
		return nil, nil, queryRefusal(terr)
	}
	if j.before(50) {
		table.SortColumns()
	}
	return plan, table, nil
}

// before says whether the job speaks a release older than n.
func (j *bulkJob) before(n int) bool { return (&call{version: j.Version}).before(n) }

// runQuery writes a query's results to their file.
func (b *bulk) runQuery(j *bulkJob) (err error) {
	if err := j.trouble(0, 0); err != nil {
		return err
	}
	table, err := b.evaluate(j)
	if err != nil {
		return err
	}
	f, err := os.Create(b.path(j, "out"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<18)
	delimiter, end := delimiters[j.Delimiter], lineEndings[j.LineEnding]
	index := &resultIndex{}
	buf := append(appendCSVRow(nil, table.Columns, delimiter), end...)
	for done := 0; ; {
		if _, err := w.Write(buf); err != nil {
			return err
		}
		index.size += int64(len(buf))
		b.mu.Lock()
		j.Rows = max(j.Rows, done) // a paused query begins anew
		b.mu.Unlock()
		if done == table.Len() {
			break
		}
		most := min(renderChunk, table.Len()-done, b.mayReach(j)-done)
		if most <= 0 || b.aborted(j) {
			return errPaused
		}
		buf = buf[:0]
		b.s.store.mu.RLock()
		for range most {
			if done%markEvery == 0 {
				index.marks = append(index.marks, index.size+int64(len(buf)))
			}
			buf = append(table.AppendCSV(buf, done, delimiter), end...)
			done++
		}
		b.s.store.mu.RUnlock()
	}
	if err := w.Flush(); err != nil {
		return err
	}
	index.records = table.Len()
	megabytes := int((index.size + 1<<20 - 1) >> 20)
	if _, limit, ok := b.s.allocations[allocQueryStorage].take(megabytes, b.s.clock.Now()); !ok {
		b.s.allocations[allocQueryStorage].set(0, limit) // full: the next job is refused
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	j.index = index
	return nil
}

func (b *bulk) evaluate(j *bulkJob) (*soql.Table, error) {
	b.s.store.mu.RLock()
	defer b.s.store.mu.RUnlock()
	plan, table, refused := b.s.prepareTable(j)
	if refused != nil { // the organisation has changed since
		return nil, jobError("InvalidBatch : Failed to process query: " + refused.Error())
	}
	return table, plan.RunTable(b.context, table)
}

// resultIndex knows where records of a query's results begin: every thousandth.
type resultIndex struct {
	marks   []int64
	records int
	size    int64
}

// queryResults answers /jobs/query/{id}/results.
func (b *bulk) queryResults(c *call, id string) *reply {
	b.kick()
	b.mu.Lock()
	defer b.mu.Unlock()
	j, err := b.find(jobQuery, id)
	switch {
	case err != nil:
		return errorReply(err)
	case j.Version != c.version:
		return errorReply(refuse("API_ERROR", "The results of a query job are read with the version that created it: %s", j.Version).with(http.StatusConflict))
	case j.State != jobComplete:
		return errorReply(refuse("JOB_NOT_COMPLETE", "can only download query results of successfully completed bulk job with status: JOB_COMPLETE. Current status: %s", stateName(j.State)).with(http.StatusPreconditionFailed))
	}
	from, most, err := j.readPage(c)
	if err != nil {
		return errorReply(err)
	}
	path, end := b.path(j, "out"), lineEndings[j.LineEnding]
	if j.index == nil { // the process was started anew
		index, err := scanResults(path, end)
		if err != nil {
			return errorReply(b.broken(err))
		}
		j.index = index
	}
	if from > j.index.records || from > 0 && from == j.index.records {
		return errorReply(refuse("INVALID_QUERY_LOCATOR", "invalid query locator"))
	}
	to := min(from+most, j.index.records)
	cut, cerr := j.index.cut(path, end, from, to)
	if cerr != nil {
		return errorReply(b.broken(cerr))
	}
	rep := csvReply(&stream{size: cut.size(), write: func(w io.Writer) error { return cut.write(w, path) }})
	rep.header.Set("Sforce-NumberOfRecords", strconv.Itoa(to-from))
	rep.header.Set("Sforce-Locator", j.locator(to))
	return rep
}

// stateName writes a state as the old messages do: IN_PROGRESS.
func stateName(state string) string {
	var out []byte
	for i, c := range []byte(state) {
		if c >= 'A' && c <= 'Z' && i > 0 {
			out = append(out, '_')
		}
		out = append(out, c)
	}
	return string(bytes.ToUpper(out))
}

// locator names the page that begins at a record: a number before 49.0, a text
// that means nothing to the client since; "null" at the end.
func (j *bulkJob) locator(record int) string {
	text := strconv.Itoa(record)
	switch {
	case record == j.index.records:
		return "null"
	case j.before(49):
		return text
	default:
		return base64.RawStdEncoding.EncodeToString([]byte(text))
	}
}

// readPage reads locator and maxRecords.
func (j *bulkJob) readPage(c *call) (from, most int, refused *apiError) {
	most = resultsDefault
	if text := c.query.Get("maxRecords"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, 0, refuse("ILLEGAL_QUERY_PARAMETER_VALUE", "maxRecords must be a whole number from 1, not %s", text)
		}
		most = n
	}
	text := c.query.Get("locator")
	if text == "" {
		return 0, most, nil
	}
	if !j.before(49) {
		plain, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return 0, 0, refuse("INVALID_QUERY_LOCATOR", "invalid query locator")
		}
		text = string(plain)
	}
	from, err := strconv.Atoi(text)
	if err != nil || from < 1 {
		return 0, 0, refuse("INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	return from, most, nil
}

// resultCut is a piece of a results file: its header and some records.
type resultCut struct{ header, from, to int64 }

func (c resultCut) size() int64 { return c.header + c.to - c.from }

func (c resultCut) write(w io.Writer, path string) error {
	if err := copyFile(w, path, 0, c.header); err != nil || c.from == c.to {
		return err
	}
	return copyFile(w, path, c.from, c.to-c.from)
}

// cut finds the records from..to.
func (x *resultIndex) cut(path, end string, from, to int) (resultCut, error) {
	if x.records == 0 {
		return resultCut{header: x.size}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return resultCut{}, err
	}
	defer f.Close()
	out := resultCut{header: x.marks[0]}
	if out.from, err = x.place(f, end, from); err == nil {
		out.to, err = x.place(f, end, to)
	}
	return out, err
}

// place gives the offset of a record, the file's size for the one after the last.
func (x *resultIndex) place(f *os.File, end string, record int) (int64, error) {
	if record == x.records {
		return x.size, nil
	}
	at := x.marks[record/markEvery]
	if record%markEvery == 0 {
		return at, nil
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	left := record % markEvery
	err := eachRecord(bufio.NewReaderSize(f, 1<<16), end, func(n int64) bool {
		at += n
		left--
		return left > 0
	})
	return at, err
}

// scanResults makes the index of a file anew.
func scanResults(path, end string) (*resultIndex, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x := &resultIndex{records: -1} // the header counts as one
	err = eachRecord(bufio.NewReaderSize(f, 1<<18), end, func(n int64) bool {
		if x.records >= 0 && x.records%markEvery == 0 {
			x.marks = append(x.marks, x.size)
		}
		x.size += n
		x.records++
		return true
	})
	return x, err
}

// eachRecord yields the length of each record, its line end included, until
// yield gives false. A line that ends inside quotes goes on.
func eachRecord(r *bufio.Reader, end string, yield func(n int64) bool) error {
	var length int64
	quotes := 0
	var tail [2]byte
	for {
		part, err := r.ReadSlice('\n')
		length += int64(len(part))
		quotes += bytes.Count(part, []byte{'"'})
		for _, c := range part[max(0, len(part)-2):] {
			tail[0], tail[1] = tail[1], c
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case quotes%2 == 1 || end == "\r\n" && tail[0] != '\r':
			continue
		}
		if !yield(length) {
			return nil
		}
		length, quotes = 0, 0
	}
}
