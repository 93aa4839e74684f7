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

// updated says that an opportunity changed: first what the snapshot jobs make of
// it, then the event of the opportunity itself.
func (x *tx) updated(o *opportunity) {
	x.refresh(o)
	x.emitOpportunity("Opportunity Updated", o)
}

func (x *tx) engagementARN(catalog, id string) string { return x.arn(catalog, "engagement", id) }

func (x *tx) emitEngagementCreated(e *engagement) {
	x.emit("0", "Engagement Created", nil, map[string]any{
		"catalog": e.Catalog,
		"engagement": map[string]any{
			"engagementArn": x.engagementARN(e.Catalog, e.ID), "engagementId": e.ID, "CreatedAt": e.Created.Format(time.RFC3339),
			"CreatedBy": e.CreatedBy, "ContextTypes": e.contextTypes(),
		},
	})
}

func (x *tx) emitEngagementUpdated(e *engagement) {
	x.emit("0", "Engagement Updated", nil, map[string]any{
		"catalog": e.Catalog,
		"engagement": map[string]any{
			"engagementArn": x.engagementARN(e.Catalog, e.ID), "engagementId": e.ID, "LastModifiedAt": e.Modified.Format(time.RFC3339),
			"LastModifiedBy": e.ModifiedBy, "ContextTypes": e.contextTypes(),
		},
	})
}

func (x *tx) emitMember(e *engagement, p party) {
	x.emit("0", "Engagement Member Added", []string{x.engagementARN(e.Catalog, e.ID)}, map[string]any{
		"catalog": e.Catalog, "engagement": map[string]any{"id": e.ID},
		"engagementMember": map[string]any{"accountId": p.Account, "companyName": p.Company},
	})
}

func (x *tx) emitSnapshot(s *snapshot, catalog string) {
	x.emit("0", "Engagement Resource Snapshot Created", nil, map[string]any{
		"catalog": catalog,
		"resourceSnapshot": map[string]any{
			"arn": x.snapshotARN(catalog, s), "engagementId": s.Engagement, "resourceType": resourceOpportunity, "resourceId": s.Resource,
			"createdBy": s.CreatedBy, "targetMemberAccounts": s.Targets, "resourceSnapshotTemplateName": s.Template,
		},
	})
}

// emitInvitation emits "Engagement Invitation " and what happened. The
// participant type is this account's.
func (x *tx) emitInvitation(what string, i *invitation) {
	side := "Receiver"
	if i.Sender.Account == x.s.opt.AccountID {
		side = "Sender"
	}
	arn := x.arn(i.Catalog, "engagement-invitation", i.ID)
	x.emit("0", "Engagement Invitation "+what, []string{arn}, map[string]any{
		"schemaVersion": "1", "catalog": i.Catalog,
		"engagementInvitation": map[string]any{
			"arn": arn, "id": i.ID, "engagementId": i.Engagement, "senderAccountId": i.Sender.Account,
			"receiverAccountId": i.Receiver.Account, "senderCompanyName": i.Sender.Company,
			"expirationDate": i.Expires.Format(time.RFC3339), "participantType": side, "payloadType": i.Kind,
		},
	})
}
