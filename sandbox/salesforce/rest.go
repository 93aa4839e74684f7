package salesforce

import (
	"net/http"
	"slices"
	"strings"
)

// dispatch sends a signed-in call to its resource.
func (s *Server) dispatch(c *call, path []string) *reply {
	if override := c.query.Get("_HttpMethod"); override != "" && c.method == http.MethodPost {
		c.method = strings.ToUpper(override)
	}
	if c.method == http.MethodHead {
		c.method = http.MethodGet
	}
	if len(path) == 0 {
		return c.get(func() *reply { return jsonReply(http.StatusOK, resources(c.root())) })
	}
	switch {
	case path[0] == "query" || path[0] == "queryAll":
		return c.get(func() *reply { return s.query(c, path) })
	case path[0] == "limits" && len(path) == 1:
		return c.get(func() *reply { return s.limits() })
	case path[0] == "recent" && len(path) == 1:
		// What a person looked at; the sandbox has no person who looks.
		return c.get(func() *reply { return jsonReply(http.StatusOK, []any{}) })
	case path[0] == "sobjects":
		return s.sobjects(c, path[1:])
	case path[0] == "composite" && len(path) == 1:
		return c.only([]string{http.MethodPost}, func() *reply { return s.composite(c) })
	case path[0] == "composite" && path[1] == "graph" && len(path) == 2 && c.tx == nil && !c.before(graphSince):
		return c.only([]string{http.MethodPost}, func() *reply { return s.graph(c) })
	case path[0] == "composite" && path[1] == "sobjects":
		return s.collections(c, path[2:])
	case path[0] == "jobs" && len(path) > 1:
		return s.bulk.serve(c, path[1], path[2:])
	default:
		return errorReply(notFound())
	}
}

func (c *call) get(answer func() *reply) *reply {
	return c.only([]string{http.MethodGet, "HEAD"}, answer)
}

func (c *call) only(methods []string, answer func() *reply) *reply {
	if !slices.Contains(methods, c.method) {
		return errorReply(wrongMethod(c.method, methods...))
	}
	return answer()
}

func resources(root string) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"query", "queryAll", "limits", "sobjects", "composite", "recent", "jobs/ingest", "jobs/query"} {
		out[name] = root + "/" + name
	}
	return out
}

// read runs f with the store held for reading (a composite holds it already).
func (s *Server) read(c *call, f func() *reply) *reply {
	if c.tx == nil {
		s.store.mu.RLock()
		defer s.store.mu.RUnlock()
	}
	return f()
}

// write runs f in a transaction: the composite's, or one of its own that is
// kept when f gives no error.
func (s *Server) write(c *call, f func(x *tx) (*reply, *apiError)) *reply {
	if c.tx != nil {
		mark := c.tx.mark()
		rep, err := f(c.tx)
		if err != nil {
			c.tx.rollbackTo(mark)
			return errorReply(err)
		}
		return rep
	}
	x := s.begin(c.userID)
	x.origin = c.origin()
	rep, err := f(x)
	if err != nil {
		x.rollback()
		return errorReply(err)
	}
	if err := x.commit(); err != nil {
		s.log.Error("the journal cannot be written", "error", err)
		return errorReply(refuse("UNKNOWN_EXCEPTION", "An unexpected error occurred: the change could not be kept").with(http.StatusInternalServerError))
	}
	return rep
}

// limits answers the organisation's allocations.
func (s *Server) limits() *reply {
	type allocation struct {
		Max       int
		Remaining int
	}
	out := map[string]allocation{}
	for name, q := range s.allocations {
		used, limit, _ := q.state(s.clock.Now())
		out[name] = allocation{limit, max(0, limit-used)}
	}
	return jsonReply(http.StatusOK, out)
}
