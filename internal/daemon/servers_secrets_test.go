//go:build integration && unix

package daemon_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// secrets are what must not be found: passwords, and all that serves in their place.
type secrets struct {
	mu    sync.Mutex // guards texts
	texts map[string]string
}

func (s *secrets) add(u rig.User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	quoted, _ := json.Marshal(u.Password)
	forms := map[string]string{
		"as it is":   u.Password,
		"in JSON":    strings.Trim(string(quoted), `"`),
		"in Go":      strings.Trim(fmt.Sprintf("%+q", u.Password), `"`),
		"in a query": url.QueryEscape(u.Password),
		"in a path":  url.PathEscape(u.Password),
		"in base64":  base64.StdEncoding.EncodeToString([]byte(u.Password)),
		"in Basic":   base64.StdEncoding.EncodeToString([]byte(u.Name + ":" + u.Password)),
	}
	for _, realm := range []string{"rig", "rig MD5", "rig SHA-256", "rig userhash"} {
		a1 := []byte(u.Name + ":" + realm + ":" + u.Password)
		forms["in Digest MD5 of "+realm] = fmt.Sprintf("%x", md5.Sum(a1))
		forms["in Digest SHA-256 of "+realm] = fmt.Sprintf("%x", sha256.Sum256(a1))
	}
	for how, text := range forms {
		s.texts[text] = u.Name + "'s password " + how
	}
}

// search demands that no secret is in text, and that the search does find what is there.
func (s *secrets) search(t *testing.T, where string, text []byte, there string) {
	t.Helper()
	if !bytes.Contains(text, []byte(there)) {
		t.Errorf("%s: %q is not found, which is there for sure", where, there)
	}
	for secret, what := range s.texts {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s: %s is there", where, what)
		}
	}
}

// ebb runs the program as a person does and returns what it prints and its exit code.
func (s *realServers) ebb(t *testing.T, args ...string) (stdout, stderr []byte, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.daemon.binary, args...)
	cmd.Env = append(os.Environ(), "EBB_STATE_DIR="+s.daemon.state, "EBB_SOCKET=", "HOME="+s.daemon.state)
	var errout bytes.Buffer
	cmd.Stderr = &errout
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out, errout.Bytes(), cmd.ProcessState.ExitCode()
}

// commandLine downloads by `ebb get`, with a right and with a wrong password.
func (s *realServers) commandLine(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	for _, tt := range []struct {
		password string
		code     int
		says     string
	}{{"no-such-pässword", 77, "digest"}, {rig.Juergen.Password, 0, ""}} {
		s.sought.add(rig.User{Name: rig.Juergen.Name, Password: tt.password})
		if err := os.WriteFile(password, []byte(tt.password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.places {
			if p.scheme != "digest" || !p.https || p.proxy != nil {
				continue
			}
			out := filepath.Join(t.TempDir(), "file")
			address := p.server.HTTPS(p.path + smallName(0))
			_, stderr, code := s.ebb(t, "get", "--scheme", "digest", "--user", rig.Juergen.Name, "--password-file", password,
				"--cacert", p.server.CAFile, "--proxy", "none", "-o", out, address)
			if code != tt.code || !strings.Contains(strings.ToLower(string(stderr)), tt.says) {
				t.Errorf("%s: exit code %d, want %d; it says %q, want %q", p.name, code, tt.code, stderr, tt.says)
			}
			if code == 0 && sum(t, out) != sum(t, filepath.Join(s.files, smallName(0))) {
				t.Errorf("%s: the file is not the server's", p.name)
			}
		}
	}
}

// searchSecrets looks for the passwords in all that ebb has written and can be asked for.
func (s *realServers) searchSecrets(t *testing.T) {
	pid := fmt.Sprint(s.daemon.cmd.Process.Pid)
	for file, there := range map[string]string{"cmdline": "daemon", "environ": "EBB_STATE_DIR"} {
		text, err := os.ReadFile(filepath.Join("/proc", pid, file))
		if err != nil {
			t.Fatal(err)
		}
		s.sought.search(t, "the daemon's "+file, text, there)
	}

	list, _, _ := s.ebb(t, "list", "--all", "--json")
	s.sought.search(t, "ebb list --json", list, "0x80190191")
	events, _, _ := s.ebb(t, "events", "--json")
	s.sought.search(t, "ebb events --json", events, "0x80190197")
	shown := 0
	for line := range bytes.Lines(list) {
		var j struct{ ID string }
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatal(err)
		}
		job, _, code := s.ebb(t, "show", "--json", j.ID)
		if code != 0 {
			t.Errorf("ebb show %s: exit code %d", j.ID, code)
		}
		s.sought.search(t, "ebb show --json", job, j.ID)
		shown++
	}

	s.daemon.kill() // and all that it has stored
	var files, size int
	err := filepath.WalkDir(s.daemon.state, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		files++
		size += len(text)
		there := map[string]string{"ebb.db": "SQLite format 3", "test.log": "msg=ready"}[filepath.Base(name)]
		s.sought.search(t, filepath.Base(name), text, there)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d forms of passwords are in none of %d jobs and %d stored files of %d bytes", len(s.sought.texts), shown, files, size)
}
