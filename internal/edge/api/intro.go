package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/flow/invite"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// IntroParty is one of the two sellers who are introduced.
type IntroParty struct {
	Name    string `json:"name" minLength:"1" maxLength:"120" example:"Rita Ruiz"`
	Email   string `json:"email" maxLength:"120" example:"rita@aws.example"`
	Company string `json:"company,omitempty" maxLength:"120" example:"AWS"`
	Role    string `json:"role,omitempty" maxLength:"120" example:"AWSSalesRep"`
	CRMID   string `json:"crm_id,omitempty" doc:"Our seller's user in Salesforce, who owns the Event."`
	Zone    string `json:"zone" example:"America/Los_Angeles" doc:"IANA name of the time zone."`
}

func partyOf(p intro.Party) IntroParty { return IntroParty(p) }

// IntroCandidate is somebody who could be introduced.
type IntroCandidate struct {
	IntroParty
	Why string `json:"why" example:"Owns the opportunity"`
}

// IntroSuggestion is who could meet whom, the likeliest of each side first.
type IntroSuggestion struct {
	Ours   []IntroCandidate `json:"ours" nullable:"false"`
	Theirs []IntroCandidate `json:"theirs" nullable:"false" doc:"From the partner's record of the deal."`
}

// IntroSlot is a time at which the two could meet.
type IntroSlot struct {
	StartsAt time.Time `json:"starts_at" example:"2026-12-01T16:00:00Z"`
	EndsAt   time.Time `json:"ends_at" example:"2026-12-01T16:30:00Z"`
}

func slotOf(s *intro.Slot) IntroSlot { return IntroSlot(*s) }

// IntroTimes are times that are proposed.
type IntroTimes struct {
	Items     []IntroSlot `json:"items" nullable:"false"`
	Stretched bool        `json:"stretched" doc:"The two share no usual hours: somebody begins early or ends late."`
}

// IntroMail is an e-mail for a person to send: Tandem sends none by itself.
type IntroMail struct {
	To      []string `json:"to" nullable:"false"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	Attach  bool     `json:"attach" doc:"The calendar file belongs to it."`
}

// IntroEvent is one thing that happened to an intro meeting.
type IntroEvent struct {
	Kind       string    `json:"kind" example:"confirmed"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body"`
	ActorName  string    `json:"actor_name"`
	HappenedAt time.Time `json:"happened_at"`
}

// IntroMeeting is a meeting of our seller with the partner's.
type IntroMeeting struct {
	ID             string      `json:"id" example:"int_01jn8m5q4se9tvd6dy1v9k2r5c"`
	OpportunityID  string      `json:"opportunity_id"`
	Cloud          string      `json:"cloud" enum:"aws,azure,gcp"`
	State          string      `json:"state" enum:"proposed,confirmed,held,no_show,cancelled"`
	StateLabel     string      `json:"state_label"`
	Title          string      `json:"title"`
	Agenda         string      `json:"agenda"`
	Location       string      `json:"location"`
	Ours           IntroParty  `json:"ours"`
	Theirs         IntroParty  `json:"theirs"`
	OrganizerName  string      `json:"organizer_name"`
	Slots          []IntroSlot `json:"slots" nullable:"false" doc:"The times that were proposed."`
	StartsAt       *time.Time  `json:"starts_at" doc:"The time that was agreed."`
	EndsAt         *time.Time  `json:"ends_at"`
	UID            string      `json:"uid" doc:"The meeting's name in calendars."`
	Sequence       int64       `json:"sequence" doc:"How often the invitation changed."`
	ActivityID     string      `json:"activity_id" doc:"The activity, and so the Event in Salesforce; empty before a time is agreed."`
	Outcome        string      `json:"outcome"`
	NextStep       string      `json:"next_step"`
	NextStepOn     string      `json:"next_step_on"`
	NextActivityID string      `json:"next_activity_id" doc:"The Task of the next step."`
	Reason         string      `json:"reason" doc:"Why it was cancelled."`
	StateAt        time.Time   `json:"state_at"`
	Version        int64       `json:"version"`
}

