package salesforce

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
)

// ingestOperations are what an ingest job can do.
var ingestOperations = []string{"insert", "update", "upsert", "delete", "hardDelete"}

// multipartMost is how many characters of data a job may be created with.
const multipartMost = 100_000

type ingestBody struct {
	Object       string `json:"object"`
	Operation    string `json:"operation"`
	ExternalID   string `json:"externalIdFieldName"`
	LineEnding   string `json:"lineEnding"`
	Delimiter    string `json:"columnDelimiter"`
	ContentType  string `json:"contentType"`
	AssignmentID string `json:"assignmentRuleId"` // taken and not used: there are no assignment rules
}

// createIngest answers POST /jobs/ingest with a job alone.
func (b *bulk) createIngest(c *call) (*bulkJob, *apiError) {
	if err := c.requireJSON(); err != nil {
		return nil, err
	}
	j, err := b.readIngest(c, c.body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return j, b.enter(j)
}

// readIngest checks the description of a job.
func (b *bulk) readIngest(c *call, body []byte) (*bulkJob, *apiError) {
	var in ingestBody
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, parserError(err, 0)
	}
	j := &bulkJob{
		Kind: jobIngest, Operation: in.Operation, State: jobOpen, LineEnding: in.LineEnding, Delimiter: in.Delimiter,
		Version: c.version, CreatedBy: c.userID,
	}
	if err := j.format(in.ContentType); err != nil {
		return nil, err
	}
	if !slices.Contains(ingestOperations, in.Operation) {
		return nil, refuse("INVALIDJOB", "InvalidJob : Unsupported operation '%s': use %s", in.Operation, strings.Join(ingestOperations, ", "))
	}
	o, ok := b.s.object(in.Object, c.userID)
	if !ok {
		return nil, refuse("INVALIDJOB", "InvalidJob : Unable to find object: %s", in.Object)
	}
	j.Object = o.Name
	if o.readonly {
		return nil, refuse("INVALIDENTITY", "InvalidEntity : Entity '%s' is not supported by the Bulk API.", o.Name)
	}
	b.mu.Lock()
	hard := b.settings.HardDelete
	b.mu.Unlock()
	if in.Operation == "hardDelete" && !hard {
		return nil, refuse("FEATURENOTENABLED", "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your system administrator")
	}
	if in.Operation != "upsert" {
		return j, nil
	}
	if in.ExternalID == "" {
		return nil, refuse("INVALIDJOB", "InvalidJob : External ID was blank for %s. An External ID must be specified for upsert.", o.Name)
	}
	key := o.field(in.ExternalID)
	if key == nil || !key.external && key.index != o.id {
		return nil, refuse("INVALIDJOB", "InvalidJob : Field name provided, %s does not match an External ID, Salesforce Id, or indexed field for %s", in.ExternalID, o.Name)
	}
	j.ExternalID = key.name
	return j, nil
}

func isMultipart(c *call) bool {
	media, _, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	return err == nil && media == "multipart/form-data"
}

// createWithData answers POST /jobs/ingest with the job and its data as the two
// parts of one form; the job is queued at once.
func (b *bulk) createWithData(c *call) (*bulkJob, *apiError) {
	_, params, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil {
		return nil, refuse("INVALIDJOB", "InvalidJob : the request's content type cannot be read: %v", err)
	}
	form := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	parts := map[string][]byte{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			var data []byte
			if data, err = io.ReadAll(part); err == nil {
				parts[part.FormName()] = data
				continue
			}
		}
		return nil, refuse("INVALIDJOB", "InvalidJob : the request's form cannot be read: %v", err)
	}
	for _, name := range []string{"job", "content"} {
		if parts[name] == nil {
			return nil, refuse("INVALIDJOB", "InvalidJob : the request's form has no part '%s'", name)
		}
	}
	if len(parts["content"]) > multipartMost && len([]rune(string(parts["content"]))) > multipartMost {
		return nil, refuse("INVALIDJOB", "InvalidJob : the content is longer than %d characters: create the job first and upload its data", multipartMost)
	}
	j, refused := b.readIngest(c, parts["job"])
	if refused != nil {
		return nil, refused
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter(j); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path(j, "in"), parts["content"], 0o600); err != nil {
		return nil, b.broken(err)
	}
	j.Uploaded = true
	return j, b.move(j, jobUploadComplete)
}

func (b *bulk) broken(err error) *apiError {
	b.s.log.Error("a bulk job's data cannot be kept", "error", err)
	return refuse("UNKNOWN_EXCEPTION", "An unexpected error occurred: the data could not be kept").with(http.StatusInternalServerError)
}

