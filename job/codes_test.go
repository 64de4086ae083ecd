package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// bitsCodes are the codes of BITS by the last byte of their values, 0x802000nn and for BG_S_ 0x002000nn, from the headers.
const bitsCodes = `
01 E_NOT_FOUND  02 E_INVALID_STATE  03 E_EMPTY  04 E_FILE_NOT_AVAILABLE  05 E_PROTOCOL_NOT_AVAILABLE  06 S_ERROR_CONTEXT_NONE
07 E_ERROR_CONTEXT_UNKNOWN  08 E_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER  09 E_ERROR_CONTEXT_LOCAL_FILE  0A E_ERROR_CONTEXT_REMOTE_FILE
0B E_ERROR_CONTEXT_GENERAL_TRANSPORT  0C E_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION  0D E_DESTINATION_LOCKED  0E E_VOLUME_CHANGED
0F E_ERROR_INFORMATION_UNAVAILABLE  10 E_NETWORK_DISCONNECTED  11 E_MISSING_FILE_SIZE  12 E_INSUFFICIENT_HTTP_SUPPORT
13 E_INSUFFICIENT_RANGE_SUPPORT  14 E_REMOTE_NOT_SUPPORTED  15 E_NEW_OWNER_DIFF_MAPPING  16 E_NEW_OWNER_NO_FILE_ACCESS
17 S_PARTIAL_COMPLETE  18 E_PROXY_LIST_TOO_LARGE  19 E_PROXY_BYPASS_LIST_TOO_LARGE  1A S_UNABLE_TO_DELETE_FILES
1B E_INVALID_SERVER_RESPONSE  1C E_TOO_MANY_FILES  1D E_LOCAL_FILE_CHANGED  1E E_ERROR_CONTEXT_REMOTE_APPLICATION  1F E_SESSION_NOT_FOUND
20 E_TOO_LARGE  21 E_STRING_TOO_LONG  22 E_CLIENT_SERVER_PROTOCOL_MISMATCH  23 E_SERVER_EXECUTE_ENABLE  24 E_NO_PROGRESS
25 E_USERNAME_TOO_LARGE  26 E_PASSWORD_TOO_LARGE  27 E_INVALID_AUTH_TARGET  28 E_INVALID_AUTH_SCHEME  29 E_FILE_NOT_FOUND
2A S_PROXY_CHANGED  2B E_INVALID_RANGE  2C E_OVERLAPPING_RANGES  2D E_CONNECT_FAILURE  2E E_CONNECTION_CLOSED  3E E_BLOCKED_BY_POLICY
3F E_INVALID_PROXY_INFO  40 E_INVALID_CREDENTIALS  41 E_INVALID_HASH_ALGORITHM  42 E_RECORD_DELETED  43 E_COMMIT_IN_PROGRESS
44 E_DISCOVERY_IN_PROGRESS  45 E_UPNP_ERROR  46 E_TEST_OPTION_BLOCKED_DOWNLOAD  47 E_PEERCACHING_DISABLED  48 E_BUSYCACHERECORD
49 E_TOO_MANY_JOBS_PER_USER  50 E_TOO_MANY_JOBS_PER_MACHINE  51 E_TOO_MANY_FILES_IN_JOB  52 E_TOO_MANY_RANGES_IN_FILE
53 E_VALIDATION_FAILED  54 E_MAXDOWNLOAD_TIMEOUT  55 S_OVERRIDDEN_BY_POLICY  56 E_TOKEN_REQUIRED  57 E_UNKNOWN_PROPERTY_ID
58 E_READ_ONLY_PROPERTY  59 E_BLOCKED_BY_COST_TRANSFER_POLICY  60 E_PROPERTY_SUPPORTED_FOR_DOWNLOAD_JOBS_ONLY
61 E_READ_ONLY_PROPERTY_AFTER_ADDFILE  62 E_READ_ONLY_PROPERTY_AFTER_RESUME  63 E_MAX_DOWNLOAD_SIZE_INVALID_VALUE
64 E_MAX_DOWNLOAD_SIZE_LIMIT_REACHED  65 E_STANDBY_MODE  66 E_USE_STORED_CREDENTIALS_NOT_SUPPORTED  67 E_BLOCKED_BY_BATTERY_POLICY
68 E_BLOCKED_BY_BATTERY_SAVER  69 E_WATCHDOG_TIMEOUT  6A E_APP_PACKAGE_NOT_FOUND  6B E_APP_PACKAGE_SCENARIO_NOT_SUPPORTED
6C E_DATABASE_CORRUPT  6D E_RANDOM_ACCESS_NOT_SUPPORTED  6E E_BLOCKED_BY_BACKGROUND_ACCESS_POLICY  6F E_BLOCKED_BY_GAME_MODE
70 E_BLOCKED_BY_SYSTEM_POLICY  71 E_NOT_SUPPORTED_WITH_CUSTOM_HTTP_METHOD  72 E_UNSUPPORTED_JOB_CONFIGURATION  73 E_REMOTE_FILE_CHANGED
74 E_SERVER_CERT_VALIDATION_INTERFACE_REQUIRED  75 E_READ_ONLY_WHEN_JOB_ACTIVE  76 E_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK`

