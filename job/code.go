package job

import (
	"fmt"
	"strconv"
	"strings"
)

// Code is a result code with the value BITS gives it (an HRESULT).
type Code uint32

// Codes of BITS (BG_E_*, BG_S_*), of Windows itself (E_*, WinHTTP) where BITS reports
// those. HTTP status codes are 0x80190000 + status, see [HTTPStatus].
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
	BadServerReply   Code = 0x80072F78 // WinHTTP: malformed reply
	ClientCertNeeded Code = 0x80072F0C // WinHTTP: the server asks for a client certificate
)

var codeNames = map[Code]string{
	OK: "S_OK", PartialComplete: "BG_S_PARTIAL_COMPLETE", UnableToDeleteFiles: "BG_S_UNABLE_TO_DELETE_FILES",
	NotFound: "BG_E_NOT_FOUND", InvalidState: "BG_E_INVALID_STATE", Empty: "BG_E_EMPTY",
	FileNotAvailable: "BG_E_FILE_NOT_AVAILABLE", DestinationLocked: "BG_E_DESTINATION_LOCKED",
	VolumeChanged: "BG_E_VOLUME_CHANGED", ErrorInfoUnavailable: "BG_E_ERROR_INFORMATION_UNAVAILABLE",
	NetworkDisconnected: "BG_E_NETWORK_DISCONNECTED", MissingFileSize: "BG_E_MISSING_FILE_SIZE",
	InsufficientHTTPSupport: "BG_E_INSUFFICIENT_HTTP_SUPPORT", InsufficientRangeSupport: "BG_E_INSUFFICIENT_RANGE_SUPPORT",
	InvalidServerResponse: "BG_E_INVALID_SERVER_RESPONSE", TooManyFiles: "BG_E_TOO_MANY_FILES",
	LocalFileChanged: "BG_E_LOCAL_FILE_CHANGED", TooLarge: "BG_E_TOO_LARGE", StringTooLong: "BG_E_STRING_TOO_LONG",
	NoProgress: "BG_E_NO_PROGRESS", UsernameTooLarge: "BG_E_USERNAME_TOO_LARGE", PasswordTooLarge: "BG_E_PASSWORD_TOO_LARGE",
	InvalidAuthTarget: "BG_E_INVALID_AUTH_TARGET", InvalidAuthScheme: "BG_E_INVALID_AUTH_SCHEME",
	FileNotFound: "BG_E_FILE_NOT_FOUND", InvalidRange: "BG_E_INVALID_RANGE", ConnectFailure: "BG_E_CONNECT_FAILURE",
	ConnectionClosed: "BG_E_CONNECTION_CLOSED", BlockedByPolicy: "BG_E_BLOCKED_BY_POLICY",
	InvalidProxyInfo: "BG_E_INVALID_PROXY_INFO", InvalidCredentials: "BG_E_INVALID_CREDENTIALS",
	InvalidHashAlgorithm: "BG_E_INVALID_HASH_ALGORITHM", ValidationFailed: "BG_E_VALIDATION_FAILED",
	MaxDownloadTimeout: "BG_E_MAXDOWNLOAD_TIMEOUT", ReadOnlyAfterAddFile: "BG_E_READ_ONLY_PROPERTY_AFTER_ADDFILE",
	ReadOnlyAfterResume: "BG_E_READ_ONLY_PROPERTY_AFTER_RESUME", ReadOnlyWhenActive: "BG_E_READ_ONLY_WHEN_JOB_ACTIVE",
	RemoteFileChanged: "BG_E_REMOTE_FILE_CHANGED", UnsupportedConfiguration: "BG_E_UNSUPPORTED_JOB_CONFIGURATION",
	ProxyListTooLarge: "BG_E_PROXY_LIST_TOO_LARGE", ProxyBypassListTooLarge: "BG_E_PROXY_BYPASS_LIST_TOO_LARGE",
	UnknownProperty: "BG_E_UNKNOWN_PROPERTY_ID", ReadOnlyProperty: "BG_E_READ_ONLY_PROPERTY",
	BlockedByCost: "BG_E_BLOCKED_BY_COST_TRANSFER_POLICY", DownloadOnlyProperty: "BG_E_PROPERTY_SUPPORTED_FOR_DOWNLOAD_JOBS_ONLY",
	MaxDownloadSizeInvalid: "BG_E_MAX_DOWNLOAD_SIZE_INVALID_VALUE", MaxDownloadSizeReached: "BG_E_MAX_DOWNLOAD_SIZE_LIMIT_REACHED",
	StandbyMode: "BG_E_STANDBY_MODE", StoredCredentials: "BG_E_USE_STORED_CREDENTIALS_NOT_SUPPORTED",
	BlockedByBattery: "BG_E_BLOCKED_BY_BATTERY_POLICY", BlockedByBatterySaver: "BG_E_BLOCKED_BY_BATTERY_SAVER",
	RandomAccess: "BG_E_RANDOM_ACCESS_NOT_SUPPORTED", NotSupportedWithMethod: "BG_E_NOT_SUPPORTED_WITH_CUSTOM_HTTP_METHOD",
	CertificateHookNeeded: "BG_E_SERVER_CERT_VALIDATION_INTERFACE_REQUIRED", Pending: "E_PENDING",
	TooManyJobsPerUser: "BG_E_TOO_MANY_JOBS_PER_USER", TooManyJobsPerMachine: "BG_E_TOO_MANY_JOBS_PER_MACHINE",
	TooManyFilesInJob: "BG_E_TOO_MANY_FILES_IN_JOB", TooManyRangesInFile: "BG_E_TOO_MANY_RANGES_IN_FILE",
	OverlappingRanges: "BG_E_OVERLAPPING_RANGES",
	DatabaseCorrupt:   "BG_E_DATABASE_CORRUPT",
	AccessDenied:      "E_ACCESSDENIED", InvalidArg: "E_INVALIDARG", NotImplemented: "E_NOTIMPL", Unexpected: "E_UNEXPECTED",
	Timeout: "ERROR_TIMEOUT", PathNotFound: "ERROR_PATH_NOT_FOUND", WriteProtect: "ERROR_WRITE_PROTECT",
	FileExists: "ERROR_FILE_EXISTS", DiskFull: "ERROR_DISK_FULL", BadName: "ERROR_INVALID_NAME",
	NameTooLong: "ERROR_FILENAME_EXCED_RANGE", IsDirectory: "ERROR_DIRECTORY", WriteFault: "ERROR_WRITE_FAULT",
	NameNotResolved: "ERROR_WINHTTP_NAME_NOT_RESOLVED", RequestTimeout: "ERROR_WINHTTP_TIMEOUT",
	CannotConnect: "ERROR_WINHTTP_CANNOT_CONNECT", ConnectionReset: "ERROR_WINHTTP_CONNECTION_ERROR",
	SecureFailure: "ERROR_WINHTTP_SECURE_FAILURE", BadServerReply: "ERROR_WINHTTP_INVALID_SERVER_RESPONSE",
	ClientCertNeeded: "ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED",
}

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
	if name, ok := codeNames[c]; ok {
		return name
	}
	return c.Hex()
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
