package aws

import (
	"container/heap"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Catalogs.
const (
	CatalogAWS     = "AWS"
	CatalogSandbox = "Sandbox"
)

// Review statuses as they stand on the wire.
const (
	statusPending        = "Pending Submission"
	statusSubmitted      = "Submitted"
	statusInReview       = "In review"
	statusActionRequired = "Action Required"
	statusApproved       = "Approved"
	statusRejected       = "Rejected"
)

// opportunity is one record of the partner's account. Doc holds what the
// partner sent; everything that AWS owns stands beside it.
type opportunity struct {
	ID          string              `json:"id"`
	Catalog     string              `json:"catalog"`
	Origin      string              `json:"origin"`
	Doc         doc                 `json:"doc"`
	Team        []any               `json:"team,omitempty"`
	Related     map[string][]string `json:"related,omitempty"` // by RelatedEntityType
	Created     time.Time           `json:"created"`
	Modified    time.Time           `json:"modified"`
	VisibleAt   time.Time           `json:"visible_at"` // reads find it only from here on
	NextSteps   []noted             `json:"next_steps,omitempty"`
	Review      review              `json:"review"`
	Involvement string              `json:"involvement,omitempty"`
	Visibility  string              `json:"visibility,omitempty"`
	Engagement  engagementRef       `json:"engagement"`
	AWS         awsSide             `json:"aws"`

	// What the reviewer compares, in normal form; set when the record is stored.
	normProblem, normCompany, normTitle string
}

// noted is one entry of a next-steps history.
type noted struct {
	Value string    `json:"Value"`
	Time  time.Time `json:"Time"`
}

// review is where AWS's validation of an opportunity stands.
type review struct {
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Comments  string    `json:"comments,omitempty"`
	Submitted time.Time `json:"submitted"` // of the last submission
	Due       time.Time `json:"due"`       // when the next step of the review happens; zero when none
	Rounds    int       `json:"rounds"`    // submissions so far
}

// engagementRef names the engagement through which AWS sees the opportunity.
type engagementRef struct {
	ID           string `json:"id,omitempty"`
	InvitationID string `json:"invitation_id,omitempty"` // of AWS; "" when AWS invited us
	JobID        string `json:"job_id,omitempty"`
}

// awsSide is what AWS's own sellers keep; zero until the deal is approved.
type awsSide struct {
	Stage            string  `json:"stage,omitempty"`
	NextSteps        string  `json:"next_steps,omitempty"`
	History          []noted `json:"history,omitempty"`
	TargetCloseDate  string  `json:"target_close_date,omitempty"`
	ClosedLostReason string  `json:"closed_lost_reason,omitempty"`
	Team             []any   `json:"team,omitempty"`
	Motion           string  `json:"motion,omitempty"`
	Score            int     `json:"score,omitempty"`
	Trend            string  `json:"trend,omitempty"`
	ChangeReason     string  `json:"change_reason,omitempty"` // InvolvementTypeChangeReason
}

// task is one of the three asynchronous tasks that end in an opportunity that
// AWS sees. Kind is "" for StartEngagementFromOpportunityTask.
type task struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind,omitempty"`
	Catalog     string    `json:"catalog"`
	Opportunity string    `json:"opportunity"`
	Context     string    `json:"context,omitempty"`
	Involvement string    `json:"involvement"`
	Visibility  string    `json:"visibility,omitempty"`
	Started     time.Time `json:"started"`
	Due         time.Time `json:"due"`
	Status      string    `json:"status"` // IN_PROGRESS, COMPLETE, FAILED
	Reason      string    `json:"reason,omitempty"`
	Message     string    `json:"message,omitempty"`
	Engagement  string    `json:"engagement,omitempty"`
	Invitation  string    `json:"invitation,omitempty"`
	Job         string    `json:"job,omitempty"`
}

// Entity is something that an opportunity can be associated with. Type is a
// RelatedEntityType of the API. Partner solutions have a status Active,
// Inactive or Draft; Marketplace entities Public, Limited, Restricted or Draft.
type Entity struct {
	Catalog  string    `json:"catalog"`
	Type     string    `json:"type"`
	ID       string    `json:"id"`
	Name     string    `json:"name,omitempty"`
	Category string    `json:"category,omitempty"`
	Status   string    `json:"status"`
	Created  time.Time `json:"created"`
	ARN      string    `json:"arn,omitempty"` // AwsMarketplaceSolutionArn of a partner solution
}

func (e Entity) key() string { return e.Catalog + "/" + e.Type + "/" + e.ID }

