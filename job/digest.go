package job

import "strings"

// digestHexLen maps the hash algorithms a file can be verified with to the length of
// their values in hex.
var digestHexLen = map[string]int{"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32}

// ParseDigest reads "sha256=HEX", also sha512, sha1 and md5, ignoring case, and
// returns it in lower case.
func ParseDigest(s string) (string, error) {
	alg, hex, ok := strings.Cut(strings.ToLower(s), "=")
	n, known := digestHexLen[alg]
	switch {
	case !ok:
		return "", Invalid(InvalidArg, "checksum %q is not like sha256=HEX", s)
	case !known:
		return "", Invalid(InvalidHashAlgorithm, "checksum algorithm %q is none of sha256, sha512, sha1, md5", alg)
	case len(hex) != n || strings.Trim(hex, "0123456789abcdef") != "":
		return "", Invalid(InvalidArg, "a %s checksum has %d hex digits", alg, n)
	}
	return alg + "=" + hex, nil
}
