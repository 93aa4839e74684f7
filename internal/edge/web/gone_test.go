package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func TestAMergedAccountLeadsToTheOneThatIsLeftAndADeletedDealSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	var loser, master account.Account
	var deals []opportunity.Opportunity
	err := h.app.DB.InTx(t.Context(), h.app.Clock, func(tx *db.Tx) error {
		at := time.Now()
		_, err := account.Import(t.Context(), tx, []account.Account{{CRMID: "001LOSER", Name: "Loser", MasterCRMID: "001MASTER", Deleted: true, CRMModstamp: at}, {CRMID: "001MASTER", Name: "Master", CRMModstamp: at}})
		if err != nil {
			return err
		}
		if loser, err = account.ByCRMID(t.Context(), tx, "001LOSER"); err != nil {
			return err
		}
		if master, err = account.ByCRMID(t.Context(), tx, "001MASTER"); err != nil {
			return err
		}
		deals, err = opportunity.Import(t.Context(), tx, []opportunity.Opportunity{{CRMID: "006A", Name: "Gone deal", Deleted: true, CRMModstamp: at}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.get("/accounts/" + loser.ID); got.status != http.StatusSeeOther || got.header.Get("Location") != "/accounts/"+master.ID {
		t.Errorf("%d, to %s", got.status, got.header.Get("Location"))
	}
	v.sees("/accounts/"+master.ID, 200, "Master")
	v.sees("/opportunities/"+deals[0].ID, 200, "This opportunity was deleted in Salesforce", "restore it from Salesforce's recycle bin within 15 days")
}
