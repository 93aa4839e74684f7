package authz

import (
	"context"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	team := []Action{ActionReadOperations, ActionSync, ActionLog, ActionMarkJoint, ActionRegister, ActionUpdate, ActionLaunch, ActionClose, ActionAccept, ActionReject, ActionRetryJob}
	everyone := []Action{ActionRead, ActionSaveView, ActionOwnToken, ActionOwnPassword, ActionAsk}
	lead := []Action{ActionChangeSettings, ActionManagePeople, ActionApprove}
	allowed := map[Level][]Action{
		LevelReader:         everyone,
		LevelAssociate:      append(append([]Action{}, everyone...), team...),
		LevelABDM:           append(append([]Action{}, everyone...), team...),
		LevelSenior:         append(append([]Action{}, everyone...), team...),
		LevelDirector:       append(append(append([]Action{}, everyone...), team...), lead...),
		LevelSeniorDirector: append(append(append([]Action{}, everyone...), team...), lead...),
		Level("intruder"):   everyone,
	}
	all := append(append(append([]Action{}, everyone...), team...), lead...)
	for level, may := range allowed {
		want := map[Action]bool{}
		for _, a := range may {
			want[a] = true
		}
		for _, a := range all {
			got, err := May(Actor{Kind: KindPerson, ID: "p", Level: level}, a)
			if err != nil {
				t.Fatal(err)
			}
			if got != want[a] {
				t.Errorf("%s may %s: %v, want %v", level, a, got, want[a])
			}
		}
	}
}

func TestNobodySignedInIsUnauthorized(t *testing.T) {
	t.Parallel()
	if err := Require(context.Background(), ActionRead); !problem.Is(err, problem.KindUnauthorized) {
		t.Fatalf("got %v", err)
	}
}

func TestATokenIsNarrowedByItsScopes(t *testing.T) {
	t.Parallel()
	ctx := With(context.Background(), Actor{Kind: KindIntegration, ID: "p", Level: LevelDirector, Scopes: []string{"read"}})
	if err := Require(ctx, ActionRead); err != nil {
		t.Fatal(err)
	}
	for _, a := range []Action{ActionRegister, ActionChangeSettings} {
		if err := Require(ctx, a); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("%s with a read token: %v", a, err)
		}
	}
}
