package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// watchView is how a portal's changes are followed, and how its list and ours
// differed at the last full look.
type watchView struct {
	known bool
	facts []ui.Fact
	drift ui.DataTable
	full  bool // a full look has been
}

func (w *Web) watchOf(r *http.Request, v connectionView) (watchView, error) {
	if v.cloud == "" || !w.configured(v.c.ID) {
		return watchView{}, nil
	}
	seen, err := w.app.Registrations.Watched(r.Context(), v.cloud)
	if err != nil {
		return watchView{}, err
	}
	rep := seen.Report.V
	out := watchView{known: true, full: !seen.ReconciledAt.IsZero()}
	out.facts = []ui.Fact{
		{Label: "Last look at what changed", Value: ui.Time{At: seen.ChangesAt, Style: ui.TimeAgo}},
		{Label: "Last full reconcile", Value: ui.Time{At: seen.ReconciledAt, Style: ui.TimeAgo}},
	}
	if !out.full {
		return out, nil
	}
	for _, x := range []struct {
		label string
		n     int
	}{
		{"Records that it listed", rep.Listed},
		{"Changed there without our doing", rep.Changed},
		{"Made elsewhere, followed now", rep.Adopted},
		{"No longer listed", len(rep.Missing)},
		{"No opportunity of ours", len(rep.Unknown)},
		{"A second record of a deal", len(rep.Duplicates)},
	} {
		out.facts = append(out.facts, ui.Fact{Label: x.label, Value: ui.Text(ui.Count(int64(x.n)))})
	}
	portal := v.cloud.Portal()
	out.drift = ui.DataTable{
		ID: "drift", Caption: "How the two sides differ", NoChooser: true,
		Columns: []ui.Column{{Key: "record", Label: "Record", Fixed: true, Grow: true}, {Key: "how", Label: "How it differs"}, {Key: "status", Label: "Status there"}, {Key: "note", Label: "What is known"}, {Key: "do", Label: "What to do"}},
		Empty:   ui.EmptyState{Icon: ui.IconCheckCircle, Title: "No drift", Text: "At the last full look every record of ours was listed, each once, and nothing was listed that is not ours."},
	}
	add := func(how string, tone ui.Tone, list []registration.Drift, do string) {
		for _, d := range list {
			row := ui.Row{ID: "drift-" + strconv.Itoa(len(out.drift.Rows)), Name: d.RemoteID, Tone: tone}
			if d.RegistrationID != "" {
				reg, err := w.app.Registrations.Get(r.Context(), d.RegistrationID)
				if err == nil {
					row.Href = listPath + "/" + reg.OpportunityID
				}
			}
			row.Cells = []templ.Component{ui.Two(d.RemoteID, joined(" · ", d.Company, d.OurID)), ui.Badge{Tone: tone, Text: how}, textOr(d.Status), textOr(d.Note), ui.Text(do)}
			out.drift.Rows = append(out.drift.Rows, row)
		}
	}
	add("Duplicate", ui.ToneDanger, rep.Duplicates, "Keep one: close the other in "+portal+", and stop the other program that registers deals.")
	add("Missing", ui.ToneDanger, rep.Missing, "Tandem reads it once more by itself. If it is gone, ask the partner, or register the deal again.")
	add("Unknown", ui.ToneWarn, rep.Unknown, "Put the Salesforce id of its opportunity into the record in "+portal+" and it is followed; or leave it, if it is not ours to keep.")
	return out, nil
}

// quotaLeft says how much of a quota is left.
func quotaLeft(m ui.Meter) string {
	if m.Limit <= 0 {
		return "How much is left is not known."
	}
	return fmt.Sprintf("%s left of %s.", ui.Count(max(0, m.Limit-m.Used)), ui.Count(m.Limit))
}
