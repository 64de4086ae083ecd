package rig

import (
	"path/filepath"
	"testing"
)

// acceptor returns the environment of a server that checks Kerberos tickets and
// NTLM messages through GSSAPI, and keeps its state in dir.
func acceptor(realm *Realm, dir string) []string {
	return []string{
		"KRB5_CONFIG=" + realm.ConfigFile,
		"KRB5_KTNAME=" + realm.Keytab,
		// The tickets it has seen; where MIT's default is, another user's file may be.
		"KRB5RCACHENAME=dfl:",
		"KRB5RCACHEDIR=" + dir,
		"NTLM_USER_FILE=" + filepath.Join(dir, "ntlm"),
		"NETBIOS_COMPUTER_NAME=RIGSERVER",
		"NETBIOS_DOMAIN_NAME=" + NTLMDomain,
	}
}

// needNTLMSSP ends the test where GSSAPI has no NTLM.
func needNTLMSSP(t testing.TB) {
	t.Helper()
	needFile(t, "/etc/gss/mech.d/mech.ntlmssp.conf")
}
