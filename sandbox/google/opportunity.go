package google

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
)

// createOpportunity makes an opportunity, as a draft or submitted at once
// (reference, opportunities.create). There is no key against doing it twice.
func createOpportunity(x *tx, r *request) (any, *fault) {
	d, f := readOpportunity(r.body)
	if f != nil {
		return nil, f
	}
	delete(d, "etag")
	if d.str("state") == "" {
		d.set("state", googlecosell.StateDraft)
	}
	if f := x.mayBe(d, d.str("state")); f != nil {
		return nil, f
	}
	if d.str("stage") != "" || d.str(googlecosell.PathReady) != "" {
		return nil, invalid(violation{"opportunity.stage", "can only be set once the opportunity is ACCEPTED"})
	}
	o := &opportunity{ID: 20_000 + x.next(), Doc: d}
	if r.lag > 0 {
		o.VisibleAt = x.now.Add(r.lag)
	}
	d.set("name", o.name())
	d.set("creatorEmail", r.email)
	d.set("source", "PARTNER")
	d.set("createTime", stamp(x.now))
	d.set("opportunityInfo.partnerEntity", x.s.Partner())
	x.reviewIfSubmitted(o, r.email)
	x.put(o, googlecosell.EventCreated)
	return x.show(o), nil
}

// mayBe says whether an opportunity may have the state that a partner gives it.
func (x *tx) mayBe(d doc, state string) *fault {
	if p := d.str("opportunityInfo.partnerEntity"); p != "" && p != x.s.Partner() {
		return refuse(codePermission, "The caller does not have permission on "+p).info("IAM_PERMISSION_DENIED")
	}
	switch state {
	case googlecosell.StateDraft:
		return nil
	case googlecosell.StateSubmitted:
		return submittable(d)
	}
	return invalid(violation{"opportunity.state", "can be set to DRAFT or SUBMITTED only"})
}

// submittable lists what is missing of what integrators' schemas mark as required.
func submittable(d doc) *fault {
	var missing []violation
	for _, field := range googlecosell.Fields() {
		if !field.Required {
			continue
		}
		switch v := d.at(field.Path).(type) {
		case nil:
		case string:
			if strings.TrimSpace(v) != "" {
				continue
			}
		case bool:
			if v {
				continue
			}
		case map[string]any:
			if len(v) > 0 {
				continue
			}
		default:
			continue
		}
		missing = append(missing, violation{"opportunity." + field.Path, "is required to submit"})
	}
	if len(missing) > 0 {
		return invalid(missing...)
	}
	return nil
}

// reviewIfSubmitted sends a submitted opportunity to the reviewer.
func (x *tx) reviewIfSubmitted(o *opportunity, by string) {
	if o.Doc.str("state") != googlecosell.StateSubmitted {
		return
	}
	o.Doc.set("submitterEmail", by)
	o.Doc.set("stateDescription", nil)
	if x.s.opt.AutoReview {
		o.Due = x.now.Add(x.s.opt.ReviewDelay)
	}
}

// show is an opportunity as Google answers it.
func (x *tx) show(o *opportunity) doc {
	d := o.Doc.clone()
	if !x.s.opt.NoETag {
		d.set("etag", o.etag())
	}
	return d
}

func (o *opportunity) etag() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(o.ID, 10) + "/" + strconv.FormatInt(o.Revision, 10)))
}

// find gives an opportunity that reads and changes see now.
func (x *tx) find(id string) (*opportunity, *fault) {
	n, err := strconv.ParseInt(id, 10, 64)
	o := x.s.state.opportunities[n]
	if err != nil || o == nil || o.VisibleAt.After(x.now) {
		return nil, refuse(codeNotFound, "Requested entity was not found: opportunities/"+id)
	}
	return o.clone(), nil
}

