package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const mappingPath = "/settings/mapping"

func (w *Web) routesMapping() {
	w.get(mappingPath, func(rw http.ResponseWriter, r *http.Request) { w.showMapping(rw, r, http.StatusOK, mappingData{}) })
	w.post(mappingPath, w.saveMapping)
	w.get(mappingPath+"/versions", w.mappingVersions)
	w.post(mappingPath+"/versions/{version}/restore", w.restoreMapping)
	w.get(mappingPath+"/file", w.mappingFile)
	w.get(mappingPath+"/change", func(rw http.ResponseWriter, r *http.Request) {
		w.showMappingChange(rw, r, http.StatusOK, mappingChangeData{})
	})
	w.post(mappingPath+"/change", w.changeMapping)
}

// mappingParts are the parts of the page: each maps the fields of one object, the last
// what registrations know.
var mappingParts = []struct {
	key, label string
	object     mapping.Object
	facts      bool
}{
	{"opportunity", "Opportunity", mapping.ObjectOpportunity, false},
	{"account", "Account", mapping.ObjectAccount, false},
	{"contact", "Contact", mapping.ObjectContact, false},
	{"registration", "What Tandem knows", mapping.ObjectOpportunity, true},
}

// mappingRow is one of our fields with how it stands.
type mappingRow struct {
	info     mapping.Info
	entry    mapping.Entry // zero when it is not mapped
	findings []mapping.Finding
	sample   *mapping.SampleLine
}

func (x mappingRow) name(part string) string { return string(x.info.Field) + "." + part }

type mappingData struct {
	page    ui.Page
	may     bool
	part    int
	stands  mapping.Version
	version int64 // that the form is based on
	read    bool  // edit is what a form holds
	edit    mapping.Mapping
	rows    []mappingRow
	whole   []mapping.Finding // of objects, not of one row
	bad     int               // findings in the other parts
	options []ui.Option       // the organisation's fields
	records []mapping.Record
	record  string
	sample  mapping.Sample
	fault   string // why the organisation could not be asked
	sampled string // why the record could not be read
	fields  []problem.Field
	reason  string
	preview bool
	stale   bool
}

func mappingPart(r *http.Request) int {
	return max(0, slices.IndexFunc(mappingParts, func(p struct {
		key, label string
		object     mapping.Object
		facts      bool
	},
	) bool {
		return p.key == r.FormValue("of")
	}))
}

// showMapping shows what stands, or with edit what a form holds.
func (w *Web) showMapping(rw http.ResponseWriter, r *http.Request, status int, d mappingData) {
	ctx := r.Context()
	var err error
	if d.stands, err = w.app.Mappings.Get(ctx); err != nil {
		w.fail(rw, r, err)
		return
	}
	if !d.read {
		d.edit, d.version = d.stands.Mapping.V, d.stands.Version
	}
	if d.stale {
		d.version = d.stands.Version
	}
	d.part, d.may, d.record = mappingPart(r), may(r, authz.ActionChangeSettings), strings.TrimSpace(r.FormValue("record"))
	part := mappingParts[d.part]
	if d.records, err = w.app.Mappings.Records(ctx, part.object); err != nil {
		w.fail(rw, r, err)
		return
	}
	org, err := w.app.Mappings.Organisation(ctx, d.edit)
	if err != nil {
		d.fault = err.Error()
	}
	var findings []mapping.Finding
	if err == nil {
		findings = d.edit.Check(org)
		for _, f := range org.Objects[string(part.object)].Fields {
			d.options = append(d.options, ui.Option{Value: f.Name, Label: f.Label + " (" + f.Type + ")"})
		}
	}
	if d.record == "" && len(d.records) > 0 {
		d.record = d.records[0].CRMID
	}
	if d.record != "" && err == nil {
		if d.sample, err = w.app.Mappings.Try(ctx, d.edit, part.object, d.record); err != nil {
			d.sampled = err.Error()
		}
	}
	d.fill(findings)
	d.page = w.settingsPage(r, "mapping", ui.Page{
		Lead:    ui.Text("Which field of Salesforce is which of ours, which way it goes, and how its value is turned."),
		Actions: []ui.Button{{Label: "Versions", Icon: ui.IconClock, Href: mappingPath + "/versions"}, {Label: "Import or template", Icon: ui.IconUpload, Href: mappingPath + "/change"}, {Label: "Export", Icon: ui.IconDownload, Href: mappingPath + "/file"}},
	})
	w.render(rw, r, status, mappingHTML(d))
}

// fill puts entries, findings and the sample into the rows of the part.
func (d *mappingData) fill(findings []mapping.Finding) {
	part := mappingParts[d.part]
	shown := map[mapping.Field]bool{}
	for _, info := range mapping.Fields() {
		if info.Object != part.object || info.Fact != part.facts {
			continue
		}
		shown[info.Field] = true
		x := mappingRow{info: info}
		x.entry, _ = d.edit.Of(info.Field)
		for _, f := range findings {
			if f.Field == info.Field {
				x.findings = append(x.findings, f)
			}
		}
		if i := slices.IndexFunc(d.sample.Lines, func(l mapping.SampleLine) bool { return l.Field == info.Field }); i >= 0 {
			x.sample = &d.sample.Lines[i]
		}
		d.rows = append(d.rows, x)
	}
	for _, f := range findings {
		switch {
		case f.Field == "":
			d.whole = append(d.whole, f)
		case !shown[f.Field] && f.Level != mapping.LevelRemark:
			d.bad++
		}
	}
}

