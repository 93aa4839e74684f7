package soql

func (p *parser) selectItem(level selectLevel) (SelectItem, *Error) {
	t := p.peek()
	item := SelectItem{Pos: t.pos}
	var err *Error
	switch {
	case t.symbol("("):
		if level == selectSemi {
			return item, p.unexpected()
		}
		p.next()
		if item.Sub, err = p.query(selectChild); err != nil {
			return item, err
		}
		return item, p.expectSymbol(")")
	case t.is("TYPEOF") && p.peekAhead(1).kind == tokenWord && !p.peekAhead(1).is("FROM"):
		if level == selectSemi {
			return item, p.fail(t.pos, "TYPEOF is not allowed in this kind of sub-select")
		}
		item.TypeOf, err = p.typeOf()
		return item, err
	case t.is("FIELDS") && p.peekAhead(1).symbol("("):
		p.at += 2
		for _, set := range []string{"ALL", "STANDARD", "CUSTOM"} {
			if p.accept(set) {
				item.Fields = set
				return item, p.expectSymbol(")")
			}
		}
		return item, p.unexpected()
	}
	if item.Expr, err = p.expr(); err != nil {
		return item, err
	}
	after := p.peek()
	isCount := item.Expr.Func == "COUNT" && len(item.Expr.Args) == 0
	if after.kind == tokenWord && !isReserved(after.text) && !isCount {
		item.Alias = p.next().text
	}
	return item, nil
}

func (p *parser) typeOf() (*TypeOf, *Error) {
	t := &TypeOf{Pos: p.next().pos}
	var err *Error
	if t.Path, _, err = p.path(); err != nil {
		return nil, err
	}
	for p.accept("WHEN") {
		object, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.expect("THEN"); err != nil {
			return nil, err
		}
		fields, err := p.typeOfFields()
		if err != nil {
			return nil, err
		}
		t.Whens = append(t.Whens, TypeOfWhen{Pos: object.pos, Object: object.text, Fields: fields})
	}
	if len(t.Whens) == 0 {
		return nil, p.unexpected()
	}
	if p.accept("ELSE") {
		if t.Else, err = p.typeOfFields(); err != nil {
			return nil, err
		}
	}
	return t, p.expect("END")
}

func (p *parser) typeOfFields() ([]*Expr, *Error) {
	var out []*Expr
	for {
		if p.peek().is("FIELDS") && p.peekAhead(1).symbol("(") {
			return nil, p.unexpected()
		}
		path, pos, err := p.path()
		if err != nil {
			return nil, err
		}
		out = append(out, &Expr{Pos: pos, Path: path})
		if !p.acceptSymbol(",") {
			return out, nil
		}
	}
}

// fromItem reads an object or relationship with its alias. GROUP and ORDER are
// objects as well as words.
func (p *parser) fromItem(level selectLevel) (FromItem, *Error) {
	t := p.peek()
	item := FromItem{Pos: t.pos}
	if t.kind == tokenWord && (t.is("GROUP") || t.is("ORDER")) {
		p.next()
		item.Path = []string{t.text}
	} else {
		path, _, err := p.path()
		if err != nil {
			return item, err
		}
		item.Path = path
	}
	if p.accept("AS") {
		alias, err := p.name()
		if err != nil {
			return item, err
		}
		item.Alias = alias.text
		return item, nil
	}
	if p.startsAlias(level) {
		item.Alias = p.next().text
	}
	return item, nil
}

// startsAlias tells an alias from the clause words that are not reserved.
func (p *parser) startsAlias(level selectLevel) bool {
	t, after := p.peek(), p.peekAhead(1)
	switch {
	case t.kind != tokenWord || isReserved(t.text) || t.is("FOR") || t.is("BIND"):
		return false
	case t.is("OFFSET"):
		return after.kind == tokenEOF || level != selectTop && after.symbol(")")
	case t.is("UPDATE"):
		return !after.is("TRACKING") && !after.is("VIEWSTAT")
	case t.is("ALL"):
		return !after.is("ROWS")
	}
	return true
}
