// Package form answers "how does a deal to be entered by hand look on paper?": one
// filled form as PDF.
package form

import (
	"fmt"

	"github.com/johnfercher/maroto/v2"
	"github.com/johnfercher/maroto/v2/pkg/components/line"
	"github.com/johnfercher/maroto/v2/pkg/components/text"
	"github.com/johnfercher/maroto/v2/pkg/config"
	"github.com/johnfercher/maroto/v2/pkg/consts/fontstyle"
	"github.com/johnfercher/maroto/v2/pkg/core"
	"github.com/johnfercher/maroto/v2/pkg/props"

	"github.com/tandem-cosell/tandem/internal/domain/handover"
)

// PDF writes the form of a deal, with the lines in the portal's order; those to be
// entered now stand in bold. The built-in font has the letters of western Europe:
// others are shown as dots.
func PDF(d *handover.Deal, lines []handover.Line) ([]byte, error) {
	m := maroto.New(config.NewBuilder().WithLeftMargin(15).WithRightMargin(15).WithTopMargin(15).Build())
	title := "To be entered in " + d.Cloud.Portal()
	switch {
	case !d.Waits():
		title = "As it is in " + d.Cloud.Portal()
	case !d.New():
		title = "To be changed in " + d.Cloud.Portal()
	}
	m.AddRow(10, text.NewCol(12, d.AccountName+" - "+d.Name, props.Text{Size: 14, Style: fontstyle.Bold}))
	m.AddRow(8, text.NewCol(12, title+number(d), props.Text{Size: 10}))
	m.AddRow(4, line.NewCol(12))
	group := ""
	for _, l := range lines {
		if l.Group != group {
			group = l.Group
			m.AddRow(9, text.NewCol(12, group, props.Text{Size: 11, Style: fontstyle.Bold, Top: 2}))
		}
		style := fontstyle.Normal
		if l.Change {
			style = fontstyle.Bold
		}
		value := l.Value
		if l.Change && !d.New() && l.Before != "" {
			value = fmt.Sprintf("%s   (before: %s)", l.Value, l.Before)
		}
		m.AddAutoRow(pair(l.Label, value, style)...)
	}
	doc, err := m.Generate()
	if err != nil {
		return nil, fmt.Errorf("write the form %s: %w", d.ID, err)
	}
	return doc.GetBytes(), nil
}

func pair(label, value string, style fontstyle.Type) []core.Col {
	return []core.Col{
		text.NewCol(4, label, props.Text{Size: 9, Top: 1, Color: &props.Color{Red: 90, Green: 90, Blue: 90}}),
		text.NewCol(8, value, props.Text{Size: 9, Top: 1, Bottom: 1, Style: style}),
	}
}

func number(d *handover.Deal) string {
	if d.RemoteID == "" {
		return ""
	}
	return ", deal " + d.RemoteID
}
