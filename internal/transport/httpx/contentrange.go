package httpx

import (
	"strconv"
	"strings"
)

// contentRange is a Content-Range field (RFC 9110 section 14.4).
type contentRange struct {
	first, last int64 // −1 in the answer to a range that cannot be satisfied
	size        int64 // complete length, −1 when it is given as "*"
}

// parseContentRange reads "bytes 0-99/200", "bytes 0-99/*" and "bytes */200".
func parseContentRange(field string) (contentRange, bool) {
	none := contentRange{-1, -1, -1}
	unit, rest, ok := strings.Cut(strings.TrimSpace(field), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return none, false
	}
	span, total, ok := strings.Cut(strings.TrimSpace(rest), "/")
	if !ok {
		return none, false
	}
	r := none
	if total != "*" {
		if r.size, ok = parseDigits(total); !ok {
			return none, false
		}
	}
	if span == "*" {
		return r, r.size >= 0
	}
	from, to, ok := strings.Cut(span, "-")
	first, ok1 := parseDigits(from)
	last, ok2 := parseDigits(to)
	if !ok || !ok1 || !ok2 || last < first || (r.size >= 0 && last >= r.size) {
		return none, false
	}
	r.first, r.last = first, last
	return r, true
}

// parseDigits reads 1*DIGIT that fits an int64 with room for one more.
func parseDigits(s string) (int64, bool) {
	if s == "" || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return -1, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
