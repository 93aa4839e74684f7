package connection

// Tool is another co-sell tool in the CRM's organisation. Read says that what it
// registered is read from Object, so that nothing is registered twice.
type Tool struct {
	Name   string
	Object string
	Read   bool
}
