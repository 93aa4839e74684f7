package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// hookConfig says where events go and what goes wrong on the way. A key that is
// empty is not sent.
type hookConfig struct {
	URL    string `json:"url"`
	APIKey string `json:"api_key"`
	Header string `json:"header"` // "x-api-key" when empty
	kit.CourierConfig
	Replay bool `json:"replay"` // deliver the events of before, too
}

// hookClient waits as long as an EventBridge API destination does.
var hookClient = &http.Client{Timeout: 5 * time.Second}

// setHook has the events from now on go to the address given, and to none before
// it; an empty one stops the delivery. It needs s.mu.
func (s *Server) setHook(c hookConfig) {
	if c.URL == "" {
		s.courier.Stop()
		s.hook = hookConfig{}
		return
	}
	if c.Header == "" {
		c.Header = "x-api-key"
	}
	s.courier.Start(c.CourierConfig, c.post)
	s.hook = c
	if c.Replay {
		s.offer(s.state.events)
	}
}

// offer gives new events to be delivered. It needs s.mu.
func (s *Server) offer(events []Event) {
	if s.hook.URL == "" {
		return
	}
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			s.log.Error("aws sandbox: encode event", "error", err)
			continue
		}
		s.courier.Offer(body)
	}
}

// post sends one event. EventBridge tries again after 401, 407, 409, 429, any
// 5xx and when there is no answer.
func (c hookConfig) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Amazon/EventBridge/ApiDestinations")
	if c.APIKey != "" {
		r.Header.Set(c.Header, c.APIKey)
	}
	resp, err := hookClient.Do(r)
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the answer's text does not matter
	if resp.StatusCode < 300 {
		return false, nil
	}
	again = resp.StatusCode >= 500 || slices.Contains([]int{http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusConflict, http.StatusTooManyRequests}, resp.StatusCode)
	return again, errors.New("the webhook answered " + resp.Status)
}

// check says what is wrong with the configuration.
func (c hookConfig) check() error {
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return errors.New("url must be an http or https address; an empty one stops the delivery")
		}
	}
	return c.Check()
}

func (s *Server) controlWebhook(w http.ResponseWriter, r *http.Request) {
	var in hookConfig
	err := kit.ReadControl(r, &in)
	if err == nil {
		err = in.check()
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setHook(in)
	s.answerWebhook(w)
}

// answerWebhook gives the configuration without its key, and the counts. It needs
// s.mu.
func (s *Server) answerWebhook(w http.ResponseWriter) {
	c := s.hook
	c.CourierConfig = s.courier.Config()
	if c.APIKey != "" {
		c.APIKey = "set"
	}
	kit.AnswerControl(w, http.StatusOK, map[string]any{"config": c, "counts": s.courier.Counts()})
}
