package passport

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// custom is the token of the login server's challenge that is to come back to it.
const custom = "ts=-3"

// message is a Token Request or a Sign-in Request.
type message struct {
	signIn         bool
	user, password string
	verb, url      string
	rest           string // the partner's challenge
}

// login is the login server that the nexus names.
func (t *Trio) login(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/page") { // for a person with a browser
		fmt.Fprintln(w, "who are you?")
		return
	}
	m, ok := t.read(w, r)
	if !ok {
		return
	}
	o := t.Options()
	if handOn := m.signIn && o.RedirectSignIn || !m.signIn && o.RedirectToken; !handOn {
		t.answer(w, r, m)
		return
	}
	t.mu.Lock()
	t.handedOn = r.Header.Get("Authorization")
	t.mu.Unlock()
	to := o.RedirectTo
	if to == "" {
		to = t.Login2.URL + "/login2.srf?handed=on"
	}
	w.Header().Set("Authentication-Info", "Passport1.4 da-status=redir")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// login2 is the login server that clients are handed on to. It must get the same message, byte for byte.
func (t *Trio) login2(w http.ResponseWriter, r *http.Request) {
	m, ok := t.read(w, r)
	if !ok {
		return
	}
	t.mu.Lock()
	expected := t.handedOn
	t.handedOn = ""
	t.mu.Unlock()
	if got := r.Header.Get("Authorization"); expected != "" && got != expected {
		t.fault("the message that was handed on has changed: %s", got)
	}
	t.answer(w, r, m)
}

// read reads the message in the order of the specification, and answers one that is not as it must be.
func (t *Trio) read(w http.ResponseWriter, r *http.Request) (message, bool) {
	if len(r.CookiesNamed(partnerCookie)) > 0 {
		t.fault("a login server got the partner's cookie")
	}
	list, ok := credentials(r)
	m := message{signIn: strings.HasPrefix(list, "sign-in=")}
	token := func(name string) (value string) {
		var found bool
		value, list, _ = strings.Cut(list, ",")
		if value, found = strings.CutPrefix(value, name+"="); !found {
			ok = false
		}
		return value
	}
	if m.signIn {
		m.user, m.password = t.unescape(token("sign-in")), t.unescape(token("pwd"))
		ok = ok && token("elapsed-time") == "0"
	} else {
		token("tname")
	}
	m.verb, m.url = token("OrgVerb"), token("OrgUrl")
	if m.signIn {
		var has bool
		list, has = strings.CutPrefix(list, custom+",")
		ok = ok && has
	}
	m.rest = list
	if !ok {
		t.fault("a login server got Authorization: %s", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusBadRequest)
		return m, false
	}
	return m, t.checkChallenge(w, m)
}

// checkChallenge answers failed-noretry to a challenge that is not from the partner, byte for byte.
func (t *Trio) checkChallenge(w http.ResponseWriter, m message) bool {
	t.mu.Lock()
	c, known := t.challenges[m.rest]
	t.mu.Unlock()
	if !known {
		t.fault("the partner's challenge has come back changed: %s", m.rest)
		o := t.Options()
		o.Status = "failed-noretry"
		t.refuse(w, o)
		return false
	}
	if m.verb != c.method || m.url != strings.ReplaceAll(c.url, ",", "%2C") {
		t.fault("OrgVerb=%s,OrgUrl=%s: the partner was asked for %s %s", m.verb, m.url, c.method, c.url)
	}
	return true
}

func (t *Trio) unescape(value string) string {
	s, err := url.PathUnescape(value)
	if err != nil || strings.ContainsAny(value, ` "+=&`) || strings.ContainsFunc(value, func(r rune) bool { return r > '~' }) {
		t.fault("%q is not escaped", value)
	}
	return s
}

// answer gives a ticket to those who are known.
func (t *Trio) answer(w http.ResponseWriter, r *http.Request, m message) {
	o := t.Options()
	if o.Announce != 0 {
		w.Header().Set("PassportConfig", fmt.Sprintf("ConfigVersion=%d", o.Announce))
	}
	remembered := t.holds(t.remembered, r, loginCookie)
	switch {
	case m.signIn && o.Fail:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !m.signIn && remembered && t.logOut():
		w.Header().Set("Authentication-Info", "Passport1.4 da-status=logout") // that alone makes the cookie void
		w.WriteHeader(http.StatusOK)
	case !m.signIn && remembered, m.signIn && m.user == o.User && m.password == o.Password:
		t.ticket(w, o, m)
	default:
		t.refuse(w, o)
	}
}

// logOut reports whether the user is to be signed out now, once.
func (t *Trio) logOut() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.options.LogOut
	if t.options.LogOut = false; now {
		clear(t.remembered)
	}
	return now
}

// ticket is the Token Response. The ticket has the form of those in use, and looks like parameters without being some.
func (t *Trio) ticket(w http.ResponseWriter, o Options, m message) {
	ru := o.ReturnTo
	if ru == "" {
		ru = m.url
	}
	fromPP := t.issue(t.tickets, "'t=%s==&p=x%%2Cy z;ru=no'")
	w.Header().Set("Authentication-Info", "Passport1.4 da-status=success,tname=MSPAuth,tname=MSPProf,from-PP="+fromPP+",ru="+ru)
	if !o.NoCookie {
		http.SetCookie(w, &http.Cookie{
			Name: loginCookie, Value: t.issue(t.remembered, "sec-%s"), Path: "/", Secure: true, HttpOnly: true,
		})
	}
	w.WriteHeader(http.StatusOK)
	fmt.Fprintln(w, "you are in")
}

// refuse is the login server's challenge.
func (t *Trio) refuse(w http.ResponseWriter, o Options) {
	status, realm, prompt := o.Status, o.Realm, ""
	if status == "" {
		status = "failed"
	}
	if realm == "" {
		realm = Realm
	}
	if o.Prompt {
		prompt = ",prompt"
	}
	w.Header().Set("WWW-Authenticate", "Passport1.4 da-status="+status+",srealm="+realm+","+custom+prompt+
		",cburl="+t.Login.URL+"/brand.gif,cbtxt=Type%20your%20password")
	w.WriteHeader(http.StatusUnauthorized)
}
