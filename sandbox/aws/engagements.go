package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	kindProject     = "CustomerProject"
	kindLead        = "Lead"
	kindProspecting = "ProspectingResult"

	maxContexts     = 5  // of an engagement (model: EngagementContexts)
	maxInteractions = 10 // of a lead (model: LeadInteractionList)
)

// us is the partner whose account the sandbox plays.
func (x *tx) us() party {
	return party{Account: x.s.opt.AccountID, Company: x.s.opt.CompanyName, Website: "https://partner.example.com"}
}

func awsParty() party {
	return party{Account: awsAccount, Company: "AWS", Website: "https://aws.amazon.com"}
}

// conform checks a value that the sandbox has built itself against a shape. It
// gives the value in the form that a request's would have, and false when it
// does not fit.
func (s *Server) conform(shape string, value any) (doc, bool) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, false
	}
	var errs []fieldError
	out := doc(asMap(s.validator.check(shape, "", plain, &errs)))
	return out, len(errs) == 0
}

func (x *tx) newEngagement(catalog, title, description string, by party) *engagement {
	return &engagement{
		ID: x.newID("eng-", 14), Catalog: catalog, Title: clip(title, 40), Description: clip(description, 255),
		CreatedBy: by.Account, Created: x.now, ModifiedBy: by.Account, Modified: x.now, Members: []party{by},
	}
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// addContext gives the engagement another context and names it.
func (e *engagement) addContext(kind string, payload doc) string {
	highest := 0
	for _, c := range e.Contexts {
		if n, err := strconv.Atoi(c.ID); err == nil {
			highest = max(highest, n)
		}
	}
	id := strconv.Itoa(highest + 1)
	e.Contexts = append(slices.Clone(e.Contexts), topic{ID: id, Kind: kind, Payload: payload})
	return id
}

// contextPayload gives the content of the union's member that must be of kind.
func contextPayload(in doc, path string, kind string) (doc, *fault) {
	payload := asMap(in["Payload"])
	content, ok := payload[kind]
	if !ok {
		return nil, brokenRule(fieldError{join(path, "Payload"), "must have the member " + kind + ", as Type says", codeValue})
	}
	return doc(asMap(content)), nil
}

func wrongContext(kind string, payload doc, path string) []fieldError {
	if date := payload.str("Project", "TargetCompletionDate"); kind == kindProject && date != "" && !realDate(date) {
		return []fieldError{{join(path, "Payload.CustomerProject.Project.TargetCompletionDate"), "is not a day of the calendar", codeFormat}}
	}
	return nil
}

func (x *tx) createEngagement(in doc) (doc, *fault) {
	return x.once("CreateEngagement", in, func() (doc, *fault) {
		if limit := x.s.opt.MaxOpenEngagements; limit > 0 {
			mine := 0
			for _, e := range x.s.state.engagements {
				if e.CreatedBy == x.s.opt.AccountID && e.Catalog == in.str("Catalog") {
					mine++
				}
			}
			if mine >= limit {
				return nil, quotaExceeded(fmt.Sprintf("The account may have %d engagements.", limit))
			}
		}
		e := x.newEngagement(in.str("Catalog"), in.str("Title"), in.str("Description"), x.us())
		for i, c := range in.list("Contexts") {
			row, path := doc(asMap(c)), fmt.Sprintf("Contexts.%d", i)
			payload, f := contextPayload(row, path, row.str("Type"))
			if f != nil {
				return nil, f
			}
			if errs := wrongContext(row.str("Type"), payload, path); len(errs) > 0 {
				return nil, brokenRule(errs...)
			}
			e.addContext(row.str("Type"), payload)
		}
		x.putEngagement(e)
		x.emitEngagementCreated(e)
		return doc{"Id": e.ID, "Arn": x.engagementARN(e.Catalog, e.ID), "ModifiedAt": stamp(e.Modified)}, nil
	})
}

func (x *tx) engagementRow(e *engagement) doc {
	out := doc{
		"Id": e.ID, "Arn": x.engagementARN(e.Catalog, e.ID), "CreatedAt": stamp(e.Created), "CreatedBy": e.CreatedBy,
		"ModifiedAt": stamp(e.Modified), "ModifiedBy": e.ModifiedBy, "MemberCount": len(e.Members),
	}
	if e.Title != "" {
		out["Title"] = e.Title
	}
	return out
}

func (x *tx) getEngagement(in doc) (doc, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	out := x.engagementRow(e)
	if e.Description != "" {
		out["Description"] = e.Description
	}
	contexts := []any{}
	for _, c := range e.Contexts {
		contexts = append(contexts, doc{"Id": c.ID, "Type": c.Kind, "Payload": doc{c.Kind: c.Payload}})
	}
	out["Contexts"] = contexts
	return out, nil
}

// listEngagements lists the engagements of which the account is a member.
func (x *tx) listEngagements(in doc) (doc, *fault) {
	var rows []pageRow
	hasKind := func(e *engagement, kinds []string) bool {
		return slices.ContainsFunc(e.Contexts, func(c topic) bool { return slices.Contains(kinds, c.Kind) })
	}
	for _, e := range x.s.state.engagements {
		kinds, not := in.strs("ContextTypes"), in.strs("ExcludeContextTypes")
		switch {
		case e.Catalog != in.str("Catalog"), !e.hasMember(x.s.opt.AccountID), !names(in.strs("EngagementIdentifier"), e.ID),
			!names(in.strs("CreatedBy"), e.CreatedBy), slices.Contains(in.strs("ExcludeCreatedBy"), e.CreatedBy),
			len(kinds) > 0 && !hasKind(e, kinds), hasKind(e, not):
			continue
		}
		rows = append(rows, pageRow{key: stamp(e.Created), id: e.ID, value: func() any {
			row := x.engagementRow(e)
			row["ContextTypes"] = e.contextTypes()
			return row
		}})
	}
	return page(in, rows, "EngagementSummaryList", defaultPage, in.str("Sort", "SortOrder") != "ASCENDING")
}

func (x *tx) listMembers(in doc) (doc, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	rows := make([]pageRow, len(e.Members))
	for i, p := range e.Members {
		rows[i] = pageRow{key: fmt.Sprintf("%06d", i), id: p.Account, value: func() any {
			row := doc{"AccountId": p.Account}
			if p.Company != "" {
				row["CompanyName"] = p.Company
			}
			if p.Website != "" {
				row["WebsiteUrl"] = p.Website
			}
			return row
		}}
	}
	return page(in, rows, "EngagementMemberList", 10, false)
}

func (x *tx) listResources(in doc) (doc, *fault) {
	var rows []pageRow
	for _, e := range x.s.state.engagements {
		if e.Catalog != in.str("Catalog") || !e.hasMember(x.s.opt.AccountID) || !matches(in.str("EngagementIdentifier"), e.ID) {
			continue
		}
		for _, r := range e.Resources {
			if !matches(in.str("ResourceIdentifier"), r.ID) || !matches(in.str("CreatedBy"), r.CreatedBy) {
				continue
			}
			rows = append(rows, pageRow{key: stamp(e.Created) + e.ID, id: padded(r.ID), value: func() any {
				return doc{"Catalog": e.Catalog, "EngagementId": e.ID, "ResourceType": resourceOpportunity, "ResourceId": r.ID, "CreatedBy": r.CreatedBy}
			}})
		}
	}
	return page(in, rows, "EngagementResourceAssociationSummaries", 100, false)
}

// matches is a filter of one value; an empty one lets all through.
func matches(filter, v string) bool { return filter == "" || filter == v }

func (x *tx) contextAnswer(e *engagement, id string) doc {
	return doc{"EngagementId": e.ID, "EngagementArn": x.engagementARN(e.Catalog, e.ID), "EngagementLastModifiedAt": stamp(e.Modified), "ContextId": id}
}

func (x *tx) createContext(in doc) (doc, *fault) {
	return x.once("CreateEngagementContext", in, func() (doc, *fault) {
		e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
		if f != nil {
			return nil, f
		}
		kind := in.str("Type")
		payload, f := contextPayload(in, "", kind)
		if f != nil {
			return nil, f
		}
		if errs := wrongContext(kind, payload, ""); len(errs) > 0 {
			return nil, brokenRule(errs...)
		}
		if len(e.Contexts) >= maxContexts {
			return nil, quotaExceeded(fmt.Sprintf("The engagement %s has %d contexts, the most it may have.", e.ID, maxContexts))
		}
		id := e.addContext(kind, payload)
		x.touchEngagement(e, x.s.opt.AccountID)
		x.emitEngagementUpdated(e)
		return x.contextAnswer(e, id), nil
	})
}

// updateContext replaces a context's content. A lead's one interaction is added
// to those it has; its qualification and AWS's insights stay when left out.
func (x *tx) updateContext(in doc) (doc, *fault) {
	e, f := x.joined(in.str("Catalog"), in.str("EngagementIdentifier"))
	if f != nil {
		return nil, f
	}
	seen, err := time.Parse(time.RFC3339Nano, in.str("EngagementLastModifiedAt"))
	if err != nil || !seen.Truncate(time.Millisecond).Equal(e.Modified.Truncate(time.Millisecond)) {
		return nil, conflict("The engagement was modified by another request. The EngagementLastModifiedAt submitted (" + in.str("EngagementLastModifiedAt") + ") is not the current one. Get the engagement and try again.")
	}
	if f := x.changeContext(e, in, x.s.opt.AccountID); f != nil {
		return nil, f
	}
	return x.contextAnswer(e, in.str("ContextIdentifier")), nil
}

func (x *tx) changeContext(e *engagement, in doc, by string) *fault {
	id, kind := in.str("ContextIdentifier"), in.str("Type")
	at := slices.IndexFunc(e.Contexts, func(c topic) bool { return c.ID == id })
	if at < 0 {
		return notFound("Context", id)
	}
	next := e.Contexts[at]
	if kind != next.Kind {
		return brokenRule(fieldError{"Type", "the context is a " + next.Kind, codeValue})
	}
	payload, f := contextPayload(in, "", kind)
	if f != nil {
		return f
	}
	if errs := wrongContext(kind, payload, ""); len(errs) > 0 {
		return brokenRule(errs...)
	}
	if kind == kindLead {
		interactions := next.Payload.list("Interactions")
		if more := payload["Interaction"]; more != nil {
			if len(interactions) >= maxInteractions {
				return quotaExceeded(fmt.Sprintf("The lead has %d interactions, the most it may have.", maxInteractions))
			}
			interactions = append(slices.Clone(interactions), more)
		}
		payload = payload.with(nil, "Interaction").with(interactions, "Interactions")
		for _, name := range []string{"QualificationStatus", "Insights"} {
			if payload[name] == nil && next.Payload[name] != nil {
				payload[name] = next.Payload[name]
			}
		}
	}
	next.Payload = payload
	e.Contexts = slices.Clone(e.Contexts)
	e.Contexts[at] = next
	x.touchEngagement(e, by)
	x.emitEngagementUpdated(e)
	return nil
}
