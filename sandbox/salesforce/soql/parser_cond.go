package soql

import (
	"strconv"
	"strings"
	"time"
)

func (p *parser) where(q *Query) *Error {
	if !p.accept("WHERE") {
		return nil
	}
	var err *Error
	q.Where, err = p.logical()
	return err
}

// logical reads NOT x, x AND y …, or x OR y …; mixing AND and OR, or anything
// after NOT x, needs parentheses.
func (p *parser) logical() (Condition, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.accept("NOT") {
		term, err := p.term()
		if err != nil {
			return nil, err
		}
		return &Not{Term: term}, nil
	}
	first, err := p.term()
	if err != nil {
		return nil, err
	}
	word := ""
	switch {
	case p.peek().is("AND"):
		word = "AND"
	case p.peek().is("OR"):
		word = "OR"
	default:
		return first, nil
	}
	terms := []Condition{first}
	for p.accept(word) {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	if word == "AND" {
		return &And{Terms: terms}, nil
	}
	return &Or{Terms: terms}, nil
}

func (p *parser) term() (Condition, *Error) {
	if p.acceptSymbol("(") {
		c, err := p.logical()
		if err != nil {
			return nil, err
		}
		return c, p.expectSymbol(")")
	}
	return p.compare()
}

func (p *parser) compare() (Condition, *Error) {
	left, err := p.expr()
	if err != nil {
		return nil, err
	}
	c := &Compare{Left: left}
	t := p.peek()
	switch {
	case t.kind == tokenSymbol && strings.Contains(" = != <> < <= > >= ", " "+t.text+" "):
		p.next()
		c.Op = Operator(t.text)
		if c.Op == "<>" {
			c.Op = OpNotEqual
		}
	case p.accept("LIKE"):
		c.Op = OpLike
	case p.accept("IN"):
		c.Op = OpIn
	case t.is("NOT") && p.peekAhead(1).is("IN"):
		p.at += 2
		c.Op = OpNotIn
	case p.accept("INCLUDES"):
		c.Op = OpIncludes
	case p.accept("EXCLUDES"):
		c.Op = OpExcludes
	default:
		return nil, p.unexpected()
	}
	switch c.Op {
	case OpIn, OpNotIn, OpIncludes, OpExcludes:
		return c, p.list(c)
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	if c.Op == OpLike && v.Kind != LiteralString && v.Kind != LiteralNull {
		return nil, p.fail(v.Pos, "unexpected token: '"+p.toks[p.at-1].text+"'")
	}
	c.Values = []Literal{v}
	return c, nil
}

// list reads what follows IN, NOT IN, INCLUDES and EXCLUDES.
func (p *parser) list(c *Compare) *Error {
	if err := p.expectSymbol("("); err != nil {
		return err
	}
	if p.peek().is("SELECT") && (c.Op == OpIn || c.Op == OpNotIn) {
		sub, err := p.query(selectSemi)
		if err != nil {
			return err
		}
		c.Sub = sub
		return p.expectSymbol(")")
	}
	for {
		v, err := p.literal()
		if err != nil {
			return err
		}
		c.Values = append(c.Values, v)
		if !p.acceptSymbol(",") {
			return p.expectSymbol(")")
		}
	}
}

func (p *parser) literal() (Literal, *Error) {
	t := p.peek()
	v := Literal{Pos: t.pos}
	switch t.kind {
	case tokenString:
		p.next()
		v.Kind, v.Raw, v.Text = LiteralString, t.text, unquote(t.text)
		return v, nil
	case tokenNumber:
		n, isInt, ok := number(t.text)
		if !ok {
			return v, p.unexpected()
		}
		p.next()
		v.Kind, v.Number, v.Text = LiteralFloat, n, t.text
		if isInt {
			v.Kind = LiteralInt
		}
		return v, nil
	case tokenDate:
		if _, err := time.Parse(time.DateOnly, t.text); err != nil {
			return v, p.fail(t.pos, "Invalid date: "+t.text)
		}
		p.next()
		v.Kind, v.Text = LiteralDate, t.text
		return v, nil
	case tokenDateTime:
		at, ok := parseDateTime(t.text)
		if !ok {
			return v, p.fail(t.pos, "Invalid dateTime: "+t.text)
		}
		p.next()
		v.Kind, v.Text, v.Millis = LiteralDateTime, t.text, at.UnixMilli()
		return v, nil
	case tokenWord:
		return p.wordLiteral(v)
	}
	return v, p.unexpected()
}

func (p *parser) wordLiteral(v Literal) (Literal, *Error) {
	t := p.peek()
	switch {
	case p.accept("NULL"):
		return v, nil
	case p.accept("TRUE"):
		v.Kind, v.Bool = LiteralBool, true
		return v, nil
	case p.accept("FALSE"):
		v.Kind = LiteralBool
		return v, nil
	}
	name := strings.ToUpper(t.text)
	if r, ok := dateRanges[name]; ok {
		v.Kind, v.Text = LiteralRange, name
		if !r.counted {
			p.next()
			return v, nil
		}
		if !p.peekAhead(1).symbol(":") {
			return v, p.unexpected()
		}
		p.at += 2
		n, _, err := p.count()
		if err != nil {
			return v, err
		}
		v.N = *n
		return v, nil
	}
	return p.currency(v)
}

// currency reads USD5000, USD5000.01 and USD-500.
func (p *parser) currency(v Literal) (Literal, *Error) {
	t := p.peek()
	if len(t.text) < 3 || !isLetter(t.text[0]) || !isLetter(t.text[1]) || !isLetter(t.text[2]) {
		return v, p.unexpected()
	}
	end := t.end
	used := 1
	if dot, more := p.peekAhead(1), p.peekAhead(2); len(t.text) > 3 && dot.symbol(".") && dot.pos == end && more.kind == tokenNumber && more.pos == dot.end {
		end, used = more.end, 3
	} else if signed := p.peekAhead(1); len(t.text) == 3 && signed.kind == tokenNumber && signed.pos == end && signed.text[0] == '-' {
		end, used = signed.end, 2
	}
	n, _, ok := number(p.src[t.pos+3 : end])
	if !ok {
		return v, p.unexpected()
	}
	p.at += used
	v.Kind, v.Currency, v.Number = LiteralCurrency, strings.ToUpper(t.text[:3]), n
	return v, nil
}

// number reads a decimal number: digits with an optional sign, fraction and
// exponent.
func number(s string) (n float64, isInt, ok bool) {
	if s == "" || strings.ContainsAny(s, "xX_pPiInN") {
		return 0, false, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, !strings.ContainsAny(s, ".eE"), err == nil
}

// parseDateTime reads an ISO 8601 date-time with a zone; fractions beyond
// nanoseconds are cut.
func parseDateTime(s string) (time.Time, bool) {
	head, rest := s[:19], s[19:]
	fraction := ""
	if rest[0] == '.' {
		end := skipDigits(rest, 1)
		fraction, rest = rest[:min(end, 10)], rest[end:]
	}
	zone := strings.ToUpper(rest)
	if len(zone) == 5 {
		zone = zone[:3] + ":" + zone[3:]
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(head)+fraction+zone)
	return at, err == nil
}

// function says how a function of SOQL may be called.
type function struct{ minArgs, maxArgs int }

var functions = map[string]function{
	"COUNT": {0, 1}, "COUNT_DISTINCT": {1, 1}, "SUM": {1, 1}, "AVG": {1, 1}, "MIN": {1, 1}, "MAX": {1, 1},
	"GROUPING": {1, 1}, "FORMAT": {1, 1}, "TOLABEL": {1, 1}, "CONVERTCURRENCY": {1, 1}, "CONVERTTIMEZONE": {1, 1},
	"CALENDAR_MONTH": {1, 1}, "CALENDAR_QUARTER": {1, 1}, "CALENDAR_YEAR": {1, 1},
	"DAY_IN_MONTH": {1, 1}, "DAY_IN_WEEK": {1, 1}, "DAY_IN_YEAR": {1, 1}, "DAY_ONLY": {1, 1},
	"FISCAL_MONTH": {1, 1}, "FISCAL_QUARTER": {1, 1}, "FISCAL_YEAR": {1, 1},
	"HOUR_IN_DAY": {1, 1}, "WEEK_IN_MONTH": {1, 1}, "WEEK_IN_YEAR": {1, 1},
}

// expr reads a field path or a function call.
func (p *parser) expr() (*Expr, *Error) {
	t := p.peek()
	if t.kind != tokenWord || !p.peekAhead(1).symbol("(") || isReserved(t.text) {
		path, pos, err := p.path()
		if err != nil {
			return nil, err
		}
		return &Expr{Pos: pos, Path: path}, nil
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	name := strings.ToUpper(t.text)
	e := &Expr{Pos: t.pos, Func: name}
	if name == "DISTANCE" {
		p.at += 2
		return e, p.distance(e)
	}
	f, ok := functions[name]
	if !ok {
		return nil, p.unexpected()
	}
	p.at += 2
	for !p.peek().symbol(")") || len(e.Args) < f.minArgs {
		if len(e.Args) >= f.maxArgs {
			return nil, p.unexpected()
		}
		arg, err := p.expr()
		if err != nil {
			return nil, err
		}
		e.Args = append(e.Args, arg)
		if len(e.Args) < f.maxArgs && !p.peek().symbol(")") {
			if err := p.expectSymbol(","); err != nil {
				return nil, err
			}
		}
	}
	return e, p.expectSymbol(")")
}

// distance reads the rest of DISTANCE(field, GEOLOCATION(1.5, -2), 'mi').
func (p *parser) distance(e *Expr) *Error {
	path, pos, err := p.path()
	if err != nil {
		return err
	}
	e.Args = []*Expr{{Pos: pos, Path: path}}
	if err := p.expectSymbol(","); err != nil {
		return err
	}
	if err := p.expect("GEOLOCATION"); err != nil {
		return err
	}
	g := &Geo{}
	for i, open := range []string{"(", ","} {
		if err := p.expectSymbol(open); err != nil {
			return err
		}
		n, _, ok := number(p.peek().text)
		if p.peek().kind != tokenNumber || !ok {
			return p.unexpected()
		}
		p.next()
		if i == 0 {
			g.Latitude = n
		} else {
			g.Longitude = n
		}
	}
	for _, s := range []string{")", ","} {
		if err := p.expectSymbol(s); err != nil {
			return err
		}
	}
	t := p.peek()
	g.Unit = strings.ToLower(t.text)
	if t.kind != tokenString || g.Unit != "mi" && g.Unit != "km" {
		return p.unexpected()
	}
	p.next()
	e.Geo = g
	return p.expectSymbol(")")
}
