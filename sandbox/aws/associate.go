package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// associationLimits are the published limits of each kind.
var associationLimits = map[string]int{
	relProducts: 20, relSolutions: 10, relMarketSolut: 10, relMarketProduct: 10, relOffers: 1, relOfferSets: 1,
}

// otherOffer is the kind that excludes a kind: an offer or an offer set.
var otherOffer = map[string]string{relOffers: relOfferSets, relOfferSets: relOffers}

var associationForms = map[string]*regexp.Regexp{
	relSolutions:     regexp.MustCompile(`^S-[0-9]{1,19}$`),
	relProducts:      regexp.MustCompile(`^[A-Za-z0-9_-]+$`),
	relOffers:        regexp.MustCompile(`^arn:aws:aws-marketplace:[a-z]{1,2}-[a-z]*-\d+:\d{12}:AWSMarketplace/Offer/.+$`),
	relOfferSets:     regexp.MustCompile(`^arn:aws:aws-marketplace:[a-z]{1,2}-[a-z]*-\d+:\d{12}:AWSMarketplace/OfferSet/offerset-.+$`),
	relMarketSolut:   regexp.MustCompile(`^arn:.+$`),
	relMarketProduct: regexp.MustCompile(`^arn:.+$`),
}

func (x *tx) associateOpportunity(in doc) (doc, *fault) {
	o, kind, id, f := x.association(in)
	if f != nil {
		return nil, f
	}
	if slices.Contains(o.Related[kind], id) {
		return nil, conflict(fmt.Sprintf("The opportunity %s is already associated with %s %s.", o.ID, kind, id))
	}
	if !associationForms[kind].MatchString(id) {
		return nil, invalidRequest(fieldError{"RelatedEntityIdentifier", "is not an identifier of " + kind, codeFormat})
	}
	if f := x.associable(o.Catalog, kind, id); f != nil {
		return nil, f
	}
	if other := otherOffer[kind]; other != "" && len(o.Related[other]) > 0 {
		return nil, brokenRule(fieldError{"RelatedEntityType", "an opportunity has either an offer or an offer set; disassociate the other first", codeNotPermitted})
	}
	if limit := associationLimits[kind]; len(o.Related[kind]) >= limit {
		return nil, brokenRule(fieldError{"RelatedEntityIdentifier", fmt.Sprintf("an opportunity has at most %d of %s", limit, kind), codeTooMany})
	}
	x.relate(o, kind, append(slices.Clone(o.Related[kind]), id))
	return nil, nil
}

func (x *tx) disassociateOpportunity(in doc) (doc, *fault) {
	o, kind, id, f := x.association(in)
	if f != nil {
		return nil, f
	}
	if !slices.Contains(o.Related[kind], id) {
		return nil, notFound("The association of "+o.ID+" with "+kind, id)
	}
	rest := slices.DeleteFunc(slices.Clone(o.Related[kind]), func(v string) bool { return v == id })
	next := *o
	next.Related = maps.Clone(o.Related)
	next.Related[kind] = rest
	if o.Review.Status != statusPending && o.sells() && !next.sells() {
		return nil, brokenRule(fieldError{"RelatedEntityIdentifier", "the last solution or product cannot be taken away; associate its successor first", codeTooFew})
	}
	x.relate(o, kind, rest)
	return nil, nil
}

// association reads what both calls share and checks that associations may
// change now.
func (x *tx) association(in doc) (o *opportunity, kind, id string, f *fault) {
	o, f = x.find(in.str("Catalog"), in.str("OpportunityIdentifier"))
	if f != nil {
		return nil, "", "", f
	}
	kind, id = in.str("RelatedEntityType"), in.str("RelatedEntityIdentifier")
	path := "RelatedEntityIdentifiers." + kind
	may, why := x.s.editability(o)
	if !x.s.allowed(path, o.Review.Status, may(x.s.ruleFor(path))) {
		return nil, "", "", brokenRule(fieldError{path, why, codeNotPermitted})
	}
	return o, kind, id, nil
}

// associable says whether an entity exists and is in a state to be associated.
func (x *tx) associable(catalog, kind, id string) *fault {
	if kind == relProducts {
		if !x.s.facts.products[id] {
			return notFound("The AWS product", id)
		}
		return nil
	}
	e, ok := x.s.state.entities[Entity{Catalog: catalog, Type: kind, ID: id}.key()]
	if !ok {
		return notFound("The entity of type "+kind, id)
	}
	switch e.Status {
	case "Active", "Public", "Limited":
		return nil
	}
	return brokenRule(fieldError{"RelatedEntityIdentifier", "must be Active, Public or Limited; it is " + e.Status, codeState})
}

func (x *tx) relate(o *opportunity, kind string, ids []string) {
	related := maps.Clone(o.Related)
	if related == nil {
		related = map[string][]string{}
	}
	related[kind] = ids
	o.Related = related
	x.touch(o)
	x.follow(o)
	x.put(o)
	x.updated(o)
}
