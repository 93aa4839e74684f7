package aws

import (
	"container/heap"
	"slices"
	"strings"
	"time"
)

const (
	awsAccount          = "AWS" // AWS's own "account" in engagements
	resourceOpportunity = "Opportunity"

	templateSummary = "OpportunitySummary"            // what a partner shows
	templateAWS     = "AwsOpportunitySummaryFullView" // what AWS shows
)

// party is somebody who takes part in an engagement.
type party struct {
	Account string `json:"account"`
	Company string `json:"company,omitempty"`
	Website string `json:"website,omitempty"`
}

// engagement is the shared space in which parties show each other snapshots of
// their opportunities. Its slices are replaced, never changed in place.
type engagement struct {
	ID          string     `json:"id"`
	Catalog     string     `json:"catalog"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	CreatedBy   string     `json:"created_by"`
	Created     time.Time  `json:"created"`
	ModifiedBy  string     `json:"modified_by"`
	Modified    time.Time  `json:"modified"`
	Members     []party    `json:"members"`
	Contexts    []topic    `json:"contexts,omitempty"`
	Resources   []resource `json:"resources,omitempty"`
}

// topic is an engagement's context: what the engagement is about. Payload is
// the content of the union's member that Kind names.
type topic struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"` // CustomerProject, Lead, ProspectingResult
	Payload     doc    `json:"payload"`
	Opportunity string `json:"opportunity,omitempty"` // made from this lead
}

// resource is an opportunity that was shown in an engagement.
type resource struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
}

func (e *engagement) hasMember(account string) bool {
	return slices.ContainsFunc(e.Members, func(p party) bool { return p.Account == account })
}

func (e *engagement) contextTypes() []string {
	out := []string{}
	for _, c := range e.Contexts {
		if !slices.Contains(out, c.Kind) {
			out = append(out, c.Kind)
		}
	}
	return out
}

// others are the members but one.
func (e *engagement) others(account string) []string {
	out := []string{}
	for _, p := range e.Members {
		if p.Account != account {
			out = append(out, p.Account)
		}
	}
	return out[:min(len(out), 10)] // the model's limit for a snapshot's targets
}

// invitation asks somebody into an engagement.
type invitation struct {
	ID          string    `json:"id"`
	Catalog     string    `json:"catalog"`
	Engagement  string    `json:"engagement"`
	Kind        string    `json:"kind"` // OpportunityInvitation, LeadInvitation
	Message     string    `json:"message"`
	Sender      party     `json:"sender"`
	Receiver    party     `json:"receiver"`
	Alias       string    `json:"alias,omitempty"`
	Status      string    `json:"status"`
	Reason      string    `json:"reason,omitempty"` // of the rejection
	Sent        time.Time `json:"sent"`
	Expires     time.Time `json:"expires"`
	Payload     doc       `json:"payload,omitempty"`     // content of the union's member that Kind names
	Hidden      doc       `json:"hidden,omitempty"`      // the opportunity that acceptance makes
	Opportunity string    `json:"opportunity,omitempty"` // what acceptance made
}

// snapshot is one immutable revision of an opportunity as members see it.
type snapshot struct {
	Engagement string    `json:"engagement"`
	Resource   string    `json:"resource"`
	Template   string    `json:"template"`
	Revision   int       `json:"revision"`
	CreatedBy  string    `json:"created_by"`
	Created    time.Time `json:"created"`
	Payload    doc       `json:"payload"`
	Targets    []string  `json:"targets,omitempty"`
}

func (s *snapshot) series() string { return s.Engagement + "/" + s.Resource + "/" + s.Template }

// snapshotJob makes a new snapshot when the opportunity has changed.
type snapshotJob struct {
	ID         string    `json:"id"`
	Catalog    string    `json:"catalog"`
	Engagement string    `json:"engagement"`
	Resource   string    `json:"resource"`
	Template   string    `json:"template"`
	Status     string    `json:"status"` // Running, Stopped
	Created    time.Time `json:"created"`
	LastRun    time.Time `json:"last_run"` // last success
	Failure    string    `json:"failure,omitempty"`
	Deleted    bool      `json:"deleted,omitempty"`
}

// prospecting is a task that asks AWS about the customers of engagements.
type prospecting struct {
	ID      string     `json:"id"`
	Catalog string     `json:"catalog"`
	Name    string     `json:"name"`
	Started time.Time  `json:"started"`
	Due     time.Time  `json:"due"`
	Ended   time.Time  `json:"ended"`
	Results []prospect `json:"results"`
}

// prospect is a prospecting task's outcome for one engagement.
type prospect struct {
	Engagement string `json:"engagement"`
	Context    string `json:"context,omitempty"`
	Status     string `json:"status"`
	Reason     string `json:"reason,omitempty"`
	Message    string `json:"message,omitempty"`
}

// setting is the role of the snapshot jobs in a catalog.
type setting struct {
	Catalog string `json:"catalog"`
	Role    string `json:"role"`
}