var namesSplit = regexp.MustCompile(`[\s,;]+`)

// readMapping puts what the form holds of one part in place of that part.
func readMapping(r *http.Request, stands mapping.Mapping) mapping.Mapping {
	part := mappingParts[mappingPart(r)]
	for _, info := range mapping.Fields() {
		if info.Object != part.object || info.Fact != part.facts {
			continue
		}
		x := mappingRow{info: info}
		value := func(name string) string { return strings.TrimSpace(r.PostFormValue(x.name(name))) }
		e := mapping.Entry{Field: info.Field, Direction: mapping.Direction(value("direction")), Owner: mapping.Owner(value("owner")), Needed: info.Needed || value("needed") != ""}
		for name := range slices.Values(namesSplit.Split(value("crm"), -1)) {
			if name != "" {
				e.CRM = append(e.CRM, name)
			}
		}
		if len(e.CRM) == 0 {
			stands = stands.Without(info.Field)
			continue
		}
		if owners := mapping.Owners(e.Direction, info.Fact); len(owners) == 1 { // nothing to choose
			e.Owner = owners[0]
		}
		e.Transform = mapping.Transform{Way: mapping.Way(value("way")), Empty: value("empty")}
		switch e.Transform.Way {
		case mapping.WayPicklist:
			e.Transform.Else = value("else")
			for line := range strings.Lines(r.PostFormValue(x.name("values"))) {
				if crm, ours, _ := strings.Cut(line, "="); strings.TrimSpace(line) != "" {
					e.Transform.Values = append(e.Transform.Values, mapping.Value{CRM: strings.TrimSpace(crm), Ours: strings.TrimSpace(ours)})
				}
			}
		case mapping.WayCurrency:
			e.Transform.Currency = strings.ToUpper(value("currency"))
		case mapping.WayDate:
			e.Transform.Form = mapping.Form(value("form"))
		}
		stands = stands.With(e)
	}
	return stands
}

func (w *Web) saveMapping(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	stands, err := w.app.Mappings.Get(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := mappingData{read: true, version: version, edit: readMapping(r, stands.Mapping.V), reason: strings.TrimSpace(r.PostFormValue("reason"))}
	if r.PostFormValue("preview") != "" {
		d.fields, _ = formFields(d.edit.Validate())
		d.fields, d.preview = mappingFaults(d.fields, d.edit), true
		w.showMapping(rw, r, http.StatusOK, d)
		return
	}
	_, err = w.app.Mappings.Save(r.Context(), d.edit, version, d.reason)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, mappingPath+"?"+url.Values{"of": {mappingParts[mappingPart(r)].key}, "record": {r.PostFormValue("record")}}.Encode(), "The mapping is in force, and Salesforce is read by it", "")
	case conflict(err):
		d.stale = true
		w.showMapping(rw, r, http.StatusPreconditionFailed, d)
	case invalid:
		d.fields = mappingFaults(fields, d.edit)
		w.showMapping(rw, r, http.StatusUnprocessableEntity, d)
	default:
		w.fail(rw, r, err)
	}
}

var entryPlace = regexp.MustCompile(`^fields\[(\d+)\]\.([a-z]+)(?:\.([a-z]+))?`)

// mappingFaults names the form's inputs in place of the entries' places.
func mappingFaults(fields []problem.Field, m mapping.Mapping) []problem.Field {
	out := slices.Clone(fields)
	for i := range out {
		at := entryPlace.FindStringSubmatch(out[i].Field)
		if at == nil {
			continue
		}
		n, err := strconv.Atoi(at[1])
		if err != nil || n >= len(m.Entries) {
			continue
		}
		part := at[2]
		if part == "transform" {
			part = at[3]
		}
		out[i].Field = string(m.Entries[n].Field) + "." + part
		out[i].Message = fmt.Sprintf("%s: %s", labelOfField(m.Entries[n].Field), out[i].Message)
	}
	return out
}

func labelOfField(f mapping.Field) string {
	if info, ok := mapping.InfoOf(f); ok {
		return info.Label
	}
	return string(f)
}

func levelTone(l mapping.Level) ui.Tone {
	switch l {
	case mapping.LevelError:
		return ui.ToneDanger
	case mapping.LevelWarn:
		return ui.ToneWarn
	}
	return ui.ToneNeutral
}

func valuesText(list []mapping.Value) string {
	lines := make([]string, len(list))
	for i, v := range list {
		lines[i] = v.CRM + " = " + v.Ours
	}
	return strings.Join(lines, "\n")
}

func choicesOf[T ~string](list []T, label func(T) string, chosen T) []ui.Option {
	out := make([]ui.Option, len(list))
	for i, x := range list {
		out[i] = ui.Option{Value: string(x), Label: label(x), Selected: x == chosen}
	}
	return out
}

// waysOf lists the ways that fit a field.
func waysOf(info mapping.Info) []mapping.Way {
	switch info.Kind {
	case mapping.KindText:
		return []mapping.Way{mapping.WayNone, mapping.WayPicklist}
	case mapping.KindMoney:
		return []mapping.Way{mapping.WayNone, mapping.WayCurrency}
	case mapping.KindDate, mapping.KindInstant:
		return []mapping.Way{mapping.WayNone, mapping.WayDate}
	}
	return nil
}
