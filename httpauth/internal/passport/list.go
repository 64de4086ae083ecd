// Package passport reads and writes the header fields of Passport 1.4 (MS-PASS section 2.2). It does no I/O.
//
// Three servers take part: the partner has the file, the login server (DALogin) knows the user, and the
// configuration server, the nexus, tells where the login server is.
package passport

import (
	"errors"
	"fmt"
	"strings"
)

// scheme is the name before each list, but for the one of PassportURLs.
const scheme = "Passport1.4"

// maxList is the longest list that is read, in bytes. Tickets in use have a few KiB.
const maxList = 32 << 10

// list is a comma list of ptokens (MS-PASS section 2.2): most are name=value, some a name only. Nothing is quoted, so a
// comma always separates, and the first "=" ends the name, whatever the value has in it.
type list []string

// parseList splits s. Its tokens are not changed, but for white space before them.
func parseList(s string) (list, error) {
	if err := Check(s); err != nil {
		return nil, err
	}
	l := strings.Split(s, ",")
	for i := range l {
		l[i] = strings.TrimLeft(l[i], " \t")
	}
	return l, nil
}

// Check reports what is wrong with s as a list.
func Check(s string) error {
	switch {
	case s == "":
		return errors.New("the list is empty")
	case len(s) > maxList:
		return fmt.Errorf("the list has %d bytes; the most that is read is %d", len(s), maxList)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return errors.New("the list has a control character")
	}
	return nil
}

// get returns the value of the first token of that name, ignoring the name's case.
func (l list) get(name string) (string, bool) {
	for _, token := range l {
		if key, value, _ := strings.Cut(token, "="); strings.EqualFold(key, name) {
			return value, true
		}
	}
	return "", false
}

// find returns the list of the first of fields that is for Passport 1.4.
func find(fields []string) (list, bool, error) {
	for _, field := range fields {
		field = strings.Trim(field, " \t")
		if end := strings.IndexAny(field, " \t"); end >= 0 && strings.EqualFold(field[:end], scheme) {
			l, err := parseList(strings.TrimLeft(field[end:], " \t"))
			return l, true, err
		}
	}
	return nil, false, nil
}
