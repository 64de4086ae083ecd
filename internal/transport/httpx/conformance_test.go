package httpx

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name    string
		options []ebbtest.Option
	}{{"http", nil}, {"https", []ebbtest.Option{ebbtest.TLS()}}, {"http2", []ebbtest.Option{ebbtest.HTTP2Only()}}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			transporttest.Run(t, transporttest.Fixture{
				New: func(t *testing.T) transport.Downloader { return newDownloader(t) },
				Serve: func(t *testing.T, r transporttest.Remote) transport.Source {
					srv := ebbtest.NewServer(t, append(script(r), way.options...)...)
					src := transport.Source{URL: srv.URL}
					if way.options != nil {
						src.Network.CACert = srv.CACert()
					}
					return src
				},
			})
		})
	}
}

// newDownloader makes one that ends with the test.
func newDownloader(t testing.TB) *Downloader {
	d := New(Config{UserAgent: "ebb/test"})
	t.Cleanup(d.Close)
	return d
}

// script is r in the words of ebbtest.
func script(r transporttest.Remote) []ebbtest.Option {
	o := []ebbtest.Option{ebbtest.Bytes(r.Content), ebbtest.ETag(""), ebbtest.LastModified(time.Time{})}
	if r.Version != 0 {
		o = append(o, ebbtest.ETag(fmt.Sprintf(`"%d"`, r.Version)))
	}
	for _, fault := range []struct {
		on     bool
		option ebbtest.Option
	}{
		{r.WeakVersion, ebbtest.ETag(fmt.Sprintf(`W/"%d"`, r.Version))},
		{r.NoParts, ebbtest.NoRange()},
		{r.NoSize, ebbtest.Chunked()},
		{r.Cut > 0, ebbtest.CutEvery(r.Cut)},
		{r.Stall > 0, ebbtest.StallBody(r.Stall)},
		{r.Missing, ebbtest.EveryStatus(404)},
		{r.Protected, ebbtest.BasicAuth("bob", "builder")},
		{r.Busy > 0, ebbtest.EveryStatus(429)},
		{r.Busy > 0, ebbtest.RetryAfter(fmt.Sprint(int(r.Busy.Seconds())))},
	} {
		if fault.on {
			o = append(o, fault.option)
		}
	}
	return o
}
