package httpx

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	// maxClients bounds the sets of settings and credentials that connections are kept for.
	maxClients = 64
	// clientIdle is how long a client that nobody asks for is kept: then its credentials are forgotten.
	clientIdle = 5 * time.Minute
)

// client is what all sources with the same network settings and credentials share: their connections, and
// what is known of their servers.
type client struct {
	key    clientKey
	config httpauth.Config
	http1  *httpauth.Transport
	used   time.Time   // guarded by pool.mu
	failed string      // guarded by pool.mu: the try in which the credentials were refused
	expiry *time.Timer // guarded by pool.mu

	mu    sync.Mutex          // guards all below
	http2 *httpauth.Transport // made when the first server refuses HTTP/1.1
	only2 map[string]bool     // the origins that do
}

// clientKey is a digest, so that it holds no secret.
type clientKey [sha256.Size]byte

// client returns the one for src and the server of u by a way.
func (d *Downloader) client(src transport.Source, u, way *url.URL) (*client, error) {
	key, err := d.clientKey(src, u, way)
	if err != nil {
		return nil, err
	}
	if c := d.clients.get(key, src.Try); c != nil {
		return c, nil
	}
	c := &client{key: key}
	if c.config, err = d.settings(src, u, way); err != nil {
		return nil, err
	}
	if c.http1, err = httpauth.New(c.config); err != nil {
		return nil, job.Invalid(job.InvalidArg, "%v", err)
	}
	return d.clients.put(c), nil
}

// clientKey tells clients apart: by the origin of the server only if there are credentials for it.
func (d *Downloader) clientKey(src transport.Source, u, way *url.URL) (clientKey, error) {
	id := struct {
		Network     job.Network
		ClientCert  []byte
		Credentials []job.Credential
		Server, Way string
		Owner       string // of implicit credentials
		CheckedBy   string
	}{Network: src.Network, ClientCert: src.ClientCert, Credentials: src.Credentials}
	if slices.ContainsFunc(src.Credentials, func(c job.Credential) bool { return c.Implicit }) {
		id.Owner = src.Owner
	}
	if slices.ContainsFunc(src.Credentials, func(c job.Credential) bool { return !isForProxy(c) }) {
		id.Server = u.Scheme + "://" + u.Host
	}
	if way != nil {
		id.Way = way.String()
	}
	if src.CheckCertificate != nil {
		id.CheckedBy = d.checkedBy(src)
	}
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(id); err != nil {
		return clientKey{}, fmt.Errorf("client key: %w", err)
	}
	return clientKey(h.Sum(nil)), nil
}

// checkedBy is never "", and of its own for each request that does not say whose it is.
func (d *Downloader) checkedBy(src transport.Source) string {
	owner, _, _ := strings.Cut(src.Try, "/")
	if name := cmp.Or(src.CheckedBy, owner); name != "" {
		return name
	}
	return fmt.Sprintf("/%d", d.nameless.Add(1))
}

// roundTrip sends req by HTTP/1.1, which is at least twice as fast as HTTP/2 for large bodies, unless its
// origin has shown that it takes only HTTP/2. That is found out by sending a GET twice; for other methods, which may not
// be, the server chooses.
func (c *client) roundTrip(req *http.Request, origin string) (*http.Response, error) {
	if req.Method != http.MethodGet && req.URL.Scheme == "https" {
		t, err := c.transport2()
		if err != nil {
			return nil, err
		}
		return t.RoundTrip(req)
	}
	if t := c.known2(origin); t != nil {
		return t.RoundTrip(req)
	}
	resp, err := c.http1.RoundTrip(req)
	if req.URL.Scheme != "https" || !refusesHTTP1(resp, err) {
		return resp, err
	}
	t, err2 := c.transport2()
	if err2 != nil {
		return resp, err
	}
	resp2, err2 := t.RoundTrip(req)
	if err2 != nil || resp2.ProtoMajor != 2 {
		if err2 == nil {
			_ = resp2.Body.Close()
		}
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.only2) >= maxClients {
		clear(c.only2)
	}
	c.only2[origin] = true
	return resp2, nil
}

func (c *client) known2(origin string) *httpauth.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.only2[origin] {
		return c.http2
	}
	return nil
}

func (c *client) transport2() (*httpauth.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http2 == nil {
		config := c.config
		config.HTTP2 = true
		t, err := httpauth.New(config)
		if err != nil {
			return nil, err
		}
		c.http2, c.only2 = t, map[string]bool{}
	}
	return c.http2, nil
}

func (c *client) close() {
	c.http1.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http2 != nil {
		c.http2.CloseIdleConnections()
	}
}

// pool keeps clients: at most maxClients, the one that was used longest ago goes first, and none that has not
// been used for clientIdle. The zero value is empty. It is safe for concurrent use.
type pool struct {
	mu      sync.Mutex // guards clients
	clients map[clientKey]*client
}

// get returns the client for key; nil if there is none, or one whose credentials were refused in another try.
func (p *pool) get(key clientKey, try string) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[key]
	switch {
	case c == nil:
		return nil
	case c.failed != "" && c.failed != try:
		p.removeLocked(c)
		return nil
	}
	c.used = time.Now()
	c.expiry.Reset(clientIdle)
	return c
}

// refuse keeps c, which knows that its credentials were refused, for the rest of the try.
func (p *pool) refuse(c *client, try string) {
	if try == "" {
		p.drop(c)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.failed = try
}

// put adds c, and returns the client to use: another one if that was added meanwhile.
func (p *pool) put(c *client) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.clients[c.key]; other != nil {
		return other
	}
	if p.clients == nil {
		p.clients = map[clientKey]*client{}
	}
	for len(p.clients) >= maxClients {
		p.removeLocked(p.oldestLocked())
	}
	c.used = time.Now()
	c.expiry = time.AfterFunc(clientIdle, func() { p.drop(c) })
	p.clients[c.key] = c
	return c
}

func (p *pool) oldestLocked() *client {
	var oldest *client
	for _, c := range p.clients {
		if oldest == nil || c.used.Before(oldest.used) {
			oldest = c
		}
	}
	return oldest
}

// drop forgets c. Bodies that it serves go on.
func (p *pool) drop(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[c.key] == c {
		p.removeLocked(c)
	}
}

func (p *pool) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		p.removeLocked(c)
	}
}

func (p *pool) removeLocked(c *client) {
	delete(p.clients, c.key)
	c.expiry.Stop()
	c.close()
}
