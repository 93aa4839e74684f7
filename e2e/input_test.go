package e2e

import (
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to make a database of a newer Tandem
)

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	for _, args := range [][]string{
		{"serve", "--listen", ln.Addr().String(), "--data-dir", t.TempDir()},
		{"demo", "--listen", ln.Addr().String(), "--data-dir", t.TempDir(), "--accounts", "5", "--opportunities", "5"},
	} {
		res := tandem(t, args...).ended(t, 2)
		if !strings.Contains(res.err, ln.Addr().String()+" is in use") {
			t.Error(res)
		}
	}
}

func TestAFileThatIsNoDatabaseIsNamedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"text": strings.Repeat("Dear diary, today I was no database.\n", 500), "short": "hello", "png": "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\xff", 4000)} {
		dir := t.TempDir()
		file := filepath.Join(dir, "tandem.db")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, cmd := range []string{"serve", "doctor", "sync"} {
			res := tandem(t, cmd, "--data-dir", dir)
			if res.code != 2 && res.code != 3 || !strings.Contains(res.err, file) || !strings.Contains(res.err, "not a") {
				t.Errorf("%s, %s: %s", name, cmd, res)
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != content {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}

func TestAFolderThatCannotBeWrittenIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "below") // not even root can make it
	for _, args := range [][]string{{"serve"}, {"doctor"}, {"sync"}, {"demo", "--once"}, {"user", "list"}, {"sandbox"}} {
		res := tandem(t, append(args, "--data-dir", dir)...)
		if res.code != 2 && res.code != 3 || !strings.Contains(res.err, dir) || res.out != "" {
			t.Errorf("%v: %s", args, res)
		}
	}
}

func TestADatabaseOfANewerTandemIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tandem(t, "user", "list", "--data-dir", dir).ended(t, 0)
	d, err := sql.Open("sqlite", filepath.Join(dir, "tandem.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
	if cerr := d.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	for _, cmd := range []string{"serve", "sync", "doctor"} {
		res := tandem(t, cmd, "--data-dir", dir).ended(t, 2)
		if !strings.Contains(res.err, "99999") || !strings.Contains(res.err, "newer") {
			t.Errorf("%s: %s", cmd, res)
		}
	}
}
