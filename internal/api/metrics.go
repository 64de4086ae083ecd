package api

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/metrics"
	"github.com/ebb-transfer/ebb/job"
)

// metrics is what others watch the service with. There is a job, file, user or host in none of the labels: whoever reads the
// numbers learns of nobody what he does.
func (s *server) metrics(a huma.API) {
	o := op("metrics", http.MethodGet, "/v1/metrics", "Numbers for Prometheus")
	o.Description = "All metrics are in docs/metrics.md. For administrators, and for the user whom the service runs as."
	o.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{
		"text/plain": {Schema: &huma.Schema{Type: huma.TypeString, Description: "the text format of Prometheus, version 0.0.4"}},
	}}
	huma.Register(a, o, s.readMetrics)
}

func (s *server) readMetrics(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if !keeper(ctx) {
		return nil, problem(job.Invalid(job.AccessDenied, "the metrics are about the jobs of all users: only the user the service runs as, or an administrator, may read them"))
	}
	m, err := s.engine.Metrics(ctx)
	if err != nil {
		return nil, problem(err)
	}
	var t metrics.Text
	t.Gauge("ebb_build_info", "Which ebb this is; the value is always 1.")
	t.Sample(1, "version", s.Version)
	writeJobs(&t, m)
	writeTransfers(&t, m)
	writeLines(&t, m.Lines)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", metrics.ContentType)
		_, _ = hc.BodyWriter().Write(t.Bytes()) // a caller who has gone needs no answer
	}}, nil
}

func writeJobs(t *metrics.Text, m engine.Metrics) {
	t.Gauge("ebb_jobs", "Jobs that are not completed or cancelled.")
	for state := job.Queued; !state.Final(); state++ {
		for _, p := range job.Priorities() {
			t.Sample(float64(m.Jobs[state][p]), "state", state.String(), "priority", p.String())
		}
	}
	t.Counter("ebb_jobs_ended_total", "Jobs that were completed, in full or in part, or cancelled.")
	t.Sample(float64(m.Acknowledged), "outcome", "acknowledged")
	t.Sample(float64(m.Partial), "outcome", "partial")
	t.Sample(float64(m.Cancelled), "outcome", "cancelled")
	t.Counter("ebb_errors_total", "Errors of jobs: transient ones pass by themselves, the others stop the job.")
	for class, n := range m.Errors {
		t.Sample(float64(n), "class", job.Class(class).String())
	}
}

func writeTransfers(t *metrics.Text, m engine.Metrics) {
	t.Gauge("ebb_running_transfers", "Files that are being transferred.")
	t.Sample(float64(m.Running))
	t.Counter("ebb_files_transferred_total", "Files that were transferred.")
	t.Sample(float64(m.Files))
	t.Counter("ebb_transferred_bytes_total", "Bytes that came from servers, those that had to be fetched again included.")
	for _, p := range job.Priorities() {
		t.Sample(float64(m.Received[p]), "priority", p.String())
	}
	t.Gauge("ebb_rate_limit_bytes_per_second", "What all jobs together may transfer.")
	t.Sample(limit(m.Limit))
	t.Gauge("ebb_priority_rate_limit_bytes_per_second", "What the jobs of a priority together may transfer, by the schedule.")
	for _, p := range job.Priorities() {
		t.Sample(limit(m.Limits[p]), "priority", p.String())
	}
}

// limit is a rate as a metric: where there is none, every rate is below it.
func limit(rate int64) float64 {
	if rate == 0 {
		return math.Inf(+1)
	}
	return float64(rate)
}

// lineGauges are what is known of a line in numbers. An unknown one is left out.
var lineGauges = []struct {
	name, help string
	of         func(engine.Line) (value float64, known bool)
}{
	{"ebb_line_window_bytes", "What the background connections may have under way.", func(l engine.Line) (float64, bool) { return float64(l.Window), true }},
	{"ebb_line_rate_bytes_per_second", "What arrives on the background connections.", func(l engine.Line) (float64, bool) { return float64(l.Rate), true }},
	{"ebb_line_capacity_bytes_per_second", "What the line is known to carry.", func(l engine.Line) (float64, bool) { return float64(l.Capacity), l.Capacity > 0 }},
	{"ebb_line_base_rtt_seconds", "Round trip without a queue.", func(l engine.Line) (float64, bool) { return l.Base.Seconds(), l.Base > 0 }},
	{"ebb_line_queueing_delay_seconds", "What the queue adds to the round trip.", func(l engine.Line) (float64, bool) { return max(l.Delay, 0).Seconds(), l.Base > 0 }},
}

func writeLines(t *metrics.Text, lines []engine.Line) {
	t.Gauge("ebb_line_connections", "Background connections that make room for others.")
	for _, l := range lines {
		t.Sample(float64(l.Connections), "line", l.Name, "mechanism", string(l.Mechanism))
	}
	lines = slices.DeleteFunc(slices.Clone(lines), func(l engine.Line) bool { return l.Spent == nil }) // the system shows nothing
	t.Gauge("ebb_line_state", "1 for what is being done with the line, 0 for the rest.")
	for _, l := range lines {
		for _, state := range slices.Sorted(maps.Keys(l.Spent)) {
			t.Sample(is(l.State == state), "line", l.Name, "state", string(state))
		}
	}
	t.Gauge("ebb_line_signal", "1 for what decided that, 0 for the rest.")
	for _, l := range lines {
		for _, signal := range slices.Sorted(maps.Keys(l.Yields)) {
			t.Sample(is(l.Signal == signal), "line", l.Name, "signal", string(signal))
		}
	}
	for _, gauge := range lineGauges {
		t.Gauge(gauge.name, gauge.help)
		for _, l := range lines {
			if value, known := gauge.of(l); known {
				t.Sample(value, "line", l.Name)
			}
		}
	}
	t.Counter("ebb_line_yields_total", "How often the line was left to others, by what said that they are there.")
	for _, l := range lines {
		for _, signal := range slices.Sorted(maps.Keys(l.Yields)) {
			t.Sample(float64(l.Yields[signal]), "line", l.Name, "signal", string(signal))
		}
	}
	t.Counter("ebb_line_state_seconds_total", "How long there were background connections, by what was done with the line.")
	for _, l := range lines {
		for _, state := range slices.Sorted(maps.Keys(l.Spent)) {
			t.Sample(l.Spent[state].Seconds(), "line", l.Name, "state", string(state))
		}
	}
}

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
