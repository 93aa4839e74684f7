package route

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
)

// Kind is which claims a rule sets against each other.
type Kind string

// The kinds. At least one of the sides is a cloud in all of them: what resellers
// settle among themselves is the channel team's.
const (
	KindTwoClouds            Kind = "two_clouds"            // one cloud sourced or sells it, and so does another
	KindSecondCloud          Kind = "second_cloud"          // joint with a second cloud, where the first has it registered
	KindReseller             Kind = "reseller_of_record"    // a reseller or distributor against a cloud
	KindIncumbent            Kind = "incumbent_at_renewal"  // the partner of the last won deal against another route
	KindExistingRegistration Kind = "existing_registration" // one party sourced the deal, another sells it
	KindDirect               Kind = "direct_quote"          // sold directly, and by a partner
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{KindTwoClouds, KindSecondCloud, KindReseller, KindIncumbent, KindExistingRegistration, KindDirect}
}

// Label is the kind in words.
func (k Kind) Label() string {
	switch k {
	case KindTwoClouds:
		return "Two clouds"
	case KindSecondCloud:
		return "Second cloud joins"
	case KindReseller:
		return "Reseller of record"
	case KindIncumbent:
		return "Incumbent at renewal"
	case KindExistingRegistration:
		return "Existing deal registration"
	case KindDirect:
		return "Direct quote"
	}
	return string(k)
}

// About says what a rule of the kind sets against each other.
func (k Kind) About() string {
	switch k {
	case KindTwoClouds:
		return "Clouds that each sourced or sell the deal"
	case KindSecondCloud:
		return "Clouds that the deal is joint with, once one of them has it in its portal"
	case KindReseller:
		return "A resale partner or distributor, and a cloud that sells the deal or sourced it to sell it"
	case KindIncumbent:
		return "The resale partner of the account's last won deal, and whoever sells this one"
	case KindExistingRegistration:
		return "The deal registration partner, and another resale partner"
	case KindDirect:
		return "Our own sale (deal path Direct), and whoever else sells the deal"
	}
	return ""
}

// sides gives the claims that the kind sets against each other; fewer than two are
// no conflict.
func (k Kind) sides(all Claims) Claims {
	of := func(keep func(Claim) bool) Claims {
		return slices.DeleteFunc(slices.Clone(all), func(c Claim) bool { return !keep(c) })
	}
	// against gives who is on the one side and who else is on the other, if both are there.
	against := func(one, other func(Claim) bool) Claims {
		first := of(one)
		if len(first) == 0 || len(of(func(c Claim) bool { return other(c) && !one(c) })) == 0 {
			return nil
		}
		return of(func(c Claim) bool { return one(c) || other(c) })
	}
	isCloud := func(c Claim) bool { return c.Party.Side == SideCloud }
	on := func(bases ...Basis) func(Claim) bool {
		return func(c Claim) bool { _, ok := c.has(bases...); return ok }
	}
	var out Claims
	switch k {
	case KindTwoClouds:
		out = of(func(c Claim) bool { return isCloud(c) && on(BasisResale, BasisDealRegistration)(c) })
	case KindSecondCloud:
		out = of(func(c Claim) bool { return isCloud(c) && on(BasisJointRule, BasisJointPerson)(c) })
		if !slices.ContainsFunc(out, on(BasisRegistered)) {
			out = nil
		}
	case KindReseller:
		out = against(func(c Claim) bool { return c.Party.Side == SidePartner && on(BasisResale, BasisDistributor)(c) }, func(c Claim) bool { return isCloud(c) && c.sells() })
	case KindIncumbent:
		out = against(on(BasisIncumbent), func(c Claim) bool { return c.sells() || on(BasisDirect)(c) })
	case KindExistingRegistration:
		out = against(on(BasisDealRegistration), on(BasisResale))
	case KindDirect:
		out = against(on(BasisDirect), Claim.sells)
	}
	if len(out) < 2 || !slices.ContainsFunc(out, isCloud) {
		return nil
	}
	return out
}

