package aws

import (
	"slices"
	"strings"
	"time"
)

// Task statuses.
const (
	taskInProgress = "IN_PROGRESS"
	taskComplete   = "COMPLETE"
	taskFailed     = "FAILED"
)

// Kinds of task, as they stand in its ARN.
const (
	taskAccept      = "engagement-by-accepting-invitation-task"
	taskOpportunity = "opportunity-from-engagement-task"
)

// startEngagement begins the asynchronous submission of an opportunity. The
// same client token answers with the task's present state.
func (x *tx) startEngagement(in doc) (doc, *fault) {
	old, fresh, f := x.repeat("StartEngagementFromOpportunityTask", in)
	if f != nil {
		return nil, f
	}
	if old != nil {
		return x.taskAnswer(x.s.state.tasks[old.Task]), nil
	}
	catalog := in.str("Catalog")
	o, f := x.find(catalog, in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	if f := x.busy(func(t *task) bool { return t.Opportunity == o.ID }); f != nil {
		return nil, f
	}
	t := &task{
		ID: x.newID("task-", 13), Catalog: catalog, Opportunity: o.ID, Status: taskInProgress, Started: x.now, Due: x.now.Add(x.s.opt.TaskDelay),
		Involvement: in.str("AwsSubmission", "InvolvementType"), Visibility: in.str("AwsSubmission", "Visibility"),
	}
	x.out.Tasks = append(x.out.Tasks, t)
	if f := x.tagNew(in, x.taskARN(t)); f != nil {
		return nil, f
	}
	fresh.Task = t.ID
	x.keep(fresh, nil)
	return x.taskAnswer(t), nil
}

// busy refuses a second task about the same thing while one runs.
func (x *tx) busy(same func(*task) bool) *fault {
	for _, other := range x.s.state.tasks {
		if other.Status == taskInProgress && same(other) {
			return conflict("A task (" + other.ID + ") for this resource is already in progress.")
		}
	}
	return nil
}

func (x *tx) taskARN(t *task) string {
	kind := t.Kind
	if kind == "" {
		kind = "engagement-from-opportunity-task"
	}
	return x.arn(t.Catalog, kind, t.ID)
}

// taskAnswer shows a task. The ids of what it made appear when it is complete.
func (x *tx) taskAnswer(t *task) doc {
	if t == nil {
		return doc{}
	}
	out := doc{"TaskId": t.ID, "TaskArn": x.taskARN(t), "StartTime": stamp(t.Started), "TaskStatus": t.Status}
	members := map[string]string{"Message": t.Message, "ReasonCode": t.Reason, "OpportunityId": t.Opportunity, "ResourceSnapshotJobId": t.Job}
	switch t.Kind {
	case taskAccept:
		members["EngagementInvitationId"] = t.Invitation
	case taskOpportunity:
		members["EngagementId"], members["ContextId"] = t.Engagement, t.Context
	default:
		members["EngagementId"], members["EngagementInvitationId"] = t.Engagement, t.Invitation
	}
	for name, v := range members {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

// finishTask ends a task at its due time.
func (x *tx) finishTask(old *task) {
	t := *old
	switch t.Kind {
	case taskAccept:
		x.finishAccepting(&t)
	case taskOpportunity:
		x.finishOpportunity(&t)
	default:
		x.finishSubmission(&t)
	}
	x.out.Tasks = append(x.out.Tasks, &t)
}

func (t *task) fail(reason, message string) {
	t.Status, t.Reason, t.Message = taskFailed, reason, message
}

func (x *tx) finishSubmission(t *task) {
	o, f := x.find(t.Catalog, t.Opportunity)
	if f == nil && x.jobRole(t.Catalog) == "" {
		t.fail("ResourceSnapshotJobValidationFailed", noRole)
		return
	}
	if f == nil {
		f = x.trySubmit(o, t.Involvement, t.Visibility)
	}
	if f != nil {
		t.fail("OpportunitySubmissionFailed", f.Error())
		return
	}
	t.Status, t.Engagement, t.Invitation, t.Job = taskComplete, o.Engagement.ID, o.Engagement.InvitationID, o.Engagement.JobID
}

func (x *tx) submitOpportunity(in doc) (doc, *fault) {
	o, f := x.find(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	return nil, x.trySubmit(o, in.str("InvolvementType"), in.str("Visibility"))
}

// trySubmit checks the rules of submission and hands the opportunity to AWS.
func (x *tx) trySubmit(o *opportunity, involvement, visibility string) *fault {
	converts := o.Review.Status == statusApproved && o.Involvement == involveVisible && involvement == involveCoSell
	switch {
	case o.Review.Status == statusPending, o.Review.Status == statusActionRequired, converts:
	default:
		return brokenRule(fieldError{"LifeCycle.ReviewStatus", "the opportunity is already submitted; its review status is " + o.Review.Status, codeState})
	}
	if o.Involvement == involveCoSell && involvement == involveVisible {
		return brokenRule(fieldError{"InvolvementType", "Co-Sell cannot be turned back to For Visibility Only", codeNotPermitted})
	}
	if errs := x.s.submitRules(o, involvement, x.now); len(errs) > 0 {
		return brokenRule(errs...)
	}
	x.submit(o, involvement, visibility)
	x.engage(o, true)
	x.touch(o)
	x.put(o)
	x.updated(o)
	return nil
}

// submit puts the opportunity in AWS's queue.
func (x *tx) submit(o *opportunity, involvement, visibility string) {
	if visibility == "" {
		visibility = "Full"
	}
	o.Involvement, o.Visibility = involvement, visibility
	o.Review.Status, o.Review.Submitted = statusSubmitted, x.now
	o.Review.Rounds++
	o.Review.Due = time.Time{}
	if o.Catalog == CatalogAWS {
		o.Review.Due = x.now.Add(x.s.opt.ReviewDelay / 4)
	}
}

// listTasks lists tasks of a kind, newest first unless asked otherwise.
func (x *tx) listTasks(in doc, kind string) (doc, *fault) {
	var rows []pageRow
	for _, t := range x.s.state.tasks {
		if t.Kind != kind || t.Catalog != in.str("Catalog") || !names(in.strs("TaskIdentifier"), t.ID) || !names(in.strs("OpportunityIdentifier"), t.Opportunity) ||
			!names(in.strs("TaskStatus"), t.Status) || !names(in.strs("EngagementIdentifier"), t.Engagement) ||
			!names(in.strs("EngagementInvitationIdentifier"), t.Invitation) || !names(in.strs("ContextIdentifier"), t.Context) {
			continue
		}
		rows = append(rows, pageRow{key: stamp(t.Started), id: t.ID, value: func() any { return x.taskAnswer(t) }})
	}
	return page(in, rows, "TaskSummaries", 100, in.str("Sort", "SortOrder") != "ASCENDING")
}

func (x *tx) listSubmissions(in doc) (doc, *fault) { return x.listTasks(in, "") }

// names says whether a filter of ids or ARNs lets id through; an empty one lets
// all.
func names(list []string, id string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(v string) bool { return v == id || strings.HasSuffix(v, "/"+id) })
}
