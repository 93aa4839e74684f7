package salesforce

import (
	"fmt"
	"math"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// judge applies the organisation's rules to a row that is about to be saved.
// in tells which fields the client gave; the others were judged before.
func (x *tx) judge(t *table, id string, row soql.Row, in values, creating bool) *apiError {
	o := t.obj
	var missing []string
	for i, f := range o.fields {
		if row[i] != nil {
			continue
		}
		if f.required && (creating || in.has[i]) || x.ruling.required(f) {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		return refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [%s]", strings.Join(missing, ", ")).on(missing...)
	}
	for i, f := range o.fields {
		if !in.has[i] {
			continue
		}
		v := in.at[i]
		if v == nil {
			if f.typ == soql.TypeBoolean && !creating {
				return refuse("INVALID_TYPE_ON_FIELD_IN_RECORD", "%s: value not of required type: null", f.label).on(f.name)
			}
			continue
		}
		if err := x.judgeValue(f, v); err != nil {
			return err
		}
	}
	if err := x.held(o, id); err != nil {
		return err
	}
	for _, i := range in.given {
		if f := o.fields[i]; len(f.refs) > 0 {
			if target, ok := row[i].(string); ok {
				if err := x.locked(target); err != nil {
					return err
				}
			}
		}
	}
	if err := x.judgeObject(o, row, creating); err != nil {
		return err
	}
	if err := x.judgeRules(o, row); err != nil {
		return err
	}
	return x.judgeUnique(t, id, row, in)
}

func (x *tx) judgeUnique(t *table, id string, row soql.Row, in values) *apiError {
	for _, i := range in.given {
		f := t.obj.fields[i]
		s, ok := row[i].(string)
		if !f.unique && !x.ruling.unique(f) || !ok {
			continue
		}
		if ids := t.find(f, s, id); len(ids) > 0 {
			return refuse("DUPLICATE_VALUE", "duplicate value found: %s duplicates value on record with id: %s", f.name, ids[0])
		}
	}
	return nil
}

// judgeValue checks one given value against its field.
func (x *tx) judgeValue(f *field, v any) *apiError {
	if err := f.judgeShape(v, x.ruling); err != nil {
		return err
	}
	if len(f.refs) > 0 {
		s, _ := v.(string)
		return x.judgeReference(f, s)
	}
	return nil
}

// judgeShape checks what can be checked without other records.
func (f *field) judgeShape(v any, r *ruling) *apiError {
	switch val := v.(type) {
	case string:
		if f.text() && len(val) > f.length && length(val) > f.length {
			return refuse("STRING_TOO_LONG", "%s: data value too large: %s (max length=%d)", f.label, clip(val), f.length).on(f.name)
		}
		switch f.typ {
		case soql.TypePicklist:
			if !r.takes(f, val) {
				return f.badChoice(val)
			}
		case soql.TypeMultiPicklist:
			for choice := range strings.SplitSeq(val, ";") {
				if !r.takes(f, choice) {
					return f.badChoice(choice)
				}
			}
		case soql.TypeEmail:
			if a, err := mail.ParseAddress(val); err != nil || a.Address != val || !strings.Contains(val[strings.LastIndexByte(val, '@')+1:], ".") {
				return refuse("INVALID_EMAIL_ADDRESS", "%s: invalid email address: %s", f.label, val).on(f.name)
			}
		}
	case float64:
		if math.Abs(val) >= math.Pow10(f.digits-f.scale) {
			return f.outOfRange(strconv.FormatFloat(val, 'g', -1, 64))
		}
	case int64:
		if math.Abs(float64(val)) >= math.Pow10(f.digits) {
			return f.outOfRange(strconv.FormatInt(val, 10))
		}
	}
	return nil
}

func (f *field) badChoice(v string) *apiError {
	return refuse("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "%s: bad value for restricted picklist field: %s", f.label, v).on(f.name)
}

func (f *field) outOfRange(v string) *apiError {
	return refuse("NUMBER_OUTSIDE_VALID_RANGE", "%s: value outside of valid range on numeric field: %s", f.label, v).on(f.name)
}

// length counts as Salesforce does: UTF-16 units.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func clip(s string) string {
	if len(s) <= 255 {
		return s
	}
	return strings.ToValidUTF8(s[:255], "")
}

func (x *tx) judgeReference(f *field, s string) *apiError {
	id, ok := longID(s)
	if !ok {
		return refuse("MALFORMED_ID", "%s: id value of incorrect type: %s", f.label, s).on(f.name)
	}
	prefixFits := false
	for _, name := range f.refs {
		o := x.st.schema.byName[name]
		if id[:3] != o.prefix {
			continue
		}
		prefixFits = true
		t := x.st.tables[o]
		slot, ok := t.slots[id]
		if !ok {
			continue
		}
		if t.deleted(t.rows[slot]) {
			return refuse("ENTITY_IS_DELETED", "entity is deleted").on(f.name)
		}
		if f.name == "OwnerId" && t.rows[slot][o.FieldIndex("IsActive")] != true {
			return refuse("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [%s] as owner of %s", s, strings.ToLower(f.label))
		}
		return nil
	}
	if !prefixFits {
		return refuse("MALFORMED_ID", "%s: id value of incorrect type: %s", f.label, s).on(f.name)
	}
	return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(f.name)
}

// locked says whether somebody else holds the record (see the control pages).
func (x *tx) locked(id string) *apiError {
	if id == "" || !x.s.locks.hit(id, x.stamp) {
		return nil
	}
	return refuse("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: %s", id)
}

// held is locked for the record that is written itself: its object may be locked
// as a whole, and the standing faults lock some.
func (x *tx) held(o *object, id string) *apiError {
	if id != "" && (x.s.faults.Record() || x.s.locks.hit(o.Name, x.stamp)) {
		return refuse("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: %s", id)
	}
	return x.locked(id)
}

func (x *tx) judgeObject(o *object, row soql.Row, creating bool) *apiError {
	text := func(name string) string { s, _ := row[o.FieldIndex(name)].(string); return s }
	switch o.Name {
	case "Task":
		return leadStandsAlone(text("WhoId"), text("WhatId"))
	case "EventRelation":
		return x.judgeInvitation(o, row)
	case "Event":
		if err := leadStandsAlone(text("WhoId"), text("WhatId")); err != nil {
			return err
		}
		if creating && row[o.FieldIndex("StartDateTime")] == nil && row[o.FieldIndex("ActivityDate")] == nil {
			return refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [ActivityDateTime, DurationInMinutes]").on("ActivityDateTime", "DurationInMinutes")
		}
		start, _ := row[o.FieldIndex("StartDateTime")].(time.Time)
		end, _ := row[o.FieldIndex("EndDateTime")].(time.Time)
		if !end.IsZero() && end.Before(start) {
			return refuse("FIELD_INTEGRITY_EXCEPTION", "End Date Time: The event end time must be after its start time.").on("EndDateTime")
		}
		if end.Sub(start) > 14*24*time.Hour {
			return refuse("FIELD_INTEGRITY_EXCEPTION", "Duration: An event can't last longer than 14 days.").on("EndDateTime")
		}
	case "CampaignMember":
		if text("LeadId") == "" && text("ContactId") == "" {
			return refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId, ContactId]").on("LeadId", "ContactId")
		}
	case "Partner":
		if (text("OpportunityId") == "") == (text("AccountFromId") == "") {
			return refuse("FIELD_INTEGRITY_EXCEPTION", "Exactly one of OpportunityId and AccountFromId must be given").on("OpportunityId", "AccountFromId")
		}
	case "Account":
		if id := text("Id"); id != "" && id == text("ParentId") {
			return refuse("CIRCULAR_DEPENDENCY", "Parent Account ID: the record would be its own parent").on("ParentId")
		}
	}
	return nil
}

// leadStandsAlone: an activity with a lead is about nothing else (Object Reference:
// "If the WhoId refers to a lead, then the WhatId field must be empty").
func leadStandsAlone(who, what string) *apiError {
	if strings.HasPrefix(who, "00Q") && what != "" {
		return refuse("FIELD_INTEGRITY_EXCEPTION", "Related To ID: a lead cannot be combined with a related record").on("WhatId")
	}
	return nil
}

// judgeInvitation: nobody is invited twice, and an invitee's copy of an event invites
// nobody (Object Reference: "An EventRelation object can't be created for a child
// event").
func (x *tx) judgeInvitation(o *object, row soql.Row) *apiError {
	t := x.st.tables[o]
	event, _ := row[o.at("EventId")].(string)
	for _, slot := range t.index[o.at("EventId")][event] {
		other := t.rows[slot]
		if !t.deleted(other) && other[o.id] != row[o.id] && other[o.at("RelationId")] == row[o.at("RelationId")] {
			return refuse("DUPLICATE_VALUE", "duplicate value found: RelationId duplicates value on record with id: %s", t.rowID(other)).on("RelationId")
		}
	}
	events := x.st.table("Event")
	if slot, ok := events.slots[event]; ok && events.rows[slot][events.obj.at("IsChild")] == true {
		return refuse("FIELD_INTEGRITY_EXCEPTION", "Event ID: nobody can be invited to a child event").on("EventId")
	}
	return nil
}

// autoNumber fills n into the zeros of the format: CSR-00000 and 7 is CSR-00007.
func (f *field) autoNumber(n uint64) string {
	prefix := strings.TrimRight(f.auto, "0")
	return prefix + fmt.Sprintf("%0*d", len(f.auto)-len(prefix), n)
}
