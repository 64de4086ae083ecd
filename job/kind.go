package job

import (
	"slices"
	"strings"
)

// withoutFile are the methods that no file comes in answer to (RFC 9110 section 9.3).
var withoutFile = []string{"HEAD", "CONNECT", "TRACE"}

// checkKind refuses what only other types of jobs have, and what excludes each other.
func (s Settings) checkKind(typ Type) (Settings, error) {
	if s.Method = strings.ToUpper(s.Method); s.Method == "GET" {
		s.Method = ""
	}
	downloadOnly := s.Method != "" || s.Dynamic || s.HighPerformance || s.MaxSize != 0 || s.OnDemand
	switch {
	case strings.Trim(s.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(s.Method) > 32:
		return s, Invalid(InvalidArg, "method %.40q is no name of an HTTP method", s.Method)
	case slices.Contains(withoutFile, s.Method):
		return s, Invalid(InvalidArg, "no file comes in answer to %s", s.Method)
	case s.MaxSize < 0:
		return s, Invalid(MaxDownloadSizeInvalid, "max_size %d is negative; 0 means no bound", s.MaxSize)
	case typ != Download && downloadOnly:
		return s, Invalid(DownloadOnlyProperty, "method, dynamic, high_performance, max_size and on_demand are for downloads only")
	case strings.ContainsRune(s.ReplyFile, 0):
		return s, Invalid(InvalidArg, "reply_file holds a NUL byte")
	case typ != UploadReply && s.ReplyFile != "":
		return s, Invalid(NotImplemented, "reply_file is for upload-reply jobs only")
	case s.Method != "" && (s.Dynamic || s.OnDemand):
		return s, Invalid(NotSupportedWithMethod, "a job with method %s can be neither dynamic nor on demand", s.Method)
	case s.Dynamic && s.OnDemand:
		return s, Invalid(UnsupportedConfiguration, "a job cannot be both dynamic and on demand")
	case s.PeerCaching&^7 != 0:
		return s, Invalid(NotImplemented, "peer-caching flags %#x have bits that are not known", s.PeerCaching)
	case s.ACLFlags&^15 != 0:
		return s, Invalid(NotImplemented, "ACL flags %#x have bits that are not known", s.ACLFlags)
	}
	return s, nil
}

// mayChange refuses what is too late to be changed, with the error of BITS that says why.
func (t *transition) mayChange(to Settings) error {
	from := t.Settings
	switch {
	case t.Resumed && (from.Method != to.Method || from.Dynamic != to.Dynamic || from.MaxSize != to.MaxSize):
		return Invalid(ReadOnlyAfterResume, "method, dynamic and max_size of job %s can be set only before its first resume", t.ID)
	case t.Totals.Files > 0 && from.HighPerformance != to.HighPerformance:
		return Invalid(ReadOnlyAfterAddFile, "high_performance of job %s can be set only before it has files", t.ID)
	case from.HeadersWriteOnly && !to.HeadersWriteOnly:
		return Invalid(ReadOnlyProperty, "the headers of job %s cannot be made readable again", t.ID)
	case from.Method != "" && from.Method == to.Method && to.Priority != Foreground:
		return Invalid(NotSupportedWithMethod, "job %s has method %s, and such jobs are foreground jobs", t.ID, from.Method)
	case t.State != Suspended && from.Network.CheckCertificates != to.Network.CheckCertificates:
		return Invalid(ReadOnlyWhenActive, "whether certificates of job %s are checked by a program can be changed only while it is suspended; suspend it first", t.ID)
	case t.State == Transferred && from.ACLFlags != to.ACLFlags:
		return t.refuse("change the ACL flags of")
	}
	return t.mayReadWhole(to)
}

// mayReadWhole refuses settings that contradict the ranges of the job's files.
func (t *transition) mayReadWhole(to Settings) error {
	if !to.Dynamic && !to.OnDemand && to.Method == "" {
		return nil
	}
	for f := range t.Files.All() {
		switch fixed, any := len(f.Ranges) > 0, len(f.Ranges)+len(f.Requested) > 0; {
		case f.Removed:
		case to.Method != "" && any:
			return Invalid(NotSupportedWithMethod, "files of job %s have ranges, so it cannot have a method", t.ID)
		case to.Dynamic && any, to.OnDemand && fixed:
			return Invalid(UnsupportedConfiguration, "files of job %s have ranges, so it can be neither dynamic nor on demand", t.ID)
		}
	}
	return nil
}

// checkPins refuses what is no digest of a key.
func checkPins(pins []string) error {
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, pin := range pins {
		encoded, ok := strings.CutPrefix(pin, "sha256/")
		digits, padded := strings.CutSuffix(encoded, "=")
		if !ok || !padded || len(digits) != 43 || strings.Trim(digits, base64) != "" { // 32 bytes
			return Invalid(InvalidArg, "pin %.80q is not sha256/ and the base64 of 32 bytes", pin)
		}
	}
	return nil
}
