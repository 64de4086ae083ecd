package httpx

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/ebb-transfer/ebb/job"
)

// fileName is the safe name that a Content-Disposition field suggests (RFC 6266), "" for none.
// filename* wins over filename (section 4.3). Whatever cannot be read is passed over.
func fileName(field string) string {
	var plain, extended string
	for rest := field; rest != ""; {
		var name, value string
		name, value, rest = nextParam(rest)
		switch {
		case name == "filename" && plain == "":
			plain = job.SafeName(decodePlain(value))
		case name == "filename*" && extended == "":
			extended = job.SafeName(decodeExtended(value))
		}
	}
	if extended != "" {
		return extended
	}
	return plain
}

// nextParam reads up to the next semicolon outside of quotes. What is not name=value, such as the
// disposition type, has no name.
func nextParam(s string) (name, value, rest string) {
	end := strings.IndexAny(s, ";=")
	if end < 0 || s[end] == ';' {
		_, rest, _ = strings.Cut(s, ";")
		return "", "", rest
	}
	name, s = strings.ToLower(strings.Trim(s[:end], " \t")), strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return name, strings.TrimRight(value, " \t"), rest
	}
	var b strings.Builder
	i := 1
	for ; i < len(s) && s[i] != '"'; i++ {
		// Only these two are escapes in practice: other backslashes come from servers that send Windows paths.
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	_, rest, _ = strings.Cut(s[min(i, len(s)):], ";")
	return name, b.String(), rest
}

// decodePlain reads what servers put into filename: ASCII, but also UTF-8, Latin-1 and, against RFC 6266
// appendix C.1, encoded words (RFC 2047).
func decodePlain(s string) string {
	if strings.Contains(s, "=?") {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
			return decoded
		}
	}
	if utf8.ValidString(s) {
		return s
	}
	return fromLatin1(s)
}

// decodeExtended reads charset'language'percent-encoded (RFC 8187 section 3.2.1), "" when it is broken.
func decodeExtended(s string) string {
	charset, rest, ok1 := strings.Cut(s, "'")
	_, encoded, ok2 := strings.Cut(rest, "'")
	decoded, err := url.PathUnescape(encoded)
	switch {
	case !ok1 || !ok2 || err != nil:
		return ""
	case strings.EqualFold(charset, "UTF-8") && utf8.ValidString(decoded):
		return decoded
	case strings.EqualFold(charset, "ISO-8859-1"):
		return fromLatin1(decoded)
	}
	return ""
}

func fromLatin1(s string) string {
	decoded, err := charmap.ISO8859_1.NewDecoder().String(s)
	if err != nil {
		return ""
	}
	return decoded
}
