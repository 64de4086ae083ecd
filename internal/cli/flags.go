package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// jobFlags are the flags that get and create share: everything a new job can be given.
type jobFlags struct {
	cmd  *cobra.Command
	auth authFlags

	proxy              string
	headers            []string
	priority           string
	limit              string
	checksum           string
	retryDelay         time.Duration
	noProgress         time.Duration
	connect, stall     time.Duration
	timeout            time.Duration
	cleartext          bool
	downgrade          bool
	cacert, cert, key  string
	overwrite          bool
	name               string
	notifyCommand      []string
	webhook, webhookKF string
}

func (f *jobFlags) register(cmd *cobra.Command) {
	f.cmd = cmd
	f.auth.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.proxy, "proxy", "", "proxy URL (http, https or socks5), or none; default from the environment")
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "header line `'Name: value'`, sent to the servers of the files only")
	fl.StringVar(&f.priority, "priority", "", "foreground, high, normal or low")
	fl.StringVar(&f.limit, "limit", "", "at most so many bytes per second, such as 500K or 2M")
	fl.StringVar(&f.checksum, "checksum", "", "what the file must hash to, as `sha256=HEX` (also sha512, sha1, md5)")
	fl.DurationVar(&f.retryDelay, "retry-delay", job.DefaultRetryDelay, "longest wait between two tries, at least 5s")
	fl.DurationVar(&f.noProgress, "no-progress-timeout", job.DefaultNoProgressTimeout, "give up after failing for so long without a byte; 0: at the first error")
	fl.DurationVar(&f.connect, "connect-timeout", 30*time.Second, "for each of connecting and the TLS handshake")
	fl.DurationVar(&f.stall, "stall-timeout", 60*time.Second, "for an answer to begin and for each next byte of it")
	fl.DurationVar(&f.timeout, "timeout", 0, "cancel the job when it is not transferred by then; 0: never")
	fl.BoolVar(&f.cleartext, "allow-cleartext", false, "send passwords over plain http")
	fl.BoolVar(&f.downgrade, "allow-downgrade", false, "follow redirects from https to http")
	fl.StringVar(&f.cacert, "cacert", "", "PEM `file` of certificates to trust as well")
	fl.StringVar(&f.cert, "cert", "", "PEM `file` with the client certificate")
	fl.StringVar(&f.key, "key", "", "PEM `file` with its private key, if that is not in --cert")
	fl.BoolVar(&f.overwrite, "overwrite", false, "replace files that exist")
	fl.StringVar(&f.name, "name", "", "display name of the job")
	fl.StringArrayVar(&f.notifyCommand, "notify-command", nil, "program, by its full path, to run when the job is transferred or fails; repeat for its arguments")
	fl.StringVar(&f.webhook, "webhook", "", "`URL` to call when the job is transferred or fails")
	fl.StringVar(&f.webhookKF, "webhook-key-file", "", "`file` with the key that signs those calls")
}

// spec is the job that the flags describe, without files.
func (f *jobFlags) spec(stdin io.Reader) (job.Spec, error) {
	spec := job.Spec{Settings: job.DefaultSettings()}
	s := &spec.Settings
	s.Name, s.Overwrite = f.name, f.overwrite
	s.RetryDelay, s.NoProgressTimeout = job.Duration(f.retryDelay), job.Duration(f.noProgress)
	s.NotifyCommand, s.NotifyURL = f.notifyCommand, f.webhook
	s.Network = job.Network{
		Proxy: f.proxy, AllowCleartext: f.cleartext, AllowDowngrade: f.downgrade,
		ConnectTimeout: job.Duration(f.connect), StallTimeout: job.Duration(f.stall),
	}
	if f.timeout < 0 || f.retryDelay < 0 || f.noProgress < 0 || f.connect < 0 || f.stall < 0 {
		return spec, usage("a duration is negative")
	}
	if f.timeout > 0 {
		s.Deadline = time.Now().Add(f.timeout)
	}
	if f.priority != "" {
		if err := s.Priority.UnmarshalText([]byte(f.priority)); err != nil {
			return spec, usage("--priority: %v", err)
		}
	}
	var err error
	if s.Limit, err = parseRate(f.limit); err != nil {
		return spec, err
	}
	if spec.Headers, err = parseHeaders(f.headers); err != nil {
		return spec, err
	}
	if spec.Credentials, err = f.auth.credentials(stdin); err != nil {
		return spec, err
	}
	return spec, f.readFiles(&spec)
}

// readFiles reads what the flags name by file: the service may not be able to.
func (f *jobFlags) readFiles(spec *job.Spec) error {
	var err error
	if spec.Network.CACert, err = readFlag("--cacert", f.cacert); err != nil {
		return err
	}
	if spec.ClientCert, err = readFlag("--cert", f.cert); err != nil {
		return err
	}
	key, err := readFlag("--key", f.key)
	if err != nil {
		return err
	}
	if key != "" {
		spec.ClientCert += "\n" + key
	}
	webhookKey, err := readFlag("--webhook-key-file", f.webhookKF)
	spec.WebhookKey = strings.TrimRight(webhookKey, "\r\n")
	return err
}

