package web

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func TestThePageSaysHowChangesCome(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	leased := now.Add(20 * time.Second)
	for name, tc := range map[string]struct {
		stream     connection.Stream
		badge, why string
		polled     bool
	}{
		"streaming":         {connection.Stream{State: connection.StreamStreaming, LeasedUntil: leased}, "Streaming", "", false},
		"broken":            {connection.Stream{State: connection.StreamBroken, LeasedUntil: leased, Reason: "Salesforce ended the session (salesforce Subscribe: Unauthenticated)"}, "Broken off", "Salesforce ended the session", true},
		"the first read":    {connection.Stream{State: connection.StreamWaiting, LeasedUntil: leased, Reason: "Salesforce is read for the first time"}, "Not yet", "Salesforce is read", true},
		"a killed worker":   {connection.Stream{State: connection.StreamStreaming, LeasedUntil: now.Add(-time.Second)}, "Nobody listens", "No worker follows", true},
		"nobody ever began": {connection.Stream{State: connection.StreamOff}, "Nobody listens", "No worker follows", true},
	} {
		v := changesIn(tc.stream, now, "Read every 5 minutes")
		badge, _ := v.facts[0].Value.(ui.Badge)
		polled := false
		for _, f := range v.facts {
			polled = polled || f.Label == "How"
		}
		if badge.Text != tc.badge || !strings.HasPrefix(v.why, tc.why) || (v.why == "") != (tc.why == "") || polled != tc.polled {
			t.Errorf("%s: %q, polled %v, %q", name, badge.Text, polled, v.why)
		}
	}
}
