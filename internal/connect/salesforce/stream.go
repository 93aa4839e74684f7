package salesforce

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// stall ends a call that the other side lets wait: the time of one try counts
// until the answer begins, and anew for each piece of a body that is streamed.
// The time in which nobody reads doesn't count.
type stall struct {
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	patient time.Duration
}

// stalling gives a context that ends with context.DeadlineExceeded when the other
// side is silent for so long.
func stalling(ctx context.Context, patient time.Duration) (context.Context, *stall) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stall{cancel: cancel, patient: patient}
	s.timer = time.AfterFunc(patient, func() { cancel(context.DeadlineExceeded) })
	return ctx, s
}

func (s *stall) begin() { s.timer.Reset(s.patient) }
func (s *stall) pause() { s.timer.Stop() }

func (s *stall) end() {
	s.timer.Stop()
	s.cancel(context.Canceled)
}

// stream is the body of an answer that is read as it comes. Closing it frees its
// call's place.
type stream struct {
	body    io.ReadCloser
	plain   io.Reader // what the body holds, gzip undone
	wait    *stall
	release func()
	closed  bool
}

func newStream(resp *http.Response, wait *stall, release func()) (*stream, error) {
	s := &stream{body: resp.Body, plain: resp.Body, wait: wait, release: release}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the answer is not gzip: %w", err), resp.Body.Close())
		}
		s.plain = z
	}
	wait.pause()
	return s, nil
}

func (s *stream) Read(p []byte) (int, error) {
	s.wait.begin()
	n, err := s.plain.Read(p)
	s.wait.pause()
	return n, err
}

func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.body.Close()
	s.release()
	return err
}
