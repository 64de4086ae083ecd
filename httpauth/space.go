package httpauth

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
)

// maxPrefixes bounds what one space remembers of a server with very many folders.
const maxPrefixes = 256

// authority is one origin server or one proxy, and all that its answers have taught us.
type authority struct {
	target     Target
	origin     string
	schemes    map[Scheme]scheme // those with credentials for exactly this origin
	configured []Scheme          // those with credentials for this target, at any origin

	mu          sync.Mutex // guards spaces and certificate
	spaces      []*space
	certificate *x509.Certificate // the one seen last
}

func (a *authority) meet(c *x509.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.certificate = c
}

func (a *authority) met() *x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.certificate
}

// space returns the protection space of a scheme and realm (RFC 9110 section 11.5), a new one if need be.
func (a *authority) space(name Scheme, realm string) *space {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.spaces {
		if s.name == name && s.realm == realm {
			return s
		}
	}
	s := &space{
		name: name, realm: realm, scheme: a.schemes[name],
		turn: make(chan struct{}, 1),
	}
	if !s.scheme.traits().connection {
		s.session = s.scheme.session()
	}
	a.spaces = append(a.spaces, s)
	return s
}

// covering returns the space whose credentials can be sent with a request for path ahead of a challenge, or nil.
func (a *authority) covering(path string) *space {
	a.mu.Lock()
	defer a.mu.Unlock()
	var best *space
	longest := -1
	for _, s := range a.spaces {
		if n := s.covers(path); n > longest {
			best, longest = s, n
		}
	}
	return best
}

// standing is what is known of the credentials in one space.
type standing int

const (
	unproven standing = iota
	proven
	refused
)

// space is one protection space: a set of paths where one answer is as good as another.
type space struct {
	name    Scheme
	realm   string
	scheme  scheme
	session session // shared by all requests; nil where each connection has its own

	// turn is held by the one request that tries credentials nobody has tried yet. The others wait for its
	// outcome, so that a wrong password is sent once and not once for each of them.
	turn chan struct{}

	mu       sync.Mutex // guards standing and prefixes
	standing standing
	prefixes []string
}

// enter waits until the credentials may be sent. With trying, the caller is the one that tries them and must
// call leave. ErrRefused means that they are known to be wrong.
func (s *space) enter(ctx context.Context) (trying bool, err error) {
	if known, err := s.known(); known {
		return false, err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if known, err := s.known(); known {
		s.leave()
		return false, err
	}
	return true, nil
}

func (s *space) leave() { <-s.turn }

func (s *space) known() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standing == refused {
		return true, ErrRefused
	}
	return s.standing == proven, nil
}

func (s *space) set(to standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = to
}

// prove notes that the credentials were accepted, and adds the path prefixes that they are good for.
func (s *space) prove(prefixes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = proven
	for _, p := range prefixes {
		if !slices.ContainsFunc(s.prefixes, func(have string) bool { return strings.HasPrefix(p, have) }) {
			s.prefixes = append(s.prefixes, p)
		}
	}
	if over := len(s.prefixes) - maxPrefixes; over > 0 {
		s.prefixes = slices.Delete(s.prefixes, 0, over)
	}
}

// covers returns the length of the longest prefix of path if the credentials are proven, else -1.
func (s *space) covers(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := -1
	if s.standing != proven {
		return longest
	}
	for _, p := range s.prefixes {
		if strings.HasPrefix(path, p) {
			longest = max(longest, len(p))
		}
	}
	return longest
}
