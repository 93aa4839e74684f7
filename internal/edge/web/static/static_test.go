package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, method, target string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestEveryNamedFileIsServedUnderItsHashForEver(t *testing.T) {
	t.Parallel()
	if len(Names()) != len(bundles)+len(singles) {
		t.Fatalf("%d names, want %d", len(Names()), len(bundles)+len(singles))
	}
	for _, name := range Names() {
		u := URL(name)
		if u == Prefix+name {
			t.Errorf("%s has no hashed address", name)
		}
		resp := get(t, http.MethodGet, u, nil)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", u, resp.StatusCode)
		}
		if c := resp.Header.Get("Cache-Control"); !strings.Contains(c, "immutable") {
			t.Errorf("%s: Cache-Control %q", u, c)
		}
		if resp.Header.Get("Content-Type") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", u, resp.Header)
		}
	}
}

func TestAPlainNameIsRevalidated(t *testing.T) {
	t.Parallel()
	resp := get(t, http.MethodGet, Prefix+"tandem.css", nil)
	_ = resp.Body.Close()
	if c := resp.Header.Get("Cache-Control"); c != "no-cache" {
		t.Errorf("Cache-Control %q, want no-cache", c)
	}
	again := get(t, http.MethodGet, Prefix+"tandem.css", map[string]string{"If-None-Match": "W/" + resp.Header.Get("ETag")})
	_ = again.Body.Close()
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("status %d, want 304", again.StatusCode)
	}
}

func TestGzipIsSentOnlyToThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"gzip, br": "gzip", "": "", "br": "", "gzip;q=0": "", "gzip; q=0.5": "gzip", "*": "gzip", "gzip;q=0.0": "",
	} {
		resp := get(t, http.MethodGet, URL("tandem.js"), map[string]string{"Accept-Encoding": header})
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", header, got, want)
		}
		body := io.Reader(resp.Body)
		if want == "gzip" {
			z, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		b, err := io.ReadAll(body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(b), "Tandem") {
			t.Errorf("Accept-Encoding %q: body of %d bytes, %v", header, len(b), err)
		}
	}
}

func TestUnknownNamesAndOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, target string
		want           int
	}{
		{http.MethodGet, Prefix + "nothing.css", http.StatusNotFound},
		{http.MethodGet, Prefix + "../static.go", http.StatusNotFound},
		{http.MethodPost, Prefix + "tandem.css", http.StatusMethodNotAllowed},
		{http.MethodHead, Prefix + "tandem.css", http.StatusOK},
	} {
		resp := get(t, tc.method, tc.target, nil)
		_ = resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s %s: status %d, want %d", tc.method, tc.target, resp.StatusCode, tc.want)
		}
	}
}

func TestTheStyleSheetAsksForNothingThatThePolicyForbids(t *testing.T) {
	t.Parallel()
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	css := string(s.byPath["tandem.css"].plain)
	for _, bad := range []string{"data:", "http:", "https:", "@import"} {
		if strings.Contains(css, bad) {
			t.Errorf("tandem.css contains %q", bad)
		}
	}
}
