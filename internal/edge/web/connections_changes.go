package web

import (
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// changesView is how Salesforce's changes come: as they happen, or by polling.
type changesView struct {
	facts []ui.Fact
	why   string // why they are polled though they should come as they happen
}

// changesOf says how the changes of Salesforce come.
func (w *Web) changesOf(r *http.Request) (changesView, error) {
	every := "Read every " + span(w.app.Config.SyncEvery)
	if w.app.Config.Salesforce.Events != "on" {
		return changesView{facts: []ui.Fact{{Label: "How", Value: ui.Text(every)}, {Label: "As they happen", Value: ui.Badge{Text: "Off"}}}}, nil
	}
	s, err := w.app.Connections.Stream(r.Context())
	if err != nil {
		return changesView{}, err
	}
	return changesIn(s, w.app.Clock.Now(), every), nil
}

func changesIn(s connection.Stream, now time.Time, every string) changesView {
	v := changesView{}
	switch {
	case s.Live(now):
		v.facts = append(v.facts, ui.Fact{Label: "As they happen", Value: ui.Badge{Text: "Streaming", Tone: ui.ToneSuccess}}, ui.Fact{Label: "Streaming since", Value: ui.Time{At: s.Since, Style: ui.TimeAgo}})
	case s.State == connection.StreamBroken:
		v.facts = append(v.facts, ui.Fact{Label: "As they happen", Value: ui.Badge{Text: "Broken off", Tone: ui.ToneWarn}}, ui.Fact{Label: "How", Value: ui.Text(every)})
		v.why, _ = splitError(s.Reason)
	case s.State == connection.StreamWaiting && s.Reason != "":
		v.facts = append(v.facts, ui.Fact{Label: "As they happen", Value: ui.Badge{Text: "Not yet"}}, ui.Fact{Label: "How", Value: ui.Text(every)})
		v.why, _ = splitError(s.Reason)
	default:
		v.facts = append(v.facts, ui.Fact{Label: "As they happen", Value: ui.Badge{Text: "Nobody listens", Tone: ui.ToneWarn}}, ui.Fact{Label: "How", Value: ui.Text(every)})
		v.why = "No worker follows the changes right now; one begins within half a minute if any runs"
	}
	add := func(label string, at time.Time) {
		if !at.IsZero() {
			v.facts = append(v.facts, ui.Fact{Label: label, Value: ui.Time{At: at, Style: ui.TimeAgo}})
		}
	}
	add("Last change", s.EventAt)
	add("Last sign of life", s.HeardAt)
	add("Position of", s.PositionedAt)
	v.facts = append(v.facts, ui.Fact{Label: "Changes taken", Value: ui.Text(ui.Count(s.Events))})
	if s.Gaps > 0 {
		v.facts = append(v.facts, ui.Fact{Label: "Told without details", Value: ui.Text(ui.Count(s.Gaps))})
	}
	if s.Lost > 0 {
		v.facts = append(v.facts, ui.Fact{Label: "Position lost", Value: ui.Text(counted(int(s.Lost), "time") + ", and all that changed read instead")})
	}
	return v
}

// span writes a whole span for people: 5 minutes.
func span(d time.Duration) string {
	if d >= time.Minute {
		return counted(int(d.Minutes()), "minute")
	}
	return counted(int(d.Seconds()), "second")
}
