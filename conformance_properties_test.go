package ebb_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// set is one change of properties, by their names in JSON.
type set map[string]any

// TestChecklist19PropertiesInTime: what is too late is refused with the code of BITS that says why, and changes nothing.
func TestChecklist19PropertiesInTime(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	suspended := func(change func(*job.Spec)) func() *ebb.Job {
		return func() *ebb.Job { return s.newJob(change) }
	}
	withFile := func() *ebb.Job { return s.newJob(nil, srv.URL) }
	resumed := func() *ebb.Job {
		j := s.newJob(nil, srv.URL)
		s.resume(j)
		s.until(j, job.Transferred)
		return j
	}
	for _, tt := range []struct {
		name   string
		job    func() *ebb.Job
		change set
		want   job.Code
	}{
		{"high performance at first", suspended(nil), set{"high_performance": true}, job.OK},
		{"high performance, with a file", withFile, set{"high_performance": true}, job.ReadOnlyAfterAddFile},
		{"maximum size before Resume", withFile, set{"max_size": 10_000}, job.OK},
		{"maximum size", resumed, set{"max_size": 10_000}, job.ReadOnlyAfterResume},
		{"dynamic content before Resume", withFile, set{"dynamic": true}, job.OK},
		{"dynamic content", resumed, set{"dynamic": true}, job.ReadOnlyAfterResume},
		{"method before Resume", withFile, set{"method": "POST"}, job.OK},
		{"method", resumed, set{"method": "POST"}, job.ReadOnlyAfterResume},
		{"the method that it has", resumed, set{"method": "get"}, job.OK},
		{"the ACL flags once all is here", resumed, set{"acl_flags": 1}, job.InvalidState},
		{"readable headers", suspended(nil), set{"headers_write_only": false}, job.ReadOnlyProperty},
		{"on demand with a method", suspended(func(s *job.Spec) { s.Method = "POST" }), set{"on_demand": true}, job.NotSupportedWithMethod},
		{"another priority with a method", suspended(func(s *job.Spec) { s.Method = "POST" }), set{"priority": "low"}, job.NotSupportedWithMethod},
		{"the rest at any time", resumed, set{
			"name": "n", "description": "d", "priority": "low", "retry_delay": "1m", "no_progress_timeout": "1h", "max_download_time": "1h",
			"inactivity_timeout": "1h", "notify_flags": 11, "min_notify_interval": "1s", "transfer_policy": "standard", "limit": 1000,
			"overwrite": true, "peer_caching": 7, "network": set{"security_flags": 0x801, "proxy": "none"},
		}, job.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := tt.job()
			before := j.Settings
			wantCode(t, "Set", j.Set(t.Context(), tt.change), tt.want)
			if err := j.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, j.Settings); tt.want != job.OK && diff != "" {
				t.Errorf("a refused change (-before +after):\n%s", diff)
			}
			if err := j.Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.until(j, job.Cancelled)
		})
	}
}

// TestConformancePropertiesInRange: each property has its bounds, and its own code for what is beyond them.
func TestConformancePropertiesInRange(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.newJob(nil)
	for _, tt := range []struct {
		name   string
		change set
		want   job.Code
	}{
		{"a long description", set{"description": strings.Repeat("ä", 1024)}, job.OK},
		{"too long a description", set{"description": strings.Repeat("ä", 1025)}, job.StringTooLong},
		{"an unknown priority", set{"priority": "urgent"}, job.InvalidArg},
		{"an unknown notify flag", set{"notify_flags": 0x40}, job.NotImplemented},
		{"an unknown security flag", set{"network": set{"security_flags": 0x20}}, job.NotImplemented},
		{"two redirect policies", set{"network": set{"security_flags": 0x300}}, job.NotImplemented},
		{"an unknown ACL flag", set{"acl_flags": 16}, job.NotImplemented},
		{"an unknown peer-caching flag", set{"peer_caching": 8}, job.NotImplemented},
		{"an unknown cost", set{"transfer_policy": "0x100"}, job.InvalidArg},
		{"no cost at all", set{"transfer_policy": "0x80000000"}, job.InvalidArg},
		{"a negative maximum size", set{"max_size": -1}, job.MaxDownloadSizeInvalid},
		{"hosts to bypass without proxies", set{"network": set{"proxy_bypass": "<local>"}}, job.InvalidArg},
		{"a list of proxies that is none", set{"network": set{"proxy": "ftp://proxy.invalid"}}, job.InvalidProxyInfo},
		{"too long a list of proxies", set{"network": set{"proxy": strings.Repeat("proxy.invalid ", 3000)}}, job.ProxyListTooLarge},
		{"a reply file of a download", set{"reply_file": s.file("reply")}, job.NotImplemented},
		{"a relative reply file", set{"reply_file": "reply"}, job.InvalidArg},
		{"a pin that is no digest", set{"network": set{"pins": []string{"cheese"}}}, job.InvalidArg},
		{"dynamic and on demand", set{"dynamic": true, "on_demand": true}, job.UnsupportedConfiguration},
	} {
		wantCode(t, tt.name, j.Set(t.Context(), tt.change), tt.want)
	}
}

