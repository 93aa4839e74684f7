package authz

import (
	"context"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// towards lists what the oversight is about: what goes to a partner.
var towards = []Action{ActionRegister, ActionUpdate, ActionLaunch, ActionClose, ActionAccept, ActionReject}

func TestOversightByLevelActionAndFacts(t *testing.T) {
	t.Parallel()
	const limit = 250_000
	facts := []struct {
		name string
		f    Facts
	}{
		{"small", Facts{AmountUSD: Dollars(10_000)}},
		{"at the value", Facts{AmountUSD: Dollars(limit)}},
		{"above the value", Facts{AmountUSD: Dollars(limit + 1)}},
		{"unknown amount", Facts{}},
		{"small, contested", Facts{AmountUSD: Dollars(10_000), Contested: true}},
		{"above and contested", Facts{AmountUSD: Dollars(limit + 1), Contested: true}},
	}
	always := func(r Ruling) []Ruling { return []Ruling{r, r, r, r, r, r} }
	want := map[Level][]Ruling{
		LevelReader:         always(RulingRefuse),
		LevelAssociate:      always(RulingNeedsApproval),
		LevelABDM:           {RulingAllow, RulingAllow, RulingNeedsApproval, RulingNeedsApproval, RulingNeedsApproval, RulingNeedsApproval},
		LevelSenior:         always(RulingAllow),
		LevelDirector:       always(RulingAllow),
		LevelSeniorDirector: always(RulingAllow),
		Level("intruder"):   always(RulingRefuse),
	}
	for level, rulings := range want {
		for _, action := range towards {
			for i, c := range facts {
				f := c.f
				f.ThresholdUSD = limit
				f.Becomes = map[Action]string{ActionLaunch: "launched", ActionClose: "closed_lost"}[action]
				v, err := DecideFor(Actor{Kind: KindPerson, ID: "p", Name: "Ada", Level: level}, action, f)
				if err != nil {
					t.Fatal(err)
				}
				if v.Ruling != rulings[i] {
					t.Errorf("%s, %s, %s: %s, want %s", level, action, c.name, v.Ruling, rulings[i])
				}
				if (len(v.Because) == 0) != (v.Ruling == RulingAllow) {
					t.Errorf("%s, %s, %s: %s for the reasons %q", level, action, c.name, v.Ruling, v.Because)
				}
				if (v.Err() != nil) != (v.Ruling == RulingRefuse) {
					t.Errorf("%s, %s, %s: %v", level, action, c.name, v.Err())
				}
			}
		}
	}
}

func TestWhatNeedsApprovalSaysEveryReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level Level
		f     Facts
		want  string
	}{
		{LevelAssociate, Facts{AmountUSD: Dollars(1)}, "An Associate's work goes to the partner after a Director approved it"},
		{LevelABDM, Facts{ThresholdUSD: 5}, "The deal's amount in US dollars is not known"},
		{LevelABDM, Facts{AmountUSD: Dollars(6), ThresholdUSD: 5, Contested: true}, "The deal is contested|The deal is worth more than an ABDM decides on alone"},
	} {
		v, err := DecideFor(Actor{Kind: KindPerson, ID: "p", Level: c.level}, ActionRegister, c.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(v.Because, "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.level, got, c.want)
		}
	}
}

func TestOnlyDirectorsApproveAndNobodyTheirOwn(t *testing.T) {
	t.Parallel()
	for _, level := range append(Levels(), Level("intruder")) {
		for _, own := range []bool{false, true} {
			v, err := DecideFor(Actor{Kind: KindPerson, ID: "p", Level: level}, ActionApprove, Facts{Own: own})
			if err != nil {
				t.Fatal(err)
			}
			want := RulingRefuse
			if !own && (level == LevelDirector || level == LevelSeniorDirector) {
				want = RulingAllow
			}
			if v.Ruling != want {
				t.Errorf("%s, own %v: %s, want %s", level, own, v.Ruling, want)
			}
		}
	}
}

func TestADecisionNeedsSomebodyAndTheTokensScope(t *testing.T) {
	t.Parallel()
	if _, err := Decide(context.Background(), ActionRegister, Facts{}); !problem.Is(err, problem.KindUnauthorized) {
		t.Errorf("nobody: %v", err)
	}
	ctx := With(context.Background(), Actor{Kind: KindIntegration, ID: "p", Level: LevelDirector, Scopes: []string{"read"}})
	if v, err := Decide(ctx, ActionRegister, Facts{}); err != nil || v.Ruling != RulingRefuse {
		t.Errorf("a token that may only read: %v, %v", v, err)
	}
	if v, err := Decide(With(context.Background(), System), ActionRegister, Facts{Contested: true}); err != nil || v.Ruling != RulingAllow {
		t.Errorf("Tandem itself: %v, %v", v, err)
	}
}

func TestThePoliciesInForceCanBeRead(t *testing.T) {
	t.Parallel()
	files, err := PolicyFiles()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		if !strings.Contains(f.Text, "permit (") {
			t.Errorf("%s holds no policy", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "oversight.cedar route.cedar team.cedar" {
		t.Errorf("got %s", got)
	}
}
