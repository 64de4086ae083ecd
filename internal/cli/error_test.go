package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/job"
)

var update = flag.Bool("update", false, "rewrite the golden files from the code")

func explained(t *testing.T, asJSON bool, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	a := &app{Program: Program{Stdout: &out}, json: asJSON}
	cmd := a.explain()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{}, args...)) // nil would be those of the test
	err := cmd.Execute()
	return out.String(), err
}

func TestExplainsACode(t *testing.T) {
	t.Parallel()
	const want = `0x80200013      BG_E_INSUFFICIENT_RANGE_SUPPORT
what happened:  The server, or a proxy before it, does not serve parts of the file, and parts are what the job needs.
what to do:     Allow ranges at the server, or fetch the whole file.
what ebb does:  It does not try again: more tries change nothing.
`
	for _, code := range []string{"0x80200013", "80200013", "2149580819", "bg_e_insufficient_range_support"} {
		if got, err := explained(t, false, code); err != nil || got != want {
			t.Errorf("%s: %v\n%s", code, err, cmp.Diff(want, got))
		}
	}
	if got, err := explained(t, false, "--", "-2145386477"); err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}

func TestExplainsSeveralCodes(t *testing.T) {
	t.Parallel()
	const want = `0x80190194      BG_E_HTTP_ERROR_404
what happened:  The server answered 404 Not Found.
what to do:     Check the URL.
what ebb does:  It does not try again: more tries change nothing.

0x00200017  BG_S_PARTIAL_COMPLETE
`
	got, err := explained(t, false, "404", "PARTIAL_COMPLETE")
	if err != nil || !strings.HasPrefix(strings.ReplaceAll(got, "0x00200017      ", "0x00200017  "), want) || strings.Count(got, "what ebb does") != 1 {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestCodesAsJSON(t *testing.T) {
	t.Parallel()
	got, err := explained(t, true, "404", "0x00200017")
	want := `{"code":"0x80190194","name":"BG_E_HTTP_ERROR_404","text":"The server answered 404 Not Found.","hint":"Check the URL.","class":"fatal"}` + "\n" +
		`{"code":"0x00200017","name":"BG_S_PARTIAL_COMPLETE","text":"The job is complete, and only some of its files were transferred; the others were deleted.","hint":"Fetch the files that are missing in a new job."}` + "\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	all, err := explained(t, true)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	if len(lines) != len(job.Codes()) {
		t.Errorf("%d lines for %d codes", len(lines), len(job.Codes()))
	}
	for _, line := range lines {
		var row codeJSON
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Name == "" || row.Text == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestListsAllCodes(t *testing.T) {
	t.Parallel()
	got, err := explained(t, false)
	if err != nil || strings.Count(got, "\n") != len(job.Codes()) || !strings.Contains(got, "\n0x8020006D  BG_E_RANDOM_ACCESS_NOT_SUPPORTED ") {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestCodesThatCannotBeExplained(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		exit int
		text string
	}{
		{[]string{"nonsense"}, exitUsage, "NONSENSE"},
		{[]string{"404", "0x1"}, exitNoInput, "0x00000001 is no code of BITS"},
		{[]string{"0x80070020"}, exitNoInput, "error 32 of Windows"},
		{[]string{"-2145386477"}, exitUsage, "ebb error -- -2145386477"},
		{[]string{"--hex"}, exitUsage, "has no flag --hex"},
	} {
		got, err := explained(t, false, tc.args...)
		if err == nil || exitCode(err) != tc.exit || !strings.Contains(err.Error(), tc.text) || got != "" {
			t.Errorf("%q: printed %q, %v; want exit %d and %q", tc.args, got, err, tc.exit, tc.text)
		}
	}
	var known *job.Error
	if _, err := explained(t, false, "1"); !errors.As(err, &known) || known.Code != job.NotFound {
		t.Errorf("an unknown code: %v", err)
	}
}

// TestErrorsGuide holds docs/errors.md and the table of codes together.
func TestErrorsGuide(t *testing.T) {
	t.Parallel()
	const file = "../../docs/errors.md"
	got := errorsGuide()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("docs/errors.md is out of date (-file +code); run make golden:\n%s", diff)
	}
}

func errorsGuide() string {
	var b strings.Builder
	b.WriteString(`# Error codes

Generated from package job by ` + "`make golden`" + `; a test fails when it is out of date. ` + "`ebb error CODE`" + ` says the same for one code.

Where BITS has a code for what happened, ebb reports that one, with its value and its name. What ebb does about an error of a
transfer: **tries again** by itself, after a while that grows; **waits for its owner**, who can clear the cause and resume the job; or **stops**, because
more tries change nothing. The table says what a code usually means; the place that saw the error happen may know better,
and a job with an HTTP method of its own, or with a no-progress timeout of 0, never tries again.

## Where an error happened

| number | context | |
|---|---|---|
`)
	for c := job.ContextNone; c <= job.ContextCertificate; c++ {
		b.WriteString("| " + string(rune('0'+int(c))) + " | `" + c.String() + "` | " + c.Text() + " |\n")
	}
	sections := []struct {
		title string
		has   func(job.Code) bool
	}{
		{"Success", func(c job.Code) bool { return c < 0x80000000 }},
		{"BITS", func(c job.Code) bool { return c&^0xFFFF == 0x80200000 }},
		{"HTTP", func(c job.Code) bool { return c.HTTP() != 0 }},
		{"Windows", func(c job.Code) bool { return c.Failed() && c < 0x80190000 }},
		{"Events of BITS", func(c job.Code) bool { return c&^0xFFF == 0x80194000 }},
	}
	for _, s := range sections {
		b.WriteString("\n## " + s.title + "\n\n")
		if s.title == "HTTP" {
			b.WriteString("Any other status n has the value 0x80190000 + n as well.\n\n")
		}
		b.WriteString("| value | name | what happened | what to do | ebb |\n|---|---|---|---|---|\n")
		for _, c := range job.Codes() {
			if s.has(c) {
				b.WriteString("| " + c.Hex() + " | `" + c.String() + "` | " + c.Text() + " | " + c.Hint() + " | " + reaction(c) + " |\n")
			}
		}
	}
	return b.String()
}

func reaction(c job.Code) string {
	switch {
	case !c.Failed():
		return ""
	case c.Class() == job.Transient:
		return "tries again"
	case c.Class() == job.NeedsAction:
		return "waits for its owner"
	}
	return "stops"
}
