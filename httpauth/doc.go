// Package httpauth is an http.RoundTripper that answers the authentication challenges of servers (401) and of
// proxies (407), for any Go program:
//
//	t, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{{
//		Scheme: httpauth.Digest, Origin: "https://files.example.org", User: "alice", Password: password,
//	}}})
//	client := &http.Client{Transport: t}
//
// # What is supported
//
//	scheme     source                 server   proxy, plain and CONNECT   what
//	Basic      RFC 7617               yes      yes                        UTF-8 in form C; ahead of a challenge within the known folders
//	Digest     RFC 7616, RFC 2069     yes      yes                        MD5, SHA-256, SHA-512-256, each also -sess; auth, auth-int, no qop;
//	                                                                      userhash, username*, stale, nextnonce, rspauth, domain, opaque
//	Bearer     RFC 6750 section 2.1   yes      yes                        sent with every request to its origin
//	SOCKS5     RFC 1928, RFC 1929     -        with Basic credentials     names are resolved by the proxy
//	NTLM       MS-NTHT                not yet  not yet                    New returns ErrNotSupported
//	Negotiate  RFC 4559               not yet  not yet                    New returns ErrNotSupported
//	Passport   MS-PASS                not yet  -                          New returns ErrNotSupported
//
// Proxies are reached by http or https. Challenges follow RFC 9110 section 11, and Authentication-Info RFC 7615.
//
// # Rules
//
// Credentials are sent only to the origin they are set for: scheme, host and port. Redirects are not followed here, and
// when the caller follows one to another origin, that origin has its own credentials or none. Proxy credentials
// are sent on CONNECT or on plain requests to the proxy, never inside a tunnel.
//
// Of several challenges the strongest is answered that there are credentials for: Digest (with the strongest
// hash), then Bearer, then Basic. If that fails before a secret was sent, the next one is tried; once credentials were refused,
// nothing weaker is.
//
// Basic, Bearer and the SOCKS password are not sent over a network in the clear unless Config.AllowCleartext is set.
//
// Wrong credentials are tried once for each origin, scheme and realm: concurrent requests wait for the outcome of the
// first, and later ones get the 401 of a request without credentials at once, with ErrRefused. A refusal holds for the life of the Transport.
//
// A request body is read once more for each leg, through Request.GetBody; nothing is buffered. Digest with
// qop=auth-int reads it a further time, to hash it. Response bodies are passed on as net/http gives them, but for
// auth-int, where the last Read returns ErrServerProof if the server's proof does not fit the body.
package httpauth
