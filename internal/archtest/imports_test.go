// Package archtest holds the arrows of docs/ARCHITECTURE.md: which package may
// import which, and why. It reads the source of every platform, so an import in
// a file for Windows is seen on Linux, too.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A source is what the rules look at in one Go file.
type source struct {
	file     string // relative to the module
	imports  []string
	hasInit  bool
	testFile bool
}

func (s source) pkg() string { return path.Dir(s.file) }

func TestImports(t *testing.T) {
	t.Parallel()
	sources, err := readSources("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 2 {
		t.Fatalf("only %d Go files found: the test looks in the wrong place", len(sources))
	}
	for _, s := range sources {
		for _, v := range violations(s) {
			t.Error(v)
		}
	}
}

// readSources parses every Go file of the module at root.
func readSources(root string) ([]source, error) {
	var sources []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasPrefix(base, ".") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := readSource(name, filepath.ToSlash(rel))
		sources = append(sources, s)
		return err
	})
	return sources, err
}

func readSource(name, rel string) (source, error) {
	s := source{file: rel, testFile: strings.HasSuffix(rel, "_test.go")}
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return s, err
	}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return s, fmt.Errorf("%s: import %s: %w", rel, spec.Path.Value, err)
		}
		s.imports = append(s.imports, p)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			s.hasInit = true
		}
	}
	return s, nil
}

// violations returns a sentence for each rule that s breaks. Tests may import
// what they like: the arrows are about what the product is made of.
func violations(s source) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, s.file+": "+fmt.Sprintf(format, args...)) }

	if base := path.Base(s.pkg()); slices.Contains(bannedNames, base) {
		say("a package called %s says nothing about what is in it; name it after what it provides", base)
	}
	r, ok := rowOf(s.pkg())
	if !ok {
		say("package %s has no row in the arrows of internal/archtest; decide what it may import, and add one", s.pkg())
		return out
	}
	if s.testFile {
		return out
	}
	if s.hasInit {
		say("has an init function; call it from internal/daemon or main, where a reader sees it happen")
	}
	for _, p := range s.imports {
		if why, allowed := mayImport(r, s.pkg(), p); !allowed {
			say("may not import %s: %s", p, why)
		}
	}
	return out
}

// mayImport reports whether pkg, which r governs, may import p, and if not, why.
func mayImport(r row, pkg, p string) (why string, allowed bool) {
	for _, res := range reservations {
		if matches(res.path, p) && !slices.ContainsFunc(res.only, func(o string) bool { return below(pkg, o) }) {
			return res.why, false
		}
	}
	if ours, ok := relative(p); ok {
		if ours == "job" && !r.alone {
			return "", true
		}
		return r.why, slices.ContainsFunc(r.may, func(pattern string) bool { return matches(pattern, ours) })
	}
	if slices.Contains(purePackages, pkg) && !slices.Contains(pure, p) {
		return pkg + " is pure: it takes the time, and facts about the world, as arguments", false
	}
	return "", true
}

// rowOf returns the row of pkg or of the nearest package above it. The root's row
// is for the root alone.
func rowOf(pkg string) (row, bool) {
	for p := pkg; ; p = path.Dir(p) {
		if i := slices.IndexFunc(arrows, func(r row) bool { return r.pkg == p }); i >= 0 && (p != "." || pkg == ".") {
			return arrows[i], true
		}
		if p == "." {
			return row{}, false
		}
	}
}

// relative returns the import path p relative to the module, if it is of the module.
func relative(p string) (string, bool) {
	if p == module {
		return ".", true
	}
	return strings.CutPrefix(p, module+"/")
}

// matches reports whether p is what a pattern names.
func matches(pattern, p string) bool {
	if pattern == "..." {
		return true
	}
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return below(p, above)
	}
	return pattern == p
}

// below reports whether p is dir or is in it.
func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// TestEveryRuleBites shows each kind of rule a file that breaks it, and one that
// comes close but does not.
func TestEveryRuleBites(t *testing.T) {
	t.Parallel()
	const none = ""
	ours := func(p string) string { return module + "/" + p }
	tests := []struct {
		name string
		in   source
		want string // part of the only violation
	}{
		{"job imports ours", source{file: "job/x.go", imports: []string{ours("httpauth")}}, "rests on nothing of ours"},
		{"job does I/O", source{file: "job/x.go", imports: []string{"os"}}, "is pure"},
		{"sched reads random numbers", source{file: "internal/sched/x.go", imports: []string{"math/rand/v2"}}, "is pure"},
		{"sched imports job", source{file: "internal/sched/x.go", imports: []string{ours("job"), "slices"}}, none},
		{"a test of job does I/O", source{file: "job/x_test.go", imports: []string{"os"}, testFile: true}, none},
		{"httpauth imports job", source{file: "httpauth/x.go", imports: []string{ours("job")}}, "any Go program"},
		{"httpauth imports its own", source{file: "httpauth/internal/md/x.go", imports: []string{ours("httpauth/internal/x")}}, none},
		{"adapter imports adapter", source{file: "internal/transport/httpx/x.go", imports: []string{ours("internal/transport/smb")}}, "never import each other"},
		{"adapter imports its interface", source{file: "internal/transport/httpx/x.go", imports: []string{ours("internal/transport")}}, none},
		{"interface imports adapter", source{file: "internal/store/x.go", imports: []string{ours("internal/store/sqlite")}}, "keeps jobs"},
		{"engine names an adapter", source{file: "internal/engine/x.go", imports: []string{ours("internal/store/sqlite")}}, "daemon's choice"},
		{"daemon names an adapter", source{file: "internal/daemon/x.go", imports: []string{ours("internal/store/sqlite")}}, none},
		{"daemon imports a client", source{file: "internal/daemon/x.go", imports: []string{ours("internal/cli")}}, "knows no client"},
		{"CLI reaches past the library", source{file: "internal/cli/x.go", imports: []string{ours("internal/engine")}}, "only through package ebb"},
		{"CLI imports the library", source{file: "internal/cli/x.go", imports: []string{module}}, none},
		{"library imports the daemon", source{file: "x.go", imports: []string{ours("internal/daemon")}}, "client library"},
		{"example imports the inside", source{file: "examples/a/main.go", imports: []string{ours("internal/ipc")}}, "only what is public"},
		{"SQL elsewhere", source{file: "internal/engine/x.go", imports: []string{"database/sql"}}, "knows SQL"},
		{"product imports test support", source{file: "internal/daemon/x.go", imports: []string{ours("internal/ebbtest/rig")}}, "out of the product"},
		{"product imports testing", source{file: "internal/sink/x.go", imports: []string{"testing/fstest"}}, "test framework"},
		{"the global logger", source{file: "internal/engine/x.go", imports: []string{"log"}}, "injected"},
		{"an injected logger", source{file: "internal/engine/x.go", imports: []string{"log/slog"}}, none},
		{"package without a row", source{file: "internal/new/x.go"}, "has no row"},
		{"root's row is not for all", source{file: "new/x.go"}, "has no row"},
		{"a name for everything", source{file: "internal/cli/util/x.go"}, "says nothing"},
		{"init", source{file: "internal/engine/x.go", hasInit: true}, "init function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := violations(tt.in)
			switch {
			case tt.want == none && len(got) > 0:
				t.Errorf("violations = %q, want none", got)
			case tt.want != none && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("violations = %q, want one with %q", got, tt.want)
			}
		})
	}
}
