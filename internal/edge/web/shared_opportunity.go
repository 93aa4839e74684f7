package web

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Why an act is blocked for those who may not do it.
const (
	whyNotRegister = "Your role reads only: ask somebody of the alliance team to register it"
	whyNotMark     = "Your role reads only: ask somebody of the alliance team to decide it"
)

// whyBlocked gives why the person may not do an act, "" if they may.
func whyBlocked(r *http.Request, a authz.Action, why string) string {
	if may(r, a) {
		return ""
	}
	return why
}

// keptParams gives the values as hidden fields, in a stable order.
func keptParams(v url.Values) []ui.Param {
	var out []ui.Param
	for _, name := range sortedKeys(v) {
		for _, s := range v[name] {
			out = append(out, ui.Param{Name: name, Value: s})
		}
	}
	return out
}

func sortedKeys(v url.Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// copied gives v without the named parameters.
func copied(v url.Values, without ...string) url.Values {
	out := url.Values{}
	for name, list := range v {
		if !slices.Contains(without, name) {
			out[name] = slices.Clone(list)
		}
	}
	return out
}

// address joins a path and its parameters.
func address(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// readQuery gives the parameters of the address. What no database can hold, or
// is no parameter at all, is left out and told of.
func readQuery(r *http.Request) (url.Values, problem.List) {
	var bad problem.List
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		bad.Add("address", "malformed", "A part of the address could not be read and is left out")
	}
	out := url.Values{}
	for name, list := range given {
		for _, s := range list {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				bad.Add(name, "malformed", "The value is no readable text and is left out")
				continue
			}
			out[name] = append(out[name], s)
		}
	}
	return out, bad
}

// amountOf shows an amount; whole leaves cents out of sight.
func amountOf(a money.Amount, whole bool) ui.Money {
	if a.IsNone() {
		return ui.Money{}
	}
	return ui.Money{Number: a.Decimal(), Currency: a.Currency, Whole: whole}
}

// stateTone says what kind of news a state is.
func stateTone(s registration.State) ui.Tone {
	switch s {
	case registration.StateApproved, registration.StateLaunched:
		return ui.ToneSuccess
	case registration.StateFailed, registration.StateActionRequired, registration.StateRejected:
		return ui.ToneDanger
	case registration.StateBlocked, registration.StateOffRoute, registration.StateElsewhere:
		return ui.ToneWarn
	case registration.StateWithdrawn, registration.StateClosedLost, "":
		return ui.ToneNeutral
	}
	return ui.ToneInfo
}

// stateWords says how an opportunity stands at a cloud.
func stateWords(s registration.State, blocking int64) string {
	switch {
	case s == "":
		return "Not registered"
	case s == registration.StateBlocked && blocking > 0:
		return fmt.Sprintf("Blocked by %d", blocking)
	}
	return s.Label()
}

func stateBadge(c cloud.Cloud, s registration.State, blocking int64) ui.Badge {
	return ui.Badge{Tone: stateTone(s), Text: ui.CloudName(string(c)) + " · " + stateWords(s, blocking), Title: c.Portal()}
}

func cloudBadges(list []workspace.RowCloud) []ui.Badge {
	out := make([]ui.Badge, 0, len(list))
	for _, c := range list {
		out = append(out, stateBadge(c.Cloud, c.State, c.Blocking))
	}
	return out
}

// dayOf shows a calendar day.
func dayOf(d date.Date) templ.Component {
	if d.IsZero() {
		return ui.None()
	}
	return ui.Time{At: d.Time(), Style: ui.TimeDay}
}

// daysLate counts the days since an open deal should have closed; 0 if it is in
// time.
func daysLate(closed bool, closeOn, today date.Date) int {
	if closed || !closeOn.Before(today) {
		return 0
	}
	return int(today.Time().Sub(closeOn.Time()).Hours() / 24)
}

// dayNow is the day now, by the server's clock in UTC.
func (w *Web) dayNow() date.Date { return date.Of(w.app.Clock.Now().UTC()) }

// crmLink gives the address of a record in Salesforce; "" where there is no
// Salesforce that a browser could open.
func (w *Web) crmLink(crmID string) string {
	u, err := url.Parse(w.app.Config.Salesforce.URL)
	if err != nil || u.Host == "" || crmID == "" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/" + url.PathEscape(crmID)
}

// connected lists the clouds whose portal is connected.
func (w *Web) connected() []cloud.Cloud {
	var out []cloud.Cloud
	for _, c := range cloud.All() {
		if _, ok := w.app.Registrations.Portal(c); ok {
			out = append(out, c)
		}
	}
	return out
}

// textOr shows a text, or that there is none.
func textOr(s string) templ.Component {
	if s == "" {
		return ui.None()
	}
	return ui.Text(s)
}

// fieldsOf gives the wrong fields of a refusal that a form can show, and the
// message of one without fields; ok is false for all that a form cannot mend.
func fieldsOf(err error) (fields []problem.Field, message string, ok bool) {
	p := asProblem(err)
	if p == nil {
		return nil, "", false
	}
	switch p.Kind {
	case problem.KindInvalid:
		return p.Fields, "", true
	case problem.KindPrecondition, problem.KindConflict:
		return nil, p.Message, true
	}
	return nil, "", false
}

// plural writes a count with its noun: "1 field", "3 fields".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.Count(n) + " " + many
}

// positive reads the version that a form was made for.
func positive(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, problem.Invalid("version", "malformed", "The form is not complete: open the page again")
	}
	return n, nil
}

// formVersion reads the version of a setting that a form was made for; 0 is that of one
// that nobody changed yet.
func formVersion(r *http.Request) (int64, error) {
	n, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		return 0, problem.Invalid("version", "malformed", "The form is not whole: open the page again")
	}
	return n, nil
}

// joined joins those of the parts that are not empty.
func joined(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}

func fallback(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
