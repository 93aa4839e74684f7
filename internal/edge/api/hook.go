package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// HookPath is where an EventBridge API destination sends AWS's events to.
const HookPath = "/hooks/aws"

// The bounds of the webhook. EventBridge's own limit of an event is 256 KiB; it
// tries again after 429.
const (
	maxEvent          = 256 << 10
	eventsPerMinute   = 6000 // with the key
	refusalsPerMinute = 60   // without it, for each address
)

// hook takes the events of AWS.
type hook struct {
	app       *app.App
	log       *slog.Logger
	key       [sha256.Size]byte
	events    *limiter
	strangers *limiter
}

// NewHook gives the handler of HookPath: it takes the events that an EventBridge
// API destination sends, with the key of the configuration in the header
// X-Api-Key. Of an event only its ids are believed: it makes Tandem look. Without
// a key in the configuration there is nothing at this address.
func NewHook(a *app.App) http.Handler {
	return &hook{
		app: a, log: a.Log, key: sha256.Sum256([]byte(a.Config.AWS.WebhookKey)),
		events: newLimiter(a.Clock, eventsPerMinute), strangers: newLimiter(a.Clock, refusalsPerMinute),
	}
}

// heard is the answer to an event that was understood.
type heard struct {
	Taken bool   `json:"taken"` // it makes Tandem look
	Note  string `json:"note"`
}

// ServeHTTP answers one delivery.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithValue(r.Context(), requestIDKey{}, r.Header.Get("X-Request-Id"))
	w.Header().Set("Cache-Control", "no-store")
	out, p := h.take(ctx, w, r)
	if p != nil {
		p.write(w, h.log)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		h.log.DebugContext(ctx, "hook: the answer could not be written", "error", err)
	}
}

func (h *hook) take(ctx context.Context, w http.ResponseWriter, r *http.Request) (heard, *Problem) {
	if h.app.Config.AWS.WebhookKey == "" {
		return heard{}, refuse(ctx, http.StatusNotFound, "path_not_found", "There is nothing at this address: set --aws-webhook-key to take AWS's events here")
	}
	if r.Method != http.MethodPost {
		p := refuse(ctx, http.StatusMethodNotAllowed, "method_not_allowed", "Events are sent with POST")
		p.header.Set("Allow", http.MethodPost)
		return heard{}, p
	}
	s := &server{log: h.log}
	given := sha256.Sum256([]byte(r.Header.Get("X-Api-Key")))
	if subtle.ConstantTimeCompare(given[:], h.key[:]) != 1 {
		if st := h.strangers.take(addressOf(r)); !st.ok {
			return heard{}, s.problemOf(ctx, h.strangers.refusal(st))
		}
		return heard{}, s.problemOf(ctx, problem.Unauthorized("wrong_key", "Send the key of --aws-webhook-key in the header X-Api-Key"))
	}
	if st := h.events.take("aws"); !st.ok {
		return heard{}, s.problemOf(ctx, h.events.refusal(st))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return heard{}, refuse(ctx, http.StatusRequestEntityTooLarge, "body_too_large", "An event has at most 256 KiB")
		}
		return heard{}, refuse(ctx, http.StatusBadRequest, "body_unreadable", "The event ended early")
	}
	e, err := parseEvent(body)
	if err != nil {
		return heard{}, refuse(ctx, http.StatusBadRequest, "malformed_event", "This is no event of EventBridge: "+err.Error())
	}
	if note := e.ignored(h.app.Config.AWS.Catalog); note != "" {
		return heard{Note: note}, nil
	}
	fresh, err := h.hear(ctx, e)
	if err != nil {
		return heard{}, s.problemOf(ctx, err)
	}
	if !fresh {
		return heard{Note: "heard before"}, nil
	}
	return heard{Taken: true, Note: "Tandem looks"}, nil
}

func (h *hook) hear(ctx context.Context, e portalEvent) (bool, error) {
	about := registration.PortalEvent{ID: e.id, Kind: e.kind, RemoteID: e.remoteID}
	if e.offered {
		return h.app.Invitations.Heard(ctx, cloud.AWS, about)
	}
	return h.app.Registrations.Heard(ctx, cloud.AWS, about)
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// portalEvent is what is believed of an event.
type portalEvent struct {
	id, kind, source, catalog string
	remoteID                  string
	known                     bool // one of the kinds that make us look
	offered                   bool // about an invitation that we received
}

// eventSource is the source of the Selling API's events.
const eventSource = "aws.partnercentral-selling"

// ignored says why an event is none of ours, "" if it is.
func (e portalEvent) ignored(catalog string) string {
	switch {
	case e.source != eventSource:
		return "not of " + eventSource
	case e.catalog != catalog:
		return "of another catalog"
	case !e.known:
		return "not of a kind that Tandem follows"
	}
	return ""
}

// parseEvent reads an event as an API destination sends it (aws.md §1.13). An event
// of a kind that Tandem follows must name its record.
func parseEvent(body []byte) (portalEvent, error) {
	var in struct {
		ID         string          `json:"id"`
		Source     string          `json:"source"`
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return portalEvent{}, errors.New("it is not a JSON object with id, source, detail-type and detail")
	}
	e := portalEvent{id: in.ID, kind: in.DetailType, source: in.Source}
	switch {
	case !plainID(e.id):
		return portalEvent{}, errors.New("its id is missing or no plain text")
	case e.source == "" || len(e.source) > 256:
		return portalEvent{}, errors.New("its source is missing or too long")
	case e.kind == "" || len(e.kind) > 128 || strings.ContainsFunc(e.kind, func(c rune) bool { return c < ' ' || c > '~' }):
		return portalEvent{}, errors.New("its detail-type is missing or no plain text")
	}
	if e.source != eventSource {
		return e, nil
	}
	var detail struct {
		Catalog     string `json:"catalog"`
		Opportunity struct {
			Identifier string `json:"identifier"`
		} `json:"opportunity"`
		Invitation struct {
			ID              string `json:"id"`
			ParticipantType string `json:"participantType"`
		} `json:"engagementInvitation"`
		Snapshot struct {
			ResourceID string `json:"resourceId"`
		} `json:"resourceSnapshot"`
	}
	if err := json.Unmarshal(in.Detail, &detail); err != nil {
		return portalEvent{}, errors.New("its detail is missing or no JSON object of the documented shape")
	}
	e.catalog, e.known = detail.Catalog, true
	switch {
	case strings.HasPrefix(e.kind, "Engagement Invitation "):
		e.remoteID, e.offered = detail.Invitation.ID, !strings.EqualFold(detail.Invitation.ParticipantType, "Sender")
	case strings.HasPrefix(e.kind, "Opportunity "):
		e.remoteID = detail.Opportunity.Identifier
	case e.kind == "Engagement Resource Snapshot Created":
		e.remoteID = detail.Snapshot.ResourceID
	default:
		e.known = false
		return e, nil
	}
	if !plainID(e.remoteID) {
		return portalEvent{}, errors.New("its detail does not name the record that it is about")
	}
	return e, nil
}
