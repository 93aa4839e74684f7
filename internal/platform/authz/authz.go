// Package authz answers "may this actor do this?". The rules stand in Cedar
// policy files (policies/*.cedar) that a Director can read; the services ask
// here before they act, whatever page, call or command the wish came from.
package authz

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Kind says what sort of actor acts.
type Kind string

// The kinds of actor.
const (
	KindPerson      Kind = "person"
	KindIntegration Kind = "integration" // a personal token used by a program
	KindSystem      Kind = "system"      // Tandem itself: jobs and schedules
	KindPortal      Kind = "portal"      // the partner's side, as seen by us
)

// Level is a rung of the job family (DESIGN.md "Who works in it").
type Level string

// The levels, from a reader beside the team to the Senior Director.
const (
	LevelReader         Level = "reader"
	LevelAssociate      Level = "associate"
	LevelABDM           Level = "abdm"
	LevelSenior         Level = "senior"
	LevelDirector       Level = "director"
	LevelSeniorDirector Level = "senior_director"
)

// Levels lists all levels, lowest first.
func Levels() []Level {
	return []Level{LevelReader, LevelAssociate, LevelABDM, LevelSenior, LevelDirector, LevelSeniorDirector}
}

// Valid reports whether l is one of the levels.
func (l Level) Valid() bool {
	return slices.Contains(Levels(), l)
}

// Label is the level in words.
func (l Level) Label() string {
	switch l {
	case LevelAssociate:
		return "Associate"
	case LevelABDM:
		return "Alliance Business Development Manager"
	case LevelSenior:
		return "Senior Alliance Business Development Manager"
	case LevelDirector:
		return "Director"
	case LevelSeniorDirector:
		return "Senior Director"
	default:
		return "Reader"
	}
}

// Actor is who acts. Scopes narrow a token: nil means no narrowing.
type Actor struct {
	Kind   Kind
	ID     string
	Name   string
	Level  Level
	Scopes []string
}

// System is Tandem itself.
var System = Actor{Kind: KindSystem, ID: "system", Name: "Tandem"}

type ctxKey struct{}

// With gives a context in which a acts.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, ctxKey{}, a) }

// From gives the actor of ctx; ok is false when nobody is signed in.
func From(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(ctxKey{}).(Actor)
	return a, ok
}

// Without gives a context in which nobody acts, whoever acted before.
func Without(ctx context.Context) context.Context { return context.WithValue(ctx, ctxKey{}, nil) }

// Action is a wish that the policies decide on.
type Action string

// The actions. Each is also the scope a token needs, but for ActionRead, which
// needs "read", and the rest, which need "write" or "admin".
const (
	ActionRead           Action = "read"            // see accounts, opportunities, registrations, activities
	ActionReadOperations Action = "read_operations" // see connections and jobs
	ActionSync           Action = "sync"            // start a sync run
	ActionLog            Action = "log_activity"    // record, change and cancel activities and intro meetings
	ActionMarkJoint      Action = "mark_joint"      // say that an opportunity is joint, or is not
	ActionRegister       Action = "register"        // check, register and resubmit an opportunity
	ActionUpdate         Action = "update"          // change a registered opportunity in the portal, settle a conflict
	ActionLaunch         Action = "launch"          // say in the portal that the deal is won
	ActionClose          Action = "close"           // say in the portal that the deal is lost
	ActionAccept         Action = "accept_invitation"
	ActionReject         Action = "reject_invitation"
	ActionDecideRoute    Action = "decide_route"    // say by which route a claimed deal goes
	ActionApprove        Action = "approve"         // decide on somebody's request
	ActionAsk            Action = "ask"             // take back one's own request, note what was decided on it
	ActionRetryJob       Action = "retry_job"       // retry or cancel a job
	ActionSaveView       Action = "save_view"       // keep a view of a list
	ActionChangeSettings Action = "change_settings" // change the rules of the team
	ActionManagePeople   Action = "manage_people"   // make users, set levels
	ActionOwnToken       Action = "own_token"       // make and revoke one's own API tokens
	ActionOwnPassword    Action = "own_password"    // change one's own password
)

// Scope gives the token scope the action needs: "read", "write" or "admin".
func (a Action) Scope() string {
	switch a {
	case ActionRead, ActionReadOperations:
		return "read"
	case ActionChangeSettings, ActionManagePeople, ActionOwnToken, ActionOwnPassword:
		return "admin"
	default:
		return "write"
	}
}

// Scopes lists the scopes a token can have.
func Scopes() []string { return []string{"read", "write", "admin"} }

//go:embed policies/*.cedar
var policyFiles embed.FS

var policies = sync.OnceValues(func() (*cedar.PolicySet, error) {
	set := cedar.NewPolicySet()
	err := fs.WalkDir(policyFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(policyFiles, path)
		if err != nil {
			return err
		}
		list, err := cedar.NewPolicyListFromBytes(path, text)
		if err != nil {
			return fmt.Errorf("policy file %s: %w", path, err)
		}
		for i, p := range list {
			set.Add(cedar.PolicyID(fmt.Sprintf("%s#%d", path, i+1)), p)
		}
		return nil
	})
	return set, err
})

// Require gives nil when the actor of ctx may do the action, else a
// problem of kind unauthorized (nobody there) or forbidden.
func Require(ctx context.Context, action Action) error {
	a, ok := From(ctx)
	if !ok {
		return problem.Unauthorized("not_signed_in", "Sign in first")
	}
	may, err := May(a, action)
	if err != nil {
		return err
	}
	if !may {
		return problem.Forbidden("not_allowed", fmt.Sprintf("%s (%s) may not %s", a.Name, a.Level.Label(), Words(action)))
	}
	if a.Scopes != nil && !slices.Contains(a.Scopes, action.Scope()) {
		return problem.Forbidden("scope_missing", fmt.Sprintf("This token lacks the scope %q that %s needs", action.Scope(), action))
	}
	return nil
}

// May reports whether the policies let a do the action at all, once approved where
// that is needed, without the scopes of a token. What needs approval is decided
// by Decide.
func May(a Actor, action Action) (bool, error) {
	may, _, err := ask(a, action, Facts{AmountUSD: Dollars(0)}, true)
	return may, err
}

// Words gives the action in words, to stand after "may" or "may not".
func Words(a Action) string {
	switch a {
	case ActionRead:
		return "see the team's deals"
	case ActionReadOperations:
		return "see connections and jobs"
	case ActionSync:
		return "start a sync"
	case ActionLog:
		return "record an activity"
	case ActionMarkJoint:
		return "mark an opportunity as joint"
	case ActionRegister:
		return "register an opportunity"
	case ActionUpdate:
		return "change an opportunity in the partner's portal"
	case ActionLaunch:
		return "launch an opportunity in the partner's portal"
	case ActionClose:
		return "close an opportunity as lost in the partner's portal"
	case ActionAccept:
		return "accept a partner's invitation"
	case ActionReject:
		return "reject a partner's invitation"
	case ActionDecideRoute:
		return "decide on a route"
	case ActionApprove:
		return "approve requests"
	case ActionAsk:
		return "take back their own requests"
	case ActionRetryJob:
		return "retry or cancel a job"
	case ActionSaveView:
		return "save a view"
	case ActionChangeSettings:
		return "change the team's settings"
	case ActionManagePeople:
		return "manage people"
	case ActionOwnToken:
		return "manage their API tokens"
	case ActionOwnPassword:
		return "change their password"
	}
	return string(a)
}
