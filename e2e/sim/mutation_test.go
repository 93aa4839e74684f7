package sim_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mutations are deliberate bugs: in file, from becomes to. Each has to be caught, by
// a failure that says what it is about: another one is luck.
type mutation struct{ name, says, file, from, to string }

var mutations = []mutation{
	{
		"a create is repeated after a lost answer, under a new token", "is registered twice in the portal", "internal/domain/registration/engine.go",
		"	if look || d.Opportunity.Deleted {\n", "	if look {\n		r.CreateToken = newToken()\n	}\n	if d.Opportunity.Deleted {\n",
	},
	{
		"the portal's locks are ignored", "was refused though the portal takes it", "internal/domain/registration/field.go",
		"	case lock.Locked:\n", "	case lock.Locked && false:\n",
	},
	{
		"a record that changed meanwhile is read and written over, not merged", "aws wrote", "internal/domain/registration/update.go",
		"		return s.mergeNow(ctx, tx, p, r)\n	})\n}\n\n// refuseFields", "		r.DueAt = tx.Now()\n		return nil\n	})\n}\n\n// refuseFields",
	},
	{
		"a conflict is taken for the portal's change", "and it is lost", "internal/domain/registration/merge.go",
		"	return VerdictAsk\n", "	return VerdictTake\n",
	},
	{
		"a conflict is taken for our change", "aws wrote", "internal/domain/registration/merge.go",
		"	return VerdictAsk\n", "	return VerdictSend\n",
	},
	{
		"Salesforce is written over, whoever changed it", "sf wrote", "internal/connect/salesforce/writeback.go",
		"return c.UpdateIfUnmodified(ctx, \"Opportunity\", id, w.fields, since)",
		"return c.Update(ctx, \"Opportunity\", id, w.fields)",
	},
	{
		"an activity gets a new key each time", "is said to be in Salesforce, and is not", "internal/connect/salesforce/crm.go",
		"activityKey: t.Key,", "activityKey: fmt.Sprint(t.Key[:20], time.Now().UnixNano()),",
	},
	{
		"the echo of our own write counts as a change", "flipped back to", "internal/domain/registration/field.go",
		"mapped == e.Mapped || slices.Contains(e.Echoes.V, mapped)", "mapped == e.Mapped",
	},
	{
		"an update forgets what it does not know", "lost the programme", "internal/connect/aws/merge.go",
		"	doc[\"Identifier\"] = id\n", "	doc[\"Identifier\"] = id\n	if project, ok := doc[\"Project\"].(map[string]any); ok {\n		delete(project, \"ApnPrograms\")\n	}\n",
	},
	{
		"a refused row counts as logged", "is said to be in Salesforce, and is not", "internal/domain/activity/engine.go",
		"			case res.Err == nil:\n", "			case res.Err == nil || problem.RetryOf(res.Err) != problem.RetryHuman:\n",
	},
	{
		"the quotas are not kept to", "AWS's quota was exceeded", "internal/connect/aws/limit.go",
		"	if c.tokens-before >= whole {\n", "	if c.tokens-before >= whole || true {\n",
	},
	{
		"an edit that was overtaken is dropped unseen", "it is lost", "internal/domain/registration/field.go",
		"			base = &Pair{Ours: m.edits[i].Mapped, Theirs: m.edits[i].Theirs}\n", "			_ = base\n",
	},
	{
		"the audit chain is not linked", "the audit chain is broken", "internal/platform/audit/audit.go",
		"Detail: string(text), PrevHash: prev,", "Detail: string(text), PrevHash: prev[:0],",
	},
	{
		"what waits is forgotten when the portal asks to slow down", "does not come to rest", "internal/domain/registration/engine.go",
		"			fresh.DueAt = tx.Now().Add(max(remote.RetryAfter, time.Millisecond))\n", "			fresh.DueAt = time.Time{}\n",
	},
	{
		"an activity is written over, whoever changed it", "sf said", "internal/connect/salesforce/activity.go",
		"c.client.UpdateIfUnmodified(ctx, string(w.Object), w.CRMID, activityFields(o, w, people), w.Since)",
		"c.client.Update(ctx, string(w.Object), w.CRMID, activityFields(o, w, people))",
	},
	{
		"an activity that both sides changed is taken for ours", "sf said", "internal/domain/activity/write.go",
		"			both = append(both, p)\n", "			_ = p\n",
	},
	{
		"an activity that both sides changed is taken for theirs, unseen", "ada said", "internal/domain/activity/write.go",
		"			both = append(both, p)\n", "			a.take(p, there.Face, there.OwnerName, tx.Now())\n",
	},
	{
		"what arrived of an activity though its answer was lost counts as somebody else's", "in conflict with what nobody said", "internal/domain/activity/face.go",
		"			g.set(p, there)\n", "			_ = p\n",
	},
	{
		"who changed an activity between its write and the look after it counts as agreed", "sf said", "internal/domain/activity/write.go",
		"&Agreement{Face: w.Face, Attendees: w.Attendees}", "&Agreement{Face: res.Now.Face, Attendees: w.Attendees}",
	},
	{
		"an attendee whose invitation had a lost answer is forgotten", "who is none", "internal/domain/activity/write.go",
		"slices.Concat(w.Attendees, w.Gone)", "w.Attendees",
	},
	{
		"an activity that was deleted in Salesforce is made again", "times in Salesforce", "internal/domain/activity/write.go",
		"	case there == nil && a.CRMTaskID == \"\":\n		w :=", "	case there == nil || there.Deleted:\n		w :=",
	},
}

