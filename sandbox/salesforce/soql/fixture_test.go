package soql

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// memory is a Source in plain slices; indexed names the "Object.Field" it
// answers Lookup for.
type memory struct {
	objects map[string]*Object
	rows    map[string][]Row
	byID    map[string]Row
	indexed map[string]map[string][]Row // object.field → lower-case value → rows
	scans   int
}

func (m *memory) Object(name string) (*Object, bool) {
	o, ok := m.objects[strings.ToLower(name)]
	return o, ok
}

func (m *memory) deleted(object string, r Row) bool {
	o, _ := m.Object(object)
	d, _ := cell(r, o.FieldIndex("IsDeleted")).(bool)
	return d
}

func (m *memory) Scan(object string, all bool, yield func(Row) bool) {
	m.scans++
	o, _ := m.Object(object)
	deleted := o.FieldIndex("IsDeleted")
	for _, r := range m.rows[object] {
		if d, _ := cell(r, deleted).(bool); (all || !d) && !yield(r) {
			return
		}
	}
}

func (m *memory) ByID(object, id string) (Row, bool) {
	r, ok := m.byID[object+"/"+id]
	return r, ok
}

func (m *memory) Lookup(object string, field int, value any, all bool) ([]Row, bool) {
	o, _ := m.Object(object)
	index, ok := m.indexed[object+"."+o.Fields[field].Name]
	if !ok {
		return nil, false
	}
	var out []Row
	for _, r := range index[strings.ToLower(fmt.Sprint(value))] {
		if all || !m.deleted(object, r) {
			out = append(out, r)
		}
	}
	return out, true
}

func (m *memory) define(o *Object) {
	o.Index()
	m.objects[strings.ToLower(o.Name)] = o
}

func (m *memory) add(object string, values map[string]any) {
	o, _ := m.Object(object)
	r := make(Row, len(o.Fields))
	for k, v := range values {
		i := o.FieldIndex(k)
		if i < 0 {
			panic("no field " + object + "." + k)
		}
		r[i] = v
	}
	m.rows[object] = append(m.rows[object], r)
	id, _ := r[o.FieldIndex("Id")].(string)
	m.byID[object+"/"+id] = r
}

func (m *memory) index(object, field string) {
	o, _ := m.Object(object)
	i := o.FieldIndex(field)
	idx := map[string][]Row{}
	for _, r := range m.rows[object] {
		if r[i] != nil {
			k := strings.ToLower(fmt.Sprint(r[i]))
			idx[k] = append(idx[k], r)
		}
	}
	m.indexed[object+"."+field] = idx
}

// id makes an 18-character id of a prefix and a number.
func id(prefix string, n int) string { return ID18(fmt.Sprintf("%s%012d", prefix, n)) }

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func ref(name, relationship string, to ...string) Field {
	return Field{Name: name, Type: TypeReference, Relationship: relationship, ReferenceTo: to}
}

// testNow is a Tuesday in the fourth fiscal quarter of the year that starts on
// 1 February 2026 (fiscal year 2027).
var testNow = at("2026-11-24T10:00:00Z")

var testOptions = Options{Now: testNow, FiscalStartMonth: 2, Location: time.UTC, DefaultCurrency: "USD"}

