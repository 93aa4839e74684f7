package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

var mappingCrumbs = []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}, {Label: "Field mapping", Href: mappingPath}}

type mappingVersionsData struct {
	page   ui.Page
	may    bool
	stands mapping.Version
	list   mapping.Page
	shown  mapping.Version // the one that is compared with what stands
	diff   []mapping.Difference
	asked  bool
	fields []problem.Field
	stale  bool
}

func (w *Web) mappingVersions(rw http.ResponseWriter, r *http.Request) {
	w.showMappingVersions(rw, r, http.StatusOK, r.FormValue("version"), mappingVersionsData{})
}

// showMappingVersions lists the versions; one of them can be compared with what
// stands.
func (w *Web) showMappingVersions(rw http.ResponseWriter, r *http.Request, status int, which string, d mappingVersionsData) {
	var err error
	if d.stands, err = w.app.Mappings.Get(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	before, _ := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if d.list, err = w.app.Mappings.Versions(r.Context(), before, 50); err != nil {
		w.fail(rw, r, err)
		return
	}
	if which != "" {
		n, bad := strconv.ParseInt(which, 10, 64)
		if bad != nil {
			w.fail(rw, r, problem.NotFound("version", which))
			return
		}
		if d.shown, err = w.app.Mappings.At(r.Context(), n); err != nil {
			w.fail(rw, r, err)
			return
		}
		d.asked, d.diff = true, mapping.Diff(d.stands.Mapping.V, d.shown.Mapping.V)
	}
	d.may = may(r, authz.ActionChangeSettings)
	d.page = w.settingsPage(r, "mapping", ui.Page{Title: "Versions of the field mapping", Crumbs: mappingCrumbs})
	w.render(rw, r, status, mappingVersionsHTML(d))
}

func (w *Web) restoreMapping(rw http.ResponseWriter, r *http.Request) {
	to, err := strconv.ParseInt(r.PathValue("version"), 10, 64)
	stands, bad := strconv.ParseInt(r.PostFormValue("stands"), 10, 64)
	if err != nil || bad != nil {
		w.fail(rw, r, problem.Invalid("version", "malformed", "The form is not whole: open the page again"))
		return
	}
	_, err = w.app.Mappings.RollBack(r.Context(), to, stands, r.PostFormValue("reason"))
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, mappingPath+"/versions", "Version "+r.PathValue("version")+" is in force again, as a new version", "")
	case conflict(err):
		w.showMappingVersions(rw, r, http.StatusPreconditionFailed, r.PathValue("version"), mappingVersionsData{stale: true})
	case invalid:
		w.showMappingVersions(rw, r, http.StatusUnprocessableEntity, r.PathValue("version"), mappingVersionsData{fields: fields})
	default:
		w.fail(rw, r, err)
	}
}

func (w *Web) mappingFile(rw http.ResponseWriter, r *http.Request) {
	v, err := w.app.Mappings.Get(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	text, err := v.Mapping.V.Export()
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="tandem-mapping-`+strconv.FormatInt(v.Version, 10)+`.json"`)
	h.Set("Cache-Control", "no-store")
	if _, err := rw.Write(text); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write the mapping's file", "error", err)
	}
}

type mappingChangeData struct {
	page     ui.Page
	may      bool
	stands   mapping.Version
	text     string // a mapping's file
	template string // that the text is of
	read     bool   // text is a mapping
	diff     []mapping.Difference
	findings []mapping.Finding
	fault    string
	fields   []problem.Field
	reason   string
	stale    bool
}

// showMappingChange shows what a file or a template would change, before it does.
func (w *Web) showMappingChange(rw http.ResponseWriter, r *http.Request, status int, d mappingChangeData) {
	var err error
	if d.stands, err = w.app.Mappings.Get(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	if id := r.FormValue("template"); id != "" && d.text == "" {
		list := mapping.Templates()
		at := slices.IndexFunc(list, func(t mapping.Template) bool { return t.ID == id })
		if at < 0 {
			w.fail(rw, r, problem.NotFound("template", id))
			return
		}
		text, err := list[at].Mapping().Export()
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		d.text, d.template = string(text), list[at].Label
		d.reason = "Template: " + list[at].Label
	}
	if d.text != "" && len(d.fields) == 0 {
		m, err := mapping.Parse([]byte(d.text))
		if fields, bad := formFields(err); bad {
			d.fields, status = fields, http.StatusUnprocessableEntity
		} else {
			d.read, d.diff = true, mapping.Diff(d.stands.Mapping.V, m)
			if d.findings, err = w.app.Mappings.Check(r.Context(), m); err != nil {
				d.fault = err.Error()
			}
		}
	}
	d.may = may(r, authz.ActionChangeSettings)
	d.page = w.settingsPage(r, "mapping", ui.Page{Title: "Change the field mapping as a whole", Crumbs: mappingCrumbs})
	w.render(rw, r, status, mappingChangeHTML(d))
}

func (w *Web) changeMapping(rw http.ResponseWriter, r *http.Request) {
	d := mappingChangeData{text: strings.TrimSpace(r.PostFormValue("text")), reason: strings.TrimSpace(r.PostFormValue("reason"))}
	if d.text == "" {
		d.fields = []problem.Field{{Field: "text", Code: "required", Message: "Put the content of a mapping's file here"}}
		w.showMappingChange(rw, r, http.StatusUnprocessableEntity, d)
		return
	}
	if r.PostFormValue("save") == "" {
		w.showMappingChange(rw, r, http.StatusOK, d)
		return
	}
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	m, err := mapping.Parse([]byte(d.text))
	if err == nil {
		_, err = w.app.Mappings.Save(r.Context(), m, version, d.reason)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, mappingPath, "The mapping is in force, and Salesforce is read by it", "")
	case conflict(err):
		d.stale = true
		w.showMappingChange(rw, r, http.StatusPreconditionFailed, d)
	case invalid:
		d.fields = mappingFaults(fields, m)
		w.showMappingChange(rw, r, http.StatusUnprocessableEntity, d)
	default:
		w.fail(rw, r, err)
	}
}
