package aws

import (
	"time"
)

// Event is one outgoing event in EventBridge's shape. It carries ids only.
type Event struct {
	Version    string         `json:"version"`
	ID         string         `json:"id"`
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Account    string         `json:"account"`
	Time       string         `json:"time"`
	Region     string         `json:"region"`
	Resources  []string       `json:"resources"`
	Detail     map[string]any `json:"detail"`
}

const (
	invitationLife = 15 * 24 * time.Hour
	portalURL      = "https://partnercentral.awspartner.com/OpportunityPage?id="
)

func (x *tx) emit(version, detailType string, resources []string, detail map[string]any) {
	if resources == nil {
		resources = []string{}
	}
	x.out.Events = append(x.out.Events, Event{
		Version: version, ID: x.newUUID(), DetailType: detailType, Source: "aws.partnercentral-selling",
		Account: x.s.opt.AccountID, Time: x.now.Format(time.RFC3339), Region: x.s.opt.Region, Resources: resources, Detail: detail,
	})
}

func (x *tx) emitOpportunity(detailType string, o *opportunity) {
	x.emit("1", detailType, nil, map[string]any{
		"schemaVersion": "1", "catalog": o.Catalog,
		"opportunity": map[string]any{"identifier": o.ID, "url": portalURL + o.ID},
	})
}

// emitEngaged emits what a first submission causes, in the documented order;
// the update of the opportunity itself comes after.
func (x *tx) emitEngaged(o *opportunity) {
	e := o.Engagement
	engagementARN := x.arn(o.Catalog, "engagement", e.ID)
	x.emit("0", "Engagement Created", nil, map[string]any{
		"catalog": o.Catalog,
		"engagement": map[string]any{
			"engagementArn": engagementARN, "engagementId": e.ID, "CreatedAt": x.now.Format(time.RFC3339),
			"CreatedBy": x.s.opt.AccountID, "ContextTypes": []string{"CustomerProject"},
		},
	})
	x.emit("0", "Engagement Member Added", []string{engagementARN}, map[string]any{
		"catalog": o.Catalog, "engagement": map[string]any{"id": e.ID},
		"engagementMember": map[string]any{"accountId": "AWS", "companyName": "AWS"},
	})
	x.emitSnapshot(o)
	invitationARN := x.arn(o.Catalog, "engagement-invitation", e.InvitationID)
	x.emit("0", "Engagement Invitation Created", []string{invitationARN}, map[string]any{
		"schemaVersion": "1", "catalog": o.Catalog,
		"engagementInvitation": map[string]any{
			"arn": invitationARN, "id": e.InvitationID, "engagementId": e.ID, "senderAccountId": x.s.opt.AccountID,
			"receiverAccountId": "AWS", "senderCompanyName": x.s.opt.CompanyName,
			"expirationDate": x.now.Add(invitationLife).Format(time.RFC3339), "participantType": "Sender", "payloadType": "OpportunityInvitation",
		},
	})
}

func (x *tx) emitSnapshot(o *opportunity) {
	x.emit("0", "Engagement Resource Snapshot Created", nil, map[string]any{
		"catalog": o.Catalog,
		"resourceSnapshot": map[string]any{
			"arn":          x.arn(o.Catalog, "engagement", o.Engagement.ID) + "/resource/Opportunity/" + o.ID + "/template/OpportunitySummary",
			"engagementId": o.Engagement.ID, "resourceType": "Opportunity", "resourceId": o.ID, "createdBy": x.s.opt.AccountID,
			"targetMemberAccounts": []string{"AWS"}, "resourceSnapshotTemplateName": "OpportunitySummary",
		},
	})
}
