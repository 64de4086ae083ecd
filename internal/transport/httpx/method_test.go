package httpx

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// TestMethods: another method than GET is sent once, without a range, and the body of any success is the file.
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method string
		status int
		body   string
	}{
		{"POST", 200, "made for you"},
		{"POST", 201, "made for you"},
		{"PUT", 202, "later"},
		{"REPORT", 207, "<multistatus/>"},
		{"DELETE", 204, ""},
		{"HEAD", 200, ""},
	} {
		srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tt.status == 200 && tt.body == "" {
				w.Header().Set("Content-Length", "1000")
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})))
		got, m, err := download(t, transport.Source{URL: srv.URL, Method: tt.method}, 1000, version)
		if err != nil || string(got) != tt.body || m.Offset != 0 {
			t.Errorf("%s %d: %q, meta %+v, error %v", tt.method, tt.status, got, m, err)
		}
		all := srv.Requests()
		if len(all) != 1 || all[0].Method != tt.method || all[0].Range != "" {
			t.Errorf("%s %d: %+v", tt.method, tt.status, all)
		}
	}
}

// TestMethodsAreNotRepeated: what a request did when its answer got lost nobody knows.
func TestMethodsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]ebbtest.Option{
		"hangs up": ebbtest.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })),
		"500":      ebbtest.EveryStatus(500), "206": ebbtest.EveryStatus(206), "416": ebbtest.EveryStatus(416),
		"505": ebbtest.EveryStatus(505),
	} {
		for _, secure := range []bool{false, true} {
			options := []ebbtest.Option{option}
			if secure {
				options = append(options, ebbtest.TLS())
			}
			srv := ebbtest.NewServer(t, options...)
			src := transport.Source{URL: srv.URL, Method: "POST"}
			if secure {
				src.Network.CACert = srv.CACert()
			}
			if _, _, err := download(t, src, 0, job.Validator{}); err == nil {
				t.Errorf("%s: no error", name)
			}
			if n := len(srv.Requests()); n != 1 {
				t.Errorf("%s, TLS %v: sent %d times", name, secure, n)
			}
		}
	}
	srv := ebbtest.NewServer(t, ebbtest.HTTP2Only())
	if _, _, err := download(t, transport.Source{URL: srv.URL, Method: "POST", Network: job.Network{CACert: srv.CACert()}}, 0, job.Validator{}); err != nil {
		t.Errorf("HTTP/2 only: %v", err)
	}
}

// TestRedirectedMethods are those of browsers.
func TestRedirectedMethods(t *testing.T) {
	t.Parallel()
	var got []string
	for _, method := range []string{"", "POST", "PUT", "HEAD"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			srv := ebbtest.NewServer(t, ebbtest.Redirects(1, status))
			if _, _, err := download(t, transport.Source{URL: srv.URL, Method: method}, 0, job.Validator{}); err != nil {
				t.Errorf("%s %d: %v", method, status, err)
				continue
			}
			all := srv.Requests()
			got = append(got, strings.Join([]string{all[0].Method, strconv.Itoa(status), all[1].Method}, " "))
		}
	}
	want := []string{
		"GET 301 GET", "GET 302 GET", "GET 303 GET", "GET 307 GET", "GET 308 GET",
		"POST 301 GET", "POST 302 GET", "POST 303 GET", "POST 307 POST", "POST 308 POST",
		"PUT 301 PUT", "PUT 302 PUT", "PUT 303 GET", "PUT 307 PUT", "PUT 308 PUT",
		"HEAD 301 HEAD", "HEAD 302 HEAD", "HEAD 303 HEAD", "HEAD 307 HEAD", "HEAD 308 HEAD",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
