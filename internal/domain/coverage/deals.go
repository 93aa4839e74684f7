package coverage

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Deal is one opportunity at one cloud, as it stands. Since is from when on it is
// so: joint and not registered, a change of ours not in the portal, or, up to date,
// when the portal was read last. Late says that it is past its service level.
type Deal struct {
	ID             string                `db:"id"`
	CRMID          string                `db:"crm_id"`
	Name           string                `db:"name"`
	AccountName    string                `db:"account_name"`
	Stage          string                `db:"stage"`
	Region         string                `db:"region"`
	OwnerCRMID     string                `db:"owner_crm_id"`
	OwnerName      string                `db:"owner_name"`
	CRMCreatedAt   time.Time             `db:"crm_created_at"`
	CloseOn        date.Date             `db:"close_on"`
	Currency       string                `db:"currency"`
	AmountMinor    *int64                `db:"amount_minor"`
	Cloud          cloud.Cloud           `db:"cloud"`
	JointAt        time.Time             `db:"joint_at"`
	Since          time.Time             `db:"since"`
	RegistrationID string                `db:"registration_id"`
	State          registration.State    `db:"state"`
	RemoteID       string                `db:"remote_id"`
	Reason         string                `db:"reason"`
	Error          string                `db:"error"`
	ErrorCode      string                `db:"error_code"`
	Findings       registration.Findings `db:"findings"`
	Conflicts      int64                 `db:"conflicts"`
	Refused        int64                 `db:"refused"`
	Held           int64                 `db:"held"`
	Outgoing       int64                 `db:"outgoing"`
	StaleSince     time.Time             `db:"stale_since"`
	RemoteReadAt   time.Time             `db:"remote_read_at"`

	Place What      `db:"-"` // registered's part, or blocked, failed, waiting
	Why   string    `db:"-"` // in words
	DueOn date.Date `db:"-"` // the day on which the service level ends; none when nothing is to be done
	Late  bool      `db:"-"`
}

// Amount gives the amount, or none.
func (d *Deal) Amount() money.Amount {
	if d.AmountMinor == nil || d.Currency == "" {
		return money.Amount{}
	}
	return money.Amount{Minor: *d.AmountMinor, Currency: d.Currency}
}

// Page is one page of deals; Next is the cursor of the next one, "" at the end.
type Page struct {
	At   time.Time
	Rows []Deal
	Next string
}

// place is where a page begins.
type place struct {
	since time.Time
	id    string
	cloud cloud.Cloud
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that this list gave: begin from the first page")

func (d *Deal) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(d.Since.UTC().Format(time.RFC3339Nano) + "\n" + d.ID + "\n" + string(d.Cloud)))
}

func parseCursor(s string) (*place, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 3 || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil, errCursor
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil || !cloud.Cloud(parts[2]).Valid() {
		return nil, errCursor
	}
	return &place{since: at, id: parts[1], cloud: cloud.Cloud(parts[2])}, nil
}

// Deals lists the deals of a set, those that are so for longest first; limit is 1
// to 200, 50 if 0. Needs read.
func (s *Service) Deals(ctx context.Context, scope Scope, w What, after string, limit int) (Page, error) {
	if w == "" {
		w = WhatExceptions
	}
	if !slices.Contains(Whats(), w) {
		return Page{}, problem.Invalid("what", "unknown_value", fmt.Sprintf("%q is not a set of this list", w))
	}
	if limit = min(limit, 200); limit <= 0 {
		limit = 50
	}
	a, err := s.ask(ctx, scope)
	if err != nil {
		return Page{}, err
	}
	var from *place
	if after != "" {
		if from, err = parseCursor(after); err != nil {
			return Page{}, err
		}
	}
	rows, err := page(ctx, s.db, &a, w, from, limit+1)
	if err != nil {
		return Page{}, err
	}
	p := Page{At: a.now, Rows: rows}
	if len(rows) > limit {
		p.Rows, p.Next = rows[:limit], rows[limit-1].cursor()
	}
	return p, s.explain(ctx, &a, p.Rows)
}

// explain fills what is derived of each row.
func (s *Service) explain(ctx context.Context, a *asked, rows []Deal) error {
	var ids []string
	for i := range rows {
		if rows[i].Conflicts+rows[i].Refused+rows[i].Held+rows[i].Outgoing > 0 {
			ids = append(ids, rows[i].RegistrationID)
		}
	}
	fields, err := fieldsOf(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		d := &rows[i]
		d.Place = d.place()
		switch {
		case !slices.Contains(registeredStates(), d.State):
			d.DueOn = date.Of(d.JointAt.UTC()).AddWorkingDays(a.levels.RegisterWorkingDays)
			d.Late = d.JointAt.Before(a.jointBefore)
		case !d.StaleSince.IsZero():
			d.DueOn = date.Of(d.StaleSince.UTC()).AddDays(a.levels.UpdateDays)
			d.Late = d.StaleSince.Before(a.changedBefore)
		}
		d.Why = d.why(s.ready(d.Cloud), fields[d.RegistrationID])
	}
	return nil
}

func (d *Deal) place() What {
	switch {
	case d.State == registration.StateBlocked, d.State == registration.StateOffRoute:
		return WhatBlocked
	case d.State == registration.StateFailed:
		return WhatFailed
	case !slices.Contains(registeredStates(), d.State):
		return WhatWaiting
	case d.Conflicts > 0:
		return WhatConflict
	case d.Refused > 0:
		return WhatRefused
	case d.Held > 0:
		return WhatLocked
	case d.Outgoing > 0:
		return WhatOutgoing
	}
	return WhatCurrent
}

func (d *Deal) why(connected bool, fields []openField) string {
	portal := d.Cloud.Portal()
	switch d.Place {
	case WhatBlocked:
		if d.State == registration.StateOffRoute {
			return d.Reason
		}
		var labels []string
		for _, f := range d.Findings {
			if f.Severity == registration.SeverityError && !slices.Contains(labels, f.Label) {
				labels = append(labels, f.Label)
			}
		}
		return "To be mended in Salesforce: " + listed(labels)
	case WhatFailed:
		return d.Error
	case WhatWaiting:
		switch {
		case !connected:
			return portal + " is not connected"
		case d.State == "":
			return "Not begun: the next look at the deal opens it"
		case d.State == registration.StateElsewhere:
			return "Registered elsewhere: " + d.Reason
		case d.State == registration.StateWithdrawn:
			return "Withdrawn: " + d.Reason
		}
		return "On its way to " + portal + ": " + strings.ToLower(d.State.Label())
	case WhatCurrent:
		return "As in " + portal
	}
	status := map[What]registration.FieldStatus{
		WhatConflict: registration.FieldConflict, WhatRefused: registration.FieldRefused, WhatLocked: registration.FieldLocked, WhatOutgoing: registration.FieldOutgoing,
	}[d.Place]
	var paths []string
	reason := ""
	for _, f := range fields {
		if f.Status == status {
			paths = append(paths, f.Path)
			if reason == "" && f.Reason != "" {
				reason = f.Reason
				if f.Until != "" {
					reason += ", " + f.Until
				}
			}
		}
	}
	if reason != "" {
		return listed(paths) + ": " + reason
	}
	return listed(paths) + " waits to be sent"
}

// listed names the first three and counts the rest.
func listed(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}
