package list

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/match"
)

// List reads the companies of a file, one after another.
type List struct {
	// Header and Columns say what was found in the first row.
	Header  []string
	Columns Columns
	rows    *rows
	plan    []target
	wide    int
}

type target struct {
	field  Field
	column int
}

// Open reads the first row of a CSV file and finds the columns (see Guess).
func Open(r io.Reader, chosen map[string]string) (*List, error) {
	in, err := open(r)
	if err != nil {
		return nil, err
	}
	header, line, err := in.next(nil)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: the first row has to name the columns")
	}
	if err != nil {
		return nil, err
	}
	columns, err := Guess(header, chosen)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	l := &List{Header: header, Columns: columns, rows: in, wide: len(header)}
	for _, g := range guesses {
		for _, c := range columns[g.field] {
			l.plan = append(l.plan, target{g.field, c})
		}
	}
	return l, nil
}

// Records gives the companies with their line. A row that cannot be read comes as
// a *RowError, and the rows after it follow; any other error is the last thing that
// comes. Without a column of ids a company's id is "line 14". Each record is new.
func (l *List) Records() iter.Seq2[*match.Record, error] {
	return func(yield func(*match.Record, error) bool) {
		var fields []string
		for {
			var line int
			var err error
			fields, line, err = l.rows.next(fields)
			if errors.Is(err, io.EOF) {
				return
			}
			var bad *RowError
			if err != nil && !errors.As(err, &bad) {
				yield(nil, err)
				return
			}
			var r *match.Record
			if err == nil {
				r, err = l.record(fields, line)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// record makes a company of a row. Empty fields beyond the header are forgiven.
func (l *List) record(fields []string, line int) (*match.Record, error) {
	n := len(fields)
	for n > l.wide && fields[n-1] == "" {
		n--
	}
	if n != l.wide {
		return nil, &RowError{line, fmt.Sprintf("the row has %d columns, the header has %d; a text with a %q in it has to stand in quotes", n, l.wide, string(l.rows.delim))}
	}
	// One piece of memory for the record and its short lists.
	type whole struct {
		match.Record
		name, site [1]string
	}
	w := &whole{}
	r := &w.Record
	r.Names, r.Websites = w.name[:0], w.site[:0]
	for _, t := range l.plan {
		v := fields[t.column]
		if v == "" {
			continue
		}
		switch t.field {
		case FieldID:
			r.ID = v
		case FieldName:
			r.Names = append(r.Names, v)
		case FieldCountry:
			r.Country = v
		case FieldState:
			r.State = v
		case FieldCity:
			r.City = v
		case FieldPostcode:
			r.Postcode = v
		case FieldWebsite:
			r.Websites = append(r.Websites, separate(v)...)
		case FieldPhone:
			r.Phones = append(r.Phones, v)
		case FieldDUNS:
			r.DUNS = v
		case FieldLEI:
			r.LEI = v
		case FieldRegistration:
			r.Registration = v
		case FieldAWS:
			r.AWSAccount = v
		case FieldTenant:
			r.Tenant = v
		case FieldParent:
			r.ParentID = v
		}
	}
	if r.ID == "" {
		r.ID = "line " + strconv.Itoa(line)
	}
	if len(r.Names) == 0 && len(r.Websites) == 0 {
		return nil, &RowError{line, "the company has neither a name nor a website"}
	}
	return r, nil
}

// separate splits a field of several addresses.
func separate(v string) []string {
	if !strings.ContainsAny(v, ",; ") {
		return []string{v}
	}
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
}
