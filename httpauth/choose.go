package httpauth

import "fmt"

// preference is the order in which schemes are tried, strongest first. A scheme is usable if it is offered, has
// credentials for exactly this target and origin, and policy lets them be sent this way.
var preference = []Scheme{Negotiate, NTLM, Digest, Passport, Bearer, Basic}

// choice is a challenge and the scheme that is to answer it.
type choice struct {
	name      Scheme
	scheme    scheme
	challenge Challenge
}

// choose returns the usable schemes, best first, or why there are none. exposed says that a secret sent
// as it is could be read on the way, and may not be.
func choose(a *authority, offered []Challenge, exposed bool) ([]choice, error) {
	var usable []choice
	var why error
	for _, name := range preference {
		s := a.schemes[name]
		var own []Challenge
		for _, c := range offered {
			if c.Scheme == name {
				own = append(own, c)
			}
		}
		if s == nil || len(own) == 0 {
			continue
		}
		if s.traits().cleartext && exposed {
			why = also(why, fmt.Errorf("%w: %s can be read by everyone on the way; use https or allow cleartext", ErrCleartext, name))
			continue
		}
		c, err := s.pick(own)
		if err != nil {
			why = also(why, err)
			continue
		}
		usable = append(usable, choice{name, s, c})
	}
	if len(usable) > 0 {
		return usable, nil
	}
	if why == nil {
		why = ErrNoCredentials
	}
	return nil, why
}

// also joins two reasons into one line.
func also(why, more error) error {
	switch {
	case why == nil:
		return more
	case more == nil:
		return why
	}
	return fmt.Errorf("%w; %w", why, more)
}

// realmOf is the realm that c's credentials belong to. A bearer token belongs to its origin, whatever the realm says.
func realmOf(c Challenge) string {
	if c.Scheme == Bearer {
		return ""
	}
	realm, _ := c.Get("realm")
	return realm
}
