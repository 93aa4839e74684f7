package aws

import (
	"maps"
	"slices"
	"strings"
)

// Invitation statuses and kinds.
const (
	invitationPending  = "PENDING"
	invitationAccepted = "ACCEPTED"
	invitationRejected = "REJECTED"
	invitationExpired  = "EXPIRED"

	inviteOpportunity = "OpportunityInvitation"
	inviteLead        = "LeadInvitation"
)

// rejectionReasons are those that the API's documentation lists.
var rejectionReasons = []string{
	"Customer problem unclear", "Next steps unclear", "Unable to support", "Duplicate of partner referral", "Other",
}

func (x *tx) newInvitation(e *engagement, sender, receiver party, kind, message string, payload doc) *invitation {
	return &invitation{
		ID: x.newID("engi-", 13), Catalog: e.Catalog, Engagement: e.ID, Kind: kind, Message: message, Sender: sender, Receiver: receiver,
		Status: invitationPending, Sent: x.now, Expires: x.now.Add(invitationLife), Payload: payload,
	}
}

// createInvitation asks another partner, or AWS, into one of our engagements.
func (x *tx) createInvitation(in doc) (doc, *fault) {
	return x.once("CreateEngagementInvitation", in, func() (doc, *fault) {
		e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
		if f != nil {
			return nil, f
		}
		receiver := party{Account: in.str("Invitation", "Receiver", "Account", "AwsAccountId"), Company: in.str("Invitation", "Receiver", "Account", "Alias")}
		switch {
		case receiver.Account == x.s.opt.AccountID:
			return nil, brokenRule(fieldError{"Invitation.Receiver.Account.AwsAccountId", "is the sender's own account", codeValue})
		case e.hasMember(receiver.Account):
			return nil, conflict("The account " + receiver.Account + " is already a member of the engagement " + e.ID + ".")
		}
		for _, other := range x.s.state.invitations {
			if other.Engagement == e.ID && other.Receiver.Account == receiver.Account && other.Status == invitationPending {
				return nil, conflict("The account " + receiver.Account + " is already invited to the engagement " + e.ID + " (" + other.ID + ").")
			}
		}
		kind := inviteOpportunity
		if in.at("Invitation", "Payload", inviteLead) != nil {
			kind = inviteLead
		}
		payload := doc(asMap(in.at("Invitation", "Payload", kind)))
		if kind == inviteOpportunity && len(payload.list("ReceiverResponsibilities")) == 0 {
			return nil, brokenRule(fieldError{"Invitation.Payload.OpportunityInvitation.ReceiverResponsibilities", "at least one is required", codeTooFew})
		}
		if date := payload.str("Project", "TargetCompletionDate"); date != "" && (!realDate(date) || date < x.now.Format("2006-01-02")) {
			return nil, brokenRule(fieldError{"Invitation.Payload.OpportunityInvitation.Project.TargetCompletionDate", "must be a day that is not past", codeValue})
		}
		if receiver.Account == awsAccount {
			receiver = awsParty()
		}
		i := x.newInvitation(e, x.us(), receiver, kind, in.str("Invitation", "Message"), payload)
		i.Alias = in.str("Invitation", "Receiver", "Account", "Alias")
		x.putInvitation(i)
		x.emitInvitation("Created", i)
		// The model gives this ARN a form of its own.
		return doc{"Id": i.ID, "Arn": "arn:aws:partnercentral::" + x.s.opt.AccountID + ":" + i.Catalog + "/engagement-invitation/" + i.ID}, nil
	})
}

