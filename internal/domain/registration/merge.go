package registration

import (
	"slices"
	"time"
)

// Values are fields of a deal or of a portal's record: by the portal's path of
// the field, its value as JSON in one canonical form. A path that is absent has
// no value.
type Values map[string]string

// Pair is what the two sides held of one field when they were last settled:
// mostly the same, but a person may have left them different.
type Pair struct {
	Ours   string `json:"o"`
	Theirs string `json:"t"`
}

// Agreed are the settled pairs by path.
type Agreed map[string]Pair

// Owner says whose value counts when both sides changed a field.
type Owner string

// The owners. With OwnerAsk and OwnerNewest a change of one side alone goes to
// the other; OwnerOurs undoes a change of the portal's alone, OwnerTheirs never
// sends ours once the portal has a value.
const (
	OwnerOurs   Owner = "ours"
	OwnerTheirs Owner = "theirs"
	OwnerNewest Owner = "newest"
	OwnerAsk    Owner = "ask"
)

// Owners lists the owners.
func OwnerValues() []Owner { return []Owner{OwnerAsk, OwnerOurs, OwnerTheirs, OwnerNewest} }

// Valid reports whether o is one of the owners.
func (o Owner) Valid() bool { return slices.Contains(OwnerValues(), o) }

// Label is the owner in words.
func (o Owner) Label() string {
	switch o {
	case OwnerOurs:
		return "Ours wins"
	case OwnerTheirs:
		return "The partner's wins"
	case OwnerNewest:
		return "The newest wins"
	default:
		return "Ask"
	}
}

// Verdict is what the three-way merge says of one field.
type Verdict string

// The verdicts.
const (
	VerdictAgree Verdict = "agree" // both sides hold the same: that is the new base
	VerdictKeep  Verdict = "keep"  // nothing changed since the two were settled
	VerdictSend  Verdict = "send"  // ours goes to the portal
	VerdictTake  Verdict = "take"  // the portal's value is taken over
	VerdictAsk   Verdict = "ask"   // a person has to settle it
)

// Merge compares one field three ways. base is nil when the two were never
// settled; "" is no value. oursAt and theirsAt are when the sides last changed,
// for OwnerNewest; ours wins a tie.
func Merge(owner Owner, base *Pair, ours, theirs string, oursAt, theirsAt time.Time) Verdict {
	if ours == theirs {
		if base != nil && base.Ours == ours && base.Theirs == theirs {
			return VerdictKeep
		}
		return VerdictAgree
	}
	var oursChanged, theirsChanged bool
	if base != nil {
		oursChanged, theirsChanged = base.Ours != ours, base.Theirs != theirs
	} else {
		// Never settled: a side without a value did not change anything.
		oursChanged, theirsChanged = ours != "", theirs != ""
	}
	switch {
	case !oursChanged && !theirsChanged:
		return VerdictKeep
	case owner == OwnerOurs:
		return VerdictSend
	case owner == OwnerTheirs:
		if theirs == "" && !theirsChanged {
			return VerdictSend
		}
		return VerdictTake
	case !theirsChanged:
		return VerdictSend
	case !oursChanged:
		return VerdictTake
	case owner == OwnerNewest:
		if theirsAt.After(oursAt) {
			return VerdictTake
		}
		return VerdictSend
	}
	return VerdictAsk
}
