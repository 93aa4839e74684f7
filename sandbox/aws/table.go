package aws

import (
	"crypto/rand"
	"fmt"
)

// handler does one operation. A nil document is an empty answer.
type handler func(x *tx, in doc) (doc, *fault)

// operations are all that the model knows; a new one is a line here.
var operations = map[string]handler{
	"CreateOpportunity":                  (*tx).createOpportunity,
	"GetOpportunity":                     (*tx).getOpportunity,
	"UpdateOpportunity":                  (*tx).updateOpportunity,
	"ListOpportunities":                  (*tx).listOpportunities,
	"AssignOpportunity":                  (*tx).assignOpportunity,
	"AssociateOpportunity":               (*tx).associateOpportunity,
	"DisassociateOpportunity":            (*tx).disassociateOpportunity,
	"ListSolutions":                      (*tx).listSolutions,
	"StartEngagementFromOpportunityTask": (*tx).startEngagement,
	"ListEngagementFromOpportunityTasks": (*tx).listSubmissions,
	"SubmitOpportunity":                  (*tx).submitOpportunity,
	"GetAwsOpportunitySummary":           (*tx).awsSummary,
	"TagResource":                        (*tx).tagResource,
	"UntagResource":                      (*tx).untagResource,
	"ListTagsForResource":                (*tx).listTags,

	"CreateEngagement":                   (*tx).createEngagement,
	"GetEngagement":                      (*tx).getEngagement,
	"ListEngagements":                    (*tx).listEngagements,
	"ListEngagementMembers":              (*tx).listMembers,
	"ListEngagementResourceAssociations": (*tx).listResources,
	"CreateEngagementContext":            (*tx).createContext,
	"UpdateEngagementContext":            (*tx).updateContext,

	"CreateEngagementInvitation":               (*tx).createInvitation,
	"GetEngagementInvitation":                  (*tx).getInvitation,
	"ListEngagementInvitations":                (*tx).listInvitations,
	"AcceptEngagementInvitation":               (*tx).acceptInvitation,
	"RejectEngagementInvitation":               (*tx).rejectInvitation,
	"StartEngagementByAcceptingInvitationTask": (*tx).startAccepting,
	"ListEngagementByAcceptingInvitationTasks": (*tx).listAccepting,
	"StartOpportunityFromEngagementTask":       (*tx).startOpportunity,
	"ListOpportunityFromEngagementTasks":       (*tx).listOpportunityTasks,

	"CreateResourceSnapshot":    (*tx).createSnapshot,
	"GetResourceSnapshot":       (*tx).getSnapshot,
	"ListResourceSnapshots":     (*tx).listSnapshots,
	"CreateResourceSnapshotJob": (*tx).createJob,
	"GetResourceSnapshotJob":    (*tx).getJob,
	"ListResourceSnapshotJobs":  (*tx).listJobs,
	"StartResourceSnapshotJob":  (*tx).startJob,
	"StopResourceSnapshotJob":   (*tx).stopJob,
	"DeleteResourceSnapshotJob": (*tx).deleteJob,
	"GetSellingSystemSettings":  (*tx).getSettings,
	"PutSellingSystemSettings":  (*tx).putSettings,

	"StartProspectingFromEngagementTask": (*tx).startProspecting,
	"GetProspectingFromEngagementTask":   (*tx).getProspecting,
	"ListProspectingFromEngagementTasks": (*tx).listProspecting,
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
