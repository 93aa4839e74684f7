package google

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Ledger is where it is kept what a person shall enter, and what they said of it.
type Ledger interface {
	Ask(ctx context.Context, w handover.Wish) (handover.Entry, error)
	ByOurID(ctx context.Context, c cloud.Cloud, ourID string) (*handover.Entry, error)
	ByRemoteID(ctx context.Context, c cloud.Cloud, remoteID string) (*handover.Entry, error)
	ToldSince(ctx context.Context, c cloud.Cloud, since time.Time) ([]handover.Entry, error)
	CountWaiting(ctx context.Context, c cloud.Cloud) (int64, error)
}

// HandOver is the carrier for everyone whom Google has not listed: a person enters a
// filled form in the portal and tells the deal's number and what Google says of it.
type HandOver struct {
	Ledger Ledger
}

// handedOver says that a person has to act before the call can be answered.
func handedOver(op string) error {
	return problem.FromRemote(problem.Remote{System: System, Operation: op, Code: registration.CodeHandedOver, Retry: problem.RetryLater, RetryAfter: handover.Patience / 2},
		"Waits for a person to enter it in "+cloud.GCP.Portal(), nil)
}

// Create asks a person to enter the deal, and gives it once they told its number.
func (h *HandOver) Create(ctx context.Context, o *Opportunity, _ string) (*Opportunity, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("google hand-over: write the form: %w", err)
	}
	e, err := h.Ledger.Ask(ctx, handover.Wish{Cloud: cloud.GCP, OurID: o.PartnerOpportunityID, Record: raw})
	if err != nil {
		return nil, err
	}
	if e.New() {
		return nil, handedOver(opCreate)
	}
	return told(&e)
}

// told gives the opportunity as a person told it, in Google's words.
func told(e *handover.Entry) (*Opportunity, error) {
	o, err := decode(json.RawMessage(e.Record))
	if err != nil {
		return nil, err
	}
	o.Name, o.UpdateTime, o.Owner, o.OwnerEmail, o.StateDescription = e.RemoteID, e.ToldAt.UTC().Format(time.RFC3339Nano), e.OwnerName, e.OwnerEmail, e.Note
	switch e.State {
	case registration.StateRejected:
		o.State = googlecosell.StateNotAccepted
	case registration.StateApproved, registration.StateLaunched, registration.StateClosedLost:
		o.State = googlecosell.StateAccepted
		switch {
		case e.State == registration.StateLaunched:
			o.Stage = googlecosell.StageMigration
		case e.State == registration.StateClosedLost:
			o.Stage = googlecosell.StageClosedLost
		case o.Stage == "":
			o.Stage = googlecosell.StageQualify
		}
	default:
		o.State = googlecosell.StateSubmitted
	}
	return o, nil
}

// Find gives the deal once its number was told.
func (h *HandOver) Find(ctx context.Context, ourID string) (*Opportunity, error) {
	e, err := h.Ledger.ByOurID(ctx, cloud.GCP, ourID)
	if err != nil || e == nil || e.New() {
		return nil, err
	}
	return told(e)
}

// Get gives what was told of a deal.
func (h *HandOver) Get(ctx context.Context, name string) (*Opportunity, error) {
	e, err := h.Ledger.ByRemoteID(ctx, cloud.GCP, name)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, problem.NotFound("deal in "+cloud.GCP.Portal(), name)
	}
	return told(e)
}

// Patch asks a person to make the changes in the portal. What they entered is seen at
// the next reading, and then nothing is left to be sent.
func (h *HandOver) Patch(ctx context.Context, name string, mask []string, o *Opportunity) (*Opportunity, error) {
	e, err := h.Ledger.ByRemoteID(ctx, cloud.GCP, name)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, problem.NotFound("deal in "+cloud.GCP.Portal(), name)
	}
	before, err := decode(json.RawMessage(e.Record))
	if err != nil {
		return nil, err
	}
	wanted, err := treeOf(before)
	if err != nil {
		return nil, err
	}
	changes, err := treeOf(o)
	if err != nil {
		return nil, err
	}
	for _, path := range mask {
		set(wanted, path, at(changes, path))
	}
	raw, err := json.Marshal(wanted)
	if err != nil {
		return nil, fmt.Errorf("google hand-over: write the form: %w", err)
	}
	if _, err := h.Ledger.Ask(ctx, handover.Wish{Cloud: cloud.GCP, OurID: e.OurID, Record: raw, Paths: mask}); err != nil {
		return nil, err
	}
	return nil, handedOver(opPatch)
}

// Submit has nothing to do: the person submits the form in the portal.
func (h *HandOver) Submit(context.Context, string) error { return nil }

// Changed gives what was told since then.
func (h *HandOver) Changed(ctx context.Context, since time.Time) iter.Seq2[*Opportunity, error] {
	return func(yield func(*Opportunity, error) bool) {
		list, err := h.Ledger.ToldSince(ctx, cloud.GCP, since)
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range list {
			o, err := told(&list[i])
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// Ping counts what waits.
func (h *HandOver) Ping(ctx context.Context) (string, error) {
	n, err := h.Ledger.CountWaiting(ctx, cloud.GCP)
	return fmt.Sprintf("Carrier: hand-over. People enter deals in the %s from filled forms; %d wait. Field names and order of Google's form are not verified", cloud.GCP.Portal(), n), err
}

// Usage gives nothing: no quota is used.
func (h *HandOver) Usage() []connection.Usage { return nil }