// TestConformanceNestedSettings: a change of one property of the network leaves the others.
func TestConformanceNestedSettings(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.newJob(nil)
	pin := "sha256/" + strings.Repeat("A", 43) + "="
	for _, change := range []set{
		{"network": set{"security_flags": job.CheckRevocation, "pins": []string{pin}}},
		{"network": set{"proxy": "proxy.invalid:3128", "proxy_bypass": "<local>"}},
	} {
		if err := j.Set(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	want := job.Network{SecurityFlags: job.CheckRevocation, Pins: []string{pin}, Proxy: "proxy.invalid:3128", ProxyBypass: "<local>"}
	if diff := cmp.Diff(want, j.Network); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
}

// TestConformanceMaximumSize: a job that proves to be larger than it may be is in error.
func TestConformanceMaximumSize(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for name, options := range map[string][]ebbtest.Option{
		"announced": {ebbtest.Size(1000)},
		"found out": {ebbtest.Size(3 << 20), ebbtest.Chunked()},
	} {
		srv := ebbtest.NewServer(t, options...)
		j := s.newJob(func(spec *job.Spec) { spec.MaxSize = 999 }, srv.URL)
		s.resume(j)
		s.until(j, job.InError)
		if j.Error.Code != job.MaxDownloadSizeReached {
			t.Errorf("%s: %v", name, j.Error)
		}
		if err := j.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.until(j, job.Cancelled)
	}
}

// TestConformanceHeaders are sent with every request, and can be read until they are write-only; there is no way back.
func TestConformanceHeaders(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(func(spec *job.Spec) {
		spec.HeadersWriteOnly = false
		spec.Headers = []job.Header{{Name: "X-Old", Value: "1"}}
	}, srv.URL)
	if err := j.SetHeaders(t.Context(), job.Header{Name: "X-Tenant", Value: "blue"}); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Headers(t.Context()); err != nil || len(got) != 1 || got[0].Value != "blue" {
		t.Errorf("%v, %v", got, err)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	for _, r := range srv.Requests() {
		if r.Header.Get("X-Tenant") != "blue" || r.Header.Get("X-Old") != "" {
			t.Errorf("sent: %v", r.Header)
		}
	}
	if err := j.Set(t.Context(), set{"headers_write_only": true}); err != nil {
		t.Fatal(err)
	}
	_, err := j.Headers(t.Context())
	wantCode(t, "write-only headers", err, job.AccessDenied)
	if err := j.SetHeaders(t.Context()); err != nil || j.HeaderNames != nil {
		t.Errorf("cleared: %v, %v", j.HeaderNames, err)
	}
}

// TestConformanceMethod: the server is asked with it, each Resume begins anew, and every error is final.
func TestConformanceMethod(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Status(http.StatusServiceUnavailable))
	j := s.newJob(func(spec *job.Spec) { spec.Method = "post" }, srv.URL)
	if j.Method != "POST" || j.Priority != job.Foreground {
		t.Errorf("method %s, priority %v", j.Method, j.Priority)
	}
	s.resume(j)
	s.until(j, job.InError)
	if j.Error.Code != job.HTTPStatus(503) || j.Error.Class != job.Fatal {
		t.Errorf("%+v", j.Error)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	for _, r := range srv.Requests() {
		if r.Method != "POST" || r.Range != "" && r.Range != "bytes=0-" {
			t.Errorf("asked with %s, range %q", r.Method, r.Range)
		}
	}
}

// TestConformanceTemporaryName: the bytes are in the folder of the destination, under another name, until Complete.
func TestConformanceTemporaryName(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL)
	if f, err := j.File(t.Context(), 1); err != nil || f.Temporary != "" {
		t.Errorf("before the first byte: %q, %v", f.Temporary, err)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	f, err := j.File(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(f.Temporary); err != nil || fi.Size() != 1000 || s.exists("1") {
		t.Errorf("%q: %v, %v", f.Temporary, fi, err)
	}
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	if _, err := os.Stat(f.Temporary); err == nil {
		t.Error("it is still there")
	}
	if f, err := j.File(t.Context(), 1); err != nil || f.Temporary != "" {
		t.Errorf("after Complete: %q, %v", f.Temporary, err)
	}
}