func introOf(m *intro.Meeting) IntroMeeting {
	return IntroMeeting{
		ID: m.ID, OpportunityID: m.OpportunityID, Cloud: string(m.Cloud), State: string(m.State), StateLabel: m.State.Label(), Title: m.Title, Agenda: m.Agenda,
		Location: m.Location, Ours: partyOf(m.Ours.V), Theirs: partyOf(m.Theirs.V), OrganizerName: m.OrganizerName, Slots: mapped(m.Slots.V, slotOf),
		StartsAt: at(m.StartsAt), EndsAt: at(m.EndsAt), UID: m.UID(), Sequence: m.Sequence, ActivityID: m.ActivityID, Outcome: m.Outcome, NextStep: m.NextStep,
		NextStepOn: string(m.NextStepOn), NextActivityID: m.NextActivityID, Reason: m.Reason, StateAt: m.StateAt, Version: m.Version,
	}
}

// IntroDetail is an intro meeting with its history and the e-mail that fits where it
// stands.
type IntroDetail struct {
	IntroMeeting
	Mail   *IntroMail   `json:"mail" doc:"Null where there is nothing to tell."`
	Events []IntroEvent `json:"events" nullable:"false" doc:"Newest first."`
}

// IntroAnswered is the answer to a wish about an intro meeting.
type IntroAnswered struct {
	DryRun  bool         `json:"dry_run"`
	Meeting IntroMeeting `json:"meeting"`
}

// IntroContents is what can be said of an intro meeting.
type IntroContents struct {
	Title    string      `json:"title" minLength:"1" maxLength:"220"`
	Agenda   string      `json:"agenda,omitempty" maxLength:"10000"`
	Location string      `json:"location,omitempty" maxLength:"255"`
	Ours     IntroParty  `json:"ours"`
	Theirs   IntroParty  `json:"theirs"`
	Slots    []IntroSlot `json:"slots,omitempty" nullable:"false" maxItems:"10" doc:"The times to propose; needed until one is agreed."`
}

func (c *IntroContents) input() intro.Input {
	in := intro.Input{Title: c.Title, Agenda: c.Agenda, Location: c.Location, Ours: intro.Party(c.Ours), Theirs: intro.Party(c.Theirs)}
	for _, s := range c.Slots {
		in.Slots = append(in.Slots, intro.Slot(s))
	}
	return in
}

// IntroWish is what every wish about an intro meeting can be sent with.
type IntroWish struct {
	Repeatable
	Versioned
	ID     string `path:"id" example:"int_01jn8m5q4se9tvd6dy1v9k2r5c"`
	DryRun bool   `query:"dry_run" doc:"Check all rules, and change nothing."`
}

// IntroOutcome is what came of an intro meeting.
type IntroOutcome struct {
	Outcome    string `json:"outcome,omitempty" maxLength:"5000" example:"They sponsor a pilot."`
	NextStep   string `json:"next_step,omitempty" maxLength:"220" example:"Send the pilot plan"`
	NextStepOn string `json:"next_step_on,omitempty" format:"date" doc:"With a day the next step becomes a Task of our seller's."`
}

type introAnswer struct {
	ETag   string `header:"ETag" doc:"The version of what is shown."`
	Status int
	Body   IntroAnswered
}

func introAnswered(m *intro.Meeting, err error, dry bool, done int) (*introAnswer, error) {
	if err != nil {
		return nil, err
	}
	out := &introAnswer{Status: done, Body: IntroAnswered{DryRun: dry, Meeting: introOf(m)}}
	if dry {
		out.Status = http.StatusOK
	}
	out.ETag, err = etagOf(m.Version, out.Body.Meeting)
	return out, err
}

// wished carries a wish about an intro meeting out, as the version that the caller saw
// allows.
func (w *IntroWish) wished(do func(intro.Wish) (intro.Meeting, error)) (*introAnswer, error) {
	version, _, err := versionOf(w.IfMatch)
	if err != nil {
		return nil, err
	}
	m, err := do(intro.Wish{ID: w.ID, Version: version, DryRun: w.DryRun})
	return introAnswered(&m, err, w.DryRun, http.StatusOK)
}

