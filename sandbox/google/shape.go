package google

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
)

// shape says what a member may hold: "s" text, "b" true or false, "i" whole number,
// "l" list of texts, "date", "money", "any"; with "-" before it, Google writes it and
// what a partner sends there is dropped. An object is a shapes.
type shapes map[string]any

// opportunityShape is the resource, from Google's reference as far as it could be
// read and from integrators' schemas for what lies deeper.
var opportunityShape = shapes{
	"name": "-s", "etag": "s", "customerDisplayName": "-s", "state": "s", "stateDescription": "-s", "stage": "s",
	"owner": "-s", "ownerEmail": "-s", "creatorEmail": "-s", "source": "-s", "submitterEmail": "-s", "createTime": "-s", "updateTime": "-s",
	"opportunityType": "s", "referenceOpportunityId": "s", "partnerOpportunityIdentifier": "s",
	"opportunityInfo": shapes{
		"partnerEntity": "s", "indirectPartnerEntity": "s", "displayName": "s", "description": "s", "productFamily": "l", "productCategory": "l",
		"confidential": "b", "gcpWatermark": "s", "opportunityAmount": "money",
	},
	"qualificationInfo": shapes{
		"dealNumber": "-s", "operationType": "s", "contractLengthMonths": "i", "quantity": "i", "dealSize": "money", "estimatedCloseDate": "date",
		"publicSector": "b", "budget": "s", "authority": "s", "need": "s", "timeline": "s", "campaignCode": "s", "msspDeal": "b",
		"legalLanguageAccepted": "b", "decisionPhase": "s", "publicTenderAttestation": "b",
	},
	"customerInfo": shapes{
		"customerDetails": shapes{
			"organizationName": "s", "domain": "s", "industry": "s", "employeeCount": "i",
			"address": shapes{
				"revision": "i", "regionCode": "s", "languageCode": "s", "postalCode": "s", "sortingCode": "s", "administrativeArea": "s",
				"locality": "s", "sublocality": "s", "addressLines": "l", "recipients": "l", "organization": "s",
			},
		},
		"contact": shapes{"givenName": "s", "familyName": "s", "email": "s", "primary": "b", "phone": shapes{"e164Number": "s"}},
		"region":  "s",
	},
	"isvSolutionConnectInfo": shapes{
		"isvSolutionConnectDeal": "b", "customerContactRequested": "b", "supportLevel": "s", "contractVehicle": "s", "deliveryModel": "s", "notes": "s", "nextStep": "s",
	},
	"salesCycle":  shapes{"closeDate": "date", "partnerReadyToClose": "s", "closeDatePushCount": "-i"},
	"partnerInfo": "-any", "winLossInfo": "-any", "opportunityTeamMembers": "-any", "rebateExtensions": "-any",
	"opportunityLines": "any", "customerContacts": "any",
}

// at gives the member of the resource at a dotted path: its kind, its shapes, or nil.
func at(path string) any {
	var v any = opportunityShape
	for name := range strings.SplitSeq(path, ".") {
		s, ok := v.(shapes)
		if !ok {
			return nil
		}
		v = s[name]
	}
	return v
}

// shapeAt gives the structure at a dotted path, nil when there is none.
func shapeAt(path string) shapes {
	s, _ := at(path).(shapes)
	return s
}

