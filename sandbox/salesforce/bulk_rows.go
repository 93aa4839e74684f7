package salesforce

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

const (
	ingestChunk = 200    // rows in one transaction, as Salesforce hands them to triggers
	ingestBatch = 10_000 // rows in one internal batch, of which a day has so many
	nullMark    = "#N/A" // empties a field; an empty value leaves it alone
)

func newRowReader(r io.Reader, delimiter byte) *csv.Reader {
	cr := csv.NewReader(bufio.NewReaderSize(r, 1<<16))
	cr.Comma, cr.ReuseRecord = rune(delimiter), true
	return cr
}

// endingReader refuses line ends of the other kind, inside quotes too.
type endingReader struct {
	r    *bufio.Reader
	crlf bool
	last byte
}

var errLineEnding = errors.New("line ending")

func (e *endingReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	for _, c := range p[:n] {
		if c == '\n' && (e.last == '\r') != e.crlf {
			return 0, errLineEnding
		}
		e.last = c
	}
	return n, err
}

// ingestRun is one job on its way.
type ingestRun struct {
	b       *bulk
	j       *bulkJob
	o       *object
	key     *field // the external id of an upsert
	columns []ingestColumn
	good    *resultFile
	bad     *resultFile
	failed  int
	line    []byte
}

// ingestColumn is what one column of the data means.
type ingestColumn struct {
	f   *field  // the field that it sets
	o   *object // for a parent that is named by its key: its object …
	ext *field  // … and the key's field
	id  bool    // the record's own id
}

// runIngest brings an ingest job as far as it may come now.
func (b *bulk) runIngest(j *bulkJob) error {
	o, ok := b.s.object(j.Object, j.CreatedBy)
	if !ok {
		return jobError("InvalidJob : Unable to find object: " + j.Object)
	}
	run := &ingestRun{b: b, j: j, o: o, failed: j.Failed}
	if j.ExternalID != "" {
		run.key = o.field(j.ExternalID)
	}
	in, err := os.Open(b.path(j, "in"))
	if errors.Is(err, os.ErrNotExist) {
		return jobError("InvalidBatch : There is no data to process")
	}
	if err != nil {
		return err
	}
	defer in.Close()
	total, err := run.check(in)
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return run.rows(in, total)
}

// check reads the data to its end before anything is done: its line ends, the
// fields of its header and the number of values in each row.
func (run *ingestRun) check(in io.Reader) (total int, err error) {
	j := run.j
	r := newRowReader(&endingReader{r: bufio.NewReaderSize(in, 1<<16), crlf: j.LineEnding == "CRLF"}, delimiters[j.Delimiter])
	for n := -1; ; n++ {
		values, err := r.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF) && n < 0:
			return 0, jobError("InvalidBatch : There is no data to process")
		case errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, errLineEnding):
			return 0, jobError("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is " + j.LineEnding)
		case errors.As(err, &broken):
			return 0, jobError(fmt.Sprintf("InvalidBatch : Failed to parse the data at line %d: %v", broken.Line, broken.Err))
		case err != nil:
			return 0, err
		case n < 0:
			if err := run.header(values); err != nil {
				return 0, err
			}
		}
	}
}

