package dbtest

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const holdEnv = "DBTEST_HOLD_A_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(holdEnv) != "" {
		server, err := Start(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(server.URL())
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func TestServerEndsWithItsProcessHoweverThatEnds(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), holdEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	dir := u.Query().Get("host")
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s is still there", dir)
		}
	}
}

func TestStoppedServerLeavesNothing(t *testing.T) {
	t.Parallel()
	server, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(server.base.Query().Get("host")); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

func TestMissingPostgresSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := binaries(t.TempDir() + "/*/bin/initdb")
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") || !strings.Contains(err.Error(), EnvURL) {
		t.Error(err)
	}
}

func TestNewestServerIsTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"9", "15", "17", "8"} {
		bin := filepath.Join(dir, version, "bin")
		if err := os.MkdirAll(bin, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "initdb"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := binaries(dir + "/*/bin/initdb")
	if want := filepath.Join(dir, "17", "bin"); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestProcessesShareOneTemplate(t *testing.T) {
	t.Parallel()
	first, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	migrations := fstest.MapFS{"00001_x.sql": {Data: []byte("-- +goose Up\nCREATE TABLE x (id text);\n-- " + t.Name() + time.Now().String() + "\n")}}
	names := make(chan string, 4)
	for range cap(names) { // each stands for one test process
		server := &Server{base: first.base}
		go func() {
			name, err := server.template(context.Background(), migrations)
			if err != nil {
				t.Error(err)
			}
			names <- name
		}()
	}
	want := <-names
	for range cap(names) - 1 {
		if got := <-names; got != want || got == "" {
			t.Errorf("%s and %s", got, want)
		}
	}
	if err := first.admin(context.Background(), "DROP DATABASE "+want); err != nil {
		t.Error(err)
	}
}
