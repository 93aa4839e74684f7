package soql

import (
	"fmt"
	"testing"
	"time"
)

// large has 100,000 opportunities of 60 columns in no useful order.
func large() *memory {
	m := &memory{objects: map[string]*Object{}, rows: map[string][]Row{}, byID: map[string]Row{}, indexed: map[string]map[string][]Row{}}
	o := &Object{Name: "Opportunity", Fields: []Field{
		{Name: "Id", Type: TypeID},
		{Name: "Name", Type: TypeString},
		{Name: "SystemModstamp", Type: TypeDateTime},
		{Name: "Amount", Type: TypeCurrency},
		{Name: "CloseDate", Type: TypeDate},
		{Name: "StageName", Type: TypePicklist},
	}}
	for i := len(o.Fields); i < 60; i++ {
		o.Fields = append(o.Fields, Field{Name: fmt.Sprintf("F%d__c", i), Type: TypeString})
	}
	m.define(o)
	base := at("2026-01-01T00:00:00Z")
	const n = 100_000
	rows := make([]Row, n)
	for i := range rows {
		k := i * 7919 % n // a permutation: 7919 is prime to 100,000
		r := make(Row, 60)
		r[0], r[1] = id("006", k), fmt.Sprintf("Deal %d", k)
		r[2] = base.Add(time.Duration(k/3) * time.Second)
		r[3], r[4] = float64(k), "2026-11-24"
		r[5] = []string{"Proposal", "Closed Won", "Closed Lost"}[k%3]
		for c := 6; c < 60; c++ {
			r[c] = "value"
		}
		rows[i] = r
		m.byID["Opportunity/"+id("006", k)] = r
	}
	m.rows["Opportunity"] = rows
	return m
}

func BenchmarkRun(b *testing.B) {
	m := large()
	for _, bm := range []struct{ name, soql string }{
		{"modstamp_all", "SELECT Id, Name, Amount FROM Opportunity WHERE SystemModstamp >= 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id"},
		{"modstamp_limit", "SELECT Id, Name, Amount FROM Opportunity WHERE SystemModstamp >= 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000"},
		{"order_by_stage", "SELECT Id FROM Opportunity ORDER BY StageName, Id"},
		{"group", "SELECT StageName, SUM(Amount) FROM Opportunity GROUP BY StageName"},
		{"like", "SELECT COUNT() FROM Opportunity WHERE Name LIKE '%99%'"},
		{"by_id", "SELECT Id FROM Opportunity WHERE Id IN ('" + id("006", 5) + "','" + id("006", 6) + "')"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			q, err := Parse(bm.soql)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				p, err := Prepare(q, m, testOptions)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("render_page_of_2000", func(b *testing.B) {
		q, err := Parse("SELECT FIELDS(STANDARD), F6__c, F7__c, F8__c, F9__c, F10__c, F11__c FROM Opportunity")
		if err != nil {
			b.Fatal(err)
		}
		p, err := Prepare(q, m, testOptions)
		if err != nil {
			b.Fatal(err)
		}
		r, err := p.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var buf []byte
		for b.Loop() {
			buf = buf[:0]
			for i := range 2000 {
				buf = r.Record(i).AppendJSON(buf, "v67.0")
			}
		}
		b.SetBytes(int64(len(buf)))
	})
}

func BenchmarkParse(b *testing.B) {
	const soql = "SELECT Id, Name, Account.Name, (SELECT Id FROM OpportunityTeamMembers) FROM Opportunity WHERE SystemModstamp >= 2026-08-01T00:00:00Z AND (StageName = 'a' OR Amount > 5) ORDER BY SystemModstamp, Id LIMIT 2000"
	for b.Loop() {
		if _, err := Parse(soql); err != nil {
			b.Fatal(err)
		}
	}
}
