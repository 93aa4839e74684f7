package microsoft

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
)

const (
	referralsPath = "/v1.0/engagements/referrals"
	pageSize      = 100
)

// AnswerWithin is how long the asked side has, both ways (manage-co-sell).
const AnswerWithin = 14 * 24 * time.Hour

// root is the address of the referrals in links, as the service writes it.
func (x *tx) root() string { return "http://" + x.r.Host + referralsPath }

// shown gives a referral as an answer carries it.
func (x *tx) shown(f *referral) doc {
	out := maps.Clone(f.Doc)
	out["@odata.context"] = "https://api.partner.microsoft.com/v1.0/engagements/$metadata#referrals/$entity"
	out["links"] = map[string]any{
		"relatedReferrals": map[string]any{"uri": x.root() + "?$filter=engagementId eq '" + f.engagement() + "'", "method": "GET"},
		"self":             map[string]any{"uri": x.root() + "/" + f.ID, "method": "GET"},
	}
	return out
}

func (x *tx) found(f *referral) reply {
	return reply{status: http.StatusOK, header: http.Header{"Etag": {f.Doc.str("eTag")}}, body: x.shown(f)}
}

func (x *tx) visible(id string) *referral {
	if f := x.state.referrals[id]; f != nil && !f.VisibleAt.After(x.now) {
		return f
	}
	return nil
}

func (x *tx) get(id string) reply {
	if f := x.visible(id); f != nil {
		return x.found(f)
	}
	return notFound(id)
}

// list answers one page. A page of 100 says where the next begins.
func (x *tx) list() reply {
	q := x.r.URL.Query()
	want := condition(func(doc) bool { return true })
	for name := range q {
		if !slices.Contains([]string{"$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$select", "$expand"}, name) {
			return *invalid(name, "The query option is not supported.")
		}
	}
	if s := q.Get("$filter"); s != "" {
		var err error
		if want, err = parseFilter(s); err != nil {
			return *invalid("$filter", "The filter cannot be used: "+err.Error()+".")
		}
	}
	compare, err := order(q.Get("$orderby"))
	if err != nil {
		return *invalid("$orderby", err.Error()+".")
	}
	numbers := map[string]int{"$top": pageSize, "$skip": 0, "$skiptoken": 0}
	for name := range numbers {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return *invalid(name, "It must be a whole number from 0.")
			}
			numbers[name] = n
		}
	}
	var all []*referral
	for _, id := range x.state.order {
		if f := x.visible(id); f != nil && want(f.Doc) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, compare)
	total := len(all)
	skipped := min(numbers["$skip"]+numbers["$skiptoken"], total)
	top := min(numbers["$top"], pageSize)
	page := all[skipped:min(skipped+top, total)]
	value := make([]doc, 0, len(page))
	for _, f := range page {
		value = append(value, selected(x.shown(f), q.Get("$select")))
	}
	out := map[string]any{"@odata.context": "https://api.partner.microsoft.com/v1.0/engagements/$metadata#referrals", "value": value}
	if q.Get("$count") == "true" {
		out["@odata.count"] = total
	}
	if end := skipped + len(page); end < total && (q.Get("$top") == "" || numbers["$top"] > pageSize) {
		next := url.Values{}
		maps.Copy(next, q)
		next.Del("$skip")
		next.Set("$skiptoken", strconv.Itoa(end))
		out["@odata.nextLink"] = x.root() + "?" + next.Encode()
	}
	return reply{status: http.StatusOK, body: out}
}

func selected(d doc, names string) doc {
	if names == "" {
		return d
	}
	out := doc{}
	for name := range strings.SplitSeq(names, ",") {
		if v, ok := d[strings.TrimSpace(name)]; ok {
			out[strings.TrimSpace(name)] = v
		}
	}
	return out
}

