package kerberos

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Bounds of a configuration with all that it includes. They also end cycles.
const (
	maxIncludeDepth = 10
	maxConfigFiles  = 500
	maxConfigSize   = 4 << 20
)

// A section is a part of krb5.conf: a [section], or a subsection in braces. Names
// are case-sensitive. What a second file says of the same section is added to it.
type section struct {
	settings map[string][]setting // in the order they were read
	parts    map[string]*section
}

// A setting is a value and where it was read, for messages: file:line.
type setting struct{ value, where string }

// part returns the subsection called name, making it if need be.
func (s *section) part(name string) *section {
	p := s.parts[name]
	if p == nil {
		p = &section{}
		if s.parts == nil {
			s.parts = make(map[string]*section)
		}
		s.parts[name] = p
	}
	return p
}

func (s *section) add(key string, v setting) {
	if s.settings == nil {
		s.settings = make(map[string][]setting)
	}
	s.settings[key] = append(s.settings[key], v)
}

// first returns the value that counts where only one can.
func (s *section) first(key string) (setting, bool) {
	if all := s.settings[key]; len(all) > 0 {
		return all[0], true
	}
	return setting{}, false
}

// A profileReader reads krb5.conf: MIT's profile format, with its include and
// includedir. Settings that nothing asks for are kept and do no harm.
type profileReader struct {
	read func(name string) ([]byte, error)  // a file
	list func(dir string) ([]string, error) // the names in a folder, sorted
	root *section

	files, size int // read so far
}

// file adds what a file says. Each file stands for itself: one that another includes
// neither continues its section nor changes it.
func (r *profileReader) file(name string, depth int) error {
	if depth > maxIncludeDepth {
		return fmt.Errorf("%s: included more than %d levels deep, perhaps by itself", name, maxIncludeDepth)
	}
	text, err := r.read(name)
	if err != nil {
		return err
	}
	r.files++
	r.size += len(text)
	if r.files > maxConfigFiles || r.size > maxConfigSize {
		return fmt.Errorf("%s: the configuration is larger than %d files or %d MiB", name, maxConfigFiles, maxConfigSize>>20)
	}
	p := profileParser{reader: r, depth: depth}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		p.where = fmt.Sprintf("%s:%d", name, i+1)
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	if len(p.open) > 1 {
		return fmt.Errorf("%s: a brace is not closed", name)
	}
	return nil
}

var includable = regexp.MustCompile(`^([A-Za-z0-9_-]+|[^.].*\.conf)$`)

// folder adds the files of a folder that MIT's includedir adds: a name of letters,
// digits, - and _, or one that ends in .conf. A folder that does not exist is empty.
func (r *profileReader) folder(name string, depth int) error {
	names, err := r.list(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if includable.MatchString(n) {
			if err := r.file(filepath.Join(name, n), depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// A profileParser is in one file.
type profileParser struct {
	reader *profileReader
	depth  int
	where  string
	open   []*section // from the [section] inward; none before the first
	opens  string     // the name of a subsection whose brace is on the next line
}

func (p *profileParser) errorf(format string, a ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{p.where}, a...)...)
}

func (p *profileParser) line(line string) error {
	word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		return nil
	case word == "module": // code to load, for MIT
		return nil
	case word == "include" || word == "includedir":
		return p.include(word, strings.TrimSpace(rest))
	case line[0] == '[':
		return p.header(line)
	case line[0] == '}':
		if len(p.open) < 2 {
			return p.errorf("a brace closes nothing")
		}
		p.open = p.open[:len(p.open)-1]
		return nil
	case line == "{" && p.opens != "":
		p.push(p.opens)
		return nil
	}
	return p.setting(line)
}

func (p *profileParser) include(directive, name string) error {
	if name == "" {
		return p.errorf("%s names no file", directive)
	}
	add := p.reader.file
	if directive == "includedir" {
		add = p.reader.folder
	}
	if err := add(name, p.depth+1); err != nil {
		return fmt.Errorf("%w (included at %s)", err, p.where)
	}
	return nil
}

func (p *profileParser) header(line string) error {
	name, rest, ok := strings.Cut(line[1:], "]")
	rest = strings.TrimSpace(uncommented(" " + rest))
	if !ok || name == "" || rest != "" && rest != "*" { // the star forbids what none does: to override
		return p.errorf("not a section header: %s", line)
	}
	if len(p.open) > 1 {
		return p.errorf("a brace is not closed before [%s]", name)
	}
	p.open, p.opens = []*section{p.reader.root.part(strings.TrimSpace(name))}, ""
	return nil
}

func (p *profileParser) push(name string) {
	p.open, p.opens = append(p.open, p.open[len(p.open)-1].part(name)), ""
}

func (p *profileParser) setting(line string) error {
	key, value, ok := strings.Cut(line, "=")
	key = strings.TrimSuffix(strings.TrimSpace(key), "*")
	if !ok || key == "" {
		return p.errorf("not a setting (name = value): %s", line)
	}
	if len(p.open) == 0 {
		return p.errorf("a setting before the first [section]")
	}
	if len(p.open) > maxIncludeDepth {
		return p.errorf("braces more than %d levels deep", maxIncludeDepth)
	}
	value = uncommented(value)
	p.opens = ""
	switch {
	case value == "": // a brace may follow
		p.opens = key
	case value == "{":
		p.push(key)
	case value[0] == '{' && strings.HasSuffix(value, "}"): // nothing, or something on one line, which MIT reads as text
	default:
		p.open[len(p.open)-1].add(key, setting{unquoted(value), p.where})
	}
	return nil
}

var comment = regexp.MustCompile(`\s[#;].*$`)

// uncommented returns a value without space and comment around it. MIT knows no
// comments after values, but people write them, and no value has such a sign.
func uncommented(value string) string {
	if strings.HasPrefix(strings.TrimSpace(value), `"`) {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(comment.ReplaceAllString(value, ""))
}

var escapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\t`, "\t", `\b`, "\b")

var quoted = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"`)

func unquoted(value string) string {
	if m := quoted.FindStringSubmatch(value); m != nil {
		return escapes.Replace(m[1])
	}
	return value
}
