package config

import (
	"fmt"
	"strings"
)

// lines says where the tables and keys of a document are, by their full names. The n-th table of a list has [n] behind
// the list's name: schedule.work[0].from. The TOML library knows lines only of what it refuses itself.
type lines map[string]int

// of is the line of a name or, for what is within a value, of the one that it is part of.
func (l lines) of(name string) int {
	for ; name != ""; name = name[:max(0, strings.LastIndexAny(name, ".["))] {
		if line := l[name]; line > 0 {
			return line
		}
	}
	return 1
}

// findLines goes through a document that is known to be TOML.
func findLines(text string) lines {
	s := scanner{text: text, line: 1}
	found := lines{}
	sizes := map[string]int{} // of the lists of tables, by name
	table := ""
	for s.skipBlank() {
		line := s.line
		switch {
		case s.accept("[["):
			table = inTables(sizes, s.key())
			sizes[table]++
			table = fmt.Sprintf("%s[%d]", table, sizes[table]-1)
			found[table] = line
			s.skipLine()
		case s.accept("["):
			table = lastOf(sizes, inTables(sizes, s.key()))
			found[table] = line
			s.skipLine()
		default:
			name := table
			for _, part := range s.key() {
				name = join(name, part)
				if found[name] == 0 {
					found[name] = line
				}
			}
			s.skipValue()
		}
	}
	return found
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// inTables is the full name of a table: where a part of it is a list, the last table of the list is meant.
func inTables(sizes map[string]int, parts []string) string {
	name := ""
	for _, part := range parts {
		name = join(lastOf(sizes, name), part)
	}
	return name
}

func lastOf(sizes map[string]int, name string) string {
	if n := sizes[name]; n > 0 {
		return fmt.Sprintf("%s[%d]", name, n-1)
	}
	return name
}

// scanner reads just so much of TOML as to know where a statement begins and ends.
type scanner struct {
	text string // what is left
	line int
}

func (s *scanner) skip(n int) {
	s.line += strings.Count(s.text[:n], "\n")
	s.text = s.text[n:]
}

func (s *scanner) accept(prefix string) bool {
	if !strings.HasPrefix(s.text, prefix) {
		return false
	}
	s.skip(len(prefix))
	return true
}

// skipBlank goes to the next statement, if there is one.
func (s *scanner) skipBlank() bool {
	for {
		s.skip(len(s.text) - len(strings.TrimLeft(s.text, " \t\r\n")))
		if !strings.HasPrefix(s.text, "#") {
			return s.text != ""
		}
		s.skipLine()
	}
}

// skipLine goes to the end of the line, where only a comment can still be.
func (s *scanner) skipLine() {
	if end := strings.IndexByte(s.text, '\n'); end >= 0 {
		s.skip(end)
	} else {
		s.skip(len(s.text))
	}
}

// key reads a dotted key and what ends it.
func (s *scanner) key() []string {
	parts := []string{""}
	for s.text != "" {
		last := &parts[len(parts)-1]
		switch c := s.text[0]; c {
		case '=', ']', '\n':
			s.skip(1)
			return parts
		case '.':
			parts = append(parts, "")
			s.skip(1)
		case '"', '\'':
			quoted := s.quoted()
			*last = strings.Trim(quoted, quoted[:1])
		case ' ', '\t', '\r':
			s.skip(1)
		default:
			*last += s.text[:1]
			s.skip(1)
		}
	}
	return parts
}

// skipValue goes behind a value, over as many lines as it has.
func (s *scanner) skipValue() {
	for depth := 0; s.text != ""; {
		switch s.text[0] {
		case '"', '\'':
			s.quoted()
			continue
		case '#':
			s.skipLine()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '\n':
			if depth <= 0 {
				return
			}
		}
		s.skip(1)
	}
}

// quoted reads a string of any of the four kinds, with its quotes.
func (s *scanner) quoted() string {
	quote := s.text[:1]
	if three := strings.Repeat(quote, 3); strings.HasPrefix(s.text, three) {
		quote = three
	}
	end := len(quote)
	for end < len(s.text) && !strings.HasPrefix(s.text[end:], quote) {
		if s.text[end] == '\\' && quote[0] == '"' {
			end++
		}
		end++
	}
	for end += len(quote); len(quote) == 3 && strings.HasPrefix(s.text[min(end, len(s.text)):], quote[:1]); {
		end++ // up to two quotes may be the string's own last characters
	}
	end = min(end, len(s.text))
	text := s.text[:end]
	s.skip(end)
	return text
}
