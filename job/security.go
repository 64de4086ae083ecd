package job

// SecurityFlags say how far the certificate of a server must convince, and what its redirects may do (BITS:
// IBackgroundCopyJobHttpOptions::SetSecurityFlags). The values are those of BITS.
type SecurityFlags uint32

// The security flags. Without any, a certificate has to be valid, redirects are followed silently, and never from
// https to http.
const (
	CheckRevocation SecurityFlags = 0x0001 // a certificate that is revoked, or of which that cannot be told, is refused
	IgnoreHostName  SecurityFlags = 0x0002 // the certificate may be for another host
	IgnoreDate      SecurityFlags = 0x0004 // it may be expired, or not valid yet
	IgnoreUnknownCA SecurityFlags = 0x0008 // nobody who is trusted need have signed it
	IgnoreUsage     SecurityFlags = 0x0010 // it need not be meant for servers
	ReportRedirects SecurityFlags = 0x0100 // a redirect replaces the file's remote name
	RefuseRedirects SecurityFlags = 0x0200 // a redirect is an error; it replaces the remote name all the same, as in BITS
	AllowDowngrade  SecurityFlags = 0x0800 // redirects may lead from https to http

	redirectMask     SecurityFlags = 0x0700
	ignoreFlags                    = IgnoreHostName | IgnoreDate | IgnoreUnknownCA | IgnoreUsage
	allSecurityFlags               = CheckRevocation | ignoreFlags | ReportRedirects | RefuseRedirects | AllowDowngrade
)

// Has reports whether all of the flags are set.
func (s SecurityFlags) Has(flags SecurityFlags) bool { return s&flags == flags }

func (s SecurityFlags) check() error {
	switch {
	case s&^allSecurityFlags != 0:
		return Invalid(NotImplemented, "security flags %#x have bits that are not known", uint32(s))
	case s&redirectMask == ReportRedirects|RefuseRedirects:
		return Invalid(NotImplemented, "security flags %#x both report and refuse redirects", uint32(s))
	}
	return nil
}
