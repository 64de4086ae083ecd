package ebbtest

import (
	"os"
	"testing"
)

// Lacks ends a test that needs a program, a device or an account which this machine does not have. Where all is meant
// to be there, with EBB_CI=1 or CI=true, the test fails: one that is skipped for years is one that nobody has.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("EBB_CI") == "1" || os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