func newMemory() *memory {
	m := &memory{objects: map[string]*Object{}, rows: map[string][]Row{}, byID: map[string]Row{}, indexed: map[string]map[string][]Row{}}
	m.define(&Object{Name: "User", Fields: []Field{
		{Name: "Id", Type: TypeID},
		{Name: "Name", Type: TypeString},
		{Name: "Email", Type: TypeEmail},
		{Name: "IsActive", Type: TypeBoolean},
		ref("ManagerId", "Manager", "User"),
	}})
	m.define(&Object{Name: "Group", Fields: []Field{{Name: "Id", Type: TypeID}, {Name: "Name", Type: TypeString}}})
	m.define(&Object{Name: "Account", Fields: []Field{
		{Name: "Id", Type: TypeID},
		{Name: "Name", Type: TypeString},
		{Name: "Industry", Type: TypePicklist},
		{Name: "Domains__c", Type: TypeMultiPicklist},
		{Name: "AnnualRevenue", Type: TypeCurrency},
		{Name: "NumberOfEmployees", Type: TypeInt},
		{Name: "IsActive__c", Type: TypeBoolean},
		{Name: "CreatedDate", Type: TypeDateTime},
		{Name: "IsDeleted", Type: TypeBoolean},
		{Name: "External__c", Type: TypeString},
		ref("ParentId", "Parent", "Account"),
		ref("OwnerId", "Owner", "User"),
	}, Children: []Child{
		{Relationship: "Opportunities", Object: "Opportunity", Field: "AccountId"},
		{Relationship: "ChildAccounts", Object: "Account", Field: "ParentId"},
	}})
	m.define(&Object{Name: "Opportunity", Fields: []Field{
		{Name: "Id", Type: TypeID},
		{Name: "Name", Type: TypeString},
		ref("AccountId", "Account", "Account"),
		{Name: "StageName", Type: TypePicklist},
		{Name: "Amount", Type: TypeCurrency},
		{Name: "CloseDate", Type: TypeDate},
		{Name: "IsWon", Type: TypeBoolean},
		{Name: "SystemModstamp", Type: TypeDateTime},
		ref("OwnerId", "Owner", "User", "Group"),
		ref("Fulfillment_Partner__c", "Fulfillment_Partner__r", "Account"),
		{Name: "Order_Type_Test__c", Type: TypePicklist},
		{Name: "IsDeleted", Type: TypeBoolean},
	}, Children: []Child{
		{Relationship: "OpportunityTeamMembers", Object: "OpportunityTeamMember", Field: "OpportunityId"},
	}})
	m.define(&Object{Name: "OpportunityTeamMember", Fields: []Field{
		{Name: "Id", Type: TypeID}, ref("OpportunityId", "Opportunity", "Opportunity"), ref("UserId", "User", "User"), {Name: "TeamMemberRole", Type: TypePicklist},
	}})
	m.define(&Object{Name: "Task", Fields: []Field{
		{Name: "Id", Type: TypeID},
		{Name: "Subject", Type: TypeString},
		{Name: "ActivityDate", Type: TypeDate},
		ref("WhatId", "What", "Account", "Opportunity"),
		{Name: "CoSell_Activity_Key__c", Type: TypeString},
	}})
	m.define(&Object{Name: "Attachment", Fields: []Field{{Name: "Id", Type: TypeID}, {Name: "Body", Type: TypeBase64}}})

	m.add("User", map[string]any{"Id": id("005", 1), "Name": "Ann", "Email": "ann@example.com", "IsActive": true, "ManagerId": id("005", 2)})
	m.add("User", map[string]any{"Id": id("005", 2), "Name": "Bob", "Email": "bob@example.com", "IsActive": false})
	m.add("Group", map[string]any{"Id": id("00G", 1), "Name": "Queue"})
	acc := func(n int, name string, more map[string]any) {
		v := map[string]any{"Id": id("001", n), "Name": name, "IsDeleted": false}
		for k, x := range more {
			v[k] = x
		}
		m.add("Account", v)
	}
	acc(1, "Acme", map[string]any{"Industry": "Media", "Domains__c": "a.com;b.com", "AnnualRevenue": 100000.0, "NumberOfEmployees": int64(10), "IsActive__c": true, "CreatedDate": at("2026-11-24T09:00:00Z"), "OwnerId": id("005", 1), "External__c": "X-1"})
	acc(2, "beta 50%", map[string]any{"Industry": "Energy", "Domains__c": "b.com", "AnnualRevenue": 12.5, "NumberOfEmployees": int64(200), "IsActive__c": false, "CreatedDate": at("2026-11-23T23:30:00Z"), "OwnerId": id("005", 2), "ParentId": id("001", 1), "External__c": "X-2"})
	acc(3, "Gamma_Ü", map[string]any{"Industry": "media", "AnnualRevenue": 0.1, "CreatedDate": at("2025-01-31T12:00:00Z"), "ParentId": id("001", 2), "OwnerId": id("005", 1)})
	acc(4, "O'Neil \"x\"\n", map[string]any{"NumberOfEmployees": int64(5), "IsActive__c": true})
	acc(5, "Gone", map[string]any{"IsDeleted": true, "Industry": "Media"})
	opp := func(n int, name string, account, amount any, stage, closeDate string, won bool, mod string, more map[string]any) {
		v := map[string]any{"Id": id("006", n), "Name": name, "AccountId": account, "Amount": amount, "StageName": stage, "CloseDate": closeDate, "IsWon": won, "SystemModstamp": at(mod), "IsDeleted": false, "OwnerId": id("005", 1)}
		for k, x := range more {
			v[k] = x
		}
		m.add("Opportunity", v)
	}
	opp(1, "Deal 1", id("001", 1), 1000.0, "Closed Won", "2026-11-10", true, "2026-11-01T00:00:00Z", map[string]any{"Order_Type_Test__c": "New", "Fulfillment_Partner__c": id("001", 3)})
	opp(2, "Deal 2", id("001", 1), 2500.5, "Closed Won", "2026-12-31", true, "2026-11-02T00:00:00.5Z", map[string]any{"Order_Type_Test__c": "Growth"})
	opp(3, "Deal 3", id("001", 2), nil, "Proposal", "2026-10-31", false, "2026-11-02T00:00:00Z", map[string]any{"OwnerId": id("00G", 1)})
	opp(4, "Deal 4", nil, 10.0, "Closed Lost", "2027-02-01", false, "2026-11-03T00:00:00Z", map[string]any{"Order_Type_Test__c": "new", "OwnerId": id("005", 2)})
	m.add("OpportunityTeamMember", map[string]any{"Id": id("00q", 1), "OpportunityId": id("006", 1), "UserId": id("005", 1), "TeamMemberRole": "Alliance"})
	m.add("OpportunityTeamMember", map[string]any{"Id": id("00q", 2), "OpportunityId": id("006", 1), "UserId": id("005", 2), "TeamMemberRole": "Sales"})
	m.add("Task", map[string]any{"Id": id("00T", 1), "Subject": "Call", "WhatId": id("006", 1), "CoSell_Activity_Key__c": "k1", "ActivityDate": "2026-11-24"})
	m.add("Task", map[string]any{"Id": id("00T", 2), "Subject": "Mail", "WhatId": id("001", 2), "CoSell_Activity_Key__c": "k2"})
	m.add("Task", map[string]any{"Id": id("00T", 3), "Subject": "None"})
	m.add("Attachment", map[string]any{"Id": id("00P", 1), "Body": "QUJD"})
	return m
}

func run(t *testing.T, src Source, soql string, opt Options) (*Result, error) {
	t.Helper()
	q, err := Parse(soql)
	if err != nil {
		return nil, err
	}
	p, err := Prepare(q, src, opt)
	if err != nil {
		return nil, err
	}
	return p.Run(t.Context())
}

// ids gives the numbers of the records found, such as "1 3".
func ids(t *testing.T, src Source, soql string, opt Options) string {
	t.Helper()
	r, err := run(t, src, soql, opt)
	if err != nil {
		t.Fatalf("%s: %v", soql, err)
	}
	var out []string
	for i := range r.Len() {
		out = append(out, strings.TrimLeft(r.Record(i).ID()[3:15], "0"))
	}
	return strings.Join(out, " ")
}

func sorted(s string) string {
	parts := strings.Fields(s)
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// records gives the result as the JSON of its records.
func records(t *testing.T, src Source, soql string) string {
	t.Helper()
	r, err := run(t, src, soql, testOptions)
	if err != nil {
		t.Fatalf("%s: %v", soql, err)
	}
	var out []byte
	for i := range r.Len() {
		out = append(r.Record(i).AppendJSON(out, "v67.0"), '\n')
	}
	return strings.TrimSuffix(string(out), "\n")
}
