package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// jobFlags are the flags that get and create share: everything a new job can be given.
type jobFlags struct {
	settings          job.Settings // that the flags of the properties change
	login, proxyLogin login
	netrc             bool
	headers           []string
	certificate       certificateFlags
	checksum          string
	webhookKeyFile    string
}

// register makes the flags. The settings are those of a job that is given none.
func (f *jobFlags) register(cmd *cobra.Command, defaults job.Settings) {
	f.settings = defaults
	registerProperties(cmd, &f.settings)
	f.login.register(cmd, "")
	f.proxyLogin.register(cmd, "proxy-")
	f.certificate.register(cmd)
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "header line `'Name: value'`, sent to the servers of the files only; @FILE: lines of a file, @-: of standard input")
	fl.StringVar(&f.checksum, "checksum", "", "what the file must hash to, as `sha256=HEX` (also sha512, sha1, md5)")
	fl.StringVar(&f.webhookKeyFile, webhookKeyFlag, "", webhookKeyUsage)
}

// newSettings are those of the jobs that commands create.
func newSettings() job.Settings {
	s := job.DefaultSettings()
	s.AutoComplete = true
	return s
}

// spec is the job that the flags describe, without files and credentials.
func (f *jobFlags) spec(a *app) (spec job.Spec, err error) {
	spec.Settings = f.settings
	if spec.Headers, err = a.readHeaders(f.headers); err != nil {
		return spec, err
	}
	if spec.ClientCert, err = f.certificate.pem(); err != nil {
		return spec, err
	}
	spec.WebhookKey, err = readWebhookKey(f.webhookKeyFile)
	return spec, err
}

const (
	webhookKeyFlag  = "webhook-key-file"
	webhookKeyUsage = "`file` with the key that signs the calls of the webhook"
)

// readWebhookKey reads a key, without the end of the line; "" when no file is named.
func readWebhookKey(file string) (string, error) {
	text, err := readFlag("--"+webhookKeyFlag, file)
	key := strings.TrimRight(text, "\r\n")
	if err == nil && file != "" && key == "" {
		err = usage("--%s: %s has no key", webhookKeyFlag, file)
	}
	return key, err
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
