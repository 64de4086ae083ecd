package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const zeros = "sha256=0000000000000000000000000000000000000000000000000000000000000000"

// url is one that would work: a command that is refused never asks it.
const url = "http://127.0.0.1:9/file"

// malformed are command lines that no version of ebb could carry out, with their exit codes. None of them
// needs a daemon to be refused.
var malformed = []struct {
	exit int
	line []string
}{
	// URLs
	{2, []string{"get", ""}},
	{2, []string{"get", "example.com/file"}},
	{2, []string{"get", "//example.com/file"}},
	{2, []string{"get", "http://"}},
	{2, []string{"get", "http:///file"}},
	{2, []string{"get", "http://[::1/file"}},
	{2, []string{"get", "http://example.com:0/file"}},
	{2, []string{"get", "http://example.com:65536/file"}},
	{2, []string{"get", "http://example.com:port/file"}},
	{2, []string{"get", "http://exa mple.com/file"}},
	{2, []string{"get", "http://example.com/%zz"}},
	{2, []string{"get", "http://alice:secret@example.com/file"}},
	{2, []string{"get", "http://example.com/a\nb"}},
	{2, []string{"get", "http://example.com/\x1b[31m"}},
	{2, []string{"get", "http://example.com/\xff"}},
	{2, []string{"get", "://"}},
	{2, []string{"get", ":"}},
	{2, []string{"get", url, ""}},
	{2, []string{"get", url, url}}, // both would be saved as one file
	{69, []string{"get", "ftp://example.com/file"}},
	{69, []string{"get", "file:///etc/passwd"}},
	{69, []string{"get", "javascript:alert(1)"}},
	{69, []string{"get", "c:\\file"}},

	// names and folders
	{2, []string{"get", "-o", "", url}},
	{2, []string{"get", "-o", "a", url, url + "2"}},
	{2, []string{"get", "-o", "folder/", url}},
	{2, []string{"get", "-o", "a\tb", url}},
	{2, []string{"get", "-d", "", url}},
	{2, []string{"get", "--name", strings.Repeat("n", 257), url}},
	{2, []string{"get", "--name", "a\nb", url}},
	{2, []string{"get", "--name", "", url}},

	// numbers and durations
	{2, []string{"get", "--limit", "fast", url}},
	{2, []string{"get", "--limit", "-1", url}},
	{2, []string{"get", "--limit", "0.2", url}},
	{2, []string{"get", "--limit", "1P", url}},
	{2, []string{"get", "--limit", "NaN", url}},
	{2, []string{"get", "--limit", "Inf", url}},
	{2, []string{"get", "--limit", "1e400", url}},
	{2, []string{"get", "--limit", "99999999999999999999G", url}},
	{2, []string{"get", "--timeout", "soon", url}},
	{2, []string{"get", "--timeout", "10", url}},
	{2, []string{"get", "--timeout", "-1s", url}},
	{2, []string{"get", "--timeout", "99999999999h", url}},
	{2, []string{"get", "--retry-delay", "-5s", url}},
	{2, []string{"get", "--retry-delay", "", url}},
	{2, []string{"get", "--no-progress-timeout", "-1h", url}},
	{2, []string{"get", "--connect-timeout", "-1s", url}},
	{2, []string{"get", "--stall-timeout", "-1s", url}},

	// choices
	{2, []string{"get", "--priority", "urgent", url}},
	{2, []string{"get", "--priority", "LOW", url}},
	{2, []string{"get", "--checksum", "0000", url}},
	{2, []string{"get", "--checksum", "crc32=00000000", url}},
	{2, []string{"get", "--checksum", "sha256=00", url}},
	{2, []string{"get", "--checksum", strings.Replace(zeros, "0", "g", 1), url}},
	{2, []string{"get", "--checksum", zeros, url, url + "2"}},
	{2, []string{"get", "--json=maybe", url}},
	{2, []string{"get", "--detach", "--standalone", url}},
	{2, []string{"get", "--system", "--standalone", url}},

	// headers and proxies
	{2, []string{"get", "-H", "no colon", url}},
	{2, []string{"get", "-H", ": value", url}},
	{2, []string{"get", "-H", "Two Words: value", url}},
	{2, []string{"get", "-H", "X: a\r\nY: b", url}},
	{2, []string{"get", "--proxy", "ftp://proxy.example", url}},
	{2, []string{"get", "--proxy", "proxy.example:port", url}},
	{2, []string{"get", "--proxy", "://", url}},
	{2, []string{"get", "--proxy", ", ,", url}},
	{2, []string{"get", "--proxy", strings.Repeat("p.example ", 4000), url}},
	{2, []string{"get", "--proxy-bypass", "*.example.com", url}}, // of no list
	{2, []string{"get", "--proxy", "p.example", "--proxy-bypass", "www.*", url}},
	{2, []string{"get", "--proxy", "http://proxy.example:99999", url}},
	{2, []string{"get", "--proxy", "http://alice:secret@proxy.example", url}},
	{2, []string{"get", "--webhook", "mailto:alice@example.com", url}},

	// what kind of job
	{2, []string{"get", "--method", "GET it", url}},
	{2, []string{"get", "--method", "", url}},
	{69, []string{"get", "--method", "POST", "--dynamic", url}},
	{69, []string{"get", "--method", "POST", "--on-demand", url}},
	{69, []string{"get", "--dynamic", "--on-demand", url}},
	{69, []string{"get", "--reply-file", "reply", url}},
	{2, []string{"get", "--dynamic=perhaps", url}},
	{2, []string{"get", "--high-performance=", url}},
	{2, []string{"get", "--headers-readable=1", url}},
	{2, []string{"get", "--max-size", "-1", url}},
	{2, []string{"get", "--max-size", "1P", url}},
	{2, []string{"get", "--max-size", "9223372036854775808", url}},
	{2, []string{"get", "--transfer-policy", "never", url}},
	{2, []string{"get", "--transfer-policy", "0x100", url}},
	{2, []string{"get", "--transfer-policy", "0x80000000", url}}, // no cost at all
	{2, []string{"get", "--max-download-time", "0", url}},
	{2, []string{"get", "--inactivity-timeout", "0s", url}},
	{2, []string{"get", "--min-notify-interval", "-1s", url}},
	{2, []string{"get", "--notify-flags", "everything", url}},
	{2, []string{"get", "--notify-flags", "transferred, error", url}},
	{2, []string{"get", "--notify-flags", "64", url}},
	{2, []string{"get", "--notify-flags", "-1", url}},
	{2, []string{"get", "--peer-caching", "8", url}},
	{2, []string{"get", "--acl-flags", "OX", url}},
	{2, []string{"get", "--acl-flags", "16", url}},
	{2, []string{"get", "--description", strings.Repeat("d", 1025), url}},
	{2, []string{"get", "--redirects", "maybe", url}},
	{2, []string{"get", "--ignore-cert", "everything", url}},
	{2, []string{"get", "--ignore-cert", "unknown-ca,,date", url}},
	{2, []string{"get", "--ignore-cert", "0x100", url}}, // another of the security flags
	{2, []string{"get", "--pin", "sha256/AAAA", url}},
	{2, []string{"get", "--pin", "md5/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", url}},
	{2, []string{"get", "-H", "@not-there", url}},
	{2, []string{"get", "-H", "@", url}},

	// credentials
	{2, []string{"get", "--user", "alice", url}},
	{2, []string{"get", "--user", "", url}},
	{2, []string{"get", "--password", "secret", url}},
	{2, []string{"get", "--password-file", "not-there", "--user", "alice", url}},
	{2, []string{"get", "--password-file", "/", "--user", "alice", url}},
	{2, []string{"get", "--password-stdin", "--user", "alice", url}}, // nothing there
	{2, []string{"get", "--password", "a", "--password-stdin", "--user", "alice", url}},
	{2, []string{"get", "--scheme", "kerberos", "--user", "alice", "--password", "secret", url}},
	{2, []string{"get", "--scheme", "basic", url}},
	{2, []string{"get", "--scheme", "bearer", url}},
	{2, []string{"get", "--proxy-user", "alice", url}},
	{2, []string{"get", "--proxy-password-file", "not-there", "--proxy-user", "alice", url}},
	{2, []string{"get", "--netrc", url}}, // there is no file
	{2, []string{"get", "--netrc", "--password", "secret", url}},
	{2, []string{"get", "--cacert", "not-there", url}},
	{2, []string{"get", "--cert", "not-there", url}},
	{2, []string{"get", "--key", "not-there", url}},
	{2, []string{"get", "--cert-password-file", "not-there", url}},
	{2, []string{"create", "--checksum", zeros}},
	{2, []string{"credentials", "set", "3f2a"}},
	{2, []string{"credentials", "set", "3f2a", "--target", "moon", "--user", "a", "--password", "b"}},
	{2, []string{"credentials", "remove", "3f2a", "--scheme", "none"}},

	// commands, IDs and settings
	{2, []string{"gett", url}},
	{2, []string{"get"}},
	{2, []string{"get", "--no-such-flag", url}},
	{2, []string{"get", "-Z", url}},
	{2, []string{"list", "everything"}},
	{2, []string{"daemon", "restart"}},
	{2, []string{"daemon", "--auto", "--idle-exit", "0s"}},
	{2, []string{"show"}},
	{2, []string{"show", ""}},
	{2, []string{"show", "../jobs"}},
	{2, []string{"show", strings.Repeat("a", 37)}},
	{2, []string{"cancel", "3f2a", "not an id"}},
	{2, []string{"add-file", "3f2a"}},
	{2, []string{"add-file", "3f2a", "example.com"}},
	{2, []string{"add-file", "3f2a", url, "--range", "0"}},
	{2, []string{"add-file", "3f2a", url, "--range", "eof:1"}},
	{2, []string{"add-file", "3f2a", url, "--range", "-1:1"}},
	{2, []string{"add-file", "3f2a", url, "--range", "0:-1"}},
	{2, []string{"add-file", "3f2a", url, "--range", ""}},
	{2, []string{"add-file", "3f2a", url, "--range", "0:10,5:1"}}, // overlap
	{2, []string{"add-file", "3f2a", url, "--range", "5:0,0:eof,7:eof"}},
	{2, []string{"add-file", "3f2a", url, "--sparse"}},
	{1, []string{"add-file", "3f2a", url, "--range", "9223372036854775807:9223372036854775807"}},
	{2, []string{"add-files", "3f2a"}},
	{2, []string{"add-files", "3f2a", "not-there"}},
	{2, []string{"add-files", "3f2a", "/"}},
	{2, []string{"add-files", "3f2a", "-"}}, // nothing there
	{2, []string{"file"}},
	{2, []string{"file", "skp", "3f2a", "1"}},
	{2, []string{"file", "list"}},
	{2, []string{"file", "show", "3f2a"}},
	{2, []string{"file", "skip", "3f2a"}},
	{2, []string{"file", "skip", "not an id", "1"}},
	{2, []string{"file", "set-url", "3f2a", "1"}},
	{2, []string{"file", "replace-prefix", "3f2a", "", "http://example.com/"}},
	{2, []string{"file", "request", "3f2a", "1"}},
	{2, []string{"file", "request", "3f2a", "1", "0-99"}},
	{2, []string{"file", "seek", "3f2a", "1", "-1"}},
	{2, []string{"file", "seek", "3f2a", "1", "half"}},
	{2, []string{"headers", "set", "3f2a"}},
	{2, []string{"headers", "set", "3f2a", "secret"}},
	{2, []string{"headers", "set", "3f2a", "@not-there"}},
	{2, []string{"certificate", "set", "3f2a"}},
	{2, []string{"certificate", "set", "3f2a", "--cert", "not-there"}},
	{2, []string{"list", "--state", "lost"}},
	{2, []string{"list", "--name", ""}},
	{2, []string{"list", "--limit", "0"}},
	{2, []string{"list", "--limit", "-1"}},
	{2, []string{"list", "--owner", "alice"}},
	{2, []string{"list", "--system", "--owner", "no such user"}},
	{2, []string{"show", "3f2a", "--error=maybe"}},
	{2, []string{"set", "3f2a"}},
	{2, []string{"set", "3f2a", "=low"}},
	{2, []string{"set", "3f2a", "dynamic=yes"}},
	{2, []string{"set", "3f2a", "acl-flags=Z"}},
	{2, []string{"set", "3f2a", "redirects="}},
	{2, []string{"set", "3f2a", "cacert=not-there"}},
	{2, []string{"set", "3f2a", "limit=1", "max-size=x"}},
	{2, []string{"set", "3f2a", "priority"}},
	{2, []string{"set", "3f2a", "priority=urgent"}},
	{2, []string{"set", "3f2a", "limit="}},
	{2, []string{"set", "3f2a", "retry-delay=-5s"}},
	{2, []string{"set", "3f2a", "overwrite=perhaps"}},
	{2, []string{"set", "3f2a", "notify-flags=4294967296"}},
	{2, []string{"events", "--after", "-1"}},
	{2, []string{"events", "--after", "99999999999999999999999"}},
	{2, []string{"completion", "tcsh"}},
}

