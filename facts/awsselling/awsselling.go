// Package awsselling answers "what has AWS published about the Partner Central
// Selling API": its operations and shapes, the value lists that the model keeps
// as plain strings, the postal rules, and who may change which field when.
//
// The facts are derived from the published service model (2022-07-26) and the
// official CRM-integration lists by the program in gen, and embedded in compact
// form. Nothing here is decided by us, except where a Note says so.
package awsselling

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

//go:generate go run ./gen -out facts.json.gz

//go:embed facts.json.gz
var embedded []byte

// ShapeType is the kind of a shape in the service model.
type ShapeType string

// The kinds of shapes.
const (
	TypeStructure ShapeType = "structure"
	TypeList      ShapeType = "list"
	TypeMap       ShapeType = "map"
	TypeString    ShapeType = "string"
	TypeInteger   ShapeType = "integer"
	TypeLong      ShapeType = "long"
	TypeFloat     ShapeType = "float"
	TypeDouble    ShapeType = "double"
	TypeBoolean   ShapeType = "boolean"
	TypeTimestamp ShapeType = "timestamp"
	TypeBlob      ShapeType = "blob"
	TypeDocument  ShapeType = "document"
)

// ServiceModel is the service model: operations by name and shapes by name.
type ServiceModel struct {
	Version      string               `json:"version"`      // "2022-07-26"
	Protocol     string               `json:"protocol"`     // "awsJson1_0"
	TargetPrefix string               `json:"targetPrefix"` // first part of X-Amz-Target
	SigningName  string               `json:"signingName"`  // SigV4 service name
	Namespace    string               `json:"namespace"`    // before "#" in an error's __type
	Operations   map[string]Operation `json:"operations"`
	Shapes       map[string]*Shape    `json:"shapes"`
}

// Operation is one call of the service. Input and Output are names of shapes;
// an operation without an answer has an Output shape without members or "".
type Operation struct {
	Name   string   `json:"name"`
	Input  string   `json:"input"`
	Output string   `json:"output,omitempty"`
	Errors []string `json:"errors,omitempty"` // names of error shapes
	Write  bool     `json:"write,omitempty"`  // true when it changes something: not Get… or List…
}

// Shape is one type of the model. Which members are set depends on Type: Members
// for a structure, Element for a list, Key and Value for a map. Min and Max bound
// the length of a string, the size of a list or map, or the value of a number.
// Pattern is the published text: give it to CompilePattern.
type Shape struct {
	Type      ShapeType `json:"type"`
	Members   []Member  `json:"members,omitempty"`
	Element   string    `json:"element,omitempty"`
	Key       string    `json:"key,omitempty"`
	Value     string    `json:"value,omitempty"`
	Min       *int64    `json:"min,omitempty"`
	Max       *int64    `json:"max,omitempty"`
	Pattern   string    `json:"pattern,omitempty"`
	Enum      []string  `json:"enum,omitempty"`
	Sensitive bool      `json:"sensitive,omitempty"`
	Error     bool      `json:"error,omitempty"`
	Fault     bool      `json:"fault,omitempty"` // an error of the server's making
	Union     bool      `json:"union,omitempty"` // exactly one member is set
}

// Member is one member of a structure, in the model's order.
type Member struct {
	Name             string `json:"name"`
	Shape            string `json:"shape"`
	Required         bool   `json:"required,omitempty"`
	IdempotencyToken bool   `json:"idempotencyToken,omitempty"`
}

