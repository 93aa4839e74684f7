package attention

import (
	"regexp"
	"slices"
	"strings"
)

// Codes of our own: of what our check refused before the portal was asked, of an
// activity that was changed here and in Salesforce, and of a registered deal that is in
// Salesforce's recycle bin or in Salesforce no more.
const (
	CodeCheck     = "check"
	CodeBothSides = "changed_on_both_sides"
	CodeDeleted   = "deleted"
	CodeElsewhere = "elsewhere"
	CodeTwice     = "registered_twice"
	CodePurged    = "purged"
)

// fix is what mends a code. Source is where the code is documented.
type fix struct {
	code, text, source string
}

// fixes are the codes that portals and Salesforce answer most, with what mends
// them. AWS: Selling API reference, common errors and ValidationException reasons
// (aws.md §1.11). Salesforce: SOAP and REST API status codes (salesforce-gitlab.md
// §1.3).
var fixes = []fix{
	{CodeCheck, "Mend the value in Salesforce: it goes out by itself with the next read. Nothing was sent, because AWS would refuse it.", ""},
	{CodeBothSides, "Somebody changed it in Salesforce while it was changed here: open it, look at both and say which holds.", ""},
	{CodeElsewhere, "Tandem registers nothing that another tool has begun. Once that tool's record has the partner's id and is submitted, Tandem follows it by itself. Where two tools name two records, or Tandem shall register it all the same, open the deal and say so.", ""},
	{CodeTwice, "The partner has two records of one deal: close the wrong one in the portal, open the deal here and say which one holds.", ""},
	{CodeDeleted, "If the deal goes on, restore the opportunity from Salesforce's recycle bin (it stays there for 15 days): its registration and all that waits go on by themselves. If it is off, set its stage to Closed Lost in the portal. Nothing more is written to Salesforce meanwhile.", ""},
	{CodePurged, "Salesforce has the opportunity no more, not even in its recycle bin, or Tandem's user may not see it any more. If the user should see it, have the administrator share it: all goes on by itself after the next night. If the deal is off, set its stage to Closed Lost in the portal.", ""},
	{"ValidationException", "Mend the field that the portal names in Salesforce, wait for the next read or start one, then send again.", "AWS Selling API"},
	{"AccessDeniedException", "The portal account may not make this call: an administrator adds the permission to the role that Tandem uses (see Connections, AWS). Then send again.", "AWS Selling API"},
	{"ConflictException", "The record stands in a state that does not allow the call, or was changed meanwhile. Look at it in the portal, then send again: Tandem reads it first.", "AWS Selling API"},
	{"ResourceNotFoundException", "The portal has no such record or solution: it was deleted there, or another catalog is connected. Choose the solution again, or look for the record in the portal.", "AWS Selling API"},
	{"ServiceQuotaExceededException", "The portal's quota is used up: see what used it under Connections. Send again when it has refilled.", "AWS Selling API"},
	{"ThrottlingException", "The portal asked for patience for longer than Tandem tries. Send again.", "AWS Selling API"},
	{"InternalServerException", "The portal had a fault of its own for longer than Tandem tries. Send again; if it stays, open a case with the partner and name the request id.", "AWS Selling API"},
	{"submit_failed", "The portal took the record and could not submit it. Its own words say why: mend that and send again; it is not created twice.", ""},
	{"FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule of your Salesforce organisation refused the write; its words name the rule's condition. Mend the record, or have the administrator exempt Tandem's user from the rule. Then send again.", "Salesforce API"},
	{"REQUIRED_FIELD_MISSING", "Salesforce wants a field that Tandem does not write: fill it in on the record, or have the administrator give it a default. Then send again.", "Salesforce API"},
	{"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "Tandem's Salesforce user may not see the record that this one points to: have the administrator share it. Then send again.", "Salesforce API"},
	{"INSUFFICIENT_ACCESS_OR_READONLY", "Tandem's Salesforce user may not write this record: have the administrator grant it, or unlock the record (an approval may hold it). Then send again.", "Salesforce API"},
	{"INVALID_FIELD_FOR_INSERT_UPDATE", "Tandem's Salesforce user may not write one of the fields: “tandem doctor” names those that are missing. Then send again.", "Salesforce API"},
	{"INVALID_FIELD", "A field that Tandem writes is not in the organisation: “tandem doctor” names it. Then send again.", "Salesforce API"},
	{"INVALID_TYPE", "An object that Tandem writes is not in the organisation, or its user may not see it: “tandem doctor” names it. Then send again.", "Salesforce API"},
	{"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "The picklist in Salesforce does not have the value: have the administrator add it. Then send again.", "Salesforce API"},
	{"STRING_TOO_LONG", "The field in Salesforce is shorter than the text: shorten it, or have the administrator make the field longer. Then send again.", "Salesforce API"},
	{"ENTITY_IS_LOCKED", "An approval in Salesforce holds the record: wait until it is decided, or recall it. Then send again.", "Salesforce API"},
	{"ENTITY_IS_DELETED", "The record is in Salesforce's recycle bin: restore it and send again, or leave it.", "Salesforce API"},
	{"DELETED", "The record is in Salesforce's recycle bin: restore it and send again, or leave it.", "Salesforce API"},
	{"DUPLICATE_VALUE", "Another record in Salesforce has the same external id: merge the two. Then send again.", "Salesforce API"},
	{"DUPLICATES_DETECTED", "A duplicate rule of the organisation refused the write: have the administrator exempt Tandem's user. Then send again.", "Salesforce API"},
	{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "A trigger or flow of the organisation failed on the write; its words name it. Have the administrator mend it. Then send again.", "Salesforce API"},
	{"CANNOT_EXECUTE_FLOW_TRIGGER", "A flow of the organisation failed on the write; its words name it. Have the administrator mend it. Then send again.", "Salesforce API"},
	{"STORAGE_LIMIT_EXCEEDED", "The organisation's storage is full: free some. Then send again.", "Salesforce API"},
	{"INACTIVE_OWNER_OR_USER", "The owner is not active in Salesforce any more: give the record to somebody who is. Then send again.", "Salesforce API"},
}

// FixOf says what mends a code; "" when the code is not known.
func FixOf(code string) string {
	i := slices.IndexFunc(fixes, func(f fix) bool { return f.code == code })
	if i < 0 {
		return ""
	}
	return fixes[i].text
}

func fixOf(x *Item) string {
	if text := FixOf(x.Code); text != "" {
		return text
	}
	if x.Kind == KindRegistration || x.Kind == KindField {
		return "Read what " + x.Cloud.Portal() + " said, mend it in Salesforce or in the portal, then send again."
	}
	return "Read what Salesforce said, mend it there, then send again."
}

var codeShape = regexp.MustCompile(`\b[A-Z]{2,}(?:_[A-Z]+)+\b|\b[A-Z][A-Za-z]+Exception\b`)

// CodeIn finds a system's code in its text: the first that is known, else the first
// that looks like one.
func CodeIn(text string) string {
	found := codeShape.FindAllString(text[:min(len(text), 4000)], -1)
	for _, c := range found {
		if FixOf(c) != "" {
			return c
		}
	}
	if len(found) > 0 {
		return strings.TrimSpace(found[0])
	}
	return ""
}