func getOpportunity(x *tx, r *request) (any, *fault) {
	o, f := x.find(r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	return x.show(o), nil
}

// ours checks the required parameter partner.
func (x *tx) ours(q url.Values) *fault {
	switch q.Get("partner") {
	case "":
		return invalid(violation{"partner", "is required: partners/{id}"})
	case x.s.Partner():
		return nil
	}
	return refuse(codePermission, "The caller does not have permission on "+q.Get("partner")).info("IAM_PERMISSION_DENIED")
}

// patchOpportunity changes the fields of the mask (reference, opportunities.patch).
// An etag in the body that is not the record's is ABORTED, as AIP-154 has it.
func patchOpportunity(x *tx, r *request) (any, *fault) {
	q := r.URL.Query()
	if f := x.ours(q); f != nil {
		return nil, f
	}
	if q.Get("updateMask") == "" {
		return nil, invalid(violation{"updateMask", "is required"})
	}
	d, f := readOpportunity(r.body)
	if f != nil {
		return nil, f
	}
	o, f := x.find(r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	if tag := d.str("etag"); tag != "" && !x.s.opt.NoETag && tag != o.etag() {
		return nil, refuse(codeAborted, "The etag provided in the request does not match the current etag of the resource.").info("ETAG_MISMATCH")
	}
	before := o.Doc.str("state")
	for path := range strings.SplitSeq(q.Get("updateMask"), ",") {
		path = camel(strings.TrimSpace(path))
		leaves := []string{path}
		if s := shapeAt(path); s != nil {
			leaves = s.leaves(path)
		}
		for _, leaf := range leaves {
			if len(leaves) > 1 && reflect.DeepEqual(o.Doc.at(leaf), d.at(leaf)) {
				continue
			}
			if f := x.mayChange(o, before, leaf); f != nil {
				return nil, f
			}
			o.Doc.set(leaf, d.at(leaf))
		}
	}
	if state := o.Doc.str("state"); state != before {
		if f := x.mayBe(o.Doc, state); f != nil {
			return nil, f
		}
	}
	if s := o.Doc.str("stage"); slices.Contains(strings.Split(q.Get("updateMask"), ","), "stage") && !slices.Contains(googlecosell.PartnerStages(), s) {
		return nil, invalid(violation{"opportunity.stage", fmt.Sprintf("%q can only be set by Google", s)})
	}
	if o.Doc.str("state") != before {
		x.reviewIfSubmitted(o, r.email)
	}
	if o.Doc.str(googlecosell.PathReady) != "" && x.s.opt.AutoReview {
		o.Due = x.now.Add(x.s.opt.ReviewDelay)
	}
	x.put(o, googlecosell.EventUpdated)
	return x.show(o), nil
}

// mayChange says whether a partner may change a field of an opportunity now.
func (x *tx) mayChange(o *opportunity, state, path string) *fault {
	kind, _ := at(path).(string)
	switch {
	case kind == "":
		return invalid(violation{"updateMask", fmt.Sprintf("Invalid field path %q", path)})
	case strings.HasPrefix(kind, "-") || path == "etag":
		return invalid(violation{"updateMask", path + " is output only"})
	case closed(o.Doc.str("stage")):
		return invalid(violation{"opportunity." + path, "cannot be changed: the opportunity is closed"})
	case path == "state" && (state == googlecosell.StateSubmitted || state == googlecosell.StateAccepted):
		return invalid(violation{"opportunity.state", "cannot be changed from " + state})
	case path == "state":
		return nil
	case state == googlecosell.StateSubmitted:
		return invalid(violation{"opportunity." + path, "cannot be changed while the opportunity is SUBMITTED"})
	case state == googlecosell.StateAccepted:
		if field, known := googlecosell.FieldOf(path); known && field.Fixed {
			return invalid(violation{"opportunity." + path, "cannot be changed once the opportunity is ACCEPTED"})
		}
	case path == googlecosell.PathStage || path == googlecosell.PathReady:
		return invalid(violation{"opportunity." + path, "can only be set once the opportunity is ACCEPTED"})
	}
	return nil
}

func closed(stage string) bool {
	return stage == googlecosell.StageMigration || stage == googlecosell.StageClosedLost || stage == googlecosell.StageClosedAdmin
}

// camel gives the JSON name of a path of a field mask, which may be written either
// way.
func camel(path string) string {
	var b strings.Builder
	up := false
	for _, r := range path {
		if r == '_' {
			up = true
			continue
		}
		if up {
			b.WriteString(strings.ToUpper(string(r)))
		} else {
			b.WriteRune(r)
		}
		up = false
	}
	return b.String()
}
