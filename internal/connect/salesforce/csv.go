package salesforce

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	csvBuffer = 256 << 10
	// maxLine bounds one record: Salesforce holds one to 400,000 characters.
	maxLine = 8 << 20
)

// csvReader reads a bulk query's results as they come: values in quotes or
// without, doubled quotes inside, lines that end in LF or CRLF. A line costs two
// allocations, however many values it has.
type csvReader struct {
	r       io.Reader
	buf     []byte
	from    int // what of buf is not read yet
	to      int
	ended   bool
	line    int // of the last record, the header is 1
	columns *columns
	spans   []uint32 // of the line being read
}

func newCSVReader(r io.Reader) *csvReader {
	return &csvReader{r: r, buf: make([]byte, csvBuffer)}
}

// header reads the names of the columns.
func (c *csvReader) header() error {
	text, escaped, err := c.next()
	if errors.Is(err, io.EOF) {
		return errors.New("no header")
	}
	if err != nil {
		return err
	}
	names := make([]string, len(c.spans)/2)
	seen := map[string]bool{}
	for i := range names {
		names[i] = text[c.spans[2*i]:c.spans[2*i+1]]
		if names[i] == "" || seen[names[i]] || escaped {
			return fmt.Errorf("the header names column %d %q", i+1, names[i])
		}
		seen[names[i]] = true
	}
	c.columns = newColumns(names)
	return nil
}

// row reads the next record, io.EOF after the last.
func (c *csvReader) row() (Row, error) {
	text, escaped, err := c.next()
	if err != nil {
		return Row{}, err
	}
	if len(c.spans) != 2*len(c.columns.names) {
		return Row{}, fmt.Errorf("line %d has %d values, the header has %d", c.line, len(c.spans)/2, len(c.columns.names))
	}
	return Row{columns: c.columns, text: text, spans: slices.Clone(c.spans), escaped: escaped}, nil
}

// next reads one line into text and c.spans.
func (c *csvReader) next() (text string, escaped bool, err error) {
	for {
		n, escaped, err := c.scan(c.buf[c.from:c.to])
		switch {
		case err != nil:
			return "", false, fmt.Errorf("line %d: %w", c.line+1, err)
		case n > 0:
			text := string(c.buf[c.from : c.from+n])
			c.from += n
			c.line++
			return text, escaped, nil
		case c.ended && c.from == c.to:
			return "", false, io.EOF
		case c.ended:
			return "", false, fmt.Errorf("line %d ends inside quotes", c.line+1)
		}
		if err := c.fill(); err != nil {
			return "", false, err
		}
	}
}

// fill reads more behind what is there.
func (c *csvReader) fill() error {
	if c.from > 0 {
		c.to = copy(c.buf, c.buf[c.from:c.to])
		c.from = 0
	}
	if c.to == len(c.buf) {
		if len(c.buf) >= maxLine {
			return fmt.Errorf("line %d is longer than %d bytes", c.line+1, maxLine)
		}
		c.buf = slices.Grow(c.buf, len(c.buf))[:2*len(c.buf)]
	}
	n, err := c.r.Read(c.buf[c.to:])
	c.to += n
	if errors.Is(err, io.EOF) {
		c.ended = true
		return nil
	}
	return err
}

// scan finds the values of the line that b begins with, and how long the line is
// with its end: 0 when b does not hold it whole.
func (c *csvReader) scan(b []byte) (n int, escaped bool, err error) {
	c.spans = c.spans[:0]
	for at := 0; ; {
		if at == len(b) && !c.ended {
			return 0, false, nil
		}
		from, end := at, 0
		if at < len(b) && b[at] == '"' {
			from++
			end = from
			for {
				i := bytes.IndexByte(b[end:], '"')
				if i < 0 {
					return 0, false, nil
				}
				end += i
				if end+1 == len(b) && !c.ended {
					return 0, false, nil
				}
				if end+1 >= len(b) || b[end+1] != '"' {
					break
				}
				escaped = true
				end += 2
			}
			at = end + 1
		} else {
			i := bytes.IndexAny(b[at:], ",\n\"")
			switch {
			case i < 0 && !c.ended:
				return 0, false, nil
			case i < 0:
				end = len(b)
			case b[at+i] == '"':
				return 0, false, errors.New("a quote stands inside a value without quotes")
			default:
				end = at + i
			}
			at = end
			if end > from && b[end-1] == '\r' && (at == len(b) || b[at] == '\n') {
				end--
			}
		}
		c.spans = append(c.spans, uint32(from), uint32(end))
		switch {
		case at == len(b):
			if at == 0 {
				return 0, false, nil // nothing after the last line
			}
			return at, escaped, nil
		case b[at] == ',':
			at++
		case b[at] == '\n':
			return at + 1, escaped, nil
		case b[at] == '\r':
			if at+1 == len(b) && !c.ended {
				return 0, false, nil
			}
			if at+1 < len(b) && b[at+1] != '\n' {
				return 0, false, errors.New("a carriage return stands alone")
			}
			return min(at+2, len(b)), escaped, nil
		default:
			return 0, false, errors.New("something stands behind a closing quote")
		}
	}
}