// isUpload says whether the call brings a job's data, which is not read into
// memory.
func isUpload(c *call) bool {
	return c.method == http.MethodPut && strings.HasPrefix(c.path, "/services/data/v") && strings.Contains(c.path, "/jobs/ingest/")
}

// readUpload leaves the body to be read as it comes.
func (s *Server) readUpload(c *call, r *http.Request) (*call, *reply) {
	c.upload = r.Body
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			return c, errorReply(refuse("CLIENTINPUTERROR", "ClientInputError : the request's body is not gzip: %v", err))
		}
		c.upload = zr
	}
	return c, nil
}

// upload answers PUT /jobs/ingest/{id}/batches, which a job takes once.
func (b *bulk) upload(c *call, id string) *reply {
	if media, _, err := mime.ParseMediaType(c.header.Get("Content-Type")); err != nil || media != "text/csv" {
		return errorReply(refuse("UNSUPPORTED_MEDIA_TYPE", "The media type '%s' in the request's Content-Type is not supported for this resource; use text/csv", c.header.Get("Content-Type")).with(http.StatusUnsupportedMediaType))
	}
	b.mu.Lock()
	j, err := b.find(jobIngest, id)
	switch {
	case err != nil:
	case j.State != jobOpen:
		err = invalidState(j, "given data")
	case j.Uploaded:
		err = refuse("BULK_API_ERROR", "Found multiple contents for job: <%s>, please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only do 'PUT' once on a given Job.", j.ID[:15])
	default:
		j.Uploaded, j.running = true, true // a second upload beside this one is refused
	}
	most := b.settings.MaxUpload
	b.mu.Unlock()
	if err != nil {
		return errorReply(err)
	}
	err = b.receive(j, c.upload, most)
	b.mu.Lock()
	defer b.mu.Unlock()
	j.running = false
	if err != nil {
		j.Uploaded = false
		return errorReply(err)
	}
	if err := b.save(j); err != nil {
		return errorReply(err)
	}
	return &reply{status: http.StatusCreated}
}

// receive writes the data to the job's file.
func (b *bulk) receive(j *bulkJob, data io.Reader, most int64) *apiError {
	f, err := os.Create(b.path(j, "in"))
	if err != nil {
		return b.broken(err)
	}
	n, err := io.Copy(f, io.LimitReader(data, most+1))
	if cerr := f.Close(); err == nil && cerr != nil {
		return b.broken(cerr)
	}
	switch {
	case err != nil:
		return refuse("CLIENTINPUTERROR", "ClientInputError : the request's body cannot be read to its end")
	case n > most:
		return refuse("EXCEEDED_MAX_SIZE_REQUEST", "The job's data is larger than 150 MB once it is base64: split it over several jobs").with(http.StatusRequestEntityTooLarge)
	}
	return nil
}

// ingestResults answers the three lists of what became of a job's rows.
func (b *bulk) ingestResults(id, what string) *reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	j, err := b.find(jobIngest, id)
	if err != nil {
		return errorReply(err)
	}
	file := map[string]string{"successfulResults": "good", "failedResults": "bad", "unprocessedrecords": "in"}[what]
	switch {
	case file == "":
		return errorReply(notFound())
	case !j.done():
		return errorReply(invalidState(j, "asked for its results"))
	}
	if file == "in" {
		return csvReply(&stream{size: -1, write: b.unprocessed(j)})
	}
	size := j.Good
	if file == "bad" {
		size = j.Bad
	}
	path := b.path(j, file)
	if size == 0 { // failed before its header was read
		return csvReply(&stream{write: func(io.Writer) error { return nil }})
	}
	return csvReply(&stream{size: size, write: func(w io.Writer) error { return copyFile(w, path, 0, size) }})
}

func csvReply(s *stream) *reply {
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"text/csv"}}, stream: s}
}

// copyFile writes size bytes of a file from offset.
func copyFile(w io.Writer, path string, offset, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, size)
	return err
}

// unprocessed gives the rows that the job did not come to, under their header.
func (b *bulk) unprocessed(j *bulkJob) func(io.Writer) error {
	path, rows, delimiter, end := b.path(j, "in"), j.Rows, delimiters[j.Delimiter], lineEndings[j.LineEnding]
	return func(w io.Writer) error {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // nothing was uploaded
		}
		if err != nil {
			return err
		}
		defer f.Close()
		r := newRowReader(f, delimiter)
		var line []byte
		for n := -1; ; n++ { // -1 is the header
			values, err := r.Read()
			if err != nil {
				return nil // the end, or what cannot be read as rows at all
			}
			if n >= 0 && n < rows {
				continue
			}
			line = append(appendCSVRow(line[:0], values, delimiter), end...)
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
}
