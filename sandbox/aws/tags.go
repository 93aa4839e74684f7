package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxTags is how many tags a resource holds (model: TagList).
const maxTags = 200

func tagMap(list []any) (map[string]string, *fault) {
	out := map[string]string{}
	for i, item := range list {
		t := doc(asMap(item))
		key := t.str("Key")
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalidRequest(fieldError{fmt.Sprintf("Tags.%d.Key", i), `must not begin with "aws:"`, codeValue})
		}
		if _, twice := out[key]; twice {
			return nil, invalidRequest(fieldError{fmt.Sprintf("Tags.%d.Key", i), "is given twice", codeDuplicate})
		}
		out[key] = t.str("Value")
	}
	return out, nil
}

// tagged checks that the resource exists: an opportunity or an entity of this
// account, named arn:…:catalog/<catalog>/<kind>/<id>.
func (x *tx) tagged(in doc) (string, *fault) {
	arn := in.str("ResourceArn")
	parts := strings.Split(arn, "/")
	if len(parts) == 4 && x.exists(parts[1], parts[2], parts[3]) && arn == x.arn(parts[1], parts[2], parts[3]) {
		return arn, nil
	}
	return "", notFound("Resource", arn)
}

// exists says whether a resource that can carry tags is there.
func (x *tx) exists(catalog, kind, id string) bool {
	st := x.s.state
	switch kind {
	case "opportunity":
		return st.opportunities[id] != nil && st.opportunities[id].Catalog == catalog
	case "solution":
		_, ok := st.entities[Entity{Catalog: catalog, Type: relSolutions, ID: id}.key()]
		return ok
	case "resource-snapshot-job":
		return st.jobs[id] != nil && st.jobs[id].Catalog == catalog
	}
	t := st.tasks[id]
	return t != nil && x.taskARN(t) == x.arn(catalog, kind, id)
}

// tagNew tags a resource with the tags of the request that makes it.
func (x *tx) tagNew(in doc, arn string) *fault {
	list := in.list("Tags")
	if len(list) == 0 {
		return nil
	}
	tags, f := tagMap(list)
	if f == nil {
		x.out.Tags = append(x.out.Tags, tagging{arn, tags})
	}
	return f
}

func (x *tx) tagResource(in doc) (doc, *fault) {
	arn, f := x.tagged(in)
	if f != nil {
		return nil, f
	}
	add, f := tagMap(in.list("Tags"))
	if f != nil {
		return nil, f
	}
	tags := maps.Clone(x.s.state.tags[arn])
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, add)
	if len(tags) > maxTags {
		return nil, brokenRule(fieldError{"Tags", fmt.Sprintf("a resource has at most %d tags", maxTags), codeTooMany})
	}
	x.out.Tags = append(x.out.Tags, tagging{arn, tags})
	return doc{}, nil
}

func (x *tx) untagResource(in doc) (doc, *fault) {
	arn, f := x.tagged(in)
	if f != nil {
		return nil, f
	}
	tags := maps.Clone(x.s.state.tags[arn])
	for _, k := range in.strs("TagKeys") {
		delete(tags, k)
	}
	x.out.Tags = append(x.out.Tags, tagging{arn, tags})
	return doc{}, nil
}

func (x *tx) listTags(in doc) (doc, *fault) {
	arn, f := x.tagged(in)
	if f != nil {
		return nil, f
	}
	tags := x.s.state.tags[arn]
	list := make([]any, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, map[string]any{"Key": k, "Value": tags[k]})
	}
	return doc{"Tags": list}, nil
}
