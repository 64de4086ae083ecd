package kerberos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"
)

// exchangeLimit is how long one Initiate may talk to KDCs.
const exchangeLimit = 20 * time.Second

// Config says who asks for tickets, and where realms are described. User and
// Keytab choose explicit credentials; without them they are implicit: those of a
// local user, from the ticket cache or, without a valid ticket in it, from that
// user's client keytab.
type Config struct {
	// ConfigFile is krb5.conf. "" means the files in KRB5_CONFIG, then the system's.
	ConfigFile string

	// User is user, user@REALM or REALM\user. The realm must be one that krb5.conf
	// knows, or one with a dot that DNS may know; "" takes default_realm.
	// With a Keytab it may be "": then it is the owner of the first key.
	User     string
	Password string // UTF-8
	Keytab   string // the name of a file, instead of Password; it is read again for each ticket

	// CCache is the ticket cache of implicit credentials, FILE:name or DIR:name. ""
	// means KRB5CCNAME (of the process's own user only), default_ccache_name, and the
	// system's default.
	CCache string

	// UID is whose implicit credentials: a user number, or -1 for the process's own
	// user. The environment is then not asked, and ticket cache and client keytab must
	// belong to that user. Zero is root.
	UID int
}

// String returns the configuration without the password.
func (c Config) String() string {
	if c.implicit() {
		return fmt.Sprintf("implicit Kerberos credentials of user %d", c.UID)
	}
	return fmt.Sprintf("Kerberos credentials of %q, password redacted", c.User)
}

// GoString returns the same as String, so that %#v does not print the password.
func (c Config) GoString() string { return c.String() }

// LogValue returns the configuration without the password.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Config) implicit() bool { return c.User == "" && c.Keytab == "" && c.Password == "" }

// An Identity gets tickets for one user and keeps them as long as they are valid,
// the password's TGT and the service's tickets alike. New ones are got when they are
// needed; nothing happens in between. It is safe for concurrent use.
type Identity struct {
	config Config
	now    func() time.Time
	limit  time.Duration

	// turn holds a value while a KDC is asked, so that many callers make one exchange.
	turn     chan struct{}
	answered map[string]string // see realmConfig; belongs to who has the turn

	mu         sync.Mutex // guards what follows, and the maps of the wallets
	cache      *wallet    // what the ticket cache had when it was last read
	cacheStamp stamp
	own        *wallet // what a password or a keytab got
	refused    error   // what the KDC said to the login with the stamp
	refusedFor stamp
	silent     error // why no KDC answered, last
	silentAt   time.Time
	cancel     context.CancelFunc // ends the exchange that runs, or none
	closed     bool
}

// New returns an identity. It reads and asks nothing until Initiate does.
func New(c Config) *Identity {
	return &Identity{config: c, now: time.Now, limit: exchangeLimit, turn: make(chan struct{}, 1), answered: make(map[string]string)}
}

// String returns whose identity it is, without secrets.
func (id *Identity) String() string { return id.config.String() }

// GoString returns the same as String, so that %#v does not print secrets.
func (id *Identity) GoString() string { return id.config.String() }

// Close forgets the tickets and the password, as far as Go allows: session keys are
// overwritten, the password, a string, is left to the garbage collector. It ends an
// exchange with a KDC that runs. Initiate then fails; contexts that it returned
// before stay good.
func (id *Identity) Close() {
	id.mu.Lock()
	id.closed, id.config.Password = true, ""
	if id.cancel != nil {
		id.cancel()
	}
	id.mu.Unlock()

	id.turn <- struct{}{} // the exchange has the keys in use
	defer func() { <-id.turn }()
	id.mu.Lock()
	defer id.mu.Unlock()
	id.cache.wipe()
	id.own.wipe()
	id.cache, id.own = nil, nil
}

