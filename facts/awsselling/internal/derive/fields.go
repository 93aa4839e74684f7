package derive

import (
	"fmt"
	"os"
	"strings"
)

// What another official page says where it differs from the table
// (working-with-your-opportunities and the service model's own text).
var sourceConflicts = map[string]string{
	"PartnerOpportunityIdentifier":         "the documentation locks it after approval; the table lets it change",
	"Project.ExpectedCustomerSpend.Amount": "the service model's text still uses the older name ExpectedMonthlyAWSRevenue for the fields editable in Action Required",
	"Customer.Account.CompanyName":         "official sources differ on whether it is locked after approval; the table locks it",
}

func fieldRules(path string) ([]map[string]any, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := readCSV(raw)
	if err != nil {
		return nil, fmt.Errorf("Opportunity-Fields.csv: %w", err)
	}
	mapping, err := readCSV(fieldPathsCSV)
	if err != nil {
		return nil, fmt.Errorf("fieldpaths.csv: %w", err)
	}
	paths := map[string][]string{}
	for _, m := range mapping[1:] {
		paths[m[0]] = strings.Split(m[1], "|")
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[strings.TrimSpace(name)] = i
	}
	need := []string{
		"Field Name - APN CRM JSON Name", "Field Name - AWS Partner Selling APIs", "Inbound - Mandatory / Conditionally Mandatory / Optional",
		"Conditions when Mandatory (Biz Validation)", "Update - Action Required", "Update - After Launched (Closed Won)", "Updates up until Launched/Lost", "Create",
	}
	idx := make([]int, len(need))
	for i, n := range need {
		at, ok := col[n]
		if !ok {
			return nil, fmt.Errorf("Opportunity-Fields.csv: no column %q", n)
		}
		idx[i] = at
	}
	var out []map[string]any
	for _, r := range rows[1:] {
		v := make([]string, len(idx))
		for i, at := range idx {
			v[i] = strings.Join(strings.Fields(r[at]), " ")
		}
		for _, p := range paths[v[1]] {
			rule := map[string]any{"path": p, "csvPath": v[1], "crmName": v[0], "condition": v[3], "sourcesConflict": sourceConflicts[p]}
			if rule["required"], err = requirement(v[2]); err != nil {
				return nil, fmt.Errorf("Opportunity-Fields.csv: %s: %w", v[0], err)
			}
			for i, name := range []string{"actionRequired", "afterLaunched", "untilLaunched", "create"} {
				if rule[name], err = editable(v[4+i]); err != nil {
					return nil, fmt.Errorf("Opportunity-Fields.csv: %s: %w", v[0], err)
				}
			}
			out = append(out, trim(rule))
		}
	}
	return out, nil
}

func requirement(s string) (string, error) {
	switch {
	case s == "Mandatory":
		return "mandatory", nil
	case strings.HasPrefix(s, "Conditionally"):
		return "conditional", nil
	case s == "Optional":
		return "optional", nil
	case s == "NA":
		return "not_applicable", nil
	}
	return "", fmt.Errorf("requirement %q not known", s)
}

func editable(s string) (string, error) {
	switch {
	case s == "Yes":
		return "yes", nil
	case s == "No":
		return "no", nil
	case s == "#N/A":
		return "not_applicable", nil
	case strings.Contains(s, "ISV Partners Only"):
		return "isv_partners_only", nil
	case strings.Contains(s, "special programs"):
		return "special_programs_only", nil
	}
	return "", fmt.Errorf("edit rule %q not known", s)
}
