package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Object describes one Salesforce object as far as field mapping needs it. It
// is shared between callers: don't change it.
type Object struct {
	Name       string         `json:"name"`
	Label      string         `json:"label"`
	KeyPrefix  string         `json:"keyPrefix"`
	Custom     bool           `json:"custom"`
	Createable bool           `json:"createable"`
	Updateable bool           `json:"updateable"`
	Deletable  bool           `json:"deletable"`
	Queryable  bool           `json:"queryable"`
	Fields     []Field        `json:"fields"`
	Children   []Relationship `json:"childRelationships"`
}

// Field describes one field of an object.
type Field struct {
	Name              string          `json:"name"`
	Label             string          `json:"label"`
	Type              string          `json:"type"` // string, picklist, currency, date, datetime, reference, …
	Length            int             `json:"length"`
	Precision         int             `json:"precision"`
	Scale             int             `json:"scale"`
	Createable        bool            `json:"createable"`
	Updateable        bool            `json:"updateable"`
	Nillable          bool            `json:"nillable"`
	DefaultedOnCreate bool            `json:"defaultedOnCreate"` // Salesforce fills it in where nothing is given
	Calculated        bool            `json:"calculated"`
	Custom            bool            `json:"custom"`
	Unique            bool            `json:"unique"`
	ExternalID        bool            `json:"externalId"`
	Restricted        bool            `json:"restrictedPicklist"`
	Relationship      string          `json:"relationshipName"`
	ReferenceTo       []string        `json:"referenceTo"`
	Picklist          []PicklistValue `json:"picklistValues"`
}

// PicklistValue is one choice of a picklist.
type PicklistValue struct {
	Value   string `json:"value"`
	Label   string `json:"label"`
	Active  bool   `json:"active"`
	Default bool   `json:"defaultValue"`
}

// Relationship is a way from an object to its children.
type Relationship struct {
	Name        string `json:"relationshipName"` // "" where it can't be queried
	ChildObject string `json:"childSObject"`
	Field       string `json:"field"`
}

// Field finds a field by its API name, without regard to case.
func (o *Object) Field(name string) (Field, bool) {
	for _, f := range o.Fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

type describeCache struct {
	mu    sync.Mutex
	known map[string]described
}

type described struct {
	object   *Object
	modified string    // Last-Modified, verbatim
	asked    time.Time // when Salesforce last said so
}

// describeFor is how long a read relies on a description without asking whether it
// has changed: a field that our user comes to see is read that much later. A
// statement that is refused for a field ends that at once.
const describeFor = time.Hour

// recent is Describe without a call while the description is young.
func (c *Client) recent(ctx context.Context, object string) (*Object, error) {
	return c.within(ctx, object, describeFor)
}

// within is Describe without a call while the description is younger than age.
func (c *Client) within(ctx context.Context, object string, age time.Duration) (*Object, error) {
	c.describes.mu.Lock()
	known := c.describes.known[strings.ToLower(object)]
	c.describes.mu.Unlock()
	if known.object != nil && c.clock.Now().Sub(known.asked) < age {
		return known.object, nil
	}
	return c.Describe(ctx, object)
}

// doubt has the descriptions of objects asked for again before they are relied on.
func (c *Client) doubt(objects ...string) {
	c.describes.mu.Lock()
	defer c.describes.mu.Unlock()
	for _, object := range objects {
		if known, ok := c.describes.known[strings.ToLower(object)]; ok {
			known.asked = time.Time{}
			c.describes.known[strings.ToLower(object)] = known
		}
	}
}

// Describe gives the object's fields. What is known is asked for with
// If-Modified-Since, so that an unchanged object costs a call but no decoding.
// An object that is not there, or that the user may not see, is an error with
// the code NOT_FOUND.
func (c *Client) Describe(ctx context.Context, object string) (*Object, error) {
	if err := checkName("object", object); err != nil {
		return nil, err
	}
	key := strings.ToLower(object)
	c.describes.mu.Lock()
	known := c.describes.known[key]
	c.describes.mu.Unlock()

	cl := call{op: "describe " + object, method: http.MethodGet, path: "/sobjects/" + object + "/describe", idempotent: true}
	if known.modified != "" {
		cl.header = map[string]string{"If-Modified-Since": known.modified}
		cl.also = []int{http.StatusNotModified}
	}
	ans, err := c.do(ctx, cl)
	if err != nil {
		return nil, err
	}
	if ans.status != http.StatusNotModified {
		known = described{object: new(Object), modified: ans.header.Get("Last-Modified")}
		if err := json.Unmarshal(ans.body, known.object); err != nil || known.object.Name == "" {
			return nil, garbage(cl.op, ans, "no description of an object")
		}
	}
	known.asked = c.clock.Now()
	c.describes.mu.Lock()
	defer c.describes.mu.Unlock()
	if c.describes.known == nil {
		c.describes.known = map[string]described{}
	}
	c.describes.known[key] = known
	return known.object, nil
}

// Limit is one of the organization's allowances.
type Limit struct {
	Max       int `json:"Max"`
	Remaining int `json:"Remaining"`
}

// Limits gives the organization's allowances by name, such as
// "DailyApiRequests".
func (c *Client) Limits(ctx context.Context) (map[string]Limit, error) {
	ans, err := c.do(ctx, call{op: "limits", method: http.MethodGet, path: "/limits", idempotent: true})
	if err != nil {
		return nil, err
	}
	var limits map[string]Limit
	if err := json.Unmarshal(ans.body, &limits); err != nil {
		return nil, garbage("limits", ans, err.Error())
	}
	return limits, nil
}
