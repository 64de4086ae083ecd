package ntlm

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/md4" //nolint:staticcheck // the hash of NT passwords; there is no other
)

// ntowfv2 is NTOWFv2 of section 3.3.2, the key of both responses. It is as good as the password for this
// account, so whoever calls this wipes it. The user's name is in capitals in it, the domain is as typed.
func ntowfv2(id Identity) []byte {
	password := utf16le(id.Password)
	h := md4.New()
	h.Write(password)
	hash := h.Sum(nil)
	defer clear(hash)
	clear(password)
	return hmacMD5(hash, utf16le(upperCase(id.User)), utf16le(id.Domain))
}

// responses are what answers a challenge, and the key that both sides derive from it.
type responses struct {
	lm, nt         []byte // LmChallengeResponse and NtChallengeResponse
	sessionBaseKey []byte
}

// respond is ComputeResponse of section 3.3.2. lm is LMv2: an HMAC over the two challenges with the same
// key, which has nothing but its place in the message in common with the LM hash of old.
func respond(key []byte, server, client [8]byte, filetime uint64, info []byte) responses {
	temp := make([]byte, 0, 28+len(info)+4)
	temp = append(temp, 1, 1, 0, 0, 0, 0, 0, 0) // RespType, HiRespType, reserved
	temp = binary.LittleEndian.AppendUint64(temp, filetime)
	temp = append(temp, client[:]...)
	temp = append(temp, 0, 0, 0, 0)
	temp = append(temp, info...)
	temp = append(temp, 0, 0, 0, 0)
	proof := hmacMD5(key, server[:], temp)
	return responses{
		lm:             append(hmacMD5(key, server[:], client[:]), client[:]...),
		nt:             append(proof[:len(proof):len(proof)], temp...),
		sessionBaseKey: hmacMD5(key, proof),
	}
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// filetime counts the 100 nanosecond ticks since 1601, as MS-DTYP section 2.3.3 does.
func filetime(t time.Time) uint64 {
	const epoch = 11644473600 // seconds from 1601 to 1970
	return uint64(t.Unix()+epoch)*1e7 + uint64(t.Nanosecond())/100
}
