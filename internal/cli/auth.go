package cli

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebb-transfer/ebb/job"
)

// login are the flags that give one user and password: those of the server, or with the prefix "proxy-" those of
// the proxy of a new job. The password comes from a file, from standard input, or is asked for on a terminal; the
// flag that takes it itself works, and warns.
type login struct {
	prefix                               string
	flags                                *pflag.FlagSet
	scheme, user, passwordFile, password string
	passwordStdin, emptyPassword         bool
	servicePrincipal                     string
}

func (l *login) register(cmd *cobra.Command, prefix string) {
	l.prefix, l.flags = prefix, cmd.Flags()
	if prefix != "" {
		l.flags.StringVar(&l.scheme, prefix+"scheme", "any", "as --scheme, for the proxy")
		l.flags.StringVar(&l.user, prefix+"user", "", "user name for the proxy")
		l.flags.StringVar(&l.passwordFile, prefix+"password-file", "", "`file` with the proxy's password")
	} else {
		l.flags.StringVar(&l.scheme, "scheme", "any", "basic, digest, ntlm, negotiate, passport, bearer or any; without --user, ntlm, negotiate and any mean your own credentials")
		l.flags.StringVar(&l.user, "user", "", "user name; on a terminal the password is asked for")
		l.flags.StringVar(&l.passwordFile, "password-file", "", "`file` with the password (bearer: the token)")
		l.flags.BoolVar(&l.passwordStdin, "password-stdin", false, "read the password from standard input")
		l.flags.BoolVar(&l.emptyPassword, "empty-password", false, "the password is empty")
		l.flags.StringVar(&l.servicePrincipal, "service-principal", "", "`HTTP/host` that negotiate gets a ticket for, if the realm knows the server by another name")
		l.flags.StringVar(&l.password, "password", "", "the password; other users of this machine may see it: better use --password-file")
	}
	oneOf(cmd, map[string][]string{prefix + "scheme": job.Schemes()})
}

// given reports whether any of the flags is used.
func (l *login) given() bool {
	for _, name := range []string{"scheme", "user", "password-file", "password-stdin", "empty-password", "password", "service-principal"} {
		if l.flags.Changed(l.prefix + name) {
			return true
		}
	}
	return false
}

// credential is what the flags give for a target. It may ask a person for the password.
func (l *login) credential(a *app, target string) (job.Credential, error) {
	c := job.Credential{Target: target, Scheme: l.scheme, User: l.user, EmptyPassword: l.emptyPassword, ServicePrincipal: l.servicePrincipal}
	if err := c.Ref().Check(); err != nil {
		return c, err
	}
	places := l.places()
	if len(places) > 1 {
		return c, usage("use one of %s", strings.Join(places, ", "))
	}
	switch given := len(places) == 1; {
	case !given && l.user == "" && job.HasImplicit(l.scheme) && l.flags.Changed(l.prefix+"scheme"):
		c.Implicit = true
	case !given && l.scheme == "bearer":
		return c, usage("--%sscheme bearer needs a token: --%spassword-file", l.prefix, l.prefix)
	case l.user == "" && l.scheme != "bearer":
		return c, usage("credentials need a user name, --%[1]suser, or --%[1]sscheme negotiate alone for your own", l.prefix)
	default:
		var err error
		if c.Password, err = l.readPassword(a); err != nil {
			return c, err
		}
		switch {
		case c.Password != "" || l.emptyPassword:
		case l.prefix != "":
			return c, usage("the proxy's password is empty; if that is meant: ebb credentials set ID --target proxy --empty-password")
		default:
			return c, usage("the password is empty; if that is meant, say --empty-password")
		}
	}
	return c, c.Check()
}

// places are the flags in use that say where the password is.
func (l *login) places() (names []string) {
	for _, name := range []string{"password-file", "password-stdin", "empty-password", "password"} {
		if l.flags.Changed(l.prefix + name) {
			names = append(names, "--"+l.prefix+name)
		}
	}
	return names
}

// readPassword reads the password from the one place that the flags name, else from the terminal.
func (l *login) readPassword(a *app) (password string, err error) {
	switch {
	case l.passwordFile != "":
		password, err = readFlag("--"+l.prefix+"password-file", l.passwordFile)
	case l.passwordStdin:
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(a.Stdin, 1<<20)); err != nil {
			err = fmt.Errorf("read the password from standard input: %w", err)
		}
		password = string(b)
	case l.password != "":
		a.notef("--password shows the password to other users of this machine; better use --password-file")
		password = l.password
	case !l.emptyPassword:
		prompt := "Password for " + l.user + ": "
		if l.prefix != "" {
			prompt = "Proxy password for " + l.user + ": "
		}
		password, err = a.askPassword(prompt)
		if errors.Is(err, errNoTerminal) {
			err = usage("--%[1]suser needs a password: --%[1]spassword-file, or a terminal to ask for it", l.prefix)
		}
	}
	return strings.TrimRight(password, "\r\n"), err
}

// fromNetrc finds the credentials for urls in the .netrc file.
func (f *jobFlags) fromNetrc(urls []string) (job.Credential, error) {
	c := job.Credential{Target: "server", Scheme: f.login.scheme}
	if err := c.Ref().Check(); err != nil {
		return c, err
	}
	if places := f.login.places(); len(places) > 0 {
		return c, usage("--netrc and %s exclude each other", places[0])
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
	return c, c.Check()
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
