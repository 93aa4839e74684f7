package zone

import (
	"slices"
	"testing"
	"time"
)

func TestEveryUsualZoneIsKnown(t *testing.T) {
	t.Parallel()
	for _, name := range Usual() {
		if _, ok := Load(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

func TestWhatIsNoZoneIsUTC(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Local", "Moon/Crater", "../etc/passwd"} {
		if l, ok := Load(name); ok || l != time.UTC {
			t.Errorf("%q is %v, %v", name, l, ok)
		}
	}
}

func TestAZoneThatIsNotUsualIsOfferedFirst(t *testing.T) {
	t.Parallel()
	if got := Choices("Asia/Kathmandu"); got[0] != "Asia/Kathmandu" || len(got) != len(Usual())+1 {
		t.Errorf("%v", got[:2])
	}
	if got := Choices("nowhere"); !slices.Equal(got, Usual()) {
		t.Errorf("%v", got)
	}
}
