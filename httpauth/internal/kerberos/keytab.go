package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jcmturner/gokrb5/v8/types"
)

// A keytab is a file of keys that stand for passwords.
type keytab []keytabEntry

type keytabEntry struct {
	owner   principal
	version uint32 // of the key; a changed password has the next one
	key     types.EncryptionKey
}

// parseKeytab reads a keytab in MIT's file format, version 2.
func parseKeytab(file []byte) (keytab, error) {
	if len(file) < 2 || file[0] != 5 || file[1] != 2 {
		return nil, errors.New("it is not a keytab of version 2")
	}
	c := &cursor{rest: file[2:], order: binary.BigEndian}
	var k keytab
	for len(c.rest) > 0 && c.err == nil {
		size := int32(c.uint32())
		if size < 0 { // a hole, where an entry was deleted
			c.bytes(uint32(-int64(size)))
			continue
		}
		entry := &cursor{rest: c.bytes(uint32(size)), order: binary.BigEndian}
		if size == 0 || c.err != nil {
			break
		}
		e := entry.keytabEntry()
		if entry.err != nil {
			return nil, entry.err
		}
		k = append(k, e)
	}
	if c.err == nil && len(k) == 0 {
		return nil, errors.New("it is empty")
	}
	return k, c.err
}

func (c *cursor) keytabEntry() keytabEntry {
	var e keytabEntry
	n := uint32(c.uint16())
	e.owner.realm = string(c.short())
	e.owner.name.NameString = c.components(n, c.short)
	e.owner.name.NameType = int32(c.uint32())
	c.uint32() // when it was written
	e.version = uint32(c.uint8())
	e.key = newKey(c.uint16(), c.short())
	if len(c.rest) >= 4 { // for versions beyond 255
		if long := c.uint32(); long != 0 {
			e.version = long
		}
	}
	return e
}

// keyFor returns who's newest key of an encryption type.
func (k keytab) keyFor(who principal, kind int32) (types.EncryptionKey, error) {
	var best keytabEntry
	for _, e := range k {
		if e.owner.equal(who) && e.key.KeyType == kind && e.version >= best.version {
			best = e
		}
	}
	if best.key.KeyValue == nil {
		return types.EncryptionKey{}, fmt.Errorf("%w: the keytab has no key of %s of type %d", ErrNoTicket, who, kind)
	}
	return best.key, nil
}

// types returns those of the encryption types that there is a key of who's for.
func (k keytab) types(who principal, among []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(among), func(kind int32) bool {
		_, err := k.keyFor(who, kind)
		return err != nil
	})
}
