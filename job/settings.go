package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Duration is a time.Duration that reads and writes itself as text, such as "10m0s".
type Duration time.Duration

// String returns the duration in Go's notation.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText returns the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts a duration in Go's notation that is not negative.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q is not like 90s, 10m or 336h", b)
	}
	*d = Duration(v)
	return nil
}

// The defaults and bounds of BITS.
const (
	DefaultRetryDelay        = 600 * time.Second
	MinRetryDelay            = 5 * time.Second
	DefaultNoProgressTimeout = 14 * 24 * time.Hour
	DefaultMaxDownloadTime   = 90 * 24 * time.Hour
	DefaultInactivityTimeout = 90 * 24 * time.Hour

	DefaultMinNotifyInterval = 500 * time.Millisecond

	MaxNameLen        = 256  // characters of a display name
	MaxDescriptionLen = 1024 // characters of a description
)

// NotifyFlags choose the events that a job's command and webhook are called for
// (BG_NOTIFY_*).
type NotifyFlags uint32

// The notify flags of BITS. Commands and webhooks hear of no modifications and ranges, which are told to live
// callbacks only, and not every one of them.
const (
	NotifyTransferred     NotifyFlags = 0x01
	NotifyError           NotifyFlags = 0x02
	NotifyDisable         NotifyFlags = 0x04 // wins over all others
	NotifyModification    NotifyFlags = 0x08
	NotifyFileTransferred NotifyFlags = 0x10
	NotifyFileRanges      NotifyFlags = 0x20

	DefaultNotifyFlags = NotifyTransferred | NotifyError

	allNotifyFlags = NotifyTransferred | NotifyError | NotifyDisable | NotifyModification | NotifyFileTransferred | NotifyFileRanges
)

// Settings are the properties of a job that its owner may change while it is not final.
type Settings struct {
	Name        string   `json:"name,omitempty"`        // display name, at most 256 characters, not unique
	Description string   `json:"description,omitempty"` // at most 1,024 characters
	Priority    Priority `json:"priority"`              // default Normal
	// RetryDelay is the longest wait between two tries. Default 600 s; less than 5 s becomes 5 s, as in BITS.
	RetryDelay Duration `json:"retry_delay"`
	// NoProgressTimeout is how long a job may fail without receiving a byte before it
	// goes to InError. The clock starts at the first transient error and any byte stops it. Default
	// 14 days; 0 makes every error final.
	NoProgressTimeout Duration `json:"no_progress_timeout"`
	// MaxDownloadTime bounds the time spent connecting and transferring. Resume starts it anew. 0, which only a new job may be
	// given, is the administrator's default, else 90 days.
	MaxDownloadTime Duration `json:"max_download_time,omitzero"`
	// InactivityTimeout cancels a job that neither moved a byte nor was changed for so long. 0 is as for MaxDownloadTime.
	InactivityTimeout Duration `json:"inactivity_timeout,omitzero"`
	// Deadline cancels a job that has not transferred its files by then; zero for none.
	Deadline time.Time `json:"deadline,omitzero"`
	// AutoComplete publishes the files as soon as they have all been transferred.
	AutoComplete bool `json:"auto_complete,omitzero"`
	// Overwrite allows a published file to replace one that exists.
	Overwrite bool `json:"overwrite,omitzero"`
	// Limit in bytes per second for the whole job; 0 for none.
	Limit int64 `json:"limit,omitzero"`
	// NotifyFlags choose what command and webhook are told. Default transferred and error.
	NotifyFlags NotifyFlags `json:"notify_flags"`
	// NotifyCommand is a program, by its full path, and its arguments. It is never run by a shell.
	NotifyCommand []string `json:"notify_command,omitempty"`
	// NotifyURL is a webhook. The key that signs it is a secret of the job.
	NotifyURL string `json:"notify_url,omitempty"`
	// MinNotifyInterval is the least time between two calls of the live callbacks JobModification and
	// FileRangesTransferred. Default 500 ms.
	MinNotifyInterval Duration `json:"min_notify_interval"`

	// TransferPolicy is the set of network costs that the job may run at. By default the administrator's for its
	// priority.
	TransferPolicy TransferPolicy `json:"transfer_policy,omitzero"`
	// Method is the HTTP method that downloads; "" is GET. Any other makes the priority Foreground for good and every
	// error final, and each Resume begins anew. Not to be changed after the first Resume.
	Method string `json:"method,omitempty"`
	// Dynamic says that the server makes the files anew for each request: an interrupted one begins from the start.
	// Downloads without ranges only, and not to be changed after the first Resume.
	Dynamic bool `json:"dynamic,omitzero"`
	// HighPerformance leaves out the periodic sync of what arrives; a power cut, though no crash of the service, costs
	// what was fetched of unfinished files. Downloads only, and not to be changed once there are files.
	HighPerformance bool `json:"high_performance,omitzero"`
	// MaxSize bounds the bytes of all files together; more is an error with code MaxDownloadSizeReached. 0 is no
	// bound. Downloads only, and not to be changed after the first Resume.
	MaxSize int64 `json:"max_size,omitzero"`
	// OnDemand transfers only the bytes asked for by RequestRanges; the job is Suspended once they are here. Downloads
	// only.
	OnDemand bool `json:"on_demand,omitzero"`
	// HeadersWriteOnly says that nobody may read the custom headers' values back. There is no way back from true.
	HeadersWriteOnly bool `json:"headers_write_only"`
	// ReplyFile is where the reply of an upload-reply job goes.
	ReplyFile string `json:"reply_file,omitempty"`
	// PeerCaching are the peer-caching flags of BITS: 1 client, 2 server, 4 no BranchCache. They are kept, and have no
	// effect yet.
	PeerCaching uint32 `json:"peer_caching,omitzero"`
	// ACLFlags say what of a file's security is copied from an SMB share: 1 owner, 2 group, 4 DACL, 8 SACL. They are kept,
	// and have no effect on HTTP, as in BITS. Not to be changed once all is transferred.
	ACLFlags uint32 `json:"acl_flags,omitzero"`

	// Network says how servers are reached.
	Network Network `json:"network,omitzero"`
}