// Initiate begins an authentication to a service, "HTTP/host" or "HTTP/host@REALM":
// it gets a ticket, unless it has one, and makes a token that is good for one use.
// binding is the MD5 of gss_channel_bindings (RFC 2744 section 3.11), 16 bytes, or
// nil for none.
//
// It waits for KDCs no longer than ctx lasts, and 20 seconds at most. No goroutine
// is left behind. The errors are this package's, or that of ctx.
func (id *Identity) Initiate(ctx context.Context, service string, binding []byte) (*Context, error) {
	if n := len(binding); n != 0 && n != 16 {
		return nil, fmt.Errorf("a channel binding of %d bytes: it must be 16 or none", n)
	}
	name, err := parseService(service)
	if err != nil {
		return nil, err
	}
	t, err := id.ticket(ctx, name)
	if err != nil {
		return nil, err
	}
	k, err := id.sessionKey(t)
	if err != nil {
		return nil, err
	}
	return newContext(id, t, k, binding)
}

var errClosed = fmt.Errorf("%w: the credentials were removed", ErrNoTicket)

// sessionKey returns a copy of the ticket's key.
func (id *Identity) sessionKey(t *ticket) (types.EncryptionKey, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.closed {
		return types.EncryptionKey{}, errClosed
	}
	return types.EncryptionKey{KeyType: t.key.KeyType, KeyValue: bytes.Clone(t.key.KeyValue)}, nil
}

