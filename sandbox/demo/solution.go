package demo

// Solution is one product that the vendor has listed in AWS Partner Central.
type Solution struct {
	ID        string // "S-" and seven digits
	Name      string
	Category  string
	Status    string // "Active", "Inactive" or "Draft"
	CreatedOn string // "YYYY-MM-DD"
}

var solutions = []Solution{
	{"S-0041001", Vendor + " Premium (SaaS)", "Software Product", "Active", "2023-03-14"},
	{"S-0041002", Vendor + " Ultimate (SaaS)", "Software Product", "Active", "2023-03-14"},
	{"S-0041003", Vendor + " Premium, self-managed", "Software Product", "Active", "2023-03-20"},
	{"S-0041004", Vendor + " Ultimate, self-managed", "Software Product", "Active", "2023-03-20"},
	{"S-0041005", Vendor + " Dedicated", "Software Product", "Active", "2024-01-09"},
	{"S-0041006", Vendor + " Dedicated for Government", "Software Product", "Active", "2024-06-03"},
	{"S-0041007", Vendor + " Secure Supply Chain", "Software Product", "Active", "2024-09-17"},
	{"S-0041008", Vendor + " Assist for Developers", "Software Product", "Active", "2025-02-11"},
	{"S-0041009", Vendor + " Migration Service", "Professional Service", "Active", "2024-02-26"},
	{"S-0041010", Vendor + " Platform Engineering Accelerator", "Consulting Service", "Active", "2025-05-06"},
	{"S-0041011", Vendor + " Administrator Training", "Training Service", "Active", "2024-10-22"},
	{"S-0041012", Vendor + " Managed Runners", "Managed Service", "Active", "2025-08-19"},
	{"S-0041013", Vendor + " Starter", "Software Product", "Inactive", "2021-05-04"},
	{"S-0041014", Vendor + " Bronze", "Software Product", "Inactive", "2020-11-30"},
	{"S-0041015", Vendor + " Edge Builder", "Software Product", "Draft", "2026-01-15"},
}

// IPCoSell is the category of what is eligible for Azure IP co-sell.
const IPCoSell = "Azure IP co-sell eligible"

var microsoftSolutions = []Solution{
	{"SOL-41001-PREM", Vendor + " Premium (SaaS)", IPCoSell, "Active", "2023-05-16"},
	{"SOL-41002-ULTI", Vendor + " Ultimate (SaaS)", IPCoSell, "Active", "2023-05-16"},
	{"SOL-41005-DEDI", Vendor + " Dedicated", "Co-sell ready", "Active", "2024-04-22"},
	{"SOL-41009-MIGR", Vendor + " Migration Service", "Co-sell ready", "Active", "2024-10-08"},
}

// MicrosoftSolutions gives what the vendor published in Partner Center for
// co-selling.
func MicrosoftSolutions() []Solution { return append([]Solution(nil), microsoftSolutions...) }

// Solutions gives what the vendor sells with AWS, for the seed of Partner
// Central: most are active, a few are not and cannot be linked to a deal.
func Solutions() []Solution { return append([]Solution(nil), solutions...) }