// TestCodesOfBITS: the table has all of them, with the values that other programs know, and no others.
func TestCodesOfBITS(t *testing.T) {
	t.Parallel()
	fields := strings.Fields(bitsCodes)
	for i := 0; i < len(fields); i += 2 {
		facility := "802000"
		if strings.HasPrefix(fields[i+1], "S_") {
			facility = "002000"
		}
		var c Code
		if err := c.UnmarshalText([]byte(facility + fields[i])); err != nil {
			t.Fatal(err)
		}
		if want := "BG_" + fields[i+1]; c.String() != want {
			t.Errorf("%s is %s, want %s", c.Hex(), c, want)
		}
	}
	n := 0
	for _, c := range Codes() {
		if strings.HasPrefix(c.String(), "BG_") && c.HTTP() == 0 {
			n++
		}
	}
	if n != len(fields)/2 {
		t.Errorf("%d codes of BITS, want %d", n, len(fields)/2)
	}
}

// TestCodesOfWindows pins the values that are not in BITS's own range.
func TestCodesOfWindows(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Code{
		"S_OK": 0, "E_NOTIMPL": 0x80004001, "E_PENDING": 0x8000000A, "E_UNEXPECTED": 0x8000FFFF, "E_ACCESSDENIED": 0x80070005,
		"E_INVALIDARG": 0x80070057, "ERROR_PATH_NOT_FOUND": 0x80070003, "ERROR_WRITE_PROTECT": 0x80070013, "ERROR_WRITE_FAULT": 0x8007001D,
		"ERROR_FILE_EXISTS": 0x80070050, "ERROR_DISK_FULL": 0x80070070, "ERROR_INVALID_NAME": 0x8007007B, "ERROR_FILENAME_EXCED_RANGE": 0x800700CE,
		"ERROR_DIRECTORY": 0x8007010B, "ERROR_NOT_LOGGED_ON": 0x800704DD, "ERROR_TIMEOUT": 0x800705B4, "ERROR_WINHTTP_TIMEOUT": 0x80072EE2,
		"ERROR_WINHTTP_NAME_NOT_RESOLVED": 0x80072EE7, "ERROR_WINHTTP_CANNOT_CONNECT": 0x80072EFD, "ERROR_WINHTTP_CONNECTION_ERROR": 0x80072EFE,
		"ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED": 0x80072F0C, "ERROR_WINHTTP_INVALID_SERVER_RESPONSE": 0x80072F78,
		"ERROR_WINHTTP_SECURE_FAILURE":      0x80072F8F,
		"ERROR_WINHTTP_SECURE_CERT_REVOKED": 0x80072F8A, "ERROR_WINHTTP_SECURE_CERT_REV_FAILED": 0x80072F19,
		"BITS_MC_JOB_CANCELLED": 0x80194000, "BITS_MC_STATE_FILE_CORRUPT": 0x80194007,
		"BITS_MC_WSD_PORT": 0x8019400B, "BG_E_HTTP_ERROR_100": 0x80190064, "BG_E_HTTP_ERROR_449": 0x801901C1, "BG_E_HTTP_ERROR_505": 0x801901F9,
	} {
		if got, err := ParseCode(name); err != nil || got != want || got.String() != name || !slices.Contains(Codes(), got) {
			t.Errorf("%s is %s (%v), %v; want %s", name, got.Hex(), got, err, want.Hex())
		}
	}
}

