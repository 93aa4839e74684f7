// Package google answers "how does a joint deal get into Google Cloud's partner
// portal, and what does Google say of it?". One Portal works with two carriers: the
// opportunities API of Cloud Channel v1alpha1, which Google opens to listed partners
// only and whose value lists it does not publish (experimental), and a person, to
// whom a filled form is handed over.
package google

import (
	"context"
	"iter"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

// Carrier brings opportunities to Google and back.
type Carrier interface {
	// Create makes the opportunity as a draft. It is sent once: Google has no key
	// against making it twice, so that Find must settle an unknown outcome.
	Create(ctx context.Context, o *Opportunity, token string) (*Opportunity, error)
	// Find looks for the opportunity with our id; nil when there is none.
	Find(ctx context.Context, ourID string) (*Opportunity, error)
	// Get reads an opportunity by its name, "opportunities/10001".
	Get(ctx context.Context, name string) (*Opportunity, error)
	// Patch changes the fields of the mask to what o has of them. What had changed
	// since o's ETag, where it has one, is a problem of kind precondition.
	Patch(ctx context.Context, name string, mask []string, o *Opportunity) (*Opportunity, error)
	// Submit hands a draft to Google's review.
	Submit(ctx context.Context, name string) error
	// Changed lists, the oldest first, what changed since then.
	Changed(ctx context.Context, since time.Time) iter.Seq2[*Opportunity, error]
	// Ping makes one cheap call, and says which carrier it is and where.
	Ping(ctx context.Context) (string, error)
	// Usage gives how many calls were made.
	Usage() []connection.Usage
}
