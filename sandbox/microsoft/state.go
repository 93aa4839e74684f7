package microsoft

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// referral is one record. Doc is what a reader gets, without the links and the
// @odata member, which are made for each answer.
type referral struct {
	ID        string    `json:"id"`
	Doc       doc       `json:"doc"`
	Serial    int64     `json:"serial"` // of its last change
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	VisibleAt time.Time `json:"visible_at"`
	SellerAt  time.Time `json:"seller_at"` // when the seller at Microsoft answers; zero: never by himself
}

func (f *referral) engagement() string { return f.Doc.str("engagementId") }
func (f *referral) status() string     { return f.Doc.str("status") }
func (f *referral) substatus() string  { return f.Doc.str("substatus") }

// microsoft reports whether it is the record of Microsoft's side.
func (f *referral) microsoft() bool {
	return f.Doc.str("organizationId") == partnercenter.OrgMicrosoft
}

// expires gives when a referral that waits for an answer lapses; zero when it does
// not wait.
func (f *referral) expires() time.Time {
	if f.status() != partnercenter.StatusNew {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, f.Doc.str("expirationDateTime"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// accessToken is a session for one resource.
type accessToken struct {
	Token    string    `json:"token"`
	Resource string    `json:"resource"`
	Family   string    `json:"family"`
	Expires  time.Time `json:"expires"`
}

// refreshToken keeps a person's sign-in. All that came of one sign-in are a family,
// which ends as a whole.
type refreshToken struct {
	Token  string    `json:"token"`
	Family string    `json:"family"`
	Used   time.Time `json:"used"`
	Spent  bool      `json:"spent"`
}

// state is all that the sandbox remembers.
type state struct {
	referrals map[string]*referral
	order     []string // ids in the order of their making
	access    map[string]accessToken
	refresh   map[string]*refreshToken
	revoked   map[string]bool   // families
	codes     map[string]string // of the authorization-code sign-in, to the redirect address
	hook      subscription
	tests     map[string]*validation
	serial    int64
	last      time.Time // of the last change
	minute    time.Time
	calls     int
}

func newState() *state {
	return &state{
		referrals: map[string]*referral{}, access: map[string]accessToken{}, refresh: map[string]*refreshToken{}, revoked: map[string]bool{},
		codes: map[string]string{}, tests: map[string]*validation{},
	}
}

// The kinds of the journal's lines.
const (
	kindReferral = "referral"
	kindAccess   = "access"
	kindRefresh  = "refresh"
	kindRevoked  = "revoked"
	kindHook     = "hook"
)

func (s *Server) open() error {
	take := func(kind string, raw json.RawMessage) error { return s.state.take(kind, raw) }
	if err := s.journal.Replay(take); err != nil {
		return err
	}
	if len(s.state.refresh) == 0 {
		t := refreshToken{Token: s.opt.RefreshToken, Family: "first", Used: s.opt.Clock.Now()}
		s.state.refresh[t.Token] = &t
		return s.journal.Append(kindRefresh, t)
	}
	for _, t := range s.state.refresh { // a folder keeps the sign-in that it was made with
		if t.Family == "first" && !t.Spent {
			s.opt.RefreshToken = t.Token
		}
	}
	if s.state.hook.URL != "" {
		s.startCourier(kit.CourierConfig{})
	}
	return nil
}

func (st *state) take(kind string, raw json.RawMessage) error {
	switch kind {
	case kindReferral:
		f := &referral{}
		if err := json.Unmarshal(raw, f); err != nil {
			return err
		}
		if st.referrals[f.ID] == nil {
			st.order = append(st.order, f.ID)
		}
		st.referrals[f.ID], st.serial = f, max(st.serial, f.Serial)
		if f.Updated.After(st.last) {
			st.last = f.Updated
		}
	case kindAccess:
		var t accessToken
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		st.access[t.Token] = t
	case kindRefresh:
		t := &refreshToken{}
		if err := json.Unmarshal(raw, t); err != nil {
			return err
		}
		st.refresh[t.Token] = t
	case kindRevoked:
		var family string
		if err := json.Unmarshal(raw, &family); err != nil {
			return err
		}
		st.revoked[family] = true
	case kindHook:
		return json.Unmarshal(raw, &st.hook)
	default:
		return fmt.Errorf("there is no state of kind %q", kind)
	}
	return nil
}

// tx is one call's work: what it changed is kept when it ends, and events go out
// then.
type tx struct {
	*Server
	now     time.Time
	r       *http.Request
	body    []byte
	lag     time.Duration
	entries []kit.Entry
	events  []event
}

func (x *tx) keep(kind string, v any) { x.entries = append(x.entries, kit.Entry{Kind: kind, Value: v}) }

func (x *tx) commit() error {
	if err := x.journal.AppendBatch(x.entries); err != nil {
		return err
	}
	x.offer(x.events)
	return nil
}

// put stores a referral that was made or changed. Every change has its own time, so
// that a reader who pages by it misses none.
func (x *tx) put(f *referral, event string) {
	x.state.serial++
	f.Serial = x.state.serial
	f.Updated = x.now
	if !f.Updated.After(x.state.last) {
		f.Updated = x.state.last.Add(100 * time.Nanosecond)
	}
	x.state.last = f.Updated
	f.Doc["updatedDateTime"] = stamp(f.Updated)
	f.Doc["eTag"] = fmt.Sprintf("%q", fmt.Sprintf("%08x-0000-0000-0000-%012x", f.Serial, f.Updated.UnixNano()/100&0xffffffffffff))
	if x.state.referrals[f.ID] == nil {
		x.state.order = append(x.state.order, f.ID)
	}
	x.state.referrals[f.ID] = f
	x.keep(kindReferral, *f)
	if event != "" {
		x.tell(event, f)
	}
}

// stamp writes an instant as Microsoft does, to a ten-millionth of a second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// related gives the records of an engagement, in the order of their making.
func (s *Server) related(engagement string) []*referral {
	var out []*referral
	for _, id := range s.state.order {
		if f := s.state.referrals[id]; f.engagement() == engagement {
			out = append(out, f)
		}
	}
	return out
}

// pair gives our record and Microsoft's of an engagement; either may be nil.
func (s *Server) pair(engagement string) (ours, theirs *referral) {
	for _, f := range s.related(engagement) {
		if f.microsoft() {
			theirs = f
		} else {
			ours = f
		}
	}
	return ours, theirs
}

// settle does what has become due: the seller's own answers, and the end of what
// nobody answered within its time. It needs s.mu.
func (s *Server) settle() error {
	now := s.opt.Clock.Now()
	for {
		f, at, answers := s.nextDue(now)
		if f == nil {
			return nil
		}
		x := &tx{Server: s, now: at}
		if answers {
			x.accept(f, "")
		} else {
			x.expire(f)
		}
		if err := x.commit(); err != nil {
			return err
		}
	}
}

func (s *Server) nextDue(now time.Time) (next *referral, at time.Time, answers bool) {
	for _, id := range slices.Clone(s.state.order) {
		f := s.state.referrals[id]
		if f.status() != partnercenter.StatusNew {
			continue
		}
		if e := f.expires(); !e.IsZero() && !e.After(now) && (next == nil || e.Before(at)) {
			next, at, answers = f, e, false
		}
		if !f.SellerAt.IsZero() && !f.SellerAt.After(now) && (next == nil || f.SellerAt.Before(at)) {
			next, at, answers = f, f.SellerAt, true
		}
	}
	return next, at, answers
}
