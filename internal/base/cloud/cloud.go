// Package cloud names the three partners Tandem sells with.
package cloud

// Cloud is a partner: aws, azure or gcp.
type Cloud string

// The clouds.
const (
	AWS   Cloud = "aws"
	Azure Cloud = "azure"
	GCP   Cloud = "gcp"
)

// All lists the clouds in the order they are shown.
func All() []Cloud { return []Cloud{AWS, Azure, GCP} }

// Valid reports whether c is one of the clouds.
func (c Cloud) Valid() bool { return c == AWS || c == Azure || c == GCP }

// Label is the partner's name for people.
func (c Cloud) Label() string {
	switch c {
	case AWS:
		return "AWS"
	case Azure:
		return "Microsoft Azure"
	case GCP:
		return "Google Cloud"
	}
	return string(c)
}

// Portal is the name of the partner's portal for people.
func (c Cloud) Portal() string {
	switch c {
	case AWS:
		return "AWS Partner Central"
	case Azure:
		return "Microsoft Partner Center"
	case GCP:
		return "Google Cloud Partner Network Hub"
	}
	return string(c)
}
