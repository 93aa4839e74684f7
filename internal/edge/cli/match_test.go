package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inFolder writes files and gives a way to run commands on them.
func inFolder(t *testing.T, files map[string]string) func(code int, args ...string) (out, errs string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(code int, args ...string) (string, string) {
		t.Helper()
		for i, a := range args {
			if strings.Contains(a, ".csv") {
				args[i] = filepath.Join(dir, a)
			}
		}
		var out, errs bytes.Buffer
		if got := Run(context.Background(), args, "test", strings.NewReader(""), &out, &errs); got != code {
			t.Fatalf("%v ended with %d, want %d:\n%s%s", args, got, code, out.String(), errs.String())
		}
		return out.String(), errs.String()
	}
}

var smallLists = map[string]string{
	"crm.csv": "id,name,country,city,website\n" +
		"a1,Acme Holdings GmbH,Germany,Berlin,http://www.acme.de\na2,Zenith Quantum Optics Inc,United States,Boston,zenithoptics.com\n" +
		"a3,Zenith Quantum Optics II Inc,United States,Boston,\na4,Borealis Fisheries AS,Norway,Bergen,borealis.no\n",
	"partner.csv": "\xef\xbb\xbfKunde;Firma;Land;Ort;Domain\n" +
		"b1;ACME HLDGS;DE;Berlin;acme.de\nb2;Zenith Quantum Optics, Inc.;US;Boston;\nb3;Nobody Knows Ltd;UK;Leeds;\nb4;Borealis Fisheries;NO;Bergen;borealis.no\n",
	"truth.csv": "right_id,left_id\nb1,a1\nb2,a2\nb3,\nb4,a4\nb5,a1\n",
	"bad.csv":   "id,name\n1,Acme\n2\n3,Beta\n",
}

func TestMatchFindsTheCompaniesOfOneListInAnother(t *testing.T) {
	t.Parallel()
	run := inFolder(t, smallLists)
	out, errs := run(ExitOK, "match", "crm.csv", "partner.csv", "--right-column", "id=Kunde")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 5 || lines[0] != "right_id,left_id,probability,decision,evidence" || !strings.Contains(errs, "3 matches") {
		t.Fatal(out, errs)
	}
	for i, want := range []string{"b1,a1,0.9", "b2,a2,0.9", "b3,,", "b4,a4,0.9"} {
		if !strings.HasPrefix(lines[i+1], want) {
			t.Errorf("%s, want %s…", lines[i+1], want)
		}
	}
	out, _ = run(ExitOK, "match", "crm.csv", "partner.csv", "--right-column", "id=Kunde", "--explain", "b1")
	for _, want := range []string{"b1 is a1", "before looking", "domain: the same domain", "place: the same"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, _ = run(ExitOK, "match", "eval", "crm.csv", "partner.csv", "--right-column", "id=Kunde", "--truth", "truth.csv", "--json")
	if !strings.Contains(out, `"judged":4,"matches":3,"default":{"threshold":0.8,"pairs":3,"right":3,"precision":1,"recall":1,"f1":1}`) {
		t.Error(out)
	}
	out, _ = run(ExitOK, "match", "eval", "crm.csv", "partner.csv", "--right-column", "id=Kunde", "--truth", "truth.csv")
	if !strings.Contains(out, "4 companies judged, 3 of them have a match; 1 of the truth are not in the right list") || !strings.Contains(out, "calibration") {
		t.Error(out)
	}
}

func TestMatchSaysWhichRowsAreBad(t *testing.T) {
	t.Parallel()
	run := inFolder(t, smallLists)
	_, errs := run(ExitUsage, "match", "crm.csv", "bad.csv")
	if !strings.Contains(errs, "line 3: the row has 1 columns, the header has 2") {
		t.Error(errs)
	}
	if out, _ := run(ExitOK, "match", "crm.csv", "bad.csv", "--skip-bad-rows"); strings.Count(out, "\n") != 3 {
		t.Error(out)
	}
	_, errs = run(ExitUsage, "match", "crm.csv", "partner.csv", "--right-column", "name=Nothing")
	if !strings.Contains(errs, "the columns are Kunde, Firma, Land, Ort, Domain") {
		t.Error(errs)
	}
	_, errs = run(ExitUsage, "match", "crm.csv", "partner.csv", "--explain", "b99")
	if !strings.Contains(errs, `no company with the id "b99"`) {
		t.Error(errs)
	}
}

func TestMatchGivesEachCompanyOnceWhenAsked(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"crm.csv":     smallLists["crm.csv"],
		"partner.csv": "id,name,country,city,website\nb1,Borealis Fisheries AS,Norway,Bergen,borealis.no\nb2,Borealis Fisheries,Norway,Bergen,\n",
	}
	run := inFolder(t, files)
	out, _ := run(ExitOK, "match", "crm.csv", "partner.csv")
	if strings.Count(out, ",a4,") != 2 {
		t.Error(out)
	}
	if out, _ = run(ExitOK, "match", "crm.csv", "partner.csv", "--one-to-one"); strings.Count(out, ",a4,") != 1 || !strings.Contains(out, "b1,a4,") {
		t.Error(out)
	}
}
