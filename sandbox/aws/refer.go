package aws

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// referral is what POST /_control/refer takes. Everything may be left out: then
// AWS invites us in catalog AWS to a deal that the sandbox invents.
type referral struct {
	Catalog       string         `json:"catalog"`
	Kind          string         `json:"kind"`        // "opportunity" or "lead"
	Count         int            `json:"count"`       // 1 when 0
	Opportunity   map[string]any `json:"opportunity"` // members of CreateOpportunity, over the invented ones
	Lead          map[string]any `json:"lead"`        // a LeadContext, over the invented one
	Title         string         `json:"title"`
	Message       string         `json:"message"`
	SenderAccount string         `json:"sender_account"` // "AWS", or another partner's account
	SenderCompany string         `json:"sender_company"`
}

func (s *Server) controlRefer(w http.ResponseWriter, r *http.Request) {
	var in referral
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	setDefault(&in.Catalog, CatalogAWS)
	setDefault(&in.Kind, "opportunity")
	setDefault(&in.SenderAccount, awsAccount)
	in.Count = max(in.Count, 1)
	s.act(w, func(x *tx) (any, error) {
		switch {
		case in.Catalog != CatalogAWS && in.Catalog != CatalogSandbox:
			return nil, refuseControl(http.StatusBadRequest, "catalog must be AWS or Sandbox, not %q", in.Catalog)
		case in.Kind != "opportunity" && in.Kind != "lead":
			return nil, refuseControl(http.StatusBadRequest, `kind must be "opportunity" or "lead", not %q`, in.Kind)
		case in.Count > 1_000:
			return nil, refuseControl(http.StatusBadRequest, "count must be at most 1000")
		case in.SenderAccount == s.opt.AccountID:
			return nil, refuseControl(http.StatusBadRequest, "sender_account is our own account")
		}
		made := []*invitation{}
		for range in.Count {
			i, err := x.refer(in)
			if err != nil {
				return nil, err
			}
			made = append(made, i)
		}
		return map[string]any{"invitations": made}, nil
	})
}

// refer lets AWS, or another partner, begin an engagement and invite us.
func (x *tx) refer(in referral) (*invitation, error) {
	n := int(x.next())
	sender := awsParty()
	if in.SenderAccount != awsAccount {
		sender = party{Account: in.SenderAccount, Company: in.SenderCompany, Website: "https://partner.example.net"}
		setDefault(&sender.Company, "Partner "+in.SenderAccount)
	}
	if !x.fits("AwsAccount", sender.Account) {
		return nil, refuseControl(http.StatusBadRequest, "sender_account %q is no AWS account", sender.Account)
	}
	var i *invitation
	if in.Kind == "lead" {
		lead, err := x.shaped("LeadContext", over(inventedLead(x, n), in.Lead))
		if err != nil {
			return nil, err
		}
		e := x.newEngagement(in.Catalog, orText(in.Title, "Lead "+lead.str("Customer", "CompanyName")), "A customer asked AWS for help.", sender)
		e.addContext(kindLead, lead)
		x.putEngagement(e)
		first := doc(asMap(lead.list("Interactions")[0]))
		payload, err := x.shaped("LeadInvitationPayload", doc{
			"Customer":    doc(asMap(lead["Customer"])).pick("Industry", "CompanyName", "WebsiteUrl", "AwsMaturity", "MarketSegment").with(orNil(lead.str("Customer", "Address", "CountryCode")), "CountryCode"),
			"Interaction": first.pick("SourceType", "SourceId", "SourceName", "Usecase").with(clip(first.str("Contact", "BusinessTitle"), 80), "ContactBusinessTitle"),
		})
		if err != nil {
			return nil, err
		}
		i = x.newInvitation(e, sender, x.us(), inviteLead, orText(in.Message, "A lead for your solution."), payload)
	} else {
		d, err := x.shaped("CreateOpportunityRequest", over(inventedDeal(x, n), in.Opportunity).with(in.Catalog, "Catalog").with("refer", "ClientToken"))
		if err != nil {
			return nil, err
		}
		d = d.pick(partnerMembers...)
		if errs := append(x.s.wrongValues(d, x.now, true), x.s.missingFields(d, involveCoSell)...); len(errs) > 0 {
			return nil, refuseControl(http.StatusBadRequest, "opportunity: %s", brokenRule(errs...).Error())
		}
		e := x.newEngagement(in.Catalog, orText(in.Title, d.str("Project", "Title")), d.str("Customer", "Account", "CompanyName"), sender)
		about := doc{"Customer": engagementCustomer(d), "Project": doc{
			"Title": d.str("Project", "Title"), "BusinessProblem": d.str("Project", "CustomerBusinessProblem"), "TargetCompletionDate": d.str("LifeCycle", "TargetCloseDate"),
		}}
		if c, ok := x.s.conform("CustomerProjectsContext", about); ok {
			e.addContext(kindProject, c)
		}
		x.putEngagement(e)
		payload := x.invitationPayload(&opportunity{Doc: d})
		if payload == nil {
			return nil, refuseControl(http.StatusBadRequest, "opportunity: the invitation needs a company name, a website, an industry and a country")
		}
		payload["ReceiverResponsibilities"] = []any{"Software Partner"}
		payload["SenderContacts"] = []any{map[string]any{"FirstName": pickName(awsFirst, n), "LastName": pickName(awsLast, n/7), "Email": "referrals@aws.example.com", "BusinessTitle": "Partner Development Manager"}}
		i = x.newInvitation(e, sender, x.us(), inviteOpportunity, orText(in.Message, "This customer asked for a solution like yours."), payload)
		i.Hidden = d
	}
	x.putInvitation(i)
	x.emitInvitation("Created", i)
	return i, nil
}

