package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// etagOf gives the strong ETag of a record: its version, and a digest of all
// that is shown with it, since a record is shown with parts that have versions
// of their own.
func etagOf(version int64, body any) (string, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("etag: %w", err)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf(`"%d-%s"`, version, hex.EncodeToString(sum[:6])), nil
}

// versionOf reads the version that an If-Match asks for. "" and "*" ask for
// none: given is false.
func versionOf(ifMatch string) (version int64, given bool, err error) {
	s := strings.TrimSpace(ifMatch)
	if s == "" || s == "*" {
		return 0, false, nil
	}
	inner, quoted := strings.CutPrefix(s, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	number, _, _ := strings.Cut(inner, "-")
	n, perr := strconv.ParseInt(number, 10, 64)
	if !quoted || !closed || perr != nil || n < 0 {
		return 0, false, problem.Invalid("If-Match", "malformed", "Send one strong ETag as it was given, such as \"3-9f86d081884c\"")
	}
	return n, true, nil
}

// matches reports whether one of the ETags of an If-None-Match is etag; weak
// ones count (RFC 9110 §13.1.2).
func matches(ifNoneMatch, etag string) bool {
	for part := range strings.SplitSeq(ifNoneMatch, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}

// conditional answers 304 instead of 200 when the caller has the record as it
// is.
type conditional struct {
	http.ResponseWriter
	ifNoneMatch string
	unchanged   bool
}

// Unwrap gives the writer below, for http.ResponseController.
func (c *conditional) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader compares the ETag that the handler set.
func (c *conditional) WriteHeader(status int) {
	if etag := c.Header().Get("ETag"); status == http.StatusOK && etag != "" && matches(c.ifNoneMatch, etag) {
		c.unchanged = true
		c.Header().Del("Content-Type")
		status = http.StatusNotModified
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write drops the body of an answer 304.
func (c *conditional) Write(b []byte) (int, error) {
	if c.unchanged {
		return len(b), nil
	}
	return c.ResponseWriter.Write(b)
}
