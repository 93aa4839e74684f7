package google

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// A field's value in Tandem is a JSON text whatever Google's form of it: a day
// "2027-03-31", an amount "USD 120000.50", a number "12", a yes "yes" (a no is no
// value). Lists are lists, and the contact is Google's own structure.
const yes = "yes"

// valueOf gives Tandem's form of a member of a record; "" for none.
func valueOf(kind googlecosell.Kind, v any) string {
	text := func(s string) string {
		if s == "" {
			return ""
		}
		b, err := json.Marshal(s)
		if err != nil {
			return ""
		}
		return string(b)
	}
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return text(x)
	case json.Number:
		return text(x.String())
	case bool:
		if x {
			return text(yes)
		}
		return ""
	case []any:
		if len(x) == 0 {
			return ""
		}
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
		switch kind {
		case googlecosell.KindDate:
			var d Date
			if fromTree(x, &d) == nil && d != (Date{}) {
				return text(d.Text())
			}
			return ""
		case googlecosell.KindMoney:
			var m Money
			if fromTree(x, &m) == nil {
				return text(m.Text())
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// memberOf gives Google's form of a value; nil for none.
func memberOf(kind googlecosell.Kind, value string) (any, error) {
	if value == "" {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return nil, err
	}
	s, isText := v.(string)
	if !isText {
		return v, nil
	}
	switch kind {
	case googlecosell.KindBool:
		return s == yes, nil
	case googlecosell.KindInt:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		return s, nil
	case googlecosell.KindDate:
		d, err := date.Parse(s)
		if err != nil {
			return nil, err
		}
		return DateOf(d), nil
	case googlecosell.KindMoney:
		return parseMoney(s)
	}
	return s, nil
}

var moneyText = regexp.MustCompile(`^([A-Za-z]{3})\s*(-?\d{1,15})(?:\.(\d{1,9}))?$`)

// parseMoney reads "USD 120000.50".
func parseMoney(s string) (*Money, error) {
	m := moneyText.FindStringSubmatch(strings.ReplaceAll(strings.TrimSpace(s), ",", ""))
	if m == nil {
		return nil, problem.Invalid("value", "malformed", "Write the amount with its currency, as USD 120000.50")
	}
	whole, ok := new(big.Int).SetString(m[2], 10)
	nanos, err := strconv.ParseInt((m[3] + "000000000")[:9], 10, 32)
	if !ok || err != nil {
		return nil, problem.Invalid("value", "malformed", "Write the amount with its currency, as USD 120000.50")
	}
	if strings.HasPrefix(m[2], "-") {
		nanos = -nanos
	}
	return &Money{CurrencyCode: strings.ToUpper(m[1]), Units: whole.String(), Nanos: int32(nanos)}, nil
}

func fromTree(tree, out any) error {
	raw, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// at gives the value at a dotted path of a tree, or nil.
func at(tree map[string]any, path string) any {
	var v any = tree
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// set puts a value at a dotted path; nil removes what is there.
func set(tree map[string]any, path string, v any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			if v == nil {
				return
			}
			inner = map[string]any{}
			tree[name] = inner
		}
		tree = inner
	}
	last := names[len(names)-1]
	if v == nil {
		delete(tree, last)
		return
	}
	tree[last] = v
}

// notKept are fields that are not kept true after the registration: what never
// changes, and how a deal is said to be over, which stands within the stage.
var notKept = map[string]bool{googlecosell.PathLegal: true, googlecosell.PathOurID: true, googlecosell.PathReady: true}

// valuesOf gives the values of a record.
func valuesOf(o *Opportunity) (registration.Values, error) {
	tree, err := treeOf(o)
	if err != nil {
		return nil, err
	}
	out := registration.Values{}
	for _, f := range googlecosell.Fields() {
		if v := valueOf(f.Kind, at(tree, f.Path)); v != "" && !notKept[f.Path] {
			out[f.Path] = v
		}
	}
	out[googlecosell.PathStage] = strconv.Quote(stageIn(o))
	return out, nil
}

// stageIn is where the deal stands: what Google closed it with, else what we said it
// is ready to be closed with, else its stage, which begins with the first.
func stageIn(o *Opportunity) string {
	switch {
	case isClosed(o.Stage):
		return o.Stage
	case o.SalesCycle != nil && o.SalesCycle.PartnerReadyToClose != "":
		return o.SalesCycle.PartnerReadyToClose
	case o.Stage == "":
		return googlecosell.StageQualify
	}
	return o.Stage
}

func isClosed(stage string) bool {
	return stage == googlecosell.StageMigration || stage == googlecosell.StageClosedLost || stage == googlecosell.StageClosedAdmin
}

// change makes of changed values what Patch needs: the mask and the fields. A stage
// that ends the deal goes where a partner may say so.
func change(changes registration.Values) ([]string, map[string]any, error) {
	var mask []string
	tree := map[string]any{}
	for _, f := range googlecosell.Fields() {
		value, ok := changes[f.Path]
		if !ok {
			continue
		}
		v, err := memberOf(f.Kind, value)
		if err != nil {
			return nil, nil, problem.Invalid(f.Path, "malformed", fmt.Sprintf("%s: %v", f.Label, err))
		}
		path := f.Path
		if s, _ := v.(string); path == googlecosell.PathStage && isClosed(s) {
			path = googlecosell.PathReady
		}
		mask = append(mask, path)
		set(tree, path, v)
	}
	return mask, tree, nil
}
