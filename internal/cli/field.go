package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/internal/size"
	"github.com/ebb-transfer/ebb/job"
)

// field is where a setting is, and how a person writes and reads its value.
type field struct {
	kind  string                  // of the value, in the help
	at    func(*job.Settings) any // pointer to what the JSON has
	read  func(s *job.Settings, value string) error
	show  func(*job.Settings) string
	clear func(*job.Settings) // before the first of several values; nil when the last counts
	words []string            // that a shell may offer
	// opposite, for a bool, is the flag's name, where that means the opposite of the key.
	opposite string
}

const (
	kindBool = "bool"
	none     = "none" // no flag, or nothing, by name
)

// fieldOf is a field of type T from how it is parsed and written.
func fieldOf[T any](kind string, at func(*job.Settings) *T, parse func(string) (T, error), write func(T) string) field {
	return field{
		kind: kind,
		at:   func(s *job.Settings) any { return at(s) },
		read: func(s *job.Settings, value string) error {
			v, err := parse(value)
			if err == nil {
				*at(s) = v
			}
			return err
		},
		show: func(s *job.Settings) string { return write(*at(s)) },
	}
}

func asIs(s string) (string, error) { return s, nil }

func textAt(at func(*job.Settings) *string) field {
	return fieldOf("string", at, asIs, func(v string) string { return v })
}

// pathAt is a file's name: the service stands elsewhere.
func pathAt(at func(*job.Settings) *string) field {
	absolute := func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return filepath.Abs(s)
	}
	return fieldOf("file", at, absolute, func(v string) string { return v })
}

// certificatesAt are read from a file: the service may not be able to.
func certificatesAt(at func(*job.Settings) *string) field {
	read := func(file string) (string, error) {
		if file == "" {
			return "", nil
		}
		b, err := os.ReadFile(file)
		return string(b), err
	}
	return fieldOf("file", at, read, func(pem string) string {
		if pem == "" {
			return ""
		}
		return fmt.Sprintf("%d", strings.Count(pem, "-----BEGIN CERTIFICATE-----"))
	})
}

func boolAt(at func(*job.Settings) *bool) field {
	f := fieldOf(kindBool, at, parseBool, strconv.FormatBool)
	f.words = []string{"true", "false"}
	return f
}

// opposite is a bool that as a flag has another name and means the opposite.
func opposite(flag string, f field) field {
	f.opposite = flag
	return f
}

func parseBool(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, errors.New("is neither true nor false")
	}
	return s == "true", nil
}

// bit is one of the security flags.
func bit(flag job.SecurityFlags) field {
	return field{
		kind: kindBool,
		at:   func(s *job.Settings) any { return securityFlags(s) },
		read: func(s *job.Settings, value string) error {
			on, err := parseBool(value)
			if *securityFlags(s) &^= flag; on {
				*securityFlags(s) |= flag
			}
			return err
		},
		show:  func(s *job.Settings) string { return strconv.FormatBool(securityFlags(s).Has(flag)) },
		words: []string{"true", "false"},
	}
}

func durationAt(at func(*job.Settings) *job.Duration) field {
	return fieldOf("duration", at, parseDuration, job.Duration.String)
}

// boundAt is a time that there has to be some of.
func boundAt(at func(*job.Settings) *job.Duration) field {
	parse := func(s string) (job.Duration, error) {
		d, err := parseDuration(s)
		if err == nil && d == 0 {
			err = errors.New("must be more than 0")
		}
		return d, err
	}
	return fieldOf("duration", at, parse, job.Duration.String)
}

func parseDuration(s string) (job.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	var d job.Duration
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// deadline is given as a time from now.
func deadline() field {
	fromNow := func(s string) (time.Time, error) {
		d, err := parseDuration(s)
		if err != nil || d == 0 {
			return time.Time{}, err
		}
		return time.Now().Add(time.Duration(d)), nil
	}
	return fieldOf("duration", func(s *job.Settings) *time.Time { return &s.Deadline }, fromNow, func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return timeText(at)
	})
}

func priority() field {
	f := fieldOf("string", func(s *job.Settings) *job.Priority { return &s.Priority }, func(s string) (p job.Priority, err error) {
		err = p.UnmarshalText([]byte(s))
		return p, err
	}, job.Priority.String)
	f.words = priorities()
	return f
}

// policy has the names of the JSON, with the hyphens of a command line.
func policy() field {
	f := fieldOf("string", func(s *job.Settings) *job.TransferPolicy { return &s.TransferPolicy }, func(s string) (p job.TransferPolicy, err error) {
		err = p.UnmarshalText([]byte(strings.ReplaceAll(s, "-", "_")))
		return p, err
	}, func(p job.TransferPolicy) string { return strings.ReplaceAll(p.String(), "_", "-") })
	for _, name := range job.TransferPolicyNames() {
		f.words = append(f.words, strings.ReplaceAll(name, "_", "-"))
	}
	return f
}

