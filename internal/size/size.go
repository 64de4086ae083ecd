// Package size reads numbers of bytes as people write them.
package size

import (
	"regexp"
	"strconv"
	"strings"
)

// withUnit is a number with a unit, which may have decimals.
var withUnit = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([KMGT])$`)

// most bounds what has a unit.
const most = 1 << 60

// Parse reads a number of bytes such as 0, 500K, 2MB or 1.5t, in units of 1024. What decimals make beyond a whole byte is left
// out. It reports false for what is written in another way, and for more than 1<<60 with a unit or math.MaxInt64 without.
func Parse(s string) (n int64, ok bool) {
	s = strings.TrimSuffix(strings.ToUpper(s), "B")
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		return int64(n), true
	}
	m := withUnit.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	v *= float64(int64(1024) << (10 * strings.Index("KMGT", m[2])))
	if err != nil || v > most {
		return 0, false
	}
	return int64(v), true
}
