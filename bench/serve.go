package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	listBar  = 30.0  // ms, p99
	pageBar  = 20.0  // ms, p99
	startBar = 300.0 // ms
	perLoad  = 20 * time.Millisecond
	email    = "bench@example.com"
)

// server is `tandem serve` in a process of its own, on the imported database,
// with somebody signed in.
type server struct {
	cmd    *exec.Cmd
	errs   bytes.Buffer
	host   string
	client *http.Client
}

// prepare makes the imported database one that has been in use: the registrations
// stand in the states that they would, and none of them is due, so that no job
// disturbs. It makes the user. A second call does nothing.
func (b *bench) prepare(ctx context.Context) (password string, err error) {
	secret := filepath.Join(b.dir, "password")
	if kept, err := os.ReadFile(secret); err == nil {
		return string(kept), nil
	}
	d, err := b.openImported()
	if err != nil {
		return "", err
	}
	defer d.Close()
	for _, statement := range []string{
		`UPDATE registration SET due_at = NULL, crm_dirty = false, remote_id = 'O' || (10000000 + rowid), state = CASE rowid % 10
			WHEN 0 THEN 'action_required' WHEN 1 THEN 'rejected' WHEN 2 THEN 'in_review' WHEN 3 THEN 'submitted' WHEN 4 THEN 'blocked' ELSE 'approved' END`,
		`DELETE FROM river_job`,
		`PRAGMA wal_checkpoint(TRUNCATE)`,
	} {
		if _, err := d.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	password = rand.Text()
	cmd := command(ctx, b.binary, "user", "add", "--data-dir", b.database, "--email", email, "--name", "Bench Mark", "--level", "director", "--password-stdin", "--json")
	cmd.Stdin = strings.NewReader(password + "\n")
	if _, _, err := finish(cmd); err != nil {
		return "", err
	}
	return password, os.WriteFile(secret, []byte(password), 0o600)
}

func (b *bench) openImported() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.Join(b.database, "tandem.db")+"?_pragma=busy_timeout(5000)")
}

// serve starts the program and gives how long its first answer took. Salesforce
// is not connected, so that no read of it disturbs; AWS is.
func (b *bench) serve(ctx context.Context) (*server, time.Duration, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, 0, err
	}
	s := &server{host: "http://" + address}
	s.cmd = command(ctx, b.binary, "serve", "--data-dir", b.database, "--listen", address, "--log-level", "error")
	a := b.sandbox.AWS
	s.cmd.Env = append(s.cmd.Env, "TANDEM_AWS_ENDPOINT="+a.URL, "TANDEM_AWS_ACCESS_KEY_ID="+a.AccessKeyID, "TANDEM_AWS_SECRET_ACCESS_KEY="+a.SecretAccessKey)
	s.cmd.Stderr = &s.errs
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, 0, err
	}
	s.client = &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, 0, err
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.host+"/sign-in", nil)
		if err != nil {
			return nil, 0, err
		}
		resp, err := s.client.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return nil, 0, fmt.Errorf("the first answer was %s (%w)", resp.Status, stopProcess(s.cmd))
			}
			return s, time.Since(began), nil
		}
		if ctx.Err() != nil || time.Since(began) > 30*time.Second {
			return nil, 0, fmt.Errorf("the server does not answer: %w: %.500s (%w)", err, s.errs.String(), stopProcess(s.cmd))
		}
		time.Sleep(time.Millisecond)
	}
}

func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

