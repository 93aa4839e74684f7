package aws

import (
	"fmt"
	"slices"
	"strings"
)

// startAccepting begins to accept an invitation to an opportunity: the task
// accepts, makes the opportunity in our account and a job that shows it.
func (x *tx) startAccepting(in doc) (doc, *fault) {
	return x.startTask("StartEngagementByAcceptingInvitationTask", in, func(t *task) *fault {
		i, f := x.mine(in)
		if f != nil {
			return f
		}
		if i.Receiver.Account != x.s.opt.AccountID {
			return accessDenied("Only the receiver can accept the invitation " + i.ID + ".")
		}
		t.Kind, t.Invitation = taskAccept, i.ID
		return x.busy(func(other *task) bool { return other.Kind == taskAccept && other.Invitation == i.ID })
	})
}

// startOpportunity begins to turn a lead into an opportunity.
func (x *tx) startOpportunity(in doc) (doc, *fault) {
	return x.startTask("StartOpportunityFromEngagementTask", in, func(t *task) *fault {
		e, f := x.joined(in.str("Catalog"), in.str("Identifier"))
		if f != nil {
			return f
		}
		t.Kind, t.Engagement, t.Context = taskOpportunity, e.ID, in.str("ContextIdentifier")
		return x.busy(func(other *task) bool {
			return other.Kind == taskOpportunity && other.Engagement == e.ID && other.Context == t.Context
		})
	})
}

// startTask begins a task that fill describes. The same client token answers
// with the task's present state.
func (x *tx) startTask(operation string, in doc, fill func(*task) *fault) (doc, *fault) {
	old, fresh, f := x.repeat(operation, in)
	if f != nil {
		return nil, f
	}
	if old != nil {
		return x.taskAnswer(x.s.state.tasks[old.Task]), nil
	}
	t := &task{Catalog: in.str("Catalog"), Status: taskInProgress, Started: x.now, Due: x.now.Add(x.s.opt.TaskDelay)}
	if f := fill(t); f != nil {
		return nil, f
	}
	t.ID = x.newID("task-", 13)
	x.out.Tasks = append(x.out.Tasks, t)
	if f := x.tagNew(in, x.taskARN(t)); f != nil {
		return nil, f
	}
	fresh.Task = t.ID
	x.keep(fresh, nil)
	return x.taskAnswer(t), nil
}

func (x *tx) listAccepting(in doc) (doc, *fault)        { return x.listTasks(in, taskAccept) }
func (x *tx) listOpportunityTasks(in doc) (doc, *fault) { return x.listTasks(in, taskOpportunity) }

func (x *tx) finishAccepting(t *task) {
	i, f := x.findInvitation(t.Catalog, t.Invitation)
	switch {
	case f != nil:
		t.fail("InvitationValidationFailed", f.Message)
		return
	case i.Kind != inviteOpportunity:
		t.fail("InvitationValidationFailed", "The invitation "+i.ID+" is a "+i.Kind+"; accept it with AcceptEngagementInvitation.")
		return
	case i.Status != invitationPending && (i.Status != invitationAccepted || i.Opportunity != ""):
		t.fail("EngagementInvitationConflict", "The invitation "+i.ID+" is "+i.Status+".")
		return
	case x.jobRole(t.Catalog) == "":
		t.fail("ResourceSnapshotJobValidationFailed", noRole)
		return
	}
	if i.Status == invitationPending {
		if f := x.accept(i); f != nil {
			t.fail("EngagementValidationFailed", f.Message)
			return
		}
	}
	e, f := x.findEngagement(i.Catalog, i.Engagement)
	if f != nil {
		t.fail("EngagementValidationFailed", f.Message)
		return
	}
	d := i.Hidden
	if d == nil {
		d = opportunityOf(i.Payload)
	}
	o := x.bornFrom(e, partnerDoc(d.with("Prospect", "LifeCycle", "Stage")), i.Sender.Account)
	if i.Sender.Account == awsAccount { // AWS has validated its own referral
		o.Involvement, o.Visibility = involveCoSell, "Full"
		o.Review = review{Status: statusApproved, Submitted: x.now, Rounds: 1}
		x.engageAWS(o)
	}
	x.present(o, e)
	i.Opportunity = o.ID
	x.putInvitation(i)
	t.Status, t.Opportunity, t.Job = taskComplete, o.ID, o.Engagement.JobID
}

// opportunityOf makes an opportunity's document of an invitation's payload.
func opportunityOf(p doc) doc {
	d := doc{}.with(p.str("Customer", "CompanyName"), "Customer", "Account", "CompanyName").
		with(p.str("Customer", "Industry"), "Customer", "Account", "Industry").
		with(p.str("Customer", "WebsiteUrl"), "Customer", "Account", "WebsiteUrl").
		with(p.str("Customer", "CountryCode"), "Customer", "Account", "Address", "CountryCode").
		with(p.str("Project", "Title"), "Project", "Title").
		with(p.str("Project", "BusinessProblem"), "Project", "CustomerBusinessProblem").
		with(p.str("Project", "TargetCompletionDate"), "LifeCycle", "TargetCloseDate")
	if spend := p.list("Project", "ExpectedCustomerSpend"); len(spend) > 0 {
		d = d.with(spend, "Project", "ExpectedCustomerSpend")
	}
	return d
}

