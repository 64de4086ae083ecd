package cli

import (
	"bytes"
	"strings"
	"testing"
)

// A link to the program, or a copy of it, that is called bitsadmin is that command; as a copy it still starts itself
// as the daemon.
func TestCalledBitsadmin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want bool
	}{
		{"bitsadmin", nil, true},
		{"/usr/local/bin/bitsadmin", []string{"/list"}, true},
		{"BitsAdmin.exe", []string{"/LIST"}, true},
		{"bitsadmin", []string{"daemon", "--auto"}, false},
		{"ebb", []string{"/list"}, false},
		{"", nil, false},
	} {
		if got := calledBitsadmin(c.name, c.args); got != c.want {
			t.Errorf("calledBitsadmin(%q, %q) = %v", c.name, c.args, got)
		}
	}
	var out, errs bytes.Buffer
	code := Main(t.Context(), Program{Name: "bitsadmin", Args: []string{"/cache", "/?"}, Stdout: &out, Stderr: &errs})
	if code != 0 || !strings.Contains(out.String(), "\n/CACHE /DELETEURL url\n") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
}
