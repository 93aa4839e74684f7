package authz

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Facts are what a decision looks at beside the actor and the action; the policies
// see them as context. AmountUSD is the deal's amount in whole US dollars, rounded
// up, nil when it is not known; ThresholdUSD the value up to which an ABDM works
// alone.
type Facts struct {
	AmountUSD    *int64
	ThresholdUSD int64
	Contested    bool
	Becomes      string // "launched", "closed_lost" or ""
	Own          bool   // the request, or the deal whose route is to be decided, is the actor's own
}

// Dollars gives a known amount for Facts.
func Dollars(n int64) *int64 { return &n }

// Ruling is what the policies say to a wish.
type Ruling string

// The rulings.
const (
	RulingAllow         Ruling = "allow"
	RulingNeedsApproval Ruling = "needs_approval"
	RulingRefuse        Ruling = "refuse"
)

// Verdict is a ruling with its reasons in words: why it needs approval, or why it
// is refused.
type Verdict struct {
	Ruling  Ruling
	Because []string
}

// Err gives a problem of kind forbidden for a refusal, else nil.
func (v Verdict) Err() error {
	if v.Ruling != RulingRefuse {
		return nil
	}
	return problem.Forbidden("not_allowed", strings.Join(v.Because, "; "))
}

// Decide gives what the policies say to the wish of ctx's actor under the given
// facts. Nobody signed in is a problem of kind unauthorized; what may not be done
// at all, also for want of a token's scope, is a verdict.
func Decide(ctx context.Context, action Action, f Facts) (Verdict, error) {
	a, ok := From(ctx)
	if !ok {
		return Verdict{}, problem.Unauthorized("not_signed_in", "Sign in first")
	}
	return DecideFor(a, action, f)
}

// DecideFor is Decide for an actor who need not be the one of a context.
func DecideFor(a Actor, action Action, f Facts) (Verdict, error) {
	if a.Scopes != nil && !slices.Contains(a.Scopes, action.Scope()) {
		return Verdict{Ruling: RulingRefuse, Because: []string{fmt.Sprintf("This token lacks the scope %q that %s needs", action.Scope(), action)}}, nil
	}
	may, why, err := ask(a, action, f, true)
	if err != nil {
		return Verdict{}, err
	}
	if !may {
		if len(why) == 0 {
			why = []string{fmt.Sprintf("%s (%s) may not %s", a.Name, a.Level.Label(), Words(action))}
		}
		return Verdict{Ruling: RulingRefuse, Because: why}, nil
	}
	alone, why, err := ask(a, action, f, false)
	if err != nil || alone {
		return Verdict{Ruling: RulingAllow}, err
	}
	return Verdict{Ruling: RulingNeedsApproval, Because: why}, nil
}

// ask gives what the policies say, and the @because of those that forbid.
func ask(a Actor, action Action, f Facts, approved bool) (bool, []string, error) {
	set, err := policies()
	if err != nil {
		return false, nil, err
	}
	if a.Kind == KindSystem {
		return true, nil, nil
	}
	facts := types.RecordMap{
		"threshold_usd": types.Long(f.ThresholdUSD), "contested": types.Boolean(f.Contested), "becomes": types.String(f.Becomes),
		"own": types.Boolean(f.Own), "approved": types.Boolean(approved),
	}
	if f.AmountUSD != nil {
		facts["amount_usd"] = types.Long(*f.AmountUSD)
	}
	who := types.NewEntityUID("Person", types.String(a.ID))
	entities := types.EntityMap{who: {
		UID:        who,
		Attributes: types.NewRecord(types.RecordMap{"level": types.String(a.Level)}),
	}}
	decision, diag := cedar.Authorize(set, entities, cedar.Request{
		Principal: who,
		Action:    types.NewEntityUID("Action", types.String(action)),
		Resource:  types.NewEntityUID("Tandem", "team"),
		Context:   types.NewRecord(facts),
	})
	if len(diag.Errors) > 0 {
		return false, nil, fmt.Errorf("deciding on %s: %s", action, diag.Errors[0])
	}
	if decision == cedar.Allow {
		return true, nil, nil
	}
	var why []string
	for _, r := range diag.Reasons {
		p := set.Get(r.PolicyID)
		if p == nil {
			continue
		}
		if text := string(p.Annotations()["because"]); text != "" && !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	slices.Sort(why)
	return false, why, nil
}

// PolicyFile is one file of the policies as it is in force.
type PolicyFile struct {
	Name string
	Text string
}

// PolicyFiles gives the policies in force, for people to read.
func PolicyFiles() ([]PolicyFile, error) {
	names, err := fs.Glob(policyFiles, "policies/*.cedar")
	if err != nil {
		return nil, err
	}
	out := make([]PolicyFile, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(policyFiles, name)
		if err != nil {
			return nil, err
		}
		out = append(out, PolicyFile{Name: strings.TrimPrefix(name, "policies/"), Text: string(text)})
	}
	return out, nil
}
