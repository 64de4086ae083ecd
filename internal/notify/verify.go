package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a webhook's request.
const (
	HeaderEvent     = "Ebb-Event"     // such as "transferred"
	HeaderDelivery  = "Ebb-Delivery"  // the notice's ID, the same when it is repeated
	HeaderTimestamp = "Ebb-Timestamp" // seconds since 1970 at the moment of sending
	HeaderSignature = "Ebb-Signature" // "sha256=" and the HMAC in hex; absent when the job has no key
)

const signaturePrefix = "sha256="

// Errors of [Verify].
var (
	// ErrSignature means that the request was not signed with this key: do not act on it.
	ErrSignature = errors.New("the signature is missing or wrong")
	// ErrTimestamp means that the signature is right but too old or from the future: the request may be a
	// recorded one that is played again, or one of the clocks is wrong.
	ErrTimestamp = errors.New("the timestamp is too far from now")
)

// Verify is for those who receive webhooks. It returns nil when header and body come from
// somebody who has the key, at most tolerance from now (5 minutes is usual); else [ErrSignature]
// or [ErrTimestamp].
//
// What is signed with HMAC-SHA256 (RFC 2104) is the timestamp, a dot and the body as it came. The
// ID and the event are to be taken from the body, because the headers with them are not signed;
// the ID tells a repeated notice from a new one.
func Verify(header http.Header, body, key []byte, now time.Time, tolerance time.Duration) error {
	stamp := header.Get(HeaderTimestamp)
	got := header.Get(HeaderSignature)
	if len(key) == 0 || !strings.HasPrefix(got, signaturePrefix) || !hmac.Equal([]byte(got), []byte(signature(key, stamp, body))) {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: it is not a number", ErrTimestamp)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age.Abs() > tolerance {
		return fmt.Errorf("%w: %s", ErrTimestamp, age.Round(time.Second))
	}
	return nil
}

func signature(key []byte, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}
