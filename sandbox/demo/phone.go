package demo

import "strings"

// phoneRange is a block of numbers that a regulator keeps for fiction.
// In e164, '#' stands for a free digit; local is how people there write it,
// with the same number of '#'.
type phoneRange struct {
	e164, local string
}

// phoneAmerica gives the block 555-0100 to 555-0199 of North American areas.
func phoneAmerica(areas ...string) []phoneRange {
	ranges := make([]phoneRange, 0, len(areas))
	for _, a := range areas {
		ranges = append(ranges, phoneRange{"+1" + a + "55501##", "(" + a + ") 555-01##"})
	}
	return ranges
}

// Blocks that Ofcom, BNetzA, ARCEP, PTS and ACMA publish for drama use.
var (
	phoneBritain = []phoneRange{
		{"+442079460###", "020 7946 0###"},
		{"+441614960###", "0161 496 0###"},
		{"+441134960###", "0113 496 0###"},
		{"+441314960###", "(0131) 496 0###"},
		{"+447700900###", "07700 900###"},
	}
	phoneGermany = []phoneRange{
		{"+493023125###", "030 / 23125-###"},
		{"+496990009###", "069 90009###"},
		{"+494066969###", "040-66969-###"},
		{"+498999998###", "089 99998 ###"},
	}
	phoneFrance = []phoneRange{
		{"+3319900####", "01 99 00 ## ##"},
		{"+3346571####", "04.65.71.##.##"},
		{"+3363998####", "06 39 98 ## ##"},
	}
	phoneSweden    = []phoneRange{{"+468465004##", "08-465 004 ##"}, {"+463139006##", "031-390 06 ##"}}
	phoneAustralia = []phoneRange{{"+6125550####", "(02) 5550 ####"}, {"+6135550####", "(03) 5550 ####"}, {"+6177010####", "(07) 7010 ####"}}
	// phoneGroup serves countries whose regulator keeps no such block: their
	// people are reached through a group switchboard.
	phoneGroup = []phoneRange{{"+1202555010#", "(202) 555-010#"}, {"+442079460###", "020 7946 0###"}}
)

// phone draws a fictional number for a country, in E.164 or, where local is
// true, as people there write it. It is empty for four in ten people of
// countries without a fictional range.
func phone(d *dice, c *country, local bool) string {
	ranges := c.phone
	if len(ranges) == 0 {
		if d.perMille(400) {
			return ""
		}
		ranges = phoneGroup
	}
	r := pick(d, ranges)
	if local {
		return fill(d, r.local)
	}
	return fill(d, strings.ReplaceAll(r.e164, " ", ""))
}