func (s *server) signIn(ctx context.Context, password string) error {
	form := url.Values{"email": {email}, "password": {password}, "next": {"/opportunities"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.host+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/opportunities" {
		return fmt.Errorf("the sign-in answered %s at %s", resp.Status, resp.Request.URL.Path)
	}
	return nil
}

// measured is what a load on the server gave.
type measured struct {
	loaded
	server usage // CPU while under load
	floor  []float64
}

// cost is the server's CPU time for each page that it answered.
func (m *measured) cost() string { return m.server.each(max(m.answered, 1)) + " a page" }

// underLoad serves, signs in, warms up, and runs the load for as long as span; for
// the floor it runs the same load on a handler that says hello.
func (b *bench) underLoad(ctx context.Context, span time.Duration, paths []string) (m measured, err error) {
	password, err := b.prepare(ctx)
	if err != nil {
		return m, err
	}
	s, _, err := b.serve(ctx)
	if err != nil {
		return m, err
	}
	defer func() {
		if serr := stopProcess(s.cmd); err == nil {
			err = serr
		}
	}()
	if err := s.signIn(ctx, password); err != nil {
		return m, err
	}
	l := load{client: s.client, every: perLoad, paths: paths, host: s.host}
	for _, path := range paths[:min(len(paths), 25)] { // what a server in use has done before
		if err := get(ctx, s.client, s.host+path); err != nil {
			return m, err
		}
	}
	cpu := cpuOf(s.cmd.Process.Pid)
	if m.loaded, err = l.run(ctx, span); err != nil {
		return m, err
	}
	m.server.cpu = cpuOf(s.cmd.Process.Pid) - cpu
	m.floor, err = floor(ctx, min(span, 4*time.Second))
	return m, err
}

func floor(ctx context.Context, span time.Duration) ([]float64, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hello := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "hello") })}
	ended := make(chan error, 1)
	go func() { ended <- hello.Serve(ln) }()
	got, err := load{client: &http.Client{}, every: perLoad, paths: []string{"/"}, host: "http://" + ln.Addr().String()}.run(ctx, span)
	hello.Close()
	<-ended
	return got.all(), err
}

func (b *bench) span() time.Duration {
	if b.quick {
		return 2 * time.Second
	}
	return 20 * time.Second
}

// text gives the latencies, and whether the load was too much.
func (m *measured) text() string {
	if m.behind {
		return "can't keep up, " + spread(m.all())
	}
	return spread(m.all())
}

// met says whether the bar is met: a p99 in ms, and keeping up.
func (m *measured) met(bar float64) bool { return !m.behind && quantile(m.all(), 0.99) < bar }

// benchList measures the list of opportunities as a signed-in person gets it.
func (b *bench) benchList(ctx context.Context) error {
	shapes := []string{
		"/opportunities",
		"/opportunities?sort=-close_on",
		"/opportunities?open=open&sort=-amount",
		"/opportunities?stage=1-Discovery&sort=name",
		"/opportunities?geo=EMEA&open=open&sort=close_on",
		"/opportunities?geo=AMER&segment=Large&sort=-updated",
		"/opportunities?cloud=aws&state=action_required&sort=-amount",
		"/opportunities?cloud=aws&state=approved&sort=account",
		"/opportunities?cloud=aws&open=open&sort=owner",
		"/opportunities?stage=5-Negotiating&sort=stage&limit=200",
	}
	m, err := b.underLoad(ctx, b.span(), shapes)
	if err != nil {
		return err
	}
	worst := slices.MaxFunc(shapes, func(a, c string) int {
		return int(1000 * (quantile(m.latencies[a], 0.99) - quantile(m.latencies[c], 0.99)))
	})
	var each []string
	for _, path := range shapes {
		each = append(each, fmt.Sprintf("%s: %s", strings.TrimPrefix(path, "/opportunities"), spread(m.latencies[path])))
	}
	b.table.add(row{
		what: "list of opportunities, filtered and sorted", measured: m.text(), bar: fmt.Sprintf("p99 < %.0f ms", listBar), verdict: b.verdict(m.met(listBar)),
		peer: fmt.Sprintf("hello %s, %s", spread(m.floor), m.cost()),
		note: "Open model, 50 requests a second over HTTP with session and HTML, latency from the time a request was to leave. " + strings.Join(each, "; ") + ".",
	})
	b.table.add(row{what: "  the slowest shape of it", measured: spread(m.latencies[worst]), peer: strings.TrimPrefix(worst, "/opportunities")})
	texts := []string{"/opportunities?q=platform", "/opportunities?q=renewal&open=open&sort=-amount", "/opportunities?q=no+such+deal+anywhere"}
	if m, err = b.underLoad(ctx, b.span()/4, texts); err != nil {
		return err
	}
	b.table.add(row{what: "  by text in the name", measured: m.text(), peer: m.cost(), note: "Also 50 a second. A text in the middle of a name has no index: it reads all names."})
	return nil
}

