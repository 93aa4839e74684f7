// Package static answers "where does the browser get the look and the
// behaviour of the pages": the style sheet, scripts and pictures, embedded in
// the program and served under addresses that carry a hash of the content, so
// that a browser may keep them for ever and a new version is seen at once.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Prefix is the path under which Handler expects to be mounted.
const Prefix = "/static/"

//go:embed css/*.css js/*.js vendor/*.js img/*.svg theme.js
var files embed.FS

// bundles are the files that are served as one: all files of a folder, in
// order of their names, joined with a newline.
var bundles = map[string]string{
	"tandem.css": "css/*.css",
	"tandem.js":  "js/*.js",
}

// singles are the files that are served as they are, by their public name.
var singles = map[string]string{
	"theme.js":    "theme.js",
	"htmx.js":     "vendor/htmx.min.js",
	"favicon.svg": "img/favicon.svg",
	"logo.svg":    "img/logo.svg",
}

var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

type asset struct {
	plain, zipped []byte // zipped is nil where it would not be smaller
	mime, etag    string
	hashed        bool // served under its hashed name: may be kept for ever
}

type set struct {
	byPath map[string]asset  // "tandem.1a2b3c4d5e.css" and "tandem.css"
	urls   map[string]string // "tandem.css" to "/static/tandem.1a2b3c4d5e.css"
}

var load = sync.OnceValues(build)

func build() (set, error) {
	s := set{byPath: map[string]asset{}, urls: map[string]string{}}
	for name, pattern := range bundles {
		parts, err := fs.Glob(files, pattern)
		if err != nil {
			return s, fmt.Errorf("static: %s: %w", name, err)
		}
		slices.Sort(parts)
		if err := s.add(name, parts); err != nil {
			return s, err
		}
	}
	for name, file := range singles {
		if err := s.add(name, []string{file}); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s set) add(name string, parts []string) error {
	var body []byte
	for _, p := range parts {
		b, err := files.ReadFile(p)
		if err != nil {
			return fmt.Errorf("static: %s: %w", name, err)
		}
		body = append(append(body, b...), '\n')
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:5])
	a := asset{plain: body, mime: types[path.Ext(name)], etag: `"` + hash + `"`}
	zipped, err := compress(body)
	if err != nil {
		return fmt.Errorf("static: %s: %w", name, err)
	}
	if len(zipped) < len(body) {
		a.zipped = zipped
	}
	s.byPath[name] = a
	ext := path.Ext(name)
	long := strings.TrimSuffix(name, ext) + "." + hash + ext
	a.hashed = true
	s.byPath[long] = a
	s.urls[name] = Prefix + long
	return nil
}

func compress(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// URL gives the address of a public file ("tandem.css", "tandem.js",
// "theme.js", "htmx.js", "favicon.svg", "logo.svg") with the hash of its content. A name that is not known gives
// its plain address, which answers 404.
func URL(name string) string {
	s, err := load()
	if err != nil {
		return Prefix + name
	}
	if u, ok := s.urls[name]; ok {
		return u
	}
	return Prefix + name
}

// Names lists the public files in order.
func Names() []string {
	s, err := load()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(s.urls))
	for n := range s.urls {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Handler serves the files below Prefix. A hashed address may be kept by the
// browser for a year; the plain name is revalidated each time. Only GET and
// HEAD are answered.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		s, err := load()
		if err != nil {
			http.Error(w, "the page's files cannot be read", http.StatusInternalServerError)
			return
		}
		a, ok := s.byPath[strings.TrimPrefix(r.URL.Path, Prefix)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.mime)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", a.etag)
		h.Add("Vary", "Accept-Encoding")
		if a.hashed {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "no-cache")
		}
		if matches(r.Header.Get("If-None-Match"), a.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := a.plain
		if a.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = a.zipped
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodHead {
			return
		}
		_, _ = w.Write(body) // the browser went away: nobody is left to tell
	})
}

func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip or * without a
// quality of zero.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "*" {
			continue
		}
		q := strings.ReplaceAll(strings.ToLower(params), " ", "")
		return !strings.HasPrefix(q, "q=0") || strings.Trim(strings.TrimPrefix(q, "q=0"), ".0") != ""
	}
	return false
}