// mine gives an invitation that we sent or received.
func (x *tx) mine(in doc) (*invitation, *fault) {
	i, f := x.findInvitation(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	if us := x.s.opt.AccountID; i.Sender.Account != us && i.Receiver.Account != us {
		return nil, notFound("Engagement invitation", in.str("Identifier"))
	}
	return i, nil
}

func (x *tx) invitationRow(i *invitation) doc {
	account := doc{"AwsAccountId": i.Receiver.Account}
	if i.Alias != "" {
		account["Alias"] = i.Alias
	}
	out := doc{
		"Catalog": i.Catalog, "Id": i.ID, "Arn": x.arn(i.Catalog, "engagement-invitation", i.ID), "PayloadType": i.Kind, "EngagementId": i.Engagement,
		"Status": i.Status, "InvitationDate": stamp(i.Sent), "ExpirationDate": stamp(i.Expires), "SenderAwsAccountId": i.Sender.Account,
		"SenderCompanyName": i.Sender.Company, "Receiver": doc{"Account": account},
	}
	if e, f := x.findEngagement(i.Catalog, i.Engagement); f == nil && e.Title != "" {
		out["EngagementTitle"] = e.Title
	}
	return out
}

// getInvitation shows an invitation. Who received it sees no contacts before
// accepting.
func (x *tx) getInvitation(in doc) (doc, *fault) {
	i, f := x.mine(in)
	if f != nil {
		return nil, f
	}
	out := x.invitationRow(i)
	out["InvitationMessage"] = i.Message
	if i.Reason != "" {
		out["RejectionReason"] = i.Reason
	}
	if len(i.Payload) > 0 {
		payload := i.Payload
		if i.Receiver.Account == x.s.opt.AccountID && i.Status != invitationAccepted {
			payload = payload.with(nil, "SenderContacts")
		}
		out["Payload"] = doc{i.Kind: payload}
	}
	if e, f := x.findEngagement(i.Catalog, i.Engagement); f == nil {
		maps.Copy(out, invitedTo(e))
	}
	return out, nil
}

// invitedTo is what an invitation tells of its engagement.
func invitedTo(e *engagement) doc {
	out := doc{}
	if e.Description != "" {
		out["EngagementDescription"] = e.Description
	}
	members := []any{}
	for _, p := range e.Members {
		row := doc{}
		if p.Company != "" {
			row["CompanyName"] = p.Company
		}
		if p.Website != "" {
			row["WebsiteUrl"] = p.Website
		}
		members = append(members, row)
	}
	out["ExistingMembers"] = members
	if extra := enrichment(e); len(extra) > 0 {
		out["EnrichmentContext"] = extra
	}
	return out
}

// enrichment is what AWS adds to an invitation from the engagement's contexts.
func enrichment(e *engagement) doc {
	out := doc{}
	for _, c := range e.Contexts {
		switch c.Kind {
		case kindLead:
			if insights := c.Payload["Insights"]; insights != nil {
				out["LeadInsights"] = insights
			}
		case kindProspecting:
			if found := doc(asMap(c.Payload["Aws"])).pick("Customer", "Insights"); len(found) > 0 {
				out["ProspectingResultAws"] = found
			}
		}
	}
	return out
}

func (x *tx) listInvitations(in doc) (doc, *fault) {
	side := in.str("ParticipantType")
	var rows []pageRow
	for _, i := range x.s.state.invitations {
		us := i.Receiver.Account
		if side == "SENDER" {
			us = i.Sender.Account
		}
		if i.Catalog != in.str("Catalog") || us != x.s.opt.AccountID || !names(in.strs("PayloadType"), i.Kind) || !names(in.strs("Status"), i.Status) ||
			!names(in.strs("EngagementIdentifier"), i.Engagement) || !names(in.strs("SenderAwsAccountId"), i.Sender.Account) {
			continue
		}
		rows = append(rows, pageRow{key: stamp(i.Sent), id: i.ID, value: func() any {
			row := x.invitationRow(i)
			row["ParticipantType"] = side
			return row
		}})
	}
	return page(in, rows, "EngagementInvitationSummaries", defaultPage, in.str("Sort", "SortOrder") != "ASCENDING")
}

// answerable gives an invitation that we may accept or reject now.
func (x *tx) answerable(in doc) (*invitation, *fault) {
	i, f := x.mine(in)
	if f != nil {
		return nil, f
	}
	if i.Receiver.Account != x.s.opt.AccountID {
		return nil, accessDenied("Only the receiver can answer the invitation " + i.ID + ".")
	}
	if i.Status != invitationPending {
		return nil, conflict("The invitation " + i.ID + " is " + i.Status + "; only a PENDING one can be answered.")
	}
	return i, nil
}

func (x *tx) acceptInvitation(in doc) (doc, *fault) {
	i, f := x.answerable(in)
	if f != nil {
		return nil, f
	}
	return nil, x.accept(i)
}

// accept makes the receiver a member.
func (x *tx) accept(i *invitation) *fault {
	e, f := x.findEngagement(i.Catalog, i.Engagement)
	if f != nil {
		return f
	}
	i.Status = invitationAccepted
	x.putInvitation(i)
	x.emitInvitation("Accepted", i)
	x.join(e, i.Receiver)
	return nil
}

// join makes a party a member, once.
func (x *tx) join(e *engagement, p party) {
	if e.hasMember(p.Account) {
		return
	}
	if p.Account == x.s.opt.AccountID {
		p = x.us()
	}
	e.Members = append(slices.Clone(e.Members), p)
	x.putEngagement(e)
	x.emitMember(e, p)
}

func (x *tx) rejectInvitation(in doc) (doc, *fault) {
	i, f := x.answerable(in)
	if f != nil {
		return nil, f
	}
	reason := in.str("RejectionReason")
	if reason != "" && !slices.Contains(rejectionReasons, reason) {
		return nil, brokenRule(fieldError{"RejectionReason", "must be one of: " + strings.Join(rejectionReasons, " | "), codeEnum})
	}
	x.reject(i, reason)
	return nil, nil
}

func (x *tx) reject(i *invitation, reason string) {
	i.Status, i.Reason = invitationRejected, reason
	x.putInvitation(i)
	x.emitInvitation("Rejected", i)
}

func (x *tx) expireInvitation(old *invitation) {
	i := *old
	i.Status = invitationExpired
	x.putInvitation(&i)
	x.emitInvitation("Expired", &i)
}

// engage makes what AWS needs to see a submitted opportunity, as far as it is
// not there: the engagement with AWS in it, a snapshot, a job, an invitation.
// It emits their events when it is to tell.
func (x *tx) engage(o *opportunity, tell bool) {
	e, f := x.findEngagement(o.Catalog, o.Engagement.ID)
	fresh := f != nil
	if fresh {
		e = x.newEngagement(o.Catalog, o.Doc.str("Project", "Title"), o.Doc.str("Customer", "Account", "CompanyName"), x.us())
		if o.Engagement.ID != "" { // of a state from before engagements were kept
			e.ID = o.Engagement.ID
		}
		if about, ok := x.s.conform("CustomerProjectsContext", doc{"Customer": engagementCustomer(o.Doc), "Project": doc{
			"Title": o.Doc.str("Project", "Title"), "BusinessProblem": o.Doc.str("Project", "CustomerBusinessProblem"), "TargetCompletionDate": o.Doc.str("LifeCycle", "TargetCloseDate"),
		}}); ok {
			e.addContext(kindProject, about)
		}
		x.putEngagement(e)
		if tell {
			x.emitEngagementCreated(e)
		}
	}
	if !e.hasMember(awsAccount) {
		if tell {
			x.join(e, awsParty())
		} else {
			e.Members = append(slices.Clone(e.Members), awsParty())
		}
	}
	if s, taken := x.takeSnapshot(e, o.ID, templateSummary, x.s.opt.AccountID, summaryView(o)); taken && tell {
		x.emitSnapshot(s, o.Catalog)
	}
	ref := engagementRef{ID: e.ID, InvitationID: o.Engagement.InvitationID, JobID: o.Engagement.JobID}
	if _, there := latest(x.out.Jobs, x.s.state.jobs, ref.JobID); !there && x.jobRole(o.Catalog) != "" {
		j := x.jobFor(e.ID, o.ID)
		if j == nil {
			j = x.newJob(e, o.ID, jobRunning)
			if ref.JobID != "" {
				j.ID = ref.JobID
			}
			j.LastRun = x.now
			x.putJob(j)
		}
		ref.JobID = j.ID
	}
	if open, f := x.findInvitation(o.Catalog, ref.InvitationID); e.CreatedBy != awsAccount && (f != nil || (open.Status != invitationPending && open.Status != invitationAccepted)) {
		i := x.newInvitation(e, x.us(), awsParty(), inviteOpportunity, "Please work on this opportunity with us.", x.invitationPayload(o))
		if f != nil && ref.InvitationID != "" {
			i.ID = ref.InvitationID
		}
		x.putInvitation(i)
		if tell {
			x.emitInvitation("Created", i)
		}
		ref.InvitationID = i.ID
	}
	o.Engagement = ref
}

func engagementCustomer(d doc) doc {
	account := doc(asMap(d.at("Customer", "Account")))
	return doc{
		"Industry": account.str("Industry"), "CompanyName": account.str("CompanyName"), "WebsiteUrl": account.str("WebsiteUrl"),
		"CountryCode": account.str("Address", "CountryCode"),
	}
}

// invitationPayload shows an opportunity in an invitation, or nothing when it
// lacks what the model asks of one (a secret customer has no name).
func (x *tx) invitationPayload(o *opportunity) doc {
	spend := o.Doc.list("Project", "ExpectedCustomerSpend")
	if spend == nil {
		spend = []any{}
	}
	payload, ok := x.s.conform("OpportunityInvitationPayload", doc{
		"ReceiverResponsibilities": []any{"Co-Sell Facilitator"}, "Customer": engagementCustomer(o.Doc),
		"Project": doc{
			"Title": o.Doc.str("Project", "Title"), "BusinessProblem": o.Doc.str("Project", "CustomerBusinessProblem"),
			"TargetCompletionDate": o.Doc.str("LifeCycle", "TargetCloseDate"), "ExpectedCustomerSpend": spend,
		},
	})
	if !ok {
		return nil
	}
	return payload
}

// answerForAWS lets AWS answer the invitation that came with a submission as
// its review ends.
func (x *tx) answerForAWS(o *opportunity) {
	i, f := x.findInvitation(o.Catalog, o.Engagement.InvitationID)
	if f != nil || i.Status != invitationPending || i.Receiver.Account != awsAccount {
		return
	}
	switch o.Review.Status {
	case statusApproved:
		i.Status = invitationAccepted
		x.putInvitation(i)
		x.emitInvitation("Accepted", i)
	case statusRejected:
		x.reject(i, clip(o.Review.Reason, 80))
	}
}

// adopt makes the records of engagements for opportunities that were submitted
// before the sandbox kept any.
func (x *tx) adopt() {
	for _, o := range x.s.state.opportunities {
		if o.Engagement.ID == "" || x.s.state.engagements[o.Engagement.ID] != nil {
			continue
		}
		dup := *o
		x.engage(&dup, false)
		if i, f := x.findInvitation(dup.Catalog, dup.Engagement.InvitationID); f == nil && dup.Review.Status == statusApproved {
			i.Status = invitationAccepted
			x.putInvitation(i)
		}
		x.put(&dup)
	}
}
