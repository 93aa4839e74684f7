package registration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Claim is what another co-sell tool in Salesforce says of one opportunity: that it
// registered it under RemoteID, or, with none, that it is about to.
type Claim struct {
	CRMID            string      `db:"crm_id"` // of the tool's own record
	Tool             string      `db:"tool"`
	Object           string      `db:"object"`
	OpportunityCRMID string      `db:"opportunity_crm_id"`
	Cloud            cloud.Cloud `db:"cloud"`
	RemoteID         string      `db:"remote_id"`
	Status           string      `db:"status"` // the tool's word, verbatim
	Deleted          bool        `db:"deleted"`
	CRMModstamp      time.Time   `db:"crm_modstamp"`
}

// String says who claims what.
func (c *Claim) String() string {
	out := c.Tool + " has begun to register it"
	if c.RemoteID != "" {
		out = c.Tool + " registered it as " + c.RemoteID
	}
	if c.Status != "" {
		out += " (" + c.Status + ")"
	}
	return out
}

// choseOurs is the choice to register with Tandem, whatever other tools say.
const choseOurs = "ours"

// verdict is what the claims of other tools come to: nothing, a record to follow, or why
// the registration waits.
type verdict struct {
	follow string
	why    string
}

// weigh judges the claims of others under what a person chose. A record that a person
// chose is followed whoever claims what; without a choice two ids are for a person.
func weigh(choice string, claims []Claim) verdict {
	if choice == choseOurs || len(claims) == 0 {
		return verdict{}
	}
	var ids, said []string
	for i := range claims {
		said = append(said, claims[i].String())
		if id := claims[i].RemoteID; id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	words := strings.Join(said, "; ")
	switch {
	case slices.Contains(ids, choice):
		return verdict{follow: choice}
	case len(ids) == 1:
		return verdict{follow: ids[0]}
	case len(ids) > 1:
		return verdict{why: words + ": say which record holds"}
	}
	return verdict{why: words}
}

// claimsUnread is that Salesforce does not say what other tools registered: nothing is
// sent until it does.
func claimsUnread(cause error) error {
	return problem.FromRemote(problem.Remote{System: "salesforce", Operation: "look for other tools", Code: "claims_unread", Retry: problem.RetrySoon},
		"Nothing was sent, for Salesforce does not say now whether another tool registered the deal: "+cause.Error(), cause)
}

// elsewhere sees to a deal that another tool registered, or is about to: its record is
// followed, or the registration waits. done false says that nobody else has it.
func (s *Service) elsewhere(ctx context.Context, p Portal, r *Registration) (done bool, err error) {
	o, err := opportunity.ByID(ctx, s.db, r.OpportunityID)
	if err != nil {
		return false, err
	}
	claims, err := claimsOf(ctx, s.db, o.CRMID, r.Cloud)
	if err != nil {
		return false, err
	}
	v := weigh(r.ClaimChoice, claims)
	if v.follow == "" && v.why == "" {
		return false, nil
	}
	if v.follow != "" {
		remote, err := p.ReadRecord(ctx, v.follow)
		s.called(ctx, r, "ReadRecord", err, nil, nil)
		switch {
		case problem.Is(err, problem.KindNotFound):
			v.why = fmt.Sprintf("%s says %s, which this account does not see in %s", claims[0].Tool, v.follow, p.Cloud().Portal())
		case err != nil:
			return true, &portalError{err}
		case remote.State == "": // in none that the partner has seen
			v.why = fmt.Sprintf("%s made %s and did not submit it: submit or delete it there", claims[0].Tool, v.follow)
		default:
			return true, s.followClaim(ctx, r, v.follow, claims)
		}
	}
	return true, s.save(ctx, r, func(tx *db.Tx) error {
		before, reason := r.State, r.Reason
		r.Reason, r.DueAt, r.Payload, r.Blocking, r.Findings = v.why, tx.Now().Add(s.pace.Review), "", 0, nil
		r.Error, r.ErrorCode, r.Attempts = "", "", 0
		if before == StateCreating { // as after a refusal: what is sent later is another request, after a search
			r.CreateToken = newToken()
		}
		if err := r.move(StateElsewhere, tx.Now()); err != nil {
			return err
		}
		if before == StateElsewhere && reason == v.why {
			return nil
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// followClaim follows the record that another tool made.
func (s *Service) followClaim(ctx context.Context, r *Registration, remoteID string, claims []Claim) error {
	return s.save(ctx, r, func(tx *db.Tx) error {
		r.RemoteID, r.Reason, r.Payload, r.CreateToken, r.Blocking, r.Findings, r.Agreed.V = remoteID, "", "", "", 0, nil, Agreed{}
		r.Error, r.ErrorCode, r.Attempts, r.DueAt, r.PollAt = "", "", 0, tx.Now(), tx.Now()
		if err := r.move(StateSubmitted, tx.Now()); err != nil {
			return err
		}
		who := claims[0].Tool
		if i := slices.IndexFunc(claims, func(c Claim) bool { return c.RemoteID == remoteID }); i >= 0 {
			who = claims[i].Tool
		}
		if err := s.happened(ctx, tx, *r, authz.KindIntegration, "linked", fmt.Sprintf("Linked with the record that %s made in %s (%s)", who, r.Cloud.Portal(), remoteID), ""); err != nil {
			return err
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// SawClaims takes what other tools say of registrations, at most 500, and has those that
// are not with the partner yet looked at again.
func (s *Service) SawClaims(ctx context.Context, tx *db.Tx, list []Claim) error {
	changed, err := saveClaims(ctx, tx, list)
	if err != nil || len(changed) == 0 {
		return err
	}
	ids, err := awakenClaimed(ctx, tx, changed)
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.Wake(ctx, tx, ids...)
}

// ClaimsGone takes that records of other tools, by CRM id and at most 500, are not in
// Salesforce any more.
func (s *Service) ClaimsGone(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	list, err := claimsByID(ctx, tx, crmIDs)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Deleted, list[i].CRMModstamp = true, tx.Now()
	}
	return s.SawClaims(ctx, tx, list)
}

// openClaims gives the claims that stand against how r stands: all while it is
// registered elsewhere, and those with another id once it is followed.
func (s *Service) openClaims(ctx context.Context, q db.Queryer, r *Registration, opportunityCRMID string) ([]Claim, error) {
	list, err := claimsOf(ctx, q, opportunityCRMID, r.Cloud)
	if r.State == StateElsewhere {
		return list, err
	}
	return slices.DeleteFunc(list, func(c Claim) bool {
		return r.RemoteID == "" || c.RemoteID == "" || c.RemoteID == r.RemoteID || r.ClaimChoice == choseOurs || r.ClaimChoice == r.RemoteID
	}), err
}

// ChooseClaim is a person's word about the records of other tools: remoteID is the
// partner's record that holds, which one of them claims or Tandem follows; "" registers
// the deal with Tandem, or keeps its own record, whatever they say. Needs register.
func (s *Service) ChooseClaim(ctx context.Context, registrationID, remoteID string) (Registration, error) {
	return s.inTx(ctx, func(tx *db.Tx) (Registration, error) {
		if err := authz.Require(ctx, authz.ActionRegister); err != nil {
			return Registration{}, err
		}
		r, err := ByID(ctx, tx, registrationID)
		if err != nil {
			return r, err
		}
		o, err := opportunity.ByID(ctx, tx, r.OpportunityID)
		if err != nil {
			return r, err
		}
		open, err := s.openClaims(ctx, tx, &r, o.CRMID)
		if err != nil {
			return r, err
		}
		claimed := slices.ContainsFunc(open, func(c Claim) bool { return c.RemoteID == remoteID })
		switch {
		case len(open) == 0:
			return r, problem.Conflict("no_claim", "No other tool has a record of this deal that differs: there is nothing to decide")
		case remoteID != "" && remoteID != r.RemoteID && !claimed:
			return r, problem.Invalid("remote_id", "unknown_record", fmt.Sprintf("No tool says that %q is this deal's record", remoteID))
		}
		if err := s.Gate(ctx, tx, Act{Action: authz.ActionRegister, OpportunityID: r.OpportunityID, Cloud: r.Cloud, Registration: &r}); err != nil {
			return r, err
		}
		if remoteID == "" || remoteID == r.RemoteID {
			r.ClaimChoice = choseOurs
		} else {
			r.ClaimChoice = remoteID
			if r.RemoteID != "" { // another record than ours is the deal's: it is read and followed from now on
				r.RemoteID, r.RemoteVersion, r.RemoteRecord, r.RemoteSummary, r.Agreed.V = remoteID, "", "", "", Agreed{}
			}
		}
		r.DueAt, r.PollAt, r.Attempts, r.Error, r.ErrorCode = tx.Now(), tx.Now(), 0, "", ""
		if err := update(ctx, tx, &r); err != nil {
			return r, err
		}
		if err := audit.Record(ctx, tx, "registration.claim", r.ID, map[string]any{"follows": r.ClaimChoice, "remote_id": r.RemoteID}); err != nil {
			return r, err
		}
		return r, s.Wake(ctx, tx, r.ID)
	})
}
