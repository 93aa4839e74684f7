package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// JointRule says which opportunities are joint with which cloud.
type JointRule struct {
	Clouds JointClouds `json:"clouds"`
}

// JointClouds is the rule of each cloud; a cloud that is left out has none.
type JointClouds struct {
	AWS   *CloudRule `json:"aws,omitempty"`
	Azure *CloudRule `json:"azure,omitempty"`
	GCP   *CloudRule `json:"gcp,omitempty"`
}

// CloudRule is the rule for one cloud.
type CloudRule struct {
	Enabled        bool     `json:"enabled"`
	Fields         []string `json:"fields" nullable:"false" example:"[\"fulfillment_partner\"]" doc:"The fields that name a partner: fulfillment_partner, influence_partner, dr_partner, distributor, lead_source, deal_path."`
	Words          []string `json:"words" nullable:"false" example:"[\"amazon web services\"]" doc:"Names by which the partner is known, found as whole words."`
	ExcludeStages  []string `json:"exclude_stages" nullable:"false" doc:"Stages that are not registered."`
	RegisterClosed bool     `json:"register_closed" doc:"Register closed deals, too."`
}

func (j *JointClouds) of(c cloud.Cloud) **CloudRule {
	switch c {
	case cloud.AWS:
		return &j.AWS
	case cloud.Azure:
		return &j.Azure
	}
	return &j.GCP
}

func (r JointRule) domain() opportunity.JointRule {
	out := opportunity.JointRule{Clouds: map[cloud.Cloud]opportunity.CloudRule{}}
	for _, c := range cloud.All() {
		if p := *r.Clouds.of(c); p != nil {
			out.Clouds[c] = opportunity.CloudRule{Enabled: p.Enabled, Fields: p.Fields, Words: p.Words, ExcludeStages: p.ExcludeStages, RegisterClosed: p.RegisterClosed}
		}
	}
	return out
}

func ruleOf(r opportunity.JointRule) JointRule {
	var out JointRule
	for _, c := range cloud.All() {
		if x, ok := r.Clouds[c]; ok {
			*out.Clouds.of(c) = &CloudRule{Enabled: x.Enabled, Fields: orEmpty(x.Fields), Words: orEmpty(x.Words), ExcludeStages: orEmpty(x.ExcludeStages), RegisterClosed: x.RegisterClosed}
		}
	}
	return out
}

// JointRuleSetting is the joint rule as it stands.
type JointRuleSetting struct {
	Rule      JointRule  `json:"rule"`
	Default   bool       `json:"default" doc:"Nobody changed it yet."`
	Version   int64      `json:"version"`
	UpdatedBy string     `json:"updated_by"`
	UpdatedAt *time.Time `json:"updated_at"`
}

// RuleDifference is what a rule would change for one cloud.
type RuleDifference struct {
	Cloud string `json:"cloud" enum:"aws,azure,gcp"`
	Joint int    `json:"joint" doc:"Joint with the rule."`
	Gain  int    `json:"gain" doc:"Joint with it, not now."`
	Lose  int    `json:"lose" doc:"Joint now, not with it."`
}

// DefaultSolutions says which solutions are linked to a deal for which nobody
// chose one.
type DefaultSolutions struct {
	AWS   []string `json:"aws,omitempty" nullable:"false" maxItems:"10" uniqueItems:"true" example:"[\"S-0050001\"]"`
	Azure []string `json:"azure,omitempty" nullable:"false" maxItems:"10" uniqueItems:"true"`
	GCP   []string `json:"gcp,omitempty" nullable:"false" maxItems:"10" uniqueItems:"true"`
}

func (d DefaultSolutions) domain() registration.DefaultSolutions {
	out := registration.DefaultSolutions{}
	for c, ids := range map[cloud.Cloud][]string{cloud.AWS: d.AWS, cloud.Azure: d.Azure, cloud.GCP: d.GCP} {
		if len(ids) > 0 {
			out[c] = ids
		}
	}
	return out
}

