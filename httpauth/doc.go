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
//	scheme     source                   server  proxy  what
//	Basic      RFC 7617                 yes     yes    UTF-8 in form C; ahead of a challenge within the known folders
//	Digest     RFC 7616, RFC 2069       yes     yes    MD5, SHA-256, SHA-512-256, each also -sess; auth, auth-int, no qop;
//	                                                   userhash, username*, stale, nextnonce, rspauth, domain, opaque
//	Bearer     RFC 6750 section 2.1     yes     yes    sent with every request to its origin
//	NTLM       MS-NTHT, MS-NLMP         yes     yes    NTLMv2 only, with MIC, time of the server, target name and channel
//	                                                   binding; DOMAIN\user, user@realm and bare names
//	Negotiate  RFC 4559, RFC 4178,      yes     yes    Kerberos by ticket cache, keytab or password, with mutual authentication
//	           RFC 4120, RFC 4121                      and channel binding; NTLM inside, bare or in SPNEGO; no delegation
//	Passport   MS-PASS                  yes     -      Passport 1.4, challenges by 302 or 401
//	SOCKS5     RFC 1928, RFC 1929       -       yes    with Basic credentials; names are resolved by the proxy
//
// "Proxy" means plain requests and CONNECT, to proxies reached by http or https. Challenges follow RFC 9110 section
// 11, Authentication-Info RFC 7615, and channel bindings RFC 5929 (tls-server-end-point, which Windows calls Extended
// Protection): towards a server its own certificate, through tunnels too, and towards an https proxy the proxy's.
//
// Implicit credentials are those of the logged-on user: on Windows whatever the system keeps, elsewhere Kerberos tickets
// and keytabs.
//
// # Rules
//
// Credentials are sent only to the origin they are set for: scheme, host and port. Redirects are not followed here, and
// when the caller follows one to another origin, that origin has its own credentials or none. Proxy credentials
// are sent on CONNECT or on plain requests to the proxy, never inside a tunnel. The one party that Passport tells the
// password is the login server that the configuration server names, over https.
//
// Of several challenges the strongest is answered that there are credentials for: Negotiate, NTLM, Digest (with the
// strongest hash), Passport, Bearer, Basic. If that fails before a secret was sent (there is no ticket, no KDC, or the server
// takes only NTLMv1), the next one is tried; once credentials were refused, nothing weaker is.
//
// A Kerberos ticket is asked for HTTP/ and the host as the URL has it. No DNS answer changes that, and an address has no
// ticket; Credentials.ServicePrincipal names another principal.
//
// NTLM, and Negotiate because it may turn into NTLM, authenticate connections. Such a connection speaks HTTP/1.1, serves one
// request at a time and no other identity, and its authentication starts again if it is lost. The request that opens it goes
// without its body.
//
// Passport's 302 with a challenge is not a redirect where there are Passport credentials for its origin; if it cannot be
// answered, RoundTrip returns an *Error. The server gets a ticket of the login server, and later its own cookies; the Transport keeps
// both servers' cookies, each for its own place. A sign-in without an outcome may be repeated by the next request.
//
// Basic, Bearer, Passport's ticket and the SOCKS password are not sent over a network in the clear unless Config.AllowCleartext is set.
//
// Wrong credentials are tried once for each origin, scheme and realm: concurrent requests wait for the outcome of the
// first, and later ones get the 401 of a request without credentials at once, with ErrRefused. A refusal holds for the life of the Transport.
//
// A request body is read once more for each leg, through Request.GetBody; nothing is buffered. Digest with
// qop=auth-int reads it a further time, to hash it. Response bodies are passed on as net/http gives them, but for
// auth-int, where the last Read returns ErrServerProof if the server's proof does not fit the body.
package httpauth
