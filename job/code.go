package job

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Code is a result code with the value BITS gives it (an HRESULT).
type Code uint32

// The codes that ebb uses, of BITS (BG_E_*, BG_S_*) and of Windows itself (E_*, WinHTTP) where BITS reports
// those. [Codes] are all of them, and docs/errors.md says what each means. HTTP status codes are 0x80190000 + status,
// see [HTTPStatus].
const (
	OK Code = 0

	PartialComplete     Code = 0x00200017 // BG_S_PARTIAL_COMPLETE
	UnableToDeleteFiles Code = 0x0020001A // BG_S_UNABLE_TO_DELETE_FILES

	NotFound                 Code = 0x80200001
	InvalidState             Code = 0x80200002
	Empty                    Code = 0x80200003
	FileNotAvailable         Code = 0x80200004
	DestinationLocked        Code = 0x8020000D
	VolumeChanged            Code = 0x8020000E
	ErrorInfoUnavailable     Code = 0x8020000F
	NetworkDisconnected      Code = 0x80200010
	MissingFileSize          Code = 0x80200011
	InsufficientHTTPSupport  Code = 0x80200012
	InsufficientRangeSupport Code = 0x80200013
	InvalidServerResponse    Code = 0x8020001B
	TooManyFiles             Code = 0x8020001C
	LocalFileChanged         Code = 0x8020001D
	TooLarge                 Code = 0x80200020
	StringTooLong            Code = 0x80200021
	ProxyListTooLarge        Code = 0x80200018
	ProxyBypassListTooLarge  Code = 0x80200019
	NoProgress               Code = 0x80200024
	UsernameTooLarge         Code = 0x80200025
	PasswordTooLarge         Code = 0x80200026
	InvalidAuthTarget        Code = 0x80200027
	InvalidAuthScheme        Code = 0x80200028
	FileNotFound             Code = 0x80200029
	InvalidRange             Code = 0x8020002B
	ConnectFailure           Code = 0x8020002D
	ConnectionClosed         Code = 0x8020002E
	BlockedByPolicy          Code = 0x8020003E
	InvalidProxyInfo         Code = 0x8020003F
	InvalidCredentials       Code = 0x80200040
	InvalidHashAlgorithm     Code = 0x80200041
	ValidationFailed         Code = 0x80200053
	MaxDownloadTimeout       Code = 0x80200054
	UnknownProperty          Code = 0x80200057
	ReadOnlyProperty         Code = 0x80200058
	BlockedByCost            Code = 0x80200059
	DownloadOnlyProperty     Code = 0x80200060
	ReadOnlyAfterAddFile     Code = 0x80200061
	ReadOnlyAfterResume      Code = 0x80200062
	MaxDownloadSizeInvalid   Code = 0x80200063
	MaxDownloadSizeReached   Code = 0x80200064
	StandbyMode              Code = 0x80200065
	StoredCredentials        Code = 0x80200066
	BlockedByBattery         Code = 0x80200067
	BlockedByBatterySaver    Code = 0x80200068
	RandomAccess             Code = 0x8020006D
	NotSupportedWithMethod   Code = 0x80200071
	CertificateHookNeeded    Code = 0x80200074
	ReadOnlyWhenActive       Code = 0x80200075
	TooManyJobsPerUser       Code = 0x80200049
	TooManyJobsPerMachine    Code = 0x80200050
	TooManyFilesInJob        Code = 0x80200051
	TooManyRangesInFile      Code = 0x80200052
	OverlappingRanges        Code = 0x8020002C
	RemoteFileChanged        Code = 0x80200073
	UnsupportedConfiguration Code = 0x80200072
	DatabaseCorrupt          Code = 0x8020006C

	AccessDenied   Code = 0x80070005 // E_ACCESSDENIED
	InvalidArg     Code = 0x80070057 // E_INVALIDARG
	NotImplemented Code = 0x80004001 // E_NOTIMPL
	Pending        Code = 0x8000000A // E_PENDING
	Unexpected     Code = 0x8000FFFF // E_UNEXPECTED
	Timeout        Code = 0x800705B4 // ERROR_TIMEOUT
	NotLoggedOn    Code = 0x800704DD // ERROR_NOT_LOGGED_ON
	PathNotFound   Code = 0x80070003 // ERROR_PATH_NOT_FOUND
	WriteProtect   Code = 0x80070013 // ERROR_WRITE_PROTECT
	FileExists     Code = 0x80070050 // ERROR_FILE_EXISTS
	DiskFull       Code = 0x80070070 // ERROR_DISK_FULL
	BadName        Code = 0x8007007B // ERROR_INVALID_NAME
	NameTooLong    Code = 0x800700CE // ERROR_FILENAME_EXCED_RANGE
	IsDirectory    Code = 0x8007010B // ERROR_DIRECTORY
	WriteFault     Code = 0x8007001D // ERROR_WRITE_FAULT

	NameNotResolved  Code = 0x80072EE7 // WinHTTP: host name not found
	RequestTimeout   Code = 0x80072EE2 // WinHTTP: timed out
	CannotConnect    Code = 0x80072EFD // WinHTTP: cannot connect
	ConnectionReset  Code = 0x80072EFE // WinHTTP: connection closed
	SecureFailure    Code = 0x80072F8F // WinHTTP: certificate or TLS error
	CertRevoked      Code = 0x80072F8A // WinHTTP: the certificate is revoked
	RevocationFailed Code = 0x80072F19 // WinHTTP: whether it is revoked cannot be told
	BadServerReply   Code = 0x80072F78 // WinHTTP: malformed reply
	ClientCertNeeded Code = 0x80072F0C // WinHTTP: the server asks for a client certificate
)

