package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebb-transfer/ebb/job"
)

func manual(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestManualIsComplete demands that docs/cli.md names every command and every flag, and no flag that is not there.
func TestManualIsComplete(t *testing.T) {
	t.Parallel()
	text, flags := manual(t), map[string]bool{"help": true, "version": true}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
			return
		}
		if !regexp.MustCompile("(?m)" + regexp.QuoteMeta(cmd.CommandPath()) + `\b`).MatchString(text) {
			t.Errorf("docs/cli.md does not name %s", cmd.CommandPath())
		}
		collect := func(f *pflag.Flag) {
			flags[f.Name] = true
			if !regexp.MustCompile("`--" + f.Name + "[ `]").MatchString(text) {
				t.Errorf("docs/cli.md does not name --%s of %s", f.Name, cmd.CommandPath())
			}
			if f.Shorthand != "" && !strings.Contains(text, "`-"+f.Shorthand+"`, `--"+f.Name) {
				t.Errorf("docs/cli.md does not name -%s of %s", f.Shorthand, cmd.CommandPath())
			}
		}
		cmd.LocalFlags().VisitAll(collect)
		cmd.PersistentFlags().VisitAll(collect)
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	visit(root)
	for _, m := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !flags[m[1]] && m[1] != "no-descriptions" {
			t.Errorf("docs/cli.md names --%s, which is not there", m[1])
		}
	}
	for _, key := range settingKeys() {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/cli.md does not name the setting %s", key)
		}
	}
}

// TestManualHasEveryExitCode holds the table of docs/cli.md and the constants of exit.go together.
func TestManualHasEveryExitCode(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(manual(t), -1) {
		documented[m[1]] = true
	}
	source, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "exit") {
			return true
		}
		codes++
		code := fmt.Sprint(spec.Values[0].(*ast.BasicLit).Value)
		if !documented[code] {
			t.Errorf("docs/cli.md does not have exit code %s (%s)", code, spec.Names[0].Name)
		}
		delete(documented, code)
		return true
	})
	if codes < 10 || len(documented) > 0 {
		t.Errorf("%d codes found; documented, but not in exit.go: %v", codes, documented)
	}
}

// TestKeysOfSetAreThere demands of what tells people to use ebb set, the manuals and the hints of the codes, that the keys
// are there.
func TestKeysOfSetAreThere(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	manuals, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(manuals, "../../README.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	for _, c := range job.Codes() {
		texts["the hint of "+c.Hex()] = c.Hint()
	}
	found := 0
	for where, text := range texts {
		for _, m := range regexp.MustCompile(`ebb set \S+ ([a-z_-]+)=`).FindAllStringSubmatch(text, -1) {
			if found++; !slices.Contains(settingKeys(), m[1]) {
				t.Errorf("%s has %q, which is no key", where, m[0])
			}
		}
	}
	if found < 5 {
		t.Errorf("%d commands found", found)
	}
}
