package job

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkURL refuses remote names that can never work, with the reason.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return Invalid(InvalidArg, "the URL is empty")
	case err != nil:
		return Invalid(InvalidArg, "%q is not a URL; write it like https://example.com/file", redact(raw))
	case u.Scheme == "":
		return Invalid(InvalidArg, "%q has no scheme; write it like https://example.com/file", redact(raw))
	case u.Scheme != "http" && u.Scheme != "https":
		return Invalid(UnsupportedConfiguration, "%s: URLs are not supported; use http or https", u.Scheme)
	case u.Hostname() == "":
		return Invalid(InvalidArg, "%q has no host name", redact(raw))
	case !validPort(u.Port()):
		return Invalid(InvalidArg, "port %s of %s is none of 1 to 65535", u.Port(), u.Hostname())
	case u.User != nil:
		return Invalid(InvalidArg, "the URL of %s holds a user name; give it as credentials (--user, --password-file) instead", u.Hostname())
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || (err == nil && n > 0)
}

// maxCommand in bytes bounds a notify command and its arguments, as in BITS.
const maxCommand = 4000

// checkCommand refuses what could only run by a search along a path or through a shell.
func checkCommand(argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	program, whole := argv[0], strings.Join(argv, " ")
	windows := len(program) > 2 && program[1] == ':' && (program[2] == '\\' || program[2] == '/')
	switch lower := strings.ToLower(program); {
	case !windows && !strings.HasPrefix(program, "/"):
		return Invalid(InvalidArg, "notify command %q is not the full path of a program", program)
	case windows && (strings.HasSuffix(lower, ".bat") || strings.HasSuffix(lower, ".cmd")):
		return Invalid(InvalidArg, "notify command %q would run through a shell; name its interpreter as the program", program)
	case strings.ContainsRune(whole, 0):
		return Invalid(InvalidArg, "the notify command holds a NUL byte")
	case len(whole) > maxCommand:
		return Invalid(StringTooLong, "the notify command has more than %d bytes", maxCommand)
	}
	return nil
}

func checkWebhook(raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return Invalid(InvalidArg, "webhook %q is not an http or https URL without a user name", redact(raw))
	}
	return nil
}

// redact cuts everything a URL-like string may hide a secret in.
func redact(raw string) string {
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		raw = raw[at+1:]
	}
	if end := strings.IndexAny(raw, "?#"); end >= 0 {
		raw = raw[:end]
	}
	return raw
}

// NameFromURL is the file name a URL suggests: the last element of its path,
// made safe by [SafeName]. It is "" when the URL suggests none.
func NameFromURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return ""
	}
	return SafeName(name)
}

// maxSafeName in bytes leaves room below the 255 that file systems allow.
const maxSafeName = 240

// SafeName turns a name that a server suggests into one that is safe to create in a
// folder on any system: it stays in that folder, is not hidden, names no device, has no
// control characters and is at most 240 bytes long. "" when nothing is left of it.
func SafeName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r): // Cf: marks that reverse or hide text
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = shorten(strings.Trim(name, ". "))
	if isDevice(name) {
		name = shorten("_" + name)
	}
	return name
}

// shorten cuts a long name in the middle so that its extension stays.
func shorten(name string) string {
	if len(name) <= maxSafeName {
		return name
	}
	ext := ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name)-dot <= 16 {
		ext = name[dot:]
	}
	cut := maxSafeName - len(ext)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimRight(name[:cut], ". ") + ext
}

// isDevice reports whether Windows would open a device under this name.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	base = strings.TrimRight(base, " ")
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	port, ok := strings.CutPrefix(base, "COM")
	if !ok {
		port, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && len([]rune(port)) == 1 && strings.ContainsAny(port, "0123456789¹²³")
}
