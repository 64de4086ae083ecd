// Package kerberos gets the tickets that Negotiate (RFC 4559) needs, and makes and
// checks its tokens: the initiator's side of Kerberos (RFC 4120) and of its GSS-API
// mechanism (RFC 4121), with channel binding and mutual authentication.
//
//	id := kerberos.New(kerberos.Config{UID: -1})
//	c, err := id.Initiate(ctx, "HTTP/www.example.com", binding)
//	send(c.Token())
//	err = c.Verify(receive())
//
// Tickets come from a password, a keytab, or the ticket cache that kinit fills.
//
// The messages and the cryptography are gokrb5's. Its client, its reader of
// krb5.conf and its readers of ticket caches and keytabs are not used: the client
// takes no context, sends a refused password a second time and renews tickets in
// goroutines of its own; the readers panic on, or allocate without bound for, files
// that another user may have written. Wherever gokrb5 decodes what came from
// outside, a panic becomes an error.
//
// No host name is ever canonicalized, nothing is delegated, and PAC data in tickets
// is passed on unread. Preauthentication is by encrypted timestamp (RFC 4120
// section 5.2.7.2); there is no PKINIT, FAST or SPAKE, and no KDC proxy (MS-KKDCP).
package kerberos
