package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// block is sent again and again, so that the server of a benchmark costs little.
var block = make([]byte, 1<<20)

// source serves size bytes.
func source(b *testing.B, size int64, options ...ebbtest.Option) *ebbtest.Server {
	b.Helper()
	return ebbtest.NewServer(b, append(options, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			w = u.Unwrap() // without counting
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		for left := size; left > 0; {
			n, err := w.Write(block[:min(left, int64(len(block)))])
			if err != nil {
				return
			}
			left -= int64(n)
		}
	})))...)
}

// drain reads as the engine does.
func drain(b *testing.B, r io.ReadCloser, buf []byte) {
	b.Helper()
	for {
		if _, err := r.Read(buf); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLargeFile is 1 GiB over loopback in reads of 1 MiB, beside a bare net/http client that does
// nothing else.
func BenchmarkLargeFile(b *testing.B) {
	const size = 1 << 30
	for _, way := range []struct {
		name    string
		options []ebbtest.Option
	}{{"http", nil}, {"https", []ebbtest.Option{ebbtest.TLS()}}} {
		b.Run(way.name+"/ebb", func(b *testing.B) {
			srv := source(b, size, way.options...)
			src := transport.Source{URL: srv.URL}
			if way.options != nil {
				src.Network.CACert = srv.CACert()
			}
			d, buf := newDownloader(b), make([]byte, 1<<20)
			b.SetBytes(size)
			for b.Loop() {
				body, _, err := d.Open(b.Context(), src, 0, job.Validator{})
				if err != nil {
					b.Fatal(err)
				}
				drain(b, body, buf)
			}
		})
		b.Run(way.name+"/net-http", func(b *testing.B) {
			srv := source(b, size, way.options...)
			bare := bareTransport(srv, way.options != nil)
			defer bare.CloseIdleConnections()
			buf := make([]byte, 1<<20)
			b.SetBytes(size)
			for b.Loop() {
				drain(b, bareGet(b, bare, srv.URL), buf)
			}
		})
	}
}

// BenchmarkSmallFiles is what one file of 16 KiB costs on a kept connection.
func BenchmarkSmallFiles(b *testing.B) {
	const size = 16 << 10
	b.Run("ebb", func(b *testing.B) {
		srv := source(b, size)
		d, buf := newDownloader(b), make([]byte, 1<<20)
		b.ReportAllocs()
		for b.Loop() {
			body, _, err := d.Open(b.Context(), transport.Source{URL: srv.URL}, 0, job.Validator{})
			if err != nil {
				b.Fatal(err)
			}
			drain(b, body, buf)
		}
	})
	b.Run("net-http", func(b *testing.B) {
		srv := source(b, size)
		bare := bareTransport(srv, false)
		defer bare.CloseIdleConnections()
		buf := make([]byte, 1<<20)
		b.ReportAllocs()
		for b.Loop() {
			drain(b, bareGet(b, bare, srv.URL), buf)
		}
	})
}

func bareTransport(srv *ebbtest.Server, secure bool) *http.Transport {
	bare := &http.Transport{DisableCompression: true}
	if secure {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(srv.CACert()))
		bare.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return bare
}

func bareGet(b *testing.B, bare *http.Transport, url string) io.ReadCloser {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := bare.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	return resp.Body
}
