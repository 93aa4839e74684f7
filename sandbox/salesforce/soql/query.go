// Package soql answers one question for the Salesforce sandbox: which records,
// in which order and shape, does this SOQL query give? It holds a hand-written
// lexer and recursive-descent parser ([Parse]), a checker and compiler over a
// schema ([Prepare]) and an evaluator ([Plan.Run]) whose results are rendered
// one record at a time ([Result.Record]). Errors have Salesforce's codes and
// message shapes ([Error]).
//
// A [Source] that keeps an index on a text field must look values up without
// regard to case, because SOQL compares text that way; ids are always asked
// for in their 18-character form.
package soql

// Query is a parsed SOQL statement or sub-select.
type Query struct {
	// Text is the whole statement; every Pos is a byte offset into it.
	Text     string
	Pos      int
	Select   []SelectItem
	From     []FromItem // the object, then (rarely) aliases of its parents: FROM Contact c, c.Account a
	Scope    string     // USING SCOPE, as written; "" when absent
	Where    Condition
	With     []With
	GroupBy  []*Expr
	Grouping Grouping
	Having   Condition
	OrderBy  []OrderItem
	Limit    *int
	Offset   *int
	For      []string // VIEW, REFERENCE
	Update   []string // TRACKING, VIEWSTAT
	AllRows  bool

	limitPos, offsetPos, allRowsPos, scopePos int
}

// Grouping is the form of a GROUP BY.
type Grouping string

// The forms of GROUP BY.
const (
	GroupPlain  Grouping = ""
	GroupRollup Grouping = "ROLLUP"
	GroupCube   Grouping = "CUBE"
)

// FromItem is one name in FROM with its alias. Path has several parts for
// "Account.Contacts" in a sub-select and for parent aliases.
type FromItem struct {
	Pos   int
	Path  []string
	Alias string
}

// SelectItem is one element of the SELECT list; exactly one of Expr, Sub,
// TypeOf and Fields is set.
type SelectItem struct {
	Pos    int
	Expr   *Expr
	Alias  string
	Sub    *Query
	TypeOf *TypeOf
	Fields string // ALL, STANDARD or CUSTOM for FIELDS(…)
}

// TypeOf is TYPEOF What WHEN Account THEN Phone ELSE Name END.
type TypeOf struct {
	Pos   int
	Path  []string
	Whens []TypeOfWhen
	Else  []*Expr
}

// TypeOfWhen is one WHEN … THEN … of a TYPEOF.
type TypeOfWhen struct {
	Pos    int
	Object string
	Fields []*Expr
}

// Expr is a field path or a function call.
type Expr struct {
	Pos  int
	Path []string // a field: Account.Owner.Name
	Func string   // upper case; "" for a field
	Args []*Expr
	Geo  *Geo // DISTANCE only
}

// Geo is the place and the unit of DISTANCE(field, GEOLOCATION(lat, long), unit).
type Geo struct {
	Latitude, Longitude float64
	Unit                string // mi or km
}

// Condition is a WHERE or HAVING tree: *And, *Or, *Not or *Compare.
type Condition interface{ condition() }

// And holds when all its terms hold.
type And struct{ Terms []Condition }

// Or holds when one of its terms holds.
type Or struct{ Terms []Condition }

// Not holds when its term does not.
type Not struct{ Term Condition }

// Compare is one comparison; Values has one element except for IN, NOT IN,
// INCLUDES and EXCLUDES; Sub is set for semi-joins and anti-joins.
type Compare struct {
	Left   *Expr
	Op     Operator
	Values []Literal
	Sub    *Query
}

func (*And) condition()     {}
func (*Or) condition()      {}
func (*Not) condition()     {}
func (*Compare) condition() {}

// Operator is a comparison operator.
type Operator string

// The comparison operators ("<>" is read as "!=").
const (
	OpEqual        Operator = "="
	OpNotEqual     Operator = "!="
	OpLess         Operator = "<"
	OpLessEqual    Operator = "<="
	OpGreater      Operator = ">"
	OpGreaterEqual Operator = ">="
	OpLike         Operator = "LIKE"
	OpIn           Operator = "IN"
	OpNotIn        Operator = "NOT IN"
	OpIncludes     Operator = "INCLUDES"
	OpExcludes     Operator = "EXCLUDES"
)

// LiteralKind says what a literal is.
type LiteralKind int

// The kinds of literals.
const (
	LiteralNull LiteralKind = iota
	LiteralString
	LiteralInt
	LiteralFloat
	LiteralBool
	LiteralDate     // 2026-11-24
	LiteralDateTime // 2026-11-24T10:00:00Z
	LiteralRange    // TODAY, LAST_N_DAYS:7
	LiteralCurrency // USD5000
)

// Literal is a constant in a condition.
type Literal struct {
	Pos      int
	Kind     LiteralKind
	Text     string  // string: decoded; date: as written; date literal: its name in capitals
	Raw      string  // string: between the quotes, escapes kept (LIKE reads these)
	Number   float64 // int, float, currency
	Bool     bool
	Millis   int64  // date-time: milliseconds since 1970
	N        int    // date literal: the number after the colon
	Currency string // currency: the ISO code in capitals
}

// With is one WITH clause: SECURITY_ENFORCED, USER_MODE, SYSTEM_MODE or DATA
// CATEGORY.
type With struct {
	Pos        int
	Kind       string
	Categories []Category
}

// Category is one filter of WITH DATA CATEGORY.
type Category struct {
	Group    string
	Selector string // AT, ABOVE, BELOW, ABOVE_OR_BELOW
	Names    []string
}

// OrderItem is one key of ORDER BY. NullsFirst is nil when not stated.
type OrderItem struct {
	Expr       *Expr
	Descending bool
	NullsFirst *bool
}
