// Command gen makes the tables of the match library from lists that others keep:
// the organisation types and symbols of OpenSanctions' rigour (MIT), the legal
// forms of GLEIF's ELF code list (ISO 20275; facts only: which name and which
// abbreviation are a legal form, and where), and the country names of the Unicode
// CLDR, which golang.org/x/text carries. Run it from the folder match:
//
//	go run ./internal/gen -data FOLDER -out tables
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"gopkg.in/yaml.v3"

	"github.com/tandem-cosell/tandem/match"
)

func main() {
	data := flag.String("data", "", "folder with elf-code-list-v1.5.csv and org-types")
	out := flag.String("out", "tables", "folder of the tables")
	flag.Parse()
	if err := run(*data, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(data, out string) error {
	words, phrases, err := readSymbols(filepath.Join(data, "org-types", "symbols.yml"))
	if err != nil {
		return err
	}
	forms, err := readForms(data, words)
	if err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(out, "forms.tsv"), "alias, form, class, countries (none: everywhere)", formLines(forms)),
		write(filepath.Join(out, "words.tsv"), "alias, word", wordLines(phrases)),
		write(filepath.Join(out, "countries.tsv"), "name, ISO 3166-1 code", countryLines()),
	)
}

func write(name, header string, lines []string) error {
	slices.Sort(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made by internal/gen. Columns: %s. Sources and licences: ../NOTICE.\n", header)
	for _, l := range slices.Compact(lines) {
		b.WriteString(l + "\n")
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// form is a legal form under one of its spellings.
type form struct {
	name, class string
	countries   map[string]bool // empty: everywhere
}

// spelled gives how the library meets a spelling: East Asian ones as they are,
// since they stand without spaces, the others folded.
func spelled(s string) string {
	s = strings.TrimSpace(s)
	for _, r := range s {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			return strings.Trim(s, "()（） ")
		}
	}
	return match.Fold(s)
}

func eastAsian(s string) bool { return s != "" && s[0] >= 0x80 }

func readForms(data string, words map[string]string) (map[string]form, error) {
	elf, err := readELF(filepath.Join(data, "elf-code-list-v1.5.csv"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(data, "org-types", "org_types.yml"))
	if err != nil {
		return nil, err
	}
	var list struct {
		Types []struct {
			Display, Compare, Generic string
			Aliases                   []string
		}
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	forms := map[string]form{}
	for _, t := range list.Types {
		name := match.Fold(cmp.Or(t.Compare, t.Display))
		if name == "" {
			name = strings.ToLower(cmp.Or(t.Generic, spelled(t.Aliases[0])))
		}
		for _, alias := range append(t.Aliases, t.Display) {
			a := spelled(alias)
			if !usable(a, words) || len(a) == 2 && !eastAsian(a) && len(elf[a].countries) == 0 {
				continue
			}
			f := form{name: name, class: t.Generic}
			if known := elf[a].countries; len(a) == 2 && len(known) < 3 {
				f.countries = known // two letters mean something only where they are a form
			}
			if _, ok := forms[a]; !ok {
				forms[a] = f
			}
		}
	}
	types := maps.Clone(forms)
	for a, f := range elf {
		if _, ok := types[a]; !ok && usable(a, words) {
			if known, ok := types[f.name]; ok {
				f.name, f.class = known.name, known.class
			}
			forms[a] = f
		}
	}
	return forms, nil
}

// usable leaves out spellings that are a common word too ("foundation", "fund"):
// they stay part of the name.
func usable(a string, words map[string]string) bool {
	if eastAsian(a) {
		return len(a) >= 6
	}
	if len(a) < 2 || len(strings.Fields(a)) > 6 {
		return false
	}
	switch w := words[a]; w {
	case "", "company", "corporation":
		return true
	}
	return false
}

// readELF gives the spellings of the ELF list with the countries where each is in use.
func readELF(name string) (map[string]form, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	out := map[string]form{}
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if first || row[2] == "" {
			continue
		}
		abbreviations := strings.FieldsFunc(row[9]+";"+row[10], func(r rune) bool { return r == ';' || r == ',' })
		name := match.Fold(row[8])
		for _, a := range abbreviations {
			if a = match.Fold(a); a != "" {
				name = a
				break
			}
		}
		for _, spelling := range append(abbreviations, row[5], row[8]) {
			a := spelled(spelling)
			if len(a) < 2 || len(a) > 60 || !strings.Contains(a, " ") && len(a) > 4 && slices.Contains(abbreviations, spelling) && len(a) > 8 {
				continue
			}
			f, ok := out[a]
			if !ok {
				f = form{name: name, countries: map[string]bool{}}
			}
			f.countries[row[2]] = true
			out[a] = f
		}
	}
}

func formLines(forms map[string]form) []string {
	var out []string
	for a, f := range forms {
		out = append(out, strings.Join([]string{a, f.name, f.class, strings.Join(slices.Sorted(maps.Keys(f.countries)), ",")}, "\t"))
	}
	return out
}

// readSymbols gives the single common words, and all their spellings, each with
// the word it stands for: the first of its group that Latin script writes.
func readSymbols(name string) (words, phrases map[string]string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var list struct {
		Symbols map[string][]any `yaml:"org_symbols"`
		Domains map[string][]any `yaml:"org_domains"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, nil, err
	}
	words, phrases = map[string]string{}, map[string]string{}
	for _, groups := range []map[string][]any{list.Symbols, list.Domains} {
		for _, key := range slices.Sorted(maps.Keys(groups)) {
			var canonical string
			for _, a := range append(groups[key], key) {
				alias := spelled(fmt.Sprint(a))
				if canonical == "" && !eastAsian(alias) {
					canonical = alias
				}
				if len(alias) < 2 || len(strings.Fields(alias)) > 3 {
					continue
				}
				if _, ok := phrases[alias]; ok {
					continue
				}
				phrases[alias] = canonical
				if !strings.Contains(alias, " ") {
					words[alias] = canonical
				}
			}
		}
	}
	return words, phrases, nil
}

func wordLines(phrases map[string]string) []string {
	var out []string
	for a, w := range phrases {
		out = append(out, a+"\t"+strings.ReplaceAll(w, " ", ""))
	}
	return out
}

// tongues are the languages in which country names are known.
var tongues = []string{"en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "nb", "fi", "pl", "cs", "tr", "ru", "ja", "zh", "ko"}

// countryLines gives each country's names, two- and three-letter codes.
func countryLines() []string {
	byName := map[string]string{}
	add := func(name, code string) {
		if _, ok := byName[name]; !ok && name != "" {
			byName[name] = code
		}
	}
	for _, t := range tongues {
		names := display.Regions(language.MustParse(t))
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				region, err := language.ParseRegion(string(a) + string(b))
				if err != nil || !region.IsCountry() || region.Canonicalize() != region || region.String() == "ZZ" {
					continue
				}
				add(match.Fold(names.Name(region)), region.String())
				add(strings.ToLower(region.String()), region.String())
				add(strings.ToLower(region.ISO3()), region.String())
			}
		}
	}
	for name, code := range alsoCalled {
		byName[name] = code
	}
	var out []string
	for n, c := range byName {
		out = append(out, n+"\t"+c)
	}
	return out
}

// alsoCalled are names in common use that the CLDR lacks.
var alsoCalled = map[string]string{
	"usa": "US", "us": "US", "united states of america": "US", "america": "US", "uk": "GB", "great britain": "GB", "england": "GB",
	"scotland": "GB", "wales": "GB", "britain": "GB", "korea": "KR", "republic of korea": "KR", "south korea": "KR", "holland": "NL",
	"the netherlands": "NL", "uae": "AE", "prc": "CN", "peoples republic of china": "CN", "hong kong": "HK", "hongkong": "HK",
	"macau": "MO", "macao": "MO", "russian federation": "RU", "czech republic": "CZ", "viet nam": "VN", "ivory coast": "CI", "turkey": "TR",
}
