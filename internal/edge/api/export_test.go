package api

import (
	"io"
	"log/slog"
	"net/http"
)

// WriteProblem answers with an error, as every operation does.
func WriteProblem(w http.ResponseWriter, log io.Writer, err error) {
	s := &server{log: slog.New(slog.NewTextHandler(log, nil))}
	r, rerr := http.NewRequest(http.MethodGet, Prefix, nil)
	if rerr != nil {
		panic(rerr)
	}
	s.problemOf(r.Context(), err).write(w, s.log)
}
