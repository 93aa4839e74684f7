package aws

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// defaultPage is the page size when the caller names none.
const defaultPage = 20

// pageRow is one row of a list before paging: sorted by key, then by id.
type pageRow struct {
	key   string
	id    string
	value func() any
}

// cursor is what a NextToken holds: the last row given, and a digest of the
// request that it belongs to.
type cursor struct {
	Key    string `json:"k"`
	ID     string `json:"i"`
	Digest string `json:"d"`
}

// page sorts rows and gives the page that in asks for, as {member: [...],
// NextToken}. Tokens are opaque, belong to one set of filters, and go on from
// the last row seen, so that rows which come or go do not repeat others.
func page(in doc, rows []pageRow, member string, size int, descending bool) (doc, *fault) {
	slices.SortFunc(rows, func(a, b pageRow) int {
		c := strings.Compare(a.key, b.key)
		if c == 0 {
			c = strings.Compare(a.id, b.id)
		}
		if descending {
			return -c
		}
		return c
	})
	digest := listDigest(in)
	if token := in.str("NextToken"); token != "" {
		var c cursor
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || json.Unmarshal(raw, &c) != nil || c.Digest != digest {
			return nil, invalidRequest(fieldError{"NextToken", "is not a token of this list and these filters", codeValue})
		}
		from := slices.IndexFunc(rows, func(r pageRow) bool {
			order := strings.Compare(r.key, c.Key)
			if order == 0 {
				order = strings.Compare(r.id, c.ID)
			}
			return (order > 0) != descending && order != 0
		})
		if from < 0 {
			from = len(rows)
		}
		rows = rows[from:]
	}
	size = in.integer(size, "MaxResults")
	out := doc{}
	if len(rows) > size {
		last := rows[size-1]
		raw, err := json.Marshal(cursor{last.key, last.id, digest})
		if err != nil {
			return nil, internal()
		}
		out["NextToken"] = base64.RawURLEncoding.EncodeToString(raw)
		rows = rows[:size]
	}
	list := make([]any, len(rows))
	for i, r := range rows {
		list[i] = r.value()
	}
	out[member] = list
	return out, nil
}

func listDigest(in doc) string {
	d := in.with(nil, "NextToken").with(nil, "MaxResults")
	raw, err := json.Marshal(d)
	if err != nil {
		return "?"
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func (x *tx) listOpportunities(in doc) (doc, *fault) {
	type span struct{ after, before time.Time }
	instants := func(group, suffix string) span {
		var s span
		// The model has checked the form; a missing one stays zero.
		s.after, _ = time.Parse(time.RFC3339Nano, in.str(group, "After"+suffix))
		s.before, _ = time.Parse(time.RFC3339Nano, in.str(group, "Before"+suffix))
		return s
	}
	within := func(s span, t time.Time) bool {
		return (s.after.IsZero() || t.After(s.after)) && (s.before.IsZero() || t.Before(s.before))
	}
	modified, created := instants("LastModifiedDate", "LastModifiedDate"), instants("CreatedDate", "CreatedDate")
	afterClose, beforeClose := in.str("TargetCloseDate", "AfterTargetCloseDate"), in.str("TargetCloseDate", "BeforeTargetCloseDate")
	ids, stages, statuses, names := in.strs("Identifier"), in.strs("LifeCycleStage"), in.strs("LifeCycleReviewStatus"), in.strs("CustomerCompanyName")
	allows := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	sortBy := in.str("Sort", "SortBy")
	descending := in.str("Sort", "SortOrder") != "ASCENDING"
	var rows []pageRow
	for _, o := range x.s.state.opportunities {
		closeDate, company := o.Doc.str("LifeCycle", "TargetCloseDate"), o.Doc.str("Customer", "Account", "CompanyName")
		switch {
		case o.Catalog != in.str("Catalog") || o.VisibleAt.After(x.now),
			!allows(ids, o.ID), !allows(stages, o.Doc.str("LifeCycle", "Stage")), !allows(statuses, o.Review.Status),
			len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, company) }),
			!within(modified, o.Modified), !within(created, o.Created),
			afterClose != "" && closeDate <= afterClose, beforeClose != "" && (closeDate == "" || closeDate >= beforeClose):
			continue
		}
		var key string
		switch sortBy {
		case "Identifier":
			key = padded(o.ID)
		case "CustomerCompanyName":
			key = strings.ToLower(company)
		case "CreatedDate":
			key = stamp(o.Created)
		case "TargetCloseDate":
			key = closeDate
		default:
			key = stamp(o.Modified)
		}
		rows = append(rows, pageRow{key: key, id: padded(o.ID), value: func() any { return x.summaryRow(o) }})
	}
	return page(in, rows, "OpportunitySummaries", defaultPage, descending)
}

// padded makes ids such as O99 and O100 sort by their number.
func padded(id string) string {
	if len(id) < 2 || len(id) > 21 {
		return id
	}
	return id[:1] + strings.Repeat("0", 21-len(id)) + id[1:]
}

func (x *tx) summaryRow(o *opportunity) doc {
	out := doc{
		"Catalog": o.Catalog, "Id": o.ID, "Arn": x.arn(o.Catalog, "opportunity", o.ID),
		"LastModifiedDate": stamp(o.Modified), "CreatedDate": stamp(o.Created), "LifeCycle": o.lifeCycle(false),
	}
	for _, name := range []string{"PartnerOpportunityIdentifier", "OpportunityType"} {
		if v := o.Doc.str(name); v != "" {
			out[name] = v
		}
	}
	if account := doc(asMap(o.Doc.at("Customer", "Account"))); account != nil {
		row := account.pick("Industry", "OtherIndustry", "CompanyName", "WebsiteUrl")
		if address := doc(asMap(account["Address"])); address != nil {
			row["Address"] = address.pick("City", "PostalCode", "StateOrRegion", "CountryCode")
		}
		out["Customer"] = map[string]any{"Account": row}
	}
	if project := doc(asMap(o.Doc["Project"])); project != nil {
		out["Project"] = project.pick("DeliveryModels", "ExpectedCustomerSpend", "ExpectedContractDuration")
	}
	return out
}

func (x *tx) listSolutions(in doc) (doc, *fault) {
	allows := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	var rows []pageRow
	for _, e := range x.s.state.entities {
		if e.Type != relSolutions || e.Catalog != in.str("Catalog") || !allows(in.strs("Identifier"), e.ID) || !allows(in.strs("Status"), e.Status) ||
			!allows(in.strs("Category"), e.Category) || !allows(in.strs("AwsMarketplaceSolutionArn"), e.ARN) {
			continue
		}
		key := padded(e.ID)
		switch in.str("Sort", "SortBy") {
		case "Name":
			key = strings.ToLower(e.Name)
		case "Status":
			key = e.Status
		case "Category":
			key = e.Category
		case "CreatedDate":
			key = stamp(e.Created)
		}
		rows = append(rows, pageRow{key: key, id: padded(e.ID), value: func() any {
			// The model gives SolutionArn the pattern of the id, so the id stands there.
			row := doc{"Catalog": e.Catalog, "Id": e.ID, "Arn": e.ID, "Name": e.Name, "Status": e.Status, "Category": e.Category, "CreatedDate": stamp(e.Created)}
			if e.ARN != "" {
				row["AwsMarketplaceSolutionArn"] = e.ARN
			}
			return row
		}})
	}
	return page(in, rows, "SolutionSummaries", defaultPage, in.str("Sort", "SortOrder") == "DESCENDING")
}
