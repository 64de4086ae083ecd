package ntlm

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
)

// signer makes the signatures of one direction (section 3.4.4.2, with extended session security).
type signer struct {
	key    []byte
	handle *rc4.Cipher // nil without key exchange: then the checksum goes unencrypted
	seq    uint32
}

// The directions, as they occur in the text that is hashed into a key.
const (
	fromClient = "client-to-server"
	fromServer = "server-to-client"
)

func newSigner(exported []byte, flags uint32, direction string) *signer {
	s := &signer{key: signKey(exported, direction)}
	if flags&flagKeyExchange != 0 {
		key := sealKey(exported, flags, direction)
		defer clear(key)
		s.handle, _ = rc4.NewCipher(key) // fails only for a key that is not of 1 to 256 bytes
	}
	return s
}

// signKey is SIGNKEY of section 3.4.5.2.
func signKey(exported []byte, direction string) []byte {
	return md5Sum(exported, "session key to "+direction+" signing key magic constant\x00")
}

// sealKey is SEALKEY of section 3.4.5.3.
func sealKey(exported []byte, flags uint32, direction string) []byte {
	switch {
	case flags&flag128 != 0:
	case flags&flag56 != 0:
		exported = exported[:7]
	default:
		exported = exported[:5]
	}
	return md5Sum(exported, "session key to "+direction+" sealing key magic constant\x00")
}

func md5Sum(key []byte, magic string) []byte {
	h := md5.New()
	h.Write(key)
	h.Write([]byte(magic))
	return h.Sum(nil)
}

// sign returns an NTLMSSP_MESSAGE_SIGNATURE (section 2.2.2.9.2) and counts the message.
func (s *signer) sign(message []byte) []byte {
	seq := binary.LittleEndian.AppendUint32(nil, s.seq)
	s.seq++
	checksum := hmacMD5(s.key, seq, message)[:8]
	if s.handle != nil {
		s.handle.XORKeyStream(checksum, checksum)
	}
	return append(append([]byte{1, 0, 0, 0}, checksum...), seq...)
}

func (s *signer) verify(message, sig []byte) bool {
	return hmac.Equal(s.sign(message), sig)
}

func (s *signer) wipe() {
	clear(s.key)
	if s.handle != nil {
		s.handle.Reset() //nolint:staticcheck // deprecated because it cannot promise to reach every copy of the key
	}
}
