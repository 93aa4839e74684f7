package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tx is one request's (or one due event's) view of the state and the changes
// it makes. Nothing is seen by others until commit.
type tx struct {
	s   *Server
	now time.Time // the sandbox's time, in milliseconds
	out change
}

func (s *Server) begin(now time.Time) *tx {
	return &tx{s: s, now: now.UTC().Truncate(time.Millisecond), out: change{Seq: s.state.seq}}
}

// commit writes the changes to the journal, then lets them be seen.
func (x *tx) commit() error {
	c := &x.out
	if len(c.Opportunities)+len(c.Tasks)+len(c.Entities)+len(c.Replays)+len(c.Tags)+len(c.Events)+
		len(c.Engagements)+len(c.Invitations)+len(c.Snapshots)+len(c.Jobs)+len(c.Prospectings)+len(c.Settings) == 0 {
		return nil
	}
	if err := x.s.journal.Append(journalKind, c); err != nil {
		return err
	}
	x.s.state.apply(c)
	x.s.offer(c.Events)
	return nil
}

// find gives a copy of an opportunity that the caller may change and put.
func (x *tx) find(catalog, id string) (*opportunity, *fault) {
	o := x.s.state.opportunities[id]
	if o == nil || o.Catalog != catalog {
		return nil, notFound("Opportunity", id)
	}
	dup := *o
	return &dup, nil
}

// findVisible is find for reads, which see a new record only after the lag.
func (x *tx) findVisible(catalog, id string) (*opportunity, *fault) {
	o, f := x.find(catalog, id)
	if f == nil && o.VisibleAt.After(x.now) {
		return nil, notFound("Opportunity", id)
	}
	return o, f
}

// touch gives the opportunity a new LastModifiedDate, which always grows by a
// millisecond at least: clients compare at that precision.
func (x *tx) touch(o *opportunity) {
	next := x.now
	if !next.After(o.Modified) {
		next = o.Modified.Add(time.Millisecond)
	}
	o.Modified = next
}

// put stages an opportunity that was changed.
func (x *tx) put(o *opportunity) {
	x.out.Opportunities = slices.DeleteFunc(x.out.Opportunities, func(p *opportunity) bool { return p.ID == o.ID })
	x.out.Opportunities = append(x.out.Opportunities, o)
}

func (x *tx) next() int64 {
	x.out.Seq++
	return x.out.Seq
}

// newID makes an id such as eng-… with n characters of [0-9a-z], which depends
// only on how many were made before.
func (x *tx) newID(prefix string, n int) string {
	sum := sha256.Sum256([]byte(prefix + "/" + x.s.opt.AccountID + "/" + strconv.FormatInt(x.next(), 10)))
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	return prefix + text[len(text)-n:]
}

func (x *tx) newOpportunityID() string { return "O" + strconv.FormatInt(1_000_000+x.next(), 10) }

func (x *tx) newUUID() string {
	h := sha256.Sum256([]byte("event/" + x.s.opt.AccountID + "/" + strconv.FormatInt(x.next(), 10)))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// arn gives arn:aws:partnercentral:region:account:catalog/Catalog/kind/id.
// Engagements, their tasks and invitations have no account in theirs.
func (x *tx) arn(catalog, kind, id string) string {
	account := x.s.opt.AccountID
	if strings.HasPrefix(kind, "engagement") || strings.HasSuffix(kind, "-task") {
		account = ""
	}
	return "arn:aws:partnercentral:" + x.s.opt.Region + ":" + account + ":catalog/" + catalog + "/" + kind + "/" + id
}

// repeat looks a client token up. It gives the stored answer when the token was
// used for the same request, a ConflictException when for another, and nil when
// it is new; then keep stores the answer.
func (x *tx) repeat(operation string, in doc) (*replay, replay, *fault) {
	digest, err := json.Marshal(in)
	if err != nil {
		return nil, replay{}, internal()
	}
	sum := sha256.Sum256(digest)
	fresh := replay{Key: operation + "/" + in.str("Catalog") + "/" + in.str("ClientToken"), Digest: hex.EncodeToString(sum[:])}
	old, ok := x.s.state.replays[fresh.Key]
	if !ok {
		return nil, fresh, nil
	}
	if old.Digest != fresh.Digest {
		return nil, fresh, conflict("Conflicting client token submitted for a new request body.")
	}
	return &old, fresh, nil
}

// once does a call with a client token: do runs at the token's first use, later
// uses get the same answer.
func (x *tx) once(operation string, in doc, do func() (doc, *fault)) (doc, *fault) {
	old, fresh, f := x.repeat(operation, in)
	if f != nil {
		return nil, f
	}
	if old != nil {
		var answer doc
		if err := json.Unmarshal(old.Answer, &answer); err != nil {
			return nil, internal()
		}
		return answer, nil
	}
	answer, f := do()
	if f != nil {
		return nil, f
	}
	x.keep(fresh, answer)
	return answer, nil
}

func (x *tx) keep(r replay, answer doc) {
	if answer != nil {
		raw, err := json.Marshal(answer)
		if err != nil {
			return
		}
		r.Answer = raw
	}
	x.out.Replays = append(x.out.Replays, r)
}

// stamp prints a time as the service does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
