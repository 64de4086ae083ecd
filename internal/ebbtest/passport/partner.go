package passport

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// The cookies: what the partner gives for a ticket, and what the login server remembers the user by.
const (
	partnerCookie = "MSPAuth"
	loginCookie   = "MSPSec"
)

// partner serves the file to those who have a ticket or a cookie, and sends the others to the login server.
func (t *Trio) partner(w http.ResponseWriter, r *http.Request) {
	o := t.Options()
	if len(r.CookiesNamed(loginCookie)) > 0 {
		t.fault("the partner got the login server's cookie")
	}
	list, authorized := credentials(r)
	ticket, isTicket := strings.CutPrefix(list, "from-PP=")
	switch {
	case authorized && !isTicket:
		t.fault("the partner got Authorization: %s", r.Header.Get("Authorization"))
		t.challenge(w, r, o)
	case isTicket && !t.take(t.tickets, ticket):
		t.fault("the partner got a ticket that is not from the login server, or was used already: %s", ticket)
		t.challenge(w, r, o)
	case isTicket && o.RefuseTickets:
		t.challenge(w, r, o)
	case isTicket:
		t.setToken(w, r, o)
		t.file(w, r, o)
	case t.holds(t.cookies, r, partnerCookie):
		t.file(w, r, o)
	default:
		t.challenge(w, r, o)
	}
}

// challenge is the Partner Server Challenge. What is in it is between partner and login server; a client that
// sorts, unescapes, trims or rewrites it will not find its way to the end.
func (t *Trio) challenge(w http.ResponseWriter, r *http.Request, o Options) {
	here := t.Partner.URL + r.RequestURI
	list := fmt.Sprintf("lc=1033,id=507,tw=40,fs=1,ru=%s,ct=1061919616,kpp=0,KV=7,kv=8,ver=2.1.6000.1,"+
		"odd=a  b==c&d%%2c\"e', spaced =x,,rn=%s,tpf=0f0f", url.QueryEscape(here), rand.Text())
	t.mu.Lock()
	t.challenges[list] = challenged{r.Method, here}
	t.mu.Unlock()
	w.Header()["WWW-Authenticate"] = []string{"Passport1.4 " + list}
	if o.Also != "" {
		w.Header()["WWW-Authenticate"] = []string{o.Also, "Passport1.4 " + list}
	}
	if o.Status401 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Location", t.Login.URL+"/page")
	w.WriteHeader(http.StatusFound)
	fmt.Fprintln(w, "sign in first")
}

// setToken is the Set Token message.
func (t *Trio) setToken(w http.ResponseWriter, r *http.Request, o Options) {
	w.Header().Set("Authentication-Info", "Passport1.4 tname="+partnerCookie+",tname=MSPProf")
	if o.NoCookies {
		return
	}
	for name, value := range map[string]string{partnerCookie: t.issue(t.cookies, "auth-%s"), "MSPProf": "profile"} {
		c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: !o.Cleartext}
		if o.CookiePath {
			c.Path = path.Dir(r.URL.Path)
		}
		http.SetCookie(w, c)
	}
}

// file serves ranges of the file, with a strong validator.
func (t *Trio) file(w http.ResponseWriter, r *http.Request, o Options) {
	t.mu.Lock()
	cut := t.options.CutAfter
	if t.options.CutAfter = 0; cut > 0 {
		w = &cutWriter{w, cut}
	}
	t.mu.Unlock()
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), t.Content())
}

// cutWriter ends the connection after left bytes of the body.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
