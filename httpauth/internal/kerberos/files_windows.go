package kerberos

import (
	"io/fs"
	"os"
	"path/filepath"
)

// What Windows itself has is reached through SSPI, not here; a file can be named.
const (
	defaultCache = "MSLSA:"
	fileCache    = `%{TEMP}\krb5cc`
)

var defaultClientKeytabs []string

func systemConfigFiles() []string {
	return []string{
		filepath.Join(os.Getenv("ProgramData"), "MIT", "Kerberos5", "krb5.ini"),
		filepath.Join(os.Getenv("SystemRoot"), "krb5.ini"),
	}
}

func openNow(name string) (*os.File, error) { return os.Open(name) }

// belongsTo is false: Windows has no user numbers.
func belongsTo(fs.FileInfo, int) bool { return false }