// Rule finds one sort of route conflict: where all of When hold and the kind's sides
// are there.
type Rule struct {
	ID        string              `json:"id"`
	Enabled   bool                `json:"enabled"`
	Kind      Kind                `json:"kind"`
	Title     string              `json:"title"`
	Why       string              `json:"why"`    // why both cannot have it
	Source    string              `json:"source"` // where the rule stands
	Verified  bool                `json:"verified"`
	When      []tagging.Condition `json:"when"`       // which deals; empty: all
	Days      int                 `json:"days"`       // working days until it is to be decided
	Holds     bool                `json:"holds"`      // an unmade registration waits for the decision
	Wins      Basis               `json:"wins"`       // whose claim rests on this wins by default; "": nobody
	WinsWhy   string              `json:"wins_why"`   // as the proposal says it
	OurStep   string              `json:"our_step"`   // proposed for our side
	TheirStep string              `json:"their_step"` // proposed for the partner's
}

// Rules is the rule table. Of two rules that find the same sides of a deal the
// earlier one counts.
type Rules []Rule

var idShape = regexp.MustCompile(`^[a-z][a-z0-9_]{1,59}$`)

// Validate reports every part of the rules that cannot work.
func (r Rules) Validate() error {
	var bad problem.List
	if len(r) > 50 {
		bad.Add("rules", "too_many", "Use at most 50 rules")
	}
	seen := map[string]bool{}
	for i := range r {
		at := fmt.Sprintf("rules[%d]", i)
		if seen[r[i].ID] {
			bad.Add(at+".id", "twice", fmt.Sprintf("There are two rules with the id %q", r[i].ID))
		}
		seen[r[i].ID] = true
		r[i].validate(at, &bad)
	}
	return bad.Err()
}

func (r *Rule) validate(at string, bad *problem.List) {
	if !idShape.MatchString(r.ID) {
		bad.Add(at+".id", "malformed", "Use 2 to 60 small letters, digits and _, beginning with a letter")
	}
	if !slices.Contains(Kinds(), r.Kind) {
		bad.Add(at+".kind", "unknown_value", fmt.Sprintf("%q is no kind of route conflict", r.Kind))
	}
	for name, text := range map[string]string{"title": r.Title, "why": r.Why} {
		if t := strings.TrimSpace(text); t == "" || len(t) > 1000 {
			bad.Add(at+"."+name, "length", "Use 1 to 1000 characters")
		}
	}
	for name, text := range map[string]string{"source": r.Source, "wins_why": r.WinsWhy} {
		if len(text) > 1000 {
			bad.Add(at+"."+name, "too_long", "Use at most 1000 characters")
		}
	}
	for name, text := range map[string]string{"our_step": r.OurStep, "their_step": r.TheirStep} {
		if len([]rune(text)) > maxStep {
			bad.Add(at+"."+name, "too_long", "Use at most 500 characters")
		}
	}
	if r.Days < 1 || r.Days > 60 {
		bad.Add(at+".days", "out_of_range", "Use 1 to 60 working days")
	}
	if r.Wins != "" && !slices.Contains(Bases(), r.Wins) {
		bad.Add(at+".wins", "unknown_value", fmt.Sprintf("%q is nothing that a claim rests on", r.Wins))
	}
	if len(r.When) > 20 {
		bad.Add(at+".when", "too_many", "Use at most 20 conditions")
	}
	for j, c := range r.When {
		c.Check(fmt.Sprintf("%s.when[%d]", at, j), bad)
	}
}

// finds gives the sides that the rule finds, none when it finds no conflict.
func (r *Rule) finds(t tagging.Tags, all Claims) Claims {
	for _, c := range r.When {
		if !c.Holds(t) {
			return nil
		}
	}
	return r.Kind.sides(all)
}

// proposal gives the key of the side that wins by default, "" for none: of several
// with the same ground the one that has had it longest.
func (r *Rule) proposal(sides Claims) string {
	if r.Wins == "" {
		return ""
	}
	key, best, several := "", Ground{}, false
	for _, c := range sides {
		g, ok := c.has(r.Wins)
		switch {
		case !ok:
		case key == "", !g.Since.IsZero() && (best.Since.IsZero() || g.Since.Before(best.Since)):
			several = key != "" && g.Since.Equal(best.Since)
			key, best = c.Party.Key(), g
		case g.Since.Equal(best.Since):
			several = true
		}
	}
	if several {
		return ""
	}
	return key
}
