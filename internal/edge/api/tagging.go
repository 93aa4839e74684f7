package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// TagFinding is a deal that a rule finds tagged wrongly.
type TagFinding struct {
	OpportunityID string         `json:"opportunity_id"`
	CRMID         string         `json:"crm_id"`
	Name          string         `json:"name"`
	AccountName   string         `json:"account_name"`
	OwnerName     string         `json:"owner_name"`
	Rule          string         `json:"rule"`
	Title         string         `json:"title"`
	Why           string         `json:"why"`
	Breaks        []string       `json:"breaks" nullable:"false" enum:"kpi,fee,payment,route"`
	Source        string         `json:"source"`
	Verified      bool           `json:"verified"`
	Since         time.Time      `json:"since"`
	Seen          []TagValue     `json:"seen" nullable:"false" doc:"The tags that the rule looks at, as they are."`
	Correction    []TagChange    `json:"correction" nullable:"false" doc:"What would be set; empty: a person has to know."`
	Tags          string         `json:"tags" doc:"Send it back with a correction or an acceptance: it stands for what you saw."`
	Last          *TagCorrection `json:"last,omitempty" doc:"The last correction that was asked for."`
}

// TagValue is a tag as it is.
type TagValue struct {
	Field string `json:"field"`
	Label string `json:"label"`
	Value string `json:"value"`
}

