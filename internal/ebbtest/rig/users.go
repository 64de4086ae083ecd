package rig

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A User may log in everywhere in the rig. Names and passwords are UTF-8.
type User struct{ Name, Password string }

// The users have in their names and passwords what breaks careless clients.
var (
	Alice   = User{"alice", "Wonder:land1"} // the colon that separates the two in Basic
	Juergen = User{"jürgen", "pä§$wörd"}    // characters that are not ASCII
	Bob     = User{"bob", `Builder,"2"\x`}  // what a quoted string must escape
	Users   = []User{Alice, Juergen, Bob}
)

// NTLMDomain is the Windows domain of the [NTLMUsers]: alice is RIG\alice.
const NTLMDomain = "RIG"

// The users who may log in by NTLM. Alice has another password than elsewhere: in
// the file of gss-ntlmssp a colon ends it. Samba's ntlm_auth knows only her, and Apache
// cannot read Juergen's name, but [EPA] can.
var (
	NTLMAlice = User{Alice.Name, "Wonderland1"}
	NTLMUsers = []User{NTLMAlice, Juergen, Bob}
)

// The realms. lighttpd finds the user's hash by the realm alone, so there each
// algorithm has its own.
const (
	realm         = "rig"
	realmSHA256   = "rig SHA-256"
	realmUserhash = "rig userhash"
	realmMD5      = "rig MD5"
)

// writePasswords writes the password files of all servers into dir: htpasswd
// (Basic), htdigest (Digest, user:realm:HA1), and ntlm (domain:user:password).
func writePasswords(t testing.TB, dir string) {
	t.Helper()
	htpasswd := need(t, "htpasswd")
	var basic, digest strings.Builder
	for _, u := range Users {
		line, err := exec.Command(htpasswd, "-nbm", u.Name, u.Password).Output() // test data: argv may show it
		if err != nil {
			t.Fatalf("htpasswd: %v", err)
		}
		fmt.Fprintf(&basic, "%s\n", strings.TrimSpace(string(line)))

		a1 := func(realm string) []byte { return []byte(u.Name + ":" + realm + ":" + u.Password) }
		fmt.Fprintf(&digest, "%s:%s:%x\n", u.Name, realm, md5.Sum(a1(realm)))
		fmt.Fprintf(&digest, "%s:%s:%x\n", u.Name, realmMD5, md5.Sum(a1(realmMD5)))
		fmt.Fprintf(&digest, "%s:%s:%x\n", u.Name, realmSHA256, sha256.Sum256(a1(realmSHA256)))
		fmt.Fprintf(&digest, "%s:%s:%x:%x\n", u.Name, realmUserhash, sha256.Sum256(a1(realmUserhash)), sha256.Sum256([]byte(u.Name+":"+realmUserhash)))
	}
	var ntlm strings.Builder
	for _, u := range NTLMUsers {
		fmt.Fprintf(&ntlm, "%s:%s:%s\n", NTLMDomain, u.Name, u.Password)
	}
	write(t, filepath.Join(dir, "ntlm"), ntlm.String())
	write(t, filepath.Join(dir, "htpasswd"), basic.String())
	write(t, filepath.Join(dir, "htdigest"), digest.String())
}
