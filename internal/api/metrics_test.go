package api_test

import (
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/job"
)

// metrics reads the metrics as an administrator: by series, such as ebb_jobs{state="queued",priority="low"}.
func (s *service) metrics() map[string]float64 {
	s.t.Helper()
	a := s.as(admin).do("GET", "/v1/metrics", "")
	if got := a.header.Get("Content-Type"); a.status != http.StatusOK || got != "text/plain; version=0.0.4; charset=utf-8" {
		s.t.Fatalf("%d with Content-Type %q: %s", a.status, got, a.body)
	}
	return exposition(s.t, a.body)
}

var (
	helpLine   = regexp.MustCompile(`^# HELP (ebb_[a-z_]+) \S.*\.$`)
	typeLine   = regexp.MustCompile(`^# TYPE (ebb_[a-z_]+) (counter|gauge)$`)
	sampleLine = regexp.MustCompile(`^(ebb_[a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\[\\"n])*",?)+\})? (-?[0-9]+(?:\.[0-9]+)?|\+Inf)$`)
	labelName  = regexp.MustCompile(`([a-z]+)="(?:[^"\\]|\\.)*"`)
)

// labels are all that there are: none tells what anybody transfers, and each has few values.
var labels = []string{"version", "state", "priority", "outcome", "class", "line", "mechanism", "signal"}

// exposition reads a text as Prometheus does (exposition format 0.0.4), and checks what promtool does besides: the order of the
// lines, names and base units, and that no series comes twice.
func exposition(t testing.TB, text string) map[string]float64 {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		t.Errorf("the last line does not end: %q", text)
	}
	series, begun := map[string]float64{}, map[string]bool{}
	var helped, name string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := helpLine.FindStringSubmatch(line); m != nil {
			if helped = m[1]; begun[helped] {
				t.Errorf("%s begins twice", helped)
			}
			begun[helped] = true
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if name = m[1]; name != helped || strings.HasSuffix(name, "_total") != (m[2] == "counter") {
				t.Errorf("%q, behind the help for %q", line, helped)
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != name {
			t.Fatalf("%q is no sample of %s", line, name)
		}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				t.Errorf("%q has the label %q", line, l[1])
			}
		}
		if _, twice := series[m[1]+m[2]]; twice {
			t.Errorf("%s%s is there twice", m[1], m[2])
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		series[m[1]+m[2]] = value
	}
	return series
}

// nonzero are the series that say something here.
func nonzero(series map[string]float64) map[string]float64 {
	series = maps.Clone(series)
	maps.DeleteFunc(series, func(name string, value float64) bool {
		return value == 0 || math.IsInf(value, 0) || strings.HasPrefix(name, "ebb_build_info")
	})
	return series
}

func TestMetricsOfNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.metrics()
	if diff := cmp.Diff(map[string]float64{}, nonzero(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, there := range []string{
		`ebb_build_info{version="1.2.3"}`, `ebb_jobs{state="transient_error",priority="low"}`, `ebb_jobs_ended_total{outcome="partial"}`,
		`ebb_errors_total{class="needs_action"}`, `ebb_rate_limit_bytes_per_second`, `ebb_priority_rate_limit_bytes_per_second{priority="high"}`,
	} {
		if _, ok := got[there]; !ok {
			t.Errorf("%s is missing", there)
		}
	}
	jobs := 0
	for name := range got {
		if strings.HasPrefix(name, "ebb_jobs{") {
			jobs++
		}
	}
	if jobs != 7*4 {
		t.Errorf("%d series of jobs, want one for each state that is not final, with each priority", jobs)
	}
}

func TestMetricsOfJobs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	files := ebbtest.NewServer(t, ebbtest.Size(100_000))
	gone := ebbtest.NewServer(t, ebbtest.EveryStatus(404))
	get := func(priority, url string) job.ID {
		return s.alice.do("POST", "/v1/jobs", `{"priority": "`+priority+`", "resume": true, "files": [{"url": `+quote(url)+
			`, "local": `+quote(s.file(priority))+`}]}`).job().ID
	}
	do := func(id job.ID, what, body string, until job.State) {
		s.alice.do("POST", "/v1/jobs/"+string(id)+"/"+what, body).job()
		s.alice.until(id, until)
	}
	whole, part := get("foreground", files.URL), get("low", files.URL)
	s.alice.until(whole, job.Transferred)
	do(whole, "complete", "", job.Acknowledged)
	s.alice.until(part, job.Transferred)
	do(part, "files", `{"files": [{"url": `+quote(gone.URL)+`, "local": `+quote(s.file("gone"))+`}]}`, job.Transferred)
	do(part, "resume", "", job.InError)
	do(part, "complete", "", job.Acknowledged)
	s.alice.until(get("high", gone.URL), job.InError)
	s.alice.do("POST", "/v1/jobs", `{"priority": "normal"}`).job()
	s.alice.do("POST", "/v1/jobs", `{"priority": "normal"}`).job()
	do(s.alice.do("POST", "/v1/jobs", `{}`).job().ID, "cancel", "", job.Cancelled)
	want := map[string]float64{
		`ebb_jobs{state="suspended",priority="normal"}`: 2, `ebb_jobs{state="error",priority="high"}`: 1,
		`ebb_jobs_ended_total{outcome="acknowledged"}`: 1, `ebb_jobs_ended_total{outcome="partial"}`: 1, `ebb_jobs_ended_total{outcome="cancelled"}`: 1,
		`ebb_errors_total{class="fatal"}`: 2, `ebb_files_transferred_total`: 2,
		`ebb_transferred_bytes_total{priority="foreground"}`: 100_000, `ebb_transferred_bytes_total{priority="low"}`: 100_000,
	}
	if diff := cmp.Diff(want, nonzero(s.metrics())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetricsOfWhatRuns(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.engine.SetLimits(engine.Limits{Rate: 1 << 20})
	silent := ebbtest.NewServer(t, ebbtest.Size(100_000), ebbtest.StallBody(50_000))
	id := s.alice.do("POST", "/v1/jobs", `{"priority": "low", "resume": true, "files": [{"url": `+quote(silent.URL)+`, "local": `+quote(s.file("f"))+`}]}`).job().ID
	s.alice.until(id, job.Transferring)
	got := s.metrics()
	delete(got, `ebb_transferred_bytes_total{priority="low"}`) // as many as have come by now
	want := map[string]float64{
		`ebb_jobs{state="transferring",priority="low"}`: 1, `ebb_running_transfers`: 1, `ebb_rate_limit_bytes_per_second`: 1 << 20,
	}
	if diff := cmp.Diff(want, nonzero(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetricsAreNotForEverybody(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if why := s.alice.do("GET", "/v1/metrics", "").refused(http.StatusForbidden, job.AccessDenied); !strings.Contains(why, "administrator") {
		t.Errorf("%q does not say who may", why)
	}
}

// TestManualHasEveryMetric holds the tables of docs/metrics.md and what the service tells together.
func TestManualHasEveryMetric(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	named := func(pattern, text string) []string {
		var out []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1]+" "+m[2])
		}
		return out
	}
	s := newService(t)
	want := named(`(?m)^# TYPE (\w+) (\w+)$`, s.as(admin).do("GET", "/v1/metrics", "").body)
	if diff := cmp.Diff(want, named("(?m)^\\| `(ebb_\\w+)` \\| (counter|gauge) \\|", string(manual))); diff != "" || len(want) < 10 {
		t.Errorf("docs/metrics.md (-service +manual):\n%s", diff)
	}
}
