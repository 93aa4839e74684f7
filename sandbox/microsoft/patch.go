package microsoft

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
)

// operationOf is one step of a JSON Patch (RFC 6902).
type operationOf struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patch changes a referral, all of its steps or none.
func (x *tx) patch(id string) reply {
	f := x.visible(id)
	if f == nil {
		return notFound(id)
	}
	var ops []operationOf
	if err := decode(x.body, &ops); err != nil {
		return refuse(http.StatusBadRequest, "invalidRequest", "The body is no list of operations: "+err.Error()+".", "")
	}
	if len(ops) == 0 {
		return refuse(http.StatusBadRequest, "invalidRequest", "The body holds no operation.", "")
	}
	return x.change(f, ops, strings.Contains(x.r.Header.Get("Prefer"), "return=representation"))
}

func (x *tx) change(f *referral, ops []operationOf, shows bool) reply {
	if want := x.r.Header.Get("If-Match"); want != "" && want != "*" && want != f.Doc.str("eTag") {
		out := refuse(http.StatusPreconditionFailed, "preconditionFailed", "The ETag passed in If-Match does not match the current version of the resource.", "eTag")
		return out
	}
	if f.microsoft() {
		return refuse(http.StatusForbidden, "accessDenied", "The referral is Microsoft's own.", "")
	}
	next := *f
	next.Doc = f.Doc.clone()
	registers := false
	for _, op := range ops {
		wrong := (*reply)(nil)
		if strings.HasPrefix(op.Path, "/registrations/") {
			registers = true
			wrong = x.applyRegistration(f, &next, op)
		} else {
			wrong = apply(next.Doc, op)
		}
		if wrong != nil {
			return *wrong
		}
	}
	if registers && len(ops) > 0 && slices.ContainsFunc(ops, func(o operationOf) bool { return !strings.HasPrefix(o.Path, "/registrations/") }) {
		return *invalid("registrations", "A deal registration is changed by itself.")
	}
	if f.status() == partnercenter.StatusClosed && !registers {
		return *invalid("status", "The referral is closed and cannot be edited.")
	}
	check := x.checkChange
	if registers {
		check = x.checkMended
	}
	if wrong := check(f, &next); wrong != nil {
		return *wrong
	}
	x.put(&next, "referral-updated")
	if !shows {
		return reply{status: http.StatusNoContent, header: http.Header{"Etag": {next.Doc.str("eTag")}}}
	}
	return x.found(&next)
}

// apply does one step on d.
func apply(d doc, op operationOf) *reply {
	if op.Op != "add" && op.Op != "replace" {
		return invalid(op.Path, fmt.Sprintf("The operation %q is not supported: only add and replace are.", op.Op))
	}
	if !slices.Contains(partnercenter.PatchPaths, op.Path) {
		return invalid(op.Path, "The path cannot be changed.")
	}
	path, appends := strings.CutSuffix(op.Path, "/-")
	at := strings.ReplaceAll(path[1:], "/", ".")
	if appends {
		if op.Op != "add" {
			return invalid(op.Path, "An element is added, not replaced.")
		}
		d.set(at, append(slices.Clone(d.list(at)), op.Value))
		return nil
	}
	switch path {
	case "/details/dealValue":
		n, ok := number(op.Value)
		if !ok {
			return invalid(path, "The deal value must be a number.")
		}
		d.set(at, jsonNumber(n))
		return nil
	case "/customerProfile/team", "/team", "/details/requirements/solutions":
		if _, ok := op.Value.([]any); !ok {
			return invalid(path, "The value must be a list.")
		}
	case "/consent/consentToShareReferralWithMicrosoftSellers":
		if _, ok := op.Value.(bool); !ok {
			return invalid(path, "The value must be true or false.")
		}
	default:
		if _, ok := op.Value.(string); !ok && op.Value != nil {
			return invalid(path, "The value must be a text.")
		}
	}
	d.set(at, op.Value)
	return nil
}

func jsonNumber(f float64) any {
	n := doc{}
	if err := decode([]byte(`{"n":`+strconv.FormatFloat(f, 'f', -1, 64)+`}`), &n); err != nil {
		return f
	}
	return n["n"]
}

// checkChange holds a changed record against the rules of its life.
func (x *tx) checkChange(before, after *referral) *reply {
	const consent = "consent.consentToShareReferralWithMicrosoftSellers"
	if before.Doc.yes(consent) && !after.Doc.yes(consent) {
		return invalid(consent, "What is visible to Microsoft's sellers stays visible.")
	}
	if wrong := x.checkValues(after.Doc); wrong != nil {
		return wrong
	}
	if team := after.Doc.list("team"); !equal(team, before.Doc.list("team")) && (len(team) == 0 || len(team) > 50) {
		return invalid("team", "A referral has 1 to 50 team members.")
	}
	for _, path := range []string{"team", "customerProfile.team"} {
		if wrong := checkTeam(path, after.Doc.list(path)); wrong != nil {
			return wrong
		}
	}
	status, sub := after.status(), after.substatus()
	if status == before.status() && sub == before.substatus() {
		return nil
	}
	if !slices.Contains(partnercenter.Substatuses(status), sub) {
		return invalid("substatus", fmt.Sprintf("%q is no substatus of %q.", sub, status))
	}
	if !partnercenter.CanFollow(before.status(), status) {
		return invalid("status", fmt.Sprintf("%q cannot follow %q.", status, before.status()))
	}
	received := before.substatus() == partnercenter.SubReceived
	switch sub {
	case partnercenter.SubAccepted:
		if !received {
			return invalid("substatus", "Only a referral that was received is accepted.")
		}
		after.Doc["acceptedDateTime"] = stamp(x.now)
	case partnercenter.SubDeclined:
		if !received {
			return invalid("substatus", "Only a referral that was received is declined.")
		}
		after.Doc["closedDateTime"] = stamp(x.now)
	case partnercenter.SubWon, partnercenter.SubLost:
		if before.status() != partnercenter.StatusActive {
			return invalid("substatus", "Only an accepted referral is won or lost.")
		}
		after.Doc["closedDateTime"] = stamp(x.now)
		if sub == partnercenter.SubWon {
			after.Doc["salesStage"] = "100"
		}
	default:
		return invalid("substatus", "Only the service sets "+sub+".")
	}
	return nil
}
