package salesforce

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

var cardSources = []source{
	{"card.master", []string{"MasterRecordId"}, false},
	{"card.first_name", []string{"FirstName"}, false},
	{"card.last_name", []string{"LastName"}, false},
	{"card.email", []string{"Email"}, false},
	{"card.title", []string{"Title"}, false},
	{"card.phone", []string{"Phone"}, false},
}

var rowSources = []source{{"row.key", []string{registrationKey}, false}}

// Cards gives the contacts.
func (c *CRM) Cards(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Card, error] {
	return changed(ctx, c, "Contact", cardSources, read, func(p plan, r values) (opportunity.Card, error) {
		stamp, err := r.Time("SystemModstamp")
		return opportunity.Card{
			CRMID: r.ID("Id"), MasterCRMID: p.id(r, "card.master"), FirstName: p.text(r, "card.first_name"), LastName: p.text(r, "card.last_name"),
			Email: p.text(r, "card.email"), Title: p.text(r, "card.title"), Phone: p.text(r, "card.phone"), Deleted: r.Bool("IsDeleted"), CRMModstamp: stamp,
		}, err
	})
}

// RegistrationRows gives the records of registrations.
func (c *CRM) RegistrationRows(ctx context.Context, read connection.Read) iter.Seq2[registration.CRMRow, error] {
	return changed(ctx, c, registrationObject, rowSources, read, func(p plan, r values) (registration.CRMRow, error) {
		stamp, err := r.Time("SystemModstamp")
		return registration.CRMRow{RowID: r.ID("Id"), Key: p.text(r, "row.key"), Deleted: r.Bool("IsDeleted"), Stamp: stamp}, err
	})
}

// Newest gives the stamp of the object's record that changed last; zero when there is
// none, or no such object.
func (c *CRM) Newest(ctx context.Context, object string) (time.Time, error) {
	p, ok, err := c.client.plan(ctx, object, nil)
	if err != nil || !ok {
		return time.Time{}, err
	}
	for r, err := range c.client.QueryAll(ctx, "SELECT SystemModstamp FROM "+p.object+" ORDER BY SystemModstamp DESC LIMIT 1", QueryOptions{}) {
		if err != nil {
			return time.Time{}, err
		}
		return r.Time("SystemModstamp")
	}
	return time.Time{}, nil
}

// DeletedReach is how far back Salesforce tells what was deleted, and how long a
// record stays in the recycle bin (SOAP API guide, getDeleted).
const DeletedReach = 15 * 24 * time.Hour

// DeletedSince gives the ids of an object's records that were deleted since then, in
// the recycle bin or not, and Salesforce's time up to which nothing is missing. known
// false says that Salesforce does not tell it for that object, or not so far back.
func (c *CRM) DeletedSince(ctx context.Context, object string, since time.Time) (ids []string, until time.Time, known bool, err error) {
	now := c.client.clock.Now()
	if now.Sub(since) >= DeletedReach {
		return nil, time.Time{}, false, nil
	}
	// Salesforce looks at whole minutes, and wants one between the two at least.
	d, err := c.client.DeletedBetween(ctx, object, since.Truncate(time.Minute).Add(-time.Minute), now.Add(time.Minute))
	if r := problem.RemoteOf(err); r != nil && r.Retry == problem.RetryHuman && !ofConnection(err) &&
		(r.Status == http.StatusNotFound || slices.Contains([]string{"INVALID_TYPE", "INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"}, r.Code)) {
		return nil, time.Time{}, false, nil
	}
	return d.IDs, d.Until, err == nil, err
}

// IDs gives the ids of all records of an object that are not deleted.
func (c *CRM) IDs(ctx context.Context, object string, bulk bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		read := connection.Read{Bulk: bulk}
		for v, err := range changed(ctx, c, object, nil, read, func(_ plan, r values) (string, error) { return r.ID("Id"), nil }) {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// byIDs gives single records, deleted ones too.
func (c *Client) byIDs(ctx context.Context, p plan, read connection.Read, given func(values, error) bool) {
	for _, list := range InLists(read.IDs, 0) {
		for r, err := range c.QueryAll(ctx, p.soql+" WHERE Id IN "+list, QueryOptions{}) {
			if !given(r, err) {
				return
			}
		}
	}
}

// lost reports whether a write was refused because a record that it is about is not
// there: in the recycle bin, gone for good, or out of our user's sight.
func lost(err error) bool {
	r := problem.RemoteOf(err)
	if r == nil || ofConnection(err) || errors.Is(err, ErrNotSent) {
		return false
	}
	return r.Code == "ENTITY_IS_DELETED" || r.Code == "DELETED" || r.Code == "INVALID_CROSS_REFERENCE_KEY" || r.Code == "NOT_FOUND" ||
		r.Code == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
}
