package ebb

import (
	"context"
	"io"
	"net/http"
)

// Metrics returns numbers about the service, its jobs and their lines in the text format of Prometheus, version 0.0.4. They are about
// all users, so the service refuses them with code [job.AccessDenied] to everybody but administrators and the user it runs as.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return text, nil
}