// readOnly are the members that a caller cannot set.
var readOnly = []string{
	"id", "organizationId", "organizationName", "createdDateTime", "updatedDateTime", "acceptedDateTime", "closedDateTime", "expirationDateTime",
	"eTag", "direction", "quality", "isSpam", "tags", "registrations", "registrationStatus", "trackingInfo", "links", "@odata.context", "createdVia",
	"lastModifiedVia", "lastRunId", "favorite", "dealSensitivity",
}

// create makes our own referral, or the one of Microsoft's side that asks it to help.
func (x *tx) create() reply {
	in := doc{}
	if err := decode(x.body, &in); err != nil {
		return refuse(http.StatusBadRequest, "invalidRequest", "The body is no JSON object: "+err.Error()+".", "")
	}
	for _, name := range readOnly {
		delete(in, name)
	}
	targets := in.list("target")
	if len(targets) != 1 {
		return *invalid("target", "A referral has one target.")
	}
	target, _ := targets[0].(map[string]any)
	asked := target["type"] == partnercenter.TargetMicrosoft && target["id"] == partnercenter.OrgMicrosoft
	check := x.checkOwn
	if asked {
		check = x.checkAsked
	}
	if wrong := check(in); wrong != nil {
		return *wrong
	}
	if wrong := x.checkCommon(in); wrong != nil {
		return *wrong
	}
	if !asked {
		f := x.make(in, partnercenter.Outgoing)
		f.Doc["organizationId"], f.Doc["organizationName"] = x.opt.OrganizationID, x.opt.OrganizationName
		f.Doc["acceptedDateTime"] = stamp(x.now)
		f.VisibleAt = x.now.Add(x.lag)
		x.put(f, "referral-created")
		return x.found(f)
	}
	ours, _ := x.pair(in.str("engagementId"))
	if ours.Doc.str("type") != partnercenter.TypeShared || !ours.Doc.yes("consent.consentToShareReferralWithMicrosoftSellers") {
		up := *ours
		up.Doc = ours.Doc.clone()
		up.Doc["type"] = partnercenter.TypeShared
		up.Doc.set("consent.consentToShareReferralWithMicrosoftSellers", true)
		x.put(&up, "referral-updated")
	}
	f := x.make(in, partnercenter.Outgoing)
	f.Doc["organizationId"], f.Doc["organizationName"] = partnercenter.OrgMicrosoft, "Microsoft"
	f.Doc["expirationDateTime"] = stamp(x.now.Add(AnswerWithin))
	f.VisibleAt = x.now.Add(x.lag)
	if x.opt.AutoSeller {
		f.SellerAt = x.now.Add(x.opt.SellerDelay)
	}
	x.put(f, "related-referral-created")
	return x.found(f)
}

// make gives a record of in with what the service adds.
func (x *tx) make(in doc, direction string) *referral {
	f := &referral{ID: uuid.NewString(), Doc: in.clone(), Created: x.now, VisibleAt: x.now}
	if in.str("engagementId") == "" {
		f.Doc["engagementId"] = uuid.NewString()
	}
	for name, v := range map[string]any{
		"id": f.ID, "direction": direction, "createdDateTime": stamp(x.now), "quality": "Unknown", "isSpam": false, "tags": []any{},
		"registrationStatus": partnercenter.RegistrationNone, "registrations": []any{}, "trackingInfo": map[string]any{"microsoftMsxId": nil},
		"dealSensitivity": "None", "createdVia": "API", "lastModifiedVia": "API", "lastRunId": nil, "favorite": false, "acceptedDateTime": nil,
		"closedDateTime": nil, "expirationDateTime": nil, "mpnId": "0000001",
	} {
		f.Doc[name] = v
	}
	for _, name := range []string{"statusReason", "referralSource", "callToAction", "referralProgram", "externalReferenceId", "campaignId", "salesStage"} {
		if _, ok := f.Doc[name]; !ok {
			f.Doc[name] = nil
		}
	}
	if f.Doc["inviteContext"] == nil {
		f.Doc["inviteContext"] = map[string]any{
			"notes": nil, "assistanceRequestCode": partnercenter.AssistanceUnknown,
			"invitedBy": map[string]any{"organizationId": x.opt.OrganizationID, "organizationName": x.opt.OrganizationName},
		}
	}
	return f
}

