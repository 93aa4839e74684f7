package derive

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type countryTable struct {
	rows   []map[string]any
	byName map[string]string // folded name or alias → code
	byCode map[string]map[string]any
}

func fold(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

func readCountries() (*countryTable, error) {
	rows, err := readCSV(countriesCSV)
	if err != nil {
		return nil, fmt.Errorf("countries.csv: %w", err)
	}
	t := &countryTable{byName: map[string]string{}, byCode: map[string]map[string]any{}}
	for _, r := range rows[1:] {
		row := map[string]any{"code": r[0], "iso3": r[1], "name": r[2]}
		t.byName[fold(r[2])] = r[0]
		if r[3] != "" {
			aliases := strings.Split(r[3], "|")
			row["aliases"] = aliases
			for _, a := range aliases {
				t.byName[fold(a)] = r[0]
			}
		}
		t.rows = append(t.rows, row)
		t.byCode[r[0]] = row
	}
	return t, nil
}

// Formats that do not follow the table's own notation, or whose literal reading
// would refuse every real code of the country.
var formatExceptions = map[string]struct{ pattern, example, note string }{
	"A(A)N(A/N)NAA OR A(A)N(A/N) NAA": {`[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}`, "SW1A 1AA", ""},
	"DT3 6GB OR L2 2DP":               {`[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}`, "DT3 6GB", "the table prints two examples instead of a format; read as the United Kingdom's"},
	"9999 AC or 9999AC":               {`[0-9]{4} ?[A-Z]{2}`, "1012 AB", "AC is read as any two letters"},
	"A99 9A9A or A999A9A":             {`[A-Z][0-9][0-9W] ?[A-Z0-9]{4}`, "A65 F4E2", "the printed shape fits few real Eircodes; read as routing key and four characters (our choice)"},
	"120":                             {`(?:00)?120`, "00120", "real codes read 00120; both taken (our choice)"},
	"1101":                            {`[0-9]{4}`, "1101", "the table prints one example; read as four digits (our choice)"},
	"M999":                            {`[A-Z][0-9]{3}`, "H100", "M is read as any letter (our choice)"},
	"KB9999":                          {`[A-Z]{2}[0-9]{4}`, "KB2333", "KB is read as any two letters (our choice)"},
}

var (
	messageRE = regexp.MustCompile(`postal code must be in (.+) format\.$`)
	orRE      = regexp.MustCompile(` (?:OR|or) `)
)

func postalRules(lists string, countries *countryTable) (rules []map[string]any, none []string, err error) {
	rows, err := listFile(lists, "PostalCodeValidations.csv")
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		m := messageRE.FindStringSubmatch(r[1])
		if m == nil {
			return nil, nil, fmt.Errorf("PostalCodeValidations.csv: %s: no format in %q", r[0], r[1])
		}
		rule := map[string]any{"country": r[0], "format": m[1], "message": r[1], "countryCode": countries.byName[fold(r[0])]}
		if x, ok := formatExceptions[m[1]]; ok {
			rule["pattern"], rule["example"] = `\A(?:`+x.pattern+`)\z`, x.example
			if x.note != "" {
				rule["note"] = x.note
			}
		} else {
			rule["pattern"], rule["example"] = formatPattern(m[1])
		}
		if rule["countryCode"] == "" && r[0] != "Serbia and Montenegro" {
			return nil, nil, fmt.Errorf("PostalCodeValidations.csv: no code for country %q", r[0])
		}
		if c := countries.byCode[fmt.Sprint(rule["countryCode"])]; c != nil {
			c["postalCode"] = "format"
		}
		rules = append(rules, rule)
	}
	rows, err = listFile(lists, "CountriesWithoutPostalCode.csv")
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		code := countries.byName[fold(r[0])]
		if code == "" {
			return nil, nil, fmt.Errorf("CountriesWithoutPostalCode.csv: no code for country %q", r[0])
		}
		countries.byCode[code]["postalCode"] = "none"
		none = append(none, code)
	}
	return rules, none, nil
}

func listFile(lists, name string) ([][]string, error) {
	raw, err := os.ReadFile(filepath.Join(lists, name))
	if err != nil {
		return nil, err
	}
	rows, err := readCSV(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows[1:], nil
}

// formatPattern reads the table's notation: 9 is a digit, A a letter, N a digit
// behind literal ones ("973NN"); a format whose digits are not all 9 is literal.
func formatPattern(format string) (pattern, example string) {
	var parts []string
	for i, alt := range orRE.Split(format, -1) {
		p, e := oneFormat(strings.TrimSpace(alt))
		parts = append(parts, p)
		if i == 0 {
			example = e
		}
	}
	return `\A(?:` + strings.Join(parts, "|") + `)\z`, example
}

func oneFormat(format string) (pattern, example string) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, format)
	literal := strings.Trim(digits, "9") != "" || strings.ContainsRune(format, 'N')
	letters := !literal && !strings.Contains(format, "KB") && !strings.Contains(format, "VC")
	var p, e strings.Builder
	for _, r := range format {
		switch {
		case r == 'N' && literal:
			p.WriteString("[0-9]")
			e.WriteByte('1')
		case r == '9' && !literal:
			p.WriteString("[0-9]")
			e.WriteByte('1')
		case r == 'A' && letters:
			p.WriteString("[A-Z]")
			e.WriteByte('A')
		default:
			p.WriteString(regexp.QuoteMeta(string(r)))
			e.WriteRune(r)
		}
	}
	return p.String(), e.String()
}
