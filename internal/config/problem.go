package config

import (
	"fmt"
	"strings"

	"github.com/ebb-transfer/ebb/internal/spell"
)

// Problem is one mistake in a file.
type Problem struct {
	File string
	Line int    // from 1
	Key  string // full name, such as limits.background; "" when the file is not TOML at all
	Text string // what is wrong, and what would be right
}

// Error is like "ebb.toml:12: limits.background: must be at least 1".
func (p Problem) Error() string {
	if p.Key == "" {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Key, p.Text)
}

// Problems are the mistakes in a file, in the order of its lines; at least one.
type Problems []Problem

// shown is how many problems of one file are told.
const shown = 10

// Error has a line for each of the first ten.
func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps[:min(len(ps), shown)] {
		lines = append(lines, p.Error())
	}
	if more := len(ps) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more", ps[0].File, more))
	}
	return strings.Join(lines, "\n")
}

// closest is the name that word was probably meant to be; "" when none is like it.
func closest(word string, names []string) string {
	return spell.Closest(strings.ToLower(word), names, max(1, len(word)/3))
}
