package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Job statuses.
const (
	jobRunning = "Running"
	jobStopped = "Stopped"
)

const noRole = "ResourceSnapshotJobRoleArn is not set in the selling system settings; see PutSellingSystemSettings."

func (x *tx) snapshotARN(catalog string, s *snapshot) string {
	return x.engagementARN(catalog, s.Engagement) + "/resource/" + resourceOpportunity + "/" + s.Resource + "/template/" + s.Template
}

// revisions gives a series of snapshots with those of this transaction.
func (x *tx) revisions(series string) []*snapshot {
	list := x.s.state.snapshots[series]
	for _, s := range x.out.Snapshots {
		if s.series() == series {
			list = append(slices.Clip(list), s)
		}
	}
	return list
}

// summaryView is what members see of a partner's opportunity.
func summaryView(o *opportunity) doc {
	out := o.Doc.pick("OpportunityType", "PrimaryNeedsFromAws", "Customer")
	life := doc(asMap(o.Doc["LifeCycle"])).pick("TargetCloseDate", "Stage", "NextSteps")
	life["ReviewStatus"] = o.Review.Status
	out["Lifecycle"] = life
	if project := doc(asMap(o.Doc["Project"])).pick("DeliveryModels", "ExpectedCustomerSpend", "ExpectedContractDuration", "CustomerUseCase", "SalesActivities", "OtherSolutionDescription"); len(project) > 0 {
		out["Project"] = project
	}
	if len(o.Team) > 0 {
		out["OpportunityTeam"] = o.Team
	}
	related := doc{}
	for kind, ids := range o.Related {
		if len(ids) > 0 {
			related[kind] = ids
		}
	}
	out["RelatedEntityIdentifiers"] = related
	return out
}

// takeSnapshot makes the next revision, unless the last one shows the same; it
// says whether it made one.
func (x *tx) takeSnapshot(e *engagement, resourceID, template, by string, payload doc) (*snapshot, bool) {
	s := &snapshot{Engagement: e.ID, Resource: resourceID, Template: template, Revision: 1, CreatedBy: by, Created: x.now, Payload: payload, Targets: e.others(by)}
	if list := x.revisions(s.series()); len(list) > 0 {
		last := list[len(list)-1]
		if same(last.Payload, payload) {
			return last, false
		}
		s.Revision = last.Revision + 1
	}
	x.out.Snapshots = append(x.out.Snapshots, s)
	if !slices.ContainsFunc(e.Resources, func(r resource) bool { return r.ID == resourceID && r.CreatedBy == by }) {
		e.Resources = append(slices.Clone(e.Resources), resource{resourceID, by})
		x.putEngagement(e)
	}
	return s, true
}

func same(a, b doc) bool {
	first, err1 := json.Marshal(a)
	second, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(first) == string(second)
}

// refresh runs the snapshot jobs of an opportunity that changed, and shows
// AWS's side anew where AWS has one.
func (x *tx) refresh(o *opportunity) {
	ids := slices.Clone(x.s.state.jobsOf[o.ID])
	for _, j := range x.out.Jobs {
		if j.Resource == o.ID && !slices.Contains(ids, j.ID) {
			ids = append(ids, j.ID)
		}
	}
	for _, id := range ids {
		if j, ok := latest(x.out.Jobs, x.s.state.jobs, id); ok && j.Status == jobRunning && !j.Deleted {
			dup := *j
			x.runJob(&dup, o)
		}
	}
	if o.Engagement.ID == "" || o.AWS.Stage == "" {
		return
	}
	if e, f := x.findEngagement(o.Catalog, o.Engagement.ID); f == nil {
		if s, fresh := x.takeSnapshot(e, o.ID, templateAWS, awsAccount, awsView(o)); fresh {
			x.emitSnapshot(s, o.Catalog)
		}
	}
}

func (x *tx) runJob(j *snapshotJob, o *opportunity) {
	failure := ""
	e, f := x.findEngagement(j.Catalog, j.Engagement)
	switch {
	case f != nil:
		failure = f.Message
	case x.jobRole(j.Catalog) == "":
		failure = noRole
	}
	if failure != "" {
		if failure != j.Failure {
			j.Failure = failure
			x.putJob(j)
		}
		return
	}
	s, fresh := x.takeSnapshot(e, o.ID, j.Template, x.s.opt.AccountID, summaryView(o))
	if fresh {
		x.emitSnapshot(s, j.Catalog)
	}
	if fresh || j.Failure != "" || j.LastRun.IsZero() {
		j.LastRun, j.Failure = x.now, ""
		x.putJob(j)
	}
}

func (x *tx) newJob(e *engagement, resourceID string, status string) *snapshotJob {
	return &snapshotJob{ID: x.newID("job-", 13), Catalog: e.Catalog, Engagement: e.ID, Resource: resourceID, Template: templateSummary, Status: status, Created: x.now}
}

