package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	LevelError  Level = "error"  // a value is lost, or every write is refused
	LevelWarn   Level = "warn"   // some records will be refused or read wrongly
	LevelRemark Level = "remark" // Tandem does without
)

// Finding is one thing in which a mapping and the organisation do not fit. Field is
// "" for what concerns a whole object.
type Finding struct {
	Field   Field  `json:"field,omitempty"`
	Object  string `json:"object"`
	CRM     string `json:"crm,omitempty"`
	Level   Level  `json:"level"`
	Code    string `json:"code"` // field_missing, object_missing, not_writable, type, value_missing, value_inactive, written_twice, written_and_read, unknown_required, too_short, not_ours
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

// What Tandem can do with the types that describe names; whose package a field
// belongs to by its prefix (salesforce-gitlab.md §2.1; Tackle's is inferred); and how
// many characters a fact needs.
var (
	textTypes     = []string{"string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone", "url", "encryptedstring"}
	numberTypes   = []string{"currency", "double", "int", "percent", "long"}
	choiceTypes   = []string{"picklist", "multipicklist", "combobox"}
	othersOwn     = []struct{ prefix, who string }{{"awsapn__", "the AWS Partner CRM Connector"}, {"tackle__", "Tackle for Salesforce"}}
	leastRoom     = map[Fact]int{FactPortalID: 20, FactState: 20, FactReview: 20, FactStage: 40, FactSeller: 80, FactError: 255}
	checkedValues = 5
)

// Check compares a mapping with what the organisation has.
func (m Mapping) Check(g Org) []Finding {
	c := checker{org: g, mapping: m}
	for _, o := range Objects() {
		if _, ok := g.Objects[string(o)]; !ok {
			c.add(Finding{
				Object: string(o), Level: LevelError, Code: "object_missing", Message: fmt.Sprintf("The organisation has no object %s, or Tandem's user may not see it", o),
				Mend: "Give the integration user's permission set access to the object",
			})
		}
	}
	for _, e := range m.Entries {
		if info, ok := InfoOf(e.Field); ok {
			if _, there := g.Objects[string(info.Object)]; there {
				c.entry(e, info)
			}
		}
	}
	c.targets()
	c.required()
	return c.found
}

type checker struct {
	org     Org
	mapping Mapping
	found   []Finding
}

func (c *checker) add(f Finding) { c.found = append(c.found, f) }

func (c *checker) entry(e Entry, info Info) {
	name, f, ok := c.org.Found(e)
	if !ok {
		c.missing(e, info)
		return
	}
	at := Finding{Field: e.Field, Object: string(info.Object), CRM: name, Level: LevelError}
	where := Name(info.Object, name)
	if e.Direction.Reads() {
		if why := readable(e, info, f); why != "" {
			x := at
			x.Code, x.Message, x.Mend = "type", fmt.Sprintf("%s is of the type %s: %s", where, f.Type, why), fmt.Sprintf("Map %s to a field of another type, or set how its value is turned", info.Label)
			c.add(x)
		}
	}
	if e.Direction.Writes() {
		c.written(at, where, e, info, f)
	}
	c.values(at, where, e, f)
	if info.Kind == KindPartner && f.Type != "reference" && slices.Contains(textTypes, f.Type) {
		x := at
		x.Level, x.Code = LevelRemark, "type"
		x.Message = fmt.Sprintf("%s holds the partner's name, not its account: corrections of tags cannot set it", where)
		x.Mend = "Nothing needs to be mended as long as the names are those of the joint rule"
		c.add(x)
	}
}

func (c *checker) missing(e Entry, info Info) {
	level := LevelRemark
	switch {
	case e.Needed, info.Needed, e.Direction == DirectionWrite:
		level = LevelError
	case len(e.CRM) > 0 && !strings.Contains(e.CRM[0], "__"):
		level = LevelWarn // a field of Salesforce's own is hidden
	}
	names := make([]string, len(e.CRM))
	for i, n := range e.CRM {
		names[i] = Name(info.Object, n)
	}
	stays := "Tandem does without it, and what it read before stays"
	if e.Direction == DirectionWrite {
		stays = "it is not written"
	}
	c.add(Finding{
		Field: e.Field, Object: string(info.Object), CRM: strings.Join(e.CRM, ", "), Level: level, Code: "field_missing",
		Message: fmt.Sprintf("The organisation has no %s, or Tandem's user may not see it: %s", strings.Join(names, " and no "), stays),
		Mend:    "Restore the field or grant field-level access to it, map another field, or empty the row",
	})
}

// readable says why a value of the field could not be read as ours, "" when it can.
func readable(e Entry, info Info, f OrgField) string {
	text, number := slices.Contains(textTypes, f.Type), slices.Contains(numberTypes, f.Type)
	switch info.Kind {
	case KindMoney, KindNumber:
		if !number {
			return "a number is needed"
		}
	case KindDate, KindInstant:
		switch {
		case f.Type == "date" && (e.Transform.Way == WayNone || e.Transform.Form == FormPart || e.Transform.Form == FormISO):
		case f.Type == "datetime" && e.Transform.Form == FormPart:
		case f.Type == "datetime":
			return "set it to be turned by its date, of which the day is taken"
		case text && e.Transform.Way == WayDate && e.Transform.Form != FormPart:
		case text:
			return "set in which form the date is written"
		default:
			return "a date is needed"
		}
	case KindFlag:
		if f.Type != "boolean" {
			return "a checkbox is needed"
		}
	case KindPartner:
		if f.Type != "reference" && !text {
			return "a lookup to an account, or a text with its name, is needed"
		}
		if f.Type == "reference" && f.ParentOf != "Account" {
			return "the lookup does not name an account"
		}
	case KindRecord:
		if f.Type != "reference" && f.Type != "id" && f.Type != "string" {
			return "the id of a record is needed"
		}
	default:
		if f.Type == "boolean" || f.Type == "address" || f.Type == "location" || f.Type == "base64" {
			return "a text is needed"
		}
	}
	return ""
}

func (c *checker) written(at Finding, where string, e Entry, info Info, f OrgField) {
	for _, o := range othersOwn {
		if strings.HasPrefix(strings.ToLower(f.Name), o.prefix) {
			x := at
			x.Code, x.Message = "not_ours", fmt.Sprintf("%s belongs to %s, which writes it too: the two would undo each other, and a write could register the deal twice", where, o.who)
			x.Mend = "Map a field of your own, or set the direction to read"
			c.add(x)
		}
	}
	if !f.Updateable {
		x := at
		x.Code, x.Message, x.Mend = "not_writable", fmt.Sprintf("Tandem's user may not change %s", where), "Grant field-level edit access, map a field that is no formula, or set the direction to read"
		c.add(x)
	}
	if !info.Fact {
		return
	}
	text := slices.Contains(textTypes, f.Type)
	fits := text
	if info.Kind == KindInstant {
		switch e.Transform.Way {
		case WayDate:
			fits = text || f.Type == "date" && (e.Transform.Form == FormPart || e.Transform.Form == FormISO)
		default:
			fits = text || f.Type == "datetime"
		}
	}
	switch {
	case !fits:
		x := at
		x.Code, x.Message, x.Mend = "type", fmt.Sprintf("%s is of the type %s: %s does not fit", where, f.Type, info.Label), "Map a field of another type; for a date field, set it to be turned by its date"
		c.add(x)
	case text && f.Length > 0 && f.Length < leastRoom[info.Which] && !slices.Contains(choiceTypes, f.Type):
		x := at
		x.Level, x.Code = LevelWarn, "too_short"
		x.Message, x.Mend = fmt.Sprintf("%s takes %d characters: longer values are cut", where, f.Length), "Make the field longer, or map another"
		c.add(x)
	case slices.Contains(choiceTypes, f.Type) && f.Restricted && e.Transform.Way != WayPicklist:
		c.unmapped(at, where, info, f)
	}
}

// unmapped finds values of ours that a restricted picklist would refuse.
func (c *checker) unmapped(at Finding, where string, info Info, f OrgField) {
	if len(info.Values) == 0 {
		at.Level, at.Code = LevelWarn, "value_missing"
		at.Message = fmt.Sprintf("%s takes its own values only: %s is written in other words", where, info.Label)
		at.Mend = "Give a table of values, lift the restriction in Salesforce, or map a text field"
		c.add(at)
		return
	}
	var without []string
	for _, v := range info.Values {
		if !slices.ContainsFunc(f.Values, func(x OrgValue) bool { return x.Active && strings.EqualFold(x.Value, v) }) {
			without = append(without, v)
		}
	}
	if len(without) == 0 {
		return
	}
	at.Level, at.Code = LevelWarn, "value_missing"
	at.Message = fmt.Sprintf("%s takes its own values only, and has none for %s", where, some(without))
	at.Mend = "Give a table of values, or add the values to the picklist"
	c.add(at)
}

func some(list []string) string {
	if len(list) > checkedValues {
		return strings.Join(list[:checkedValues], ", ") + fmt.Sprintf(" and %d more", len(list)-checkedValues)
	}
	return strings.Join(list, ", ")
}

// values finds values of the table that the picklist has not, or no longer.
func (c *checker) values(at Finding, where string, e Entry, f OrgField) {
	if e.Transform.Way != WayPicklist || !slices.Contains(choiceTypes, f.Type) {
		return
	}
	var gone, inactive []string
	for _, v := range e.Transform.Values {
		i := slices.IndexFunc(f.Values, func(x OrgValue) bool { return strings.EqualFold(x.Value, v.CRM) })
		switch {
		case i < 0:
			gone = append(gone, v.CRM)
		case !f.Values[i].Active:
			inactive = append(inactive, v.CRM)
		}
	}
	at.Level = LevelWarn
	if e.Direction.Writes() && f.Restricted {
		at.Level = LevelError
	}
	if len(gone) > 0 {
		x := at
		x.Code, x.Message = "value_missing", fmt.Sprintf("The picklist %s has no value %s", where, some(gone))
		x.Mend = "Add the value in Salesforce, or take it out of the table"
		c.add(x)
	}
	if len(inactive) > 0 {
		x := at
		x.Code, x.Message = "value_inactive", fmt.Sprintf("In the picklist %s the value %s is no longer active", where, some(inactive))
		x.Mend = "Activate the value in Salesforce, or take it out of the table"
		c.add(x)
	}
}

// targets finds fields of the organisation that two of ours are written to, and those
// that are written as one of ours and read as another: what Tandem wrote would come
// back as somebody's change.
func (c *checker) targets() {
	first := map[string]Entry{}
	for _, e := range c.mapping.Entries {
		info, _ := InfoOf(e.Field)
		name, _, ok := c.org.Found(e)
		if !ok || !e.Direction.Writes() {
			continue
		}
		key := strings.ToLower(Name(info.Object, name))
		if other, twice := first[key]; twice {
			c.add(Finding{
				Field: e.Field, Object: string(info.Object), CRM: name, Level: LevelError, Code: "written_twice",
				Message: fmt.Sprintf("%s is written as %s, too: the two would undo each other", Name(info.Object, name), labelOf(other.Field)),
				Mend:    "Map one of the two to another field",
			})
			continue
		}
		first[key] = e
	}
	for _, e := range c.mapping.Entries {
		info, _ := InfoOf(e.Field)
		name, _, ok := c.org.Found(e)
		if !ok || !e.Direction.Reads() {
			continue
		}
		w, written := first[strings.ToLower(Name(info.Object, name))]
		if !written || w.Field == e.Field {
			continue
		}
		c.add(Finding{
			Field: w.Field, Object: string(info.Object), CRM: name, Level: LevelError, Code: "written_and_read",
			Message: fmt.Sprintf("%s is read as %s: what Tandem writes there would come back as a change", Name(info.Object, name), labelOf(e.Field)),
			Mend:    "Map one of the two to another field",
		})
	}
}

func labelOf(f Field) string {
	info, _ := InfoOf(f)
	return info.Label
}

// required finds fields that the organisation wants of records that Tandem makes and
// that Tandem does not know.
func (c *checker) required() {
	made := make([]string, 0, len(c.org.Made))
	for name := range c.org.Made {
		made = append(made, name)
	}
	slices.Sort(made)
	for _, name := range made {
		o, ok := c.org.Objects[name]
		if !ok {
			continue
		}
		for _, f := range o.Fields {
			if !f.Required || slices.ContainsFunc(c.org.Made[name], func(given string) bool { return strings.EqualFold(given, f.Name) }) {
				continue
			}
			x := Finding{Object: name, CRM: f.Name, Level: LevelError, Code: "unknown_required"}
			x.Message = fmt.Sprintf("The organisation requires %s.%s, which Tandem does not fill: every %s that Tandem makes is refused", name, f.Name, name)
			x.Mend = "Have the administrator give the field a default, or not require it of Tandem's user"
			if name == string(ObjectOpportunity) {
				x.Level = LevelRemark
				x.Message = fmt.Sprintf("The organisation requires %s.%s: who makes an opportunity of an invitation is asked for it", name, f.Name)
				x.Mend = "Nothing needs to be mended; a default would save a question"
			}
			c.add(x)
		}
	}
}