// TestEveryCodeSaysWhatHappened, in one sentence that people can read.
func TestEveryCodeSaysWhatHappened(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(Codes()) || len(slices.Compact(Codes())) != len(codeRows)+len(httpRows) {
		t.Error("the codes are not in the order of their values, or one is there twice")
	}
	for _, c := range Codes() {
		for _, s := range []string{c.Text(), c.Hint()} {
			if s != "" && (!strings.HasSuffix(s, ".") && !strings.Contains(s, "ebb ") || strings.ContainsAny(s, "|\n") || s[0] < 'A' || s[0] > 'Z') {
				t.Errorf("%v: %q is no sentence", c, s)
			}
		}
		if c.Text() == "" || strings.HasPrefix(c.String(), "0x") {
			t.Errorf("%v has no name or no text", c.Hex())
		}
	}
	for status, want := range map[int]string{
		404: "The server answered 404 Not Found.", 425: "The server answered 425 Too Early.", 449: "The server answered 449 Retry With.", 599: "The server answered 599.",
	} {
		if got := HTTPStatus(status).Text(); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
	if c := Code(0xDEADBEEF); c.Text() != "" || c.Hint() != "" || c.Class() != Fatal || !c.Failed() {
		t.Errorf("an unknown code: %q, %q, %v", c.Text(), c.Hint(), c.Class())
	}
	for c := ContextNone; c <= ContextCertificate; c++ {
		if c.Text() == "" {
			t.Errorf("%v has no text", c)
		}
	}
	if Context(-1).Text() != "" || Context(9).Text() != "" {
		t.Error("a context that does not exist has a text")
	}
}

// TestClassesOfHTTP is the whole table, against the rule as the documentation of BITS words it: 300 to 305, 307, 501,
// 505 and all of 4xx but 408 and 409 are fatal, everything else is transient.
func TestClassesOfHTTP(t *testing.T) {
	t.Parallel()
	better := map[int]Class{
		204: Fatal, 205: Fatal, // a success without a file
		308: Fatal,       // did not exist; like 307
		401: NeedsAction, // the job goes to Error just so, and says what it wants
		407: NeedsAction,
		429: Transient, // with Retry-After
	}
	for status := 100; status <= 599; status++ {
		want := Transient
		switch {
		case status >= 300 && status <= 305, status == 307, status == 501, status == 505:
			want = Fatal
		case status >= 400 && status <= 499 && status != 408 && status != 409:
			want = Fatal
		}
		if own, ok := better[status]; ok {
			want = own
		}
		if got := HTTPStatus(status).Class(); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}

func TestWhatIsAnError(t *testing.T) {
	t.Parallel()
	for c, want := range map[Code]bool{
		OK: false, PartialComplete: false, 0x00200055: false, Empty: true, InvalidArg: true, HTTPStatus(404): true,
		0x80200009: false, 0x80200076: false, 0x80194000: false, 0xDEADBEEF: true,
	} {
		if c.Failed() != want {
			t.Errorf("%v: %v", c, c.Failed())
		}
	}
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Code{
		"0x80200013": InsufficientRangeSupport, "0X80200013": InsufficientRangeSupport, "80200013": InsufficientRangeSupport,
		"2149580819": InsufficientRangeSupport, "-2145386477": InsufficientRangeSupport, "8020006d\n": RandomAccess,
		"BG_E_EMPTY": Empty, "bg_e_empty": Empty, "E_EMPTY": Empty, "Empty": Empty, "BG_S_PARTIAL_COMPLETE": PartialComplete,
		"partial_complete": PartialComplete, "S_PARTIAL_COMPLETE": PartialComplete, "E_INVALIDARG": InvalidArg, "invalidarg": InvalidArg,
		"s_ok": OK, "ok": OK, "0": OK, "0x0": OK, "ERROR_DISK_FULL": DiskFull, "disk_full": DiskFull,
		"winhttp_timeout": RequestTimeout, "cannot_connect": CannotConnect, "bits_mc_job_scavenged": 0x80194005, "MC_JOB_SCAVENGED": 0x80194005,
		"JOB_SCAVENGED": 0x80194005, "404": HTTPStatus(404), "BG_E_HTTP_ERROR_404": HTTPStatus(404), "http_error_404": HTTPStatus(404),
		"0x80190194": HTTPStatus(404), "file_not_found": FileNotFound, "0xDEADBEEF": 0xDEADBEEF, "-1": 0xFFFFFFFF, "4294967295": 0xFFFFFFFF,
	} {
		if got, err := ParseCode(text); err != nil || got != want {
			t.Errorf("%q reads as %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0x", "0x123456789", "4294967296", "-2147483649", "BG_E_", "no such code", "HTTP_ERROR_", "HTTP_ERROR_99", "HTTP_ERROR_1000", "+404", "4.4", "1e3"} {
		if got, err := ParseCode(text); err == nil {
			t.Errorf("%q reads as %v", text, got)
		}
	}
}

// FuzzParseCode: whatever is accepted is a code that reads back, by value and by name.
func FuzzParseCode(f *testing.F) {
	for _, c := range Codes() {
		f.Add(c.String())
		f.Add(fmt.Sprint(int32(c)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		for _, again := range []string{c.Hex(), c.String()} {
			if back, err := ParseCode(again); err != nil || back != c {
				t.Errorf("%q is %v, but %q is %v, %v", text, c, again, back, err)
			}
		}
	})
}
