package httpauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Config is what New makes a Transport of. The zero value is a plain HTTP/1.1 transport without credentials.
type Config struct {
	// Credentials are at most one for each Target and Scheme.
	Credentials []Credentials

	// AllowCleartext lets Basic, Bearer and the SOCKS password cross a network unencrypted. Without it they go over
	// https, and over http only to this machine (localhost, 127.0.0.0/8, ::1).
	AllowCleartext bool

	// Proxy returns the proxy for a request: an http, https or socks5 URL, or nil for none. A user or password
	// in the URL is an error of the request: they belong into Credentials. If nil, Base.Proxy is used.
	Proxy func(*http.Request) (*url.URL, error)

	// Base is cloned and supplies what the fields below leave zero, and all other settings of the connections.
	// The clone's Proxy, DialContext, DialTLSContext, TLSNextProto and Protocols are replaced; a Base with DialTLS,
	// DialTLSContext, Dial or OnProxyConnectResponse is refused, since authentication needs to dial for itself.
	// It may be nil.
	Base *http.Transport

	// TLS is for connections to servers and to https proxies. ServerName, if set, is for servers only.
	TLS *tls.Config
	// VerifyServer, if not nil, decides instead of crypto/tls (and of TLS.VerifyConnection) about the certificate of each
	// server: during the handshake, before a client certificate or a request is sent, and for resumed sessions too. An
	// error ends the handshake. addr is the server's HOST:PORT, also behind a proxy; ctx has the values of the request
	// that the connection is opened for. The time it takes is not part of TLSHandshakeTimeout. https proxies
	// are verified by crypto/tls all the same. It is called by several goroutines at once.
	VerifyServer func(ctx context.Context, addr string, state tls.ConnectionState) error
	// Dial opens TCP connections, to proxies too. The default is a net.Dialer with a timeout of 30 s.
	// For http URLs the connection is handed to net/http as it is, so its type can be found by httptrace.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLSHandshakeTimeout bounds each handshake; the default 0 is 10 s.
	TLSHandshakeTimeout time.Duration
	// ResponseHeaderTimeout bounds the wait for the header after a request was written; the default 0 is no
	// bound, and 1 min for the answer of a proxy to CONNECT or to SOCKS.
	ResponseHeaderTimeout time.Duration
	// MaxIdleConnsPerHost, MaxConnsPerHost and IdleConnTimeout are as in http.Transport, for each proxy in use.
	MaxIdleConnsPerHost int
	MaxConnsPerHost     int
	IdleConnTimeout     time.Duration
	// MaxResponseHeaderBytes bounds a response header, in bytes. The default 0 is net/http's, 1 MiB for CONNECT.
	MaxResponseHeaderBytes int64

	// Kerberos is where Negotiate finds realms and tickets.
	Kerberos Kerberos

	// PassportNexus is the https URL of the server that tells where Passport's login server is (MS-PASS
	// section 2.2.1). The default is that of Microsoft's own service.
	PassportNexus string

	// HTTP2 offers HTTP/2 to https servers. The default is HTTP/1.1, which is faster for large bodies.
	HTTP2 bool
}

// Kerberos is where Negotiate finds realms and, for implicit credentials, tickets and keys. The zero value is what
// MIT Kerberos does by default.
type Kerberos struct {
	// ConfigFile is the krb5.conf; the default is KRB5_CONFIG in the environment, then the system's.
	ConfigFile string
	// CCache is the cache with tickets: a path, FILE:path or DIR:path. The default is KRB5CCNAME in the environment,
	// then default_ccache_name in ConfigFile, then /tmp/krb5cc_UID. It is read again when it has changed.
	CCache string
	// Keytab has a user's key, to get tickets with instead of CCache, for as long as it takes. By default, where the
	// cache has no valid ticket, it is KRB5_CLIENT_KTNAME in the environment, then default_client_keytab_name in ConfigFile.
	Keytab string
	// UID is the user whose cache it is, for a service that acts for others; then the environment has
	// no say, and the cache must belong to that user. The default nil is the user of the process.
	UID *int
}

// base returns the http.Transport that the pools are made of.
func (c *Config) base() (*http.Transport, error) {
	t := &http.Transport{}
	if c.Base != nil {
		b := c.Base
		if b.DialTLSContext != nil || b.DialTLS != nil || b.Dial != nil || b.OnProxyConnectResponse != nil { //nolint:staticcheck // refused because deprecated
			return nil, errors.New("Config.Base has Dial, DialTLS, DialTLSContext or OnProxyConnectResponse set: use Config.Dial and Config.TLS")
		}
		t = b.Clone()
	}
	override(&t.Proxy, c.Proxy != nil, c.Proxy)
	override(&t.TLSClientConfig, c.TLS != nil, c.TLS)
	override(&t.DialContext, c.Dial != nil, c.Dial)
	override(&t.TLSHandshakeTimeout, c.TLSHandshakeTimeout != 0, c.TLSHandshakeTimeout)
	override(&t.ResponseHeaderTimeout, c.ResponseHeaderTimeout != 0, c.ResponseHeaderTimeout)
	override(&t.MaxIdleConnsPerHost, c.MaxIdleConnsPerHost != 0, c.MaxIdleConnsPerHost)
	override(&t.MaxConnsPerHost, c.MaxConnsPerHost != 0, c.MaxConnsPerHost)
	override(&t.IdleConnTimeout, c.IdleConnTimeout != 0, c.IdleConnTimeout)
	override(&t.MaxResponseHeaderBytes, c.MaxResponseHeaderBytes != 0, c.MaxResponseHeaderBytes)
	override(&t.TLSHandshakeTimeout, t.TLSHandshakeTimeout == 0, 10*time.Second)
	override(&t.TLSClientConfig, t.TLSClientConfig == nil, &tls.Config{})
	override(&t.DialContext, t.DialContext == nil, (&net.Dialer{Timeout: 30 * time.Second}).DialContext)
	t.TLSClientConfig = t.TLSClientConfig.Clone()
	t.TLSNextProto, t.ForceAttemptHTTP2 = nil, false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(c.HTTP2)
	return t, nil
}

func override[T any](field *T, when bool, value T) {
	if when {
		*field = value
	}
}

// authorities returns what the credentials are for, keyed by target and origin.
func (c *Config) authorities(newScheme func(Credentials, *Config) (scheme, error)) (map[authorityKey]*authority, map[Target][]Scheme, error) {
	all := map[authorityKey]*authority{}
	configured := map[Target][]Scheme{}
	for _, given := range c.Credentials {
		cred, err := given.normalize()
		if err != nil {
			return nil, nil, fmt.Errorf("credentials for the %s: %w", given.Target, err)
		}
		s, err := newScheme(cred, c)
		if err != nil {
			return nil, nil, fmt.Errorf("credentials for the %s: %w", cred.Target, err)
		}
		if slices.Contains(configured[cred.Target], cred.Scheme) {
			return nil, nil, fmt.Errorf("two %s credentials for the %s: one for each target and scheme", cred.Scheme, cred.Target)
		}
		configured[cred.Target] = append(configured[cred.Target], cred.Scheme)
		key := authorityKey{cred.Target, cred.Origin}
		if all[key] == nil {
			all[key] = &authority{target: cred.Target, origin: cred.Origin, schemes: map[Scheme]scheme{}}
		}
		all[key].schemes[cred.Scheme] = s
	}
	for _, a := range all {
		a.configured = configured[a.target]
	}
	return all, configured, nil
}