func redirects() field {
	const mask = job.ReportRedirects | job.RefuseRedirects
	names := []named{{"follow", 0}, {"report", uint32(job.ReportRedirects)}, {"refuse", uint32(job.RefuseRedirects)}}
	f := fieldOf("string", securityFlags, nil, func(flags job.SecurityFlags) string {
		for _, n := range names {
			if uint32(flags&mask) == n.bit {
				return n.name
			}
		}
		return ""
	})
	f.read = func(s *job.Settings, value string) error {
		for _, n := range names {
			if n.name == value {
				*securityFlags(s) = *securityFlags(s)&^mask | job.SecurityFlags(n.bit)
				return nil
			}
		}
		return errors.New("is none of follow, report, refuse")
	}
	for _, n := range names {
		f.words = append(f.words, n.name)
	}
	return f
}

// listAt takes its values one by one; an empty first one is none.
func listAt(at func(*job.Settings) *[]string) field {
	return field{
		kind: "string",
		at:   func(s *job.Settings) any { return at(s) },
		read: func(s *job.Settings, value string) error {
			if value != "" || len(*at(s)) > 0 {
				*at(s) = append(*at(s), value)
			}
			return nil
		},
		show:  func(s *job.Settings) string { return strings.Join(*at(s), " ") },
		clear: func(s *job.Settings) { *at(s) = []string{} },
	}
}

func rateAt(at func(*job.Settings) *int64) field {
	return fieldOf("rate", at, parseBytes, func(n int64) string {
		if n == 0 {
			return ""
		}
		return bytesText(n) + "/s"
	})
}

func sizeAt(at func(*job.Settings) *int64) field {
	return fieldOf("bytes", at, parseBytes, func(n int64) string {
		if n == 0 {
			return ""
		}
		return bytesText(n)
	})
}

// parseBytes reads a number of bytes such as 500K, 2M or 1.5T, in units of 1024.
func parseBytes(s string) (int64, error) {
	n, ok := size.Parse(s)
	if !ok {
		return 0, errors.New("is not like 500K, 2M or 1G")
	}
	return n, nil
}

// named is one bit of a number.
type named struct {
	name string
	bit  uint32
}

// maskAt is the bits with those names, by name or as a number. Others in the same number stay.
func maskAt[T ~uint32](names []named, at func(*job.Settings) *T) field {
	var all uint32
	words := []string{none}
	for _, n := range names {
		all |= n.bit
		words = append(words, n.name)
	}
	return field{
		kind:  "flags",
		words: words,
		at:    func(s *job.Settings) any { return at(s) },
		read: func(s *job.Settings, value string) error {
			bits, err := parseBits(names, value)
			if err == nil && bits&^all != 0 {
				err = fmt.Errorf("has bits that are not known: %#x", bits&^all)
			}
			if err == nil {
				*at(s) = *at(s)&^T(all) | T(bits)
			}
			return err
		},
		show: func(s *job.Settings) string { return bitsText(names, uint32(*at(s))&all) },
	}
}

func parseBits(names []named, value string) (uint32, error) {
	if value == none || value == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(value, 0, 32); err == nil {
		return uint32(n), nil
	}
	var bits uint32
	for word := range strings.SplitSeq(value, ",") {
		b, known := bitOf(names, word)
		if !known {
			return 0, fmt.Errorf("%q is none of %s; give them by comma, or none", word, namesText(names))
		}
		bits |= b
	}
	return bits, nil
}

func bitOf(names []named, word string) (uint32, bool) {
	for _, n := range names {
		if n.name == word {
			return n.bit, true
		}
	}
	return 0, false
}

func namesText(names []named) string { return bitsJoined(names, math.MaxUint32, ", ") }

func bitsText(names []named, bits uint32) string {
	if bits == 0 {
		return none
	}
	return bitsJoined(names, bits, ",")
}

func bitsJoined(names []named, bits uint32, by string) string {
	var out []string
	for _, n := range names {
		if bits&n.bit != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, by)
}

// lettersAt are bits that are written as one letter each.
func lettersAt(alphabet string, at func(*job.Settings) *uint32) field {
	var names []named
	for i, letter := range alphabet {
		names = append(names, named{string(letter), 1 << i})
	}
	f := maskAt(names, at)
	byName := f.read
	f.read = func(s *job.Settings, value string) error {
		if upper := strings.ToUpper(value); value != "" && strings.Trim(upper, alphabet) == "" {
			value = strings.Join(strings.Split(upper, ""), ",")
		}
		return byName(s, value)
	}
	f.show = func(s *job.Settings) string { return strings.ReplaceAll(bitsText(names, *at(s)), ",", "") }
	f.words = nil
	return f
}