func (e *engagement) recordID() string  { return e.ID }
func (i *invitation) recordID() string  { return i.ID }
func (j *snapshotJob) recordID() string { return j.ID }

type record interface{ recordID() string }

// stage puts a changed record among those of a transaction.
func stage[T record](list []T, r T) []T {
	return append(slices.DeleteFunc(list, func(o T) bool { return o.recordID() == r.recordID() }), r)
}

// latest gives a record as the transaction has changed it so far.
func latest[T record](staged []T, stored map[string]T, id string) (T, bool) {
	for _, r := range staged {
		if r.recordID() == id {
			return r, true
		}
	}
	r, ok := stored[id]
	return r, ok
}

func (x *tx) putEngagement(e *engagement) { x.out.Engagements = stage(x.out.Engagements, e) }
func (x *tx) putInvitation(i *invitation) { x.out.Invitations = stage(x.out.Invitations, i) }
func (x *tx) putJob(j *snapshotJob)       { x.out.Jobs = stage(x.out.Jobs, j) }

// bare is the id in an id or an ARN.
func bare(identifier string) string { return identifier[strings.LastIndexByte(identifier, '/')+1:] }

// findEngagement gives a copy of an engagement that the caller may change and
// put.
func (x *tx) findEngagement(catalog, identifier string) (*engagement, *fault) {
	e, ok := latest(x.out.Engagements, x.s.state.engagements, bare(identifier))
	if !ok || e.Catalog != catalog {
		return nil, notFound("Engagement", identifier)
	}
	dup := *e
	return &dup, nil
}

// joined is findEngagement for what only members may see or do.
func (x *tx) joined(catalog, identifier string) (*engagement, *fault) {
	e, f := x.findEngagement(catalog, identifier)
	if f == nil && !e.hasMember(x.s.opt.AccountID) {
		return nil, accessDenied("The account " + x.s.opt.AccountID + " is not a member of the engagement " + e.ID + ".")
	}
	return e, f
}

// findInvitation gives a copy of an invitation that the caller may change and
// put.
func (x *tx) findInvitation(catalog, identifier string) (*invitation, *fault) {
	i, ok := latest(x.out.Invitations, x.s.state.invitations, bare(identifier))
	if !ok || i.Catalog != catalog {
		return nil, notFound("Engagement invitation", identifier)
	}
	dup := *i
	return &dup, nil
}

// touchEngagement notes who changed an engagement; its time always grows by a
// millisecond at least.
func (x *tx) touchEngagement(e *engagement, by string) {
	next := x.now
	if !next.After(e.Modified) {
		next = e.Modified.Add(time.Millisecond)
	}
	e.Modified, e.ModifiedBy = next, by
	x.putEngagement(e)
}

func (st *state) applyShared(c *change) {
	for _, e := range c.Engagements {
		st.engagements[e.ID] = e
	}
	for _, i := range c.Invitations {
		st.invitations[i.ID] = i
		if i.Status == invitationPending {
			heap.Push(&st.due, dueItem{at: i.Expires, id: i.ID})
		}
	}
	for _, s := range c.Snapshots {
		st.snapshots[s.series()] = append(st.snapshots[s.series()], s)
	}
	for _, j := range c.Jobs {
		switch known := st.jobs[j.ID] != nil; {
		case j.Deleted:
			delete(st.jobs, j.ID)
			st.jobsOf[j.Resource] = slices.DeleteFunc(slices.Clone(st.jobsOf[j.Resource]), func(id string) bool { return id == j.ID })
		case !known:
			st.jobsOf[j.Resource] = append(slices.Clone(st.jobsOf[j.Resource]), j.ID)
			st.jobs[j.ID] = j
		default:
			st.jobs[j.ID] = j
		}
	}
	for _, p := range c.Prospectings {
		st.prospectings[p.ID] = p
		if p.Ended.IsZero() {
			heap.Push(&st.due, dueItem{at: p.Due, id: p.ID})
		}
	}
	for _, s := range c.Settings {
		st.settings[s.Catalog] = s.Role
	}
}

// compactShared writes what engagements hold, one line for each record; a
// series of snapshots is one.
func (st *state) compactShared(emit func(string, any) error) error {
	var lines []change
	for _, e := range st.engagements {
		lines = append(lines, change{Engagements: []*engagement{e}})
	}
	for _, i := range st.invitations {
		lines = append(lines, change{Invitations: []*invitation{i}})
	}
	for _, list := range st.snapshots {
		lines = append(lines, change{Snapshots: list})
	}
	for _, ids := range st.jobsOf {
		for _, id := range ids {
			lines = append(lines, change{Jobs: []*snapshotJob{st.jobs[id]}})
		}
	}
	for _, p := range st.prospectings {
		lines = append(lines, change{Prospectings: []*prospecting{p}})
	}
	for catalog, role := range st.settings {
		lines = append(lines, change{Settings: []setting{{catalog, role}}})
	}
	for _, line := range lines {
		if err := emit(journalKind, line); err != nil {
			return err
		}
	}
	return nil
}
