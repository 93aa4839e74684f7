package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

var offerRow = regexp.MustCompile(`name="id" value="(inv_[0-9a-z]+)"`)

func TestManyInvitationsAreAcceptedAfterAPreview(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	for _, customer := range []string{"Ampersand Freight", "Bracket Pharma"} {
		body := `{"opportunity":{"Customer":{"Account":{"CompanyName":"` + customer + `"}}}}`
		resp, err := http.Post(h.app.Config.AWS.Endpoint+"/_control/refer", "application/json", strings.NewReader(body)) //nolint:noctx // a test
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
	}
	if err := h.app.Sync.FollowInvitations(h.ctx, cloud.AWS, false); err != nil {
		t.Fatal(err)
	}
	v := h.visitor(t, "Abe Manager", authz.LevelABDM)
	list := v.sees("/invitations?show=answer", 200, "Ampersand Freight", "Bracket Pharma", "Accept…")
	rows := offerRow.FindAllStringSubmatch(list.text, -1)
	if len(rows) < 2 {
		t.Fatalf("%d rows can be chosen", len(rows))
	}
	ids := url.Values{"id": {rows[0][1], rows[1][1], "inv_00000000000000000000000000"}}
	preview := v.post("/invitations/bulk/accept", ids)
	preview.holds(t, "preview", 200, "Accept 2 of 3", "Will be accepted", "Left out", "Accept 2 invitations", "cannot be taken back")
	chosen := regexp.MustCompile(`name="id" value="(inv_[0-9a-z]+ \d+)"`).FindAllStringSubmatch(preview.text, -1)
	if len(chosen) != 2 {
		t.Fatalf("%d are sent on", len(chosen))
	}
	form := url.Values{"id": {chosen[0][1], chosen[1][1]}}
	v.post("/invitations/bulk/accept/confirm", form).holds(t, "accept", 200, "2 of 2 were taken", "On its way")
	v.post("/invitations/bulk/accept/confirm", form).holds(t, "again", 200, "0 of 2 were taken", "Refused")
	v.post("/invitations/bulk/accept", url.Values{"id": {"x"}}).holds(t, "nonsense", http.StatusUnprocessableEntity)
	v.post("/invitations/bulk/accept", nil).holds(t, "nothing", http.StatusUnprocessableEntity)
	h.visitor(t, "Rea Reader", authz.LevelReader).post("/invitations/bulk/accept", ids).holds(t, "a reader", http.StatusForbidden)
}