// Network says how a job's servers are reached. It holds no secret.
type Network struct {
	// Proxy is "" for the preconfigured one (that of the service's configuration file, else of its environment: HTTP_PROXY,
	// HTTPS_PROXY, NO_PROXY), "none", "auto" to detect it (WPAD), or a list, separated by spaces or commas, of [http=|https=][SCHEME://]HOST[:PORT] with scheme http,
	// https or socks5 and without user and password. Those for a URL's scheme are tried in order; without any, those for all.
	Proxy string `json:"proxy,omitempty"`
	// ProxyBypass lists, separated by spaces or commas, hosts that the Proxy list is not for: names and addresses, *.example.com for
	// a domain, <local> for names without a dot.
	ProxyBypass string `json:"proxy_bypass,omitempty"`
	// CACert holds PEM certificates that are trusted in addition to the system's.
	CACert string `json:"ca_cert,omitempty"`
	// ClientCert says that a client certificate is set; it is a secret of the job.
	ClientCert bool `json:"client_cert,omitzero"`
	// AllowCleartext permits Basic and Bearer over plain http to other machines.
	AllowCleartext bool `json:"allow_cleartext,omitzero"`
	// SecurityFlags say how far a certificate must convince and what redirects may do.
	SecurityFlags SecurityFlags `json:"security_flags,omitzero"`
	// Pins, when there are any, are the only keys that https servers may have, each as "sha256/" and the base64 of the
	// SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4): the server's own or one of its chain.
	Pins []string `json:"pins,omitempty"`
	// CheckCertificates says that a program of the owner's has the last word on the certificates of https servers. A transfer
	// fails with CertificateHookNeeded, and is tried again, while none is there to be asked. To be changed only while the
	// job is Suspended.
	CheckCertificates bool `json:"check_certificates,omitzero"`
	// ConnectTimeout bounds each of dialling and the TLS handshake. 0 is 30 s.
	ConnectTimeout Duration `json:"connect_timeout,omitzero"`
	// StallTimeout bounds the wait for an answer's head and for each next byte of its body. 0 is 60 s.
	StallTimeout Duration `json:"stall_timeout,omitzero"`
}

// DefaultSettings are what a new job is given when nothing else is said. The service puts the administrator's defaults in
// place of the zeros.
func DefaultSettings() Settings {
	return Settings{
		Priority:          Normal,
		RetryDelay:        Duration(DefaultRetryDelay),
		NoProgressTimeout: Duration(DefaultNoProgressTimeout),
		NotifyFlags:       DefaultNotifyFlags,
		MinNotifyInterval: Duration(DefaultMinNotifyInterval),
		HeadersWriteOnly:  true,
	}
}

// check returns s with the bounds of BITS applied, or what is wrong with it for a job of that type.
func (s Settings) check(typ Type) (Settings, error) {
	s.RetryDelay = max(s.RetryDelay, Duration(MinRetryDelay))
	s.NotifyCommand, s.Network.Pins = slices.Clone(s.NotifyCommand), slices.Clone(s.Network.Pins)
	switch {
	case utf8.RuneCountInString(s.Name) > MaxNameLen:
		return s, Invalid(InvalidArg, "the name has more than %d characters", MaxNameLen)
	case utf8.RuneCountInString(s.Description) > MaxDescriptionLen:
		return s, Invalid(StringTooLong, "the description has more than %d characters", MaxDescriptionLen)
	case strings.ContainsFunc(s.Name, unicode.IsControl):
		return s, Invalid(InvalidArg, "the name holds control characters")
	case s.Priority < Foreground || s.Priority > Low:
		return s, Invalid(NotImplemented, "priority %d is none of foreground, high, normal, low", int(s.Priority))
	case s.Deadline.Year() < 0 || s.Deadline.Year() > 9999: // RFC 3339 has no others
		return s, Invalid(InvalidArg, "the deadline is not in the years 0 to 9999")
	case s.Limit < 0:
		return s, Invalid(InvalidArg, "limit %d is negative; 0 means no limit", s.Limit)
	case s.NotifyFlags&^allNotifyFlags != 0:
		return s, Invalid(NotImplemented, "notify flags %#x have bits that are not known", uint32(s.NotifyFlags))
	case s.MaxDownloadTime <= 0 || s.InactivityTimeout <= 0:
		return s, Invalid(InvalidArg, "max_download_time and inactivity_timeout must be more than 0")
	case s.NoProgressTimeout < 0 || s.MinNotifyInterval < 0:
		return s, Invalid(InvalidArg, "no_progress_timeout and min_notify_interval must not be negative")
	}
	s, err := s.checkKind(typ)
	return s, cmp.Or(err, checkCommand(s.NotifyCommand), checkWebhook(s.NotifyURL), s.TransferPolicy.check(), s.Network.check())
}

func (n Network) check() error {
	if n.ConnectTimeout < 0 || n.StallTimeout < 0 {
		return Invalid(InvalidArg, "connect_timeout and stall_timeout must not be negative")
	}
	return cmp.Or(n.SecurityFlags.check(), checkPins(n.Pins), checkProxies(n.Proxy, n.ProxyBypass))
}
