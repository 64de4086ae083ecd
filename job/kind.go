package job

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode"
)

// checkKind applies what only some types of jobs have, and what excludes each other. A custom method
// makes a job a foreground job.
func (s Settings) checkKind(typ Type) (Settings, error) {
	if s.Method = strings.ToUpper(s.Method); s.Method == http.MethodGet {
		s.Method = ""
	}
	if s.Method != "" {
		s.Priority = Foreground
	}
	downloadOnly := s.Method != "" || s.Dynamic || s.HighPerformance || s.MaxSize != 0 || s.OnDemand
	switch {
	case strings.ContainsFunc(s.Method, func(r rune) bool { return !unicode.IsUpper(r) && r != '-' && r != '_' }) || len(s.Method) > 32:
		return s, Invalid(InvalidArg, "method %.40q is no name of an HTTP method", s.Method)
	case s.MaxSize < 0:
		return s, Invalid(MaxDownloadSizeInvalid, "max_size %d is negative; 0 means no bound", s.MaxSize)
	case typ != Download && downloadOnly:
		return s, Invalid(DownloadOnlyProperty, "method, dynamic, high_performance, max_size and on_demand are for downloads only")
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
	case t.State == Transferred && from.ACLFlags != to.ACLFlags:
		return t.refuse("change the ACL flags of")
	case to.Dynamic && t.hasRanges():
		return Invalid(UnsupportedConfiguration, "job %s has files with ranges, so it cannot be dynamic", t.ID)
	}
	return nil
}

func (t *transition) hasRanges() bool {
	for f := range t.Files.All() {
		if len(f.Ranges) > 0 {
			return true
		}
	}
	return false
}

// checkPins refuses what is no digest of a key.
func checkPins(pins []string) error {
	for _, pin := range pins {
		encoded, ok := strings.CutPrefix(pin, "sha256/")
		if b, err := base64.StdEncoding.DecodeString(encoded); !ok || err != nil || len(b) != 32 {
			return Invalid(InvalidArg, "pin %.80q is not sha256/ and the base64 of 32 bytes", pin)
		}
	}
	return nil
}