func (x *tx) fits(shape, value string) bool {
	var errs []fieldError
	x.s.validator.check(shape, "", value, &errs)
	return len(errs) == 0
}

// shaped checks a control request's content against a shape.
func (x *tx) shaped(shape string, d doc) (doc, error) {
	out, ok := x.s.conform(shape, d)
	if ok {
		return out, nil
	}
	var errs []fieldError
	x.s.validator.check(shape, "", map[string]any(d), &errs)
	return nil, refuseControl(http.StatusBadRequest, "%s: %s", shape, invalidRequest(errs...).Error())
}

// over lays b's members over a's, objects member by member.
func over(a doc, b map[string]any) doc {
	out := maps.Clone(a)
	for name, v := range b {
		inner, objects := asMap(out[name]), asMap(v)
		switch {
		case v == nil:
			delete(out, name)
		case inner != nil && objects != nil:
			out[name] = map[string]any(over(inner, objects))
		default:
			out[name] = v
		}
	}
	return out
}

func orText(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func pickName(list []string, n int) string { return list[n%len(list)] }

// Invented customers of an invented world.
var (
	customerFirst = strings.Fields("Amberfield Brightmoor Copperlake Dunhollow Elmstead Fairwick Glasswater Hartwold Ironvale Juniper Kestrel Larkmead Millbrook Northgate Oakrise Pinehurst")
	customerLast  = strings.Fields("Analytics Foods Freight Instruments Insurance Logistics Media Pharma Retail Systems Textiles Utilities")
	customerPlace = []struct{ country, state, postal, city, street string }{
		{"US", "Oregon", "97201", "Portland", "14 Harbor Road"},
		{"DE", "", "10115", "Berlin", "Lindenweg 3"},
		{"GB", "", "M1 1AE", "Manchester", "8 Canal Row"},
		{"FR", "", "69001", "Lyon", "5 rue du Pont"},
		{"SG", "", "018956", "Singapore", "2 Bay Walk"},
		{"US", "Texas", "73301", "Austin", "77 Mesa Lane"},
	}
)

// inventedDeal is a complete opportunity that depends on n only.
func inventedDeal(x *tx, n int) doc {
	name := pickName(customerFirst, n) + " " + pickName(customerLast, n/3) + " " + strconv.Itoa(n)
	site := strings.ToLower(pickName(customerFirst, n) + strconv.Itoa(n))
	place := customerPlace[n%len(customerPlace)]
	address := doc{"CountryCode": place.country, "PostalCode": place.postal, "City": place.city, "StreetAddress": place.street}
	if place.state != "" {
		address["StateOrRegion"] = place.state
	}
	first, last := pickName(awsLast, n/2), pickName(awsFirst, n/5)
	return doc{
		"OpportunityType": "Net New Business", "PrimaryNeedsFromAws": []any{needDealSupport},
		"Customer": map[string]any{
			"Account": map[string]any{
				"CompanyName": name, "Industry": pickText(n, "Manufacturing", "Retail", "Financial Services", "Life Sciences"), "WebsiteUrl": "https://www." + site + ".example",
				"AwsAccountId": fmt.Sprintf("%012d", 210_000_000_000+n), "Address": map[string]any(address),
			},
			"Contacts": []any{map[string]any{"FirstName": last, "LastName": first, "Email": strings.ToLower(last+"."+first) + "@" + site + ".example", "BusinessTitle": "Head of Engineering", "Phone": "+12065550" + fmt.Sprintf("%03d", n%1000)}},
		},
		"Project": map[string]any{
			"Title":                   pickText(n, "Software delivery platform", "Audited release process", "Shift-left security programme") + " for " + name,
			"CustomerBusinessProblem": fmt.Sprintf("%s releases too slowly because its %d teams keep separate tools; it wants one audited platform on AWS before its next season.", name, 3+n%9),
			"CustomerUseCase":         "Containers & Serverless", "DeliveryModels": []any{"SaaS or PaaS"}, "SalesActivities": []any{"Initialized discussions with customer"},
			"ExpectedCustomerSpend": []any{map[string]any{"Amount": strconv.Itoa(2_000+n%40*250) + ".00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}},
		},
		"Marketing": map[string]any{"Source": "None"},
		"LifeCycle": map[string]any{"TargetCloseDate": x.now.AddDate(0, 4, n%28).Format(time.DateOnly), "NextSteps": x.now.AddDate(0, 0, 10).Format(time.DateOnly) + " first joint call, owner " + last + " " + first},
	}
}

func pickText(n int, list ...string) string { return list[n%len(list)] }

// inventedLead is a lead that depends on n only.
func inventedLead(x *tx, n int) doc {
	d := inventedDeal(x, n)
	account := doc(asMap(d.at("Customer", "Account")))
	contact := doc(asMap(d.list("Customer", "Contacts")[0]))
	return doc{
		"QualificationStatus": "New", "Insights": map[string]any{"LeadReadinessScore": pickText(n, "High", "Medium", "Low")},
		"Customer": map[string]any{
			"CompanyName": account.str("CompanyName"), "Industry": account.str("Industry"), "WebsiteUrl": account.str("WebsiteUrl"), "AwsMaturity": "Growing", "MarketSegment": "Mid-Market",
			"Address": map[string]any(doc(asMap(account["Address"])).pick("City", "PostalCode", "StateOrRegion", "CountryCode")),
		},
		"Interactions": []any{map[string]any{
			"SourceType": "Event", "SourceId": "evt-" + strconv.Itoa(n), "SourceName": "Builders Day", "Usecase": "Containers & Serverless", "InteractionDate": stamp(x.now),
			"CustomerAction": "Asked for a demo", "BusinessProblem": d.str("Project", "CustomerBusinessProblem"), "Contact": map[string]any(contact),
		}},
	}
}

// controlEngagement lets AWS change an engagement that it shares with us.
func (s *Server) controlEngagement(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Engagement  string         `json:"engagement"`
		Title       string         `json:"title"`
		Description string         `json:"description"`
		Context     string         `json:"context"` // id; empty adds a context
		Type        string         `json:"type"`
		Payload     map[string]any `json:"payload"` // content of the union's member that type names
	}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		old := s.state.engagements[bare(in.Engagement)]
		if old == nil {
			return nil, refuseControl(http.StatusNotFound, "there is no engagement %q", in.Engagement)
		}
		dup := *old
		e := &dup
		e.Title, e.Description = clip(orText(in.Title, e.Title), 40), clip(orText(in.Description, e.Description), 255)
		if in.Payload == nil {
			x.touchEngagement(e, awsAccount)
			x.emitEngagementUpdated(e)
			return e, nil
		}
		shape := map[string]string{kindProject: "CustomerProjectsContext", kindLead: "LeadContext", kindProspecting: "ProspectingResult"}[in.Type]
		if in.Context != "" && in.Type == kindLead {
			shape = "UpdateLeadContext"
		}
		if shape == "" {
			return nil, refuseControl(http.StatusBadRequest, "type must be CustomerProject, Lead or ProspectingResult, not %q", in.Type)
		}
		payload, err := x.shaped(shape, in.Payload)
		if err != nil {
			return nil, err
		}
		if in.Context != "" {
			if f := x.changeContext(e, doc{"ContextIdentifier": in.Context, "Type": in.Type, "Payload": map[string]any{in.Type: map[string]any(payload)}}, awsAccount); f != nil {
				return nil, refuseControl(http.StatusBadRequest, "%s", f.Error())
			}
			return e, nil
		}
		if len(e.Contexts) >= maxContexts {
			return nil, refuseControl(http.StatusConflict, "the engagement has %d contexts", maxContexts)
		}
		e.addContext(in.Type, payload)
		x.touchEngagement(e, awsAccount)
		x.emitEngagementUpdated(e)
		return e, nil
	})
}

