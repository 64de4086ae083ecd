package httpauth

import (
	"errors"
	"strings"
)

// bearerScheme is RFC 6750 section 2.1: the token goes with every request to its origin, asked for or not.
type bearerScheme struct{ credentials fixed }

func newBearer(c Credentials) (scheme, error) {
	if c.User != "" {
		return nil, errors.New("bearer has no user name: Password is the token")
	}
	token := strings.TrimRight(c.Password, "=")
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r > 0x7f || !isToken68(byte(r)) }) {
		return nil, errors.New("the bearer token is empty or has characters that RFC 6750 section 2.1 forbids")
	}
	return &bearerScheme{fixed("Bearer " + c.Password)}, nil
}

func (b *bearerScheme) traits() traits { return traits{cleartext: true, unasked: true, legs: 1} }

func (b *bearerScheme) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }

func (b *bearerScheme) covers(Challenge, string, string) []string { return []string{""} }

func (b *bearerScheme) session() session { return b.credentials }
