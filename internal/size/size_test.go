package size

import (
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "500": 500, "007": 7, "10B": 10, "9007199254740993": 1<<53 + 1, "9223372036854775807": math.MaxInt64,
		"500K": 500 << 10, "500k": 500 << 10, "2M": 2 << 20, "2MB": 2 << 20, "2mb": 2 << 20, "0K": 0,
		"1.5G": 3 << 29, "1.5T": 3 << 39, "0.1M": 104857, "1.0001K": 1024, "1048576T": 1 << 60,
	} {
		if got, ok := Parse(in); got != want || !ok {
			t.Errorf("Parse(%q) = %d, %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "B", "K", "KB", ".5K", "1.K", "1,5K", "-1", "+1", "-1K", "0.5", "0.5B", "1.0", "1X", "1KK", "1P", "1 M", " 1", "1BB",
		"1e3", "1e3K", "0x10", "1_000", "NaN", "Inf", "InfK", "9223372036854775808", "1048577T", "99999999999999999999G",
	} {
		if got, ok := Parse(in); ok {
			t.Errorf("Parse(%q) = %d, want none", in, got)
		}
	}
}
