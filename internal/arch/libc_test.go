package arch

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// modernc.org/sqlite is translated C that runs on modernc.org/libc, and its
// authors support only the pair that its own go.mod names.
func TestSQLiteRunsOnTheLibcItWasMadeFor(t *testing.T) {
	t.Parallel()
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	ours := list("{{.Version}}", "modernc.org/libc")
	theirs, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "modernc.org/libc " + ours; !strings.Contains(string(theirs), want+"\n") && !strings.Contains(string(theirs), want+" ") {
		t.Errorf("go.mod has %s, which is not the version in the go.mod of modernc.org/sqlite: set that one", want)
	}
}
