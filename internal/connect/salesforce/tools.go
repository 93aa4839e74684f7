package salesforce

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// knownTool is another co-sell tool, as its objects tell it. Only an object of a cloud
// holds registrations that are read; the fields are found by their names or labels, for
// no package publishes all of them (salesforce-gitlab.md §2.1: of the AWS connector the
// object, APN_CRM_Id__c and the lookup's label are documented, of Tackle the labels; the
// rest is unverified).
type knownTool struct {
	name   string
	object *regexp.Regexp // of the API name, or of the label
	cloud  cloud.Cloud
	id     *regexp.Regexp // of the field with the partner's id
	status *regexp.Regexp
}

var knownTools = []knownTool{
	{"AWS Partner CRM Connector", regexp.MustCompile(`(?i)^awsapn__ACE_Opportunity__c$`), cloud.AWS, regexp.MustCompile(`(?i)APN_?CRM_?(Unique_?)?Id`), regexp.MustCompile(`(?i)(^|__)(review_)?status__c$|^status$`)},
	{"Tackle", regexp.MustCompile(`(?i)^Tackle AWS Co-?Sell Opportunity$|^tackle\w*__\w*aws\w*co_?sell_?opportunity__c$`), cloud.AWS, regexp.MustCompile(`(?i)AWS ?Partner ?Central ?Id`), regexp.MustCompile(`(?i)review_?status|lifecycle ?review|summary status`)},
	{"WorkSpan", regexp.MustCompile(`(?i)^workspan\w*__`), "", nil, nil},
	{"Labra", regexp.MustCompile(`(?i)^labra\w*__|^Labra (Referral|Leads?)$`), "", nil, nil},
	{"Crossbeam", regexp.MustCompile(`(?i)^crossbeam\w*__`), "", nil, nil},
}

// tool is one that the organisation has. Of one that holds no registrations sources is
// empty.
type tool struct {
	name, object string
	cloud        cloud.Cloud
	sources      []source
}

type toolCache struct {
	mu    sync.Mutex
	known []tool
	asked time.Time
}

// listed is one object in the list of all.
type listed struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// toolsFor is for how long the list of all objects is relied on: a package that is
// installed meanwhile is known that much later.
const toolsFor = 10 * time.Minute

// otherTools finds the co-sell tools of others in the list of all objects.
func (c *Client) otherTools(ctx context.Context) ([]tool, error) {
	c.tools.mu.Lock()
	defer c.tools.mu.Unlock()
	if now := c.clock.Now(); !c.tools.asked.IsZero() && now.Sub(c.tools.asked) < toolsFor {
		return c.tools.known, nil
	}
	ans, err := c.do(ctx, call{op: "describe all objects", method: http.MethodGet, path: "/sobjects", idempotent: true})
	if err != nil {
		return nil, err
	}
	var all struct {
		Objects []listed `json:"sobjects"`
	}
	if err := json.Unmarshal(ans.body, &all); err != nil || len(all.Objects) == 0 {
		return nil, garbage("describe all objects", ans, "no list of objects")
	}
	var found []tool
	for _, k := range knownTools {
		for _, o := range all.Objects {
			if !k.object.MatchString(o.Name) && !k.object.MatchString(o.Label) {
				continue
			}
			t := tool{name: k.name, object: o.Name, cloud: k.cloud}
			if k.cloud != "" {
				if t.sources, err = c.claimSources(ctx, k, o.Name); err != nil {
					return nil, err
				}
			}
			found = append(found, t)
			if k.cloud == "" {
				break // one object is enough to know that it is there
			}
		}
	}
	c.tools.known, c.tools.asked = found, c.clock.Now()
	return found, nil
}

// claimSources finds the fields of a tool's registrations; none if it has no lookup to
// opportunities or no field for the partner's id.
func (c *Client) claimSources(ctx context.Context, k knownTool, object string) ([]source, error) {
	o, err := c.recent(ctx, object)
	if err != nil {
		return nil, err
	}
	var opportunity, id, status string
	for _, f := range o.Fields {
		switch {
		case opportunity == "" && slices.Contains(f.ReferenceTo, "Opportunity"):
			opportunity = f.Name
		case id == "" && (k.id.MatchString(f.Name) || k.id.MatchString(f.Label)):
			id = f.Name
		case status == "" && (k.status.MatchString(f.Name) || k.status.MatchString(f.Label)):
			status = f.Name
		}
	}
	if opportunity == "" || id == "" {
		return nil, nil
	}
	out := []source{{"claim.opportunity", []string{opportunity}, true}, {"claim.remote_id", []string{id}, true}}
	if status != "" {
		out = append(out, source{"claim.status", []string{status}, false})
	}
	return out, nil
}

// Tools names the co-sell tools of others that the organisation has, and the objects of
// those whose registrations are read.
func (c *CRM) Tools(ctx context.Context) ([]connection.Tool, error) {
	list, err := c.client.otherTools(ctx)
	out := make([]connection.Tool, len(list))
	for i, t := range list {
		out[i] = connection.Tool{Name: t.name, Object: t.object, Read: len(t.sources) > 0}
	}
	return out, err
}

// Claims gives what a tool's object says of registrations, as changed does.
func (c *CRM) Claims(ctx context.Context, object string, read connection.Read) iter.Seq2[registration.Claim, error] {
	return func(yield func(registration.Claim, error) bool) {
		t, err := c.tool(ctx, object)
		if err != nil {
			yield(registration.Claim{}, err)
			return
		}
		for v, err := range changed(ctx, c, object, t.sources, read, t.claim) {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

func (c *CRM) tool(ctx context.Context, object string) (tool, error) {
	list, err := c.client.otherTools(ctx)
	if err != nil {
		return tool{}, err
	}
	i := slices.IndexFunc(list, func(t tool) bool { return strings.EqualFold(t.object, object) && len(t.sources) > 0 })
	if i < 0 {
		return tool{}, problem.NotFound("co-sell object", object)
	}
	return list[i], nil
}

func (t tool) claim(p plan, r values) (registration.Claim, error) {
	stamp, err := r.Time("SystemModstamp")
	return registration.Claim{
		CRMID: r.ID("Id"), Tool: t.name, Object: t.object, Cloud: t.cloud, OpportunityCRMID: p.id(r, "claim.opportunity"), RemoteID: strings.TrimSpace(p.text(r, "claim.remote_id")),
		Status: p.text(r, "claim.status"), Deleted: r.Bool("IsDeleted"), CRMModstamp: stamp,
	}, err
}

// ClaimsOf gives what the tools say of one opportunity now, deleted records too.
func (c *CRM) ClaimsOf(ctx context.Context, opportunityCRMID string) ([]registration.Claim, error) {
	list, err := c.client.otherTools(ctx)
	if err != nil {
		return nil, err
	}
	var out []registration.Claim
	for _, t := range list {
		if len(t.sources) == 0 {
			continue
		}
		p, ok, err := c.client.plan(ctx, t.object, t.sources)
		if err != nil || !ok {
			return nil, err
		}
		for r, err := range c.client.QueryAll(ctx, p.soql+" WHERE "+p.paths["claim.opportunity"]+" = "+Quote(opportunityCRMID), QueryOptions{}) {
			if err != nil {
				return nil, err
			}
			claim, err := t.claim(p, r)
			if err != nil {
				return nil, err
			}
			out = append(out, claim)
		}
	}
	return out, nil
}