// ticket returns a ticket for the service, kept or new.
func (id *Identity) ticket(ctx context.Context, service principal) (*ticket, error) {
	conf, err := loadConfig(id.config.ConfigFile)
	if err != nil {
		return nil, err
	}
	asked := id.now()
	if _, _, t, err := id.lookup(conf, service); t != nil || err != nil {
		return t, err
	}
	select {
	case id.turn <- struct{}{}:
		defer func() { <-id.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w, l, t, err := id.lookup(conf, service) // another caller may have got it meanwhile
	if t != nil || err != nil {
		return t, err
	}
	if err := id.silence(asked); err != nil {
		return nil, err
	}
	conf.answered = id.answered
	limited, cancel := context.WithTimeout(ctx, id.limit)
	defer cancel()
	id.mu.Lock()
	id.cancel = cancel
	closed := id.closed
	id.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	if t, err = id.obtain(limited, conf, w, l, service); err == nil {
		return t, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, id.failed(err)
}

// failed returns what an exchange failed with, and remembers it for who waits.
func (id *Identity) failed(err error) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.closed {
		return errClosed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w within %v", errSilence, id.limit)
	}
	if errors.Is(err, errSilence) {
		id.silent, id.silentAt = err, id.now()
	}
	return err
}

// silence returns the error of an exchange that ended after asked: who waited for
// it would learn nothing new by asking again, but would wait as long.
func (id *Identity) silence(asked time.Time) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.silentAt.After(asked) {
		return id.silent
	}
	return nil
}

// obtain asks KDCs: for a TGT, if w has none that lasts and l can get one, and for
// the service's ticket.
func (id *Identity) obtain(ctx context.Context, conf *realmConfig, w *wallet, l *login, service principal) (*ticket, error) {
	kept := w != nil && (l == nil || w.tgt.fresh(id.now()))
	if !kept {
		var err error
		if w, err = id.login(ctx, conf, l); err != nil {
			return nil, err
		}
	} else if w.tgt.renewable(id.now()) {
		if tgt, err := conf.renew(ctx, w.tgt, id.now); err == nil { // else the old one still lasts
			id.mu.Lock()
			w.tgt = tgt
			id.mu.Unlock()
		}
	}
	t, err := conf.serviceTicket(ctx, w.tgt, service, id.now)
	if err != nil && kept && l != nil && ctx.Err() == nil && !errors.Is(err, ErrUnknownService) && !errors.Is(err, ErrClockSkew) {
		// The KDC may have lost the key of a TGT that seems valid.
		if w, err = id.login(ctx, conf, l); err == nil {
			t, err = conf.serviceTicket(ctx, w.tgt, service, id.now)
		}
	}
	if err != nil {
		return nil, err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	w.put(service.String(), t)
	return t, nil
}

// login gets a TGT. A refusal is remembered.
func (id *Identity) login(ctx context.Context, conf *realmConfig, l *login) (*wallet, error) {
	tgt, err := conf.login(ctx, l, id.now)
	id.mu.Lock()
	defer id.mu.Unlock()
	if errors.Is(err, ErrRefused) {
		id.refused, id.refusedFor = err, l.stamp
	}
	if err != nil {
		return nil, err
	}
	id.own = newWallet(tgt) // Close, if it has begun, waits for us and wipes it
	return id.own, nil
}

// lookup returns the ticket, if there is one that lasts; else whose wallet to get it
// with, and what to log in with when that has no TGT.
func (id *Identity) lookup(conf *realmConfig, service principal) (w *wallet, l *login, t *ticket, err error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.closed {
		return nil, nil, nil, errClosed
	}
	if id.config.implicit() {
		w, l, err = id.implicitSource(conf)
	} else if l, err = id.explicitLogin(conf); err == nil {
		w = id.own
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if l != nil {
		if id.refused != nil && id.refusedFor == l.stamp {
			return nil, nil, nil, id.refused
		}
		if w != nil && !w.tgt.client.equal(l.who) { // another keytab
			w = nil
		}
	}
	if w != nil {
		if t = w.services[service.String()]; t != nil && !t.fresh(id.now()) {
			t = nil
		}
	}
	return w, l, t, nil
}

// explicitLogin returns the login that Config names. The caller holds mu.
func (id *Identity) explicitLogin(conf *realmConfig) (*login, error) {
	c := id.config
	l := &login{password: c.Password}
	if c.Keytab != "" {
		var err error
		if l.keytab, l.stamp, err = readKeytab(c.Keytab, -1); err != nil {
			return nil, err
		}
		l.password, l.who = "", l.keytab[0].owner
	}
	if c.User != "" || c.Keytab == "" {
		var err error
		if l.who, err = conf.parseUser(c.User); err != nil {
			return nil, err
		}
	}
	if l.keytab == nil && l.password == "" {
		return nil, fmt.Errorf("%w: neither a password nor a keytab for %s", ErrNoTicket, l.who)
	}
	return l, nil
}

// implicitSource returns the wallet of the ticket cache, or the login of the client
// keytab when that has no valid TGT. The caller holds mu.
func (id *Identity) implicitSource(conf *realmConfig) (*wallet, *login, error) {
	why := id.reload(conf)
	if why == nil && !id.cache.tgt.valid(id.now()) {
		why = expiredError(id.cache.tgt)
	}
	if why == nil {
		return id.cache, nil, nil
	}
	for _, name := range id.config.keytabNames(conf) {
		k, mark, err := readKeytab(name, id.config.UID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w; %w", why, err)
		}
		return id.own, &login{who: k[0].owner, keytab: k, stamp: mark}, nil
	}
	return nil, nil, why
}

// reload reads the ticket cache again, so that a kinit counts at once. While a new
// one is being written, the old one is used. The caller holds mu.
func (id *Identity) reload(conf *realmConfig) error {
	w, mark, err := id.config.readCache(conf)
	switch {
	case err == nil && id.cache != nil && mark == id.cacheStamp:
	case err == nil:
		id.cache, id.cacheStamp = w, mark
	case errors.Is(err, fs.ErrNotExist) || id.cache == nil || !id.cache.tgt.valid(id.now()):
		id.cache = nil
		return err
	}
	return nil
}

// discard forgets a ticket that a service has refused.
func (id *Identity) discard(t *ticket) {
	id.mu.Lock()
	defer id.mu.Unlock()
	for _, w := range []*wallet{id.cache, id.own} {
		if w != nil {
			w.drop(t)
		}
	}
}