// shown reads what the calls about snapshots share: an engagement of ours, an
// opportunity of ours and a template that partners may fill.
func (x *tx) shown(in doc) (*engagement, *opportunity, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
	if f != nil {
		return nil, nil, f
	}
	o, f := x.find(in.str("Catalog"), in.str("ResourceIdentifier"))
	if f != nil {
		return nil, nil, f
	}
	switch template := in.str("ResourceSnapshotTemplateIdentifier"); template {
	case templateSummary:
		return e, o, nil
	case templateAWS:
		return nil, nil, brokenRule(fieldError{"ResourceSnapshotTemplateIdentifier", template + " is filled by AWS only", codeNotPermitted})
	default:
		return nil, nil, brokenRule(fieldError{"ResourceSnapshotTemplateIdentifier", "there is no template " + template, codeValue})
	}
}

func (x *tx) createSnapshot(in doc) (doc, *fault) {
	return x.once("CreateResourceSnapshot", in, func() (doc, *fault) {
		e, o, f := x.shown(in)
		if f != nil {
			return nil, f
		}
		s, fresh := x.takeSnapshot(e, o.ID, templateSummary, x.s.opt.AccountID, summaryView(o))
		if fresh {
			x.emitSnapshot(s, e.Catalog)
		}
		x.adoptEngagement(o, e)
		return doc{"Arn": x.snapshotARN(e.Catalog, s), "Revision": s.Revision}, nil
	})
}

// adoptEngagement makes e the engagement through which AWS will see o, when o
// has none: a later submission uses it.
func (x *tx) adoptEngagement(o *opportunity, e *engagement) {
	if o.Engagement.ID == "" {
		o.Engagement.ID = e.ID
		x.put(o)
	}
}

func (x *tx) getSnapshot(in doc) (doc, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
	if f != nil {
		return nil, f
	}
	want := &snapshot{Engagement: e.ID, Resource: in.str("ResourceIdentifier"), Template: in.str("ResourceSnapshotTemplateIdentifier")}
	list := x.revisions(want.series())
	n := in.integer(len(list), "Revision")
	if n < 1 || n > len(list) {
		return nil, notFound("Resource snapshot", fmt.Sprintf("%s revision %d", want.series(), n))
	}
	s := list[n-1]
	out := doc{
		"Catalog": e.Catalog, "Arn": x.snapshotARN(e.Catalog, s), "CreatedBy": s.CreatedBy, "CreatedAt": stamp(s.Created), "EngagementId": e.ID,
		"ResourceType": resourceOpportunity, "ResourceId": s.Resource, "ResourceSnapshotTemplateName": s.Template, "Revision": s.Revision,
		"Payload": doc{s.Template: s.Payload},
	}
	if len(s.Targets) > 0 {
		out["TargetMemberAccounts"] = s.Targets
	}
	return out, nil
}

// listSnapshots lists every revision, oldest first within its series.
func (x *tx) listSnapshots(in doc) (doc, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
	if f != nil {
		return nil, f
	}
	var rows []pageRow
	for series, list := range x.s.state.snapshots {
		if !strings.HasPrefix(series, e.ID+"/") {
			continue
		}
		for _, s := range list {
			if !matches(in.str("ResourceIdentifier"), s.Resource) || !matches(in.str("ResourceSnapshotTemplateIdentifier"), s.Template) || !matches(in.str("CreatedBy"), s.CreatedBy) {
				continue
			}
			rows = append(rows, pageRow{key: series, id: fmt.Sprintf("%09d", s.Revision), value: func() any {
				return doc{
					"Arn": x.snapshotARN(e.Catalog, s), "Revision": s.Revision, "ResourceType": resourceOpportunity, "ResourceId": s.Resource,
					"ResourceSnapshotTemplateName": s.Template, "CreatedBy": s.CreatedBy,
				}
			}})
		}
	}
	return page(in, rows, "ResourceSnapshotSummaries", 100, false)
}

func (x *tx) jobARN(j *snapshotJob) string { return x.arn(j.Catalog, "resource-snapshot-job", j.ID) }

// createJob makes a job that StartResourceSnapshotJob has to start.
func (x *tx) createJob(in doc) (doc, *fault) {
	return x.once("CreateResourceSnapshotJob", in, func() (doc, *fault) {
		e, o, f := x.shown(in)
		if f != nil {
			return nil, f
		}
		if x.jobRole(e.Catalog) == "" {
			return nil, brokenRule(fieldError{"ResourceSnapshotJobRoleArn", noRole, codeState})
		}
		if j := x.jobFor(e.ID, o.ID); j != nil {
			return nil, conflict("The job " + j.ID + " for this resource and template exists already in the engagement.")
		}
		j := x.newJob(e, o.ID, jobStopped)
		x.putJob(j)
		x.adoptEngagement(o, e)
		if f := x.tagNew(in, x.jobARN(j)); f != nil {
			return nil, f
		}
		return doc{"Id": j.ID, "Arn": x.jobARN(j)}, nil
	})
}

