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
	for _, other := range x.s.state.tasks {
		if other.Opportunity == o.ID && other.Status == taskInProgress {
			return nil, conflict("A task (" + other.ID + ") for this opportunity is already in progress.")
		}
	}
	t := &task{
		ID: x.newID("task-", 13), Catalog: catalog, Opportunity: o.ID, Status: taskInProgress, Started: x.now, Due: x.now.Add(x.s.opt.TaskDelay),
		Involvement: in.str("AwsSubmission", "InvolvementType"), Visibility: in.str("AwsSubmission", "Visibility"),
	}
	x.out.Tasks = append(x.out.Tasks, t)
	if tags := in.list("Tags"); len(tags) > 0 {
		m, f := tagMap(tags)
		if f != nil {
			return nil, f
		}
		x.out.Tags = append(x.out.Tags, tagging{x.arn(catalog, "engagement-from-opportunity-task", t.ID), m})
	}
	fresh.Task = t.ID
	x.keep(fresh, nil)
	return x.taskAnswer(t), nil
}

func (x *tx) taskAnswer(t *task) doc {
	if t == nil {
		return doc{}
	}
	out := doc{
		"TaskId": t.ID, "TaskArn": x.arn(t.Catalog, "engagement-from-opportunity-task", t.ID), "StartTime": stamp(t.Started),
		"TaskStatus": t.Status, "OpportunityId": t.Opportunity,
	}
	for name, v := range map[string]string{
		"Message": t.Message, "ReasonCode": t.Reason, "EngagementId": t.Engagement,
		"EngagementInvitationId": t.Invitation, "ResourceSnapshotJobId": t.Job,
	} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

// finishTask ends a task at its due time.
func (x *tx) finishTask(old *task) {
	t := *old
	o, f := x.find(t.Catalog, t.Opportunity)
	if f == nil {
		f = x.trySubmit(o, t.Involvement, t.Visibility)
	}
	if f != nil {
		t.Status, t.Reason, t.Message = taskFailed, "OpportunitySubmissionFailed", f.Error()
		x.out.Tasks = append(x.out.Tasks, &t)
		return
	}
	t.Status, t.Engagement, t.Invitation, t.Job = taskComplete, o.Engagement.ID, o.Engagement.InvitationID, o.Engagement.JobID
	x.out.Tasks = append(x.out.Tasks, &t)
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
	first := o.Engagement.ID == ""
	if first {
		o.Engagement = engagement{ID: x.newID("eng-", 14), InvitationID: x.newID("engi-", 13), JobID: x.newID("job-", 13), Revision: 1}
		x.emitEngaged(o)
	}
	x.submit(o, involvement, visibility)
	x.touch(o)
	x.put(o)
	x.emitOpportunity("Opportunity Updated", o)
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

// listTasks lists tasks, newest first unless asked otherwise.
func (x *tx) listTasks(in doc) (doc, *fault) {
	byID := func(list []string, id string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(v string) bool { return v == id || strings.HasSuffix(v, "/"+id) })
	}
	var rows []pageRow
	for _, t := range x.s.state.tasks {
		if t.Catalog != in.str("Catalog") || !byID(in.strs("TaskIdentifier"), t.ID) || !byID(in.strs("OpportunityIdentifier"), t.Opportunity) ||
			!byID(in.strs("TaskStatus"), t.Status) || !byID(in.strs("EngagementIdentifier"), t.Engagement) {
			continue
		}
		rows = append(rows, pageRow{key: stamp(t.Started), id: t.ID, value: func() any { return x.taskAnswer(t) }})
	}
	return page(in, rows, "TaskSummaries", 100, in.str("Sort", "SortOrder") != "ASCENDING")
}
