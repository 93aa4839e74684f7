package partnercenter

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contract reads the published swagger of the referrals.
func contract(t *testing.T) map[string]any {
	t.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "contracts", "microsoft", "partnercenter-referrals.swagger.json"))
	if err != nil {
		t.Fatalf("the published contracts are needed (set TANDEM_SHARED): %v", err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func enum(t *testing.T, tree any, path ...string) []string {
	t.Helper()
	for _, name := range path {
		m, ok := tree.(map[string]any)
		if !ok {
			t.Fatalf("the contract has nothing at %q", name)
		}
		tree = m[name]
	}
	list, ok := tree.([]any)
	if !ok {
		t.Fatalf("the contract has no list at %v", path)
	}
	var out []string
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			t.Fatalf("%v is no text", x)
		}
		out = append(out, s)
	}
	return out
}

func TestTheFactsAreThoseOfThePublishedContract(t *testing.T) {
	t.Parallel()
	defs := contract(t)["definitions"]
	const v3 = "Microsoft.Partner.Service.PartnerReferrals.Contracts.V3."
	if diff := cmp.Diff(enum(t, defs, v3+"UpdateReferralDetails", "items", "properties", "path", "enum"), PatchPaths); diff != "" {
		t.Errorf("paths of a referral (-contract +ours):\n%s", diff)
	}
	if diff := cmp.Diff(enum(t, defs, v3+"UpdateDealRegistration", "items", "properties", "path", "enum"), RegistrationPaths); diff != "" {
		t.Errorf("paths of a registration (-contract +ours):\n%s", diff)
	}
	value := []string{v3 + "DealRegistration", "items", "properties", "value", "properties"}
	at := func(path ...string) []string { return enum(t, defs, append(slices.Clone(value), path...)...) }
	for _, c := range []struct{ want, have []string }{
		{enum(t, defs, v3+"DealRegistration", "items", "properties", "path", "enum"), []string{RegistrationAdd}},
		{at("type", "enum"), []string{RegistrationType}},
		{at("contract", "properties", "term", "enum"), []string{TermPerpetual, TermFinite}},
		{at("solutionDetails", "items", "properties", "pricingModel", "enum"), []string{PricingPayGo, PricingOther}},
		{at("solutionDetails", "items", "properties", "primaryDeploymentOn", "enum"), []string{DeployedCustomer, DeployedPartner}},
	} {
		if diff := cmp.Diff(c.want, c.have); diff != "" {
			t.Errorf("(-contract +ours):\n%s", diff)
		}
	}
	codes := []string{AssistanceUnknown}
	for _, a := range AssistanceCodes {
		codes = append(codes, a.Code)
	}
	want := enum(t, defs, v3+"Referral", "properties", "inviteContext", "properties", "assistanceRequestCode", "enum")
	slices.Sort(codes)
	slices.Sort(want)
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("kinds of help (-contract +ours):\n%s", diff)
	}
}

func TestAClosedReferralStaysClosed(t *testing.T) {
	t.Parallel()
	for _, to := range []string{StatusNew, StatusActive, StatusClosed} {
		if CanFollow(StatusClosed, to) {
			t.Errorf("Closed became %s", to)
		}
	}
	if !CanFollow(StatusNew, StatusActive) || !CanFollow(StatusActive, StatusClosed) || CanFollow(StatusActive, StatusNew) {
		t.Error("the way from New over Active to Closed is not as published")
	}
}

func TestAFailedRegistrationIsReopenedByAnExceptionOnly(t *testing.T) {
	t.Parallel()
	for _, to := range RegistrationStatuses() {
		if to != RegistrationClosed && RegistrationCanBecome(RegistrationFailed, to) {
			t.Errorf("Failed became %s", to)
		}
	}
	if !RegistrationCanBecome(RegistrationClosed, RegistrationReviewPending) || RegistrationCanBecome(RegistrationClosed, RegistrationApproved) {
		t.Error("a closed registration is reopened for review, and for nothing else")
	}
}