// bornFrom makes an opportunity in our account from an engagement that from
// began.
func (x *tx) bornFrom(e *engagement, d doc, from string) *opportunity {
	o := &opportunity{
		ID: x.newOpportunityID(), Catalog: e.Catalog, Origin: "Partner Referral", Doc: d, Created: x.now, Modified: x.now,
		Review: review{Status: statusPending}, Engagement: engagementRef{ID: e.ID},
	}
	if from == awsAccount {
		o.Origin = "AWS Referral"
	}
	o.VisibleAt = x.now.Add(max(x.s.opt.ReadAfterCreateLag, x.s.opt.Faults.Lag()))
	x.noteNextSteps(o, "")
	return o
}

// present stores a new opportunity and shows it in its engagement from now on.
func (x *tx) present(o *opportunity, e *engagement) {
	j := x.newJob(e, o.ID, jobRunning)
	o.Engagement.JobID = j.ID
	x.put(o)
	x.putJob(j)
	x.emitOpportunity("Opportunity Created", o)
	x.refresh(o)
}

func (x *tx) finishOpportunity(t *task) {
	e, f := x.joined(t.Catalog, t.Engagement)
	if f != nil {
		t.fail("EngagementAccessDenied", f.Message)
		return
	}
	at := slices.IndexFunc(e.Contexts, func(c topic) bool { return c.ID == t.Context })
	if at < 0 {
		t.fail("ContextNotFound", "The engagement "+e.ID+" has no context "+t.Context+".")
		return
	}
	switch c := e.Contexts[at]; {
	case c.Kind == kindProject:
		t.fail("CustomerProjectContextNotPermitted", "The context "+c.ID+" is a customer project; an opportunity is made from a lead.")
		return
	case c.Kind != kindLead:
		t.fail("EngagementValidationFailed", "The context "+c.ID+" is a "+c.Kind+"; an opportunity is made from a lead.")
		return
	case strings.EqualFold(c.Payload.str("QualificationStatus"), "Disqualified"):
		t.fail("DisqualifiedLeadNotPermitted", "The lead is disqualified.")
		return
	case c.Opportunity != "":
		t.fail("OpportunityConflict", "The opportunity "+c.Opportunity+" was made from this lead.")
		return
	case x.jobRole(t.Catalog) == "":
		t.fail("ResourceSnapshotJobValidationFailed", noRole)
		return
	}
	o := x.bornFrom(e, partnerDoc(x.opportunityOfLead(e, e.Contexts[at].Payload)), e.CreatedBy)
	e.Contexts = slices.Clone(e.Contexts)
	e.Contexts[at].Opportunity = o.ID
	x.putEngagement(e)
	x.present(o, e)
	t.Status, t.Opportunity, t.Job = taskComplete, o.ID, o.Engagement.JobID
}

// opportunityOfLead takes over what of a lead an opportunity can hold; the
// partner fills in the rest before submitting.
func (x *tx) opportunityOfLead(e *engagement, lead doc) doc {
	d := doc{}
	take := func(shape, value string, path ...string) {
		if value == "" {
			return
		}
		var errs []fieldError
		x.s.validator.check(shape, "", value, &errs)
		next := d.with(value, path...)
		if len(errs) == 0 && len(x.s.wrongValues(next, x.now, true)) == 0 {
			d = next
		}
	}
	name := lead.str("Customer", "CompanyName")
	take("AccountCompanyNameString", name, "Customer", "Account", "CompanyName")
	if industry := lead.str("Customer", "Industry"); industry != "" {
		take("Industry", industry, "Customer", "Account", "Industry")
		if d.str("Customer", "Account", "Industry") == "" {
			take("Industry", "Other", "Customer", "Account", "Industry")
			take("AccountOtherIndustryString", industry, "Customer", "Account", "OtherIndustry")
		}
	}
	take("WebsiteUrl", lead.str("Customer", "WebsiteUrl"), "Customer", "Account", "WebsiteUrl")
	for _, m := range []struct{ shape, name string }{
		{"CountryCode", "CountryCode"}, {"AddressCityString", "City"}, {"AddressPostalCodeString", "PostalCode"}, {"AddressPart", "StateOrRegion"},
	} {
		take(m.shape, lead.str("Customer", "Address", m.name), "Customer", "Account", "Address", m.name)
	}
	title := e.Title
	if title == "" {
		title = "Lead: " + name
	}
	take("PiiString", title, "Project", "Title")
	var contacts []any
	for _, row := range lead.list("Interactions") {
		r := doc(asMap(row))
		if d.str("Project", "CustomerBusinessProblem") == "" && len([]rune(r.str("BusinessProblem"))) >= 20 {
			d = d.with(clip(r.str("BusinessProblem"), 2000), "Project", "CustomerBusinessProblem")
		}
		if d.str("Project", "CustomerUseCase") == "" {
			take("String", r.str("Usecase"), "Project", "CustomerUseCase")
		}
		contact := doc(asMap(r["Contact"])).pick("FirstName", "LastName", "Phone").
			with(strings.ToLower(r.str("Contact", "Email")), "Email").with(clip(r.str("Contact", "BusinessTitle"), 80), "BusinessTitle")
		if _, ok := x.s.conform("Contact", contact); !ok {
			contact = contact.with(nil, "Phone")
		}
		if fit, ok := x.s.conform("Contact", contact); ok && !slices.ContainsFunc(contacts, func(c any) bool { return fmt.Sprint(c) == fmt.Sprint(map[string]any(fit)) }) {
			contacts = append(contacts, map[string]any(fit))
		}
	}
	if len(contacts) > 0 {
		d = d.with(contacts, "Customer", "Contacts")
	}
	return d
}
