package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutations are deliberate bugs: in file, old becomes new. Each has to be caught.
var mutations = []struct{ name, file, from, to string }{
	{
		"a create is repeated after a lost answer, under a new token", "internal/domain/registration/engine.go",
		"	if look {\n		d, err", "	r.CreateToken = newToken()\n	if false {\n		d, err",
	},
	{
		"the portal's locks are ignored", "internal/domain/registration/field.go",
		"	case lock.Locked:\n", "	case lock.Locked && false:\n",
	},
	{
		"a record that changed meanwhile is read and written over, not merged", "internal/domain/registration/update.go",
		"		return s.mergeNow(ctx, tx, p, r)\n	})\n}\n\n// refuseFields", "		r.DueAt = tx.Now()\n		return nil\n	})\n}\n\n// refuseFields",
	},
	{
		"a conflict is taken for the portal's change", "internal/domain/registration/merge.go",
		"	return VerdictAsk\n", "	return VerdictTake\n",
	},
	{
		"a conflict is taken for our change", "internal/domain/registration/merge.go",
		"	return VerdictAsk\n", "	return VerdictSend\n",
	},
	{
		"Salesforce is written over, whoever changed it", "internal/connect/salesforce/crm.go",
		"return c.client.UpdateIfUnmodified(ctx, \"Opportunity\", change.OpportunityCRMID, fields, change.ReadAt)",
		"return c.client.Update(ctx, \"Opportunity\", change.OpportunityCRMID, fields)",
	},
	{
		"an activity gets a new key each time", "internal/connect/salesforce/crm.go",
		"activityKey: t.Key,", "activityKey: fmt.Sprint(t.Key[:20], time.Now().UnixNano()),",
	},
	{
		"the echo of our own write counts as a change", "internal/domain/registration/field.go",
		"mapped == e.Mapped || slices.Contains(e.Echoes.V, mapped)", "mapped == e.Mapped",
	},
	{
		"an update forgets what it does not know", "internal/connect/aws/merge.go",
		"	doc[\"Identifier\"] = id\n", "	doc[\"Identifier\"] = id\n	if project, ok := doc[\"Project\"].(map[string]any); ok {\n		delete(project, \"ApnPrograms\")\n	}\n",
	},
	{
		"a refused row counts as logged", "internal/domain/activity/engine.go",
		"			case res.Err == nil:\n", "			case res.Err == nil || problem.RetryOf(res.Err) != problem.RetryHuman:\n",
	},
	{
		"the quotas are not kept to", "internal/connect/aws/limit.go",
		"	if c.tokens-before >= whole {\n", "	if c.tokens-before >= whole || true {\n",
	},
	{
		"an edit that was overtaken is dropped unseen", "internal/domain/registration/field.go",
		"			base = &Pair{Ours: m.edits[i].Mapped, Theirs: m.edits[i].Theirs}\n", "			_ = base\n",
	},
	{
		"the audit chain is not linked", "internal/platform/audit/audit.go",
		"Detail: string(text), PrevHash: prev,", "Detail: string(text), PrevHash: prev[:0],",
	},
	{
		"what waits is forgotten when the portal asks to slow down", "internal/domain/registration/engine.go",
		"			fresh.DueAt = tx.Now().Add(max(remote.RetryAfter, time.Millisecond))\n", "			fresh.DueAt = time.Time{}\n",
	},
}

func TestEveryDeliberateBugIsCaught(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) { caught(t, root, m.file, m.from, m.to) })
	}
}

// caught builds the simulation with one bug, and plays seeds until one fails.
func caught(t *testing.T, root, file, from, to string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(root, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), from) != 1 {
		t.Fatalf("%s no longer has the place of this bug exactly once: mend the mutation", file)
	}
	bad := filepath.Join(dir, "bad.go")
	if err := os.WriteFile(bad, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: bad}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "sim")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "-o", program, "./e2e/sim/cmd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-seeds", "250", "-stop-after", "1").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("not caught in 250 seeds: %v\n%s", err, out)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	t.Log(first)
}
