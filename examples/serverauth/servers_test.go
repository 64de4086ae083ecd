//go:build integration && unix

package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// installation is the sample and ebb as a user has them: two programs in PATH, and one home.
type installation struct {
	t    *testing.T
	path string
	env  []string
}

func install(t *testing.T, env ...string) *installation {
	t.Helper()
	in := &installation{t: t, path: t.TempDir()}
	for _, pkg := range []string{"cmd/ebb", "examples/serverauth"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", in.path+"/", "github.com/ebb-transfer/ebb/"+pkg)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	home := t.TempDir()
	in.env = append(os.Environ(), "PATH="+in.path+":"+os.Getenv("PATH"), "HOME="+home, "EBB_STATE_DIR="+home, "EBB_SOCKET=")
	in.env = append(in.env, env...)
	return in
}

// daemon runs the service until the test ends.
func (in *installation) daemon(args ...string) {
	in.t.Helper()
	cmd := exec.Command(filepath.Join(in.path, "ebb"), append([]string{"daemon"}, args...)...)
	cmd.Env = in.env
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was asked to end
	})
}

// serverauth runs the sample and returns what it prints.
func (in *installation) serverauth(args ...string) (out []byte, code int) {
	in.t.Helper()
	cmd := exec.CommandContext(in.t.Context(), filepath.Join(in.path, "serverauth"), args...)
	cmd.Env = in.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		in.t.Fatal(err)
	}
	return out, cmd.ProcessState.ExitCode()
}

// TestRealSchemes runs the sample as BITS's documentation does, once for each scheme and server, with the right and
// a wrong password.
func TestRealSchemes(t *testing.T) {
	content, err := io.ReadAll(ebbtest.Generate(2, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "report.pdf"), content, 0o644); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	files, realm := rig.Files(folder), rig.KDC(t)
	apache, lighttpd := rig.ApacheGSSAPI(t, files, realm), rig.Lighttpd(t, files)
	samba, epa := rig.SambaNTLM(t, apache), rig.EPA(t, files, realm)
	trio := passport.New(t, passport.Options{})
	tickets, err := io.ReadAll(trio.Content())
	if err != nil {
		t.Fatal(err)
	}
	in := install(t, "KRB5_CONFIG="+realm.ConfigFile, "KRB5CCNAME="+realm.CCache(t, rig.Alice, time.Hour),
		"SSL_CERT_FILE="+authorities(t, apache.CAFile, lighttpd.CAFile, samba.CAFile, epa.CAFile), "SSL_CERT_DIR=/nowhere")
	in.daemon("--passport-nexus", trio.Nexus.URL)

	named := func(address string) string { return rig.Named(address) + "report.pdf" }
	for _, tt := range []struct {
		scheme, remote string
		user           rig.User
		content        []byte
	}{
		{"BASIC", named(apache.HTTPS("/basic/")), rig.Juergen, content},
		{"DIGEST", named(apache.URL("/digest/")), rig.Bob, content},
		{"DIGEST", named(lighttpd.HTTPS("/digest-userhash/")), rig.Alice, content},
		{"NTLM", named(apache.URL("/ntlm/")), rig.User{Name: `RIG\alice`, Password: rig.NTLMAlice.Password}, content},
		{"NTLM", named(samba.HTTPS("/pub/")), rig.NTLMAlice, content},
		{"NTLM", named(epa.HTTPS("/epa-require/")), rig.Juergen, content},
		{"NEGOTIATE", named(apache.HTTPS("/negotiate/")), rig.Alice, content},
		{"NEGOTIATE", named(apache.HTTPS("/negotiate/")), rig.User{Name: "NULL", Password: "NULL"}, content},
		{"NEGOTIATE", named(apache.URL("/negotiate-ntlm/")), rig.User{Name: `RIG\bob`, Password: rig.Bob.Password}, content},
		{"NEGOTIATE", named(epa.HTTPS("/epa-require/")), rig.User{Name: "null", Password: "Null"}, content},
		{"PASSPORT", trio.FileURL, rig.User{Name: trio.Options().User, Password: trio.Options().Password}, tickets},
	} {
		t.Run(tt.scheme+" "+tt.user.Name, func(t *testing.T) {
			local := filepath.Join(t.TempDir(), "report.pdf")
			out, code := in.serverauth(tt.remote, local, tt.scheme, tt.user.Name, tt.user.Password)
			if got, err := os.ReadFile(local); code != 0 || !bytes.Equal(got, tt.content) {
				t.Fatalf("%s: exit code %d, %d bytes of %d, %v; it said %s", tt.remote, code, len(got), len(tt.content), err, out)
			}
			if strings.EqualFold(tt.user.Name, "NULL") {
				return
			}
			wrong := filepath.Join(t.TempDir(), "report.pdf")
			out, code = in.serverauth(tt.remote, wrong, strings.ToLower(tt.scheme), tt.user.Name, "wr0ng")
			if _, err := os.Stat(wrong); code == 0 || !bytes.Contains(out, []byte("Error context: remote_file, error code: 0x80190191")) || err == nil {
				t.Errorf("%s with a wrong password: exit code %d; it said %s", tt.remote, code, out)
			}
		})
	}
}

// authorities is one file with all that the servers' certificates are signed by.
func authorities(t *testing.T, names ...string) string {
	t.Helper()
	anywhere := httptest.NewTLSServer(nil) // all of httptest's servers have the same certificate
	defer anywhere.Close()
	all := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: anywhere.Certificate().Raw})
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	file := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
