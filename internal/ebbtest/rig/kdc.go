package rig

import (
	_ "embed" // for the configuration
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	//go:embed krb5.conf
	krb5Conf string

	//go:embed kdc.conf
	kdcConf string
)

// The services that a [Realm] has keys for: what a client asks a ticket of for
// https://localhost/ and for https://web.ebb.test/.
const (
	ServiceLocalhost = "HTTP/localhost"
	ServiceWeb       = "HTTP/web.ebb.test"
)

// A Realm is a running Kerberos realm: MIT's KDC, all [Users] as principals, and
// two services. Its files are readable by the test and by the rig's servers.
type Realm struct {
	*process

	Name       string // EBB.TEST
	Port       int    // of the KDC, TCP and UDP
	ConfigFile string // krb5.conf, for clients and servers (KRB5_CONFIG)
	Keytab     string // the keys of the services (KRB5_KTNAME)
	UserKeytab string // the keys of the users
}

// KDC starts the realm EBB.TEST, which localhost and *.ebb.test belong to. Tickets
// last for ten hours at most. Programs that use it need KRB5_CONFIG=ConfigFile in
// their environment.
func KDC(t testing.TB) *Realm {
	t.Helper()
	return KDCOf(t, "EBB.TEST")
}

// KDCOf starts a realm with another name, for its domain and localhost.
func KDCOf(t testing.TB, realm string) *Realm {
	t.Helper()
	bin := need(t, "krb5kdc")
	dir := stateDir(t)
	r := &Realm{
		process:    &process{t: t, name: "krb5kdc", dir: dir}, // not started yet, but its folder is needed
		Name:       realm,
		Port:       freePorts(t, 1)[0],
		ConfigFile: filepath.Join(dir, "krb5.conf"),
		Keytab:     filepath.Join(dir, "http.keytab"),
		UserKeytab: filepath.Join(dir, "users.keytab"),
	}
	r.writeConfigs()
	own(t, dir)
	r.fill()
	argv := r.environment(bin, "-n", "-r", r.Name, "-P", filepath.Join(dir, "kdc.pid"))
	r.process = launch(t, r.name, dir, argv, []int{r.Port})
	return r
}

func (r *Realm) writeConfigs() {
	r.t.Helper()
	data := struct {
		Dir, Realm, Domain string
		Port               int
	}{r.dir, r.Name, strings.ToLower(r.Name), r.Port}
	for name, text := range map[string]string{"krb5.conf": krb5Conf, "kdc.conf": kdcConf} {
		writeConfig(r.t, r.dir, text, data)
		if err := os.Rename(filepath.Join(r.dir, "server.conf"), filepath.Join(r.dir, name)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// fill makes the database, its principals and their keytabs.
func (r *Realm) fill() {
	r.t.Helper()
	// The master password is never asked for again: the key is in the stash file.
	r.run(need(r.t, "kdb5_util"), "create", "-s", "-r", r.Name, "-P", "of the test database")
	for _, u := range Users {
		r.Admin("addprinc", "-pw", u.Password, u.Name)
		r.Admin("ktadd", "-norandkey", "-k", r.UserKeytab, u.Name)
	}
	for _, service := range []string{ServiceLocalhost, ServiceWeb} {
		r.Admin("addprinc", "-randkey", service)
		r.Admin("ktadd", "-norandkey", "-k", r.Keytab, service)
	}
}

// Admin runs a command of kadmin on the realm's database, such as
// "cpw", "-pw", "new", "alice", running or not.
func (r *Realm) Admin(command ...string) {
	r.t.Helper()
	r.run(append([]string{need(r.t, "kadmin.local"), "-r", r.Name}, command...)...)
}

// AddConfig adds to krb5.conf. What it says first counts; the KDC reads it when it
// starts.
func (r *Realm) AddConfig(text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.ConfigFile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "\n%s\n", text); err != nil {
		r.t.Fatal(err)
	}
}

// CCache returns a ticket cache (the bare name of a FILE: cache) of the test's own
// user, with user's ticket, which lasts for lifetime: whole seconds, at least one.
func (r *Realm) CCache(t testing.TB, user User, lifetime time.Duration) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "krb5cc")
	r.Kinit(t, name, user, lifetime)
	return name
}

// Kinit puts a new ticket of user into the cache called name, as a person would
// who runs kinit. It can be renewed for an hour.
func (r *Realm) Kinit(t testing.TB, name string, user User, lifetime time.Duration) {
	t.Helper()
	cmd := exec.Command(need(t, "kinit"), "-l", fmt.Sprintf("%ds", lifetime/time.Second), "-r", "1h",
		"-c", "FILE:"+name, "-k", "-t", r.UserKeytab, user.Name)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "KRB5_CONFIG=" + r.ConfigFile}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v: %s", err, out)
	}
}

// environment returns argv with the realm in its environment. env(1) becomes the
// program it starts, so the process is the same.
func (r *Realm) environment(argv ...string) []string {
	return append([]string{need(r.t, "env"), "KRB5_CONFIG=" + r.ConfigFile, "KRB5_KDC_PROFILE=" + filepath.Join(r.dir, "kdc.conf")}, argv...)
}

// run runs a program of the realm as the user that the KDC runs as, who owns the
// database.
func (r *Realm) run(argv ...string) {
	r.t.Helper()
	argv = r.environment(argv...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = r.dir
	cmd.SysProcAttr = processAttributes(r.t)
	runtime.LockOSThread() // see process.Start: it must outlive the program
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

// A KDCRequest is a line of the KDC's log: a request and what became of it.
type KDCRequest struct {
	Kind    string // AS_REQ (for a TGT; shows the password) or TGS_REQ (for a service)
	Result  string // ISSUE, NEEDED_PREAUTH, PREAUTH_FAILED, LOOKING_UP_SERVER, ...
	Client  string // alice@EBB.TEST; "" when the KDC does not name it
	Service string // HTTP/localhost@EBB.TEST
}

// Nov 22 23:50:00 host krb5kdc[7](info): AS_REQ (2 etypes {...}) 127.0.0.1: ISSUE: authtime 1, etypes {...}, alice@EBB.TEST for krbtgt/EBB.TEST@EBB.TEST
var requestLine = regexp.MustCompile(`: (AS_REQ|TGS_REQ) \(.*?\}\) [0-9.]+: ([A-Z_]+): (?:.*\}, |authtime \d+, (?: ?etypes \{[^}]*\} )?)?(\S+) for ([^\s,]+)`)

// Requests returns what the KDC was asked since it was made, oldest first. The KDC
// logs a request before it answers.
func (r *Realm) Requests() []KDCRequest {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "kdc.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	var log []KDCRequest
	for _, m := range requestLine.FindAllStringSubmatch(string(text), -1) {
		log = append(log, KDCRequest{Kind: m[1], Result: m[2], Client: m[3], Service: m[4]})
	}
	return log
}
