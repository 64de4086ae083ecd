package passport

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Configuration is what the configuration server says (the Update Configuration message).
type Configuration struct {
	Realm   string   // DARealm: who may ask for the password
	Login   *url.URL // DALogin; always https
	Version uint64   // ConfigVersion
}

// ParseConfiguration reads PassportURLs from the header of an answer with any status.
func ParseConfiguration(h http.Header) (*Configuration, error) {
	l, err := parseList(strings.Trim(h.Get("PassportURLs"), " \t"))
	if err != nil {
		return nil, fmt.Errorf("no PassportURLs that can be read: %w", err)
	}
	var c Configuration
	if c.Realm, _ = l.get("DARealm"); c.Realm == "" {
		return nil, errors.New("its PassportURLs name no DARealm")
	}
	login, _ := l.get("DALogin")
	if !strings.Contains(login, "://") {
		login = "https://" + login // as the servers in use leave it out
	}
	if c.Login, err = parseLogin(nil, login); err != nil {
		return nil, fmt.Errorf("its DALogin: %w", err)
	}
	if c.Version, err = version(l); err != nil {
		return nil, fmt.Errorf("its PassportURLs: %w", err)
	}
	return &c, nil
}

// announced reads PassportConfig (the Instructed Update message); without one that can be read it is 0.
func announced(h http.Header) uint64 {
	l, err := parseList(strings.Trim(h.Get("PassportConfig"), " \t"))
	if err != nil {
		return 0
	}
	v, err := version(l)
	if err != nil {
		return 0
	}
	return v
}

func version(l list) (uint64, error) {
	text, _ := l.get("ConfigVersion")
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no ConfigVersion", text)
	}
	return v, nil
}

// parseLogin returns the address of a login server: https, whoever names it, for the password goes there.
func parseLogin(base *url.URL, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return nil, errors.New("the address of the login server is not a URL")
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("the login server %s is not of the form https://host/path: no password is sent there", u.Redacted())
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}
