package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
)

// send sends req for src, which is as the server of req may know it, on the first way that leads anywhere. It goes by HTTP/2
// if the server has shown that it refuses HTTP/1.1.
func (d *Downloader) send(src transport.Source, req *http.Request) (*http.Response, error) {
	origin, err := httpauth.Origin(req.URL)
	if err != nil {
		return nil, err
	}
	ways, err := d.routes(src.Network)(req.Context(), req.URL)
	if err != nil {
		return nil, err
	}
	for _, way := range d.resting.order(ways) {
		var resp *http.Response
		if resp, err = d.sendBy(way, src, req, origin); way == nil || !noProxy(err) || req.Context().Err() != nil {
			return resp, err
		}
		d.resting.add(way)
		if req.GetBody != nil {
			req.Body, _ = req.GetBody() // from memory, which has no errors
		}
	}
	return nil, err
}

func (d *Downloader) sendBy(way *url.URL, src transport.Source, req *http.Request, origin string) (*http.Response, error) {
	c, err := d.client(src, req.URL, way)
	if err != nil {
		return nil, err
	}
	resp, err := c.roundTrip(req.WithContext(context.WithValue(req.Context(), wayKey{}, way)), origin)
	if e := httpauth.Failure(resp, err); e != nil && errors.Is(e, httpauth.ErrRefused) {
		d.clients.refuse(c, src.Try)
	}
	return resp, err
}
