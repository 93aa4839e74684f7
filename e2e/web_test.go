package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serve starts `tandem serve` on a port of its own and gives its address when it
// answers.
func serve(t *testing.T, c command) (p *process, address string) {
	t.Helper()
	c.args = append(c.args, "--listen", "127.0.0.1:0")
	p = c.start(t)
	var told struct{ Address string }
	if line := p.line(t, p.err, `"address":`); json.Unmarshal([]byte(line), &told) != nil || told.Address == "" {
		t.Fatalf("no address: %s", line)
	}
	address = told.Address
	eventually(t, 60*time.Second, "the server answers", func() error {
		res, err := http.Get(address + "/healthz") //nolint:noctx // it is asked again and again
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
	return p, address
}

// proxy passes everything on to target and lets change rewrite the answers.
func proxy(t *testing.T, target string, change func(req *http.Request, res *http.Response, body []byte) []byte) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Header.Del("Accept-Encoding") }}
	var self string
	p.ModifyResponse = func(res *http.Response) error {
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		body = change(res.Request, res, bytes.ReplaceAll(body, []byte(target), []byte(self)))
		res.Body = io.NopCloser(bytes.NewReader(body))
		res.ContentLength = int64(len(body))
		res.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	p.ErrorHandler = func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) }
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	self = srv.URL
	return self
}

// visitor is a person's browser without JavaScript.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
}

// visit gives a browser with an empty cookie jar that follows no redirects.
func visit(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, http: &http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer, read to its end.
type page struct {
	*http.Response
	text string
}

func (v *visitor) do(method, path string, form url.Values, header ...string) page {
	v.t.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return page{res, string(b)}
}

func (v *visitor) get(path string) page { v.t.Helper(); return v.do(http.MethodGet, path, nil) }

func (v *visitor) signIn(email, password string) page {
	v.t.Helper()
	return v.do(http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {password}})
}

// user makes a user of a data folder or a database and gives the password.
func user(t *testing.T, email, level string, args ...string) string {
	t.Helper()
	var made struct{ Password string }
	tandem(t, append([]string{"user", "add", "--email", email, "--name", "Test " + level, "--level", level, "--json"}, args...)...).ended(t, 0).last(t, &made)
	return made.Password
}
