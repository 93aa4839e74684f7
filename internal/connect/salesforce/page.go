package salesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A page keeps the answer's bytes and an index of where each record's fields
// lie. 2,000 records of 25 fields cost three allocations, not 100,000, and a
// field is decoded only when it is asked for.
type page struct {
	buf     []byte
	total   int
	asked   time.Time // Salesforce's time, zero when not told
	done    bool
	next    string // nextRecordsUrl, "" at the end
	records []extent
	fields  []field
}

// extent is one record: its bytes and its part of the page's fields.
type extent struct{ from, to, firstField, endField uint32 }

// field is one member of a record: the bytes of its name (without quotes) and
// of its value.
type field struct{ nameFrom, nameTo, from, to uint32 }

// parsePage reads a query answer. recordsHint is how many records to expect.
func parsePage(buf []byte, recordsHint, fieldsHint int) (*page, error) {
	if len(buf) > maxBody {
		return nil, fmt.Errorf("a page of more than %d bytes", maxBody)
	}
	if !json.Valid(buf) {
		return nil, errors.New("not JSON")
	}
	return indexPage(buf, 0, recordsHint, fieldsHint)
}

// indexPage indexes the query answer that begins at buf[at:], which is valid
// JSON. A child sub-select has the same shape inside its parent's record.
func indexPage(buf []byte, at, recordsHint, fieldsHint int) (*page, error) {
	p := &page{buf: buf}
	at = skipSpace(buf, at)
	if at >= len(buf) || buf[at] != '{' {
		return nil, errors.New("not an object")
	}
	var sawRecords, sawDone bool
	var fault error
	members(buf, at, func(f field) bool {
		value := buf[f.from:f.to]
		switch string(buf[f.nameFrom:f.nameTo]) {
		case "totalSize":
			p.total, fault = strconv.Atoi(string(value))
		case "done":
			sawDone = true
			p.done = string(value) == "true"
		case "nextRecordsUrl":
			p.next = text(value)
		case "records":
			if sawRecords = value[0] == '['; sawRecords {
				fault = p.indexRecords(int(f.from), recordsHint, fieldsHint)
			}
		}
		return fault == nil
	})
	switch {
	case fault != nil:
		return nil, fault
	case !sawRecords || !sawDone:
		return nil, errors.New("not a query result: no records")
	case !p.done && p.next == "":
		return nil, errors.New("a query result that is not done but names no next page")
	}
	if p.done {
		p.next = ""
	}
	return p, nil
}

func (p *page) indexRecords(at, recordsHint, fieldsHint int) error {
	p.records = make([]extent, 0, recordsHint)
	p.fields = make([]field, 0, fieldsHint)
	at = skipSpace(p.buf, at+1)
	for p.buf[at] != ']' {
		if p.buf[at] != '{' {
			return fmt.Errorf("record %d is not an object", len(p.records)+1)
		}
		first := len(p.fields)
		end := members(p.buf, at, func(f field) bool {
			p.fields = append(p.fields, f)
			return true
		})
		p.records = append(p.records, extent{uint32(at), uint32(end), uint32(first), uint32(len(p.fields))})
		at = skipSpace(p.buf, end)
		if p.buf[at] == ',' {
			at = skipSpace(p.buf, at+1)
		}
	}
	return nil
}

// record gives the i-th record.
func (p *page) record(i int) Record {
	e := p.records[i]
	return Record{buf: p.buf, from: e.from, to: e.to, fields: p.fields[e.firstField:e.endField:e.endField]}
}

// The scanners below run over bytes that json.Valid has accepted.

// members calls each for the members of the object at buf[at] and gives the
// place after its closing brace, or where it was when each said stop.
func members(buf []byte, at int, each func(field) bool) int {
	at = skipSpace(buf, at+1)
	for buf[at] != '}' {
		var f field
		f.nameFrom = uint32(at + 1)
		at = skipString(buf, at)
		f.nameTo = uint32(at - 1)
		at = skipSpace(buf, at)   // ':'
		at = skipSpace(buf, at+1) // value
		f.from = uint32(at)
		at = skipValue(buf, at)
		f.to = uint32(at)
		if !each(f) {
			return at
		}
		at = skipSpace(buf, at)
		if buf[at] == ',' {
			at = skipSpace(buf, at+1)
		}
	}
	return at + 1
}

func skipSpace(buf []byte, at int) int {
	for at < len(buf) && (buf[at] == ' ' || buf[at] == '\n' || buf[at] == '\t' || buf[at] == '\r') {
		at++
	}
	return at
}

// skipString gives the place after the closing quote of the string at buf[at].
func skipString(buf []byte, at int) int {
	at++
	for {
		at += bytes.IndexByte(buf[at:], '"') + 1
		slashes := 0
		for buf[at-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
	}
}

// skipValue gives the place after the value at buf[at].
func skipValue(buf []byte, at int) int {
	switch buf[at] {
	case '"':
		return skipString(buf, at)
	case '{', '[':
		depth := 0
		for {
			switch buf[at] {
			case '"':
				at = skipString(buf, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
			at++
		}
	}
	for at < len(buf) {
		switch buf[at] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return at
		}
		at++
	}
	return at
}
