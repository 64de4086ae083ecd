package httpx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/httpx/revocation"
	"github.com/ebb-transfer/ebb/job"
)

// fetchStatus asks responders and fetches lists for src: on its ways, with its credentials for proxies and without all
// others. Redirects are not followed.
func (d *Downloader) fetchStatus(src transport.Source) revocation.Fetch {
	n := src.Network
	bare := transport.Source{Owner: src.Owner, Try: src.Try, Credentials: foreign(src).Credentials, Network: job.Network{
		Proxy: n.Proxy, ProxyBypass: n.ProxyBypass, AllowCleartext: n.AllowCleartext,
		CACert: n.CACert, ConnectTimeout: n.ConnectTimeout, StallTimeout: n.StallTimeout,
	}}
	return func(ctx context.Context, r revocation.Request) ([]byte, error) {
		u, err := parseURL(r.URL)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(apart{ctx}, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		if r.Body != nil {
			req.Method, req.ContentLength = http.MethodPost, int64(len(r.Body))
			req.Header.Set("Content-Type", r.ContentType)
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
			req.Body, _ = req.GetBody() // which has no errors
		}
		req.Header.Set("User-Agent", d.userAgent)
		resp, err := d.send(bare, req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("it answered %d", resp.StatusCode)
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, r.Limit+1))
		if int64(len(raw)) > r.Limit {
			return nil, fmt.Errorf("its answer is larger than %d bytes", r.Limit)
		}
		return raw, err
	}
}

// apart is a context without values: what is traced of a request is not for those that it causes.
type apart struct{ context.Context }

// Value returns nil.
func (apart) Value(any) any { return nil }
