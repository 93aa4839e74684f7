package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"serve", "demo", "sandbox", "sync", "doctor", "user", "user add", "user list", "user password", "user level", "user disable", "audit verify", "match", "match eval", "version"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := tandem(t, append(strings.Fields(name), "--help")...).ended(t, 0)
			if !strings.Contains(res.out, "Example") || !strings.Contains(res.out, "tandem "+name) || res.err != "" {
				t.Error(res)
			}
		})
	}
}

func TestAWrongCommandLineIsExplainedAndEndsWith2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		says string
	}{
		{"", "expected one of"},
		{"frobnicate", "unexpected argument frobnicate"},
		{"serve --frobnicate", "unknown flag --frobnicate"},
		{"serve --role king", "--role must be one of"},
		{"serve --listen nowhere", "not HOST:PORT"},
		{"serve --sync-every 1s", "at most every 10s"},
		{"serve --sync-every soon", "--sync-every"},
		{"serve --salesforce-url http://127.0.0.1:1", "salesforce-client-id"},
		{"serve --salesforce-url http://127.0.0.1:1 --salesforce-daily-share 1.1", "salesforce-daily-share"},
		{"serve --salesforce-url http://127.0.0.1:1 --salesforce-bulk-from -1", "salesforce-bulk-from"},
		{"serve --aws-access-key-id AKIA", "aws-secret-access-key"},
		{"serve --config nothere.yaml", "nothere.yaml"},
		{"sandbox --seed something", "--seed must be one of"},
		{"sandbox --fault hunger=1", `unknown key "hunger"`},
		{"sandbox --fault throttle=2", "throttle must be a share"},
		{"sandbox --clock yesterday", "neither a span"},
		{"sandbox --port-base 65535", "port"},
		{"demo --accounts many", "--accounts"},
		{"match one.csv", "<right>"},
		{"match nothere.csv nothere.csv", "nothere.csv cannot be read"},
		{"match nothere.csv nothere.csv --threshold 2", "probability from 0 to 1"},
		{"match eval --truth nothere.csv", "LEFT and RIGHT"},
		{"user add --name Ada", "--email"},
		{"user add --email ada --name Ada", "e-mail"},
		{"user add --email ada@example.com --name Ada --level queen", "level"},
		{"user password nobody@example.com", "nobody@example.com"},
		{"user level nobody@example.com director", "nobody@example.com"},
		{"user disable nobody@example.com", "nobody@example.com"},
		{"sync", "Salesforce is not connected"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			res := tandem(t, strings.Fields(c.args)...).ended(t, 2)
			if !strings.Contains(res.err, c.says) || !strings.HasPrefix(lastParagraph(res.err), "tandem: ") || strings.Contains(res.err, "panic") {
				t.Error(res)
			}
		})
	}
}

// lastParagraph gives the text from the last line that begins with "tandem:".
func lastParagraph(s string) string {
	return s[max(0, strings.LastIndex("\n"+s, "\ntandem: ")):]
}

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	t.Parallel()
	if res := tandem(t, "version").ended(t, 0); res.out != "tandem v0.0.0-e2e (e2e)\n" || res.err != "" {
		t.Error(res)
	}
	var v struct{ Version string }
	if tandem(t, "version", "--json").ended(t, 0).last(t, &v); v.Version != "v0.0.0-e2e (e2e)" {
		t.Error(v)
	}
}

func TestDemoRunTwiceRegistersOnceAndPrintsOneObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var first, second summary
	one := tandem(t, demoArgs(dir)...).ended(t, 0)
	one.last(t, &first)
	first.check(t)
	two := tandem(t, demoArgs(dir)...).ended(t, 0)
	two.last(t, &second)
	second.check(t)
	for _, r := range []result{one, two} {
		if strings.Count(r.out, "\n") != 1 || r.err != "" {
			t.Errorf("more than the one object was printed: %s", r)
		}
	}
	if *first.Opportunities != 130 || *first.Registered == 0 || *first.Registered != *first.Eligible || *first.TasksLogged < 3**first.Registered {
		t.Errorf("first run: %s", one.out)
	}
	if *second.Registered != 0 || *second.TasksLogged != 0 || *second.Approved != *first.Approved || *second.Eligible != *first.Eligible {
		t.Errorf("second run: %s", two.out)
	}
	if text := tandem(t, "demo", "--once", "--data-dir", dir).ended(t, 0); !strings.Contains(text.out, "approved") || !strings.Contains(text.out, "in this run") {
		t.Errorf("the summary for people: %s", text)
	}
}

func TestDemoWithoutAFolderLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	command{args: []string{"demo", "--once", "--json", "--accounts", "10", "--opportunities", "20"}, env: []string{"TMPDIR=" + tmp}}.run(t).ended(t, 0)
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// sandboxes starts `tandem sandbox --json` and reads what it prints.
func sandboxes(t *testing.T, args ...string) (sandbox.Services, *process) {
	t.Helper()
	p := command{args: append([]string{"sandbox", "--json"}, args...)}.start(t)
	line := p.line(t, p.out, "{")
	var shape map[string]map[string]map[string]string
	if err := json.Unmarshal([]byte(line), &shape); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for service, fields := range map[string][]string{"aws": {"url", "access_key_id", "secret_access_key", "region", "account_id"}, "salesforce": {"url", "client_id", "client_secret"}} {
		for _, f := range fields {
			if shape["services"][service][f] == "" {
				t.Errorf("%s.%s is missing: %s", service, f, line)
			}
		}
	}
	var in struct{ Services sandbox.Services }
	if err := json.Unmarshal([]byte(line), &in); err != nil {
		t.Fatal(err)
	}
	return in.Services, p
}

func TestSandboxPrintsItsServicesWhenReadyAndStopsCleanly(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s, p := sandboxes(t, "--accounts", "12", "--opportunities", "20", "--clock", "+48h", "--fault", "latency=1ms")
		if n := len(query(t, s, `SELECT Id FROM Opportunity`)); n != 20 {
			t.Errorf("%d opportunities", n)
		}
		var clock struct{ Now time.Time }
		getJSON(t, s.AWS.URL+"/_control/clock", "", &clock)
		if ahead := time.Until(clock.Now); ahead < 47*time.Hour || ahead > 49*time.Hour {
			t.Errorf("the clock is %s ahead", ahead)
		}
		var faults struct{ Spec string }
		if getJSON(t, s.Salesforce.URL+"/_control/faults", "", &faults); !strings.HasPrefix(faults.Spec, "latency=1ms") {
			t.Errorf("faults: %q", faults.Spec)
		}
		res := p.stop(t, sig, 10*time.Second).ended(t, 0)
		if strings.Count(res.out, "\n") != 1 || res.err != "" {
			t.Errorf("more than the one line was printed: %s", res)
		}
	}
}

