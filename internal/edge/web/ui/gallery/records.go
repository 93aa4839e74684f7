package gallery

import (
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

type deal struct {
	name, account, owner, amount, currency, stage string
	state                                         ui.Badge
	tone                                          ui.Tone
	closeIn                                       int // days from now
	clouds                                        []string
}

var deals = []deal{
	{"Platform renewal 2027", "Fjordlys Energi AS", "Mara Lindqvist", "1250000.00", "USD", "Negotiation", ui.Badge{Tone: ui.ToneDanger, Text: "Action required"}, ui.ToneDanger, 3, []string{"aws"}},
	{"Rollout to the plants in Chihuahua, Monterrey and San Luis Potosí with the security bundle and three years of premium support", "Talleres Ébano y Compañía Sociedad Anónima de Capital Variable", "Iñigo Belaúnde", "486200.00", "USD", "Proposal", ui.Badge{Tone: ui.ToneWarn, Text: "Blocked by 3 checks"}, ui.ToneWarn, 19, []string{"aws", "azure"}},
	{"منصة التطوير الموحدة", "شركة الخليج للخدمات الرقمية", "Noor Haddad", "310000.00", "AED", "Technical evaluation", ui.Badge{Tone: ui.ToneInfo, Text: "In review"}, "", 47, []string{"gcp"}},
	{"開発基盤の統合", "みなと精機株式会社", "Sora Fujimoto", "42000000", "JPY", "Discovery", ui.Badge{Tone: ui.ToneInfo, Text: "Submitted"}, "", 88, []string{"aws", "gcp"}},
	{"Ultimate upgrade", "Bramblewick & Sons", "Tomasz Zieliński", "87500.00", "GBP", "Closed won", ui.Badge{Tone: ui.ToneSuccess, Text: "Approved"}, "", -12, []string{"azure"}},
	{"New business", "Otway Logistics", "", "", "USD", "Discovery", ui.Badge{Text: "Not eligible"}, "", 120, nil},
	{"Migration from self-managed", "Kestrel Health Partners", "Adaeze Okonjo", "964000.00", "USD", "Proposal", ui.Badge{Tone: ui.ToneSuccess, Text: "Approved"}, "", 26, []string{"aws"}},
	{"Public sector framework, lot 2", "Ayuntamiento de Valdemar", "Iñigo Belaúnde", "228000.50", "EUR", "Negotiation", ui.Badge{Tone: ui.ToneInfo, Text: "In review"}, "", 33, []string{"azure", "gcp"}},
	{"Seat expansion", "Quillon Software GmbH", "Tomasz Zieliński", "56400.00", "EUR", "Closed lost", ui.Badge{Tone: ui.ToneDanger, Text: "Rejected"}, "", -40, []string{"aws"}},
}

func day(now time.Time, in int) time.Time { return now.AddDate(0, 0, in) }

func dealTable(now time.Time) ui.DataTable {
	t := ui.DataTable{
		ID: "opportunities", Caption: "Joint opportunities", ChooseAction: "/opportunities", NoChooser: true,
		Columns: []ui.Column{
			{Key: "name", Label: "Opportunity", SortHref: "?sort=name", Fixed: true, Grow: true},
			{Key: "state", Label: "Registration", SortHref: "?sort=state"},
			{Key: "clouds", Label: "Clouds"},
			{Key: "stage", Label: "Stage", SortHref: "?sort=stage"},
			{Key: "amount", Label: "Amount", SortHref: "?sort=-amount", End: true},
			{Key: "close", Label: "Closes", SortHref: "?sort=-close", Sort: ui.SortAsc},
			{Key: "owner", Label: "Owner"},
			{Key: "id", Label: "Salesforce id", Hidden: true},
		},
		Bulk: []ui.Button{
			{Label: "Register with AWS…", Icon: ui.IconRegister, FormAction: "/bulk/register", Variant: ui.VariantPrimary},
			{Label: "Assign owner…", Icon: ui.IconPerson, FormAction: "/bulk/assign"},
			{Label: "Export", Icon: ui.IconDownload, FormAction: "/bulk/export"},
		},
		Pager:   &ui.Pager{PrevHref: "?before=x", NextHref: "?after=y", FirstHref: "?", From: 51, To: 59, Total: 1204, Sizes: []ui.Tab{{Label: "50", Href: "?n=50", Active: true}, {Label: "100", Href: "?n=100"}}},
		Summary: ui.Text("1,204 opportunities in 5 currencies, USD 84,210,400 at the rates of 20 Nov 2026"),
	}
	for i, d := range deals {
		t.Rows = append(t.Rows, ui.Row{
			ID: "opp_" + strconv.Itoa(i), Href: "/record", Name: d.name, Tone: d.tone,
			Cells: []templ.Component{
				ui.Two(d.name, d.account), d.state, ui.Clouds(d.clouds), ui.Text(d.stage),
				ui.Money{Number: d.amount, Currency: d.currency, Whole: true},
				ui.Time{At: day(now, d.closeIn), Style: ui.TimeDay},
				ui.PersonName(d.owner),
				ui.Copy{Text: "006Qy00000AbC" + strconv.Itoa(i), What: "the Salesforce id"},
			},
		})
	}
	return t
}

func filters(table ui.DataTable) ui.FilterBar {
	return ui.FilterBar{
		ID: "f", Action: "/opportunities", Search: true, SearchHint: "Account, opportunity, id", ClearHref: "/opportunities",
		Keep: []ui.Param{{Name: "sort", Value: "close"}, {Name: "cloud", Value: "aws"}},
		Filters: []ui.Filter{
			{Name: "cloud", Label: "Cloud", Kind: ui.FilterMany, On: true, Shown: "AWS, Azure", RemoveHref: "?", Options: []ui.Option{{Value: "aws", Label: "AWS", Selected: true}, {Value: "azure", Label: "Azure", Selected: true}, {Value: "gcp", Label: "Google Cloud"}}},
			{Name: "amount", Label: "Amount", Kind: ui.FilterRange, On: true, Shown: "over USD 50,000", RemoveHref: "?", Value: "50000", Unit: "USD"},
			{Name: "stage", Label: "Stage", Kind: ui.FilterOne, Options: []ui.Option{{Value: "1", Label: "Discovery"}, {Value: "2", Label: "Proposal", Selected: true}}},
			{Name: "account", Label: "Account", Kind: ui.FilterText},
			{Name: "close", Label: "Close date", Kind: ui.FilterDays},
		},
		Actions: []ui.Button{{Label: "List", Icon: ui.IconList, IconOnly: true, Href: "/opportunities"}, {Label: "Board", Icon: ui.IconBoard, IconOnly: true, Href: "/board"}},
		End:     table.Chooser(),
		Menus: []ui.Menu{{ID: "export", Button: ui.Button{Label: "Export", Icon: ui.IconDownload}, Items: []ui.MenuItem{
			{Label: "CSV, as shown", Href: "/export.csv", Icon: ui.IconDownload},
			{Label: "Excel, as shown", Href: "/export.xlsx", Icon: ui.IconDownload},
		}}},
	}
}

func views() ui.SavedViews {
	return ui.SavedViews{Changed: true, SaveHref: "/views/new", Items: []ui.Tab{
		{Label: "All joint deals", Href: "/opportunities", Count: 1204},
		{Label: "Mine", Href: "?view=mine", Count: 42, Active: true},
		{Label: "Needs action", Href: "?view=action", Count: 7},
		{Label: "Closes this quarter", Href: "?view=quarter", Count: 118},
		{Label: "Not yet registered", Href: "?view=new", Count: 63},
	}}
}

func work(now time.Time) []ui.WorkItem {
	return []ui.WorkItem{
		{ID: "w1", Tone: ui.ToneDanger, Title: "Fjordlys Energi AS · Platform renewal 2027", Href: "/record", Why: "AWS asks for the project description again; without an answer the registration is closed.", Due: now.Add(26 * time.Hour), Amount: money("1250000"), Cloud: "aws", Act: ui.Button{Label: "Answer AWS", Variant: ui.VariantPrimary, Href: "/record"}},
		{ID: "w2", Tone: ui.ToneDanger, Title: "Talleres Ébano y Compañía Sociedad Anónima de Capital Variable · Rollout to the plants", Href: "/record", Why: "Three required fields are missing, so it cannot be registered: postal code, solution, close date.", Due: now.Add(3 * 24 * time.Hour), Amount: money("486200"), Cloud: "aws", Act: ui.Button{Label: "Mend fields", Href: "/record"}},
		{ID: "w3", Tone: ui.ToneWarn, Title: "Kestrel Health Partners · Migration", Href: "/record", Why: "Stage differs: Salesforce says Proposal, AWS says Qualified, both changed since yesterday.", Due: now.Add(5 * 24 * time.Hour), Amount: money("964000"), Cloud: "aws", Act: ui.Button{Label: "Decide", Href: "/record"}},
		{ID: "w4", Tone: ui.ToneInfo, Title: "شركة الخليج للخدمات الرقمية", Href: "/record", Why: "Google Cloud invited us to this deal; nobody has accepted it yet.", Amount: ui.Money{Number: "310000", Currency: "AED", Whole: true}, Cloud: "gcp", Act: ui.Button{Label: "Look at it", Href: "/record"}},
	}
}

func boardData(now time.Time) ui.Board {
	b := ui.Board{Label: "Registrations by state", MoveAction: "/board/move"}
	cols := []struct{ key, title, teaches string }{
		{"ready", "Ready to register", ""}, {"submitted", "Submitted", ""}, {"review", "In review", ""}, {"action", "Action required", "Nothing here: no partner waits for an answer."}, {"approved", "Approved", ""},
	}
	for ci, c := range cols {
		col := ui.BoardColumn{Key: c.key, Title: c.title, Teaches: c.teaches, MoreHref: ""}
		if c.key != "action" {
			col.Count, col.Sums = 18-ci*3, []ui.Money{money("4120000"), {Number: "980000", Currency: "EUR", Whole: true}}
			for i := range 3 {
				d := deals[(ci*2+i)%len(deals)]
				card := ui.Card{ID: c.key + strconv.Itoa(i), Title: d.account, Href: "/record", Second: d.name, Amount: ui.Money{Number: d.amount, Currency: d.currency, Whole: true}, Owner: d.owner, Due: day(now, d.closeIn), Moves: []string{"submitted", "action"}}
				for _, cl := range d.clouds {
					card.Clouds = append(card.Clouds, ui.CloudBadge{Cloud: cl})
				}
				if i == 1 {
					card.Badges = []ui.Badge{d.state}
				}
				col.Cards = append(col.Cards, card)
			}
			col.MoreHref = "/opportunities"
		}
		b.Columns = append(b.Columns, col)
	}
	return b
}

func header(now time.Time) ui.RecordHeader {
	return ui.RecordHeader{
		Kind: "Opportunity", Title: "Fjordlys Energi AS · Platform renewal 2027",
		State: ui.Badge{Tone: ui.ToneInfo, Text: "Negotiation", Icon: ui.IconDeal},
		Marks: []templ.Component{ui.CloudBadge{Cloud: "aws", Detail: "action required"}, ui.CloudBadge{Cloud: "azure", Detail: "not registered"}, ui.Badge{Text: "New - First Order", Icon: ui.IconBolt}},
		Next: ui.NextAction{
			Tone: ui.ToneDanger, Text: "Answer AWS: describe the customer's problem in at least 20 characters.",
			Why: "The reviewer sent it back yesterday. Registrations without an answer are closed after 5 days.", Due: now.Add(26 * time.Hour),
			Act: &ui.Button{Label: "Answer now", Variant: ui.VariantPrimary, Href: "/record", Key: "a"},
		},
		Facts: []ui.Fact{
			{Label: "Amount", Value: money("1250000"), How: ui.Text("Amount of the opportunity in Salesforce, read 4 minutes ago")},
			{Label: "Closes", Value: ui.Time{At: day(now, 3), Style: ui.TimeDay}},
			{Label: "Owner", Value: ui.PersonName("Mara Lindqvist")},
			{Label: "Route", Value: ui.Text("AWS Marketplace, private offer")},
			{Label: "Age of the partner's truth", Value: ui.Time{At: now.Add(-4 * time.Minute), Style: ui.TimeAgo}},
		},
		Actions: []ui.Button{
			{Label: "Edit", Icon: ui.IconEdit, Key: "e", Href: "/forms"},
			{Label: "Submit again", Blocked: "Two checks block it: mend the postal code and the description first"},
		},
		Menu: &ui.Menu{ID: "more", Button: ui.Button{Label: "More acts", Icon: ui.IconMore, IconOnly: true}, Items: []ui.MenuItem{
			{Label: "Copy link", Icon: ui.IconLink, Href: "#"},
			{Label: "Read from AWS now", Icon: ui.IconRefresh, Post: "/read"},
			{Label: "Withdraw registration", Icon: ui.IconTrash, Href: "#", Danger: true, Divider: true},
		}},
	}
}

func compare(now time.Time) ui.CompareTable {
	lock := &ui.Lock{Reason: "AWS locks it while it reviews", Until: now.Add(50 * time.Hour)}
	return ui.CompareTable{
		ID: "aws-fields", Caption: "Our values beside those of AWS Partner Central", Partner: "AWS Partner Central", ReadAt: now.Add(-4 * time.Minute), OurAt: now.Add(-2 * time.Hour),
		Lines: []ui.CompareLine{
			{Field: "Stage", Remote: "LifeCycle.Stage", Ours: ui.Text("Business Validation"), Theirs: ui.Text("Qualified"), State: ui.CompareConflict, How: ui.Text("Salesforce stage “Negotiation”, mapped by the rule of 1 Nov 2026"), Fix: &ui.Button{Label: "Decide", Small: true, Href: "#"}},
			{Field: "Expected spend a month", Remote: "Project.ExpectedCustomerSpend", Ours: ui.Money{Number: "31250.00", Currency: "USD"}, Theirs: ui.Money{Number: "28000.00", Currency: "USD"}, State: ui.CompareOurs, How: ui.Text("ARR of USD 375,000 divided by 12")},
			{Field: "Delivery model", Remote: "Project.DeliveryModels", Ours: ui.Text("SaaS or PaaS"), Theirs: ui.Text("Managed Services"), State: ui.CompareDiffers},
			{Field: "Target close date", Remote: "LifeCycle.TargetCloseDate", Ours: ui.Time{At: day(now, 3), Style: ui.TimeDay}, Theirs: ui.Time{At: day(now, 3), Style: ui.TimeDay}, State: ui.CompareSame, Lock: lock},
			{Field: "Postal code", Remote: "Customer.Account.Address.PostalCode", Theirs: nil, State: ui.CompareUnknown},
			{Field: "Customer", Remote: "Customer.Account.CompanyName", Ours: ui.Text("Fjordlys Energi AS"), Theirs: ui.Text("FJORDLYS ENERGI A/S"), State: ui.CompareTheirs, Fix: &ui.Button{Label: "Take theirs", Small: true, Href: "#"}},
			{Field: "Next steps", Ours: ui.Text("Security review with the customer's CISO on Thursday; legal has the draft."), State: ui.CompareOnlyOurs},
		},
	}
}

func findings(now time.Time) ui.FindingsList {
	return ui.FindingsList{
		Passed: 58, Against: "AWS Partner Central, 62 rules", CheckedAt: now.Add(-4 * time.Minute),
		Findings: []ui.Finding{
			{Severity: ui.SeverityBlocks, Field: "Postal code", Remote: "Customer.Account.Address.PostalCode", Message: "AWS requires a postal code unless the country has none. Norway has four digits.", Found: "N-0150 OSLO", Mend: "Set the billing postal code of the account to 0150.", MendHref: "#", MendLabel: "Open in Salesforce", SourceHref: "https://example.com/rule", SourceLabel: "AWS field reference"},
			{Severity: ui.SeverityBlocks, Field: "Customer's problem", Remote: "Project.CustomerBusinessProblem", Message: "At least 20 and at most 2,000 characters.", Mend: "Say in two sentences what the customer wants to solve.", MendHref: "#"},
			{Severity: ui.SeverityWarns, Field: "Website", Remote: "Customer.Account.WebsiteUrl", Message: "A generic mail domain is often refused.", Found: "http://gmail.com", Mend: "Use the customer's own site.", Unverified: true},
			{Severity: ui.SeverityNotes, Field: "Solution", Message: "Three solutions fit; the one used last time was taken.", Found: "S-0051221 DevSecOps Platform"},
		},
	}
}

func events(now time.Time) ui.Timeline {
	return ui.Timeline{MoreHref: "#", Events: []ui.Event{
		{Kind: ui.ActorPerson, Actor: "Mara Lindqvist", What: "changed the next step", At: now.Add(-35 * time.Minute), Detail: ui.Text("Was: “Call”. Now: “Security review on Thursday”."), DetailLabel: "What changed"},
		{Kind: ui.ActorPortal, Actor: "AWS Partner Central", What: "sent the registration back: action required", At: now.Add(-3 * time.Hour), Tone: ui.ToneDanger, Cloud: "aws", Detail: ui.Code("ReviewComments: \"Please provide more details on the customer's business problem.\""), DetailLabel: "The reviewer's words"},
		{Kind: ui.ActorIntegration, Actor: "Tandem", What: "logged the event in Salesforce", At: now.Add(-3*time.Hour + time.Minute), Tone: ui.ToneInfo},
		{Kind: ui.ActorIntegration, Actor: "Tandem", What: "registered the opportunity as O-4718822", At: now.Add(-28 * time.Hour), Tone: ui.ToneSuccess, Cloud: "aws"},
		{Kind: ui.ActorPerson, Actor: "سارة العتيبي", What: "added Noor Haddad to the team", At: now.Add(-30 * time.Hour)},
	}}
}
