package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) addFile() *cobra.Command {
	var folder, checksum string
	var ranges []string
	var sparse bool
	cmd := &cobra.Command{
		Use:   "add-file ID URL [FILE]",
		Short: "Add a file to a job",
		Long: `Add a file to a job. With --range only those parts of it are fetched: they are written one after another,
in the order given, or with --sparse each at its own offset in the file.`,
		Example: `  ebb add-file 3f2a https://example.com/a.tar /srv/a.tar
  ebb add-file 3f2a https://example.com/b.tar -d /srv
  ebb add-file 3f2a https://example.com/disk.img head-and-tail --range 0:1M,100M:eof`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && len(args) != 3 {
				return usage("%s takes ID, URL and perhaps FILE; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := ""
			if len(args) == 3 {
				out = args[2]
			}
			files, err := filesFor(args[1:2], folder, out, checksum)
			if err != nil {
				return err
			}
			if files[0].Sparse = sparse; sparse && ranges == nil {
				return usage("--sparse is a layout for --range")
			}
			if files[0].Ranges, err = parseSpans(ranges); err != nil {
				return usage("--range: %v", err)
			}
			if err := check(job.Spec{Settings: job.DefaultSettings(), Files: files}); err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.AddFiles(cmd.Context(), files...) })
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&folder, "dir", "d", ".", "`folder` for the file when FILE is not given")
	fl.StringVar(&checksum, "checksum", "", "what the file must hash to, as `sha256=HEX`")
	fl.StringSliceVar(&ranges, "range", nil, "fetch only these parts, each `OFFSET:LENGTH` or OFFSET:eof")
	fl.BoolVar(&sparse, "sparse", false, "keep each range at its own offset, with holes between them")
	return cmd
}

// parseSpans reads parts of a file, each as OFFSET:LENGTH or OFFSET:eof.
func parseSpans(words []string) ([]job.Span, error) {
	var out []job.Span
	for _, word := range words {
		offset, length, ok := strings.Cut(word, ":")
		from, err1 := parseBytes(offset)
		n, err2 := job.ToEOF, error(nil)
		if length != "eof" {
			n, err2 = parseBytes(length)
		}
		if !ok || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not like OFFSET:LENGTH or OFFSET:eof", word)
		}
		out = append(out, job.Span{Offset: from, Length: n})
	}
	return out, nil
}

func (a *app) addFiles() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "add-files ID LIST",
		Short: "Add the files of a list to a job, all or none",
		Long: `Add files to a job, all or none of them. LIST is a file, or - for standard input. Each of its lines is

  URL [FILE [CHECKSUM]]

Names with blanks are quoted, by " or '. FILE is relative to --dir; without it the file is called as the
server says, or as the URL. Empty lines, and what follows a # at the beginning of a word, are left out.`,
		Example: `  ebb add-files 3f2a list.txt -d /srv
  printf '%s\n' https://example.com/{a,b}.tar | ebb add-files 3f2a -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s takes ID and the name of a list; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := a.readInput("list", args[1])
			if err != nil {
				return err
			}
			files, err := parseList(args[1], text, folder)
			if err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.AddFiles(cmd.Context(), files...) })
		},
	}
	cmd.Flags().StringVarP(&folder, "dir", "d", ".", "`folder` that the files are relative to")
	return cmd
}

// parseList reads the files of a list. Its errors name the list and the line.
func parseList(list, text, folder string) ([]job.FileSpec, error) {
	var out []job.FileSpec
	taken := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		wrong := func(err error) error { return usage("%s:%d: %v", list, n, err) }
		line = strings.TrimRight(line, "\r\n")
		if !plain(strings.ReplaceAll(line, "\t", " ")) {
			return nil, wrong(fmt.Errorf("the line holds a control character or is not UTF-8"))
		}
		words, err := splitWords(line)
		if err != nil {
			return nil, wrong(err)
		}
		if len(words) == 0 {
			continue
		}
		f, err := listed(words, folder)
		if err != nil {
			return nil, wrong(err)
		}
		if before := taken[f.Local]; before > 0 {
			return nil, wrong(fmt.Errorf("line %d has the same file, %s", before, f.Local))
		}
		taken[f.Local] = n
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, usage("%s names no files; each line is URL [FILE [CHECKSUM]]", list)
	}
	return out, nil
}

// listed is the file of a line of a list.
func listed(words []string, folder string) (job.FileSpec, error) {
	if len(words) > 3 {
		return job.FileSpec{}, fmt.Errorf("there are %d words, but a line is URL [FILE [CHECKSUM]]; quote names with blanks", len(words))
	}
	words = append(words, "", "")
	out := words[1]
	if out != "" && !filepath.IsAbs(out) {
		out = filepath.Join(folder, out)
	}
	files, err := filesFor(words[:1], folder, out, words[2])
	if err == nil {
		err = check(job.Spec{Settings: job.DefaultSettings(), Files: files})
	}
	if err != nil {
		return job.FileSpec{}, err
	}
	return files[0], nil
}

// splitWords splits a line at blanks that are not within " or '. A word that begins with # ends the line.
func splitWords(line string) ([]string, error) {
	var out []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' {
			return out, nil
		}
		if quote := line[0]; quote == '"' || quote == '\'' {
			word, rest, closed := strings.Cut(line[1:], string(quote))
			switch {
			case !closed:
				return nil, fmt.Errorf("a %c is not closed", quote)
			case rest != "" && rest[0] != ' ' && rest[0] != '\t':
				return nil, fmt.Errorf("there is no blank after a closing %c", quote)
			}
			out, line = append(out, word), rest
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		out, line = append(out, line[:end]), line[end:]
	}
}
