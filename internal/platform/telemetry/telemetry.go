// Package telemetry is how Tandem tells its keepers what it does: structured
// logs and Prometheus metrics. Nothing here is global.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/lmittmann/tint"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewLogger gives a logger on w: format "json", "text" (coloured when colour)
// or "auto" (text on a terminal, else JSON); level debug, info, warn or error.
func NewLogger(w io.Writer, format, level string, terminal bool) (*slog.Logger, error) {
	var lv slog.Level
	if err := lv.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("%q is not a log level: use debug, info, warn or error", level)
	}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: lv})), nil
	case "text", "auto", "":
		if format != "text" && !terminal {
			return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: lv})), nil
		}
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: lv, TimeFormat: time.TimeOnly, NoColor: !terminal})), nil
	}
	return nil, fmt.Errorf("%q is not a log format: use auto, text or json", format)
}

// Metrics are the measures of one process.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	jobs     *prometheus.HistogramVec
}

// NewMetrics gives empty measures; version is stamped on tandem_build_info.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tandem_http_request_seconds", Help: "How long requests took, by route, method and status class.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method", "class"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_remote_calls_total", Help: "Calls to outside systems, by system and outcome class."}, []string{"system", "class"}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tandem_job_seconds", Help: "How long jobs ran, by kind and outcome.",
			Buckets: prometheus.ExponentialBuckets(.005, 4, 8),
		}, []string{"kind", "outcome"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_build_info", Help: "Always 1; the label is the version.", ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.calls, m.jobs, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request notes one answered request.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, class(status)).Observe(took.Seconds())
}

// Job notes one worked job.
func (m *Metrics) Job(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}

// Handler serves the measures in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Transport counts the calls that go through next to a system.
func (m *Metrics) Transport(system string, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := next.RoundTrip(r)
		if err != nil {
			m.calls.WithLabelValues(system, "none").Inc()
			return res, err
		}
		m.calls.WithLabelValues(system, class(res.StatusCode)).Inc()
		return res, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func class(status int) string { return fmt.Sprintf("%dxx", status/100) }