// controlInvitation plays the receiver of an invitation that we sent, or lets
// any invitation expire before its time.
func (s *Server) controlInvitation(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Invitation string `json:"invitation"`
		Decision   string `json:"decision"` // accept, reject, expire
		Reason     string `json:"reason"`
	}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		old := s.state.invitations[bare(in.Invitation)]
		switch {
		case old == nil:
			return nil, refuseControl(http.StatusNotFound, "there is no invitation %q", in.Invitation)
		case old.Status != invitationPending:
			return nil, refuseControl(http.StatusConflict, "the invitation is %s", old.Status)
		case in.Decision != "expire" && old.Receiver.Account == s.opt.AccountID:
			return nil, refuseControl(http.StatusConflict, "we received this invitation: answer it through the API")
		}
		i := *old
		switch in.Decision {
		case "accept":
			if f := x.accept(&i); f != nil {
				return nil, refuseControl(http.StatusConflict, "%s", f.Error())
			}
		case "reject":
			x.reject(&i, in.Reason)
		case "expire":
			x.expireInvitation(&i)
			i.Status = invitationExpired
		default:
			return nil, refuseControl(http.StatusBadRequest, "decision must be accept, reject or expire, not %q", in.Decision)
		}
		return &i, nil
	})
}

func (s *Server) controlShared(w http.ResponseWriter, _ *http.Request) {
	s.act(w, func(x *tx) (any, error) {
		engagements := slices.SortedFunc(maps.Values(s.state.engagements), func(a, b *engagement) int { return strings.Compare(a.ID, b.ID) })
		invitations := slices.SortedFunc(maps.Values(s.state.invitations), func(a, b *invitation) int { return strings.Compare(a.ID, b.ID) })
		jobs := slices.SortedFunc(maps.Values(s.state.jobs), func(a, b *snapshotJob) int { return strings.Compare(a.ID, b.ID) })
		return map[string]any{"engagements": engagements, "invitations": invitations, "jobs": jobs, "now": x.now}, nil
	})
}
