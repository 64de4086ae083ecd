package passport

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Reply is the answer of a login server. One of Ticket, Challenge and Redirect is set, or none with LoggedOut.
type Reply struct {
	Ticket    *Ticket
	Challenge *Challenge
	Redirect  *url.URL // send the same message there; always https
	// LoggedOut: the user is signed out, and the login server's cookies are void.
	LoggedOut bool
	// Version is the ConfigVersion that is announced, or 0.
	Version uint64
}

// Ticket is a Token Response: the user is known.
type Ticket struct {
	FromPP string // for the partner, byte for byte
	Return string // the URL to take it to; "" if not said
}

// Challenge is the login server's own challenge.
type Challenge struct {
	Realm  string
	Final  bool     // da-status=failed-noretry
	Prompt bool     // the user is to be asked, not the memory
	Custom []string // tokens to be sent back
}

// ParseReply reads the answer of the login server at from. Status and header are all that counts.
func ParseReply(from *url.URL, status int, h http.Header) (Reply, error) {
	r := Reply{Version: announced(h)}
	info, found, err := find(h["Authentication-Info"])
	if err != nil {
		return r, fmt.Errorf("its Authentication-Info: %w", err)
	}
	da, _ := info.get("da-status")
	da = strings.ToLower(da)
	switch {
	case da == "success":
		return r.success(info)
	case da == "redir" && status == http.StatusFound:
		r.Redirect, err = parseLogin(from, h.Get("Location"))
		return r, err
	case da == "logout":
		r.LoggedOut = true
	case found:
		return r, fmt.Errorf("da-status=%q with status %d is not known", da, status)
	}
	if status == http.StatusUnauthorized {
		if r.Challenge, err = parseChallenge(h["Www-Authenticate"]); err != nil && !r.LoggedOut {
			return r, err
		}
	}
	if r.Challenge == nil && !r.LoggedOut {
		return r, fmt.Errorf("an answer with status %d that is not of Passport 1.4", status)
	}
	return r, nil
}

func (r Reply) success(info list) (Reply, error) {
	var t Ticket
	if t.FromPP, _ = info.get("from-PP"); t.FromPP == "" {
		return r, errors.New("da-status=success without from-PP")
	}
	t.Return, _ = info.get("ru")
	r.Ticket = &t
	return r, nil
}

// known are the tokens of a challenge that mean something here, or are for a window that nobody will see.
var known = []string{"da-status", "srealm", "prompt", "cburl", "cbtxt"}

func parseChallenge(fields []string) (*Challenge, error) {
	l, found, err := find(fields)
	switch {
	case err != nil:
		return nil, fmt.Errorf("its WWW-Authenticate: %w", err)
	case !found:
		return nil, errors.New("a 401 without a challenge of Passport 1.4")
	}
	var c Challenge
	c.Realm, _ = l.get("srealm")
	_, c.Prompt = l.get("prompt")
	switch status, _ := l.get("da-status"); strings.ToLower(status) {
	case "failed":
	case "failed-noretry", "fail-noretry": // the text of the specification has both
		c.Final = true
	default:
		return nil, fmt.Errorf("da-status=%q in a challenge is not known", status)
	}
	for _, token := range l {
		name, _, _ := strings.Cut(token, "=")
		if token != "" && !slices.Contains(known, strings.ToLower(name)) {
			c.Custom = append(c.Custom, token)
		}
	}
	return &c, nil
}