func readFlag(flag, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", usage("%s: %v", flag, err)
	}
	return string(b), nil
}

// parseRate reads a rate such as 500K, 2M or 1.5G: bytes per second in units of 1024.
func parseRate(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, unit := strings.TrimRight(strings.ToUpper(s), "KMGB"), int64(1)
	switch strings.TrimSuffix(strings.ToUpper(s)[len(number):], "B") {
	case "":
	case "K":
		unit = 1 << 10
	case "M":
		unit = 1 << 20
	case "G":
		unit = 1 << 30
	default:
		return 0, usage("--limit %q is not like 500K, 2M or 1G", s)
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0 && v < 1e9) {
		return 0, usage("--limit %q is not like 500K, 2M or 1G", s)
	}
	return int64(v * float64(unit)), nil
}

func parseHeaders(lines []string) ([]job.Header, error) {
	var out []job.Header
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(line, "\r\n\x00") {
			return nil, usage("--header %q is not like 'Name: value'", strings.SplitN(line, ":", 2)[0])
		}
		out = append(out, job.Header{Name: name, Value: value})
	}
	return out, nil
}

// files turns URLs into files below folder, or into the one file out.
func filesFor(urls []string, folder, out, digest string) ([]job.FileSpec, error) {
	if out != "" && len(urls) != 1 {
		return nil, usage("-o names one file, but there are %d URLs; use -d for a folder", len(urls))
	}
	if digest != "" && len(urls) != 1 {
		return nil, usage("--checksum is for one file, but there are %d URLs", len(urls))
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	var files []job.FileSpec
	for _, u := range urls {
		f := job.FileSpec{URL: u, Digest: digest}
		if out != "" {
			f.Local, err = filepath.Abs(out)
			if err != nil {
				return nil, err
			}
		} else {
			name := job.NameFromURL(u)
			if name == "" {
				name = "download"
			}
			f.Local, f.NameFromServer = filepath.Join(folder, name), true
		}
		files = append(files, f)
	}
	return files, nil
}

// authFlags are the flags that give credentials.
type authFlags struct {
	scheme, user, passwordFile, password string
	passwordStdin, netrc                 bool

	proxyScheme, proxyUser, proxyPasswordFile string
}

func (f *authFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.scheme, "scheme", "any", "basic, digest, ntlm, negotiate, passport, bearer or any")
	fl.StringVar(&f.user, "user", "", "user name for the server")
	fl.StringVar(&f.passwordFile, "password-file", "", "`file` with the password (bearer: the token)")
	fl.BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from standard input")
	fl.StringVar(&f.password, "password", "", "the password; other users of this machine may see it: better use --password-file")
	fl.BoolVar(&f.netrc, "netrc", false, "look user and password up in ~/.netrc, or the file NETRC names")
	fl.StringVar(&f.proxyScheme, "proxy-scheme", "any", "as --scheme, for the proxy")
	fl.StringVar(&f.proxyUser, "proxy-user", "", "user name for the proxy")
	fl.StringVar(&f.proxyPasswordFile, "proxy-password-file", "", "`file` with the proxy's password")
}

// credentials are those that the flags give.
func (f *authFlags) credentials(stdin io.Reader) ([]job.Credential, error) {
	var out []job.Credential
	password, given, err := f.serverPassword(stdin)
	if err != nil {
		return nil, err
	}
	switch {
	case given && f.user == "" && f.scheme != "bearer":
		return nil, usage("a password needs a user name: --user")
	case f.user != "" && !given:
		return nil, usage("--user needs a password: --password-file or --password-stdin")
	case given:
		out = append(out, job.Credential{Target: "server", Scheme: f.scheme, User: f.user, Password: password})
	}
	if f.proxyUser == "" {
		return out, nil
	}
	password, err = readFlag("--proxy-password-file", f.proxyPasswordFile)
	if err != nil {
		return nil, err
	}
	return append(out, job.Credential{
		Target: "proxy", Scheme: f.proxyScheme, User: f.proxyUser, Password: strings.TrimRight(password, "\r\n"),
	}), nil
}

// serverPassword reads the password from the one place that the flags name.
func (f *authFlags) serverPassword(stdin io.Reader) (password string, given bool, err error) {
	places := 0
	for _, used := range []bool{f.password != "", f.passwordFile != "", f.passwordStdin} {
		if used {
			places++
		}
	}
	switch {
	case places > 1:
		return "", false, usage("use one of --password-file, --password-stdin and --password")
	case f.passwordFile != "":
		password, err = readFlag("--password-file", f.passwordFile)
	case f.passwordStdin:
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(stdin, 1<<20)); err != nil {
			err = fmt.Errorf("read the password from standard input: %w", err)
		}
		password = string(b)
	default:
		password = f.password
	}
	return strings.TrimRight(password, "\r\n"), places == 1, err
}
