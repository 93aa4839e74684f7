package events

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

const headerSchema = `{"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
{"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
{"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
{"name":"changeOrigin","type":"string"},{"name":"transactionKey","type":"string"},{"name":"sequenceNumber","type":"int"},
{"name":"commitTimestamp","type":"long"},{"name":"commitNumber","type":"long"},{"name":"commitUser","type":"string"},
{"name":"nulledFields","type":{"type":"array","items":"string"}},{"name":"diffFields","type":{"type":"array","items":"string"}},{"name":"changedFields","type":{"type":"array","items":"string"}}]}}`

const accountSchema = `{"type":"record","name":"AccountChangeEvent","namespace":"com.sforce.eventbus","fields":[` + headerSchema + `,
{"name":"Name","type":["null","string"]},
{"name":"BillingAddress","type":["null",{"type":"record","name":"Address","fields":[{"name":"Street","type":["null","string"]},{"name":"City","type":["null","string"]}]}]},
{"name":"ShippingAddress","type":["null","Address"]},
{"name":"Phone","type":["null","string"]}]}`

func schema(t testing.TB) writer {
	t.Helper()
	w, err := parseSchema(accountSchema)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// payload writes an update of an account by hand.
func payload(kind int64, ids []string, user, origin string, changed []string) []byte {
	var b []byte
	text := func(s string) { b = append(binary.AppendVarint(b, int64(len(s))), s...) }
	texts := func(list []string) {
		if len(list) > 0 {
			b = binary.AppendVarint(b, int64(len(list)))
			for _, s := range list {
				text(s)
			}
		}
		b = append(b, 0)
	}
	text("Account")
	texts(ids)
	b = binary.AppendVarint(b, kind)
	text(origin)
	text("key")
	b = binary.AppendVarint(b, 1)
	b = binary.AppendVarint(b, 1_700_000_000_000)
	b = binary.AppendVarint(b, 7)
	text(user)
	texts(nil)
	texts(nil)
	texts(changed)
	return append(b, 0, 0, 0, 0)
}

var own = salesforce.Session{UserID: "005000000000001AAA", Client: "tandem"}

func TestAnEventSaysWhichRecordsChanged(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_000).UTC()
	for name, tc := range map[string]struct {
		payload []byte
		want    connection.Change
	}{
		"somebody's update": {
			payload(1, []string{"001000000000001"}, "005000000000002AAA", "com/salesforce/api/rest/67.0;client=tandem", []string{"0x12", "2-0x2"}),
			connection.Change{Object: "Account", IDs: []string{"001000000000001AAA"}, Fields: []string{"Name", "Phone", "BillingAddress.City"}, At: at},
		},
		"our own update": {
			payload(1, []string{"001000000000001AAA"}, "005000000000001AAA", "com/salesforce/api/rest/67.0;client=tandem", []string{"0x0", "3-0x1"}),
			connection.Change{Object: "Account", IDs: []string{"001000000000001AAA"}, Own: true, Fields: []string{"ShippingAddress.Street"}, At: at},
		},
		"our user through another program": {
			payload(0, []string{"001000000000001AAA"}, "005000000000001AAA", "com/salesforce/api/rest/67.0;client=tandemonium", nil),
			connection.Change{Object: "Account", IDs: []string{"001000000000001AAA"}, At: at},
		},
		"a gap": {
			payload(5, []string{"001000000000001AAA", "001000000000002AAA"}, "", "", nil),
			connection.Change{Object: "Account", IDs: []string{"001000000000001AAA", "001000000000002AAA"}, Gap: true, At: at},
		},
		"a gap of records that are not named": {
			payload(5, []string{"001*"}, "", "", nil), connection.Change{Object: "Account", All: true, Gap: true, At: at},
		},
		"an overflow": {payload(8, nil, "", "", nil), connection.Change{Object: "Account", All: true, Gap: true, At: at}},
	} {
		w := schema(t)
		h, err := w.decode(tc.payload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := w.change(h, own)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	t.Parallel()
	w := schema(t)
	whole := payload(1, []string{"001000000000001AAA"}, "005", "", []string{"0x2"})
	for n := range len(whole) {
		if _, err := w.decode(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for an event", n, len(whole))
		}
	}
	for _, bits := range []string{"2", "0xG", "0x-1", "x-0x1", "99-0x1", "1-0x1", "-1-0x1", "2-", ""} {
		if got, err := w.fields([]string{bits}); err == nil {
			t.Errorf("%q names %v", bits, got)
		}
	}
	for _, text := range []string{"", "{}", `"string"`, `{"type":"array","items":"string"}`} {
		if _, err := parseSchema(text); err == nil {
			t.Errorf("%q is taken for a schema of events", text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(payload(1, []string{"001000000000001AAA"}, "005", "x;client=tandem", []string{"0x12", "2-0x2"}), "0x12")
	f.Add(payload(8, nil, "", "", nil), "7-0xFF")
	f.Add([]byte{}, "")
	w := schema(f)
	f.Fuzz(func(t *testing.T, data []byte, bits string) {
		if h, err := w.decode(bytes.Clone(data)); err == nil {
			c, err := w.change(h, own)
			if err == nil && slices.ContainsFunc(c.IDs, func(id string) bool { return len(id) != 18 }) {
				t.Errorf("ids %q", c.IDs)
			}
			if err == nil && len(c.IDs) == 0 && !c.All {
				t.Error("a change of nothing")
			}
		}
		if names, err := w.fields([]string{bits}); err == nil && len(names) > 8 {
			t.Errorf("%q names %d of 5 fields", bits, len(names))
		}
	})
}
