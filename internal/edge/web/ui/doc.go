// Package ui answers "how does Tandem look and behave": the typed parts that
// every page is made of. A page is data put into these structs; each struct is
// a templ.Component, so a page writes @ui.Badge{Tone: ui.ToneWarn, Text: "Late"}.
// Parts that hold other parts (Layout, Section, Stack and others) are functions
// that take a struct and children.
//
// The parts hold no rule and read no store. They need no inline script and no
// style attribute, so ContentSecurityPolicy holds; they work for reading (and,
// where they are forms or links, for writing) without JavaScript.
package ui

// ContentSecurityPolicy is the header value under which every part works.
const ContentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Tone says what kind of news something is. Each tone has its own icon, so that
// colour never stands alone.
type Tone string

// The tones. The zero value is neutral.
const (
	ToneNeutral Tone = "neutral"
	ToneInfo    Tone = "info"
	ToneSuccess Tone = "success"
	ToneWarn    Tone = "warn"
	ToneDanger  Tone = "danger"
)

func (t Tone) orNeutral() string {
	if t == "" {
		return string(ToneNeutral)
	}
	return string(t)
}

// icon is the tone's own sign.
func (t Tone) icon() IconName {
	switch t {
	case ToneInfo:
		return IconInfo
	case ToneSuccess:
		return IconCheckCircle
	case ToneWarn:
		return IconWarn
	case ToneDanger:
		return IconStop
	}
	return IconDot
}
