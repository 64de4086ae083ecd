package bitsadmin

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// The block of /INFO /VERBOSE: all fields, in the order and the layout of BITS's tool.
func TestDetails(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 7, 13, 1, 5, 0, time.Local)
	s := job.Snapshot{Job: job.Job{
		ID: "482fcaf0-74bf-469b-8929-5ccd028c9499", Owner: "nobody's", Settings: job.DefaultSettings(), State: job.TransientError,
		Error:      &job.Error{Context: job.ContextRemoteFile, Code: job.NameNotResolved, File: 2, Text: "the name is\nnot known"},
		ErrorCount: 4, Created: at, Modified: at.Add(time.Hour), Totals: job.Totals{Files: 2, FilesDone: 1},
	}, Transferred: 10, Size: job.UnknownSize}
	s.Name, s.Description, s.ACLFlags, s.PeerCaching = "two \x1b[1m words", "what for", 5, 1
	s.NotifyCommand = []string{"/bin/logger", "a b"}
	s.Network.Proxy, s.Network.ProxyBypass = "proxy1,proxy2", "<local>"
	files := []job.FileSnapshot{
		{File: job.File{ID: 1, URL: "http://h/1", Local: "/1", Size: 10, Done: true}, Transferred: 10},
		{File: job.File{ID: 2, URL: "http://h/2", Local: "/2", Size: job.UnknownSize}},
	}
	want := `GUID: {482FCAF0-74BF-469B-8929-5CCD028C9499} DISPLAY: 'two  [1m words'
TYPE: DOWNLOAD STATE: TRANSIENT_ERROR OWNER: nobody's
PRIORITY: NORMAL FILES: 1 / 2 BYTES: 10 / UNKNOWN
CREATION TIME: 12/7/2026 1:01:05 PM MODIFICATION TIME: 12/7/2026 2:01:05 PM
COMPLETION TIME: UNKNOWN ACL FLAGS: OD
NOTIFY INTERFACE: UNREGISTERED NOTIFICATION FLAGS: 3
RETRY DELAY: 600 NO PROGRESS TIMEOUT: 1209600 ERROR COUNT: 4
PROXY USAGE: OVERRIDE PROXY LIST: proxy1,proxy2 PROXY BYPASS LIST: <local>
ERROR FILE:    http://h/2 -> /2
ERROR CODE:    0x80072ee7 - the name is not known
ERROR CONTEXT: 0x00000005 - The error occurred while the remote file was being processed.
DESCRIPTION: what for
JOB FILES:
	10 / 10 WORKING http://h/1 -> /1
	0 / UNKNOWN WORKING http://h/2 -> /2
NOTIFICATION COMMAND LINE: '/bin/logger' '/bin/logger "a b"'
owner MIC integrity level: UNKNOWN
owner elevated ?           UNKNOWN

Peercaching flags
	 Enable download from peers      :true
	 Enable serving to peers         :false

CUSTOM HEADERS: A: 1
	B: 2
`
	if diff := cmp.Diff(want, details{s, files, "A: 1\nB: 2", false}.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Every context of an error has its words.
func TestContexts(t *testing.T) {
	t.Parallel()
	for c := job.ContextNone; c <= job.ContextCertificate; c++ {
		if contexts[c] == "" {
			t.Errorf("%v has no words", c)
		}
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	s := job.Snapshot{Job: job.Job{State: job.Transferring, Totals: job.Totals{Files: 1}}, Transferred: 10, Size: 100}
	s.Name, s.Priority = "x", job.Foreground
	want := "DISPLAY: 'x' TYPE: DOWNLOAD STATE: TRANSFERRING\nPRIORITY: FOREGROUND FILES: 0 / 1 BYTES: 10 / 100 (10%)\n"
	if got := progressLine(s); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Size = job.UnknownSize
	if got := progressLine(s); !strings.HasSuffix(got, "BYTES: 10 / UNKNOWN\n") {
		t.Errorf("of unknown size: %q", got)
	}
}

func TestWrapped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width    int
		in, want string
	}{
		{0, "a line as long as it is\n", "a line as long as it is\n"},
		{10, "ten of it.\n", "ten of it.\n"},
		{10, "one two three four\n", "one two\nthree four\n"},
		{4, "unbreakable\nnext\n", "unbr\neaka\nble\nnext\n"},
		{4, "żółć żółć\n", "żółć\nżółć\n"},
		{5, "żółć żółć\n", "żółć\nżółć\n"},
		{12, "    indented text\n", "    indented\ntext\n"},
		{6, "    indented", "    in\ndented"},
	} {
		if got := wrapped(c.in, c.width); got != c.want {
			t.Errorf("wrapped(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for goos, want := range map[string]int{"windows": -2145386493, "linux": 1, "darwin": 1} {
		if got := exitStatus(goos, job.Empty); got != want {
			t.Errorf("on %s: %d, want %d", goos, got, want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want job.Code
	}{
		{unable("x", job.Invalid(job.Empty, "it is empty")), job.Empty},
		{fmt.Errorf("dial: %w", ebb.ErrUnavailable), 0x800706BA},
		{&fs.PathError{Op: "open", Err: fs.ErrNotExist}, 0x80070002},
		{errors.New("something else"), 0x80004005},
	} {
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v has code %v, want %v", c.err, got, c.want)
		}
	}
}

func TestParseRanges(t *testing.T) {
	t.Parallel()
	got, ok := parseRanges("0:100, 2000:100,5000:EOF,7:0")
	want := []job.Span{{Offset: 0, Length: 100}, {Offset: 2000, Length: 100}, {Offset: 5000, Length: job.ToEOF}, {Offset: 7, Length: 0}}
	if !ok || !slices.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, ok, want)
	}
	for _, in := range []string{"", "1", "1:", ":1", "eof:1", "-1:2", "1:-1", "1:2,", "1:2;3:4", "1:99999999999999999999"} {
		if got, ok := parseRanges(in); ok {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}

func TestParseFileSet(t *testing.T) {
	t.Parallel()
	got, err := parseFileSet("\uFEFF# files\r\n\r\nhttp://h/a  C:\\a b.txt\r\n\thttp://h/b\t\"/b c\"\n")
	want := []job.FileSpec{{URL: "http://h/a", Local: `C:\a b.txt`}, {URL: "http://h/b", Local: "/b c"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for in, want := range map[string]string{"": "lists no files", "# only\n": "lists no files", "http://h/a /a\nhttp://h/b\n": "line 2 has no local name"} {
		if _, err := parseFileSet(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

// The examples of Microsoft's page on parsing C++ command-line arguments, and words that need quotes.
func TestSplitWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                       nil,
		"  ":                     nil,
		`notepad c:\eula.txt`:    {"notepad", `c:\eula.txt`},
		`"a b c" d e`:            {"a b c", "d", "e"},
		`"ab\"c" "\\" d`:         {`ab"c`, `\`, "d"},
		`a\\\b d"e f"g h`:        {`a\\\b`, "de fg", "h"},
		`a\\\"b c d`:             {`a\"b`, "c", "d"},
		`a\\\\"b c" d e`:         {`a\\b c`, "d", "e"},
		`"" x`:                   {"", "x"},
		"\tone\t two ":           {"one", "two"},
		`"C:\Program Files\x" \`: {`C:\Program Files\x`, `\`},
	} {
		if got := splitWords(in); !slices.Equal(got, want) {
			t.Errorf("splitWords(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzJoinWords(f *testing.F) {
	f.Add("a b", `\"`, `c:\x\`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		words := []string{"program", a, b, c}
		if got := splitWords(joinWords(words)); !slices.Equal(got, words) {
			t.Errorf("%q became %q by %q", words, got, joinWords(words))
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word, program string
		want          bool
	}{
		{"notepad", `C:\Windows\Notepad.exe`, true},
		{`C:\Windows\notepad.exe`, `C:\Windows\notepad.exe`, true},
		{"logger", "/usr/bin/logger", true},
		{"/c", `C:\Windows\cmd.exe`, false},
	} {
		if got := names(c.word, c.program); got != c.want {
			t.Errorf("names(%q, %q) = %v", c.word, c.program, got)
		}
	}
}

func TestMonitorArgs(t *testing.T) {
	t.Parallel()
	allUsers, every, err := monitorArgs([]string{"/refresh", "7", "/AllUsers"})
	if !allUsers || every != 7 || err != nil {
		t.Errorf("%v %v %v", allUsers, every, err)
	}
	if _, every, _ := monitorArgs(nil); every != 5 {
		t.Errorf("the default is %d seconds, want 5", every)
	}
	for _, args := range [][]string{{"/refresh"}, {"/refresh", "x"}, {"/refresh", "0"}, {"/all"}} {
		if _, _, err := monitorArgs(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
