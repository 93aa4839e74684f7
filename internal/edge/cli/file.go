package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// fileSettings is what a configuration file sets, by the name of the flag, or by
// the command and the flag ("sync-limit"), which goes before. Settings that begin
// with the same word may be nested: salesforce: {url: …} is salesforce-url.
type fileSettings map[string]any

// loadFile reads a configuration file.
func loadFile(r io.Reader) (kong.Resolver, error) {
	tree := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&tree); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	s := fileSettings{}
	s.flatten("", tree)
	return s, nil
}

func (s fileSettings) flatten(prefix string, tree map[string]any) {
	for name, v := range tree {
		if sub, ok := v.(map[string]any); ok {
			s.flatten(prefix+name+"-", sub)
			continue
		}
		s[prefix+name] = v
	}
}

// Resolve gives the value of a flag, nil when the file does not set it.
func (s fileSettings) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range []string{commandPath(parent.Node()) + flag.Name, flag.Name} {
		if v, ok := s[name]; ok {
			return v, nil
		}
	}
	return nil, nil
}

// Validate refuses names that no command knows: a typing error must not pass as
// a setting that has no effect.
func (s fileSettings) Validate(a *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(a, func(v kong.Visitable, next kong.Next) error {
		if f, ok := v.(*kong.Flag); ok {
			known[f.Name] = true
		}
		if n, ok := v.(*kong.Node); ok {
			for _, f := range n.Flags {
				known[commandPath(n)+f.Name] = true
			}
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !known[name] {
			return fmt.Errorf("the configuration file sets %q, which is no setting; see tandem serve --help for their names", name)
		}
	}
	return nil
}

// commandPath is a command's words, each followed by a dash.
func commandPath(n *kong.Node) string {
	path := ""
	for ; n != nil && n.Type != kong.ApplicationNode; n = n.Parent {
		path = strings.ToLower(n.Name) + "-" + path
	}
	return path
}