var (
	countryRE  = regexp.MustCompile(`^[A-Z]{2}$`)
	currencyRE = regexp.MustCompile(`^[A-Z]{3}$`)
)

// required are the texts that every referral needs (create-a-referral, manage-co-sell).
var required = []string{"name", "customerProfile.name", "details.currency", "details.closingDateTime", "details.notes", "qualification"}

func (x *tx) checkCommon(in doc) *reply {
	for _, path := range required {
		if strings.TrimSpace(in.str(path)) == "" {
			return invalid(path, "The field "+path+" is required.")
		}
	}
	if !countryRE.MatchString(in.str("customerProfile.address.country")) {
		return invalid("customerProfile.address.country", "The country must be a two-letter ISO code.")
	}
	if !in.yes("consent.consentToToShareInfoWithOthers") {
		return invalid("consent.consentToToShareInfoWithOthers", "Consent to share the information is required.")
	}
	if s := in.str("customerProfile.size"); s != "" && !slices.Contains(partnercenter.Sizes, s) {
		return invalid("customerProfile.size", "The customer's size is none of the known ones.")
	}
	if !slices.Contains([]string{"Direct", "MarketingQualified", "SalesQualified"}, in.str("qualification")) {
		return invalid("qualification", "The qualification is none of the known ones.")
	}
	if wrong := x.checkValues(in); wrong != nil {
		return wrong
	}
	for _, c := range []struct {
		path  string
		known []string
	}{{"industries", partnercenter.Industries}, {"products", partnercenter.Products}, {"services", partnercenter.Services}} {
		for _, v := range in.list("details.requirements." + c.path) {
			m, _ := v.(map[string]any)
			if id, _ := m["id"].(string); !slices.Contains(c.known, id) {
				return invalid("details.requirements."+c.path, fmt.Sprintf("%q is none of the known values.", id))
			}
		}
	}
	return nil
}

// checkValues checks what a create and a change have in common.
func (x *tx) checkValues(d doc) *reply {
	if v, ok := number(d.at("details.dealValue")); !ok || v <= 0 {
		return invalid("details.dealValue", "The deal value must be a number above 0.")
	}
	if !currencyRE.MatchString(d.str("details.currency")) {
		return invalid("details.currency", "The currency must be a three-letter ISO code.")
	}
	if _, err := time.Parse(time.RFC3339Nano, d.str("details.closingDateTime")); err != nil {
		return invalid("details.closingDateTime", "The closing date must be an instant such as 2027-03-31T00:00:00Z.")
	}
	solutions := d.list("details.requirements.solutions")
	if len(solutions) == 0 || len(solutions) > 50 {
		return invalid("details.requirements.solutions", "A referral names 1 to 50 solutions.")
	}
	for _, v := range solutions {
		m, _ := v.(map[string]any)
		if id, _ := m["id"].(string); m["type"] == "Name" && !x.sold(id) {
			return invalid("details.requirements.solutions", fmt.Sprintf("The solution %q is not published.", id))
		}
	}
	if s, ok := d["salesStage"].(string); ok && s != "" && !slices.Contains(partnercenter.SalesStages, s) {
		return invalid("salesStage", "The sales stage is none of the known ones.")
	}
	return nil
}

func (x *tx) sold(id string) bool {
	return slices.ContainsFunc(x.opt.Solutions, func(s Solution) bool { return s.ID == id })
}

func checkTeam(path string, team []any) *reply {
	for _, v := range team {
		m, _ := v.(map[string]any)
		for _, name := range []string{"firstName", "lastName", "phoneNumber", "email"} {
			if s, _ := m[name].(string); strings.TrimSpace(s) == "" {
				return invalid(path, "Each team member needs "+name+".")
			}
		}
	}
	return nil
}

