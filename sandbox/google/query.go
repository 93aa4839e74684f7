package google

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The page sizes of opportunities:query (reference).
const (
	defaultPage = 50
	maxPage     = 100
)

// queryOpportunities lists a partner's opportunities (reference,
// opportunities.query).
func queryOpportunities(x *tx, r *request) (any, *fault) {
	q := r.URL.Query()
	if f := x.ours(q); f != nil {
		return nil, f
	}
	size := defaultPage
	if s := q.Get("pageSize"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, invalid(violation{"pageSize", "must be a whole number from 0"})
		}
		if n > 0 {
			size = min(n, maxPage)
		}
	}
	terms, f := x.s.parseFilter(q.Get("filter"))
	if f != nil {
		return nil, f
	}
	less, f := x.s.parseOrder(q.Get("orderBy"))
	if f != nil {
		return nil, f
	}
	after, f := readToken(q)
	if f != nil {
		return nil, f
	}
	var list []*opportunity
	for _, o := range x.s.state.opportunities {
		if !o.VisibleAt.After(x.now) && !slices.ContainsFunc(terms, func(t term) bool { return !t.holds(o) }) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, less)
	if after >= len(list) {
		list = nil
	} else {
		list = list[after:]
	}
	out := map[string]any{}
	page := list[:min(size, len(list))]
	if len(page) < len(list) {
		out["nextPageToken"] = writeToken(q, after+len(page))
	}
	if len(page) > 0 {
		shown := make([]doc, len(page))
		for i, o := range page {
			shown[i] = x.show(o)
		}
		out["opportunities"] = shown
	}
	return out, nil
}

// digest names the parameters that must stay the same from page to page.
func digest(q url.Values) string {
	sum := sha256.Sum256([]byte(q.Get("partner") + "\n" + q.Get("filter") + "\n" + q.Get("orderBy")))
	return hex.EncodeToString(sum[:8])
}

func writeToken(q url.Values, after int) string { return digest(q) + "-" + strconv.Itoa(after) }

func readToken(q url.Values) (int, *fault) {
	token := q.Get("pageToken")
	if token == "" {
		return 0, nil
	}
	of, at, _ := strings.Cut(token, "-")
	n, err := strconv.Atoi(at)
	if err != nil || n < 0 || of != digest(q) {
		return 0, invalid(violation{"pageToken", "is invalid, or the other parameters differ from those of the call that gave it"})
	}
	return n, nil
}

// term is one comparison of a filter: AIP-160 without OR, NOT and brackets.
type term struct{ field, op, value string }

func (s *Server) parseFilter(filter string) ([]term, *fault) {
	bad := func(format string, args ...any) ([]term, *fault) {
		return nil, invalid(violation{"filter", fmt.Sprintf(format, args...)})
	}
	var out []term
	rest := strings.TrimSpace(filter)
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
		if end <= 0 {
			return bad("cannot be read at %q", rest)
		}
		t := term{field: snake(rest[:end])}
		rest = strings.TrimSpace(rest[end:])
		for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
			if strings.HasPrefix(rest, op) {
				t.op, rest = op, strings.TrimSpace(rest[len(op):])
				break
			}
		}
		if t.op == "" {
			return bad("has no comparison after %q", t.field)
		}
		if strings.HasPrefix(rest, `"`) {
			value, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return bad("has a text without its end")
			}
			rest = rest[len(value):]
			if t.value, err = strconv.Unquote(value); err != nil {
				return bad("has a text that cannot be read")
			}
		} else {
			t.value, rest, _ = strings.Cut(rest, " ")
		}
		if !slices.Contains(s.opt.FilterFields, t.field) {
			return bad("does not support the field %q", t.field)
		}
		if _, err := time.Parse(time.RFC3339Nano, t.value); strings.HasSuffix(t.field, "_time") && err != nil {
			return bad("compares %s with what is no time", t.field)
		}
		out = append(out, t)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			break
		}
		next, ok := strings.CutPrefix(rest, "AND ")
		if !ok {
			return bad("joins terms with something else than AND")
		}
		rest = strings.TrimSpace(next)
	}
	return out, nil
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// holds reports whether an opportunity meets the term.
func (t term) holds(o *opportunity) bool {
	c := strings.Compare(o.Doc.str(camel(t.field)), t.value)
	if strings.HasSuffix(t.field, "_time") {
		at, _ := time.Parse(time.RFC3339Nano, o.Doc.str(camel(t.field)))
		than, _ := time.Parse(time.RFC3339Nano, t.value) // parseFilter saw that it is one
		c = at.Compare(than)
	}
	switch t.op {
	case "=":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// parseOrder reads one field with an optional desc; the id settles what is equal.
func (s *Server) parseOrder(orderBy string) (func(a, b *opportunity) int, *fault) {
	field, dir, _ := strings.Cut(strings.TrimSpace(orderBy), " ")
	field = snake(field)
	if orderBy != "" && (!slices.Contains(s.opt.FilterFields, field) || dir != "" && dir != "desc" && dir != "asc") {
		return nil, invalid(violation{"orderBy", fmt.Sprintf("does not support %q", orderBy)})
	}
	return func(a, b *opportunity) int {
		c := 0
		if field != "" {
			c = strings.Compare(a.Doc.str(camel(field)), b.Doc.str(camel(field)))
		}
		if c == 0 {
			c = int(a.ID - b.ID)
		}
		if dir == "desc" {
			return -c
		}
		return c
	}, nil
}
