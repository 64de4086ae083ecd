package httpx

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// reprDigest is the digest of the whole source from Repr-Digest fields (RFC 9530 section 3) in the form of
// [job.ParseDigest], "" when there is none of sha-256 and sha-512. The field is a dictionary of byte sequences
// (RFC 9651 sections 3.2 and 3.3.5), of which the last of a name counts.
func reprDigest(fields []string) string {
	found := map[string]string{}
	for _, field := range fields {
		for member := range strings.SplitSeq(field, ",") {
			name, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
			value, _, _ = strings.Cut(value, ";")
			value = strings.Trim(value, " \t")
			if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
			if err == nil {
				found[name] = hex.EncodeToString(sum)
			}
		}
	}
	switch {
	case len(found["sha-256"]) == 64:
		return "sha256=" + found["sha-256"]
	case len(found["sha-512"]) == 128:
		return "sha512=" + found["sha-512"]
	}
	return ""
}
