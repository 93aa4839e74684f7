package soql

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxStatement is Salesforce's bound on the length of a statement in
// characters, and maxNesting ours on parentheses and sub-selects.
const (
	maxStatement = 100_000
	maxNesting   = 100
)

// parser walks the tokens by recursive descent; the first error stops it.
type parser struct {
	src   string
	toks  []token
	at    int
	depth int
}

// Parse reads one SOQL statement as the REST API takes it: no bind variables,
// no comments, no FOR UPDATE (those are Apex). An error is always an *Error
// with the code MALFORMED_QUERY.
func Parse(src string) (*Query, error) {
	if len(src) > maxStatement && utf8.RuneCountInString(src) > maxStatement {
		return nil, &Error{Code: CodeMalformedQuery, Message: "SOQL statements cannot be longer than 100000 characters."}
	}
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, toks: toks}
	q, err := p.query(selectTop)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokenEOF {
		return nil, p.unexpected()
	}
	return q, nil
}

// selectLevel says where a SELECT stands.
type selectLevel int

const (
	selectTop   selectLevel = iota
	selectChild             // in the SELECT list
	selectSemi              // behind IN
)

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) peekAhead(n int) token {
	return p.toks[min(p.at+n, len(p.toks)-1)]
}

func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokenEOF {
		p.at++
	}
	return t
}

func (p *parser) fail(pos int, text string) *Error {
	return errorAt(CodeMalformedQuery, p.src, pos, text)
}

// unexpected complains about the next token. The end of the statement is
// reported at the last token, which is where Salesforce puts its caret.
func (p *parser) unexpected() *Error {
	t := p.peek()
	pos := t.pos
	if t.kind == tokenEOF && p.at > 0 {
		pos = p.toks[p.at-1].pos
	}
	if t.kind == tokenSymbol && t.text == ":" {
		return p.fail(pos, "Bind variables only allowed in Apex code")
	}
	return p.fail(pos, "unexpected token: '"+t.text+"'")
}

func (t token) is(word string) bool {
	return t.kind == tokenWord && len(t.text) == len(word) && strings.EqualFold(t.text, word)
}

func (t token) symbol(s string) bool { return t.kind == tokenSymbol && t.text == s }

