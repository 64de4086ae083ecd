package httpx

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const short = job.Duration(300 * time.Millisecond)

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
			tt.network.Proxy = cmp.Or(tt.network.Proxy, "none")
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

// slowBody gives one byte after each wait, and never an end.
type slowBody struct{ wait time.Duration }

func (b slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.wait)
	return copy(p, "x"), nil
}

func (slowBody) Close() error { return nil }

// slow is a body of 10 bytes that come after a wait each.
func slow(ctx context.Context, wait, limit time.Duration) *body {
	f := &fetch{source: transport.Source{Network: job.Network{StallTimeout: job.Duration(limit)}}}
	f.ctx, f.stop = context.WithCancelCause(ctx)
	resp := &http.Response{Body: slowBody{wait}, Request: &http.Request{URL: &url.URL{Host: "a.example"}}}
	return newBody(f, resp, part{end: 10, size: 10}, job.Validator{})
}

// TestSlowIsNotStalled: bytes that keep coming are waited for, and so is a reader that takes its time.
func TestSlowIsNotStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := slow(t.Context(), 59*time.Second, time.Minute)
		for range 10 {
			if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil || b.fetch.ctx.Err() != nil {
				t.Fatalf("Read = %d, %v; stopped: %v", n, err, context.Cause(b.fetch.ctx))
			}
			time.Sleep(3 * time.Minute)
		}
		if err := b.Close(); err != nil || !errors.Is(context.Cause(b.fetch.ctx), errClosed) {
			t.Errorf("Close = %v, cause %v", err, context.Cause(b.fetch.ctx))
		}
	})
}

// TestStallIsExact: the wait ends at the limit, whenever it began.
func TestStallIsExact(t *testing.T) {
	t.Parallel()
	for _, before := range []time.Duration{0, time.Second, 59 * time.Second, time.Minute, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := slow(t.Context(), time.Hour, time.Minute)
			time.Sleep(before)
			started := time.Now()
			var reading sync.WaitGroup
			reading.Go(func() { _, _ = b.Read(make([]byte, 1)) })
			<-b.fetch.ctx.Done()
			if took := time.Since(started); took != time.Minute || !errors.Is(context.Cause(b.fetch.ctx), errStalled) {
				t.Errorf("%v after the start: ended after %v by %v", before, took, context.Cause(b.fetch.ctx))
			}
			reading.Wait()
			_ = b.Close()
		})
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
