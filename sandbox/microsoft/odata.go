package microsoft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// filterable are the members that $filter takes (partner-rest, get-a-list), beside
// team/any(…) on an e-mail address.
var filterable = []string{
	"engagementId", "status", "substatus", "qualification", "direction", "customerProfile/address/country", "updatedDateTime", "createdDateTime",
}

// condition says whether a record is wanted.
type condition func(d doc) bool

// parseFilter reads the part of OData's $filter that the service takes: eq, ne, gt,
// ge, lt and le on the members above, with and, or, not and parentheses.
func parseFilter(s string) (condition, error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := &filterParser{tokens: tokens}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != "" {
		return nil, fmt.Errorf("syntax error at %q", p.peek())
	}
	return c, nil
}

// lex splits a filter into names, literals in quotes, and brackets.
func lex(s string) ([]string, error) {
	var out []string
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ':
			i++
		case '(', ')', ':':
			out = append(out, string(c))
			i++
		case '\'':
			var b strings.Builder
			j := i + 1
			for ; ; j++ {
				if j >= len(s) {
					return nil, errors.New("a text has no end")
				}
				if s[j] != '\'' {
					b.WriteByte(s[j])
					continue
				}
				if j+1 < len(s) && s[j+1] == '\'' {
					b.WriteByte('\'')
					j++
					continue
				}
				break
			}
			out = append(out, "'"+b.String())
			i = j + 1
		default:
			j := i
			for j < len(s) && !strings.ContainsRune(" ()'", rune(s[j])) && (s[j] != ':' || unicode.IsDigit(rune(s[max(j-1, 0)]))) {
				j++
			}
			if j == i {
				return nil, fmt.Errorf("syntax error at %q", s[i:])
			}
			out = append(out, s[i:j])
			i = j
		}
	}
	return out, nil
}

type filterParser struct {
	tokens []string
}

func (p *filterParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *filterParser) next() string {
	t := p.peek()
	if t != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *filterParser) or() (condition, error) {
	return p.chain("or", p.and, func(a, b condition) condition { return func(d doc) bool { return a(d) || b(d) } })
}

func (p *filterParser) and() (condition, error) {
	return p.chain("and", p.unary, func(a, b condition) condition { return func(d doc) bool { return a(d) && b(d) } })
}

func (p *filterParser) chain(word string, part func() (condition, error), join func(a, b condition) condition) (condition, error) {
	left, err := part()
	for err == nil && p.peek() == word {
		p.next()
		var right condition
		if right, err = part(); err == nil {
			left = join(left, right)
		}
	}
	return left, err
}

func (p *filterParser) unary() (condition, error) {
	switch p.peek() {
	case "not":
		p.next()
		c, err := p.unary()
		return func(d doc) bool { return !c(d) }, err
	case "(":
		p.next()
		c, err := p.or()
		if err == nil && p.next() != ")" {
			err = errors.New("a bracket is not closed")
		}
		return c, err
	case "team/any":
		return p.any()
	}
	return p.comparison()
}

// any reads team/any(t: t/email eq 'jo@isv.example').
func (p *filterParser) any() (condition, error) {
	p.next()
	if p.next() != "(" {
		return nil, errors.New("any needs a bracket")
	}
	name := p.next()
	if p.next() != ":" {
		return nil, errors.New("any needs the name of its element and a colon")
	}
	if p.next() != name+"/email" || p.next() != "eq" {
		return nil, errors.New("within team/any, only the e-mail address can be compared, with eq")
	}
	want, ok := strings.CutPrefix(p.next(), "'")
	if !ok || p.next() != ")" {
		return nil, errors.New("any needs a text and a closing bracket")
	}
	return func(d doc) bool {
		return slices.ContainsFunc(d.list("team"), func(m any) bool {
			member, _ := m.(map[string]any)
			mail, _ := member["email"].(string)
			return strings.EqualFold(mail, want)
		})
	}, nil
}

func (p *filterParser) comparison() (condition, error) {
	member, operator, literal := p.next(), p.next(), p.next()
	if !slices.Contains(filterable, member) {
		return nil, fmt.Errorf("%q cannot be filtered on", member)
	}
	holds, ok := map[string]func(int) bool{
		"eq": func(n int) bool { return n == 0 }, "ne": func(n int) bool { return n != 0 }, "gt": func(n int) bool { return n > 0 },
		"ge": func(n int) bool { return n >= 0 }, "lt": func(n int) bool { return n < 0 }, "le": func(n int) bool { return n <= 0 },
	}[operator]
	if !ok {
		return nil, fmt.Errorf("%q is no operator", operator)
	}
	path := strings.ReplaceAll(member, "/", ".")
	if strings.HasSuffix(member, "DateTime") {
		want, err := time.Parse(time.RFC3339Nano, literal)
		if err != nil {
			return nil, fmt.Errorf("%q is no instant", literal)
		}
		return func(d doc) bool {
			have, err := time.Parse(time.RFC3339Nano, d.str(path))
			return err == nil && holds(have.Compare(want))
		}, nil
	}
	want, ok := strings.CutPrefix(literal, "'")
	if !ok {
		return nil, fmt.Errorf("%s is compared with a text in single quotes, not with %q", member, literal)
	}
	return func(d doc) bool { return holds(cmp.Compare(d.str(path), want)) }, nil
}

// order reads $orderby: createdDateTime or updatedDateTime, asc or desc.
func order(s string) (func(a, b *referral) int, error) {
	if s == "" {
		s = "createdDateTime desc"
	}
	member, way, _ := strings.Cut(s, " ")
	sign := 1
	switch way {
	case "", "asc":
	case "desc":
		sign = -1
	default:
		return nil, fmt.Errorf("%q is neither asc nor desc", way)
	}
	switch member {
	case "createdDateTime":
		return func(a, b *referral) int { return sign * cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) }, nil
	case "updatedDateTime":
		return func(a, b *referral) int { return sign * cmp.Or(a.Updated.Compare(b.Updated), cmp.Compare(a.ID, b.ID)) }, nil
	}
	return nil, fmt.Errorf("the list cannot be ordered by %q", member)
}