func (s *server) registerIntros() {
	s.registerIntroReads()
	propose := operation{
		id: "propose-intro-meeting", method: http.MethodPost, path: "/opportunities/{id}/intro-meetings", tag: "Activities", summary: "Propose times for an intro meeting", action: authz.ActionLog, status: http.StatusCreated, also: []int{http.StatusNotFound},
		about: "The two sellers are your choice. Nothing goes to Salesforce before a time is agreed. A dry run answers 200.",
	}
	add(s, propose, func(ctx context.Context, in *struct {
		Repeatable
		ID     string `path:"id"`
		DryRun bool   `query:"dry_run" doc:"Check all rules, and keep nothing."`
		Body   struct {
			Cloud string `json:"cloud" enum:"aws,azure,gcp"`
			IntroContents
		}
	},
	) (*introAnswer, error) {
		input := in.Body.input()
		input.OpportunityID, input.Cloud = in.ID, cloud.Cloud(in.Body.Cloud)
		m, err := s.app.Intros.Propose(ctx, input, in.DryRun)
		return introAnswered(&m, err, in.DryRun, http.StatusCreated)
	})
	s.alsoAnswers(propose.path, http.MethodPost, http.StatusCreated, http.StatusOK, "Dry run: nothing was kept")
	wish := func(id, method, name, summary, about string) operation {
		return operation{id: id, method: method, path: "/intro-meetings/{id}" + name, tag: "Activities", summary: summary, about: about, action: authz.ActionLog, ifMatch: true, also: []int{http.StatusNotFound}}
	}
	add(s, wish("change-intro-meeting", http.MethodPut, "", "Change an intro meeting", "Of a confirmed one the invitation gets a higher sequence, and the Event follows."), func(ctx context.Context, in *struct {
		IntroWish
		Body IntroContents
	},
	) (*introAnswer, error) {
		return in.wished(func(w intro.Wish) (intro.Meeting, error) { return s.app.Intros.Change(ctx, w, in.Body.input()) })
	})
	add(s, wish("confirm-intro-meeting", http.MethodPost, "/confirm", "Agree on the time of an intro meeting, or move it", "It becomes an Event in Salesforce and an invitation."), func(ctx context.Context, in *struct {
		IntroWish
		Body IntroSlot
	},
	) (*introAnswer, error) {
		return in.wished(func(w intro.Wish) (intro.Meeting, error) { return s.app.Intros.Confirm(ctx, w, intro.Slot(in.Body)) })
	})
	ended := func(o operation, do func(context.Context, intro.Wish, intro.Outcome) (intro.Meeting, error)) {
		add(s, o, func(ctx context.Context, in *struct {
			IntroWish
			Body IntroOutcome
		},
		) (*introAnswer, error) {
			return in.wished(func(w intro.Wish) (intro.Meeting, error) {
				return do(ctx, w, intro.Outcome{Note: in.Body.Outcome, NextStep: in.Body.NextStep, NextStepOn: date.Date(in.Body.NextStepOn)})
			})
		})
	}
	ended(wish("hold-intro-meeting", http.MethodPost, "/held", "Say that an intro meeting was held, and what comes next", ""), s.app.Intros.Held)
	ended(wish("miss-intro-meeting", http.MethodPost, "/no-show", "Say that somebody did not come to an intro meeting", "Another time can be agreed."), s.app.Intros.NoShow)
	add(s, wish("cancel-intro-meeting", http.MethodPost, "/cancel", "Cancel an intro meeting", "The calendar file becomes a cancellation, and the Event follows."), func(ctx context.Context, in *struct {
		IntroWish
		Body struct {
			Reason string `json:"reason,omitempty" maxLength:"220"`
		}
	},
	) (*introAnswer, error) {
		return in.wished(func(w intro.Wish) (intro.Meeting, error) { return s.app.Intros.Cancel(ctx, w, in.Body.Reason) })
	})
}

