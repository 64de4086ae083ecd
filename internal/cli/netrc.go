package cli

import "strings"

// netrcEntry is one "machine" of a .netrc file.
type netrcEntry struct{ user, password string }

// findNetrc returns the first entry for a host with user and password, and with that user unless it is
// "". The "default" entry is left alone: it would send its password to any host. See the FILES section
// of ftp(1); as for curl, a value may be in double quotes, with backslashes before quotes and backslashes.
func findNetrc(text, host, user string) (netrcEntry, bool) {
	var found netrcEntry
	here := false // in an entry for host
	matches := func() bool {
		return here && found.user != "" && found.password != "" && (user == "" || user == found.user)
	}
	for word, rest, ok := nextWord(text); ok; word, rest, ok = nextWord(rest) {
		var value string
		if strings.HasPrefix(word, "#") { // a comment, to the end of its line
			_, rest, _ = strings.Cut(word+rest, "\n")
			continue
		}
		switch word {
		case "machine", "default":
			if matches() {
				return found, true
			}
			found, here = netrcEntry{}, false
			if word == "machine" {
				value, rest, _ = nextWord(rest)
				here = strings.EqualFold(value, host)
			}
		case "login":
			found.user, rest, _ = nextWord(rest)
		case "password":
			found.password, rest, _ = nextWord(rest)
		case "account":
			_, rest, _ = nextWord(rest)
		case "macdef": // a script, to the next empty line
			if _, after, ended := strings.Cut(rest, "\n\n"); ended {
				rest = after
			} else {
				rest = ""
			}
		}
	}
	return found, matches()
}

// nextWord reads one word and skips the white space before it.
func nextWord(text string) (word, rest string, ok bool) {
	const space = " \t\r\n"
	text = strings.TrimLeft(text, space)
	if text == "" {
		return "", "", false
	}
	if text[0] == '"' {
		word, rest = quoted(text[1:])
		return word, rest, true
	}
	if end := strings.IndexAny(text, space); end >= 0 {
		return text[:end], text[end:], true
	}
	return text, "", true
}

// quoted reads up to the closing quote.
func quoted(text string) (word, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
