package form

import (
	"bytes"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
)

func TestAFormIsAPDFOfAsManyPagesAsItNeeds(t *testing.T) {
	t.Parallel()
	d := &handover.Deal{Entry: handover.Entry{ID: "hov_1", Cloud: cloud.GCP, AskedAt: time.Unix(1, 0), RemoteID: "DR-1"}, Name: "Platform Übersee", AccountName: "Orchard"}
	lines := []handover.Line{{Group: "Customer", Label: "Company", Value: "Orchard"}, {Group: "Deal", Label: "Stage", Value: "REFINE", Before: "QUALIFY", Change: true}}
	pages := func(list []handover.Line) int {
		t.Helper()
		out, err := PDF(d, list)
		if err != nil || !bytes.HasPrefix(out, []byte("%PDF-")) {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		return bytes.Count(out, []byte("/Type /Page\n"))
	}
	if n := pages(lines); n != 1 {
		t.Errorf("%d pages", n)
	}
	for range 100 {
		lines = append(lines, handover.Line{Group: "Deal", Label: "Notes", Value: "More to say of it"})
	}
	if n := pages(lines); n < 2 {
		t.Errorf("a long form has %d pages", n)
	}
}
