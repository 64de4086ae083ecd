package passport_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
)

// hand is a client that does by hand what it is told.
type hand struct {
	t         *testing.T
	transport *http.Transport
}

func newHand(t *testing.T, trio *passport.Trio) hand {
	tr := &http.Transport{TLSClientConfig: trio.TLS()}
	t.Cleanup(tr.CloseIdleConnections)
	return hand{t, tr}
}

func (h hand) get(url string, fields ...string) *http.Response {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	resp, err := h.transport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp
}

// challenge returns the partner's list.
func (h hand) challenge(trio *passport.Trio) string {
	h.t.Helper()
	resp := h.get(trio.FileURL)
	list, ok := strings.CutPrefix(resp.Header.Get("WWW-Authenticate"), "Passport1.4 ")
	if !ok || resp.StatusCode != http.StatusFound || resp.Header.Get("Location") == "" {
		h.t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	return list
}

func cookieOf(resp *http.Response) string {
	var pairs []string
	for _, c := range resp.Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return "Cookie: " + strings.Join(pairs, "; ")
}

// TestByHand goes through the protocol as the specification tells it.
func TestByHand(t *testing.T) {
	t.Parallel()
	trio := passport.New(t, passport.Options{Password: "a,b%"})
	h := newHand(t, trio)
	list := h.challenge(trio)
	nexus := h.get(trio.Nexus.URL)
	if got := nexus.Header["Passporturls"]; len(got) != 1 || !strings.HasPrefix(got[0], "DARealm=Passport.Test,DALogin=127.0.0.1:") {
		t.Fatal(got)
	}
	login := trio.Login.URL + "/login2.srf"
	org := "OrgVerb=GET,OrgUrl=" + strings.ReplaceAll(trio.FileURL, ",", "%2C")
	refusal := h.get(login, "Authorization: Passport1.4 tname=,"+org+","+list)
	if got := refusal.Header.Get("WWW-Authenticate"); refusal.StatusCode != http.StatusUnauthorized ||
		!strings.HasPrefix(got, "Passport1.4 da-status=failed,srealm=Passport.Test,ts=-3,cburl=") {
		t.Fatal(refusal.Status, got)
	}
	signIn := "Authorization: Passport1.4 sign-in=alice%40example.org,pwd=PWD,elapsed-time=0," + org + ",ts=-3," + list
	if wrong := h.get(login, strings.Replace(signIn, "PWD", "a%2Cb", 1)); wrong.StatusCode != http.StatusUnauthorized {
		t.Fatal(wrong.Status)
	}
	token := h.get(login, strings.Replace(signIn, "PWD", "a%2Cb%25", 1))
	info := token.Header.Get("Authentication-Info")
	_, fromPP, _ := strings.Cut(info, ",from-PP=")
	fromPP, ru, _ := strings.Cut(fromPP, ",ru=")
	if !strings.HasPrefix(info, "Passport1.4 da-status=success,tname=") || !strings.HasPrefix(fromPP, "'t=") || ru == "" {
		t.Fatal(info)
	}
	first := h.get(ru, "Authorization: Passport1.4 from-PP="+fromPP, "Range: bytes=5-")
	if first.StatusCode != http.StatusPartialContent || first.Header.Get("Authentication-Info") == "" || len(first.Cookies()) != 2 {
		t.Fatal(first.Status, first.Header)
	}
	if later := h.get(trio.FileURL, cookieOf(first)); later.StatusCode != http.StatusOK || later.ContentLength != 1<<20 {
		t.Fatal(later.Status)
	}
	trio.ExpireCookies()
	if expired := h.get(trio.FileURL, cookieOf(first)); expired.StatusCode != http.StatusFound {
		t.Fatal(expired.Status)
	}
	again := h.get(login, "Authorization: Passport1.4 tname=,"+org+","+list, cookieOf(token))
	if !strings.HasPrefix(again.Header.Get("Authentication-Info"), "Passport1.4 da-status=success,") {
		t.Fatal(again.Header)
	}
}

// TestFaults: what a client must not do is seen.
func TestFaults(t *testing.T) {
	t.Parallel()
	trio := passport.Start(passport.Options{})
	t.Cleanup(trio.Close)
	h := newHand(t, trio)
	list := h.challenge(trio)
	login := trio.Login.URL + "/login2.srf"
	org := "OrgVerb=GET,OrgUrl=" + strings.ReplaceAll(trio.FileURL, ",", "%2C")
	token := func(challenge string) string { return "Authorization: Passport1.4 tname=," + org + "," + challenge }
	swapped := strings.Replace(list, "lc=1033,id=507", "id=507,lc=1033", 1)
	for _, tt := range []struct{ name, url, field, want string }{
		{"order", login, token(swapped), "changed"},
		{"one byte", login, token(strings.Replace(list, "%2c", "%2C", 1)), "changed"},
		{"a space", login, token(strings.Replace(list, "a  b", "a b", 1)), "changed"},
		{"its end", login, token(list + ","), "changed"},
		{"another verb", login, strings.Replace(token(list), "=GET", "=POST", 1), "OrgVerb=POST"},
		{"another URL", login, strings.Replace(token(list), "file.bin", "other.bin", 1), "was asked for"},
		{"no tname", login, "Authorization: Passport1.4 " + org + "," + list, "Authorization"},
		{"no custom token", login, "Authorization: Passport1.4 sign-in=a,pwd=b,elapsed-time=0," + org + "," + list, "Authorization"},
		{"a password that is not escaped", login, "Authorization: Passport1.4 sign-in=a,pwd=\"b,elapsed-time=0," + org + ",ts=-3," + list, "not escaped"},
		{"the partner's cookie", login, "Cookie: MSPAuth=x", "partner's cookie"},
		{"the login server's cookie", trio.FileURL, "Cookie: MSPSec=x", "login server's cookie"},
		{"a sign-in at the partner", trio.FileURL, "Authorization: Passport1.4 sign-in=a,pwd=b", "the partner got"},
		{"a made-up ticket", trio.FileURL, "Authorization: Passport1.4 from-PP=x", "ticket"},
		{"credentials for the nexus", trio.Nexus.URL, "Authorization: Basic eDp5", "nexus"},
		{"a cookie for the nexus", trio.Nexus.URL, "Cookie: MSPSec=x", "nexus"},
	} {
		before := len(trio.Faults())
		resp := h.get(tt.url, tt.field)
		if faults := trio.Faults(); len(faults) == before || !strings.Contains(faults[before], tt.want) {
			t.Errorf("%s: faults %q, want one with %q", tt.name, faults[before:], tt.want)
		}
		if tt.want == "changed" && !strings.Contains(resp.Header.Get("WWW-Authenticate"), "da-status=failed-noretry,") {
			t.Errorf("%s: answered %s %v", tt.name, resp.Status, resp.Header)
		}
	}
}
