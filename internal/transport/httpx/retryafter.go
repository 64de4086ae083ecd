package httpx

import (
	"net/http"
	"strings"
	"time"
)

// maxRetryAfter bounds what a server may ask for: one that says "next year" is asked again tomorrow.
const maxRetryAfter = 24 * time.Hour

// retryAfter is how long an answer asks to stay away (RFC 9110 section 10.2.3), from 0 to 24 h.
// A date is measured from the server's own Date, so that wrong clocks do not matter.
func retryAfter(h http.Header, now time.Time) time.Duration {
	field := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, ok := parseDigits(field); ok {
		return time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(field)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