func (p *parser) accept(word string) bool {
	if p.peek().is(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) acceptSymbol(s string) bool {
	if p.peek().symbol(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(word string) *Error {
	if !p.accept(word) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) expectSymbol(s string) *Error {
	if !p.acceptSymbol(s) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) enter() *Error {
	p.depth++
	if p.depth > maxNesting {
		return p.fail(p.peek().pos, "query is nested too deeply")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// reserved are the words that can be neither a field nor an alias.
var reserved = []string{
	"AND", "ASC", "DESC", "EXCLUDES", "FROM", "GROUP", "HAVING", "IN", "INCLUDES",
	"LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OR", "ORDER", "SELECT", "USING", "WHERE", "WITH",
}

func isReserved(word string) bool {
	return len(word) <= 8 && slices.Contains(reserved, strings.ToUpper(word))
}

// name reads a word that is not reserved.
func (p *parser) name() (token, *Error) {
	t := p.peek()
	if t.kind != tokenWord || isReserved(t.text) {
		return t, p.unexpected()
	}
	p.at++
	return t, nil
}

// path reads a.b.c; only the first part must not be reserved.
func (p *parser) path() ([]string, int, *Error) {
	t, err := p.name()
	if err != nil {
		return nil, 0, err
	}
	path := []string{t.text}
	for p.acceptSymbol(".") {
		part := p.peek()
		if part.kind != tokenWord {
			return nil, 0, p.unexpected()
		}
		p.at++
		path = append(path, part.text)
	}
	return path, t.pos, nil
}

func (p *parser) query(level selectLevel) (*Query, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	q := &Query{Text: p.src, Pos: p.peek().pos}
	if err := p.expect("SELECT"); err != nil {
		return nil, err
	}
	for {
		item, err := p.selectItem(level)
		if err != nil {
			return nil, err
		}
		q.Select = append(q.Select, item)
		if !p.acceptSymbol(",") {
			break
		}
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	for {
		item, err := p.fromItem(level)
		if err != nil {
			return nil, err
		}
		q.From = append(q.From, item)
		if level != selectTop || !p.acceptSymbol(",") {
			break
		}
	}
	for _, clause := range []func(*Query) *Error{
		p.scope, p.where, p.with, p.groupBy, p.orderBy, p.limits, p.purpose,
	} {
		if err := clause(q); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (p *parser) scope(q *Query) *Error {
	if !p.accept("USING") {
		return nil
	}
	if err := p.expect("SCOPE"); err != nil {
		return err
	}
	t, err := p.name()
	q.Scope, q.scopePos = t.text, t.pos
	return err
}

func (p *parser) with(q *Query) *Error {
	for p.peek().is("WITH") {
		p.next()
		w := With{Pos: p.peek().pos}
		switch {
		case p.accept("SECURITY_ENFORCED"), p.accept("USER_MODE"), p.accept("SYSTEM_MODE"):
			w.Kind = strings.ToUpper(p.toks[p.at-1].text)
		case p.accept("DATA"):
			if err := p.expect("CATEGORY"); err != nil {
				return err
			}
			w.Kind = "DATA CATEGORY"
			for {
				c, err := p.category()
				if err != nil {
					return err
				}
				w.Categories = append(w.Categories, c)
				if !p.accept("AND") {
					break
				}
			}
		default:
			return p.unexpected()
		}
		q.With = append(q.With, w)
	}
	return nil
}

func (p *parser) category() (Category, *Error) {
	group, err := p.name()
	if err != nil {
		return Category{}, err
	}
	c := Category{Group: group.text}
	for _, selector := range []string{"AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"} {
		if p.accept(selector) {
			c.Selector = selector
			break
		}
	}
	if c.Selector == "" {
		return c, p.unexpected()
	}
	list := p.acceptSymbol("(")
	for {
		n, err := p.name()
		if err != nil {
			return c, err
		}
		c.Names = append(c.Names, n.text)
		if !list {
			return c, nil
		}
		if !p.acceptSymbol(",") {
			return c, p.expectSymbol(")")
		}
	}
}

func (p *parser) groupBy(q *Query) *Error {
	if !p.accept("GROUP") {
		return nil
	}
	if err := p.expect("BY"); err != nil {
		return err
	}
	for _, form := range []Grouping{GroupRollup, GroupCube} {
		if p.peek().is(string(form)) && p.peekAhead(1).symbol("(") {
			q.Grouping = form
			p.at += 2
		}
	}
	for {
		e, err := p.expr()
		if err != nil {
			return err
		}
		q.GroupBy = append(q.GroupBy, e)
		if !p.acceptSymbol(",") {
			break
		}
	}
	if q.Grouping != GroupPlain {
		if err := p.expectSymbol(")"); err != nil {
			return err
		}
	}
	if p.accept("HAVING") {
		var err *Error
		q.Having, err = p.logical()
		return err
	}
	return nil
}

func (p *parser) orderBy(q *Query) *Error {
	if !p.accept("ORDER") {
		return nil
	}
	if err := p.expect("BY"); err != nil {
		return err
	}
	for {
		e, err := p.expr()
		if err != nil {
			return err
		}
		item := OrderItem{Expr: e}
		if p.accept("DESC") {
			item.Descending = true
		} else {
			p.accept("ASC")
		}
		if p.accept("NULLS") {
			first := p.accept("FIRST")
			if !first && !p.accept("LAST") {
				return p.unexpected()
			}
			item.NullsFirst = &first
		}
		q.OrderBy = append(q.OrderBy, item)
		if !p.acceptSymbol(",") {
			return nil
		}
	}
}

func (p *parser) limits(q *Query) *Error {
	var err *Error
	if p.accept("LIMIT") {
		if q.Limit, q.limitPos, err = p.count(); err != nil {
			return err
		}
	}
	if p.accept("OFFSET") {
		if q.Offset, q.offsetPos, err = p.count(); err != nil {
			return err
		}
	}
	return nil
}

// count reads a whole number that is not negative.
func (p *parser) count() (*int, int, *Error) {
	t := p.peek()
	if t.kind != tokenNumber {
		return nil, 0, p.unexpected()
	}
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 0 {
		return nil, 0, p.unexpected()
	}
	p.next()
	return &n, t.pos, nil
}

// purpose reads FOR VIEW, FOR REFERENCE, UPDATE TRACKING, UPDATE VIEWSTAT and
// ALL ROWS.
func (p *parser) purpose(q *Query) *Error {
	var err *Error
	for p.accept("FOR") {
		if q.For, err = p.words(q.For, "VIEW", "REFERENCE"); err != nil {
			return err
		}
	}
	if p.accept("UPDATE") {
		if q.Update, err = p.words(q.Update, "TRACKING", "VIEWSTAT"); err != nil {
			return err
		}
	}
	if t := p.peek(); t.is("ALL") && p.peekAhead(1).is("ROWS") {
		q.AllRows, q.allRowsPos = true, t.pos
		p.at += 2
	}
	return nil
}

// words reads a comma-separated list of the words allowed.
func (p *parser) words(out []string, allowed ...string) ([]string, *Error) {
	for {
		found := false
		for _, w := range allowed {
			if p.accept(w) {
				out = append(out, w)
				found = true
				break
			}
		}
		if !found {
			return nil, p.unexpected()
		}
		if !p.acceptSymbol(",") {
			return out, nil
		}
	}
}
