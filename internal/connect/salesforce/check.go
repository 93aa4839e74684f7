package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Need is what a feature wants of one object. Write fields have to be
// createable and updateable by our user; ExternalID, if set, has to be marked
// as an external id in Salesforce.
type Need struct {
	Object     string
	Read       []string
	Write      []string
	ExternalID string
}

// Finding is one thing that is missing, in words for an administrator.
type Finding struct {
	Object  string `json:"object"`
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"` // object_missing, object_not_writable, field_missing, field_not_writable, not_external_id
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

// Report is the result of a check that could be made.
type Report struct {
	Identity Identity
	Usage    Usage // zero if Salesforce told none
	Took     time.Duration
	Findings []Finding // empty if everything is there
}

// Ping signs in and makes one call.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.Limits(ctx)
	return err
}

// Check signs in, finds the API version and looks for what the needs name. The
// error is one that kept it from looking; what is missing is in the report.
func (c *Client) Check(ctx context.Context, needs []Need) (Report, error) {
	began := c.clock.Now()
	var r Report
	var err error
	if r.Identity, err = c.Identity(ctx); err != nil {
		return r, err
	}
	if err = c.Ping(ctx); err != nil {
		return r, err
	}
	for _, n := range needs {
		o, err := c.Describe(ctx, n.Object)
		if re := problem.RemoteOf(err); re != nil && (re.Status == http.StatusNotFound || re.Status == http.StatusForbidden) && re.Code != codeRequestLimit {
			r.Findings = append(r.Findings, Finding{
				Object: n.Object, Code: "object_missing",
				Message: fmt.Sprintf("There is no object %s, or our user may not see it", n.Object),
				Mend:    packaged(n.Object, "Enable the object, or give the integration user's permission set access to it"),
			})
			continue
		}
		if err != nil {
			return r, err
		}
		r.Findings = append(r.Findings, missing(n, o)...)
	}
	// Renewed on the way, the session may be another.
	if r.Identity, err = c.Identity(ctx); err != nil {
		return r, err
	}
	r.Usage, _ = c.Usage()
	r.Took = c.clock.Now().Sub(began)
	return r, nil
}

// packaged says how to mend what is missing: what is Tandem's own comes with its
// package.
func packaged(name, otherwise string) string {
	if strings.HasPrefix(name, "CoSell_") {
		return "Deploy Tandem's package (tandem salesforce package) and assign its permission set Tandem_Integration to the integration user"
	}
	return otherwise
}

func missing(n Need, o *Object) []Finding {
	var out []Finding
	seen := map[string]bool{}
	look := func(name string) (Field, bool) {
		f, ok := o.Field(name)
		if !ok && !seen[name] {
			seen[name] = true
			out = append(out, Finding{
				Object: n.Object, Field: name, Code: "field_missing",
				Message: fmt.Sprintf("%s has no field %s, or our user may not see it", n.Object, name),
				Mend:    packaged(name, "Create the field, map another one, or grant field-level read access"),
			})
		}
		return f, ok
	}
	if (len(n.Write) > 0 || n.ExternalID != "") && (!o.Createable || !o.Updateable) {
		out = append(out, Finding{
			Object: n.Object, Code: "object_not_writable", Message: fmt.Sprintf("Our user may not create and edit records of %s", n.Object),
			Mend: packaged(n.Object, "Grant create and edit access to the object in the integration user's permission set"),
		})
	}
	for _, name := range n.Read {
		look(name)
	}
	for _, name := range n.Write {
		if f, ok := look(name); ok && (!f.Createable || !f.Updateable) {
			out = append(out, Finding{
				Object: n.Object, Field: name, Code: "field_not_writable",
				Message: fmt.Sprintf("Our user may not write %s.%s", n.Object, name),
				Mend:    packaged(n.Object, "Grant field-level edit access, or map a field that is no formula"),
			})
		}
	}
	if n.ExternalID != "" {
		if f, ok := look(n.ExternalID); ok && !f.Createable && o.Createable && !slices.Contains(n.Write, n.ExternalID) {
			out = append(out, Finding{
				Object: n.Object, Field: n.ExternalID, Code: "field_not_writable", Message: fmt.Sprintf("Our user may not write %s.%s", n.Object, n.ExternalID),
				Mend: packaged(n.ExternalID, "Grant field-level edit access"),
			})
		} else if ok && !f.ExternalID {
			out = append(out, Finding{
				Object: n.Object, Field: n.ExternalID, Code: "not_external_id",
				Message: fmt.Sprintf("%s.%s is not marked as an external id", n.Object, n.ExternalID),
				Mend:    packaged(n.ExternalID, "Mark the field as External ID and Unique in Salesforce's setup"),
			})
		}
	}
	return out
}