// leaves lists the paths of what a partner may write in a structure.
func (s shapes) leaves(path string) []string {
	var out []string
	for name, v := range s {
		switch x := v.(type) {
		case shapes:
			out = append(out, x.leaves(path+"."+name)...)
		case string:
			if !strings.HasPrefix(x, "-") {
				out = append(out, path+"."+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// enums are the lists that are known well enough to refuse what is not in them.
var enums = map[string][]string{
	"state": {googlecosell.StateDraft, googlecosell.StateSubmitted, googlecosell.StateAccepted, googlecosell.StateNotAccepted},
	"stage": {
		googlecosell.StageQualify, googlecosell.StageRefine, googlecosell.StageTechEval, googlecosell.StageProposal,
		googlecosell.StageMigration, googlecosell.StageClosedLost, googlecosell.StageClosedAdmin,
	},
	googlecosell.PathReady:            {googlecosell.ReadyWon, googlecosell.ReadyLost},
	"opportunityType":                 {"REGULAR", "TWO_TIER", "ISV_SOLUTION_CONNECT"},
	"qualificationInfo.operationType": {"NEW", "RENEWAL", "ADD_ON", "EXPANSION"},
}

// readOpportunity reads a request's body, drops what only Google writes, and lists
// what is wrong.
func readOpportunity(raw []byte) (doc, *fault) {
	var d doc
	if err := json.Unmarshal(raw, &d); err != nil || d == nil {
		return nil, refuse(codeInvalid, "Invalid JSON payload received. Unexpected token.")
	}
	var wrong []violation
	out := readShape(opportunityShape, d, "", &wrong)
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b violation) int { return strings.Compare(a.Field, b.Field) })
		return nil, invalid(wrong...)
	}
	return out, nil
}

func readShape(s shapes, in map[string]any, path string, wrong *[]violation) map[string]any {
	out := map[string]any{}
	for name, v := range in {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if v == nil {
			continue
		}
		want, known := s[name]
		if !known {
			*wrong = append(*wrong, violation{"opportunity", fmt.Sprintf("Invalid JSON payload received. Unknown name %q at 'opportunity%s': Cannot find field.", name, strings.TrimPrefix("."+path, "."))})
			continue
		}
		if inner, ok := want.(shapes); ok {
			m, ok := v.(map[string]any)
			if !ok {
				*wrong = append(*wrong, violation{at, "is no object"})
				continue
			}
			out[name] = readShape(inner, m, at, wrong)
			continue
		}
		kind, _ := want.(string)
		if strings.HasPrefix(kind, "-") {
			continue
		}
		if why := readValue(kind, at, v); why != "" {
			*wrong = append(*wrong, violation{at, why})
			continue
		}
		out[name] = v
	}
	return out
}

// readValue says what is wrong with a value, "" for nothing.
func readValue(kind, path string, v any) string {
	switch kind {
	case "s":
		text, ok := v.(string)
		if !ok {
			return "is no text"
		}
		if list := enums[path]; list != nil && text != "" && !slices.Contains(list, text) {
			return fmt.Sprintf("Invalid value (type.googleapis.com/google.cloud.channel.v1alpha1.Opportunity), %q", text)
		}
	case "b":
		if _, ok := v.(bool); !ok {
			return "is neither true nor false"
		}
	case "i":
		if !whole(v) {
			return "is no whole number"
		}
	case "l":
		list, ok := v.([]any)
		if !ok || slices.ContainsFunc(list, func(e any) bool { _, isText := e.(string); return !isText }) {
			return "is no list of texts"
		}
	case "date":
		return readDate(v)
	case "money":
		return readMoney(v)
	}
	return ""
}

func whole(v any) bool {
	text := fmt.Sprint(v)
	if _, isBool := v.(bool); isBool {
		return false
	}
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

func readDate(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return "is no google.type.Date"
	}
	for name, part := range m {
		n, err := strconv.Atoi(fmt.Sprint(part))
		most, known := map[string]int{"year": 9999, "month": 12, "day": 31}[name]
		if err != nil || !known || n < 0 || n > most {
			return "is no google.type.Date"
		}
	}
	return ""
}

func readMoney(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return "is no google.type.Money"
	}
	for name, part := range m {
		text, isText := part.(string)
		switch name {
		case "currencyCode":
			if !isText || len(text) != 3 || strings.ToUpper(text) != text {
				return "has no currency code of ISO 4217"
			}
		case "units", "nanos":
			if !whole(part) {
				return "has " + name + " that are no whole number"
			}
		default:
			return "is no google.type.Money: it has " + name
		}
	}
	return ""
}