// TagChange is one field that a correction sets.
type TagChange struct {
	Field  string `json:"field"`
	Label  string `json:"label"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// TagCorrection is a correction that somebody confirmed.
type TagCorrection struct {
	ID            string      `json:"id"`
	OpportunityID string      `json:"opportunity_id"`
	Rule          string      `json:"rule"`
	Changes       []TagChange `json:"changes" nullable:"false"`
	State         string      `json:"state" enum:"pending,written,refused,overtaken,undone"`
	Error         string      `json:"error,omitempty"`
	AskedBy       string      `json:"asked_by"`
	AskedAt       time.Time   `json:"asked_at"`
	DoneAt        *time.Time  `json:"done_at,omitempty"`
}

func stepsOf(list []tagging.Step) []TagChange {
	return mapped(list, func(x *tagging.Step) TagChange {
		return TagChange{Field: string(x.Field), Label: x.Field.Label(), Before: x.Before, After: x.After}
	})
}

func correctionOf(c *tagging.Correction) TagCorrection {
	return TagCorrection{ID: c.ID, OpportunityID: c.OpportunityID, Rule: c.Rule, Changes: stepsOf(c.Steps.V), State: string(c.State), Error: c.Error, AskedBy: c.AskedBy, AskedAt: c.AskedAt, DoneAt: at(c.DoneAt)}
}

func findingOf(x *tagging.Finding) TagFinding {
	out := TagFinding{
		OpportunityID: x.Opportunity.ID, CRMID: x.Opportunity.CRMID, Name: x.Opportunity.Name, AccountName: x.Opportunity.AccountName, OwnerName: x.Opportunity.OwnerName,
		Rule: x.Rule.ID, Title: x.Rule.Title, Why: x.Rule.Why, Source: x.Rule.Source, Verified: x.Rule.Verified, Since: x.FoundAt, Tags: x.Tags,
		Breaks:     mapped(x.Rule.Breaks, func(b *tagging.Breaks) string { return string(*b) }),
		Seen:       mapped(x.Seen, func(v *tagging.Step) TagValue { return TagValue{string(v.Field), v.Field.Label(), v.Before} }),
		Correction: stepsOf(x.Steps),
	}
	if x.Last != nil {
		c := correctionOf(x.Last)
		out.Last = &c
	}
	return out
}

type findingsInput struct {
	Rule  []string `query:"rule,explode" nullable:"false" doc:"Ids of rules."`
	Owner []string `query:"owner,explode" nullable:"false" doc:"Salesforce ids."`
	Open  bool     `query:"open" doc:"Of open deals only."`
	After string   `query:"after" doc:"The cursor next of the page before."`
	Limit int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// TagRules is the rules with what stands about them.
type TagRules struct {
	Rules     []TagRule        `json:"rules" nullable:"false"`
	Found     map[string]int64 `json:"found" doc:"How many deals each rule finds wrong; a rule that finds none is missing."`
	Version   int64            `json:"version"`
	UpdatedBy string           `json:"updated_by,omitempty"`
	UpdatedAt *time.Time       `json:"updated_at,omitempty"`
}

// TagRule finds one kind of wrong tagging: where all of when hold.
type TagRule struct {
	ID       string     `json:"id" example:"two_clouds"`
	Enabled  bool       `json:"enabled"`
	Title    string     `json:"title" doc:"What is wrong."`
	Why      string     `json:"why" doc:"Why it matters."`
	Breaks   []string   `json:"breaks" nullable:"false" enum:"kpi,fee,payment,route"`
	Source   string     `json:"source,omitempty" doc:"Where the rule stands."`
	Verified bool       `json:"verified"`
	When     []TagWhen  `json:"when" nullable:"false"`
	Fix      []TagFixTo `json:"fix" nullable:"false"`
}

// TagWhen is a condition of a rule.
type TagWhen struct {
	Field  string   `json:"field" example:"dr_partner"`
	Op     string   `json:"op" enum:"empty,set,one_of,none_of,cloud,not_cloud,same,other"`
	Values []string `json:"values,omitempty" nullable:"false"`
}

// TagFixTo is a field that a rule's correction sets.
type TagFixTo struct {
	Field string `json:"field" example:"dr_deal_type"`
	To    string `json:"to" doc:"A value, empty to clear it, or =field for the partner that another field names." example:"Resale"`
}

func tagRuleOf(r *tagging.Rule) TagRule {
	return TagRule{
		ID: r.ID, Enabled: r.Enabled, Title: r.Title, Why: r.Why, Source: r.Source, Verified: r.Verified,
		Breaks: mapped(r.Breaks, func(b *tagging.Breaks) string { return string(*b) }),
		When:   mapped(r.When, whenOf),
		Fix:    mapped(r.Fix, func(c *tagging.Change) TagFixTo { return TagFixTo{string(c.Field), c.To} }),
	}
}

func ruleFrom(r *TagRule) tagging.Rule {
	return tagging.Rule{
		ID: r.ID, Enabled: r.Enabled, Title: r.Title, Why: r.Why, Source: r.Source, Verified: r.Verified,
		Breaks: mapped(r.Breaks, func(b *string) tagging.Breaks { return tagging.Breaks(*b) }),
		When:   mapped(r.When, whenFrom),
		Fix:    mapped(r.Fix, func(c *TagFixTo) tagging.Change { return tagging.Change{Field: tagging.Field(c.Field), To: c.To} }),
	}
}

type tagActInput struct {
	Repeatable
	DryRun bool `query:"dry_run" doc:"Say what would be set, and write nothing."`
	Body   struct {
		OpportunityID string `json:"opportunity_id"`
		Rule          string `json:"rule"`
		Tags          string `json:"tags" doc:"Of the finding as you saw it."`
	}
}

func (s *server) registerTagging() {
	const group = "Tagging"
	add(s, operation{id: "list-tag-findings", method: http.MethodGet, path: "/tagging/findings", tag: group, summary: "List the deals that are tagged wrongly, the oldest first", action: authz.ActionRead}, s.tagFindings)
	add(s, operation{
		id: "correct-tags", method: http.MethodPost, path: "/tagging/corrections", tag: group, summary: "Have Salesforce get the correction of a finding", action: authz.ActionUpdate, also: []int{http.StatusNotFound, http.StatusPreconditionFailed},
		about: "One that waits already is answered as it is. Tags that changed since you saw them are 412 moved_on.",
	}, s.correctTags)
	add(s, operation{id: "withdraw-tag-correction", method: http.MethodPost, path: "/tagging/corrections/{id}/withdraw", tag: group, summary: "Take a correction back that Salesforce has not got yet", action: authz.ActionUpdate, also: []int{http.StatusNotFound}, status: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*struct{}, error) {
			return nil, s.app.Tagging.Withdraw(ctx, in.ID)
		})
	add(s, operation{id: "accept-tags", method: http.MethodPost, path: "/tagging/accepted", tag: group, summary: "Say that a deal is tagged as it should be, while its tags stay as they are", action: authz.ActionUpdate, also: []int{http.StatusNotFound, http.StatusPreconditionFailed}, status: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				OpportunityID string `json:"opportunity_id"`
				Rule          string `json:"rule"`
				Tags          string `json:"tags"`
				Reason        string `json:"reason" minLength:"1" maxLength:"500"`
			}
		},
		) (*struct{}, error) {
			return nil, s.app.Tagging.Accept(ctx, in.Body.OpportunityID, in.Body.Rule, in.Body.Tags, in.Body.Reason)
		})
	add(s, operation{id: "reopen-tags", method: http.MethodPost, path: "/tagging/accepted/reopen", tag: group, summary: "Take an acceptance back", action: authz.ActionUpdate, also: []int{http.StatusNotFound}, status: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				OpportunityID string `json:"opportunity_id"`
				Rule          string `json:"rule"`
			}
		},
		) (*struct{}, error) {
			return nil, s.app.Tagging.Reopen(ctx, in.Body.OpportunityID, in.Body.Rule)
		})
	add(s, operation{id: "get-tagging-rules", method: http.MethodGet, path: "/settings/tagging-rules", tag: "Settings", summary: "Get the tagging rules", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[TagRules], error) {
			return s.tagRules(ctx)
		})
	add(s, operation{
		id: "put-tagging-rules", method: http.MethodPut, path: "/settings/tagging-rules", tag: "Settings", summary: "Change the tagging rules", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "All rules are replaced, and every deal is looked at again. Needs If-Match with the ETag of the setting as you read it, or *. With dry_run, found says what the rules would find, and nothing is changed.",
	}, s.putTagRules)
}

func (s *server) tagFindings(ctx context.Context, in *findingsInput) (*listed[TagFinding], error) {
	p, err := s.app.Tagging.List(ctx, tagging.Query{Rules: in.Rule, Owners: in.Owner, Open: in.Open, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &listed[TagFinding]{Body: Page[TagFinding]{Next: p.Next, Items: mapped(p.Rows, findingOf)}}
	if p.Next != "" {
		v := url.Values{"rule": in.Rule, "owner": in.Owner, "limit": {strconv.Itoa(in.Limit)}, "after": {p.Next}}
		if in.Open {
			v.Set("open", "true")
		}
		out.Link, out.Body.NextLink = link("/tagging/findings", v.Encode())
	}
	return out, nil
}

func (s *server) correctTags(ctx context.Context, in *tagActInput) (*struct{ Body TagCorrection }, error) {
	correct := s.app.Tagging.Correct
	if in.DryRun {
		correct = s.app.Tagging.Try
	}
	c, err := correct(ctx, in.Body.OpportunityID, in.Body.Rule, in.Body.Tags)
	return &struct{ Body TagCorrection }{correctionOf(&c)}, err
}

func (s *server) tagRules(ctx context.Context) (*record[TagRules], error) {
	rules, row, err := s.app.Tagging.Rules(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := s.app.Tagging.Counts(ctx)
	if err != nil {
		return nil, err
	}
	out := TagRules{Rules: mapped(rules, tagRuleOf), Found: map[string]int64{}, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)}
	for _, c := range counts {
		out.Found[c.Rule] = c.Count
	}
	return recordOf(row.Version, out)
}

func (s *server) putTagRules(ctx context.Context, in *struct {
	Repeatable
	Versioned
	DryRun bool `query:"dry_run" doc:"Say what the rules would find, and change nothing."`
	Body   struct {
		Rules []TagRule `json:"rules" nullable:"false" maxItems:"100"`
	}
},
) (*record[TagRules], error) {
	rules := tagging.Rules(mapped(in.Body.Rules, ruleFrom))
	if in.DryRun {
		found, err := s.app.Tagging.Preview(ctx, rules)
		if err != nil {
			return nil, err
		}
		return recordOf(0, TagRules{Rules: in.Body.Rules, Found: found})
	}
	version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
		_, row, err := s.app.Tagging.Rules(ctx)
		return row, err
	})
	if err != nil {
		return nil, err
	}
	if err := s.app.Tagging.SetRules(ctx, rules, version); err != nil {
		return nil, err
	}
	return s.tagRules(ctx)
}