// freePorts gives a port after which n-1 more are free. Another program may
// take one meanwhile; then the test that uses it says so.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for port := 20000 + os.Getpid()%20000; port < 60000; port += n {
		free := true
		for i := range n {
			ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if err != nil {
				free = false
				break
			}
			_ = ln.Close()
		}
		if free {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func TestSandboxTakesThePortsGivenAndAnEmptySeed(t *testing.T) {
	t.Parallel()
	base := freePorts(t, 2)
	s, _ := sandboxes(t, "--port-base", fmt.Sprint(base), "--seed", "empty")
	if s.AWS.URL != fmt.Sprintf("http://127.0.0.1:%d", base) || s.Salesforce.URL != fmt.Sprintf("http://127.0.0.1:%d", base+1) {
		t.Errorf("%+v", s)
	}
	if n := len(query(t, s, `SELECT Id FROM Opportunity`)); n != 0 {
		t.Errorf("an empty organisation has %d opportunities", n)
	}
	res := tandem(t, "sandbox", "--port-base", fmt.Sprint(base), "--seed", "empty").ended(t, 2)
	if !strings.Contains(res.err, "in use") || !strings.Contains(res.err, fmt.Sprint(base)) {
		t.Error(res)
	}
}

// fleet starts sandboxes in this process.
func fleet(t *testing.T, opt sandbox.Options) *sandbox.Fleet {
	t.Helper()
	if opt.Demo.Accounts == 0 {
		opt.Demo = demo.Options{Seed: 1, Accounts: 40, Opportunities: 130}
	}
	if opt.TaskDelay == 0 {
		opt.TaskDelay = 50 * time.Millisecond
	}
	opt.AutoReview, opt.ReviewDelay, opt.Quotas = true, 400*time.Millisecond, aws.Quotas{Off: true}
	f, err := sandbox.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// connected are the variables that tell the program of sandboxes.
func connected(s sandbox.Services) []string {
	return []string{
		"TANDEM_SALESFORCE_URL=" + s.Salesforce.URL, "TANDEM_SALESFORCE_CLIENT_ID=" + s.Salesforce.ClientID, "TANDEM_SALESFORCE_CLIENT_SECRET=" + s.Salesforce.ClientSecret,
		"TANDEM_AWS_ENDPOINT=" + s.AWS.URL, "TANDEM_AWS_ACCESS_KEY_ID=" + s.AWS.AccessKeyID, "TANDEM_AWS_SECRET_ACCESS_KEY=" + s.AWS.SecretAccessKey,
		"TANDEM_AWS_COMPANY=" + demo.Vendor, "TANDEM_AWS_WRITES_PER_SECOND=1000", "TANDEM_AWS_READS_PER_SECOND=5000",
	}
}

func TestSyncTakesItsSettingsFromTheEnvironmentOrAFile(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{}).Services
	yaml := fmt.Sprintf("data-dir: ./kept\nsalesforce-url: %s\nsalesforce-client-id: %s\nsalesforce-client-secret: %s\naws-endpoint: %s\naws-access-key-id: %s\naws-secret-access-key: %s\naws-writes-per-second: 1000\naws-reads-per-second: 5000\n",
		s.Salesforce.URL, s.Salesforce.ClientID, s.Salesforce.ClientSecret, s.AWS.URL, s.AWS.AccessKeyID, s.AWS.SecretAccessKey)
	here := t.TempDir()
	if err := os.WriteFile(filepath.Join(here, "tandem.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	nested := filepath.Join(t.TempDir(), "nested.yaml")
	yaml = fmt.Sprintf("salesforce: {url: %q, client-id: %s, client-secret: %s}\naws: {endpoint: %q, access-key-id: %s, secret-access-key: %s, writes-per-second: 1000, reads-per-second: 5000}\nserve: {listen: \"127.0.0.1:1\"}\nsync: {limit: 5m}\n",
		s.Salesforce.URL, s.Salesforce.ClientID, s.Salesforce.ClientSecret, s.AWS.URL, s.AWS.AccessKeyID, s.AWS.SecretAccessKey)
	if err := os.WriteFile(nested, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]command{
		"nested file": {args: []string{"sync", "--json", "--data-dir", t.TempDir(), "--config", nested}},
		"environment": {args: []string{"sync", "--json", "--data-dir", t.TempDir()}, env: connected(s)},
		"file":        {args: []string{"sync", "--json"}, dir: here},
		"named file":  {args: []string{"sync", "--json", "--data-dir", t.TempDir(), "--config", filepath.Join(here, "tandem.yaml")}},
	} {
		res := c.run(t).ended(t, 0)
		var sum summary
		res.last(t, &sum)
		sum.check(t)
		if *sum.Opportunities != 130 || strings.Count(res.out, "\n") != 1 {
			t.Errorf("%s: %s", name, res)
		}
		for _, secret := range []string{s.Salesforce.ClientSecret, s.AWS.SecretAccessKey} {
			if strings.Contains(res.out+res.err, secret) {
				t.Errorf("%s: a secret was printed: %s", name, res)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(here, "kept", "tandem.db")); err != nil {
		t.Errorf("the folder of the file's data-dir: %v", err)
	}
}

func TestASettingThatNobodyKnowsIsRefused(t *testing.T) {
	t.Parallel()
	for content, says := range map[string]string{"salesforce-urll: http://x\n": `"salesforce-urll"`, "aws: {acces-key-id: x}\n": `"aws-acces-key-id"`, "listen: [": "configuration file", "listen: nowhere\n": "HOST:PORT", "workers: many\n": "workers"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tandem.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := (command{args: []string{"serve"}, dir: dir}).run(t).ended(t, 2); !strings.Contains(res.err, says) {
			t.Errorf("%q: %s", content, res)
		}
	}
}

func TestTwoProcessesOnOneFolder(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{}).Services
	dir := t.TempDir()
	p, _ := serve(t, command{args: []string{"serve", "--data-dir", dir}, env: connected(s)})
	res := tandem(t, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0").ended(t, 2)
	if !strings.Contains(res.err, "Another tandem runs on the folder "+dir) {
		t.Error(res)
	}
	tandem(t, "demo", "--once", "--data-dir", dir).ended(t, 2)
	tandem(t, "user", "list", "--data-dir", dir).ended(t, 0)
	sync := command{args: []string{"sync", "--json", "--data-dir", dir, "--limit", "60s"}, env: connected(s)}.run(t).ended(t, 0)
	var sum summary
	sync.last(t, &sum)
	if sum.check(t); *sum.Opportunities != 130 || !strings.Contains(sync.err, "does the work") {
		t.Error(sync)
	}
	p.stop(t, syscall.SIGTERM, 20*time.Second).ended(t, 0)
}

// report is what doctor prints with --json.
type report struct {
	OK     bool `json:"ok"`
	Checks []struct {
		Name, Status, Detail, Mend string
	} `json:"checks"`
}

func (r report) bad() []string {
	var out []string
	for _, c := range r.Checks {
		if c.Status == "error" {
			out = append(out, c.Name+": "+c.Detail+" → "+c.Mend)
		}
	}
	return out
}

func TestDoctorSaysWhatIsToMend(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{}).Services
	down := s
	down.Salesforce.URL = "http://127.0.0.1:1"
	wrongAWS := s
	wrongAWS.AWS.SecretAccessKey = "notThisOne00000000000000000000000000000"
	wrongSF := s
	wrongSF.Salesforce.ClientSecret = "notthisone"
	elsewhere := s
	elsewhere.AWS.URL = "http://127.0.0.1:1"
	for _, c := range []struct {
		name string
		env  []string
		code int
		says string // in what is to be mended
	}{
		{"all well", connected(s), 0, ""},
		{"nothing connected", nil, 0, ""},
		{"Salesforce is down", connected(down), 4, "salesforce: "},
		{"Salesforce's secret is wrong", connected(wrongSF), 4, "salesforce: "},
		{"AWS's secret is wrong", connected(wrongAWS), 4, "aws: "},
		{"AWS is down", connected(elsewhere), 4, "aws: "},
		{"a field is missing", connected(withoutField(t, s)), 4, "CoSell_Activity_Key__c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := command{args: []string{"doctor", "--json", "--data-dir", t.TempDir()}, env: c.env}
			res := cmd.run(t).ended(t, c.code)
			var rep report
			res.last(t, &rep)
			bad := strings.Join(rep.bad(), "\n")
			if rep.OK != (c.code == 0) || len(rep.Checks) < 4 || !strings.Contains(bad, c.says) || (bad == "") != (c.code == 0) {
				t.Errorf("%s", res)
			}
			for _, k := range rep.Checks {
				if k.Name == "" || k.Detail == "" || k.Status != "ok" && k.Status != "warning" && k.Status != "error" {
					t.Errorf("%+v", k)
				}
			}
			cmd.args = []string{"doctor", "--data-dir", t.TempDir()}
			if res := cmd.run(t).ended(t, c.code); !strings.Contains(res.out, "database") {
				t.Error(res)
			}
		})
	}
}

func TestDoctorGivesEachCheckItsTimeAndKeepsTheirOrder(t *testing.T) {
	t.Parallel()
	silent := func() string { // takes connections and never answers
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		return "http://" + ln.Addr().String()
	}
	s := fleet(t, sandbox.Options{}).Services
	s.Salesforce.URL, s.AWS.URL = silent(), silent()
	cmd := command{args: []string{"doctor", "--json", "--timeout", "700ms", "--data-dir", t.TempDir()}, env: connected(s)}
	var rep report
	res := cmd.run(t).ended(t, 4)
	res.last(t, &rep)
	var names []string
	for _, k := range rep.Checks {
		names = append(names, k.Name)
		if (k.Name == "salesforce" || k.Name == "aws") && (k.Status != "error" || !strings.Contains(k.Detail, "did not answer within 700ms") || k.Mend == "") {
			t.Errorf("%+v", k)
		}
	}
	if got := strings.Join(names, ", "); got != "database, audit log, users, salesforce, aws" {
		t.Errorf("the checks are %s", got)
	}
	cmd.args = []string{"doctor", "--timeout", "0s", "--data-dir", t.TempDir()}
	if res := cmd.run(t).ended(t, 2); !strings.Contains(res.err, "timeout") {
		t.Error(res)
	}
}

// withoutField puts a proxy before the Salesforce sandbox that takes the
// activity key out of the description of Task.
func withoutField(t *testing.T, s sandbox.Services) sandbox.Services {
	t.Helper()
	s.Salesforce.URL = proxy(t, s.Salesforce.URL, func(req *http.Request, res *http.Response, body []byte) []byte {
		if !strings.HasSuffix(req.URL.Path, "/sobjects/Task/describe") {
			return body
		}
		return []byte(strings.ReplaceAll(string(body), "CoSell_Activity_Key__c", "Something_Else__c"))
	})
	return s
}

func TestUsersAreMadeListedAndTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(args ...string) command { return command{args: append(args, "--data-dir", dir)} }
	var made struct{ ID, Email, Level, Password string }
	at("user", "add", "--email", "Ada@Example.com", "--name", "Ada Example", "--level", "director", "--json").run(t).ended(t, 0).last(t, &made)
	if !strings.EqualFold(made.Email, "ada@example.com") || made.Level != "director" || len(made.Password) < 12 || made.ID == "" {
		t.Fatalf("%+v", made)
	}
	if res := at("user", "add", "--email", "ada@example.com", "--name", "Ada").run(t).ended(t, 2); !strings.Contains(strings.ToLower(res.err), "ada@example.com") {
		t.Error(res)
	}
	given := at("user", "add", "--email", "bo@example.com", "--name", "Bo", "--password-stdin")
	given.in = "a long enough pass phrase\n"
	if res := given.run(t).ended(t, 0); strings.Contains(res.out+res.err, "pass phrase") {
		t.Errorf("a password that was given is printed: %s", res)
	}
	given.args[3], given.in = "cy@example.com", "short\n"
	if res := given.run(t).ended(t, 2); !strings.Contains(res.err, "password") {
		t.Error(res)
	}
	given.in = "\n"
	given.run(t).ended(t, 2)
	at("user", "level", "bo@example.com", "associate").run(t).ended(t, 0)
	at("user", "level", "bo@example.com", "emperor").run(t).ended(t, 2)
	list := at("user", "list").run(t).ended(t, 0)
	if !strings.Contains(strings.ToLower(list.out), "ada@example.com") || !strings.Contains(list.out, "associate") || strings.Contains(list.out, made.Password) {
		t.Error(list)
	}
	fresh := at("user", "password", "ada@example.com").run(t).ended(t, 0)
	if !strings.Contains(fresh.out, "shown only now") || strings.Contains(fresh.out, made.Password) {
		t.Error(fresh)
	}
	at("user", "disable", "bo@example.com").run(t).ended(t, 0)
	var users struct{ Users []map[string]any }
	res := at("user", "list", "--json").run(t).ended(t, 0)
	res.last(t, &users)
	if len(users.Users) != 1 || strings.Contains(res.out, "argon2") {
		t.Error(res)
	}
	if res := at("audit", "verify", "--json").run(t).ended(t, 0); !strings.Contains(res.out, `"whole":true`) {
		t.Error(res)
	}
}

func TestInterruptedItEndsInTime(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := t.TempDir()
		p := command{args: demoArgs(dir, "--fault", "latency=50ms")}.start(t)
		eventually(t, 60*time.Second, "the sandboxes are seeded", func() error {
			_, err := os.Stat(filepath.Join(dir, "sandbox", "seeded"))
			return err
		})
		time.Sleep(300 * time.Millisecond)
		if res := p.stop(t, sig, 20*time.Second).ended(t, 130); !strings.Contains(res.err, "interrupted") || res.out != "" {
			t.Error(res)
		}
		tandem(t, demoArgs(dir)...).ended(t, 0)
	}
}

func TestSecretsAreNeverToldEvenAtTheMostTalkativeLevel(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{Demo: demo.Options{Seed: 1, Accounts: 10, Opportunities: 30}}).Services
	wrong := s
	wrong.Salesforce.ClientSecret, wrong.AWS.SecretAccessKey = "wrong-salesforce-secret", "wrongAWSsecret00000000000000000000000000"
	for _, x := range []sandbox.Services{s, wrong} {
		for _, cmd := range []string{"sync", "doctor"} {
			c := command{args: []string{cmd, "--json", "--log-level", "debug", "--data-dir", t.TempDir()}, env: append(connected(x), "TANDEM_METRICS_TOKEN=a-metrics-token")}
			res := c.run(t)
			for _, secret := range []string{x.Salesforce.ClientSecret, x.AWS.SecretAccessKey, "a-metrics-token", "Bearer ", "access_token"} {
				if strings.Contains(res.out+res.err, secret) {
					t.Errorf("%s tells %q", cmd, secret)
				}
			}
			if res.out != "" && strings.Count(res.out, "\n") != 1 {
				t.Errorf("%s prints more than its object: %s", cmd, res.out)
			}
		}
	}
}
