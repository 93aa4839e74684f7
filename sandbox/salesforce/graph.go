package salesforce

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What one call may hold (REST API guide, Composite Graph Limits).
const (
	graphSince    = 50 // the release that has the resource
	graphsMost    = 75
	nodesMost     = 500
	depthMost     = 15
	kindsMost     = 15 // nodes that differ in method, version or object
	graphFailures = 14 // more, and the other graphs are halted
)

var graphName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_]{0,39}$`)

type graphBody struct {
	ID       string       `json:"graphId"`
	Requests []subrequest `json:"compositeRequest"`
}

type graphAnswer struct {
	ID           string `json:"graphId"`
	Response     nodes  `json:"graphResponse"`
	IsSuccessful bool   `json:"isSuccessful"`
}

type nodes struct {
	Responses []subresponse `json:"compositeResponse"`
}

// graph answers POST /composite/graph: each graph is one transaction, in which
// nodes may use what others answered, whatever their order.
func (s *Server) graph(c *call) *reply {
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	var body struct {
		Graphs []graphBody `json:"graphs"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return errorReply(parserError(err, 0))
	}
	orders, err := checkGraphs(body.Graphs)
	if err != nil {
		return errorReply(err)
	}
	out := make([]graphAnswer, len(body.Graphs))
	failures := 0
	for i, g := range body.Graphs {
		if failures > graphFailures {
			out[i] = graphAnswer{ID: g.ID, Response: nodes{make([]subresponse, len(g.Requests))}}
			halt(out[i].Response.Responses, g.Requests, -1)
			continue
		}
		out[i] = s.oneGraph(c, g, orders[i])
		if !out[i].IsSuccessful {
			failures++
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"graphs": out})
}

// oneGraph works the nodes in an order in which each comes after those it needs.
func (s *Server) oneGraph(c *call, g graphBody, order []int) graphAnswer {
	out := graphAnswer{ID: g.ID, Response: nodes{make([]subresponse, len(g.Requests))}}
	failed := -1
	rep := s.write(c, func(x *tx) (*reply, *apiError) {
		run := compositeRun{s: s, outer: c, x: x, answers: map[string]any{}}
		for _, i := range order {
			out.Response.Responses[i] = run.one(g.Requests[i])
			if out.Response.Responses[i].HTTPStatusCode >= 400 {
				failed = i
				return nil, refuse("PROCESSING_HALTED", "")
			}
		}
		return &reply{status: http.StatusOK}, nil
	})
	switch {
	case failed >= 0:
		halt(out.Response.Responses, g.Requests, failed)
	case rep.status != http.StatusOK: // it could not be kept
		for i := range out.Response.Responses {
			out.Response.Responses[i] = subresponse{rep.body, map[string]string{}, rep.status, g.Requests[i].ReferenceID}
		}
	default:
		out.IsSuccessful = true
	}
	return out
}

// checkGraphs refuses what is too much or not a graph, and gives for each graph
// the order in which its nodes can be worked.
func checkGraphs(graphs []graphBody) ([][]int, *apiError) {
	if len(graphs) == 0 {
		return nil, refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [graphs]").on("graphs")
	}
	if len(graphs) > graphsMost {
		return nil, refuse("LIMIT_EXCEEDED", "Limit exceeded: the request has %d graphs, more than %d", len(graphs), graphsMost)
	}
	seen, kinds, total := map[string]bool{}, map[string]bool{}, 0
	orders := make([][]int, len(graphs))
	for i, g := range graphs {
		switch {
		case !graphName.MatchString(g.ID):
			return nil, refuse("INVALID_INPUT", "Provided graphId '%s' is not valid. It begins with a letter or digit and has up to 40 letters, digits and underscores", g.ID)
		case seen[g.ID]:
			return nil, refuse("INVALID_INPUT", "Provided graphId '%s' is not unique", g.ID)
		case len(g.Requests) == 0:
			return nil, refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [compositeRequest]").on("compositeRequest")
		}
		seen[g.ID] = true
		if total += len(g.Requests); total > nodesMost {
			return nil, refuse("LIMIT_EXCEEDED", "Limit exceeded: the request has more than %d nodes", nodesMost)
		}
		if err := checkReferences(g.Requests); err != nil {
			return nil, err
		}
		for _, sub := range g.Requests {
			kind, ok := nodeKind(sub)
			if !ok {
				return nil, refuse("INVALID_INPUT", "The node '%s' cannot be %s %s: a graph takes rows of sObjects by id or external id", sub.ReferenceID, sub.Method, sub.URL)
			}
			kinds[kind] = true
		}
		if len(kinds) > kindsMost {
			return nil, refuse("LIMIT_EXCEEDED", "Limit exceeded: the request has more than %d different nodes", kindsMost)
		}
		var err *apiError
		if orders[i], err = orderNodes(g); err != nil {
			return nil, err
		}
	}
	return orders, nil
}

// nodeKind says what makes a node different from others: method, version and
// object. ok is false where a graph does not take the call.
func nodeKind(sub subrequest) (kind string, ok bool) {
	path, _, _ := strings.Cut(sub.URL, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 5 || parts[0] != "services" || parts[1] != "data" || parts[3] != "sobjects" {
		return "", false
	}
	method := strings.ToUpper(sub.Method)
	takes := map[int][]string{
		5: {http.MethodPost}, 6: {http.MethodGet, http.MethodPatch, http.MethodDelete},
		7: {http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
	}[len(parts)]
	return method + " " + parts[2] + " " + strings.ToLower(parts[4]), slices.Contains(takes, method)
}

// orderNodes sorts a graph's nodes so that each comes after those that it
// refers to, and refuses circles and chains that are too long.
func orderNodes(g graphBody) ([]int, *apiError) {
	at := map[string]int{}
	for i, sub := range g.Requests {
		at[sub.ReferenceID] = i
	}
	order := make([]int, 0, len(g.Requests))
	depth := make([]int, len(g.Requests)) // 0: not seen; -1: on the way
	var visit func(i int) *apiError
	visit = func(i int) *apiError {
		if depth[i] > 0 {
			return nil
		}
		if depth[i] < 0 {
			return refuse("INVALID_INPUT", "The graph '%s' refers in a circle, through '%s'", g.ID, g.Requests[i].ReferenceID)
		}
		depth[i] = -1
		deepest := 0
		for _, m := range reference.FindAllStringSubmatch(g.Requests[i].URL+" "+string(g.Requests[i].Body), -1) {
			on, known := at[m[1]]
			if !known {
				continue // the node itself is refused when its turn comes
			}
			if err := visit(on); err != nil {
				return err
			}
			deepest = max(deepest, depth[on])
		}
		depth[i] = deepest + 1
		if depth[i] > depthMost {
			return refuse("LIMIT_EXCEEDED", "Limit exceeded: the graph '%s' is deeper than %d nodes", g.ID, depthMost)
		}
		order = append(order, i)
		return nil
	}
	for i := range g.Requests {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return order, nil
}