// TestMalformed demands of each of them one line, the exit code, and no trace: no daemon, no state, no file.
func TestMalformed(t *testing.T) {
	t.Parallel()
	if len(malformed) < 100 {
		t.Fatalf("only %d inputs", len(malformed))
	}
	for _, tt := range malformed {
		t.Run(strings.Join(tt.line, " "), func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			ebb := exec.Command("ebb", tt.line...)
			ebb.Dir = home
			ebb.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "EBB_STATE_DIR=" + filepath.Join(home, "state")}
			var stdout, stderr bytes.Buffer
			ebb.Stdout, ebb.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := ebb.Run(); !errors.As(err, &exit) || exit.ExitCode() != tt.exit {
				t.Errorf("%v, want exit status %d", err, tt.exit)
			}
			last := oneLine(t, stderr.String())
			if stdout.Len() > 0 || !strings.HasPrefix(last, "ebb: ") || strings.Contains(last, "secret") {
				t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
			}
			left, err := os.ReadDir(home)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// oneLine is the one line of text; only the warning about --password may come before it.
func oneLine(t *testing.T, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) == 2 && strings.HasPrefix(lines[0], "ebb: --password shows") {
		lines = lines[1:]
	}
	if len(lines) != 1 {
		t.Errorf("want one line, got %q", text)
	}
	return lines[0]
}
