package ui

import (
	"context"
	"io"
	"time"
)

// Card is one record on a board.
type Card struct {
	ID     string
	Title  string
	Href   string
	Second string
	Amount Money
	Badges []Badge
	// Clouds are the clouds the record is registered with, or should be.
	Clouds []CloudBadge
	Owner  string
	// Due, if set, is shown as the card's clock.
	Due time.Time
	// Moves are the keys of the columns it may be moved to.
	Moves []string
}

// BoardColumn is one stage with its count and sum.
type BoardColumn struct {
	Key   string
	Title string
	Count int
	// Sums are the totals, one for each currency.
	Sums  []Money
	Cards []Card
	// MoreHref leads to the list of this column when not all cards are shown.
	MoreHref string
	// Teaches is the text of an empty column.
	Teaches string
}

// Board shows records by stage. A move is a POST of "id" and "to" to
// MoveAction: by the card's own menu, by dragging, or by Alt with an arrow key.
type Board struct {
	// Label says what stands on the board.
	Label      string
	Columns    []BoardColumn
	MoveAction string
}

// Render writes the board.
func (b Board) Render(ctx context.Context, w io.Writer) error { return b.html().Render(ctx, w) }

// targets are the columns a card may be moved to, the present one first.
func (b Board) targets(c Card, now string) []Option {
	out := []Option{}
	for _, col := range b.Columns {
		if col.Key == now {
			out = append([]Option{{Value: col.Key, Label: col.Title, Selected: true}}, out...)
			continue
		}
		for _, m := range c.Moves {
			if m == col.Key {
				out = append(out, Option{Value: col.Key, Label: col.Title})
			}
		}
	}
	return out
}
