package events

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

// header is ChangeEventHeader (Change Data Capture guide), as far as we read it.
type header struct {
	EntityName      string   `avro:"entityName"`
	RecordIDs       []string `avro:"recordIds"`
	ChangeType      string   `avro:"changeType"`
	ChangeOrigin    string   `avro:"changeOrigin"`
	CommitTimestamp int64    `avro:"commitTimestamp"` // milliseconds
	CommitUser      string   `avro:"commitUser"`
	ChangedFields   []string `avro:"changedFields"`
}

// changeEvent is an event of which only the header counts: what became of the
// records is read.
type changeEvent struct {
	Header header `avro:"ChangeEventHeader"`
}

// limits bound what one event can make us hold: Salesforce's are 1 MB at most.
var limits = avro.Config{MaxByteSliceSize: 1 << 20, MaxSliceAllocSize: 1 << 16}.Freeze()

// writer is the schema that an event was written with.
type writer struct {
	schema *avro.RecordSchema
}

// parseSchema reads an Avro schema of change events. Names that it defines stay its
// own.
func parseSchema(text string) (writer, error) {
	schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return writer{}, fmt.Errorf("the schema can't be read: %w", err)
	}
	record, ok := schema.(*avro.RecordSchema)
	if !ok {
		return writer{}, errors.New("the schema is of no record")
	}
	return writer{record}, nil
}

// decode reads an event's header.
func (w writer) decode(payload []byte) (header, error) {
	var e changeEvent
	r := avro.NewReader(bytes.NewReader(payload), 4096, avro.WithReaderConfig(limits))
	if r.ReadVal(w.schema, &e); r.Error != nil { // Unmarshal would take half an event
		return header{}, fmt.Errorf("the event can't be read: %w", r.Error)
	}
	return e.Header, nil
}

// fields gives the names in a list of bitmaps: of the event's own fields first, as
// 0x… each, then of the fields of its compounds, as 7-0x… each.
func (w writer) fields(bitmaps []string) ([]string, error) {
	var out []string
	for _, text := range bitmaps {
		fields, prefix := w.schema.Fields(), ""
		if parent, rest, nested := strings.Cut(text, "-"); nested {
			n, err := strconv.Atoi(parent)
			if err != nil || n < 0 || n >= len(fields) {
				return nil, fmt.Errorf("the bitmap %q is of no field", text)
			}
			inner, ok := recordIn(fields[n].Type())
			if !ok {
				return nil, fmt.Errorf("the field %s has no fields of its own", fields[n].Name())
			}
			text, prefix, fields = rest, fields[n].Name()+".", inner.Fields()
		}
		digits, ok := strings.CutPrefix(text, "0x")
		bits, valid := new(big.Int).SetString(digits, 16)
		if !ok || !valid || bits.Sign() < 0 || len(digits) > 1024 {
			return nil, fmt.Errorf("%q is no bitmap", text)
		}
		for i, f := range fields {
			if bits.Bit(i) == 1 {
				out = append(out, prefix+f.Name())
			}
		}
	}
	return out, nil
}

// recordIn finds the record in a field's type: itself, or in a union with null.
func recordIn(s avro.Schema) (*avro.RecordSchema, bool) {
	switch x := s.(type) {
	case *avro.RecordSchema:
		return x, true
	case *avro.RefSchema:
		return recordIn(x.Schema())
	case *avro.UnionSchema:
		for _, t := range x.Types() {
			if r, ok := recordIn(t); ok {
				return r, true
			}
		}
	}
	return nil, false
}

const (
	gapPrefix   = "GAP_"
	gapOverflow = "GAP_OVERFLOW"
)

// change says in our terms what a header tells; own names our user and client.
func (w writer) change(h header, own salesforce.Session) (connection.Change, error) {
	if h.EntityName == "" {
		return connection.Change{}, errors.New("an event without an object")
	}
	c := connection.Change{
		Object: h.EntityName, Gap: strings.HasPrefix(h.ChangeType, gapPrefix), All: h.ChangeType == gapOverflow || len(h.RecordIDs) == 0,
		Own: ours(h, own), At: time.UnixMilli(h.CommitTimestamp).UTC(),
	}
	for _, id := range h.RecordIDs {
		if !salesforce.IsID(id) { // 001* stands for records that are not named (Gap Events)
			c.All = true
			continue
		}
		c.IDs = append(c.IDs, salesforce.ID18(id))
	}
	var err error
	c.Fields, err = w.fields(h.ChangedFields)
	return c, err
}

// ours says whether a change is a write of ours: by our user, and through a call
// that carried our name (com/salesforce/api/rest/67.0;client=tandem).
func ours(h header, own salesforce.Session) bool {
	if own.UserID == "" || salesforce.ID18(h.CommitUser) != own.UserID {
		return false
	}
	for _, part := range strings.Split(h.ChangeOrigin, ";") {
		if part == "client="+own.Client {
			return true
		}
	}
	return false
}
