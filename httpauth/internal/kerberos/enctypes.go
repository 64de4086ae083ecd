package kerberos

import (
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
)

// supportedTypes are the encryption types in the order they are asked for, which is
// MIT's. RC4, the last, is asked for only if krb5.conf names it or has allow_rc4, as
// in MIT since 1.21; DES never.
var supportedTypes = []int32{
	etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96, // RFC 3962
	etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128, // RFC 8009
	etypeID.RC4_HMAC, // RFC 4757
}

// encryptionTypes reads a list as MIT writes it: names or families, separated by
// space or commas; DEFAULT stands for otherwise, and -name takes one away. Names
// that are not supported are left out. Without the key it returns otherwise.
func encryptionTypes(s *section, key string, otherwise []int32) []int32 {
	v, ok := s.first(key)
	if !ok {
		return otherwise
	}
	var types []int32
	for _, name := range strings.FieldsFunc(strings.ToLower(v.value), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		family := otherwise
		remove := strings.HasPrefix(name, "-")
		if name = strings.TrimLeft(name, "+-"); name != "default" {
			family = typesNamed(name)
		}
		for _, t := range family {
			types = slices.DeleteFunc(types, func(have int32) bool { return have == t && remove })
			if !remove && !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	return types
}

func typesNamed(name string) []int32 {
	switch name {
	case "aes":
		return supportedTypes[:4]
	case "rc4":
		return supportedTypes[4:]
	}
	if id := etypeID.ETypesByName[name]; slices.Contains(supportedTypes, id) {
		return []int32{id}
	}
	return nil
}