// Member gives the member of a structure with the given name.
func (s *Shape) Member(name string) (Member, bool) {
	for _, m := range s.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// PostalCodeRule is one row of the published postal-code table.
type PostalCodeRule struct {
	Country     string `json:"country"`     // the table's name of the country
	CountryCode string `json:"countryCode"` // ISO 3166 alpha-2; "" when the API has no code for it
	Format      string `json:"format"`      // the table's own words, such as "99999 OR 99999-9999"
	Pattern     string `json:"pattern"`     // anchored RE2 text that we derived from Format
	Example     string `json:"example"`     // a value that Pattern takes
	Message     string `json:"message"`     // the portal's exact error text
	Note        string `json:"note,omitempty"`
}

// Country is one country of the API's CountryCode list.
type Country struct {
	Code       string   `json:"code"` // ISO 3166 alpha-2
	ISO3       string   `json:"iso3"`
	Name       string   `json:"name"`
	Aliases    []string `json:"aliases,omitempty"`    // other spellings, also those of the AWS lists
	PostalCode string   `json:"postalCode,omitempty"` // "none": the country has none (AWS list); "format": PostalCodeRules has it; "": free
}

// Requirement says whether a field has to be there.
type Requirement string

// The requirements as the published table words them.
const (
	RequirementMandatory   Requirement = "mandatory"
	RequirementConditional Requirement = "conditional"
	RequirementOptional    Requirement = "optional"
	RequirementNone        Requirement = "not_applicable"
)

// Editable says whether the partner may change a field.
type Editable string

// The answers of the edit matrix.
const (
	EditableYes     Editable = "yes"
	EditableNo      Editable = "no"
	EditableISV     Editable = "isv_partners_only"
	EditableProgram Editable = "special_programs_only"
	EditableNever   Editable = "not_applicable" // written by AWS only
)

// FieldRule is what the published field table says of one API field.
type FieldRule struct {
	Path            string      `json:"path"`                // dotted, without list indexes: "Customer.Contacts.Email"
	CSVPath         string      `json:"csvPath"`             // the table's (older) name of the field
	CRMName         string      `json:"crmName"`             // the table's APN CRM JSON name
	Required        Requirement `json:"required"`            // for a deal that the partner submits
	Condition       string      `json:"condition,omitempty"` // when mandatory, or the exception, in the table's words
	ActionRequired  Editable    `json:"actionRequired"`      // while the review status is Action Required
	UntilLaunched   Editable    `json:"untilLaunched"`       // once approved, before Launched or Closed Lost
	AfterLaunched   Editable    `json:"afterLaunched"`
	Create          Editable    `json:"create"`                    // may be set when creating
	SourcesConflict string      `json:"sourcesConflict,omitempty"` // what another official page says
}

// Product is one AWS product that can be associated with an opportunity.
type Product struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Family string `json:"family,omitempty"`
}

type bundle struct {
	Model         *ServiceModel    `json:"model"`
	PostalCodes   []PostalCodeRule `json:"postalCodes"`
	NoPostalCode  []string         `json:"noPostalCode"`
	Countries     []Country        `json:"countries"`
	Fields        []FieldRule      `json:"fields"`
	UseCases      []string         `json:"customerUseCases"`
	ApnPrograms   []string         `json:"apnPrograms"`
	MarketingUses []string         `json:"marketingUseCases"`
	USStates      []string         `json:"usStates"`
	Products      []Product        `json:"products"`
}

// The embedded bytes are checked by the package's own test, so reading them
// cannot fail in a built program; decode gives an empty bundle if they ever do.
var load = sync.OnceValue(func() *bundle {
	b, err := decode(embedded)
	if err != nil {
		return &bundle{Model: &ServiceModel{}}
	}
	return b
})

func decode(raw []byte) (*bundle, error) {
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read the AWS facts: %w", err)
	}
	b := &bundle{}
	if err := json.NewDecoder(zr).Decode(b); err != nil {
		return nil, fmt.Errorf("read the AWS facts: %w", err)
	}
	return b, zr.Close()
}

// Model gives the service model. It is shared: do not change it.
func Model() *ServiceModel { return load().Model }

// PostalCodeRules gives the published formats, in the table's order.
func PostalCodeRules() []PostalCodeRule { return load().PostalCodes }

// PostalCodeRulesFor gives the formats of one country (ISO alpha-2); a code that
// takes any of them is right. None means that AWS publishes no format.
func PostalCodeRulesFor(countryCode string) []PostalCodeRule {
	var out []PostalCodeRule
	for _, r := range load().PostalCodes {
		if r.CountryCode == countryCode {
			out = append(out, r)
		}
	}
	return out
}

// CountriesWithoutPostalCode gives the ISO alpha-2 codes of the countries for
// which AWS asks no postal code, in the table's order.
func CountriesWithoutPostalCode() []string { return load().NoPostalCode }

// Countries gives every country of the API, in order of its code.
func Countries() []Country { return load().Countries }

// FieldRules gives the edit and requirement matrix, in the table's order.
func FieldRules() []FieldRule { return load().Fields }

// CustomerUseCases gives the values of Project.CustomerUseCase.
func CustomerUseCases() []string { return load().UseCases }

// ApnPrograms gives the values of Project.ApnPrograms.
func ApnPrograms() []string { return load().ApnPrograms }

// MarketingUseCases gives the values of Marketing.UseCases.
func MarketingUseCases() []string { return load().MarketingUses }

// USStates gives the values of StateOrRegion when the country is US.
func USStates() []string { return load().USStates }

// AWSProducts gives the AWS products in the published order.
func AWSProducts() []Product { return load().Products }
