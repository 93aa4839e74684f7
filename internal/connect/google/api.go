package google

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

// API is the carrier over Cloud Channel v1alpha1. It is experimental: only listed
// partners reach the API, and nobody verified it against the live service.
type API struct{ *Client }

// Unverified is what people are told of this carrier.
const Unverified = "experimental: stages, states, required and fixed fields are not verified against Google"

const (
	opCreate = "opportunities.create"
	opGet    = "opportunities.get"
	opQuery  = "opportunities.query"
	opPatch  = "opportunities.patch"
	opPull   = "subscriptions.pull"
	opAck    = "subscriptions.acknowledge"

	pageSize = 100
	maxPages = 500 // of one query; more is an error, so that nothing is taken for absent
)

func (a *API) opportunities() string { return a.cfg.Endpoint + "/v1alpha1/opportunities" }

func (a *API) opportunity(name string) string {
	return a.cfg.Endpoint + "/v1alpha1/opportunities/" + url.PathEscape(strings.TrimPrefix(name, "opportunities/"))
}

// Create sends the opportunity once. The token has no place in Google's API. After an
// unknown outcome nothing is looked for until Google can be expected to show it.
func (a *API) Create(ctx context.Context, o *Opportunity, _ string) (*Opportunity, error) {
	out := &Opportunity{}
	err := a.do(ctx, call{opCreate, http.MethodPost, a.opportunities(), o, true}, out)
	if remote := problem.RemoteOf(err); remote != nil && remote.Retry == problem.RetryUnsure {
		remote.RetryAfter = max(remote.RetryAfter, a.cfg.Settle)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Find asks for our id; where Google's query does not know that field, all of the
// partner's opportunities are walked.
func (a *API) Find(ctx context.Context, ourID string) (*Opportunity, error) {
	for _, filter := range []string{"partner_opportunity_identifier = " + strconv.Quote(ourID), ""} {
		found, err := a.first(ctx, filter, ourID)
		if err == nil || filter == "" || !hasCode(err, CodeInvalid) {
			return found, err
		}
	}
	return nil, nil
}

func (a *API) first(ctx context.Context, filter, ourID string) (*Opportunity, error) {
	for o, err := range a.query(ctx, filter, "") {
		if err != nil {
			return nil, err
		}
		if o.PartnerOpportunityID == ourID {
			return o, nil
		}
	}
	return nil, nil
}

// query lists the partner's opportunities, page by page.
func (a *API) query(ctx context.Context, filter, orderBy string) iter.Seq2[*Opportunity, error] {
	return func(yield func(*Opportunity, error) bool) {
		q := url.Values{"partner": {a.cfg.Partner}, "pageSize": {strconv.Itoa(pageSize)}}
		if filter != "" {
			q.Set("filter", filter)
		}
		if orderBy != "" {
			q.Set("orderBy", orderBy)
		}
		for range maxPages {
			var page struct {
				Opportunities []*Opportunity `json:"opportunities"`
				NextPageToken string         `json:"nextPageToken"`
			}
			if err := a.do(ctx, call{opQuery, http.MethodGet, a.opportunities() + ":query?" + q.Encode(), nil, false}, &page); err != nil {
				yield(nil, err)
				return
			}
			for _, o := range page.Opportunities {
				if !yield(o, nil) {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			q.Set("pageToken", page.NextPageToken)
		}
		yield(nil, problem.FromRemote(problem.Remote{System: System, Operation: opQuery, Code: "too_many_pages", Retry: problem.RetryHuman},
			fmt.Sprintf("Google lists more than %d opportunities: they were not all read", maxPages*pageSize), nil))
	}
}

// Get reads an opportunity.
func (a *API) Get(ctx context.Context, name string) (*Opportunity, error) {
	out := &Opportunity{}
	if err := a.do(ctx, call{opGet, http.MethodGet, a.opportunity(name), nil, false}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Patch sends the fields of the mask.
func (a *API) Patch(ctx context.Context, name string, mask []string, o *Opportunity) (*Opportunity, error) {
	q := url.Values{"partner": {a.cfg.Partner}, "updateMask": {strings.Join(mask, ",")}}
	out := &Opportunity{}
	err := a.do(ctx, call{opPatch, http.MethodPatch, a.opportunity(name) + "?" + q.Encode(), o, true}, out)
	if hasCode(err, CodeAborted) {
		p := problem.Precondition("opportunity", name)
		p.Remote, p.Err, p.Message = problem.RemoteOf(err), err, "Google's record changed since it was read: "+name
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Submit sets the state. One that was submitted already, by an earlier attempt, is
// no error.
func (a *API) Submit(ctx context.Context, name string) error {
	_, err := a.Patch(ctx, name, []string{googlecosell.PathState}, &Opportunity{State: googlecosell.StateSubmitted})
	if !hasCode(err, CodeInvalid) {
		return err
	}
	o, readErr := a.Get(ctx, name)
	if readErr == nil && (o.State == googlecosell.StateSubmitted || o.State == googlecosell.StateAccepted) {
		return nil
	}
	return err
}

// Changed asks for what changed, in its order; where Google's query does not know the
// field, all is walked and sorted here.
func (a *API) Changed(ctx context.Context, since time.Time) iter.Seq2[*Opportunity, error] {
	return func(yield func(*Opportunity, error) bool) {
		filter := ""
		if !since.IsZero() {
			filter = "update_time > " + strconv.Quote(since.UTC().Format(time.RFC3339Nano))
		}
		told := false
		for o, err := range a.query(ctx, filter, "update_time") {
			if !told && hasCode(err, CodeInvalid) {
				a.walk(ctx, since, yield)
				return
			}
			told = true
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

func (a *API) walk(ctx context.Context, since time.Time, yield func(*Opportunity, error) bool) {
	var list []*Opportunity
	for o, err := range a.query(ctx, "", "") {
		if err != nil {
			yield(nil, err)
			return
		}
		if since.IsZero() || changedAt(o.UpdateTime).After(since) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(x, y *Opportunity) int {
		return cmp.Or(changedAt(x.UpdateTime).Compare(changedAt(y.UpdateTime)), cmp.Compare(x.Name, y.Name))
	})
	for _, o := range list {
		if !yield(o, nil) {
			return
		}
	}
}

func changedAt(stamp string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Ping asks for one opportunity.
func (a *API) Ping(ctx context.Context) (string, error) {
	q := url.Values{"partner": {a.cfg.Partner}, "pageSize": {"1"}}
	var page struct{}
	err := a.do(ctx, call{opQuery, http.MethodGet, a.opportunities() + ":query?" + q.Encode(), nil, false}, &page)
	u, parseErr := url.Parse(a.cfg.Endpoint)
	if parseErr != nil {
		return "", parseErr
	}
	return fmt.Sprintf("Carrier: Cloud Channel API v1alpha1 at %s, %s. %s", u.Host, a.cfg.Partner, upperFirst(Unverified)), err
}

// Usage gives the calls since the start.
func (a *API) Usage() []connection.Usage {
	const source = "counted by Tandem since its start; Google publishes no quota"
	return []connection.Usage{{Name: "Writes", Used: a.writes.Load(), Source: source}, {Name: "Reads", Used: a.reads.Load(), Source: source}}
}

// maxPulled is how many events one Listen takes.
const maxPulled = 1000

// Listen takes what Pub/Sub has to tell. Only the names in events are used: what they
// tell of is read again. done acknowledges them; until it was called they come again.
func (a *API) Listen(ctx context.Context) (names []string, done func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	if a.cfg.Subscription == "" {
		return nil, nothing, nil
	}
	var out struct {
		ReceivedMessages []struct {
			AckID   string `json:"ackId"`
			Message struct {
				Data []byte `json:"data"`
			} `json:"message"`
		} `json:"receivedMessages"`
	}
	// A message that was taken twice is acknowledged twice: pulling again does no harm.
	err = a.do(ctx, call{opPull, http.MethodPost, a.cfg.PubSubEndpoint + "/v1/" + a.cfg.Subscription + ":pull", map[string]any{"maxMessages": maxPulled}, false}, &out)
	if err != nil || len(out.ReceivedMessages) == 0 {
		return nil, nothing, err
	}
	var acks []string
	for _, m := range out.ReceivedMessages {
		acks = append(acks, m.AckID)
		if e, ok := readEvent(m.Message.Data); ok && !slices.Contains(names, e.Opportunity) {
			names = append(names, e.Opportunity)
		}
	}
	return names, func(ctx context.Context) error {
		var none struct{}
		return a.do(ctx, call{opAck, http.MethodPost, a.cfg.PubSubEndpoint + "/v1/" + a.cfg.Subscription + ":acknowledge", map[string]any{"ackIds": acks}, false}, &none)
	}, nil
}

// readEvent reads an event as the discovery document has it, within a
// SubscriberEvent, or by itself. Anything else on the topic is not for us.
func readEvent(data []byte) (OpportunityEvent, bool) {
	var in struct {
		OpportunityEvent
		Inner *OpportunityEvent `json:"opportunityEvent"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return OpportunityEvent{}, false
	}
	if in.Inner != nil {
		in.OpportunityEvent = *in.Inner
	}
	return in.OpportunityEvent, strings.HasPrefix(in.Opportunity, "opportunities/")
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
