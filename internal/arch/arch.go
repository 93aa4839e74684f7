// Package arch answers "does the house still stand as it was drawn": it reads
// every Go file of the repository and reports what breaks the rules of the floors.
// The rules are data in rules.go; the test of this package applies them to the
// repository, and to small fixtures that each break one rule.
package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Violation is one broken rule.
type Violation struct {
	Rule string // the rule's short name, such as "floors"
	File string // path from the repository's root
	Line int
	Text string // what is wrong and how to mend it
}

// String gives the violation as "file:line: rule: text".
func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.File, v.Line, v.Rule, v.Text)
}

// file is one Go file of the repository.
type file struct {
	path, dir string
	test      bool // a test, or a package that only tests import
	ast       *ast.File
	set       *token.FileSet
	lines     int
	generated bool
}

// Check reads the Go files of the module at the root of tree (nested modules,
// testdata and node_modules left out) and gives what breaks the rules, in the
// order of the files.
func Check(tree fs.FS) ([]Violation, error) {
	module, err := modulePath(tree)
	if err != nil {
		return nil, err
	}
	var out []Violation
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if name != "." && skipped(tree, name) {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		f, err := read(tree, name)
		if err != nil {
			return err
		}
		out = append(out, checkFile(module, f)...)
		return nil
	})
	return out, err
}

func modulePath(tree fs.FS) (string, error) {
	text, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return "", fmt.Errorf("arch: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("arch: go.mod names no module")
}

func skipped(tree fs.FS, dir string) bool {
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" {
		return true
	}
	_, err := fs.Stat(tree, dir+"/go.mod")
	return err == nil
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func read(tree fs.FS, name string) (*file, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, fmt.Errorf("arch: %w", err)
	}
	f := &file{path: name, dir: path.Dir(name), set: token.NewFileSet(), lines: bytes.Count(text, []byte("\n"))}
	if f.ast, err = parser.ParseFile(f.set, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("arch: %w", err)
	}
	f.test = strings.HasSuffix(name, "_test.go") || strings.HasSuffix(path.Base(f.dir), "test") || inside(f.dir, "e2e")
	f.generated = generated.Match(text)
	return f, nil
}

func checkFile(module string, f *file) []Violation {
	var out []Violation
	report := func(rule string, at token.Pos, format string, args ...any) {
		out = append(out, Violation{Rule: rule, File: f.path, Line: f.set.Position(at).Line, Text: fmt.Sprintf(format, args...)})
	}
	name := strings.TrimSuffix(f.ast.Name.Name, "_test")
	if slices.Contains(bannedNames, name) || slices.Contains(bannedNames, path.Base(f.dir)) {
		report("names", f.ast.Name.Pos(), "a package called %s says nothing: name it after what it answers", name)
	}
	if !f.generated && f.lines > maxLines && !slices.Contains(longFiles, f.path) {
		report("length", f.ast.Pos(), "%d lines, at most %d: split it", f.lines, maxLines)
	}
	if room := domainRoom(f.dir); room != "" && !slices.Contains(domainOrder, room) {
		report("domain order", f.ast.Name.Pos(), "the domain package %s has no place in the order yet: add it to domainOrder in internal/arch/rules.go", room)
	}
	for _, spec := range f.ast.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the compiler refuses it
		}
		if rule, why := refused(module, f, imported); rule != "" {
			report(rule, spec.Pos(), "%s", why)
		}
	}
	if sqlForbidden(f) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && sqlShape.MatchString(text) {
				report("sql", lit.Pos(), "SQL stands only in the store.go of a package: %.40q", text)
			}
			return true
		})
	}
	return out
}

// refused gives the rule that forbids f to import a package, and the reason.
func refused(module string, f *file, imported string) (rule, why string) {
	for _, b := range bannedImports {
		if imported != "database/sql/driver" && inside(f.dir, b.dir) && !f.test && slices.ContainsFunc(b.imports, func(p string) bool { return inside(imported, p) }) {
			return "imports", fmt.Sprintf("%s may not import %s: %s", b.dir, imported, b.why)
		}
	}
	to, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return "", ""
	}
	if inside(to, "sandbox") && !inside(f.dir, "sandbox") && !f.test && !slices.ContainsFunc(sandboxUsers, func(d string) bool { return inside(f.dir, d) }) {
		return "sandbox", fmt.Sprintf("only %s and tests import the sandboxes, not %s", strings.Join(sandboxUsers, ", "), f.dir)
	}
	for _, l := range leaves {
		if inside(f.dir, l.dir) && inside(to, "internal") && !slices.ContainsFunc(l.may, func(d string) bool { return inside(to, d) }) {
			return "leaves", fmt.Sprintf("%s stands alone: it may not import %s", l.dir, to)
		}
	}
	from, target := floorOf(f.dir), floorOf(to)
	if from < 0 || target < 0 {
		return "", ""
	}
	if target > from {
		return "floors", fmt.Sprintf("%s is on the floor %s, above %s: imports only go down", to, floors[target], floors[from])
	}
	a, b := slices.Index(domainOrder, domainRoom(f.dir)), slices.Index(domainOrder, domainRoom(to))
	if a >= 0 && b > a && !f.test {
		return "domain order", fmt.Sprintf("%s comes after %s in domainOrder: what goes up goes through an event or an interface of %s", domainRoom(to), domainRoom(f.dir), domainRoom(f.dir))
	}
	return "", ""
}

// floorOf gives the index of the floor that dir is on, -1 when on none.
func floorOf(dir string) int {
	for i, name := range floors {
		if inside(dir, "internal/"+name) {
			return i
		}
	}
	return -1
}

// domainRoom gives the first folder below internal/domain, "" elsewhere.
func domainRoom(dir string) string {
	rest, ok := strings.CutPrefix(dir, "internal/domain/")
	if !ok {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}

func inside(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}

func sqlForbidden(f *file) bool {
	if f.test || f.generated || !inside(f.dir, "internal") && !inside(f.dir, "cmd") {
		return false
	}
	base := path.Base(f.path)
	if base == "store.go" || strings.HasPrefix(base, "store_") {
		return inside(f.dir, "internal/edge")
	}
	return !slices.ContainsFunc(sqlPlaces, func(d string) bool { return inside(f.dir, d) })
}

// A statement in capitals, or in any case with the words that follow in SQL: the
// button "Update the list" and the method "DELETE" are none.
var sqlShape = regexp.MustCompile(`(?s)^\s*(?:(?:SELECT|INSERT|UPDATE|DELETE)\s|(?i:select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s+\S+\s+where\s|with\s+\w+\s+as\s*\())`)
