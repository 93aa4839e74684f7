package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is an open-model load: requests leave at their times whether or not those
// before were answered, and each latency counts from the time at which the
// request was to leave. So a stall is felt by all that it delays.
type load struct {
	client *http.Client
	every  time.Duration
	paths  []string // taken in turn
	host   string
}

// maxWaiting ends a load that is not kept up with: four seconds of requests that
// wait say enough, and more of them would only take longer.
const maxWaiting = 200

// latencies by path, in milliseconds, sorted.
type latencies map[string][]float64

// loaded is what a load gave.
type loaded struct {
	latencies
	answered int64 // requests
	behind   bool  // the server could not keep up, and the load was ended
}

// run sends requests for as long as span. When more than maxWaiting wait for
// their answers it gives those up, sends no more and says that the server was
// left behind; what was given up counts with as long as it waited.
func (l load) run(ctx context.Context, span time.Duration) (loaded, error) {
	n, behind, answered := int(span/l.every), false, int64(0)
	var waiting atomic.Int64
	took, errs := make([]time.Duration, n), make([]error, n)
	var wg sync.WaitGroup
	asking, giveUp := context.WithCancel(ctx)
	defer giveUp()
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * l.every)
		if waiting.Load() > maxWaiting {
			n, behind = i, true
			giveUp()
			break
		}
		select {
		case <-ctx.Done():
			wg.Wait()
			return loaded{}, context.Cause(ctx)
		case <-time.After(time.Until(due)):
		}
		waiting.Add(1)
		wg.Go(func() {
			defer waiting.Add(-1)
			errs[i] = get(asking, l.client, l.host+l.paths[i%len(l.paths)])
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	for _, err := range errs[:n] {
		switch {
		case err == nil:
			answered++
		case !behind || !errors.Is(err, context.Canceled):
			return loaded{}, err
		}
	}
	out := latencies{}
	for i, d := range took[:n] {
		path := l.paths[i%len(l.paths)]
		out[path] = append(out[path], float64(d.Microseconds())/1000)
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return loaded{latencies: out, answered: answered, behind: behind}, nil
}

// all gives the latencies of all paths together.
func (l latencies) all() []float64 {
	var out []float64
	for _, list := range l {
		out = append(out, list...)
	}
	slices.Sort(out)
	return out
}

// quantile gives the nearest-rank quantile of a sorted list, 0 of an empty one.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func spread(sorted []float64) string {
	return fmt.Sprintf("p50 %.1f, p99 %.1f ms", quantile(sorted, 0.5), quantile(sorted, 0.99))
}

// get reads a page to its end. Being sent to the sign-in is a failure.
func get(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || strings.HasPrefix(resp.Request.URL.Path, "/sign-in") {
		return fmt.Errorf("GET %s answered %s from %s", req.URL.Path, resp.Status, resp.Request.URL.Path)
	}
	return nil
}
