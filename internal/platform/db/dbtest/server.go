package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// EnvURL names the environment variable that holds the URL of a PostgreSQL
// server to use instead of starting one. Its user must be allowed to make
// databases. `make test` starts one server for the whole run and sets it.
const EnvURL = "TANDEM_TEST_POSTGRES"

const install = `the tests need a real PostgreSQL server: install the Debian package postgresql (apt-get install postgresql), or set ` + EnvURL + ` to the URL of a server where the tests may make databases`

// Server is a throw-away PostgreSQL server, or the one that EnvURL names.
type Server struct {
	base      *url.URL
	stop      func() error
	mu        sync.Mutex
	templates map[string]string // fingerprint → template database
}

// URL is where the server's maintenance database is.
func (s *Server) URL() string { return s.base.String() }

// Stop ends a server that Start made and removes its files.
func (s *Server) Stop() error {
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

var shared = sync.OnceValues(func() (*Server, error) {
	if dsn := os.Getenv(EnvURL); dsn != "" {
		u, err := url.Parse(dsn)
		if err != nil {
			return nil, fmt.Errorf("dbtest: %s can't be read as a URL", EnvURL)
		}
		return &Server{base: u}, nil
	}
	return Start(context.Background())
})

// watch runs postgres and ends it when standard input closes, which happens when
// the process that holds the other end exits, however it exits.
const watch = `
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
  -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB -c autovacuum=off \
  -c unix_socket_permissions=0777 >"$2/log" 2>&1 </dev/null &
trap '' INT TERM HUP
while read -r _; do :; done
kill -QUIT $! 2>/dev/null
wait $!
rm -rf "$2"
`

// Start makes a cluster in a temporary folder and starts it on a unix socket,
// without durability. As root it runs as the user postgres. It ends with the
// process that started it, or by Stop.
func Start(ctx context.Context) (*Server, error) {
	bin, err := binaries("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tandem-pg-")
	if err != nil {
		return nil, fmt.Errorf("dbtest: %w", err)
	}
	if len(dir) > 80 { // a unix socket's path has at most 107 bytes
		_ = os.Remove(dir)
		if dir, err = os.MkdirTemp("/tmp", "tandem-pg-"); err != nil {
			return nil, fmt.Errorf("dbtest: %w", err)
		}
	}
	who, err := runAs(dir)
	if err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", dir+"/data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("dbtest: initdb: %w\n%s", err, out), os.RemoveAll(dir))
	}
	read, hold, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("dbtest: %w", err)
	}
	// Not CommandContext: the server outlives the test that happens to start it.
	server := exec.Command("/bin/sh", "-c", watch, "watch", bin, dir) //nolint:noctx
	server.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setsid: true}
	server.Dir = dir
	server.Stdin = read
	if err := server.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("dbtest: start postgres: %w", err), os.RemoveAll(dir))
	}
	_ = read.Close()
	s := &Server{
		base: &url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()},
		stop: func() error {
			_ = hold.Close()
			return server.Wait()
		},
	}
	if err := s.ready(ctx); err != nil {
		log, _ := os.ReadFile(dir + "/log")
		return nil, errors.Join(fmt.Errorf("dbtest: postgres doesn't start: %w\n%s", err, log), s.Stop())
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := s.admin(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// binaries finds the folder with the newest initdb, where Debian puts it or on
// the path.
func binaries(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("dbtest: no initdb at " + pattern + " or on the path: " + install)
	}
	slices.SortStableFunc(found, func(a, b string) int { return major(b) - major(a) })
	return filepath.Dir(found[0]), nil
}

func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // no number sorts last
	return n
}

// runAs gives dir to the user postgres when we are root, whom PostgreSQL refuses.
func runAs(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("dbtest: as root a user postgres is needed (%w): %s", err, install)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, fmt.Errorf("dbtest: user postgres: %w", err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, fmt.Errorf("dbtest: user postgres: %w", err)
	}
	if err := errors.Join(os.Chown(dir, uid, gid), os.Chmod(dir, 0o755)); err != nil {
		return nil, fmt.Errorf("dbtest: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil //nolint:gosec // ids are small
}

func (s *Server) url(database string) string {
	u := *s.base
	u.Path = "/" + database
	return u.String()
}

func (s *Server) connect(ctx context.Context) (*sql.DB, *sql.Conn, error) {
	cfg, err := pgx.ParseConfig(s.URL())
	if err != nil {
		return nil, nil, err
	}
	pool := stdlib.OpenDB(*cfg)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	return pool, conn, nil
}

func (s *Server) admin(ctx context.Context, query string) error {
	pool, conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(ctx, query)
	return err
}

// clone makes a database from the migrated template and gives its name.
func (s *Server) clone(ctx context.Context, migrations fs.FS) (string, error) {
	template, err := s.template(ctx, migrations)
	if err != nil {
		return "", err
	}
	name := "tandem_test_" + strings.ToLower(rand.Text())
	return name, s.admin(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy")
}

// template makes the migrated template once on a server, also when several test
// processes ask at the same time: an advisory lock lets one of them do it.
func (s *Server) template(ctx context.Context, migrations fs.FS) (string, error) {
	key, err := fingerprint(migrations)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.templates[key]; ok {
		return name, nil
	}
	pool, conn, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = pool.Close() }()
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext($1))", "tandem template "+key); err != nil {
		return "", err
	}
	name := "tandem_template_" + key
	var there bool
	if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		building := name + "_building"
		if _, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+building+" WITH (FORCE)"); err != nil {
			return "", err
		}
		if _, err := conn.ExecContext(ctx, "CREATE DATABASE "+building+" STRATEGY file_copy"); err != nil {
			return "", err
		}
		if err := migrate(ctx, s.url(building), migrations); err != nil {
			return "", err
		}
		if _, err := conn.ExecContext(ctx, "ALTER DATABASE "+building+" RENAME TO "+name); err != nil {
			return "", err
		}
	}
	if s.templates == nil {
		s.templates = map[string]string{}
	}
	s.templates[key] = name
	return name, nil
}
