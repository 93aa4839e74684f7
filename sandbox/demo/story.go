package demo

import (
	"strconv"
	"strings"
)

// A description is one sentence of each list: who they are, what hurts, what
// it costs them, what they want. {n}, {m} and {p} are numbers, {trade} the
// systems they build, {cloud} where they want to run, {season} when.
var (
	situations = []string{
		"{m} engineers build {trade} with {p} separate build systems that came with past acquisitions.",
		"The team behind {trade} has grown to {m} developers in three time zones while its release tooling stayed on two ageing servers.",
		"Source code for {trade} lies in {n} repositories on a self-run server that reaches end of support in {season}.",
		"A new regulation asks the {m}-strong software department to prove who changed what in its {trade}.",
		"After a merger, {p} groups maintain {trade} and each has its own pipeline, scanner and wiki.",
		"{trade} are still released by hand from a checklist of {p} pages, every second Thursday night.",
		"A group of {m} developers moves {trade} from a data centre that closes in {season}.",
		"External suppliers write about half of {trade} and hand over archives by file transfer.",
		"The platform team of {p} people supports {m} developers who work on {trade}.",
		"{trade} run as one large program of {n} modules that the customer is splitting into services.",
		"Two years of fast hiring left {m} developers with {p} different ways to build and ship {trade}.",
		"The board approved a programme to modernise {trade} and named developer productivity as its first goal.",
	}
	problems = []string{
		"Security fixes reach production {p} weeks after they are written because scans run only before a release.",
		"Builds wait {p}0 minutes for a free runner at peak, and failed jobs are restarted by hand.",
		"Nobody can trace a deployed version back to the change request that asked for it.",
		"Every new service needs {p} tickets to four departments before the first line can be deployed.",
		"Licence checks of open-source parts are kept in a spreadsheet that was last complete in {season}.",
		"Test environments are shared by {p} teams, who overwrite each other's data.",
		"Secrets have twice been committed to shared repositories and were found by an outside researcher.",
		"Audit evidence is put together by hand and keeps {p} senior engineers busy for a month each year.",
		"Rolling back a bad release takes most of a day, so teams release rarely and in big batches.",
		"Plug-ins of the old build server break at each update, and {p} of them have no maintainer any more.",
		"Developers change between {p} tools to finish one task and reviews stay open for days.",
		"Infrastructure changes are made in consoles and drift from what the repositories say.",
	}
	costs = []string{
		"Lead time is {n} days, against a target of ten.",
		"The last outage cost an estimated {n} thousand in credits to their own customers.",
		"External auditors gave them until {season} to close the finding.",
		"Management counts {p} delayed launches in the past year for this reason.",
		"Their insurer now asks for proof of software provenance.",
		"Staff surveys name tooling as the first reason to leave.",
		"The licence of the present tool renews in {season} at a price {p}0 percent higher.",
		"One in {p} releases has to be repaired within two days.",
		"A large customer of theirs demands a software bill of materials with every delivery.",
		"Compute for idle build machines takes {p}0 percent of the platform budget.",
	}
	goals = []string{
		"They want one platform for planning, code, scanning and delivery, run on {cloud}, with the first {p} teams live by {season}.",
		"The goal is daily releases to {cloud} with approvals and evidence recorded by the pipeline itself.",
		"They plan to move {n} repositories in {p} waves and to run all jobs on elastic runners in {cloud}.",
		"Success means scanning on every change, a bill of materials for each release and deployment to {cloud} without tickets.",
		"They ask for a reference design on {cloud} that keeps source code in the country and connects to their directory.",
		"A pilot with {p} teams on {cloud} shall show half the lead time before the rest follow in {season}.",
		"They intend to retire the old servers in {season} and pay through their existing agreement with {cloud}.",
		"The first milestone is a hardened landing zone in {cloud} with templates for {p} kinds of services.",
	}
	seasons   = []string{"spring", "early summer", "the autumn", "the coming winter", "the next fiscal year", "the first half of next year", "the third quarter", "December", "March"}
	venues    = []string{"AWS", "Google Cloud", "Azure"}
	elsewhere = []string{"their private cloud", "a managed service", "their own clusters", "a sovereign hosting provider", "two regional data centres"}

	shortTexts = []string{"CI/CD", "tbd", "DevOps platform", "see notes", "Renewal.", "License upgrade"}

	openSteps = []string{
		"sends the revised order form to procurement; reply due",
		"runs the scanning workshop with the platform team; results due",
		"presents the migration plan to the steering group; decision due",
		"agrees success criteria of the pilot with the customer's architect; sign-off due",
		"gets the security questionnaire back from the customer; closed by",
		"books the executive sponsor call; held by",
		"delivers the total cost comparison to the sponsor; feedback due",
		"clarifies data residency with legal on both sides; answer due",
		"shows the runner sizing to the operations team; go or no-go by",
		"walks the buyer through the marketplace purchase; account confirmed by",
	}
	closedSteps = []string{"Handover to customer success done on", "Closed; lessons written up on", "Kick-off with the services team planned for", "Check back with the sponsor on"}

	rivals = []string{"None", "None", "Other", "Corvane Pipelines", "Hatchwell DevSuite", "Open source toolchain", "In-house build", "Corvane Pipelines;In-house build"}

	plainLostReasons = []string{
		"Loss of Budget", "Product Maturity", "Product Value / Gaps", "Competitive Loss", "Do Nothing", "Price", "Customer Deficiency",
		"Delay / Cancellation of Project", "Lost to Competitor - Other", "No Opportunity", "On Premises Deployment", "Security / Compliance", "Technical Limitations",
	}
	dashLostReasons = []string{"Lost to Competitor – Google", "Lost to Competitor – Microsoft", "Lost to Competitor – Other", "Lost to Competitor – VMWare"}
)

// story writes the customer's business problem.
func story(d *dice, trade string, cloud int) string {
	var b strings.Builder
	b.Grow(420)
	where := pick(d, elsewhere)
	if cloud >= 0 {
		where = venues[cloud]
	}
	for i, list := range [][]string{situations, problems, costs, goals} {
		if i > 0 {
			b.WriteByte(' ')
		}
		sentence(&b, d, pick(d, list), trade, where)
	}
	return b.String()
}

func sentence(b *strings.Builder, d *dice, pattern, trade, where string) {
	start := b.Len() == 0
	for {
		open := strings.IndexByte(pattern, '{')
		if open < 0 {
			b.WriteString(pattern)
			return
		}
		b.WriteString(pattern[:open])
		end := strings.IndexByte(pattern, '}')
		switch pattern[open+1 : end] {
		case "n":
			b.WriteString(strconv.Itoa(d.between(11, 480)))
		case "m":
			b.WriteString(strconv.Itoa(d.between(4, 190) * 10))
		case "p":
			b.WriteString(strconv.Itoa(d.between(3, 9)))
		case "season":
			b.WriteString(pick(d, seasons))
		case "cloud":
			b.WriteString(where)
		case "trade":
			if open == 0 && start {
				b.WriteString(strings.ToUpper(trade[:1]))
				b.WriteString(trade[1:])
			} else {
				b.WriteString(trade)
			}
		}
		start = false
		pattern = pattern[end+1:]
	}
}