// benchPage measures the page of an opportunity: half of them are joint.
func (b *bench) benchPage(ctx context.Context) error {
	if _, err := b.prepare(ctx); err != nil {
		return err
	}
	paths, err := b.pagePaths(ctx)
	if err != nil {
		return err
	}
	m, err := b.underLoad(ctx, b.span()/2, paths)
	if err != nil {
		return err
	}
	b.table.add(row{
		what: "page of an opportunity", measured: m.text(), bar: fmt.Sprintf("p99 < %.0f ms", pageBar), verdict: b.verdict(m.met(pageBar)),
		peer: fmt.Sprintf("hello %s, %s", spread(m.floor), m.cost()),
		note: fmt.Sprintf("50 requests a second over %d opportunities in turn, half of them registered with AWS.", len(paths)),
	})
	return nil
}

func (b *bench) pagePaths(ctx context.Context) ([]string, error) {
	d, err := b.openImported()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rows, err := d.QueryContext(ctx, `SELECT opportunity_id FROM (SELECT opportunity_id FROM registration ORDER BY state_at, id LIMIT 200)
		UNION ALL SELECT id FROM (SELECT id FROM opportunity ORDER BY crm_id LIMIT 200)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, "/opportunities/"+id)
	}
	var mixed []string
	for i := range len(ids) / 2 {
		mixed = append(mixed, ids[i], ids[len(ids)/2+i])
	}
	return mixed, rows.Err()
}

// benchStart measures from the start of the process to the end of its first
// answer, a page that asks the database.
func (b *bench) benchStart(ctx context.Context) error {
	if _, err := b.prepare(ctx); err != nil {
		return err
	}
	var took []float64
	for range 5 {
		s, d, err := b.serve(ctx)
		if err != nil {
			return err
		}
		if err := stopProcess(s.cmd); err != nil {
			return err
		}
		took = append(took, float64(d.Microseconds())/1000)
	}
	cpu := usage{}
	version := command(ctx, b.binary, "version")
	began := time.Now()
	if _, u, err := finish(version); err == nil {
		cpu = u
	}
	bare := float64(time.Since(began).Microseconds()) / 1000
	slices.Sort(took)
	b.table.add(row{
		what: "serve: start to first answer", measured: fmt.Sprintf("%.0f ms, worst %.0f", took[len(took)/2], took[len(took)-1]), bar: fmt.Sprintf("< %.0f ms", startBar),
		verdict: b.verdict(took[len(took)-1] < startBar), peer: fmt.Sprintf("tandem version %.0f ms (%s)", bare, cpu.each(1)),
		note: "Median and worst of 5 starts on the imported database; the answer is the sign-in page, which reads the database.",
	})
	return nil
}

// benchBinary looks at what is shipped.
func (b *bench) benchBinary() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	built, err := buildinfo.ReadFile(b.binary)
	if err != nil {
		return err
	}
	cgo := "not said"
	for _, s := range built.Settings {
		if s.Key == "CGO_ENABLED" {
			cgo = s.Value
		}
	}
	linked := "statically linked"
	if f, err := elf.Open(b.binary); err == nil {
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				linked = "DYNAMICALLY LINKED"
			}
		}
		f.Close()
	} else {
		linked = "not an ELF file: linking not looked at"
	}
	b.table.add(row{
		what: "the binary", measured: megabytes(info.Size()) + ", one file", bar: "no cgo", verdict: map[bool]string{true: "ok", false: "OVER"}[cgo == "0" && linked != "DYNAMICALLY LINKED"],
		peer: "CGO_ENABLED=" + cgo + ", " + linked,
	})
	return nil
}