// replay is what a client token was used for.
type replay struct {
	Key    string          `json:"key"` // operation, catalog, token
	Digest string          `json:"digest"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Task   string          `json:"task,omitempty"` // the answer is this task's present state
}

type tagging struct {
	ARN  string            `json:"arn"`
	Tags map[string]string `json:"tags"`
}

// change is one transaction: one journal line, applied as a whole or not at all.
type change struct {
	Seq           int64          `json:"seq"`
	Opportunities []*opportunity `json:"opportunities,omitempty"`
	Tasks         []*task        `json:"tasks,omitempty"`
	Entities      []Entity       `json:"entities,omitempty"`
	Replays       []replay       `json:"replays,omitempty"`
	Tags          []tagging      `json:"tags,omitempty"`
	Events        []Event        `json:"events,omitempty"`
	Engagements   []*engagement  `json:"engagements,omitempty"`
	Invitations   []*invitation  `json:"invitations,omitempty"`
	Snapshots     []*snapshot    `json:"snapshots,omitempty"`
	Jobs          []*snapshotJob `json:"jobs,omitempty"`
	Prospectings  []*prospecting `json:"prospectings,omitempty"`
	Settings      []setting      `json:"settings,omitempty"`
}

const journalKind = "change"

// maxEvents bounds the outgoing event log.
const maxEvents = 20_000

// state is everything the sandbox knows. It is guarded by Server.mu. Stored
// opportunities and tasks are never changed in place.
type state struct {
	seq           int64
	opportunities map[string]*opportunity
	tasks         map[string]*task
	entities      map[string]Entity
	replays       map[string]replay
	tags          map[string]map[string]string
	events        []Event
	due           dueHeap
	engagements   map[string]*engagement
	invitations   map[string]*invitation
	snapshots     map[string][]*snapshot // by series, oldest first
	jobs          map[string]*snapshotJob
	jobsOf        map[string][]string // ids of jobs by resource
	prospectings  map[string]*prospecting
	settings      map[string]string // role of the snapshot jobs by catalog
}

func newState() *state {
	return &state{
		opportunities: map[string]*opportunity{}, tasks: map[string]*task{}, entities: map[string]Entity{},
		replays: map[string]replay{}, tags: map[string]map[string]string{}, engagements: map[string]*engagement{},
		invitations: map[string]*invitation{}, snapshots: map[string][]*snapshot{}, jobs: map[string]*snapshotJob{},
		jobsOf: map[string][]string{}, prospectings: map[string]*prospecting{}, settings: map[string]string{},
	}
}

func (st *state) apply(c *change) {
	st.seq = max(st.seq, c.Seq)
	for _, o := range c.Opportunities {
		o.normProblem = normal(o.Doc.str("Project", "CustomerBusinessProblem"))
		o.normCompany = normal(o.Doc.str("Customer", "Account", "CompanyName"))
		o.normTitle = normal(o.Doc.str("Project", "Title"))
		st.opportunities[o.ID] = o
		if !o.Review.Due.IsZero() {
			heap.Push(&st.due, dueItem{at: o.Review.Due, id: o.ID})
		}
	}
	for _, t := range c.Tasks {
		st.tasks[t.ID] = t
		if t.Status == taskInProgress {
			heap.Push(&st.due, dueItem{at: t.Due, id: t.ID})
		}
	}
	for _, e := range c.Entities {
		st.entities[e.key()] = e
	}
	for _, r := range c.Replays {
		st.replays[r.Key] = r
	}
	for _, t := range c.Tags {
		st.tags[t.ARN] = t.Tags
	}
	st.applyShared(c)
	st.events = append(st.events, c.Events...)
	if len(st.events) > maxEvents {
		st.events = slices.Clone(st.events[len(st.events)-maxEvents/2:])
	}
}

// write emits the present state as one change for each record.
func (st *state) write(emit func(kind string, v any) error) error {
	first := change{Seq: st.seq, Entities: slices.Collect(maps.Values(st.entities)), Replays: slices.Collect(maps.Values(st.replays)), Events: st.events}
	for arn, tags := range st.tags {
		first.Tags = append(first.Tags, tagging{arn, tags})
	}
	if err := emit(journalKind, first); err != nil {
		return err
	}
	for _, o := range st.opportunities {
		if err := emit(journalKind, change{Opportunities: []*opportunity{o}}); err != nil {
			return err
		}
	}
	for _, t := range st.tasks {
		if err := emit(journalKind, change{Tasks: []*task{t}}); err != nil {
			return err
		}
	}
	return st.compactShared(emit)
}

// records is how many lines a compacted journal would have.
func (st *state) records() int {
	return 1 + len(st.opportunities) + len(st.tasks) + len(st.engagements) + len(st.invitations) + len(st.snapshots) + len(st.jobs) + len(st.prospectings)
}

// dueItem is something that happens by itself at a time.
type dueItem struct {
	at time.Time
	id string // of a task, an opportunity, an invitation or a prospecting task
}

// dueHeap orders due items by time, then by id, so that a run is repeatable.
// Outdated items stay in it; who pops one looks whether it still holds.
type dueHeap []dueItem

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(a, b int) bool {
	if !h[a].at.Equal(h[b].at) {
		return h[a].at.Before(h[b].at)
	}
	return h[a].id < h[b].id
}
func (h dueHeap) Swap(a, b int) { h[a], h[b] = h[b], h[a] }

// Push is for container/heap.
func (h *dueHeap) Push(x any) {
	if item, ok := x.(dueItem); ok {
		*h = append(*h, item)
	}
}

// Pop is for container/heap.
func (h *dueHeap) Pop() any {
	old := *h
	item := old[len(old)-1]
	*h = old[:len(old)-1]
	return item
}

// next pops the first item that is due at now.
func (h *dueHeap) next(now time.Time) (dueItem, bool) {
	if len(*h) == 0 || (*h)[0].at.After(now) {
		return dueItem{}, false
	}
	item, ok := heap.Pop(h).(dueItem)
	return item, ok
}
