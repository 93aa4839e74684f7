package microsoft

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
)

// visibleReasonFrom is the value below which a partner does not see why Microsoft
// declined (manage-co-sell-opportunities), in US dollars.
const visibleReasonFrom = 25_000

// accept lets a seller of Microsoft take the deal: he is named, and Microsoft's own
// number of the deal stands in both records.
func (x *tx) accept(f *referral, email string) {
	if email == "" {
		email = "sam.seller@microsoft.example"
	}
	msx := "7-" + strings.ToUpper(strings.ReplaceAll(f.ID, "-", ""))[:10]
	next := *f
	next.SellerAt = f.SellerAt
	next.Doc = f.Doc.clone()
	next.Doc["status"], next.Doc["substatus"] = partnercenter.StatusActive, partnercenter.SubAccepted
	next.Doc["acceptedDateTime"] = stamp(x.now)
	next.Doc["team"] = []any{map[string]any{"firstName": "Sam", "lastName": "Seller", "phoneNumber": "0000000003", "email": email}}
	next.Doc.set("trackingInfo.microsoftMsxId", msx)
	x.put(&next, "related-referral-updated")
	if ours, _ := x.pair(f.engagement()); ours != nil && ours.status() != partnercenter.StatusClosed {
		mine := *ours
		mine.Doc = ours.Doc.clone()
		mine.Doc.set("trackingInfo.microsoftMsxId", msx)
		x.put(&mine, "referral-updated")
	}
}

// decline lets Microsoft say no. The reason is hidden for a small deal.
func (x *tx) decline(f *referral, reason string) {
	if v, _ := number(f.Doc.at("details.dealValue")); v*x.rate(f.Doc.str("details.currency")) < visibleReasonFrom {
		reason = ""
	}
	x.close(f, partnercenter.SubDeclined, reason, "related-referral-updated")
}

// expire ends what nobody answered in time.
func (x *tx) expire(f *referral) {
	kind := "referral-updated"
	if f.microsoft() {
		kind = "related-referral-updated"
	}
	x.close(f, partnercenter.SubExpired, "", kind)
}

func (x *tx) close(f *referral, sub, reason, kind string) {
	next := *f
	next.Doc = f.Doc.clone()
	next.Doc["status"], next.Doc["substatus"] = partnercenter.StatusClosed, sub
	next.Doc["closedDateTime"] = stamp(x.now)
	if reason != "" {
		next.Doc["statusReason"] = reason
	}
	x.put(&next, kind)
}

// rate is what one unit of a currency is in US dollars. Microsoft takes monthly
// rates of Reuters; these are the sandbox's own and stay the same.
func (s *Server) rate(currency string) float64 {
	if r, ok := map[string]float64{"EUR": 1.08, "GBP": 1.27, "JPY": 0.0066, "CAD": 0.72, "AUD": 0.65}[currency]; ok {
		return r
	}
	return 1
}

// Offer is a deal that Microsoft offers to the partner.
type Offer struct {
	Name     string `json:"name"`
	Customer string `json:"customer"`
	Country  string `json:"country"`
	Value    int64  `json:"value"`
	Notes    string `json:"notes"`
	Solution string `json:"solution"`
}

// receive makes the two records of a deal that Microsoft offers: its own, which is
// accepted, and ours, which waits for our answer for 14 days.
func (x *tx) receive(o Offer) (*referral, error) {
	if o.Solution == "" {
		o.Solution = x.opt.Solutions[0].ID
	}
	if !x.sold(o.Solution) {
		return nil, fmt.Errorf("%q is no published solution", o.Solution)
	}
	if o.Name == "" || o.Customer == "" || !countryRE.MatchString(o.Country) || o.Value <= 0 {
		return nil, errors.New("an offer needs a name, a customer, a two-letter country and a value")
	}
	closing := x.now.AddDate(0, 3, 0).Format("2006-01-02") + "T00:00:00Z"
	common := doc{
		"name": o.Name, "type": partnercenter.TypeShared, "qualification": "SalesQualified", "engagementId": uuid.NewString(),
		"customerProfile": map[string]any{
			"name": o.Customer, "size": "1001to5000employees", "ids": []any{},
			"address": map[string]any{"addressLine1": "", "addressLine2": "", "city": "", "state": "", "postalCode": "", "country": o.Country, "region": ""},
			"team":    []any{},
		},
		"consent": map[string]any{"consentToToShareInfoWithOthers": true, "consentToContact": true, "consentToShareReferralWithMicrosoftSellers": true},
		"details": map[string]any{
			"notes": o.Notes, "dealValue": jsonNumber(float64(o.Value)), "currency": "USD", "closingDateTime": closing,
			"requirements": map[string]any{
				"industries": []any{}, "products": []any{map[string]any{"id": "Azure"}}, "services": []any{},
				"solutions": []any{map[string]any{"id": o.Solution, "name": x.nameOf(o.Solution), "type": "Name"}},
			},
		},
		"team": []any{}, "target": []any{map[string]any{"type": partnercenter.TargetSolution, "id": o.Solution}},
		"inviteContext": map[string]any{
			"notes": o.Notes, "assistanceRequestCode": partnercenter.AssistanceUnknown,
			"invitedBy": map[string]any{"organizationId": partnercenter.OrgMicrosoft, "organizationName": "Microsoft"},
		},
	}
	theirs := x.make(common, partnercenter.Incoming)
	maps.Copy(theirs.Doc, doc{
		"organizationId": partnercenter.OrgMicrosoft, "organizationName": "Microsoft", "status": partnercenter.StatusActive,
		"substatus": partnercenter.SubAccepted, "acceptedDateTime": stamp(x.now),
		"team": []any{map[string]any{"firstName": "Sam", "lastName": "Seller", "phoneNumber": "0000000003", "email": "sam.seller@microsoft.example"}},
	})
	x.put(theirs, "related-referral-created")
	ours := x.make(common, partnercenter.Incoming)
	maps.Copy(ours.Doc, doc{
		"organizationId": x.opt.OrganizationID, "organizationName": x.opt.OrganizationName, "status": partnercenter.StatusNew,
		"substatus": partnercenter.SubReceived, "expirationDateTime": stamp(x.now.Add(AnswerWithin)),
	})
	x.put(ours, "referral-created")
	return ours, nil
}

func (s *Server) nameOf(solution string) string {
	for _, x := range s.opt.Solutions {
		if x.ID == solution {
			return x.Name
		}
	}
	return solution
}
