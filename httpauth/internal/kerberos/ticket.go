package kerberos

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// A principal is a user or a service.
type principal struct {
	name  types.PrincipalName
	realm string // "" when it is for the KDC to say
}

func (p principal) String() string {
	if p.realm == "" {
		return p.name.PrincipalNameString()
	}
	return p.name.PrincipalNameString() + "@" + p.realm
}

func (p principal) equal(q principal) bool { return p.realm == q.realm && p.name.Equal(q.name) }

// granting returns the service that gives tickets for realm, as it is called in issuer.
func granting(realm, issuer string) principal {
	return principal{types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}, issuer}
}

// parseService reads "HTTP/host" or "HTTP/host@REALM". The host is put in lower
// case: a service's name is compared byte by byte.
func parseService(s string) (principal, error) {
	name, realm, _ := strings.Cut(s, "@")
	class, host, ok := strings.Cut(name, "/")
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if !ok || class == "" || host == "" || strings.ContainsAny(host, "/\x00") {
		return principal{}, fmt.Errorf("%w: %q is not of the form HTTP/host", ErrUnknownService, s)
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return principal{}, fmt.Errorf("%w: %s is an address, and Kerberos knows services by host name only", ErrUnknownService, host)
	}
	return principal{types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{class, host}}, realm}, nil
}

// parseUser finds out who is meant by user, user@REALM or REALM\user. A realm that
// the configuration does not know is an error: nothing is sent on a guess.
func (c *realmConfig) parseUser(s string) (principal, error) {
	user, realm, ok := strings.Cut(s, "@")
	if domain, name, slash := strings.Cut(s, `\`); slash {
		user, realm, ok = name, strings.ToUpper(domain), true
	}
	if !ok {
		realm = c.defaultRealm
	}
	upper := strings.ToUpper(realm)
	switch {
	case user == "":
		return principal{}, fmt.Errorf("%w: %q names no user", ErrNoTicket, s)
	case realm == "":
		return principal{}, fmt.Errorf("%w: %s has no default_realm: write %s@REALM", ErrNoTicket, c.files, user)
	case c.known(realm):
	case c.known(upper), c.lookupKDC && strings.Contains(realm, ".") && strings.Contains(s, "@"): // DNS may know it
		realm = upper
	default:
		return principal{}, fmt.Errorf("%w: %s knows no realm %s", ErrNoTicket, c.files, realm)
	}
	return principal{types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, user), realm}, nil
}

// A ticket lets client use service. It does not change.
type ticket struct {
	client, service principal
	raw             messages.Ticket
	key             types.EncryptionKey // the session key
	start, end      time.Time
	renewTill       time.Time // zero when it cannot be renewed
}

// forRealm returns the realm that a TGT gives tickets for.
func (t *ticket) forRealm() string {
	return t.service.name.NameString[len(t.service.name.NameString)-1]
}

func (t *ticket) valid(now time.Time) bool { return now.Before(t.end) }

// fresh reports whether the ticket lasts long enough to begin something with it.
func (t *ticket) fresh(now time.Time) bool {
	return now.Before(t.end.Add(-min(30*time.Second, t.end.Sub(t.start)/10)))
}

// renewable reports whether it is time to renew the ticket: three quarters are over.
func (t *ticket) renewable(now time.Time) bool {
	return t.valid(now) && t.end.Before(t.renewTill) && now.After(t.end.Add(-t.end.Sub(t.start)/4))
}

// A wallet holds the tickets of one user.
type wallet struct {
	tgt      *ticket
	services map[string]*ticket // by "HTTP/host" and by "HTTP/host@REALM"
}

func newWallet(tgt *ticket) *wallet {
	return &wallet{tgt: tgt, services: make(map[string]*ticket)}
}

// put keeps the ticket that was got when asked was asked for.
func (w *wallet) put(asked string, t *ticket) {
	w.services[asked] = t
	w.services[principal{t.service.name, t.raw.Realm}.String()] = t
}

// drop forgets t, if it is the one still held.
func (w *wallet) drop(t *ticket) {
	for name, have := range w.services {
		if have == t {
			delete(w.services, name)
		}
	}
}

// wipe overwrites the session keys, which would let a reader of memory use the tickets.
func (w *wallet) wipe() {
	if w == nil {
		return
	}
	clear(w.tgt.key.KeyValue)
	for _, t := range w.services {
		clear(t.key.KeyValue)
	}
	clear(w.services)
}
