package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"
)

// parseCCache reads a ticket cache in MIT's file format, version 3 or 4, and returns
// its newest TGT and all tickets for services. Without a TGT the error says whether
// there were tickets at all.
func parseCCache(file []byte) (*wallet, error) {
	if len(file) < 2 || file[0] != 5 || file[1] < 3 || file[1] > 4 {
		return nil, errors.New("it is not a ticket cache of version 3 or 4")
	}
	c := &cursor{rest: file[2:], order: binary.BigEndian}
	if file[1] == 4 {
		c.short() // the header: a time offset to the KDC
	}
	owner := c.principal()
	w := newWallet(nil)
	for len(c.rest) > 0 && c.err == nil {
		t, err := c.ticket(file[1])
		switch {
		case err != nil:
			return nil, err
		case t == nil || !t.client.equal(owner):
		case t.service.equal(granting(owner.realm, owner.realm)):
			if w.tgt == nil || t.end.After(w.tgt.end) {
				w.tgt = t
			}
		case t.service.name.NameString[0] != "krbtgt":
			w.put(t.service.name.PrincipalNameString(), t)
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	if w.tgt == nil {
		return nil, fmt.Errorf("it has no ticket-granting ticket of %s", owner)
	}
	return w, nil
}

func (c *cursor) principal() principal {
	kind, n := c.uint32(), c.uint32()
	realm := string(c.data())
	return principal{types.PrincipalName{NameType: int32(kind), NameString: c.components(n, c.data)}, realm}
}

// ticket returns the next entry, or nil for one that is of no use here: settings of
// the cache itself, and user-to-user tickets.
func (c *cursor) ticket(version byte) (*ticket, error) {
	t := &ticket{client: c.principal(), service: c.principal()}
	kind := c.uint16()
	if version == 3 {
		kind = c.uint16() // it is there twice
	}
	t.key = newKey(kind, c.data())
	authenticated := c.time()
	t.start, t.end, t.renewTill = c.time(), c.time(), c.time()
	if t.start.IsZero() {
		t.start = authenticated
	}
	userToUser := c.uint8() != 0
	c.uint32()    // flags
	for range 2 { // addresses, authorization data: a type and a value each
		for n := c.uint32(); n > 0 && c.err == nil; n-- {
			c.uint16()
			c.data()
		}
	}
	raw := c.data()
	c.data() // the second ticket of user-to-user
	if c.err != nil || userToUser || strings.HasPrefix(t.service.realm, "X-CACHECONF") || len(t.service.name.NameString) == 0 {
		return nil, nil
	}
	return t, decode("a ticket", func() error { return t.raw.Unmarshal(raw) })
}

// time reads seconds since 1970, which as in MIT go on to 2106. Zero is no time.
func (c *cursor) time() time.Time {
	if s := c.uint32(); s != 0 {
		return time.Unix(int64(s), 0)
	}
	return time.Time{}
}