// header finds out what each column means. "Account.Key__c" names a parent by
// its key, "Lead:Who.Id" one of several kinds of parents (Relationship Fields in
// a Header Row).
func (run *ingestRun) header(names []string) error {
	run.columns = make([]ingestColumn, len(names))
	a := run.b.s.ruling.Load().accessTo(run.j.CreatedBy, run.o)
	seen := map[string]bool{}
	for i, name := range names {
		c := &run.columns[i]
		kind, rest, typed := strings.Cut(name, ":")
		if !typed {
			kind, rest = "", name
		}
		relation, key, dotted := strings.Cut(rest, ".")
		switch {
		case seen[strings.ToLower(name)]:
			return jobError("InvalidBatch : Field name duplicated : " + name)
		case dotted:
			if c.f = run.o.byRel[strings.ToLower(relation)]; c.f != nil && a.sees(c.f) {
				c.o, c.ext = run.b.s.store.keyOf(c.f, kind, key)
			}
			if c.ext == nil {
				return jobError("InvalidBatch : Field name not found : " + name)
			}
		case !typed && strings.EqualFold(name, "Id"):
			c.id = true
		default:
			if c.f = run.o.field(name); c.f == nil || !a.sees(c.f) {
				return jobError("InvalidBatch : Field name not found : " + name)
			}
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// rows works the rows that are not done yet, in chunks that are each one
// transaction.
func (run *ingestRun) rows(in io.Reader, total int) (err error) {
	j, delimiter := run.j, delimiters[run.j.Delimiter]
	r := newRowReader(in, delimiter)
	names, err := r.Read()
	if err != nil {
		return err
	}
	header := append([]string(nil), names...)
	if run.good, err = run.results("good", j.Good, append([]string{"sf__Id", "sf__Created"}, header...)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.good.close()) }()
	if run.bad, err = run.results("bad", j.Bad, append([]string{"sf__Id", "sf__Error"}, header...)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.bad.close()) }()
	for range j.Rows {
		if _, err := r.Read(); err != nil {
			return err
		}
	}
	if err := run.b.note(j, bulkProgress{Job: j.ID, Rows: j.Rows, Failed: run.failed, Good: run.good.size, Bad: run.bad.size}); err != nil {
		return err
	}
	for done := j.Rows; done < total; {
		most := min(ingestChunk, total-done, run.b.mayReach(j)-done)
		if most <= 0 || run.b.aborted(j) {
			return errPaused
		}
		if err := j.trouble(done, total); err != nil {
			return err
		}
		if done%ingestBatch == 0 {
			if _, _, ok := run.b.s.allocations[allocBatches].take(1, run.b.s.clock.Now()); !ok {
				return jobError("ExceededQuota : ApiBatchItems Limit exceeded.")
			}
		}
		if err := run.chunk(r, min(most, ingestBatch-done%ingestBatch), done); err != nil {
			return err
		}
		done = j.Rows
	}
	return nil
}

// note keeps a job's progress that comes without changes of records.
func (b *bulk) note(j *bulkJob, p bulkProgress) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j.bulkProgress == p {
		return nil
	}
	if err := b.s.journalChanges(nil, nil, &p); err != nil {
		return err
	}
	j.bulkProgress = p
	return nil
}

// ingestRow is one row of the data on its way.
type ingestRow struct {
	item
	values []string // as they came
	err    *apiError
}

// chunk works some rows in one transaction. Their results are in the files, and
// how far the job is stands beside the changes, before any of it counts.
func (run *ingestRun) chunk(r *csv.Reader, n, done int) error {
	rows := make([]ingestRow, n)
	for i := range rows {
		values, err := r.Read()
		if err != nil {
			return err
		}
		rows[i].values = append([]string(nil), values...)
	}
	x := run.b.s.begin(run.j.CreatedBy)
	x.origin = "com/salesforce/api/bulk/" + run.j.Version
	items := make([]item, n)
	for i := range rows {
		items[i].o = run.o
		rows[i].err = run.read(x, rows[i].values, &items[i])
	}
	if run.key != nil {
		refuseTwins(items, run.key)
	}
	for i := range rows {
		row := &rows[i]
		row.item = items[i]
		if row.err == nil && row.result.Errors == nil {
			row.err = run.save(x, &row.item)
		}
		run.tell(row)
	}
	p := bulkProgress{Job: run.j.ID, Rows: done + n, Failed: run.failed}
	var err error
	if p.Good, err = run.good.flush(); err == nil {
		p.Bad, err = run.bad.flush()
	}
	if err != nil {
		x.rollback()
		return err
	}
	x.progress = &p
	if err := x.commit(); err != nil {
		return err
	}
	run.b.mu.Lock()
	defer run.b.mu.Unlock()
	run.j.bulkProgress = p
	return nil
}

// read turns a row's texts into values.
func (run *ingestRun) read(x *tx, values []string, it *item) *apiError {
	it.in = input{values: newValues(run.o)}
	for i, c := range run.columns {
		text := values[i]
		switch {
		case c.id:
			it.in.id = strings.TrimSpace(text)
		case text == "":
		case c.ext != nil && text != nullMark:
			id, err := x.parentID(c.o, c.ext, text)
			if err != nil {
				return err
			}
			it.in.values.put(c.f.index, id)
		case text == nullMark:
			it.in.values.put(c.f.index, nil)
		default:
			v, ok := c.f.fromCSV(text)
			if !ok {
				return refuse("INVALID_TYPE_ON_FIELD_IN_RECORD", "%s: value not of required type: %s", c.f.label, clip(text)).on(c.f.name)
			}
			it.in.values.put(c.f.index, c.f.settle(v))
		}
	}
	if run.key != nil {
		it.key, _ = it.in.values.at[run.key.index].(string)
		if run.key.index == run.o.id {
			it.key = it.in.id
		}
	}
	return nil
}

