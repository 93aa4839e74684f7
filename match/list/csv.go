// Package list answers "what companies does this file hold?" It reads the CSV files
// that people really have: with or without a byte order mark, in UTF-8, UTF-16 or
// Windows-1252, with commas, semicolons, tabs or bars, quoted or not, and it says in
// which line something is wrong.
package list

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// maxRow bounds a row in bytes: a quote that is never closed must not swallow the
// file.
const maxRow = 1 << 20

// RowError is what is wrong with one row. The rows after it can still be read.
type RowError struct {
	Line int // the first line of the row, from 1
	Text string
}

// Error gives "line 14: …".
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// rows splits a file into rows of fields.
type rows struct {
	in    *bufio.Reader
	delim byte
	line  int // lines read
	buf   []byte
	ends  []int
}

// open sniffs the encoding and the delimiter.
func open(r io.Reader) (*rows, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		in = bufio.NewReaderSize(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Reader(in), 64<<10)
	}
	text, err := in.Peek(16 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	return &rows{in: in, delim: sniff(text)}, nil
}

// sniff gives the delimiter that stands most often in the first line outside quotes.
func sniff(text []byte) byte {
	best, most := byte(','), 0
	for _, d := range []byte(",;\t|") {
		n, quoted := 0, false
		for _, c := range text {
			if c == '"' {
				quoted = !quoted
			}
			if !quoted && c == '\n' {
				break
			}
			if !quoted && c == d {
				n++
			}
		}
		if n > most {
			best, most = d, n
		}
	}
	return best
}

// next gives the fields of the next row that is not blank, and the line it begins
// at. The fields share one string. At the end it gives io.EOF.
func (r *rows) next(fields []string) ([]string, int, error) {
	for {
		line := r.line + 1
		err := r.read()
		if err != nil {
			return nil, line, err
		}
		if len(r.ends) == 1 && len(bytes.TrimSpace(r.buf)) == 0 {
			continue
		}
		text, from := string(r.buf), 0
		if !utf8.ValidString(text) {
			return r.latin(fields), line, nil
		}
		fields = fields[:0]
		for _, to := range r.ends {
			fields = append(fields, strings.TrimSpace(text[from:to]))
			from = to
		}
		return fields, line, nil
	}
}

// latin gives the fields of a row that is no UTF-8, as Windows-1252.
func (r *rows) latin(fields []string) []string {
	fields = fields[:0]
	from := 0
	for _, to := range r.ends {
		s, _ := charmap.Windows1252.NewDecoder().String(string(r.buf[from:to])) // every byte means something there
		fields = append(fields, strings.TrimSpace(strings.ToValidUTF8(s, "")))
		from = to
	}
	return fields
}

// read fills buf with the texts of one row's fields and ends with where each ends.
func (r *rows) read() error {
	r.buf, r.ends = r.buf[:0], r.ends[:0]
	first := r.line + 1
	line, err := r.readLine()
	if err != nil {
		return err
	}
	for i := 0; ; {
		if i < len(line) && line[i] == '"' {
			if i, line, err = r.quoted(line, i+1, first); err != nil {
				return err
			}
		} else {
			for i < len(line) && line[i] != r.delim {
				r.buf = append(r.buf, line[i])
				i++
			}
		}
		r.ends = append(r.ends, len(r.buf))
		if i >= len(line) {
			return nil
		}
		i++ // the delimiter
	}
}

// quoted reads a quoted field from its first letter on and gives the place after
// it, with the line it ends in.
func (r *rows) quoted(line []byte, i, first int) (int, []byte, error) {
	opened := r.line
	for {
		for ; i < len(line); i++ {
			if line[i] != '"' {
				r.buf = append(r.buf, line[i])
				continue
			}
			if i+1 < len(line) && line[i+1] == '"' {
				r.buf = append(r.buf, '"')
				i++
				continue
			}
			i++
			for i < len(line) && line[i] == ' ' {
				i++
			}
			if i < len(line) && line[i] != r.delim {
				return 0, nil, &RowError{first, fmt.Sprintf("there is text after a closing quote (near %.20q); a quote within a quoted field is written twice", line[i:])}
			}
			return i, line, nil
		}
		if len(r.buf) > maxRow {
			return 0, nil, &RowError{opened, "a quote is opened here and not closed"}
		}
		r.buf = append(r.buf, '\n')
		more, err := r.readLine()
		if errors.Is(err, io.EOF) {
			return 0, nil, &RowError{opened, "a quote is opened here and not closed"}
		}
		if err != nil {
			return 0, nil, err
		}
		line, i = more, 0
	}
}

// readLine gives a line without its end. It is valid until the next call.
func (r *rows) readLine() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		whole := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.in.ReadSlice('\n')
			if len(whole) <= maxRow {
				whole = append(whole, line...)
			}
		}
		line = whole
		if len(whole) > maxRow {
			r.line++
			return nil, &RowError{r.line, "the line is longer than a megabyte: is this a CSV file?"}
		}
	}
	if len(line) == 0 && err != nil {
		return nil, err
	}
	r.line++
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}
