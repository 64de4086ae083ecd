//go:build integration && unix

package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// ebb runs the program as a person does and returns what it prints and its exit code.
func (p *process) ebb(t *testing.T, args ...string) (stdout, stderr []byte, code int) {
	t.Helper()
	cmd := p.command(t, args...)
	var errout bytes.Buffer
	cmd.Stderr = &errout
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out, errout.Bytes(), cmd.ProcessState.ExitCode()
}

// command is the program as a person runs it.
func (p *process) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), p.binary, args...)
	cmd.Env = append(os.Environ(), "EBB_STATE_DIR="+p.state, "EBB_SOCKET=", "HOME="+p.state)
	return cmd
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
			_, stderr, code := s.daemon.ebb(t, "get", "--scheme", "digest", "--user", rig.Juergen.Name, "--password-file", password,
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
	s.daemon.searchSecrets(t, &s.sought)
}

// searchSecrets looks for secrets in all that a daemon shows and has stored, and kills it in between.
func (p *process) searchSecrets(t *testing.T, sought *secrets) {
	t.Helper()
	searchProcess(t, sought, "the daemon", p.cmd.Process.Pid, "daemon")
	list, _, _ := p.ebb(t, "list", "--all", "--json")
	if len(list) == 0 {
		t.Skip("it has had no job, and so no secret")
	}
	sought.search(t, "ebb list --json", list, `"id":"`)
	var ids []string
	for line := range bytes.Lines(list) {
		var j struct{ ID string }
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	events, _, _ := p.ebb(t, "events", "--json")
	sought.search(t, "ebb events --json", events, ids[0])
	for _, id := range ids[:min(len(ids), 5)] {
		shown, _, _ := p.ebb(t, "show", "--json", id)
		sought.search(t, "ebb show --json", shown, id)
		credentials, _, _ := p.ebb(t, "credentials", "list", "--json", id)
		sought.search(t, "ebb credentials list --json", credentials, "")
	}
	for _, id := range ids {
		sought.search(t, "the API's job", p.api(t, "/jobs/"+id), id)
		sought.search(t, "the API's files", p.api(t, "/jobs/"+id+"/files"), `"url"`)
		sought.search(t, "the API's credentials", p.api(t, "/jobs/"+id+"/credentials"), "")
	}

	p.kill() // and all that it has stored
	var files, size int
	err := filepath.WalkDir(p.state, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		files++
		size += len(text)
		there := map[string]string{"ebb.db": "SQLite format 3", "test.log": "msg=ready"}[filepath.Base(name)]
		sought.search(t, filepath.Base(name), text, there)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d forms of secrets are in none of %d jobs and %d stored files of %d bytes", sought.count, len(ids), files, size)
}

// searchProcess looks for secrets in what every user of the machine may see of a process, and in its environment.
func searchProcess(t *testing.T, sought *secrets, who string, pid int, command string) {
	t.Helper()
	for file, there := range map[string]string{"cmdline": command, "environ": "EBB_STATE_DIR"} {
		text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), file))
		if err != nil {
			t.Fatal(err)
		}
		sought.search(t, who+"'s "+file, text, there)
	}
}

// api is the daemon's answer to a request, as it comes.
func (p *process) api(t *testing.T, path string) []byte {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(p.state, "ebb.sock"))
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://ebb/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return text
}
