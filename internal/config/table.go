package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/BurntSushi/toml"
)

// document is a file on its way to a Config.
type document struct {
	file     string
	lines    lines
	problems Problems
}

// table is one table of a document. Whoever reads it asks for the keys that there are, and closes it.
type table struct {
	doc    *document
	name   string // as lines has it; "" for the document itself
	values map[string]any
	known  []string
}

// decode makes the outermost table of a file's text.
func decode(file, text string) (*table, error) {
	values := map[string]any{}
	if _, err := toml.Decode(text, &values); err != nil {
		var syntax toml.ParseError
		if !errors.As(err, &syntax) {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return nil, Problems{{File: file, Line: max(1, syntax.Position.Line), Text: "this is not TOML: " + syntax.Message}}
	}
	return &table{doc: &document{file: file, lines: findLines(text)}, values: values}, nil
}

var numbers = regexp.MustCompile(`\[\d+\]`)

// plain leaves out the numbers of tables in a list: a person goes by the line.
func plain(name string) string { return numbers.ReplaceAllString(name, "") }

// refuse notes what is wrong with a key; with "" for the table itself.
func (t *table) refuse(key, format string, args ...any) {
	name := join(t.name, key)
	if key == "" {
		name = t.name
	}
	t.doc.problems = append(t.doc.problems, Problem{t.doc.file, t.doc.lines.of(name), plain(name), fmt.Sprintf(format, args...)})
}

// table is a table within t, without values when it is not there.
func (t *table) table(key string) *table {
	t.known = append(t.known, key)
	sub := &table{doc: t.doc, name: join(t.name, key)}
	if value, there := t.values[key]; there {
		var is bool
		if sub.values, is = value.(map[string]any); !is {
			t.refuse(key, "must be a table, [%s]", plain(sub.name))
		}
	}
	return sub
}

// list are the tables of a list within t: [[key]] and its likes, or key = [{…}, {…}].
func (t *table) list(key string) []*table {
	t.known = append(t.known, key)
	value, there := t.values[key]
	if !there {
		return nil
	}
	each, are := value.([]map[string]any)
	inline, is := value.([]any)
	for _, v := range inline {
		values, isTable := v.(map[string]any)
		each, is = append(each, values), is && isTable
	}
	if !are && !is {
		t.refuse(key, "must be a list of tables, each begun by [[%s]]", plain(join(t.name, key)))
		return nil
	}
	out := make([]*table, len(each))
	for i, values := range each {
		out[i] = &table{doc: t.doc, name: fmt.Sprintf("%s[%d]", join(t.name, key), i), values: values}
	}
	return out
}

// read puts the value of a key into to, if it is there and parse accepts it.
func read[T any](t *table, key string, parse func(any) (T, error), to *T) {
	t.known = append(t.known, key)
	value, there := t.values[key]
	if !there {
		return
	}
	v, err := parse(value)
	if err != nil {
		t.refuse(key, "%v", err)
		return
	}
	*to = v
}

// close refuses the keys that nobody asked for.
func (t *table) close() {
	for key := range t.values {
		if slices.Contains(t.known, key) {
			continue
		}
		if name := closest(key, t.known); name != "" {
			t.refuse(key, "there is no such key; did you mean %s?", name)
			continue
		}
		slices.Sort(t.known)
		t.refuse(key, "there is no such key; %s has %s", t.title(), words(t.known))
	}
}

func (t *table) title() string {
	if t.name == "" {
		return "the file"
	}
	return "[" + plain(t.name) + "]"
}
