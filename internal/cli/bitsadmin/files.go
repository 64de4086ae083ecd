package bitsadmin

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func fileCommands() []command {
	return []command{
		{
			name: "/ADDFILE", args: "<job> remote_url local_name", least: 3, most: 3, run: onJob(addFile),
			help: "Adds a file to a job.",
		},
		{
			name: "/ADDFILESET", args: "<job> textfile", least: 2, most: 2, run: onJob(addFileSet),
			help: "Adds the files that a text file lists, each on a line with its remote and its local name; # begins a comment. All or none are added.",
		},
		{
			name: "/ADDFILEWITHRANGES", args: "<job> remote_url local_name offset:length[,offset:length|,offset:eof ...]", least: 4, most: 4, run: onJob(addRanges),
			help: "Adds parts of a file, which are written one after another.",
		},
		{
			name: "/REPLACEREMOTEPREFIX", args: "<job> old_prefix new_prefix", least: 3, most: 3, run: onJob(replacePrefix),
			help: "Replaces the beginning of the remote names that begin with old_prefix.",
		},
		{
			name: "/LISTFILES", args: "<job>", least: 1, most: 1, run: onJob(listFiles),
			help: "Lists the files of a job, with what is transferred of each.",
		},
		{
			name: "/SETVALIDATIONSTATE", args: "<job> file_index TRUE|FALSE", least: 3, most: 3, run: onJob(setValidation),
			help: "Says whether a transferred file is right; one that is wrong is fetched again. The first file is 0.",
		},
		{
			name: "/GETVALIDATIONSTATE", args: "<job> file_index", least: 2, most: 2,
			run:  onFile(func(t *tool, f job.FileSnapshot) error { t.value(boolText(f.Validated)); return nil }),
			help: "Prints whether a file was said to be right.",
		},
		{
			name: "/GETTEMPORARYNAME", args: "<job> file_index", least: 2, most: 2, run: onFile(temporaryName),
			help: "Prints where the bytes of a file are until the job is completed.",
		},
		{
			name: "/GETPEERSTATS", args: "<job> file_index", least: 2, most: 2, run: onFile(peerStats),
			help: "Prints how many bytes of a file came from its server and how many from peers, which ebb has none of.",
		},
	}
}

func addFile(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	return t.add(ctx, j, job.FileSpec{URL: args[0], Local: args[1]})
}

// add adds files, all or none.
func (t *tool) add(ctx context.Context, j *ebb.Job, files ...job.FileSpec) error {
	if err := j.AddFiles(ctx, files...); err != nil {
		return unable("add file to job", err)
	}
	for _, f := range files {
		t.tell("Added %s -> %s to job.", oneLine(f.URL), oneLine(f.Local))
	}
	return t.allowCleartext(ctx, j)
}

func addFileSet(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return unable("read file set", err)
	}
	files, err := parseFileSet(string(text))
	if err != nil {
		return unable("read file set", err)
	}
	return t.add(ctx, j, files...)
}

const byteOrderMark = "\uFEFF" // which editors of Windows begin a text with

// parseFileSet reads a remote and a local name from each line. The local name is the rest of the line, and may be
// in quotes.
func parseFileSet(text string) (files []job.FileSpec, err error) {
	for i, line := range strings.Split(strings.TrimPrefix(text, byteOrderMark), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		url, local, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		local = strings.Trim(strings.TrimSpace(local), `"`)
		if local == "" {
			return nil, job.Invalid(job.InvalidArg, "line %d has no local name", i+1)
		}
		files = append(files, job.FileSpec{URL: url, Local: local})
	}
	if len(files) == 0 {
		return nil, job.Invalid(job.InvalidArg, "it lists no files")
	}
	return files, nil
}

func addRanges(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	ranges, ok := parseRanges(args[2])
	if !ok {
		return usage("/ADDFILEWITHRANGES", "Invalid ranges: %s", args[2])
	}
	return t.add(ctx, j, job.FileSpec{URL: args[0], Local: args[1], Ranges: ranges})
}

// parseRanges reads offset:length pairs, of which a length may be eof.
func parseRanges(text string) ([]job.Span, bool) {
	var out []job.Span
	for part := range strings.SplitSeq(text, ",") {
		first, second, ok := strings.Cut(strings.TrimSpace(part), ":")
		offset, err := strconv.ParseInt(first, 10, 64)
		if !ok || err != nil || offset < 0 {
			return nil, false
		}
		length := job.ToEOF
		if !strings.EqualFold(second, "eof") {
			if length, err = strconv.ParseInt(second, 10, 64); err != nil || length < 0 {
				return nil, false
			}
		}
		out = append(out, job.Span{Offset: offset, Length: length})
	}
	return out, true
}

func replacePrefix(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	n, err := j.ReplaceRemotePrefix(ctx, args[0], args[1])
	if err != nil {
		return unable("replace remote prefix", err)
	}
	t.tell("Replaced the prefix of %d file(s).", n)
	return t.allowCleartext(ctx, j)
}

func listFiles(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
	files, err := t.files(ctx, j)
	if err != nil {
		return err
	}
	for _, f := range files {
		t.printf("%s\n", fileText(j.State, f))
	}
	t.tell("Listed %d file(s).", len(files))
	return nil
}

// onFile is a command whose arguments are a job and the index of a file.
func onFile(f func(*tool, job.FileSnapshot) error) func(context.Context, *tool, []string) error {
	return onJob(func(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
		file, err := t.file(ctx, j, args[0])
		if err != nil {
			return err
		}
		return f(t, file)
	})
}

func setValidation(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	valid := strings.EqualFold(args[1], "TRUE")
	if !valid && !strings.EqualFold(args[1], "FALSE") {
		return usage("/SETVALIDATIONSTATE", "Invalid validation state: %s", args[1])
	}
	file, err := t.file(ctx, j, args[0])
	if err != nil {
		return err
	}
	if err := j.SetValidation(ctx, file.ID, valid); err != nil {
		return unable("set validation state", err)
	}
	t.tell("Validation state set to %s.", boolText(valid))
	return nil
}

func boolText(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

func temporaryName(t *tool, f job.FileSnapshot) error {
	if f.Temporary == "" {
		return unable("get temporary name", job.Invalid(job.Pending, "nothing is stored of %s", oneLine(f.Local)))
	}
	t.value(oneLine(f.Temporary))
	return nil
}

func peerStats(t *tool, f job.FileSnapshot) error {
	t.value("Bytes from origin: " + sizeText(f.Transferred) + "\nBytes from peers: 0")
	return nil
}
