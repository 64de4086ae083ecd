// Package secret keeps credentials at rest: sealed with a key that is not in the store,
// and bound to the job and the name they were set for.
//
// It protects a copy of the store (a backup, a disk sold, a support archive) that comes
// without the key. It does not protect against whoever may read the key as well: root, and
// any program of the same user.
package secret

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/ebb-transfer/ebb/job"
)

// ErrSealed means that a secret does not open: it was sealed with another key (the key file
// was lost or replaced), for another job or name, or was changed since. Its owner has to set
// it again.
var ErrSealed = errors.New("sealed with another key or for another purpose, or damaged; set it again")

// MaxSize is the longest secret in bytes. The longest of BITS, a password, has 65,536 characters.
const MaxSize = 1 << 20

// A sealed secret is a version byte, the nonce, and the ciphertext with its tag
// (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03). The random nonce of 192 bits needs no
// counter: no number of secrets that a machine can hold makes two equal.
const (
	version  = 1
	overhead = 1 + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// Box seals and opens secrets with one key. It may be used concurrently. Printing, logging or
// marshaling it reveals nothing.
type Box struct {
	aead func() cipher.AEAD // behind a function, which no verb of fmt looks into
}

func newBox(key []byte) (*Box, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return &Box{aead: func() cipher.AEAD { return aead }}, nil
}

// Seal encrypts plain, at most [MaxSize] bytes, for one job and name, such as
// "credentials/server/basic", "headers", "client_cert" or "webhook". Sealing the same secret
// twice gives two different results. The caller wipes plain.
func (b *Box) Seal(id job.ID, name string, plain []byte) ([]byte, error) {
	if len(plain) > MaxSize {
		return nil, fmt.Errorf("secret %s of job %s has %d bytes; at most %d are allowed", name, id, len(plain), MaxSize)
	}
	sealed := make([]byte, 1+chacha20poly1305.NonceSizeX, overhead+len(plain))
	sealed[0] = version
	nonce := sealed[1:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("no random numbers to seal a secret with: %w", err)
	}
	return b.aead().Seal(sealed, nonce, plain, bound(id, name)), nil
}

// Open decrypts what [Box.Seal] returned for the same job and name; anything else is
// [ErrSealed]. The caller wipes the result.
func (b *Box) Open(id job.ID, name string, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead || len(sealed) > overhead+MaxSize || sealed[0] != version {
		return nil, sealedError(id, name)
	}
	nonce, text := sealed[1:1+chacha20poly1305.NonceSizeX], sealed[1+chacha20poly1305.NonceSizeX:]
	plain, err := b.aead().Open(nil, nonce, text, bound(id, name))
	if err != nil {
		return nil, sealedError(id, name)
	}
	return plain, nil
}

func sealedError(id job.ID, name string) error {
	return fmt.Errorf("secret %s of job %s: %w", name, id, ErrSealed)
}

// bound is the associated data. The lengths keep the end of the ID and the start of the name
// apart; the version cannot be changed without being noticed.
func bound(id job.ID, name string) []byte {
	data := append([]byte("ebb secret"), version)
	for _, s := range []string{string(id), name} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(s)))
		data = append(data, s...)
	}
	return data
}

// String hides the key.
func (Box) String() string { return "secret.Box" }

// GoString hides the key.
func (Box) GoString() string { return "secret.Box" }

// LogValue hides the key.
func (Box) LogValue() slog.Value { return slog.StringValue("secret.Box") }

// Wipe overwrites b with zeros, at once and for certain. That is as far as it goes: it does
// not reach the copies that Go's runtime and standard library make on their own, such as a
// string built from b, an old backing array of a slice that grew, a stack that moved, buffers
// of TLS and HTTP, or a page that was swapped out or dumped. A string cannot be wiped at all,
// so keep secrets in []byte for as long as possible, and keep them for a short time. For the
// same reason the key of a [Box] stays in memory until the process ends.
func Wipe(b []byte) {
	clear(b)
	runtime.KeepAlive(b) // else the compiler may see that nobody reads the zeros
}
