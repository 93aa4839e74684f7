package web

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// guide is what a person should know about one outside system: what Tandem does
// there and how it is connected.
type guide struct {
	absent   string // what it means that it is not connected, in the list
	means    string // the same, on its own page
	taken    string // the noun of what a sync takes
	steps    []string
	settings []guideSetting
	deeds    []guideDeed
	// metadata is what the system has to have for Tandem to write to it.
	metadata []guideMetadata
	mend     []string // what to look at when it does not answer
}

type guideSetting struct {
	name, what string
	secret     bool
}

type guideDeed struct {
	what   string
	names  []string // the system's own names, verbatim
	writes bool
}

type guideMetadata struct {
	object, externalID string
	fields             []string
}

// env gives the environment variable of a setting: "salesforce-url" is
// TANDEM_SALESFORCE_URL.
func (s guideSetting) env() string {
	return "TANDEM_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

func (d guideDeed) badge() ui.Badge {
	if d.writes {
		return ui.Badge{Text: "Writes", Icon: ui.IconUp, Tone: ui.ToneInfo}
	}
	return ui.Badge{Text: "Reads", Icon: ui.IconDown}
}

var guides = map[string]guide{
	salesforceID: {
		absent: "Tandem has no address and credentials of your organisation, so no opportunity can be read. Open it to see what to set.",
		means:  "Tandem has no address and credentials of your organisation, so no opportunity can be read.",
		taken:  "changed record",
		steps: []string{
			"In Salesforce Setup, make an External Client App with the OAuth client credentials flow, and let it run as a user of its own.",
			"Give that user the permissions to read what is listed here, and to write the objects of Tandem.",
			"Set the address, the consumer key and the consumer secret, then start Tandem again.",
			"Run “tandem doctor” on the server: it names every object and field that is missing.",
		},
		settings: []guideSetting{
			{"salesforce-url", "My Domain address, https://NAME.my.salesforce.com", false},
			{"salesforce-client-id", "Consumer key of the External Client App", false},
			{"salesforce-client-secret", "Consumer secret, for the client credentials flow", true},
			{"salesforce-username", "User name, for the JWT bearer flow instead of a secret", false},
			{"salesforce-key-file", "PEM file with the private key, for the JWT bearer flow", false},
			{"salesforce-events", "“on” to follow changes as they happen, see docs/connect.md", false},
		},
		deeds: []guideDeed{
			{"People, so that owners and sellers have names and addresses", []string{"User"}, false},
			{"Accounts with address, domain, industry and segment", []string{"Account"}, false},
			{"Opportunities with stage, amount, close date and the partner fields of the joint rule", []string{"Opportunity"}, false},
			{"Who sells, and who buys", []string{"OpportunityTeamMember", "OpportunityContactRole"}, false},
			{"One record for each opportunity and cloud, found again by its key", []string{"CoSell_Registration__c"}, true},
			{"Each co-sell event as a completed task on the opportunity, exactly once", []string{"Task"}, true},
			{"Meetings, calls and what else people record or made there, with those who take part", []string{"Event", "Task", "EventRelation"}, true},
			{"Attendees by their e-mail addresses, to link them", []string{"Contact", "Lead"}, false},
		},
		metadata: salesforceMetadata(),
		mend: []string{
			"Does the address of the organisation open in a browser?",
			"Is the External Client App enabled, and is its user active and allowed to use the API?",
			"Was the consumer secret changed? Set the new one and start Tandem again.",
			"“tandem doctor” on the server makes the same calls and names what is refused.",
		},
	},
	"aws": {
		absent: "Tandem has no credentials for Partner Central, so joint deals are found but not registered there. Open it to see what to set.",
		means:  "Tandem has no credentials for Partner Central, so joint deals are found but not registered there.",
		taken:  "solution",
		steps: []string{
			"Link your AWS account to Partner Central, and make an IAM role or user for Tandem.",
			"Allow it the actions that are listed here (prefix partnercentral:), for the catalog that you use.",
			"Set the access key id and the secret access key, then start Tandem again. Try with the catalog Sandbox first.",
			"Choose the solutions that are linked to each deal under Settings, Default solutions.",
		},
		settings: []guideSetting{
			{"aws-access-key-id", "Access key id of the IAM identity", false},
			{"aws-secret-access-key", "Its secret access key", true},
			{"aws-session-token", "Session token, for temporary credentials", true},
			{"aws-catalog", "AWS for the real thing, Sandbox to try", false},
			{"aws-company", "Our company's name, as the customer's expected spend names it", false},
			{"aws-use-case", "Customer use case of our product, in AWS's words", false},
			{"aws-webhook-key", "Key that an EventBridge API destination sends to /hooks/aws", true},
			{"aws-writes-per-second", "Write quota of the account", false},
			{"aws-reads-per-second", "Read quota of the account", false},
			{"aws-lock-partner-id", "Whether our own id counts as locked once approved: AWS's publications disagree", false},
		},
		deeds: []guideDeed{
			{"The record of each registration, what AWS says of it, and its sellers", []string{"GetOpportunity", "GetAwsOpportunitySummary"}, false},
			{"Whether a deal was registered when an answer got lost", []string{"ListOpportunities"}, false},
			{"How far a submission is", []string{"ListEngagementFromOpportunityTasks"}, false},
			{"Your solutions", []string{"ListSolutions"}, false},
			{"What AWS and other partners offer you, and what it became", []string{"ListEngagementInvitations", "GetEngagementInvitation", "GetEngagement", "ListEngagementByAcceptingInvitationTasks", "ListOpportunityFromEngagementTasks", "ListEngagementResourceAssociations"}, false},
			{"Each joint deal that passes all checks, once", []string{"CreateOpportunity"}, true},
			{"The solutions of a deal", []string{"AssociateOpportunity"}, true},
			{"Handing a deal to AWS for review, which makes an engagement", []string{"StartEngagementFromOpportunityTask", "CreateEngagement", "CreateResourceSnapshot", "CreateResourceSnapshotJob", "CreateEngagementInvitation", "SubmitOpportunity"}, true},
			{"The answer that a person gives to an invitation", []string{"StartEngagementByAcceptingInvitationTask", "AcceptEngagementInvitation", "RejectEngagementInvitation", "StartOpportunityFromEngagementTask"}, true},
		},
		mend: []string{
			"Is the access key active, and does its clock agree with the server's to within five minutes?",
			"Does its policy allow the actions that are listed here, for this catalog?",
			"Is the AWS account still linked to Partner Central?",
			"“tandem doctor” on the server makes the same calls and names what is refused.",
		},
	},
	"azure": {
		absent: "Tandem has no sign-in for Partner Center, so deals that are joint with Microsoft are found but not registered there. Open it to see what to set.",
		means:  "Tandem has no sign-in for Partner Center, so deals that are joint with Microsoft are found but not registered there.",
		taken:  "solution",
		steps: []string{
			"In Entra, register an app with a client secret and the delegated permission user_impersonation on Microsoft Dev Center API and Microsoft Partner Center API.",
			"Choose a user of your own for Tandem with the role Referrals admin: the API acts for a signed-in user, and knows no service account.",
			"Sign that user in once by the authorization code flow (v1 endpoint, resource https://api.partner.microsoft.com) and take the refresh token. Tandem renews it from then on, and keeps it sealed.",
			"Set the app's id and secret, the refresh token and your co-sell ready solutions, then start Tandem again.",
			"Choose the solutions that are linked to each deal under Settings, Default solutions.",
		},
		settings: []guideSetting{
			{"microsoft-client-id", "Id of the app in Entra", false},
			{"microsoft-client-secret", "The app's client secret", true},
			{"microsoft-secret-until", "Day on which the client secret ends, to be warned before", false},
			{"microsoft-refresh-token", "Refresh token of the Referrals admin", true},
			{"microsoft-solutions", "Your co-sell ready solutions, SOL-1234-ABCD=Name;…: Microsoft has no API that lists them", false},
			{"microsoft-deal-type", "co-sell asks Microsoft to help, partner-led shows the deal, private shows it to nobody", false},
			{"microsoft-assistance", "The help that Microsoft is asked for", false},
			{"microsoft-phone", "Phone number of your team, for whoever has none in Salesforce", false},
			{"microsoft-win-at-once", "Tell of a win also within 72 hours of the creation, and lose the deal's registration", false},
			{"microsoft-webhook-cert-host", "Hosts that Microsoft's certificates may be read from, to take its events at /hooks/microsoft", false},
			{"microsoft-webhook-root-file", "Roots that these certificates lead to, if not this machine's", false},
			{"microsoft-webhook-forward", "Address that each event is passed on to: Microsoft tells one address only", false},
		},
		deeds: []guideDeed{
			{"The records of each engagement: ours, and what Microsoft says", []string{"GET /v1.0/engagements/referrals"}, false},
			{"Whether a deal was registered when an answer got lost", []string{"GET /v1.0/engagements/referrals"}, false},
			{"Each joint deal that passes all checks, once, and for co-sell the ask to Microsoft", []string{"POST /v1.0/engagements/referrals"}, true},
			{"What changed in the deal, in one call", []string{"PATCH /v1.0/engagements/referrals/{id}"}, true},
		},
		mend: []string{
			"Has the user still the role Referrals admin, and was his password changed? Then he has to sign in again.",
			"Has the app's client secret ended? Make a new one in Entra and set it.",
			"Is the user's access held back by a Conditional Access policy of your tenant?",
			"“tandem doctor” on the server makes the same calls and names what is refused.",
		},
	},
	"gcp": {
		absent: "No carrier is chosen for Google's partner portal, so joint deals are found but not registered there. Open it to see what to set.",
		means:  "No carrier is chosen for Google's partner portal, so joint deals are found but not registered there.",
		taken:  "solution",
		steps: []string{
			"Choose the carrier. With hand-over, a person enters each deal in the Partner Network Hub from a filled form and tells its number: it works for every partner.",
			"The carrier api is experimental: Google opens the opportunities of its Cloud Channel API (v1alpha1) to listed partners only. Which fields it requires, which it fixes once accepted, its states and stages are not verified.",
			"For api: ask your partner manager to be listed, make a service account, give it the role Integrator in the Partner Network Hub, and download a key file for it.",
			"Set the carrier, and for api the account id and the key file, then start Tandem again.",
		},
		settings: []guideSetting{
			{"google-carrier", "hand-over, or api (experimental)", false},
			{"google-partner", "Account id of the partner at Google, 18 characters that begin with 0014; for api", false},
			{"google-key-file", "Key file of the service account; for api", false},
			{"google-subscription", "Subscription on Google's topic of opportunity events; without one changes are found by asking", false},
			{"google-product-family", "Product families of your deals, in Google's words", false},
			{"google-support-level", "What you want of Google, in Google's words", false},
			{"google-delivery-model", "How your product is delivered, in Google's words", false},
			{"google-contract-vehicle", "How the customer buys, in Google's words", false},
			{"google-contact-customer", "Whether Google may contact the customer", false},
		},
		deeds: []guideDeed{
			{"The record of each registration, what Google says of it, and its people on the deal", []string{"opportunities.get"}, false},
			{"Whether a deal was registered when an answer got lost, and what changed", []string{"opportunities.query"}, false},
			{"Events, which only say what to read", []string{"subscriptions.pull", "subscriptions.acknowledge"}, false},
			{"Each joint deal that passes all checks, once", []string{"opportunities.create"}, true},
			{"Handing a deal to Google for review, and each change of it", []string{"opportunities.patch"}, true},
		},
		mend: []string{
			"Is the partner listed for the API? Google answers PERMISSION_DENIED if not: use the carrier hand-over.",
			"Has the service account the role Integrator in the Partner Network Hub, and is its key not disabled?",
			"“tandem doctor” on the server makes the same calls and names what is refused.",
		},
	},
}

// salesforceMetadata is what `tandem doctor` looks for: the objects and fields
// of Tandem's own that the organisation has to have.
func salesforceMetadata() []guideMetadata {
	var out []guideMetadata
	for _, n := range salesforce.Needs() {
		if len(n.Write) > 0 {
			out = append(out, guideMetadata{object: n.Object, externalID: n.ExternalID, fields: n.Write})
		}
	}
	return out
}

func deedRows(g guide) []ui.Row {
	var out []ui.Row
	for _, d := range g.deeds {
		out = append(out, ui.Row{Name: d.what, Cells: []templ.Component{ui.Text(d.what), d.badge(), codes(d.names)}})
	}
	return out
}

func settingRows(g guide) []ui.Row {
	var out []ui.Row
	for _, s := range g.settings {
		out = append(out, ui.Row{Name: s.what, Cells: []templ.Component{settingName(s), codes([]string{s.env(), "--" + s.name})}})
	}
	return out
}

func healthFacts(v connectionView) []ui.Fact {
	c := v.c
	facts := []ui.Fact{{Label: "State", Value: healthBadge(c.Status)}}
	if c.Status == connection.StatusNotConnected {
		return facts
	}
	facts = append(facts, ui.Fact{Label: "Where", Value: ui.Text(c.Detail)}, ui.Fact{Label: "Last check", Value: ui.Time{At: c.CheckedAt, Style: ui.TimeAgo}},
		ui.Fact{Label: "Last read", Value: ui.Time{At: c.SyncedAt, Style: ui.TimeAgo}}, ui.Fact{Label: "Taken", Value: ui.Text(counted(int(c.Records), v.guide.taken))})
	if !c.FailedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: "Last failure", Value: ui.Time{At: c.FailedAt, Style: ui.TimeAgo}})
	}
	return facts
}

func connectTitle(v connectionView) string {
	if v.c.Status == connection.StatusNotConnected {
		return "How to connect"
	}
	return "How it is connected"
}

func stepNumber(i int) string { return strconv.Itoa(i+1) + ". " }
