// Package route answers "by which route does this deal go, when two sides claim
// it?": rules, which are data, find the claims that exclude each other, a person who
// may decides with a reason, and the decision is kept to: nothing is registered on
// the losing route. See README.md for the life of a conflict and its invariants.
package route

import (
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Side is what sort of party claims a deal.
type Side string

// The sides.
const (
	SideCloud   Side = "cloud"   // a cloud: its marketplace, or co-selling with it
	SidePartner Side = "partner" // a named partner: reseller, distributor, deal registration partner
	SideDirect  Side = "direct"  // we sell it ourselves
)

// Party is who claims a deal. A partner is known by its name: that is all that
// Salesforce gives of a distributor.
type Party struct {
	Side  Side        `json:"side"`
	Cloud cloud.Cloud `json:"cloud,omitempty"`
	Name  string      `json:"name,omitempty"`
}

// PartyDirect is our own sale.
var PartyDirect = Party{Side: SideDirect}

// CloudParty is a cloud as a party.
func CloudParty(c cloud.Cloud) Party { return Party{Side: SideCloud, Cloud: c} }

// Key tells parties apart: "cloud:aws", "partner:brightwater", "direct".
func (p Party) Key() string {
	switch p.Side {
	case SideCloud:
		return string(SideCloud) + ":" + string(p.Cloud)
	case SidePartner:
		return string(SidePartner) + ":" + textkey.Of(p.Name)
	}
	return string(SideDirect)
}

// Label is the party in words.
func (p Party) Label() string {
	switch p.Side {
	case SideCloud:
		return p.Cloud.Label()
	case SidePartner:
		return p.Name
	}
	return "Direct"
}

// Basis is on what a party bases its claim.
type Basis string

// The bases. Only those of the sale and of its source exclude each other; that a
// deal is joint or registered says that a partner knows of it.
const (
	BasisResale           Basis = "resale"            // the resale partner: the seller of record
	BasisDealRegistration Basis = "deal_registration" // the deal registration partner: who sourced it
	BasisDistributor      Basis = "distributor"       // the distributor
	BasisIncumbent        Basis = "incumbent"         // the resale partner of the account's last won deal
	BasisDirect           Basis = "direct"            // the deal path is a direct one
	BasisRegistered       Basis = "registered"        // the deal is in the cloud's portal
	BasisJointRule        Basis = "joint_rule"        // joint by the team's rule
	BasisJointPerson      Basis = "joint_person"      // joint by a person's word
)

// Bases lists the bases, the strongest first.
func Bases() []Basis {
	return []Basis{BasisResale, BasisDealRegistration, BasisDistributor, BasisIncumbent, BasisDirect, BasisRegistered, BasisJointRule, BasisJointPerson}
}

// Label is the basis in words.
func (b Basis) Label() string {
	switch b {
	case BasisResale:
		return "Resale partner"
	case BasisDealRegistration:
		return "Deal registration"
	case BasisDistributor:
		return "Distributor"
	case BasisIncumbent:
		return "Incumbent"
	case BasisDirect:
		return "Direct"
	case BasisRegistered:
		return "Registered in the portal"
	case BasisJointRule:
		return "Joint by rule"
	case BasisJointPerson:
		return "Joint by a person's word"
	}
	return string(b)
}

// Ground is one piece of evidence of a claim: the field in which it stands, its
// value, what is said beside it (the deal type, the portal's state, a person's
// reason), the record to open and since when it is so, zero when that is not known.
// Deal is another opportunity, RegistrationID a registration.
type Ground struct {
	Basis          Basis     `json:"basis"`
	Field          string    `json:"field"`
	Value          string    `json:"value"`
	Detail         string    `json:"detail,omitempty"`
	DealID         string    `json:"opportunity_id,omitempty"`
	RegistrationID string    `json:"registration_id,omitempty"`
	RemoteID       string    `json:"remote_id,omitempty"`
	Since          time.Time `json:"since,omitzero"`
}

// same reports whether two grounds say the same, whenever it was.
func (g Ground) same(h Ground) bool {
	return g.Basis == h.Basis && g.Value == h.Value && g.DealID == h.DealID
}

// sells reports whether the ground claims the sale. A referral does not: the partner
// brought the deal and leaves the sale to others (salesforce-gitlab.md §2.6, use
// case 2).
func (g Ground) sells() bool {
	return g.Basis == BasisResale || g.Basis == BasisDealRegistration && !strings.EqualFold(g.Detail, "Referral")
}

// Claim is one party's claim to a deal with all that it rests on.
type Claim struct {
	Party   Party    `json:"party"`
	Grounds []Ground `json:"grounds"`
}

// has gives the first ground of one of the bases.
func (c Claim) has(bases ...Basis) (Ground, bool) {
	i := slices.IndexFunc(c.Grounds, func(g Ground) bool { return slices.Contains(bases, g.Basis) })
	if i < 0 {
		return Ground{}, false
	}
	return c.Grounds[i], true
}

func (c Claim) sells() bool { return slices.ContainsFunc(c.Grounds, Ground.sells) }

// Registered gives the ground of a deal that stands in the cloud's portal.
func (c Claim) Registered() (Ground, bool) { return c.has(BasisRegistered) }

// Claims are the claims to one deal.
type Claims []Claim

// of gives the claim of a party, nil when it has none.
func (l Claims) of(key string) *Claim {
	i := slices.IndexFunc(l, func(c Claim) bool { return c.Party.Key() == key })
	if i < 0 {
		return nil
	}
	return &l[i]
}

// clouds gives the clouds among the parties, in the form of the column.
func (l Claims) clouds() string {
	text := ","
	for _, c := range l {
		if c.Party.Side == SideCloud {
			text += string(c.Party.Cloud) + ","
		}
	}
	return text
}

func (l Claims) names() string {
	words := make([]string, len(l))
	for i, c := range l {
		words[i] = c.Party.Label()
	}
	return strings.Join(words, " and ")
}

// within reports whether all parties of l are among those of m.
func (l Claims) within(m Claims) bool {
	return !slices.ContainsFunc(l, func(c Claim) bool { return m.of(c.Party.Key()) == nil })
}

// State is where a conflict stands.
type State string

// The states.
const (
	StateOpen     State = "open"     // found, and not decided
	StateReopened State = "reopened" // decided once, and to be decided again
	StateDecided  State = "decided"  // a person decided
	StateEnded    State = "ended"    // what raised it is gone
)

// States lists all states.
func States() []State { return []State{StateOpen, StateReopened, StateDecided, StateEnded} }

// Open reports whether it waits for a decision.
func (s State) Open() bool { return s == StateOpen || s == StateReopened }

// Label is the state in words.
func (s State) Label() string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// WinnerAll is the decision that no route excludes another: all may go on.
const WinnerAll = "all"

// Conflict is one deal that one rule finds claimed by two sides or more. Claims are
// the evidence as it is now, DecidedClaims as it was when it was decided. Winner is
// the key of a party, WinnerAll, or "" while nobody decided.
type Conflict struct {
	ID            string          `db:"id"`
	OpportunityID string          `db:"opportunity_id"`
	Rule          string          `db:"rule"`
	Kind          Kind            `db:"kind"`
	Title         string          `db:"title"`
	Why           string          `db:"why"`
	Source        string          `db:"source"`
	Verified      bool            `db:"verified"`
	Holds         bool            `db:"holds"` // what is not registered yet waits for the decision
	State         State           `db:"state"`
	Claims        db.JSON[Claims] `db:"claims"`
	Clouds        string          `db:"clouds"`
	Proposal      string          `db:"proposal"` // key of a party, "" for none
	ProposalWhy   string          `db:"proposal_why"`
	DueOn         date.Date       `db:"due_on"`
	OpenedAt      time.Time       `db:"opened_at"`
	EndedAt       time.Time       `db:"ended_at"`
	EndedWhy      string          `db:"ended_why"`
	Winner        string          `db:"winner"`
	Reason        string          `db:"reason"`
	OurStep       string          `db:"our_step"`
	OurStepOn     date.Date       `db:"our_step_on"`
	TheirStep     string          `db:"their_step"`
	TheirStepOn   date.Date       `db:"their_step_on"`
	DecidedClaims db.JSON[Claims] `db:"decided_claims"`
	DecidedBy     string          `db:"decided_by"`
	DecidedByName string          `db:"decided_by_name"`
	DecidedAt     time.Time       `db:"decided_at"`
	CreatedAt     time.Time       `db:"created_at,insert"`
	UpdatedAt     time.Time       `db:"updated_at"`
	Version       int64           `db:"version"`
}

// Late reports whether the deadline is past and nobody decided.
func (c *Conflict) Late(today date.Date) bool { return c.State.Open() && c.DueOn.Before(today) }

// Claimants names who claims the deal.
func (c *Conflict) Claimants() string { return c.Claims.V.names() }

// PartyLabel is the name of a party of the conflict, by its key.
func (c *Conflict) PartyLabel(key string) string {
	if key == WinnerAll {
		return "All of them"
	}
	for _, list := range []Claims{c.Claims.V, c.DecidedClaims.V} {
		if claim := list.of(key); claim != nil {
			return claim.Party.Label()
		}
	}
	return key
}

// Lost reports whether a party's route lost by the decision.
func (c *Conflict) Lost(key string) bool {
	return c.State == StateDecided && c.Winner != WinnerAll && c.Winner != key && c.Claims.V.of(key) != nil
}

// ToClose gives the claims that lost and still stand in a portal: a person closes
// them there, since Tandem takes nothing back by itself.
func (c *Conflict) ToClose() Claims {
	var out Claims
	for _, claim := range c.Claims.V {
		if _, there := claim.Registered(); there && c.Lost(claim.Party.Key()) {
			out = append(out, claim)
		}
	}
	return out
}

// keepsBack says why the conflict keeps a cloud's unmade registration from its
// portal, "" when it does not.
func (c *Conflict) keepsBack(to cloud.Cloud) string {
	key := CloudParty(to).Key()
	switch {
	case c.Claims.V.of(key) == nil:
		return ""
	case c.Lost(key) && c.Winner == PartyDirect.Key():
		return "The deal is sold directly: " + c.DecidedByName + " decided so"
	case c.Lost(key):
		return "The deal goes by the route of " + c.PartyLabel(c.Winner) + ": " + c.DecidedByName + " decided so"
	case c.State.Open() && c.Holds:
		return "It waits for the decision about its route: " + c.Claims.V.names() + " claim it"
	}
	return ""
}

// Decision is what a person decides: the winner by its key (or WinnerAll), why, and
// the next step of either side with its day, each if there is one.
type Decision struct {
	Winner      string    `json:"winner"`
	Reason      string    `json:"reason"`
	OurStep     string    `json:"our_step"`
	OurStepOn   date.Date `json:"our_step_on"`
	TheirStep   string    `json:"their_step"`
	TheirStepOn date.Date `json:"their_step_on"`
}

// The bounds of what is written, in characters.
const (
	maxReason = 2000
	maxStep   = 500
)

func (d *Decision) validate(c *Conflict) error {
	var bad problem.List
	d.Reason, d.OurStep, d.TheirStep = strings.TrimSpace(d.Reason), strings.TrimSpace(d.OurStep), strings.TrimSpace(d.TheirStep)
	switch {
	case d.Winner == "":
		bad.Add("winner", "required", "Choose whose route it is")
	case d.Winner != WinnerAll && c.Claims.V.of(d.Winner) == nil:
		bad.Add("winner", "no_claim", "Choose one of those who claim the deal, or all of them")
	}
	if n := len([]rune(d.Reason)); n == 0 || n > maxReason {
		bad.Add("reason", "length", "Say in 1 to 2000 characters why: the losing side will ask")
	}
	step := func(field, text string, on date.Date) {
		if len([]rune(text)) > maxStep {
			bad.Add(field, "too_long", "Use at most 500 characters")
		}
		if text == "" && !on.IsZero() {
			bad.Add(field, "required", "Say what is to be done by that day")
		}
		if _, err := date.Parse(string(on)); !on.IsZero() && err != nil {
			bad.Add(field+"_on", "malformed", "Write the day as 2026-11-24")
		}
	}
	step("our_step", d.OurStep, d.OurStepOn)
	step("their_step", d.TheirStep, d.TheirStepOn)
	return bad.Err()
}

// Line is one line of a conflict's history.
type Line struct {
	ID         string    `db:"id"`
	ConflictID string    `db:"conflict_id"`
	At         time.Time `db:"at"`
	Kind       string    `db:"kind"` // opened, changed, decided, reopened, ended
	Subject    string    `db:"subject"`
	Body       string    `db:"body"`
	ActorName  string    `db:"actor_name"`
}
