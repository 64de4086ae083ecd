package kerberos

import (
	"encoding/binary"
	"errors"

	"github.com/jcmturner/gokrb5/v8/types"
)

var errTruncated = errors.New("it ends in the middle")

// A cursor reads the fields of MIT's binary files. After the end it returns zeros
// and has err set; no length in a file makes it allocate more than the file has.
type cursor struct {
	rest  []byte
	order binary.ByteOrder
	err   error
}

// bytes returns the next n bytes, as part of the file.
func (c *cursor) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(c.rest)) {
		c.err, c.rest = errTruncated, nil
	}
	if c.err != nil {
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return c.order.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return c.order.Uint32(b)
	}
	return 0
}

// data returns a field with a length of 32 bits before it, and short one with 16.
func (c *cursor) data() []byte  { return c.bytes(c.uint32()) }
func (c *cursor) short() []byte { return c.bytes(uint32(c.uint16())) }

// components returns the n parts of a principal's name, each read by field.
func (c *cursor) components(n uint32, field func() []byte) (parts []string) {
	for ; n > 0 && c.err == nil; n-- {
		parts = append(parts, string(field()))
	}
	return parts
}

// newKey copies the value: the file's bytes are wiped.
func newKey(kind uint16, value []byte) types.EncryptionKey {
	return types.EncryptionKey{KeyType: int32(kind), KeyValue: append([]byte(nil), value...)}
}
