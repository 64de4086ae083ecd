package cli

import (
	"cmp"
	"fmt"
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
	login, proxyLogin login
	netrc             bool

	proxy                   string
	headers                 []string
	priority                string
	limit                   string
	checksum                string
	retryDelay              time.Duration
	noProgress              time.Duration
	connect, stall          time.Duration
	timeout                 time.Duration
	cleartext               bool
	downgrade               bool
	cacert, cert, key       string
	overwrite               bool
	name                    string
	notifyCommand           []string
	webhook, webhookKeyFile string
}

func (f *jobFlags) register(cmd *cobra.Command) {
	f.login.register(cmd, "")
	f.proxyLogin.register(cmd, "proxy-")
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
	fl.StringVar(&f.webhookKeyFile, "webhook-key-file", "", "`file` with the key that signs those calls")
	oneOf(cmd, map[string][]string{"priority": priorities()})
}

// spec is the job that the flags describe, without files and credentials.
func (f *jobFlags) spec() (job.Spec, error) {
	spec := job.Spec{Settings: job.DefaultSettings()}
	s := &spec.Settings
	s.Name, s.Overwrite = f.name, f.overwrite
	s.RetryDelay, s.NoProgressTimeout = job.Duration(f.retryDelay), job.Duration(f.noProgress)
	s.NotifyCommand, s.NotifyURL = f.notifyCommand, f.webhook
	s.Network = job.Network{
		Proxy: f.proxy, AllowCleartext: f.cleartext, SecurityFlags: f.securityFlags(),
		ConnectTimeout: job.Duration(f.connect), StallTimeout: job.Duration(f.stall),
	}
	for flag, d := range map[string]time.Duration{
		"retry-delay": f.retryDelay, "no-progress-timeout": f.noProgress, "connect-timeout": f.connect,
		"stall-timeout": f.stall, "timeout": f.timeout,
	} {
		if d < 0 {
			return spec, usage("--%s is negative", flag)
		}
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
	if s.Limit, err = parseRate("--limit", f.limit); err != nil {
		return spec, err
	}
	if spec.Headers, err = parseHeaders(f.headers); err != nil {
		return spec, err
	}
	return spec, f.readFiles(&spec)
}

// credentials are those that the flags give for urls. They come last, after all that needs no person.
func (f *jobFlags) credentials(a *app, urls []string) ([]job.Credential, error) {
	var out []job.Credential
	add := func(c job.Credential, err error) error {
		out = append(out, c)
		return err
	}
	var err error
	switch {
	case f.netrc:
		err = add(f.fromNetrc(urls))
	case f.login.given():
		err = add(f.login.credential(a, "server"))
	}
	if err == nil && f.proxyLogin.given() {
		err = add(f.proxyLogin.credential(a, "proxy"))
	}
	return out, err
}

func (f *jobFlags) securityFlags() job.SecurityFlags {
	var out job.SecurityFlags
	if f.downgrade {
		out |= job.AllowDowngrade
	}
	return out
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
	webhookKey, err := readFlag("--webhook-key-file", f.webhookKeyFile)
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

// parseRate reads a rate such as 500K, 2M or 1.5G: bytes per second in units of 1024. None, and 0, is no
// limit.
func parseRate(flag, s string) (int64, error) {
	if s == "" || s == "0" {
		return 0, nil
	}
	upper := strings.ToUpper(s)
	number, unit := strings.TrimRight(upper, "KMGB"), float64(0)
	switch strings.TrimSuffix(upper[len(number):], "B") {
	case "":
		unit = 1
	case "K":
		unit = 1 << 10
	case "M":
		unit = 1 << 20
	case "G":
		unit = 1 << 30
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v*unit >= 1 && v*unit <= 1<<50) {
		return 0, usage("%s %q is not like 500K, 2M or 1G", flag, s)
	}
	return int64(v * unit), nil
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

// filesFor turns URLs into files below folder, or into the one file out.
func filesFor(urls []string, folder, out, digest string) ([]job.FileSpec, error) {
	switch {
	case out != "" && len(urls) != 1:
		return nil, usage("-o names one file, but there are %d URLs; use -d for a folder", len(urls))
	case digest != "" && len(urls) != 1:
		return nil, usage("--checksum is for one file, but there are %d URLs", len(urls))
	case strings.HasSuffix(out, "/") || strings.HasSuffix(out, string(filepath.Separator)):
		return nil, usage("-o %s names a folder; use -d for that", out)
	}
	var files []job.FileSpec
	from := map[string]string{}
	for _, u := range urls {
		f := job.FileSpec{URL: u, Digest: digest, NameFromServer: out == ""}
		local := out
		if f.NameFromServer {
			local = filepath.Join(folder, cmp.Or(job.NameFromURL(u), "download"))
		}
		var err error
		if f.Local, err = filepath.Abs(local); err != nil {
			return nil, fmt.Errorf("the current folder is not known (%w); name the files from the root on", err)
		}
		if from[f.Local] != "" {
			return nil, usage("%s and %s would both be saved as %s; use a command for each", from[f.Local], u, f.Local)
		}
		from[f.Local] = u
		files = append(files, f)
	}
	return files, nil
}
