package ebb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/ebb-transfer/ebb/job"
)

// ErrNotFound is wrapped by the error for a job that does not exist, or that the caller
// may not see.
var ErrNotFound = errors.New("there is no such job")

// ErrUnavailable is wrapped by the error when no service answers. Whether a command took effect whose answer is missing
// is not known.
var ErrUnavailable = errors.New("the ebb service does not answer")

// errEnding is wrapped by the error of a service that answers, but is about to end or to start over.
var errEnding = errors.New("the ebb service is not ready")

// Client talks to one service. Its methods may be called concurrently. What the service refuses is
// a [*job.Error], whose text is one sentence for a person; errors.Is knows [ErrNotFound], [ErrUnavailable] and
// [job.ErrState].
type Client struct {
	http *http.Client
}

// NewClient returns a client whose connections come from dial. Most programs want [Dial].
func NewClient(dial func(ctx context.Context) (net.Conn, error)) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableCompression: true,
	}}}
}

// Close drops idle connections. The service goes on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request sends one request to the API and decodes the answer into out, unless that is nil.
func (c *Client) request(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return unavailable(ctx, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the service's answer to %s %s cannot be read: %w", method, path, err)
	}
	return nil
}

// send returns the answer when it is a success, else its refusal as an error.
func (c *Client) send(ctx context.Context, method, path string, in any, header http.Header) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://ebb/v1"+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// maxRefusal bounds what is read of a refusal.
const maxRefusal = 1 << 20

// refusal reads a problem document (RFC 9457).
func refusal(resp *http.Response) error {
	var p struct {
		Error *job.Error `json:"error"`
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil || json.Unmarshal(b, &p) != nil || p.Error == nil {
		return fmt.Errorf("the service answered %s", resp.Status)
	}
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable:
		p.Error.Err = errEnding
	case p.Error.Code == job.NotFound:
		p.Error.Err = ErrNotFound
	case p.Error.Code == job.InvalidState:
		p.Error.Err = job.ErrState
	}
	return p.Error
}

// Status is how the service is.
type Status struct {
	Version string  `json:"version"`
	Rate    int64   `json:"rate"` // bytes per second over all jobs
	Busy    bool    `json:"busy"` // a job runs, waits to run or waits for a retry
	Daemon  *Daemon `json:"daemon,omitempty"`

	Environment Environment `json:"environment"`
}

// Environment is what the service goes by when it decides whether jobs may run.
type Environment struct {
	Offline string `json:"offline,omitempty"` // why there is no network; "" when there is one, or nobody can tell
	// Cost is what the network costs: unknown, unrestricted, capped, below_cap, near_cap, over_cap_charged,
	// over_cap_throttled, usage_based or roaming.
	Cost    string `json:"cost"`
	Battery string `json:"battery,omitempty"` // what is left while the machine runs on its battery; "" on mains, or when nobody can tell
	Saver   bool   `json:"saver,omitzero"`    // power is to be saved
	Asleep  bool   `json:"asleep,omitzero"`   // the machine is about to sleep
}

// Daemon is the process that serves; there is none when it is this program.
type Daemon struct {
	PID      int    `json:"pid"`
	StateDir string `json:"state_dir"`
	Socket   string `json:"socket,omitempty"`
	Started  string `json:"started"` // RFC 3339
	// ConfigFile is where the configuration file is, whether or not there is one.
	ConfigFile string `json:"config_file,omitempty"`
	// ConfigProblem is why the file as it is now is not used, but as it was before.
	ConfigProblem string `json:"config_problem,omitempty"`
}

// Status asks the service how it is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var out Status
	err := c.request(ctx, http.MethodGet, "/status", nil, &out)
	return out, err
}

// Stop asks the daemon to end, which takes as long as storing how far its transfers got. Its jobs go on when
// it starts again. A service inside a program refuses with code [job.NotImplemented].
func (c *Client) Stop(ctx context.Context) error {
	return c.request(ctx, http.MethodPost, "/stop", nil, nil)
}
