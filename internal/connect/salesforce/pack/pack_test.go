package pack_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce/pack"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

type field struct {
	Name       string   `xml:"fullName"`
	Type       string   `xml:"type"`
	Length     int      `xml:"length"`
	External   bool     `xml:"externalId"`
	Unique     bool     `xml:"unique"`
	Required   bool     `xml:"required"`
	References string   `xml:"referenceTo"`
	Restricted bool     `xml:"valueSet>restricted"`
	Values     []string `xml:"valueSet>valueSetDefinition>value>fullName"`
}

type permissions struct {
	Fields []struct {
		Field    string `xml:"field"`
		Editable bool   `xml:"editable"`
		Readable bool   `xml:"readable"`
	} `xml:"fieldPermissions"`
	Objects []struct {
		Object string `xml:"object"`
		Create bool   `xml:"allowCreate"`
		Edit   bool   `xml:"allowEdit"`
		Read   bool   `xml:"allowRead"`
	} `xml:"objectPermissions"`
}

func read[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	text, err := fs.ReadFile(pack.Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// fields gives the fields of the package by object; those of Activity stand for
// Task and Event.
func fields(t *testing.T) map[string]map[string]field {
	t.Helper()
	list, err := fs.Glob(pack.Files(), "force-app/main/default/objects/*/fields/*.field-meta.xml")
	if err != nil || len(list) == 0 {
		t.Fatalf("%v, %v", list, err)
	}
	out := map[string]map[string]field{}
	for _, name := range list {
		f := read[field](t, name)
		if want := f.Name + ".field-meta.xml"; path.Base(name) != want {
			t.Errorf("%s holds %s", name, f.Name)
		}
		objects := []string{path.Base(path.Dir(path.Dir(name)))}
		if objects[0] == "Activity" {
			objects = []string{"Task", "Event"}
		}
		for _, o := range objects {
			if out[o] == nil {
				out[o] = map[string]field{}
			}
			out[o][f.Name] = f
		}
	}
	return out
}

// describeType gives the type under which describe tells of a metadata type.
var describeType = map[string]string{
	"Text": "string", "Picklist": "picklist", "Lookup": "reference", "Email": "email", "DateTime": "datetime", "Date": "date",
	"LongTextArea": "textarea", "Percent": "percent", "Currency": "currency",
}

func TestThePackageHasAllThatTandemWrites(t *testing.T) {
	t.Parallel()
	have := fields(t)
	for _, n := range salesforce.Needs() {
		own, ok := have[n.Object]
		if !ok {
			continue
		}
		if f := own[n.ExternalID]; n.ExternalID != "" && (!f.External || !f.Unique || f.Length != 255) {
			t.Errorf("%s.%s is %+v", n.Object, n.ExternalID, f)
		}
		if !strings.HasPrefix(n.Object, "CoSell_") {
			continue
		}
		for _, w := range n.Write {
			if _, ok := own[w]; !ok {
				t.Errorf("the package has no %s.%s", n.Object, w)
			}
		}
	}
	for _, o := range []string{"CoSell_Registration__c", "CoSell_Offer__c", "Task", "Event"} {
		if have[o] == nil {
			t.Errorf("the package has nothing of %s", o)
		}
	}
}

func TestTheSandboxHasTheSameFieldsAsThePackage(t *testing.T) {
	t.Parallel()
	srv, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	id, secret := srv.Credentials()
	c, err := salesforce.New(salesforce.Config{LoginURL: web.URL, ClientID: id, ClientSecret: secret, Transport: &http.Transport{}})
	if err != nil {
		t.Fatal(err)
	}
	for object, own := range fields(t) {
		o, err := c.Describe(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range own {
			d, ok := o.Field(name)
			if !ok || d.Type != describeType[f.Type] || d.ExternalID != f.External || d.Unique != f.Unique || d.Restricted != f.Restricted ||
				d.Nillable == f.Required || f.Length != 0 && d.Length != f.Length || f.References != "" && !slices.Contains(d.ReferenceTo, f.References) {
				t.Errorf("%s.%s: the sandbox has %+v, the package %+v", object, name, d, f)
			}
			for _, v := range d.Picklist {
				if !slices.Contains(f.Values, v.Value) && f.Restricted {
					t.Errorf("%s.%s has no value %q", object, name, v.Value)
				}
			}
		}
		for _, d := range o.Fields {
			if _, ok := own[d.Name]; !ok && d.Custom && strings.HasPrefix(object, "CoSell_") {
				t.Errorf("the sandbox has %s.%s, the package has not", object, d.Name)
			}
		}
	}
}

func TestTheSyncStateHasAValueForEachState(t *testing.T) {
	t.Parallel()
	values := fields(t)["CoSell_Registration__c"]["Sync_State__c"].Values
	for _, s := range registration.States() {
		if !slices.Contains(values, s.Label()) {
			t.Errorf("the package has no value %q", s.Label())
		}
	}
}

func TestThePermissionSetsNameEachField(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]bool{"Tandem_Integration": true, "Tandem_Reader": false} {
		p := read[permissions](t, "force-app/main/default/permissionsets/"+name+".permissionset-meta.xml")
		named := map[string]bool{}
		for _, f := range p.Fields {
			named[f.Field] = true
			if !f.Readable || f.Editable != edit {
				t.Errorf("%s: %+v", name, f)
			}
		}
		for object, own := range fields(t) {
			for _, f := range own {
				// A required field is everybody's: a permission set that names it does not deploy.
				if full := object + "." + f.Name; named[full] == f.Required {
					t.Errorf("%s and %s: named %v, required %v", name, full, named[full], f.Required)
				}
			}
		}
		for _, o := range p.Objects {
			if own := strings.HasPrefix(o.Object, "CoSell_"); !o.Read || own && (o.Create != edit || o.Edit != edit) {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
}

func TestThePackageIsWrittenAsAFolderAndAsAnArchive(t *testing.T) {
	t.Parallel()
	var want []string
	err := fs.WalkDir(pack.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			want = append(want, name)
		}
		return err
	})
	if err != nil || !slices.Contains(want, "sfdx-project.json") {
		t.Fatalf("%v, %v", want, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := pack.Write(dir); err != nil {
		t.Fatal(err)
	}
	var b, again bytes.Buffer
	if err := pack.Zip(&b); err != nil {
		t.Fatal(err)
	}
	if err := pack.Zip(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the archive differs from time to time: %v", err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var zipped []string
	for _, f := range z.File {
		zipped = append(zipped, strings.TrimPrefix(f.Name, "tandem-salesforce/"))
	}
	if !slices.Equal(zipped, want) {
		t.Errorf("%v in the archive, want %v", zipped, want)
	}
	for _, name := range want {
		inside, err := fs.ReadFile(pack.Files(), name)
		outside, oerr := os.ReadFile(filepath.Join(dir, name))
		if err != nil || oerr != nil || !bytes.Equal(inside, outside) {
			t.Errorf("%s: %v, %v", name, err, oerr)
		}
	}
	if err := pack.Write(dir); !problem.Is(err, problem.KindConflict) {
		t.Errorf("a folder that is not empty: %v", err)
	}
	if err := pack.Write(filepath.Join(dir, "README.md")); !problem.Is(err, problem.KindInvalid) {
		t.Errorf("a file: %v", err)
	}
}
