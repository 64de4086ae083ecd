package httpx

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const short = job.Duration(80 * time.Millisecond)

// TestStalls: at each stage the wait ends, and the error names the stage.
func TestStalls(t *testing.T) {
	t.Parallel()
	mute := ebbtest.Mute(t)
	server := func(o ...ebbtest.Option) string { return ebbtest.NewServer(t, o...).URL }
	tests := []struct {
		name    string
		url     string
		network job.Network
		text    string
	}{
		{"TLS handshake", "https://" + mute, job.Network{ConnectTimeout: short}, "TLS handshake"},
		{"header", "http://" + mute, job.Network{StallTimeout: short}, "header"},
		{"header of a server", server(ebbtest.StallHeader()), job.Network{StallTimeout: short}, "header"},
		{"body", server(ebbtest.StallBody(1000)), job.Network{StallTimeout: short}, "body"},
		{"body from its start", server(ebbtest.StallBody(0)), job.Network{StallTimeout: short}, "body"},
		{"CONNECT", "https://server.example", job.Network{StallTimeout: short, Proxy: "http://" + mute}, "proxy"},
		{"SOCKS", "https://server.example", job.Network{StallTimeout: short, Proxy: "socks5://" + mute}, "proxy"},
		{"TLS of a proxy", "http://server.example", job.Network{ConnectTimeout: short, Proxy: "https://" + mute}, "TLS handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.network.Proxy = cmpOr(tt.network.Proxy, "none")
			started := time.Now()
			_, _, err := download(t, transport.Source{URL: tt.url, Network: tt.network}, 0, job.Validator{})
			e := asJobError(t, err)
			if e.Code != job.RequestTimeout || e.Class != job.Transient || !strings.Contains(e.Text, tt.text) {
				t.Errorf("code %v, class %v, text %q", e.Code, e.Class, e.Text)
			}
			// The upper bound is far off, for slow machines, but below every default.
			if took := time.Since(started); took < time.Duration(short)-5*time.Millisecond || took > 8*time.Second {
				t.Errorf("gave up after %v, want %v", took, short)
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// TestSlowIsNotStalled: bytes that keep coming are waited for, and so is a reader that takes its time.
func TestSlowIsNotStalled(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(30_000), ebbtest.Rate(100_000))
	src := transport.Source{URL: srv.URL, Network: job.Network{StallTimeout: short}}
	body, _, err := newDownloader(t).Open(t.Context(), src, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 15_000)); err != nil {
		t.Fatal(err)
	}
	pause := time.NewTimer(3 * time.Duration(short)) // the reader's own delay is what is tested
	<-pause.C
	if rest, err := io.ReadAll(body); err != nil || len(rest) != 15_000 {
		t.Errorf("%d bytes, error %v", len(rest), err)
	}
}

func TestCancelEndsEveryStage(t *testing.T) {
	t.Parallel()
	mute := ebbtest.Mute(t)
	for name, src := range map[string]transport.Source{
		"TLS":    {URL: "https://" + mute},
		"header": {URL: "http://" + mute},
		"body":   {URL: ebbtest.NewServer(t, ebbtest.StallBody(10)).URL},
		"proxy":  {URL: "https://server.example", Network: job.Network{Proxy: "http://" + mute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, errors.New("enough"))
			defer cancel()
			body, _, err := newDownloader(t).Open(ctx, src, 0, job.Validator{})
			if err == nil {
				defer body.Close()
				_, err = io.ReadAll(body)
			}
			if e := asJobError(t, err); !errors.Is(err, context.Cause(ctx)) || e.Class != job.Transient {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestStallGuard(t *testing.T) {
	t.Parallel()
	expired := make(chan struct{}, 1)
	g := newStallGuard(20*time.Millisecond, func() { expired <- struct{}{} })
	for range 5 { // many short waits are not one long one
		g.begin()
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
		g.end()
	}
	select {
	case <-expired:
		t.Error("expired without a long wait")
	default:
	}
	g.begin()
	<-expired
	g.stop()
	g.begin()
	if g.since.Load() != over {
		t.Error("a wait began after stop")
	}
}
