package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// The folder with the PowerShell module, and where npm has put a parser for it.
const (
	moduleDir = "../../contrib/powershell"
	parserDir = "../../bin/powershell"
)

var moduleFiles = []string{"Ebb.psd1", "Ebb.psm1", "Program.ps1", "Words.ps1"}

// module is the text of the module, without comments.
func module(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range moduleFiles {
		b, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(regexp.MustCompile(`(?m)(^|\s)#.*$`).ReplaceAll(b, nil))
	}
	return all.String()
}

// found are the different first groups of a pattern in a text, at least n of them.
func found(t *testing.T, text, pattern string, n int) []string {
	t.Helper()
	seen := map[string]bool{}
	var out []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			out = append(out, m[1])
		}
	}
	if len(out) < n {
		t.Fatalf("only %d matches of %s: %q", len(out), pattern, out)
	}
	return out
}

// Every command, flag and setting that the PowerShell module uses is there.
func TestPowerShellCommands(t *testing.T) {
	t.Parallel()
	text, root := module(t), (&app{}).root()
	flags := map[string]bool{}
	for _, line := range found(t, text, `(?:Invoke-Ebb|Start-Ebb|\$arguments =) \(?(?:@\()?('[a-z]+[^\n]*)`, 12) {
		words := regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(line, -1)
		path := []string{}
		for _, w := range words[:min(2, len(words))] {
			path = append(path, w[1])
		}
		cmd, _, err := root.Find(path)
		if err != nil || cmd == root || cmd.HasSubCommands() {
			t.Errorf("there is no command ebb %s", strings.Join(path, " "))
			continue
		}
		for _, w := range words {
			if name, ok := strings.CutPrefix(w[1], "--"); ok && flagOf(cmd, name) {
				flags[name] = true
			}
		}
	}
	for _, name := range found(t, text, `'--([a-z-]+)'`, 8) {
		flags[name] = flags[name] || flagOf(root, name)
		for _, command := range [][]string{{"create"}, {"credentials", "set"}} {
			if cmd, _, err := root.Find(command); err == nil && flagOf(cmd, name) {
				flags[name] = true
			}
		}
		if !flags[name] {
			t.Errorf("no command has the flag --%s", name)
		}
	}
	for _, key := range found(t, text, `["']([a-z-]+)=`, 18) {
		if propertyOf(key) == nil {
			t.Errorf("there is no setting %s", key)
		}
	}
}

func flagOf(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
}

// Every JSON field that the PowerShell module reads is there.
func TestPowerShellFields(t *testing.T) {
	t.Parallel()
	text := module(t)
	for variable, typ := range map[string]reflect.Type{
		"snapshot": reflect.TypeFor[job.Snapshot](), "last": reflect.TypeFor[job.Snapshot](), "file": reflect.TypeFor[job.FileSnapshot](),
	} {
		for _, path := range found(t, text, `\$`+variable+`\.([a-z_.]+)`, 3) {
			if !hasField(typ, strings.Split(path, ".")) {
				t.Errorf("$%s.%s is not in the JSON of %s", variable, path, typ)
			}
		}
	}
	message := reflect.TypeOf(errorJSON("", 0, nil))
	for _, name := range found(t, text, `\$message\.([a-z_]+)`, 4) {
		if name != "note" && !hasField(message, []string{name}) {
			t.Errorf("$message.%s is not in the JSON of an error", name)
		}
	}
}

// hasField reports whether the JSON of a type has a field at a path.
func hasField(typ reflect.Type, path []string) bool {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if len(path) == 0 {
		return true
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		if field.Anonymous && hasField(field.Type, path) {
			return true
		}
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name == path[0] && name != "-" {
			return hasField(field.Type, path[1:])
		}
	}
	return false
}

// The states, types and priorities of jobs all have a word in PowerShell.
func TestPowerShellWords(t *testing.T) {
	t.Parallel()
	text := module(t)
	var words []string
	for s := job.Queued; s <= job.Cancelled; s++ {
		words = append(words, s.String())
	}
	for _, typ := range []job.Type{job.Download, job.Upload, job.UploadReply} {
		words = append(words, typ.String())
	}
	for _, word := range append(words, priorities()...) {
		if !regexp.MustCompile(`\b` + word + ` = '`).MatchString(text) {
			t.Errorf("the PowerShell module does not know %s", word)
		}
	}
}

// No parameter of a cmdlet is dropped in silence: each is a case of the function that makes settings of them, or is used
// elsewhere.
func TestPowerShellParameters(t *testing.T) {
	t.Parallel()
	text := module(t)
	from := strings.Index(text, "function ConvertTo-Setting")
	to := from + strings.Index(text[from:], "\n}\n")
	settings, rest := text[from:to], text[:from]+text[to:]
	declared := regexp.MustCompile(`(?m)^ +\[.*\] \$([A-Z][A-Za-z]+)( = [^\n]*)?,?$`)
	for _, m := range declared.FindAllStringSubmatch(rest, -1) {
		name := m[1]
		if name == "TransferType" { // has one value only
			continue
		}
		used := regexp.MustCompile(`\$` + name + `\b|Bound\['` + name + `'\]|ContainsKey\('` + name + `'\)`)
		if !strings.Contains(settings, "            '"+name+"' {") && !used.MatchString(declared.ReplaceAllString(rest, "")) {
			t.Errorf("-%s is used nowhere", name)
		}
	}
	found(t, rest, declared.String(), 30)
}

// The module is PowerShell, as far as a parser can tell; and the parser does tell.
func TestPowerShellSyntax(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(parserDir, "node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm")); err != nil {
		ebbtest.Lacks(t, "no parser of PowerShell; run: npm install --ignore-scripts --no-save --prefix bin/powershell "+
			"web-tree-sitter@0.27.1 tree-sitter-powershell@0.26.4")
	}
	parse := func(files ...string) (string, error) {
		args := append([]string{"--liftoff-only", filepath.Join(moduleDir, "parse.mjs"), parserDir}, files...)
		out, err := exec.CommandContext(t.Context(), "node", args...).CombinedOutput()
		return string(out), err
	}
	var files []string
	for _, name := range moduleFiles {
		files = append(files, filepath.Join(moduleDir, name))
	}
	if out, err := parse(files...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	broken := filepath.Join(t.TempDir(), "broken.ps1")
	if err := os.WriteFile(broken, []byte("function Get-It {\n    if ($true { 1 }\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := parse(broken); err == nil || !strings.Contains(out, "broken.ps1:") {
		t.Errorf("a mistake is not found: %v\n%s", err, out)
	}
}
