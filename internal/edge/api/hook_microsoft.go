package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/microsoft"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// MicrosoftHookPath is where Microsoft sends Partner Center's events to.
const MicrosoftHookPath = "/hooks/microsoft"

// forwardWithin is how long the second address has to take an event; Microsoft
// waits for us meanwhile.
const forwardWithin = 10 * time.Second

// microsoftHook takes the events of Partner Center.
type microsoftHook struct {
	app       *app.App
	log       *slog.Logger
	verifier  *microsoft.Verifier // nil: there is nothing at this address
	http      *http.Client
	events    *limiter
	strangers *limiter
}

// NewMicrosoftHook gives the handler of MicrosoftHookPath: it takes the events that
// Microsoft signed, passes each on as it came to the second address if there is one,
// and believes of it only that a record changed. Without allowed hosts of
// certificates in the configuration there is nothing at this address.
func NewMicrosoftHook(a *app.App) (http.Handler, error) {
	m := &a.Config.Microsoft
	h := &microsoftHook{
		app: a, log: a.Log, http: &http.Client{Timeout: forwardWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		events: newLimiter(a.Clock, eventsPerMinute), strangers: newLimiter(a.Clock, refusalsPerMinute),
	}
	if len(m.WebhookCertHosts) == 0 || m.ClientID == "" {
		return h, nil
	}
	var roots []byte
	if m.WebhookRootFile != "" {
		var err error
		if roots, err = os.ReadFile(m.WebhookRootFile); err != nil {
			return nil, problem.Invalid("microsoft-webhook-root-file", "unreadable", "The file with the roots cannot be read: "+err.Error())
		}
	}
	var err error
	h.verifier, err = microsoft.NewVerifier(m.WebhookCertHosts, roots, a.Clock, http.DefaultTransport)
	return h, err
}

// ServeHTTP answers one delivery.
func (h *microsoftHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

func (h *microsoftHook) take(ctx context.Context, w http.ResponseWriter, r *http.Request) (heard, *Problem) {
	if h.verifier == nil {
		return heard{}, refuse(ctx, http.StatusNotFound, "path_not_found", "There is nothing at this address: set --microsoft-webhook-cert-host to take Microsoft's events here")
	}
	if r.Method != http.MethodPost {
		p := refuse(ctx, http.StatusMethodNotAllowed, "method_not_allowed", "Events are sent with POST")
		p.header.Set("Allow", http.MethodPost)
		return heard{}, p
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return heard{}, refuse(ctx, http.StatusRequestEntityTooLarge, "body_too_large", "An event has at most 256 KiB")
		}
		return heard{}, refuse(ctx, http.StatusBadRequest, "body_unreadable", "The event ended early")
	}
	s := &server{log: h.log}
	if err := h.verifier.Verify(ctx, r.Header, body); err != nil {
		if st := h.strangers.take(addressOf(r)); !st.ok {
			return heard{}, s.problemOf(ctx, h.strangers.refusal(st))
		}
		if problem.Is(err, problem.KindUnavailable) {
			return heard{}, s.problemOf(ctx, err)
		}
		return heard{}, s.problemOf(ctx, problem.Unauthorized("wrong_signature", "This event is not believed: "+err.Error()))
	}
	if st := h.events.take("azure"); !st.ok {
		return heard{}, s.problemOf(ctx, h.events.refusal(st))
	}
	e, err := microsoft.ParseEvent(body)
	if err != nil {
		return heard{}, refuse(ctx, http.StatusBadRequest, "malformed_event", "This is no event of Partner Center: "+err.Error())
	}
	out := heard{Note: "not of a kind that Tandem follows"}
	if e.Known() {
		fresh, err := h.app.Registrations.Heard(ctx, cloud.Azure, registration.PortalEvent{ID: e.Name + " " + e.RemoteID + " " + e.ChangedAt, Kind: e.Name, RemoteID: e.RemoteID})
		if err != nil {
			return heard{}, s.problemOf(ctx, err)
		}
		out = heard{Taken: fresh, Note: "heard before"}
		if fresh {
			out.Note = "Tandem looks"
		}
	}
	if err := h.forward(ctx, r.Header, body); err != nil {
		// Microsoft sends it again then, which is once more for us and not lost for the other.
		h.log.WarnContext(ctx, "hook: Microsoft's event could not be passed on", "error", err)
		return heard{}, refuse(ctx, http.StatusBadGateway, "not_passed_on", "The second address did not take the event: send it again")
	}
	return out, nil
}

// signed are the headers by which a receiver knows that an event is Microsoft's.
var signed = []string{"Authorization", "X-Ms-Signature", "X-Ms-Certificate-Url", "X-Ms-Signature-Algorithm", "Content-Type"}

// forward passes an event on as it came, signature included.
func (h *microsoftHook) forward(ctx context.Context, header http.Header, body []byte) error {
	to := h.app.Config.Microsoft.WebhookForward
	if to == "" {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, name := range signed {
		if v := header.Get(name); v != "" {
			r.Header.Set(name, v)
		}
	}
	resp, err := h.http.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // what it says does not matter
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return errors.New("it answered " + resp.Status)
	}
	return nil
}
