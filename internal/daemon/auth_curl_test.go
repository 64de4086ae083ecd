//go:build integration && unix

package daemon_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// exitProxy is the exit code of curl when SOCKS refuses it.
const exitProxy = 97

// curlRun is what curl is given: credentials, and a Kerberos environment.
type curlRun struct {
	row         *authRow
	credentials []job.Credential
	env         []string
}

// curlRow is the row for curl, which may have a server of its own.
func (row *authRow) curlRow() *authRow {
	if row.curlFolder == "" {
		return row
	}
	own := *row
	own.folder = row.curlFolder
	return &own
}

// curl reports whether curl does in a column what it can be asked for there.
func (row *authRow) curl(t *testing.T, column int) string {
	switch {
	case row.file != "" && column == columnRight:
		return fail // it cannot even be asked
	case row.file != "" || column == columnImplicit && !slices.ContainsFunc(row.parties(), hasImplicit):
		return noCell
	}
	own := row.curlRow()
	passes := true
	switch column {
	case columnRight:
		passes = curlRun{own, row.others(nil), row.curlEnv(row.server != nil && row.server.own)}.fetch(t)
	case columnMissing:
		for _, p := range row.parties() {
			passes = curlRun{own, row.others(p), row.curlEnv(false)}.refused(t, p) && passes
		}
	case columnWrong:
		for _, p := range row.parties() {
			passes = curlRun{own, append(row.others(p), p.wrongCredential()), row.curlEnv(false)}.refused(t, p) && passes
		}
	case columnImplicit:
		for _, p := range row.parties() {
			cache := row.table.ccache
			if p.implicit == expired {
				cache = row.table.expired
			}
			run := curlRun{own, append(row.others(p), p.implicitCredential()), append(row.curlEnv(false), "KRB5CCNAME=FILE:"+cache)}
			switch p.implicit {
			case admitted:
				passes = run.fetch(t) && passes
			case lacking, rejected, expired:
				passes = run.refused(t, p) && passes
			}
		}
	}
	if passes {
		return pass
	}
	return fail
}

func hasImplicit(p *party) bool { return p.implicit != invalid }

// curlEnv has tickets only by keytab.
func (row *authRow) curlEnv(keytab bool) []string {
	env := []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + row.table.home, "KRB5_CONFIG=" + row.table.realm.ConfigFile}
	if keytab {
		env = append(env, "KRB5_CLIENT_KTNAME=FILE:"+row.table.realm.UserKeytab, "KRB5CCNAME=MEMORY:")
	}
	return env
}

// fetch downloads the file, goes on after the cut, and reports whether the file is whole.
func (c curlRun) fetch(t *testing.T) bool {
	t.Helper()
	w := newWay(t, c.row, half)
	out := filepath.Join(t.TempDir(), "big.bin")
	if _, exit := c.run(t, w, out); exit == 0 || !w.relay.Cut() {
		return false
	}
	if _, exit := c.run(t, w, out, "-C", "-"); exit != 0 {
		return false
	}
	return sum(t, out) == c.row.sum
}

// refused reports whether p refuses curl.
func (c curlRun) refused(t *testing.T, p *party) bool {
	t.Helper()
	status, exit := c.run(t, newWay(t, c.row, 0), filepath.Join(t.TempDir(), "big.bin"))
	switch {
	case p.log == nil && p.target == "proxy":
		return exit == exitProxy
	case p.target == "proxy":
		return status == http.StatusProxyAuthRequired
	}
	return status == http.StatusUnauthorized
}

// run runs curl once and returns the status of the last answer, CONNECT's if there was no other.
func (c curlRun) run(t *testing.T, w *way, out string, extra ...string) (status, exit int) {
	t.Helper()
	file, proxy := w.addresses(t)
	args := []string{"-q", "-sS", "--fail", "--max-time", "60", "-o", out, "-w", "%{http_code} %{http_connect}", "--cacert", c.row.ca}
	if proxy != "none" {
		args = append(args, "-x", strings.Replace(proxy, "socks5:", "socks5h:", 1))
	}
	if c.row.proxyCA != "" {
		args = append(args, "--proxy-cacert", c.row.proxyCA)
	}
	if c.row.limit > 0 {
		args = append(args, "--limit-rate", fmt.Sprint(c.row.limit))
	}
	env := c.env
	for _, credential := range c.credentials {
		args = append(args, curlArgs(credential)...)
		if name, ok := strings.CutPrefix(credential.User, rig.NTLMDomain+`\`); ok && credential.Scheme == "negotiate" {
			env = append(slices.Clip(env), "NTLM_USER_FILE="+accounts(t, name, credential.Password))
		}
	}
	cmd := exec.CommandContext(t.Context(), "curl", slices.Concat(args, extra, []string{file})...)
	cmd.Env = env
	said, err := cmd.Output()
	var failure *exec.ExitError
	if err != nil && !errors.As(err, &failure) {
		t.Fatal(err)
	}
	var connect int
	if _, err := fmt.Sscan(string(said), &status, &connect); err != nil {
		t.Fatalf("curl says %q: %v", said, err)
	}
	if status == 0 {
		status = connect
	}
	return status, cmd.ProcessState.ExitCode()
}

// accounts is a file where GSSAPI finds the password that Negotiate does not take from curl.
func accounts(t *testing.T, name, password string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accounts")
	if err := os.WriteFile(file, []byte(rig.NTLMDomain+":"+name+":"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func curlArgs(c job.Credential) []string {
	scheme, prefix, user := c.Scheme, "--", "-u"
	if scheme == "any" {
		scheme = "anyauth"
	}
	if c.Target == "proxy" {
		prefix, user = "--proxy-", "-U"
	}
	return []string{prefix + scheme, user, c.User + ":" + c.Password} // test data: argv may show it
}
