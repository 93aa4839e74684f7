package aws

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// What AWS calls the ways of working an opportunity together.
const (
	motionField   = "AWS Field-engaged"
	motionAgent   = "Agent-engaged"
	motionPartner = "Partner-led"
)

// engageAWS starts AWS's own side of an approved opportunity.
func (x *tx) engageAWS(o *opportunity) {
	o.AWS.Team = awsTeam(o)
	o.AWS.TargetCloseDate = o.Doc.str("LifeCycle", "TargetCloseDate")
	x.setAWSNextSteps(o, "AWS account team to contact the partner and agree on the first joint customer call.")
	x.follow(o)
}

func (x *tx) setAWSNextSteps(o *opportunity, text string) {
	if text != "" && text != o.AWS.NextSteps {
		o.AWS.NextSteps = text
		o.AWS.History = appendNoted(o.AWS.History, noted{text, x.now})
	}
}

// follow lets AWS's side react to the partner's record: its stage follows, and
// the score and the motion are computed anew.
func (x *tx) follow(o *opportunity) {
	if o.Review.Status != statusApproved {
		return
	}
	o.AWS.Stage = o.Doc.str("LifeCycle", "Stage")
	o.AWS.ClosedLostReason = ""
	if o.AWS.Stage == stageClosedLost {
		o.AWS.ClosedLostReason = "Other"
	}
	before := o.AWS.Score
	o.AWS.Score = score(o)
	switch {
	case before == 0 || before == o.AWS.Score:
		o.AWS.Trend = "No Change"
	case before < o.AWS.Score:
		o.AWS.Trend = "Improving"
	default:
		o.AWS.Trend = "Declining"
	}
	o.AWS.Motion = motion(o)
}

// score stands in for AWS's own scoring, which is not published: 0 to 100 from
// how much the record tells. Deterministic.
func score(o *opportunity) int {
	d := o.Doc
	points := 30
	give := func(ok bool, n int) {
		if ok {
			points += n
		}
	}
	problem, steps := d.str("Project", "CustomerBusinessProblem"), d.str("LifeCycle", "NextSteps")
	give(len(problem) >= 100, 10)
	give(len(problem) >= 250, 5)
	give(steps != "", 10)
	give(strings.ContainsAny(steps, "0123456789"), 8)
	give(len(d.list("Customer", "Contacts")) > 0, 10)
	give(spendAmount(d) >= 1_000, 7)
	give(spendAmount(d) >= 10_000, 5)
	give(o.sells(), 5)
	give(len(o.Related[relProducts]) > 0, 5)
	give(len(d.list("Project", "SalesActivities")) > 1, 5)
	return min(points, 100)
}

// motion: "Deal Support" alone does not count as a primary need (AWS sales guide).
func motion(o *opportunity) string {
	needs := o.Doc.strs("PrimaryNeedsFromAws")
	if o.Involvement == involveVisible || len(needs) == 0 || (len(needs) == 1 && needs[0] == needDealSupport) {
		return motionPartner
	}
	if o.AWS.Score >= 70 && spendAmount(o.Doc) >= 5_000 {
		return motionField
	}
	if o.AWS.Score >= 50 {
		return motionAgent
	}
	return motionPartner
}

// Invented people of an invented team.
var (
	awsFirst = strings.Fields("Alva Bram Cleo Dario Edda Falk Gwen Hugo Ines Jarl Kaia Lino Mira Nils Orla Pelle Runa Sven Tilda Ugo")
	awsLast  = strings.Fields("Abelson Birkdal Corvane Dunmarsh Ellerby Fenwold Garrowby Hallstrom Inkster Jorvale Kestrelm Lindqvar Morrowell Norstadt Oakhelm Pemberly Quillfeather Rosendahl Sturmwell Thornquist")
)

func awsTeam(o *opportunity) []any {
	h := fnv.New32a()
	_, _ = h.Write([]byte(o.Doc.str("Customer", "Account", "Address", "CountryCode") + "/" + strings.ToLower(o.Doc.str("Customer", "Account", "CompanyName"))))
	n := int(h.Sum32() & 0x7fff_ffff)
	var team []any
	for i, title := range []string{"AWSSalesRep", "AWSAccountOwner", "PDM", "ISVSM"} {
		if title == "AWSSalesRep" && o.Involvement == involveVisible {
			continue
		}
		first, last := awsFirst[(n+7*i)%len(awsFirst)], awsLast[(n/20+3*i)%len(awsLast)]
		team = append(team, map[string]any{
			"FirstName": first, "LastName": last, "BusinessTitle": title,
			"Email": strings.ToLower(first+"."+last) + "@aws.example.com",
		})
	}
	return team
}