// troubles are deliberate bugs that Salesforce's own troubles bring to light.
var troubles = []mutation{
	{
		"a record that a collection refused counts as written", "is said to be in Salesforce", "internal/domain/activity/engine.go",
		"			case res.Err == nil:\n				if err := logged(", "			case true:\n				if err := logged(",
	},
	{
		"what changed while a field was out of sight is not read again", "in Salesforce, and", "internal/flow/sync/store.go",
		"	_, err := tx.Exec(ctx, text, never, since)\n	return err\n", "	_ = never\n	return nil\n",
	},
}

// enough is how many seeds a bug may hide in.
const enough = 1000

// hidden are seeds that showed a bug which most seeds do not: they are played first,
// which spares minutes. Where they show it no more, all are.
var hidden = map[string]uint64{
	"the echo of our own write counts as a change":                                     434,
	"what arrived of an activity though its answer was lost counts as somebody else's": 350,
	"an attendee whose invitation had a lost answer is forgotten":                      159,
	"what changed while a field was out of sight is not read again":                    212,
}

func TestEveryDeliberateBugIsCaught(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range slices.Concat(mutations, troubles) {
		t.Run(m.name, func(t *testing.T) {
			program := mutant(t, root, m.file, m.from, m.to)
			if from := hidden[m.name]; from != 0 && caught(t, program, m.says, from, 1) {
				return
			}
			if !caught(t, program, m.says, 1, enough) {
				t.Fatalf("no failure in %d seeds says “%s”", enough, m.says)
			}
		})
	}
}

// mutant builds the simulation with one bug.
func mutant(t *testing.T, root, file, from, to string) string {
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
	return program
}

// caught plays seeds until one fails and says so.
func caught(t *testing.T, program, says string, from uint64, seeds int) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	run := exec.CommandContext(ctx, program, "-from", strconv.FormatUint(from, 10), "-seeds", strconv.Itoa(seeds), "-stop-after", strconv.Itoa(seeds))
	out, err := run.StdoutPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.Wait() }() // it is killed, or failed as it should
	defer cancel()
	others := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		switch {
		case !strings.HasPrefix(line, "seed "):
		case strings.Contains(line, says):
			t.Logf("%s (after %d other failures)", line, others)
			return true
		default:
			if others++; others <= 3 {
				t.Log("another failure: " + line)
			}
		}
	}
	t.Logf("of %d seeds from %d none shows it, and %d fail otherwise", seeds, from, others)
	return false
}
