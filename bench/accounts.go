package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// accountFiles are two lists of made-up companies and the truth about them.
type accountFiles struct{ Left, Right, Truth string }

// place is a country with its legal forms and how many towns it has.
type place struct {
	country, tld string
	forms        []string
	towns        int
	share        int // of a hundred companies
}

var places = []place{
	{"United States", "com", []string{"Inc.", "LLC", "Corp.", "Corporation", "Incorporated", "Company"}, 3000, 38},
	{"Germany", "de", []string{"GmbH", "AG", "GmbH & Co. KG", "Gesellschaft mit beschränkter Haftung"}, 900, 14},
	{"United Kingdom", "co.uk", []string{"Ltd", "Limited", "PLC", "LLP"}, 800, 12},
	{"France", "fr", []string{"SA", "SAS", "SARL"}, 900, 10},
	{"Japan", "co.jp", []string{"Co., Ltd.", "K.K.", "Corporation"}, 500, 8},
	{"India", "in", []string{"Limited", "Private Limited", "Pvt Ltd"}, 600, 7},
	{"Canada", "ca", []string{"Inc.", "Ltd.", "Corp."}, 500, 6},
	{"Poland", "pl", []string{"Sp. z o.o.", "S.A."}, 300, 5},
}

var (
	syllables = strings.Fields("al an ar be bo ca cor da del den do el en er fa fin ga gen gra ha hel in is ka kor la len lin lo ma mar mer mo na nor o or pa pel per po qua ra ren ri ro sa sel sol sta ta tech ter to tra u ul va ver vi wa win xan ya zen zo")
	trades    = strings.Fields("Technologies Systems Solutions Industries Foods Logistics Consulting Energy Pharmaceuticals Software Services Engineering Chemicals Holdings Resources Mining Networks Media Group International Capital Partners Motors Textiles Electronics Instruments Medical Health Insurance Construction Trading Packaging Steel Plastics Robotics Analytics Security Labs Airlines Shipping")
	shorts    = map[string]string{
		"Technologies": "Tech", "Systems": "Sys", "Industries": "Inds", "Pharmaceuticals": "Pharma", "Services": "Svcs", "Engineering": "Engr", "Holdings": "Hldgs", "Resources": "Res",
		"International": "Intl", "Mining": "Mng", "Group": "Grp", "Laboratories": "Labs", "Construction": "Constr", "Electronics": "Elec", "Logistics": "Log", "Partners": "Ptnrs",
	}
)

// made is one made-up company.
type made struct {
	words   []string
	form    string
	in      *place
	town    int
	website string
}

// accountMaker makes companies; the same seed makes the same ones.
type accountMaker struct {
	rng  *rand.Rand
	seen map[string]bool
}

func (m *accountMaker) pick(list []string) string { return list[m.rng.IntN(len(list))] }

func (m *accountMaker) chance(percent int) bool { return m.rng.IntN(100) < percent }

func (m *accountMaker) word() string {
	var b strings.Builder
	for range 2 + m.rng.IntN(3) {
		b.WriteString(m.pick(syllables))
	}
	w := b.String()
	return strings.ToUpper(w[:1]) + w[1:]
}

// company makes one whose name is not taken yet.
func (m *accountMaker) company() made {
	for {
		c := made{}
		for n := m.rng.IntN(100); c.in == nil; {
			for i := range places {
				if n -= places[i].share; n < 0 {
					c.in = &places[i]
					break
				}
			}
		}
		c.words = append(c.words, m.word())
		if m.chance(35) {
			c.words = append(c.words, m.word())
		}
		for range 1 + m.rng.IntN(2) {
			c.words = append(c.words, m.pick(trades))
		}
		name := strings.Join(c.words, " ")
		if m.seen[name] {
			continue
		}
		m.seen[name] = true
		c.form, c.town = m.pick(c.in.forms), m.rng.IntN(c.in.towns)
		if m.chance(70) {
			c.website = "https://www." + strings.ToLower(strings.Join(c.words[:min(2, len(c.words))], "")) + "." + c.in.tld
		}
		return c
	}
}

// town gives the name of a country's n-th town.
func (p *place) town(n int) string {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(len(p.country))))
	m := accountMaker{rng: rng}
	return m.word() + "ton"
}

// dirty gives how another list writes the company.
func (m *accountMaker) dirty(c made) made {
	words := append([]string(nil), c.words...)
	for i, w := range words {
		if s, ok := shorts[w]; ok && m.chance(30) {
			words[i] = s
		}
	}
	if len(words) > 2 && m.chance(15) {
		words = words[:len(words)-1]
	}
	if m.chance(15) {
		i := m.rng.IntN(len(words))
		words[i] = m.typo(words[i])
	}
	c.words = words
	switch n := m.rng.IntN(10); {
	case n < 4:
		c.form = m.pick(c.in.forms)
	case n < 7:
		c.form = ""
	}
	if m.chance(40) {
		c.website = ""
	}
	if m.chance(40) {
		c.town = -1
	}
	return c
}

// typo drops, doubles, swaps or changes a letter.
func (m *accountMaker) typo(w string) string {
	if len(w) < 4 {
		return w
	}
	i := 1 + m.rng.IntN(len(w)-2)
	switch m.rng.IntN(4) {
	case 0:
		return w[:i] + w[i+1:]
	case 1:
		return w[:i] + w[i:i+1] + w[i:]
	case 2:
		return w[:i] + w[i+1:i+2] + w[i:i+1] + w[i+2:]
	}
	return w[:i] + string(rune('a'+m.rng.IntN(26))) + w[i+1:]
}

func (m *accountMaker) row(id string, c made, upper bool) string {
	name := strings.TrimSpace(strings.Join(c.words, " ") + " " + c.form)
	if upper {
		name = strings.ToUpper(name)
	}
	town := ""
	if c.town >= 0 {
		town = c.in.town(c.town)
	}
	return fmt.Sprintf("%s,%q,%s,%s,%s\n", id, name, c.in.country, town, c.website)
}

// makeAccounts writes a left list, a right list of which a fifth is not in it, and
// the truth.
func makeAccounts(dir string, left, right int) (f accountFiles, err error) {
	f = accountFiles{filepath.Join(dir, "left.csv"), filepath.Join(dir, "right.csv"), filepath.Join(dir, "truth.csv")}
	var out [3]*bufio.Writer
	for i, name := range []string{f.Left, f.Right, f.Truth} {
		file, err := os.Create(name)
		if err != nil {
			return f, err
		}
		defer file.Close()
		out[i] = bufio.NewWriterSize(file, 1<<20)
	}
	m := &accountMaker{rng: rand.New(rand.NewPCG(7, 7)), seen: make(map[string]bool, left+right/4)}
	companies := make([]made, left)
	fmt.Fprintln(out[0], "id,name,country,city,website")
	for i := range companies {
		companies[i] = m.company()
		fmt.Fprint(out[0], m.row(fmt.Sprintf("a%07d", i), companies[i], false))
	}
	fmt.Fprintln(out[1], "id,name,country,city,website")
	fmt.Fprintln(out[2], "right_id,left_id")
	for i := range right {
		id, known := fmt.Sprintf("b%07d", i), ""
		var c made
		if m.chance(20) {
			c = m.company()
		} else {
			n := m.rng.IntN(left)
			c, known = companies[n], fmt.Sprintf("a%07d", n)
		}
		fmt.Fprint(out[1], m.row(id, m.dirty(c), m.chance(30)))
		fmt.Fprintf(out[2], "%s,%s\n", id, known)
	}
	return f, errors.Join(out[0].Flush(), out[1].Flush(), out[2].Flush())
}
