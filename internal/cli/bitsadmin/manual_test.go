package bitsadmin

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leaves are the switches that do something, each with all that is above it.
func leaves(table []command, above string) (out []command) {
	for _, c := range table {
		if c.below != nil {
			out = append(out, leaves(c.below, above+c.name+" ")...)
			continue
		}
		c.name = above + c.name
		out = append(out, c)
	}
	return out
}

// TestManual demands that docs/bitsadmin.md has each switch with its arguments, once, and no other.
func TestManual(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/bitsadmin.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(/.+?)` \\| .{5}").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, strings.ReplaceAll(m[1], `\|`, "|"))
	}
	var known []string
	for _, c := range leaves(commands(), "") {
		known = append(known, c.syntax(""))
	}
	slices.Sort(documented)
	slices.Sort(known)
	for _, s := range known {
		if !slices.Contains(documented, s) {
			t.Errorf("docs/bitsadmin.md does not have %s", s)
		}
	}
	for i, s := range documented {
		if !slices.Contains(known, s) || i > 0 && documented[i-1] == s {
			t.Errorf("docs/bitsadmin.md has %s, which there is not, or more than once", s)
		}
	}
}

// TestEverySwitchIsScripted demands that the scripts of cmd/ebb run each switch.
func TestEverySwitchIsScripted(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../../cmd/ebb/testdata/script/bitsadmin_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var scripts strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(b)
	}
	for _, c := range leaves(commands(), "") {
		run := regexp.MustCompile(`(?im)^.*ebb bitsadmin (--\w+ )?(/rawreturn |/wrap |/nowrap )*` + regexp.QuoteMeta(c.name) + `( |$)`)
		if !run.MatchString(scripts.String()) {
			t.Errorf("no script runs %s", c.name)
		}
	}
}

// A switch has one meaning, a help, and arguments that its help names.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range leaves(commands(), "") {
		switch {
		case seen[c.name]:
			t.Errorf("%s is there twice", c.name)
		case c.name != strings.ToUpper(c.name):
			t.Errorf("%s is not in capitals, and cannot be found", c.name)
		case c.run == nil || c.help == "" || !strings.HasSuffix(c.help, "."):
			t.Errorf("%s does nothing, or its help is no sentence: %q", c.name, c.help)
		case c.least > c.most || (c.most > 0) != (c.args != "") && c.most != unbounded:
			t.Errorf("%s takes %d to %d arguments, and its help says %q", c.name, c.least, c.most, c.args)
		case syntaxOf(c.name) != c.syntax(""):
			t.Errorf("the syntax of %s is %q", c.name, syntaxOf(c.name))
		}
		seen[c.name] = true
	}
}
