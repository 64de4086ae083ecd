package httpauth

import (
	"encoding/base64"
	"errors"
	"strings"
)

// basicScheme is RFC 7617. UTF-8 is sent whether or not the server says charset="UTF-8", as section 2.1 allows.
type basicScheme struct {
	credentials    fixed
	user, password string // for SOCKS, which sends them in its own form
}

func newBasic(c Credentials) (scheme, error) {
	if strings.Contains(c.User, ":") {
		return nil, errors.New("the user name for basic may not contain a colon (RFC 7617 section 2)")
	}
	pair := base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))
	return &basicScheme{fixed("Basic " + pair), c.User, c.Password}, nil
}

func (b *basicScheme) traits() traits { return traits{cleartext: true, legs: 1} }

func (b *basicScheme) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }

// covers: all paths as deep as the one that was let through, or deeper (RFC 7617 section 2.2).
func (b *basicScheme) covers(_ Challenge, _, path string) []string {
	return []string{path[:strings.LastIndexByte(path, '/')+1]}
}

func (b *basicScheme) session() session { return b.credentials }
