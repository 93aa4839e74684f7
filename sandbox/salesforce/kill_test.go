package salesforce_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// TestMain serves a sandbox instead of running tests when the kill test asks
// for it, so that there is a process to kill.
func TestMain(m *testing.M) {
	path := os.Getenv("SANDBOX_TO_KILL")
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := salesforce.New(salesforce.Options{StatePath: path, ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("http://" + l.Addr().String())
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	fmt.Println(srv.Serve(l))
	os.Exit(1)
}

func TestWhatWasAnsweredSurvivesAKilledProcess(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/journal"
	answered := map[string]string{} // key to id
	for round := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SANDBOX_TO_KILL="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		address, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.HasPrefix(address, "http://") {
			t.Fatalf("the process says %q, %v", address, err)
		}
		o := &org{t: t, http: &httptest.Server{URL: strings.TrimSpace(address)}}
		o.signInAs("id", "secret")
		var kill *time.Timer
		for i := 0; ; i++ {
			if i == 10 { // kill while writes go on
				kill = time.AfterFunc(time.Duration(round*3)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
			key := fmt.Sprintf("r%d-%d", round, i)
			text, err := o.try("PATCH", "/services/data/v67.0/sobjects/CoSell_Registration__c/CoSell_Key__c/"+key, `{"Cloud__c":"aws"}`)
			if err != nil {
				break
			}
			id := answer{t: t, body: text}.id()
			answered[key] = id
		}
		if kill == nil {
			t.Fatal("a write failed before the kill")
		}
		kill.Stop()
		if err := cmd.Wait(); err == nil {
			t.Error("the process ended by itself")
		}
	}
	o := start(t, salesforce.Options{StatePath: path, Clock: kit.NewClock()})
	kept := map[string]string{}
	for _, r := range o.query("SELECT Id, CoSell_Key__c FROM CoSell_Registration__c") {
		kept[r["CoSell_Key__c"].(string)] = r["Id"].(string)
	}
	for key, id := range answered {
		if kept[key] != id {
			t.Errorf("%s was answered as %s and is now %q", key, id, kept[key])
		}
	}
	if len(kept) > len(answered)+4 {
		t.Errorf("%d records, only %d were answered", len(kept), len(answered))
	}
}
