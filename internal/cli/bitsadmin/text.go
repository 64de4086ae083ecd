package bitsadmin

import (
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// timeLayout is that of BITS's tool with American settings, in local time. It is the same everywhere, so that scripts
// can rely on it.
const timeLayout = "1/2/2006 3:04:05 PM"

const unknown = "UNKNOWN"

func timeText(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.Local().Format(timeLayout)
}

// guid is an ID as BITS writes it.
func guid(id job.ID) string { return "{" + strings.ToUpper(string(id)) + "}" }

func sizeText(n int64) string {
	if n < 0 {
		return unknown
	}
	return strconv.FormatInt(n, 10)
}

// null is text, or NULL for none.
func null(s string) string {
	if s == "" {
		return "NULL"
	}
	return oneLine(s)
}

// orNone reads an argument where NULL, in any case, stands for nothing.
func orNone(arg string) string {
	if strings.EqualFold(arg, "NULL") {
		return ""
	}
	return arg
}

func typeText(t job.Type) string {
	return strings.ToUpper(strings.ReplaceAll(t.String(), "_", "-"))
}

func stateText(s job.State) string { return strings.ToUpper(s.String()) }

func seconds(d job.Duration) string {
	return strconv.FormatInt(int64(time.Duration(d)/time.Second), 10)
}

// aclLetters are the letters of the ACL flags, by their bits.
const aclLetters = "OGDS"

func aclText(flags uint32) string {
	var b strings.Builder
	for i, letter := range aclLetters {
		if flags&(1<<i) != 0 {
			b.WriteRune(letter)
		}
	}
	return b.String()
}

func readACL(letters string) (flags uint32, ok bool) {
	for _, letter := range strings.ToUpper(letters) {
		i := strings.IndexRune(aclLetters, letter)
		if i < 0 {
			return 0, false
		}
		flags |= 1 << i
	}
	return flags, true
}

// account is the name of a job's owner.
func account(owner string) string {
	u, err := user.LookupId(strings.TrimPrefix(owner, "uid:"))
	if err != nil {
		return oneLine(owner)
	}
	return u.Username
}

// wrapped breaks lines that are longer than width, 0 for none, after a word.
func wrapped(text string, width int) string {
	if width <= 0 {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line, width)
	}
	return strings.Join(lines, "")
}

func wrapLine(line string, width int) string {
	var b strings.Builder
	rest := []rune(line)
	for len(rest) > width && (len(rest) > width+1 || rest[width] != '\n') {
		at := lastWord(rest[:width+1])
		b.WriteString(strings.TrimRight(string(rest[:at]), " ") + "\n")
		for at < len(rest) && rest[at] == ' ' {
			at++
		}
		rest = rest[at:]
	}
	return b.String() + string(rest)
}

// lastWord is where a line ends that has one rune more than there is room for: after its last word that ends, else at
// the edge.
func lastWord(line []rune) int {
	for at := len(line) - 1; at > 0; at-- {
		if line[at] == ' ' && line[at-1] != ' ' {
			return at
		}
	}
	return len(line) - 1
}
