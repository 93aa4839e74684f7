package textkey

import "testing"

func TestKeysFoldAccentsCaseAndBlanks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  Éclair  Söhne ": "eclair sohne",
		"ABC\t\nDef":       "abc def",
		"":                 "",
		"ﬁne":              "fine",
		"株式会社":             "株式会社",
		"A\x00B":           "a b",
	} {
		if got := Of(in); got != want {
			t.Errorf("Of(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzOfIsItsOwnKey(f *testing.F) {
	f.Add("Ünïcode  Name")
	f.Fuzz(func(t *testing.T, s string) {
		k := Of(s)
		if again := Of(k); again != k {
			t.Fatalf("the key %q of %q has the key %q", k, s, again)
		}
	})
}
