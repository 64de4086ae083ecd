//go:build unix

package kerberos

import (
	"io/fs"
	"os"
	"syscall"
)

// The names that MIT's documentation gives for Unix. fileCache is what a person is
// told to use instead of a cache that cannot be read.
const (
	defaultCache = "FILE:/tmp/krb5cc_%{uid}"
	fileCache    = "/tmp/krb5cc_%{uid}"
)

// The defaults of Debian, of Fedora, and of MIT and the BSDs.
var defaultClientKeytabs = []string{
	"/etc/krb5/user/%{euid}/client.keytab",
	"/var/kerberos/krb5/user/%{euid}/client.keytab",
	"/usr/local/var/krb5/user/%{euid}/client.keytab",
}

func systemConfigFiles() []string {
	return []string{"/etc/krb5.conf", "/usr/local/etc/krb5.conf"}
}

// openNow opens a file for reading. It does not wait for the writer of a pipe.
func openNow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func belongsTo(info fs.FileInfo, uid int) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == uid
}
