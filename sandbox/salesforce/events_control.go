package salesforce

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// gapWish asks for an event that tells of a change without its details.
type gapWish struct {
	Object string   `json:"object"`
	Kind   string   `json:"kind"` // GAP_UPDATE … or GAP_OVERFLOW
	IDs    []string `json:"ids"`
}

// showEvents answers the settings of the event bus and how far it is.
func (s *Server) showEvents(w http.ResponseWriter) {
	s.bus.prunedNow()
	s.bus.mu.Lock()
	out := map[string]any{"settings": s.bus.settings, "kept": len(s.bus.log), "latest": s.bus.latestLocked(), "lost": s.bus.lost}
	s.bus.mu.Unlock()
	kit.AnswerControl(w, http.StatusOK, out)
}

// postEvents changes the settings that are named, makes the gap event that is
// wished, and with "forget" loses everything that is kept.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) {
	in := struct {
		*busSettings
		Gap    *gapWish `json:"gap"`
		Forget bool     `json:"forget"`
	}{busSettings: new(busSettings)}
	*in.busSettings = s.bus.set()
	err := readOver(r, &in)
	if err == nil {
		err = s.setEvents(*in.busSettings, in.Forget)
	}
	if err == nil && in.Gap != nil {
		err = s.makeGap(*in.Gap)
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.showEvents(w)
}

// readOver decodes a control request over what v holds.
func readOver(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

func (s *Server) setEvents(in busSettings, forget bool) error {
	d, err := time.ParseDuration(in.KeepAlive)
	switch {
	case err != nil || d <= 0:
		return fmt.Errorf("keep_alive must be a duration such as 270s, not %q", in.KeepAlive)
	case in.Keep < 1 || in.Overflow < 1:
		return errors.New("keep and overflow must be at least 1")
	}
	for _, name := range in.Selected {
		if o, ok := s.store.schema.object(name); !ok || !o.captured() {
			return fmt.Errorf("there are no change events of %q", name)
		}
	}
	in.keepAlive = d
	b := s.bus
	b.mu.Lock()
	b.settings = in
	if forget && len(b.log) > 0 {
		b.lost, b.log = step(b.latestLocked()), nil
		b.next = step(b.lost)
	}
	b.mu.Unlock()
	b.kick()
	return nil
}

func (s *Server) makeGap(wish gapWish) error {
	kind := slices.Index(changeTypes, wish.Kind)
	o, ok := s.store.schema.object(wish.Object)
	if changeType(kind) < gapCreate || changeType(kind) > gapOverflow || !ok || !o.captured() {
		return fmt.Errorf("a gap event needs an object and a kind from GAP_CREATE to GAP_OVERFLOW, not %q and %q", wish.Object, wish.Kind)
	}
	_, err := s.publish(publishedEntry{
		Meta: txMeta{At: s.clock.Now(), User: s.personID(), Key: transactionKey()}, Object: o.Name, Kind: int32(kind), IDs: wish.IDs,
	})
	return err
}

func (b *bus) prunedNow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune()
}
