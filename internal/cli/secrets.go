package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) headers() *cobra.Command {
	return group(&cobra.Command{
		Use:   "headers",
		Short: "Set, list or remove the custom headers of a job",
	}, a.headersSet(), a.headersList(), a.headersRemove())
}

func (a *app) headersSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set ID 'NAME: VALUE'...",
		Short: "Replace the custom headers of a job",
		Long: `Replace all custom headers of a job. @FILE stands for the lines of a file, and @- for those of standard
input: other users of the machine may see a command line. Only the owner may set headers; they are sent
to the servers of the files only, never across a redirect to another.`,
		Example: `  ebb headers set 3f2a 'X-Site: Gdańsk'
  ebb headers set 3f2a @headers.txt`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("%s takes ID and at least one 'NAME: VALUE'; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			headers, err := a.readHeaders(args[1:])
			if err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.SetHeaders(cmd.Context(), headers...) })
		},
	}
}

func (a *app) headersList() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "list ID",
		Short: "List the custom headers, unless they are write-only",
		Long: `List the custom headers of a job to its owner. They are write-only unless the job was created with
--headers-readable; then ebb show has their names alone.`,
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		headers, err := j.Headers(ctx)
		if err != nil {
			return err
		}
		for _, h := range headers {
			if a.json {
				a.printJSON(h)
			} else {
				a.printf("%s: %s\n", oneLine(h.Name), oneLine(h.Value))
			}
		}
		if len(headers) == 0 {
			a.hintf("job %s has no headers", j.ID.Short())
		}
		return nil
	})
}

func (a *app) headersRemove() *cobra.Command {
	return a.command(&cobra.Command{Use: "remove ID...", Short: "Forget the custom headers of jobs"},
		func(ctx context.Context, _ *session, j *ebb.Job) error { return j.SetHeaders(ctx) })
}

// readHeaders reads header lines; @FILE stands for those of a file, @- for those of standard input.
func (a *app) readHeaders(lines []string) ([]job.Header, error) {
	var out []job.Header
	for _, line := range lines {
		file, isFile := strings.CutPrefix(line, "@")
		if !isFile {
			h, err := parseHeader(line)
			if err != nil {
				return nil, err
			}
			out = append(out, h)
			continue
		}
		text, err := a.readInput("header", file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) == "" {
				continue
			}
			h, err := parseHeader(line)
			if err != nil {
				return nil, err
			}
			out = append(out, h)
		}
	}
	return out, nil
}

// parseHeader reads 'Name: value'. Its error never has the value, which may be a secret.
func parseHeader(line string) (job.Header, error) {
	name, value, ok := strings.Cut(line, ":")
	h := job.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
	switch {
	case !ok:
		return h, usage("a header without a colon is not like 'Name: value'")
	case h.Name == "" || strings.ContainsAny(h.Name, " \t") || !plain(h.Name) || strings.ContainsAny(line, "\r\n\x00"):
		return h, usage("header %.40q is not like 'Name: value'", name)
	}
	return h, nil
}

// readInput is the text of a file, or for - of standard input.
func (a *app) readInput(what, file string) (string, error) {
	if file != "-" {
		if file == "" {
			return "", usage("%s: the name of the file is missing", what)
		}
		return readFlag(what, file)
	}
	b, err := io.ReadAll(a.Stdin)
	if err != nil {
		return "", usage("%s: read standard input: %v", what, err)
	}
	return string(b), nil
}

// certificateFlags name the files with a client certificate.
type certificateFlags struct {
	cert, key, passwordFile string
}

func (f *certificateFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.cert, "cert", "", "`file` with the client certificate: PEM, DER or PKCS#12 (.p12, .pfx)")
	fl.StringVar(&f.key, "key", "", "`file` with its private key, if that is not in --cert")
	fl.StringVar(&f.passwordFile, "cert-password-file", "", "`file` with the password of a PKCS#12 --cert")
}

// pem is the certificate with its key, "" for none.
func (f *certificateFlags) pem() (string, error) {
	switch {
	case f.cert != "":
		return readClientCert(f.cert, f.key, f.passwordFile)
	case f.key != "":
		return "", usage("--key is the key of a certificate: --cert is missing")
	case f.passwordFile != "":
		return "", usage("--cert-password-file is for a certificate: --cert is missing")
	}
	return "", nil
}

func (a *app) certificate() *cobra.Command {
	var f certificateFlags
	set := &cobra.Command{
		Use:               "set ID",
		Short:             "Set or replace the client certificate of a job",
		Example:           `  ebb certificate set 3f2a --cert client.pem --key client.key`,
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			pem, err := f.pem()
			if err != nil {
				return err
			}
			if pem == "" {
				return usage("%s: --cert is missing; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.SetClientCertificate(cmd.Context(), pem) })
		},
	}
	f.register(set)
	remove := a.command(&cobra.Command{Use: "remove ID...", Short: "Forget the client certificate of jobs"},
		func(ctx context.Context, _ *session, j *ebb.Job) error { return j.RemoveClientCertificate(ctx) })
	return group(&cobra.Command{
		Use:   "certificate",
		Short: "Set or remove the client certificate of a job; it is never shown",
	}, set, remove)
}
