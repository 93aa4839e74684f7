package salesforce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func node(method, path, ref, body string) string {
	return `{"method":"` + method + `","url":"/services/data/v67.0/sobjects/` + path + `","referenceId":"` + ref + `"` + body + `}`
}

func graph(id string, nodes ...string) string {
	return `{"graphId":"` + id + `","compositeRequest":[` + strings.Join(nodes, ",") + `]}`
}

func (o *org) graphs(graphs ...string) answer {
	o.t.Helper()
	return o.api("POST", "/composite/graph", `{"graphs":[`+strings.Join(graphs, ",")+`]}`)
}

func TestAGraphIsSavedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	got := o.graphs(
		graph("good",
			node("POST", "Contact", "con", `,"body":{"LastName":"Doe","AccountId":"@{acc.id}"}`), // before what it needs
			node("POST", "Account", "acc", `,"body":{"Name":"Acme"}`),
			node("PATCH", "CoSell_Registration__c/CoSell_Key__c/k1", "reg", `,"body":{"Cloud__c":"aws"}`),
			node("GET", "Account/@{acc.id}?fields=Name", "read", "")),
		graph("bad",
			node("POST", "Account", "acc", `,"body":{"Name":"Never"}`),
			node("POST", "Opportunity", "opp", `,"body":{"Name":"No stage","AccountId":"@{acc.id}"}`),
			node("DELETE", "Account/@{nope.id}", "del", "")),
	).want(200, "").object()["graphs"].([]any)
	good, bad := got[0].(map[string]any), got[1].(map[string]any)
	responses := func(g map[string]any) []map[string]any {
		var out []map[string]any
		for _, r := range g["graphResponse"].(map[string]any)["compositeResponse"].([]any) {
			out = append(out, r.(map[string]any))
		}
		return out
	}
	if good["graphId"] != "good" || good["isSuccessful"] != true {
		t.Fatalf("the good graph %v", good)
	}
	in := responses(good)
	if in[0]["referenceId"] != "con" || in[0]["httpStatusCode"] != 201.0 || in[1]["httpStatusCode"] != 201.0 || in[2]["httpStatusCode"] != 201.0 || in[3]["body"].(map[string]any)["Name"] != "Acme" {
		t.Errorf("its nodes %v", in)
	}
	account := in[1]["body"].(map[string]any)["id"]
	if got := o.query("SELECT AccountId FROM Contact"); len(got) != 1 || got[0]["AccountId"] != account {
		t.Errorf("the contact %v", got)
	}
	if bad["isSuccessful"] != false {
		t.Errorf("the bad graph %v", bad)
	}
	var codes []any
	for _, r := range responses(bad) {
		codes = append(codes, r["httpStatusCode"], r["body"].([]any)[0].(map[string]any)["errorCode"])
	}
	if fmt.Sprint(codes) != "[400 PROCESSING_HALTED 400 REQUIRED_FIELD_MISSING 400 PROCESSING_HALTED]" {
		t.Errorf("its nodes %v", codes)
	}
	if n := len(o.query("SELECT Id FROM Account WHERE Name = 'Never'")); n != 0 {
		t.Error("a part of the bad graph stays")
	}
	if used := o.api("GET", "/limits", "").header.Get("Sforce-Limit-Info"); used != "api-usage=4/100000" {
		t.Errorf("the graphs count as %s", used)
	}
}

func TestGraphsKeepTheirLimits(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	account := func(ref string) string { return node("POST", "Account", ref, `,"body":{"Name":"x"}`) }
	many := func(n int, f func(i int) string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	o.graphs(many(75, func(i int) string { return graph(fmt.Sprint(i), account("a")) })...).want(200, "")
	o.graphs(many(76, func(i int) string { return graph(fmt.Sprint(i), account("a")) })...).want(400, "LIMIT_EXCEEDED")
	o.graphs(graph("g", many(501, func(i int) string { return account(fmt.Sprint("a", i)) })...)).want(400, "LIMIT_EXCEEDED")
	chain := func(n int) []string {
		return many(n, func(i int) string {
			parent := ""
			if i > 0 {
				parent = fmt.Sprintf(`,"ParentId":"@{a%d.id}"`, i-1)
			}
			return node("POST", "Account", fmt.Sprint("a", i), `,"body":{"Name":"x"`+parent+`}`)
		})
	}
	if got := o.graphs(graph("g", chain(15)...)).want(200, "").object()["graphs"].([]any)[0].(map[string]any)["isSuccessful"]; got != true {
		t.Errorf("15 deep: %v", got)
	}
	o.graphs(graph("g", chain(16)...)).want(400, "LIMIT_EXCEEDED")
	kinds := strings.Fields("Account Contact Lead Opportunity Task Event Case Campaign User UserRole CoSell_Registration__c CoSell_Offer__c OpportunityContactRole OpportunityTeamMember Partner CampaignMember")
	o.graphs(graph("g", many(16, func(i int) string { return node("GET", kinds[i]+"/001000000000000AAA", fmt.Sprint("a", i), "") })...)).want(400, "LIMIT_EXCEEDED")

	// The fifteenth failure halts what is left.
	wrong := func(i int) string { return graph(fmt.Sprint("w", i), node("POST", "Account", "a", `,"body":{}`)) }
	got := o.graphs(append(many(15, wrong), graph("last", account("a")))...).want(200, "").object()["graphs"].([]any)[15]
	if text := fmt.Sprint(got); !strings.Contains(text, "PROCESSING_HALTED") || !strings.Contains(text, "isSuccessful:false") {
		t.Errorf("after 15 failures: %s", text)
	}
	if got := fmt.Sprint(o.graphs(append(many(14, wrong), graph("last", account("a")))...).want(200, "").object()["graphs"].([]any)[14]); !strings.Contains(got, "isSuccessful:true") {
		t.Errorf("after 14 failures: %s", got)
	}
	for body, code := range map[string]string{
		graph("g"):                                                     "REQUIRED_FIELD_MISSING",
		graph("with blank ", account("a")):                             "INVALID_INPUT",
		graph("g", account("a"), account("a")):                         "INVALID_INPUT",
		graph("g", account("1a")):                                      "INVALID_INPUT",
		graph("g", node("PUT", "Account", "a", "")):                    "INVALID_INPUT",
		graph("g", node("GET", "Account/describe/layouts/x", "a", "")): "INVALID_INPUT",
		graph("g", `{"method":"GET","url":"/services/data/v67.0/query?q=SELECT+Id+FROM+Account","referenceId":"a"}`): "INVALID_INPUT",
		graph("g", node("GET", "Account/@{b.id}", "a", ""), node("GET", "Account/@{a.id}", "b", "")):                 "INVALID_INPUT",
	} {
		o.graphs(body).want(400, code)
	}
	o.graphs(graph("g", account("a")), graph("g", account("a"))).want(400, "INVALID_INPUT")
	o.api("POST", "/composite/graph", `{"graphs":`).want(400, "JSON_PARSER_ERROR")
	o.api("GET", "/composite/graph", "").want(405, "METHOD_NOT_ALLOWED")
	inside := o.api("POST", "/composite", `{"compositeRequest":[{"method":"POST","url":"/services/data/v67.0/composite/graph","referenceId":"a","body":{"graphs":[]}}]}`).want(200, "")
	if !strings.Contains(inside.body, `"httpStatusCode":404`) {
		t.Errorf("a graph inside a composite: %s", inside.body)
	}
	o.control("POST", "faults", `{"fail_next":{"operation":"graph","count":1,"kind":"error"}}`).want(200, "")
	o.graphs(graph("g", account("a"))).want(503, "SERVER_UNAVAILABLE")
}