// fromCSV reads a value as data files write it: as JSON's texts, and checkboxes
// as 1 and 0, dates with a zone (Valid CSV Record Rows; Valid Date Format).
func (f *field) fromCSV(s string) (any, bool) {
	switch f.typ {
	case soql.TypeBoolean:
		switch strings.ToLower(s) {
		case "1":
			return true, true
		case "0":
			return false, true
		}
	case soql.TypeDate:
		s = strings.TrimSuffix(s, "Z")
	case soql.TypeInt, soql.TypeDouble, soql.TypeCurrency, soql.TypePercent:
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return nil, false
		}
	}
	return f.convert(s)
}

// save does with one row what the job is for.
func (run *ingestRun) save(x *tx, it *item) *apiError {
	switch run.j.Operation {
	case "insert":
		if it.in.id != "" {
			return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call").on("Id")
		}
		return x.insertItem(it)
	case "update":
		return x.updateItem(it)
	case "upsert":
		return x.upsertItem(it, run.key)
	}
	if it.in.id == "" {
		return refuse("MISSING_ARGUMENT", "Id not specified in a delete call").on("Id")
	}
	id, err := run.o.recordID(it.in.id)
	if err != nil {
		return err
	}
	it.result.ID = id
	remove := x.remove
	if run.j.Operation == "hardDelete" {
		remove = x.erase
	}
	if err := remove(run.o, id); err != nil {
		return err
	}
	it.result = saved(id)
	return nil
}

// tell writes what became of a row: "CODE:message:fields --" where it failed.
func (run *ingestRun) tell(row *ingestRow) {
	id, delimiter, end := row.result.ID, delimiters[run.j.Delimiter], lineEndings[run.j.LineEnding]
	second, out := "false", run.good
	switch {
	case row.err != nil:
		second, out = row.err.inCSV(), run.bad
	case len(row.result.Errors) > 0:
		e := row.result.Errors[0]
		second, out = (&apiError{code: e.StatusCode, message: e.Message, fields: e.Fields}).inCSV(), run.bad
	case run.j.Operation == "insert" || row.result.Created != nil && *row.result.Created:
		second = "true"
	}
	if out == run.bad {
		run.failed++
	}
	run.line = appendCSVRow(run.line[:0], []string{id, second}, delimiter)
	run.line = append(run.line, delimiter)
	run.line = append(appendCSVRow(run.line, row.values, delimiter), end...)
	out.write(run.line)
}

// inCSV is a refusal as the failed results write it.
func (e *apiError) inCSV() string {
	text := e.code + ":" + e.message + ":"
	if len(e.fields) > 0 {
		text += strings.Join(e.fields, " ") + " "
	}
	return text + "--"
}

// appendCSVRow appends values in quotes, without a line end.
func appendCSVRow(dst []byte, values []string, delimiter byte) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, delimiter)
		}
		dst = append(dst, '"')
		dst = append(dst, strings.ReplaceAll(v, `"`, `""`)...)
		dst = append(dst, '"')
	}
	return dst
}

// resultFile is a list of results that grows. Its first error is told by flush.
type resultFile struct {
	f    *os.File
	w    *bufio.Writer
	size int64
	err  error
}

// results opens a list of results where it ended when it was last kept; what a
// kill left behind that is cut off.
func (run *ingestRun) results(what string, size int64, header []string) (*resultFile, error) {
	f, err := os.OpenFile(run.b.path(run.j, what), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err = f.Truncate(size); err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	out := &resultFile{f: f, w: bufio.NewWriterSize(f, 1<<16), size: size}
	if size == 0 {
		out.write(append(appendCSVRow(nil, header, delimiters[run.j.Delimiter]), lineEndings[run.j.LineEnding]...))
	}
	if _, err := out.flush(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return out, nil
}

func (r *resultFile) write(p []byte) {
	n, err := r.w.Write(p)
	r.size += int64(n)
	if err != nil && r.err == nil {
		r.err = err
	}
}

func (r *resultFile) flush() (int64, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.size, r.w.Flush()
}

func (r *resultFile) close() error { return r.f.Close() }
