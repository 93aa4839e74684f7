package web

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// exportLimit is how many rows one export holds at most.
const exportLimit = 50_000

// export reads the list that an export is asked for, and refuses one that is too
// long or whose address is not all understood: a file must not hold other rows
// than the page that it was asked from.
func (o *opportunities) export(r *http.Request) (listing, []listColumn, error) {
	l := readListing(r)
	if len(l.bad) > 0 {
		return l, nil, &problem.Error{Kind: problem.KindInvalid, Code: "invalid_input", Message: "The list cannot be exported: a part of its address could not be used", Fields: l.bad}
	}
	l.q.After, l.q.Limit = "", 200
	n, err := o.app.Workspace.Count(r.Context(), l.q, exportLimit)
	if err != nil {
		return l, nil, err
	}
	if n > exportLimit {
		return l, nil, &problem.Error{Kind: problem.KindInvalid, Code: "export_too_long", Message: "This list has more than " + ui.Count(exportLimit) + " opportunities: filter it and export the parts"}
	}
	var columns []listColumn
	for _, c := range listColumns() {
		if slices.Contains(l.columns, c.key) {
			columns = append(columns, c)
		}
	}
	return l, columns, nil
}

// rows gives each row of all pages to fn.
func (o *opportunities) rows(r *http.Request, q workspace.Query, fn func(row *workspace.Row) error) error {
	for n := 0; n < exportLimit; {
		page, err := o.app.Workspace.List(r.Context(), q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if n++; n > exportLimit {
				return nil
			}
			if err := fn(&page.Rows[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
	return nil
}

func (o *opportunities) exportName(ending string) string {
	return fmt.Sprintf(`attachment; filename="opportunities-%s.%s"`, o.dayNow(), ending)
}

func (o *opportunities) exportCSV(rw http.ResponseWriter, r *http.Request) {
	l, columns, err := o.export(r)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", o.exportName("csv"))
	h.Set("Cache-Control", "no-store")
	buffer := bufio.NewWriterSize(rw, 64<<10)
	out := csv.NewWriter(buffer)
	out.UseCRLF = true
	var head []string
	for _, c := range columns {
		head = append(head, c.heads...)
	}
	err = out.Write(head)
	if err == nil {
		record := make([]string, 0, len(head))
		err = o.rows(r, l.q, func(row *workspace.Row) error {
			record = record[:0]
			for _, c := range columns {
				for _, v := range c.export(row) {
					record = append(record, cellText(v))
				}
			}
			return out.Write(record)
		})
	}
	if err == nil {
		out.Flush()
		if err = out.Error(); err == nil {
			err = buffer.Flush()
		}
	}
	if err != nil {
		o.breakOff(rw, r, err)
	}
}

// breakOff ends an answer that has begun so that the browser sees it as failed:
// a file that is cut short must not look whole.
func (o *opportunities) breakOff(rw http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	o.log.ErrorContext(r.Context(), "an export broke off", "path", r.URL.Path, "error", err)
	if err := http.NewResponseController(rw).SetWriteDeadline(time.Unix(1, 0)); err != nil {
		o.log.ErrorContext(r.Context(), "end a broken export", "error", err)
	}
}

const sheetName = "Opportunities"

func (o *opportunities) exportXLSX(rw http.ResponseWriter, r *http.Request) {
	l, columns, err := o.export(r)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	f := excelize.NewFile()
	defer func() {
		if err := f.Close(); err != nil {
			o.log.ErrorContext(r.Context(), "close a workbook", "error", err)
		}
	}()
	if err := o.fillSheet(r, f, l, columns); err != nil {
		o.fail(rw, r, err)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	h.Set("Content-Disposition", o.exportName("xlsx"))
	h.Set("Cache-Control", "no-store")
	if err := f.Write(rw); err != nil {
		o.breakOff(rw, r, err)
	}
}

func (o *opportunities) fillSheet(r *http.Request, f *excelize.File, l listing, columns []listColumn) error {
	if err := f.SetSheetName("Sheet1", sheetName); err != nil {
		return fmt.Errorf("name the sheet: %w", err)
	}
	day, err := f.NewStyle(&excelize.Style{CustomNumFmt: new("yyyy-mm-dd")})
	if err != nil {
		return fmt.Errorf("make a style: %w", err)
	}
	instant, err := f.NewStyle(&excelize.Style{CustomNumFmt: new("yyyy-mm-dd hh:mm")})
	if err != nil {
		return fmt.Errorf("make a style: %w", err)
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return fmt.Errorf("make a style: %w", err)
	}
	sheet, err := f.NewStreamWriter(sheetName)
	if err != nil {
		return fmt.Errorf("begin the sheet: %w", err)
	}
	if err := sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return fmt.Errorf("freeze the heads: %w", err)
	}
	var head []any
	for _, c := range columns {
		for _, s := range c.heads {
			head = append(head, excelize.Cell{StyleID: bold, Value: s})
		}
	}
	if err := sheet.SetColWidth(1, len(head), 18); err != nil {
		return fmt.Errorf("set the widths: %w", err)
	}
	if err := sheet.SetRow("A1", head); err != nil {
		return fmt.Errorf("write the heads: %w", err)
	}
	at := 1
	record := make([]any, 0, len(head))
	err = o.rows(r, l.q, func(row *workspace.Row) error {
		record = record[:0]
		for _, c := range columns {
			for _, v := range c.export(row) {
				record = append(record, sheetCell(v, day, instant))
			}
		}
		at++
		return sheet.SetRow("A"+strconv.Itoa(at), record)
	})
	if err != nil {
		return err
	}
	if err := sheet.Flush(); err != nil {
		return fmt.Errorf("end the sheet: %w", err)
	}
	return nil
}

// sheetCell gives a value as a spreadsheet holds it: amounts as numbers and days
// as dates. A spreadsheet's numbers are exact to 15 digits; what has more stays
// text.
func sheetCell(v any, day, instant int) any {
	text := cellText(v)
	switch v := v.(type) {
	case money.Amount:
		n, err := strconv.ParseFloat(text, 64)
		if err == nil && len(strings.Trim(text, "-.")) <= 15 {
			return n
		}
	case date.Date:
		if !v.IsZero() {
			return excelize.Cell{StyleID: day, Value: v.Time()}
		}
	case time.Time:
		if !v.IsZero() {
			return excelize.Cell{StyleID: instant, Value: v.UTC()}
		}
	}
	if text == "" {
		return nil
	}
	return text
}