func (x *tx) checkOwn(in doc) *reply {
	shares := in.yes("consent.consentToShareReferralWithMicrosoftSellers")
	switch in.str("type") {
	case partnercenter.TypeIndependent:
	case partnercenter.TypeShared:
		if !shares {
			return invalid("consent.consentToShareReferralWithMicrosoftSellers", "A shared referral is visible to Microsoft's sellers.")
		}
	default:
		return invalid("type", "The type must be Independent or Shared.")
	}
	if in.str("engagementId") != "" {
		return invalid("engagementId", "The service gives the engagement of an own referral.")
	}
	if in.str("status") != partnercenter.StatusActive || in.str("substatus") != partnercenter.SubAccepted {
		return invalid("status", "An own referral begins as Active and Accepted.")
	}
	team := in.list("team")
	if len(team) == 0 || len(team) > 50 {
		return invalid("team", "A referral has 1 to 50 team members.")
	}
	return checkTeam("team", team)
}

func (x *tx) checkAsked(in doc) *reply {
	ours, theirs := x.pair(in.str("engagementId"))
	if ours == nil {
		return invalid("engagementId", "There is no referral of yours in this engagement.")
	}
	if theirs != nil {
		conflict := refuse(http.StatusConflict, "invalidRequest", "Microsoft takes part in this engagement already.", "engagementId")
		return &conflict
	}
	if ours.status() == partnercenter.StatusClosed {
		return invalid("engagementId", "The referral is closed.")
	}
	if in.str("type") != partnercenter.TypeShared {
		return invalid("type", "A referral with Microsoft is Shared.")
	}
	if in.str("status") != partnercenter.StatusNew || in.str("substatus") != partnercenter.SubPending {
		return invalid("status", "A referral that asks Microsoft begins as New and Pending.")
	}
	code := in.str("inviteContext.assistanceRequestCode")
	if !slices.ContainsFunc(partnercenter.AssistanceCodes, func(a partnercenter.Assistance) bool { return a.Code == code }) {
		return invalid("inviteContext.assistanceRequestCode", "Say what help is needed.")
	}
	if in.str("inviteContext.notes") == "" {
		return invalid("inviteContext.notes", "Notes to Microsoft are required.")
	}
	contacts := in.list("customerProfile.team")
	if len(contacts) == 0 {
		return invalid("customerProfile.team", "A customer contact is required when Microsoft's help is asked for.")
	}
	return checkTeam("customerProfile.team", contacts)
}

// replace takes a whole record back. Only what a change could name may differ.
func (x *tx) replace(id string) reply {
	f := x.visible(id)
	if f == nil {
		return notFound(id)
	}
	in := doc{}
	if err := decode(x.body, &in); err != nil {
		return refuse(http.StatusBadRequest, "invalidRequest", "The body is no JSON object: "+err.Error()+".", "")
	}
	if _, has := in["links"]; has {
		return *invalid("links", "Remove the links from the body.")
	}
	if x.r.Header.Get("If-Match") == "" {
		return *invalid("If-Match", "The header If-Match is required.")
	}
	var ops []operationOf
	left := f.Doc.clone()
	for _, path := range partnercenter.PatchPaths {
		if strings.HasSuffix(path, "/-") {
			continue
		}
		at := strings.ReplaceAll(path[1:], "/", ".")
		if v := in.at(at); v != nil && !equal(v, f.Doc.at(at)) {
			ops = append(ops, operationOf{Op: "replace", Path: path, Value: v})
		}
		left.set(at, in.at(at))
	}
	for name, v := range in {
		if have, known := left[name]; known && !slices.Contains(readOnly, name) && !equal(v, have) {
			return *invalid(name, "The field cannot be changed.")
		}
	}
	return x.change(f, ops, true)
}

func equal(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}