// DefaultSolutionsSetting is the default solutions as they stand.
type DefaultSolutionsSetting struct {
	Solutions DefaultSolutions `json:"solutions"`
	Default   bool             `json:"default" doc:"Nobody changed it yet."`
	Version   int64            `json:"version"`
	UpdatedBy string           `json:"updated_by"`
	UpdatedAt *time.Time       `json:"updated_at"`
}

func (s *server) registerSettings() {
	s.registerFiscalYear()
	add(s, operation{id: "get-joint-rule", method: http.MethodGet, path: "/settings/joint-rule", tag: "Settings", summary: "Get the rule that says which opportunities are joint", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[JointRuleSetting], error) {
			return s.jointRule(ctx)
		})
	add(s, operation{
		id: "preview-joint-rule", method: http.MethodPost, path: "/settings/joint-rule/preview", tag: "Settings", summary: "See what a joint rule would change", action: authz.ActionChangeSettings,
		about: "Asks the rule about every opportunity, and changes nothing.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Body JointRule
		},
		) (*all[RuleDifference], error) {
			found, err := s.app.Opportunities.Preview(ctx, in.Body.domain())
			if err != nil {
				return nil, err
			}
			out := []RuleDifference{}
			for _, c := range cloud.All() {
				d := found[c]
				out = append(out, RuleDifference{Cloud: string(c), Joint: d.Joint, Gain: d.Gain, Lose: d.Lose})
			}
			return allOf(out), nil
		})
	add(s, operation{
		id: "put-joint-rule", method: http.MethodPut, path: "/settings/joint-rule", tag: "Settings", summary: "Put another joint rule in force", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "Decides every opportunity anew; a person's decision stays. Needs If-Match with the ETag of the rule as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body JointRule
		},
		) (*record[JointRuleSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Opportunities.Rule(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			if err := s.app.Opportunities.SetRule(ctx, in.Body.domain(), version); err != nil {
				return nil, err
			}
			return s.jointRule(ctx)
		})
	add(s, operation{id: "get-default-solutions", method: http.MethodGet, path: "/settings/default-solutions", tag: "Settings", summary: "Get the solutions that are linked by default", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[DefaultSolutionsSetting], error) {
			return s.defaultSolutions(ctx)
		})
	add(s, operation{
		id: "put-default-solutions", method: http.MethodPut, path: "/settings/default-solutions", tag: "Settings", summary: "Change the solutions that are linked by default", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "Has blocked deals checked again. Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body DefaultSolutions
		},
		) (*record[DefaultSolutionsSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Registrations.Defaults(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			if err := s.app.Registrations.SetDefaults(ctx, in.Body.domain(), version); err != nil {
				return nil, err
			}
			return s.defaultSolutions(ctx)
		})
}

// settingVersion gives the version that a caller saw: that of the If-Match, or
// the present one for "*".
func (s *server) settingVersion(ctx context.Context, ifMatch string, present func() (setting.Row, error)) (int64, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return 0, err
	}
	if ifMatch == "" {
		return 0, refuse(ctx, http.StatusPreconditionRequired, "if_match_required", "Send If-Match with the ETag of the setting as you read it, so that nobody's change is lost")
	}
	version, given, err := versionOf(ifMatch)
	if err != nil || given {
		return version, err
	}
	row, err := present()
	return row.Version, err
}

func (s *server) jointRule(ctx context.Context) (*record[JointRuleSetting], error) {
	r, row, err := s.app.Opportunities.Rule(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, JointRuleSetting{Rule: ruleOf(r), Default: row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)})
}

func (s *server) defaultSolutions(ctx context.Context) (*record[DefaultSolutionsSetting], error) {
	d, row, err := s.app.Registrations.Defaults(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, DefaultSolutionsSetting{
		Solutions: DefaultSolutions{AWS: d[cloud.AWS], Azure: d[cloud.Azure], GCP: d[cloud.GCP]},
		Default:   row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt),
	})
}
