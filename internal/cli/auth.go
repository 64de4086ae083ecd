package cli

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// login are the flags that give one user and password. The password comes from a file or standard
// input; the flag that takes it itself works, and warns.
type login struct {
	scheme, user, passwordFile, password string
	passwordStdin                        bool
}

func (l *login) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&l.scheme, "scheme", "any", "basic, digest, ntlm, negotiate, passport, bearer or any")
	fl.StringVar(&l.user, "user", "", "user name")
	fl.StringVar(&l.passwordFile, "password-file", "", "`file` with the password (bearer: the token)")
	fl.BoolVar(&l.passwordStdin, "password-stdin", false, "read the password from standard input")
	fl.StringVar(&l.password, "password", "", "the password; other users of this machine may see it: better use --password-file")
	oneOf(cmd, map[string][]string{"scheme": schemes})
}

// given reports whether any of the flags is used.
func (l *login) given() bool {
	return l.scheme != "any" || l.user != "" || l.passwordFile != "" || l.passwordStdin || l.password != ""
}

// credential is what the flags give for a target.
func (l *login) credential(a *app, target string) (job.Credential, error) {
	c := job.Credential{Target: target, Scheme: l.scheme, User: l.user}
	if err := checkScheme("--scheme", l.scheme); err != nil {
		return c, err
	}
	password, given, err := l.readPassword(a)
	if err != nil {
		return c, err
	}
	c.Password = password
	switch {
	case given && password == "":
		return c, usage("the password is empty")
	case !given && l.user == "" && (l.scheme == "ntlm" || l.scheme == "negotiate"):
		c.Implicit = true // those of the logged-on user
	case l.scheme == "bearer" && !given:
		return c, usage("--scheme bearer needs a token: --password-file or --password-stdin")
	case l.scheme != "bearer" && l.user == "":
		return c, usage("credentials need a user name: --user")
	case !given:
		return c, usage("--user needs a password: --password-file or --password-stdin")
	}
	return c, nil
}

// readPassword reads the password from the one place that the flags name.
func (l *login) readPassword(a *app) (password string, given bool, err error) {
	places := 0
	for _, used := range []bool{l.password != "", l.passwordFile != "", l.passwordStdin} {
		if used {
			places++
		}
	}
	switch {
	case places > 1:
		return "", false, usage("use one of --password-file, --password-stdin and --password")
	case l.passwordFile != "":
		password, err = readFlag("--password-file", l.passwordFile)
	case l.passwordStdin:
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(a.Stdin, 1<<20)); err != nil {
			err = fmt.Errorf("read the password from standard input: %w", err)
		}
		password = string(b)
	case l.password != "":
		a.notef("--password shows the password to other users of this machine; better use --password-file")
		password = l.password
	}
	return strings.TrimRight(password, "\r\n"), places == 1, err
}

// proxyLogin are the flags that give user and password for the proxy of a new job.
type proxyLogin struct{ scheme, user, passwordFile string }

func (l *proxyLogin) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&l.scheme, "proxy-scheme", "any", "as --scheme, for the proxy")
	fl.StringVar(&l.user, "proxy-user", "", "user name for the proxy")
	fl.StringVar(&l.passwordFile, "proxy-password-file", "", "`file` with the proxy's password")
}

func (l *proxyLogin) given() bool { return l.scheme != "any" || l.user != "" || l.passwordFile != "" }

func (l *proxyLogin) credential() (job.Credential, error) {
	c := job.Credential{Target: "proxy", Scheme: l.scheme, User: l.user}
	if err := checkScheme("--proxy-scheme", l.scheme); err != nil {
		return c, err
	}
	if l.user == "" && l.passwordFile == "" && (l.scheme == "ntlm" || l.scheme == "negotiate") {
		c.Implicit = true
		return c, nil
	}
	if l.user == "" || l.passwordFile == "" {
		return c, usage("credentials for the proxy need --proxy-user and --proxy-password-file")
	}
	password, err := readFlag("--proxy-password-file", l.passwordFile)
	c.Password = strings.TrimRight(password, "\r\n")
	return c, err
}

// fromNetrc finds the credentials for urls in the .netrc file.
func (f *jobFlags) fromNetrc(urls []string) (job.Credential, error) {
	c := job.Credential{Target: "server", Scheme: f.login.scheme}
	if f.login.password != "" || f.login.passwordFile != "" || f.login.passwordStdin {
		return c, usage("--netrc and a password exclude each other")
	}
	host := ""
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil {
			return c, usage("%q is not a URL", raw)
		}
		if host != "" && host != u.Hostname() {
			return c, usage("--netrc is for one host, but the URLs name %s and %s; use a command for each", host, u.Hostname())
		}
		host = u.Hostname()
	}
	file, err := netrcFile()
	if err != nil {
		return c, err
	}
	text, err := readFlag("--netrc", file)
	if err != nil {
		return c, err
	}
	entry, ok := findNetrc(text, host, f.login.user)
	if !ok {
		return c, usage("%s has no user and password for %s", file, host)
	}
	c.User, c.Password = entry.user, entry.password
	return c, nil
}

// netrcFile is where the passwords are: as for curl and ftp.
func netrcFile() (string, error) {
	if file := os.Getenv("NETRC"); file != "" {
		return file, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usage("--netrc: %v; name the file in NETRC", err)
	}
	if runtime.GOOS == "windows" {
		if file := filepath.Join(home, "_netrc"); exists(file) {
			return file, nil
		}
	}
	return filepath.Join(home, ".netrc"), nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