// jobFor gives the job that shows an opportunity in an engagement, or nil.
func (x *tx) jobFor(engagementID, opportunityID string) *snapshotJob {
	for _, id := range x.s.state.jobsOf[opportunityID] {
		if j := x.s.state.jobs[id]; j.Engagement == engagementID {
			return j
		}
	}
	return nil
}

// job gives a copy of the job that a call is about.
func (x *tx) job(in doc) (*snapshotJob, *fault) {
	id := in.str("ResourceSnapshotJobIdentifier")
	j := x.s.state.jobs[id]
	if j == nil || j.Catalog != in.str("Catalog") {
		return nil, notFound("Resource snapshot job", id)
	}
	dup := *j
	return &dup, nil
}

func (x *tx) getJob(in doc) (doc, *fault) {
	j, f := x.job(in)
	if f != nil {
		return nil, f
	}
	out := doc{
		"Catalog": j.Catalog, "Id": j.ID, "Arn": x.jobARN(j), "EngagementId": j.Engagement, "ResourceType": resourceOpportunity, "ResourceId": j.Resource,
		"ResourceArn": x.arn(j.Catalog, "opportunity", j.Resource), "ResourceSnapshotTemplateName": j.Template, "CreatedAt": stamp(j.Created), "Status": j.Status,
	}
	if !j.LastRun.IsZero() {
		out["LastSuccessfulExecutionDate"] = stamp(j.LastRun)
	}
	if j.Failure != "" {
		out["LastFailure"] = j.Failure
	}
	return out, nil
}

func (x *tx) listJobs(in doc) (doc, *fault) {
	var rows []pageRow
	for _, j := range x.s.state.jobs {
		if j.Catalog != in.str("Catalog") || !matches(in.str("EngagementIdentifier"), j.Engagement) || !matches(in.str("Status"), j.Status) {
			continue
		}
		rows = append(rows, pageRow{key: stamp(j.Created), id: j.ID, value: func() any {
			return doc{"Id": j.ID, "Arn": x.jobARN(j), "EngagementId": j.Engagement, "Status": j.Status}
		}})
	}
	return page(in, rows, "ResourceSnapshotJobSummaries", 100, in.str("Sort", "SortOrder") != "ASCENDING")
}

func (x *tx) startJob(in doc) (doc, *fault) {
	j, f := x.job(in)
	if f != nil {
		return nil, f
	}
	if x.jobRole(j.Catalog) == "" {
		return nil, brokenRule(fieldError{"ResourceSnapshotJobRoleArn", noRole, codeState})
	}
	if j.Status == jobRunning {
		return nil, nil
	}
	j.Status = jobRunning
	x.putJob(j)
	if o, f := x.find(j.Catalog, j.Resource); f == nil {
		x.runJob(j, o)
	}
	return nil, nil
}

func (x *tx) stopJob(in doc) (doc, *fault) {
	j, f := x.job(in)
	if f != nil {
		return nil, f
	}
	if j.Status != jobRunning {
		return nil, brokenRule(fieldError{"ResourceSnapshotJobIdentifier", "the job must be started before it can be stopped", codeState})
	}
	j.Status = jobStopped
	x.putJob(j)
	return nil, nil
}

func (x *tx) deleteJob(in doc) (doc, *fault) {
	j, f := x.job(in)
	if f != nil {
		return nil, f
	}
	if j.Status == jobRunning {
		return nil, conflict("The job " + j.ID + " is Running; it must be stopped before it can be deleted.")
	}
	j.Deleted = true
	x.putJob(j)
	return nil, nil
}

// jobRole is the role of a catalog's snapshot jobs, or "".
func (x *tx) jobRole(catalog string) string {
	if role, ok := x.s.state.settings[catalog]; ok {
		return role
	}
	return x.s.opt.SnapshotJobRole
}

func settingsAnswer(catalog, role string) doc {
	out := doc{"Catalog": catalog}
	if role != "" {
		out["ResourceSnapshotJobRoleArn"] = role
	}
	return out
}

func (x *tx) getSettings(in doc) (doc, *fault) {
	return settingsAnswer(in.str("Catalog"), x.jobRole(in.str("Catalog"))), nil
}

// putSettings takes a role's name or ARN; without one the role is taken away.
func (x *tx) putSettings(in doc) (doc, *fault) {
	role := in.str("ResourceSnapshotJobRoleIdentifier")
	ours := "arn:aws:iam::" + x.s.opt.AccountID + ":role/"
	switch {
	case role != "" && !strings.HasPrefix(role, "arn:"):
		role = ours + role
	case role != "" && !strings.HasPrefix(role, ours):
		return nil, accessDenied("The role " + role + " is not of the account " + x.s.opt.AccountID + ".")
	}
	x.out.Settings = append(x.out.Settings, setting{in.str("Catalog"), role})
	return settingsAnswer(in.str("Catalog"), role), nil
}
