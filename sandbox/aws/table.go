package aws

import (
	"crypto/rand"
	"fmt"
)

// handler does one operation. A nil document is an empty answer.
type handler func(x *tx, in doc) (doc, *fault)

// operations are those that the sandbox offers. The model knows more; a new
// one is a line here.
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
	"ListEngagementFromOpportunityTasks": (*tx).listTasks,
	"SubmitOpportunity":                  (*tx).submitOpportunity,
	"GetAwsOpportunitySummary":           (*tx).awsSummary,
	"TagResource":                        (*tx).tagResource,
	"UntagResource":                      (*tx).untagResource,
	"ListTagsForResource":                (*tx).listTags,
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