func (s *server) registerIntroReads() {
	add(s, operation{id: "suggest-intro-meeting", method: http.MethodGet, path: "/opportunities/{id}/intro-suggestion", tag: "Activities", summary: "Match our seller to the partner's", action: authz.ActionRead, about: "From the opportunity's team and the partner's record; a person confirms.", also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ID    string `path:"id"`
			Cloud string `query:"cloud" enum:"aws,azure,gcp" default:"aws"`
		},
		) (*struct{ Body IntroSuggestion }, error) {
			x, err := s.app.Intros.Suggest(ctx, in.ID, cloud.Cloud(in.Cloud))
			of := func(c *intro.Candidate) IntroCandidate { return IntroCandidate{partyOf(c.Party), c.Why} }
			return &struct{ Body IntroSuggestion }{IntroSuggestion{Ours: mapped(x.Ours, of), Theirs: mapped(x.Theirs, of)}}, err
		})
	add(s, operation{id: "find-intro-times", method: http.MethodGet, path: "/intro-times", tag: "Activities", summary: "Find times in the working hours of two zones", action: authz.ActionRead},
		func(ctx context.Context, in *struct {
			Ours    string `query:"ours_zone" default:"UTC" example:"Europe/Berlin"`
			Theirs  string `query:"theirs_zone" default:"UTC" example:"America/New_York"`
			From    string `query:"from" doc:"A day; absent is tomorrow."`
			Minutes int    `query:"minutes" minimum:"5" maximum:"240" default:"30"`
			CRMID   string `query:"ours_crm_id" doc:"A user of Salesforce whose known meetings are kept free."`
		},
		) (*struct{ Body IntroTimes }, error) {
			x, err := s.app.Intros.Slots(ctx, intro.SlotQuery{OursZone: in.Ours, TheirsZone: in.Theirs, From: date.Date(in.From), Minutes: in.Minutes, OursCRMID: in.CRMID})
			return &struct{ Body IntroTimes }{IntroTimes{Items: mapped(x.Slots, slotOf), Stretched: x.Stretched}}, err
		})
	add(s, operation{id: "list-intro-meetings", method: http.MethodGet, path: "/opportunities/{id}/intro-meetings", tag: "Activities", summary: "List the intro meetings of an opportunity, newest first", action: authz.ActionRead, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ID string `path:"id"`
		},
		) (*all[IntroMeeting], error) {
			if _, _, err := s.app.Opportunities.Get(ctx, in.ID); err != nil {
				return nil, err
			}
			list, err := s.app.Intros.OfOpportunity(ctx, in.ID)
			return allOf(mapped(list, introOf)), err
		})
	add(s, operation{id: "get-intro-meeting", method: http.MethodGet, path: "/intro-meetings/{id}", tag: "Activities", summary: "Get an intro meeting, with the e-mail to send now", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"int_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[IntroDetail], error) {
			m, err := s.app.Intros.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			events, err := s.app.Intros.Events(ctx, m.ID)
			if err != nil {
				return nil, err
			}
			out := IntroDetail{IntroMeeting: introOf(&m), Events: mapped(events, func(e *intro.Event) IntroEvent {
				return IntroEvent{Kind: e.Kind, Subject: e.Subject, Body: e.Body, ActorName: e.ActorName, HappenedAt: e.HappenedAt}
			})}
			if mail, ok := invite.Compose(&m); ok {
				out.Mail = &IntroMail{To: mail.To, Subject: mail.Subject, Text: mail.Text, Attach: mail.Attach}
			}
			return recordOf(m.Version, out)
		})
	add(s, operation{
		id: "get-intro-invitation", method: http.MethodGet, path: "/intro-meetings/{id}/invitation", tag: "Activities", summary: "Get the invitation of an intro meeting as a calendar file", action: authz.ActionRead, also: []int{http.StatusNotFound, http.StatusConflict},
		about: "text/calendar with the method REQUEST, or CANCEL after it was cancelled (RFC 5546).",
	},
		func(ctx context.Context, in *struct {
			ID string `path:"id" example:"int_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*calendarFile, error) {
			m, err := s.app.Intros.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			file, ok := invite.Calendar(&m)
			if !ok {
				return nil, problem.Conflict("not_invited", "No time is agreed yet: there is no invitation")
			}
			return &calendarFile{ContentType: invite.ContentType(&m), Disposition: `attachment; filename="` + invite.FileName(&m) + `"`, Body: []byte(file)}, nil
		})
	s.answersFile("/intro-meetings/{id}/invitation", "text/calendar", "The calendar file")
}

// calendarFile is an answer that is no JSON.
type calendarFile struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// answersFile says in the document that a read answers with a file.
func (s *server) answersFile(path, kind, text string) {
	r := s.huma.OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusOK)]
	r.Description, r.Content = text, map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: huma.TypeString}}}
}