const httpBase Code = 0x80190000

// HTTPStatus is the code for an HTTP status (BG_E_HTTP_ERROR_n).
func HTTPStatus(status int) Code { return httpBase + Code(status) }

// HTTP is the HTTP status a code stands for, 0 for any other code.
func (c Code) HTTP() int {
	if c >= httpBase+100 && c <= httpBase+999 {
		return int(c - httpBase)
	}
	return 0
}

// String returns the code's name in the Windows headers, else its value in hex.
func (c Code) String() string {
	if n := c.HTTP(); n != 0 {
		return fmt.Sprintf("BG_E_HTTP_ERROR_%d", n)
	}
	if row, ok := knownCodes[c]; ok {
		return row.name
	}
	return c.Hex()
}

// Text says in one sentence what happened; "" for a code that is not known.
func (c Code) Text() string {
	if n := c.HTTP(); n != 0 {
		return strings.TrimSuffix(fmt.Sprintf("The server answered %d %s", n, knownStatuses[n].phrase), " ") + "."
	}
	return knownCodes[c].text
}

// Hint says what to do about it; "" if there is nothing.
func (c Code) Hint() string {
	if n := c.HTTP(); n != 0 {
		return knownStatuses[n].hint
	}
	return knownCodes[c].hint
}

// Failed reports whether the code is one of an error: not of success, not the text of a context, not an event.
func (c Code) Failed() bool {
	const severity = 0x80000000
	row, ok := knownCodes[c]
	return c&severity != 0 && !(ok && row.class == notAnError)
}

// Class is what an error with that code usually means for a job: whoever has seen it happen may know better.
// The HTTP statuses are classed as BITS does, but for 429, which passes by itself (RFC 6585), for 308, which is a redirect as 307
// is, and for answers without content, which will not get any.
func (c Code) Class() Class {
	n := c.HTTP()
	if n == 0 {
		if row, ok := knownCodes[c]; ok {
			return max(row.class, Transient)
		}
		return Fatal
	}
	switch n {
	case 401, 407:
		return NeedsAction
	case 408, 409, 429:
		return Transient
	case 204, 205, 300, 301, 302, 303, 304, 305, 307, 308, 501, 505:
		return Fatal
	}
	if n >= 400 && n < 500 {
		return Fatal
	}
	return Transient
}

// Codes are all codes that have a name, in the order of their values.
func Codes() []Code {
	out := slices.Collect(maps.Keys(knownCodes))
	for status := range knownStatuses {
		out = append(out, HTTPStatus(status))
	}
	slices.Sort(out)
	return out
}

// What the tables say, by code and by status.
var (
	knownCodes    = byKey(codeRows, func(r codeRow) Code { return r.code })
	knownStatuses = byKey(httpRows, func(r httpRow) int { return r.status })
)

func byKey[K comparable, R any](rows []R, key func(R) K) map[K]R {
	m := make(map[K]R, len(rows))
	for _, row := range rows {
		m[key(row)] = row
	}
	return m
}

// ParseCode reads a code as people find it: in hex with or without 0x (80200013), in decimal with or without a sign
// (2149580819, -2145386477), by name with or without its prefix and in any case (BG_E_EMPTY, empty), or as an HTTP status (404).
func ParseCode(text string) (Code, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if c, ok := parseNumber(text); ok {
		return c, nil
	}
	if status, ok := strings.CutPrefix(strings.TrimPrefix(text, "BG_E_"), "HTTP_ERROR_"); ok {
		if n, err := strconv.Atoi(status); err == nil && HTTPStatus(n).HTTP() == n {
			return HTTPStatus(n), nil
		}
	}
	for _, prefix := range []string{"", "BG_E_", "BG_S_", "BG_", "E_", "S_", "ERROR_", "ERROR_WINHTTP_", "BITS_MC_", "BITS_"} {
		for _, row := range codeRows {
			if row.name == prefix+text {
				return row.code, nil
			}
		}
	}
	return 0, fmt.Errorf("%.60q is no error code; give it like 0x80200013, BG_E_EMPTY or 404", text)
}

// parseNumber reads eight digits as hex, as Windows prints them, and three as an HTTP status.
func parseNumber(text string) (Code, bool) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n < 0 {
		return Code(n), true // the signed form of the same 32 bits
	}
	hex, base := strings.CutPrefix(text, "0X")
	if base || len(hex) == 8 {
		n, err := strconv.ParseUint(hex, 16, 32)
		return Code(n), err == nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if len(text) == 3 && err == nil && n >= 100 {
		return HTTPStatus(int(n)), true
	}
	return Code(n), err == nil
}

// Hex returns the value as Windows prints it, such as 0x80190191.
func (c Code) Hex() string { return fmt.Sprintf("0x%08X", uint32(c)) }

// MarshalText returns the value in hex.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.Hex()), nil }

// UnmarshalText accepts a value in hex, with or without 0x.
func (c *Code) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(string(b)), "0x"), 16, 32)
	if err != nil {
		return fmt.Errorf("error code %q is not eight hex digits", b)
	}
	*c = Code(n)
	return nil
}