func (x *tx) awsSummary(in doc) (doc, *fault) {
	id := in.str("RelatedOpportunityIdentifier")
	o, f := x.findVisible(in.str("Catalog"), id)
	if f != nil {
		return nil, f
	}
	if o.Involvement == "" {
		return nil, notFound("The AWS opportunity summary of", id)
	}
	out := awsView(o)
	out["Catalog"] = o.Catalog
	return out, nil
}

// awsView is AWS's side of an opportunity, without its catalog.
func awsView(o *opportunity) doc {
	life := doc{"Stage": o.AWS.Stage}
	if o.AWS.Stage == "" {
		life["Stage"] = "Not Started"
	}
	for name, v := range map[string]string{"NextSteps": o.AWS.NextSteps, "TargetCloseDate": o.AWS.TargetCloseDate, "ClosedLostReason": o.AWS.ClosedLostReason} {
		if v != "" {
			life[name] = v
		}
	}
	if len(o.AWS.History) > 0 {
		life["NextStepsHistory"] = history2wire(o.AWS.History)
	}
	out := doc{
		"RelatedOpportunityId": o.ID, "Origin": o.Origin, "InvolvementType": o.Involvement,
		"Visibility": o.Visibility, "LifeCycle": life, "RelatedEntityIds": o.relatedForAWS(),
	}
	if len(o.AWS.Team) > 0 {
		out["OpportunityTeam"] = o.AWS.Team
	}
	if o.AWS.Motion != "" {
		out["CosellMotion"] = o.AWS.Motion
		out["Insights"] = insights(o)
	}
	if o.AWS.ChangeReason != "" {
		out["InvolvementTypeChangeReason"] = o.AWS.ChangeReason
	}
	if c := o.Doc.list("Customer", "Contacts"); len(c) > 0 {
		out["Customer"] = doc{"Contacts": c}
	}
	if p := doc(asMap(o.Doc["Project"])).pick("ExpectedCustomerSpend", "AwsPartition"); len(p) > 0 {
		out["Project"] = p
	}
	return out
}

func (o *opportunity) relatedForAWS() doc {
	out := doc{}
	for _, kind := range []string{relProducts, relSolutions, relMarketSolut, relMarketProduct} {
		if ids := o.Related[kind]; len(ids) > 0 {
			out[kind] = ids
		}
	}
	return out
}

func insights(o *opportunity) doc {
	level := "Low"
	switch {
	case o.AWS.Score >= 75:
		level = "High"
	case o.AWS.Score >= 55:
		level = "Medium"
	}
	var advice []any
	advise := func(missing bool, kind, details string) {
		if missing {
			advice = append(advice, doc{"Type": kind, "Details": details})
		}
	}
	steps := o.Doc.str("LifeCycle", "NextSteps")
	advise(steps == "" || !strings.ContainsAny(steps, "0123456789"), "NextSteps", "Name the next action with its date and its owner.")
	advise(len(o.Doc.list("Customer", "Contacts")) == 0, "CustomerContact", "Add a customer contact.")
	advise(len(o.Related[relProducts]) == 0, "AwsProducts", "Associate the AWS products that the customer will use.")
	advise(len(o.Doc.str("Project", "CustomerBusinessProblem")) < 100, "CustomerBusinessProblem", "Describe the customer's problem in more detail.")
	best := "Keep the stage and the close date up to date."
	if len(advice) > 0 {
		best = doc(asMap(advice[0])).str("Details")
	}
	out := doc{
		"EngagementScore": level, "NextBestActions": best,
		"OpportunityQuality": doc{"Score": o.AWS.Score, "Trend": o.AWS.Trend},
	}
	if len(advice) > 0 {
		out["Recommendations"] = advice
	}
	if spend := productSpend(o); spend != nil {
		out["AwsProductsSpendInsightsBySource"] = doc{"Partner": spend}
	}
	return out
}

// productSpend splits the partner's expected spend evenly over the associated
// AWS products, in whole cents, the last product taking the rest.
func productSpend(o *opportunity) doc {
	products := o.Related[relProducts]
	rows := o.Doc.list("Project", "ExpectedCustomerSpend")
	if len(products) == 0 || len(rows) == 0 {
		return nil
	}
	cents := int64(spendAmount(o.Doc)*100 + 0.5)
	money := func(c int64) string { return strconv.FormatInt(c/100, 10) + fmt.Sprintf(".%02d", c%100) }
	share := cents / int64(len(products))
	list := make([]any, len(products))
	for i, p := range products {
		amount := share
		if i == len(products)-1 {
			amount = cents - share*int64(i)
		}
		list[i] = doc{"ProductCode": p, "Categories": []any{}, "Amount": money(amount), "Optimizations": []any{}}
	}
	return doc{
		"CurrencyCode": doc(asMap(rows[0])).str("CurrencyCode"), "Frequency": "Monthly", "TotalAmount": money(cents),
		"TotalAmountByCategory": doc{}, "AwsProducts": list,
	}
}
