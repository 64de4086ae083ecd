package passport

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParseConfiguration(t *testing.T) {
	t.Parallel()
	login := func(s string) *url.URL { return mustParse(t, s) }
	for name, tt := range map[string]struct {
		field string
		want  *Configuration
	}{
		"as in use": {
			"DARealm=Passport.Net,DALogin=login.live.com/login2.srf,DAReg=http://x/,Properties=,Privacy=a=b,GeneralRedir=r,Help=h,ConfigVersion=15",
			&Configuration{"Passport.Net", login("https://login.live.com/login2.srf"), 15},
		},
		"with a scheme, spaces and other cases": {
			" darealm=R, DALOGIN=https://l:8443/x?y=1#z,  configversion=18446744073709551615",
			&Configuration{"R", login("https://l:8443/x?y=1"), 1<<64 - 1},
		},
		"the first of two": {"DARealm=R,DALogin=a/,DALogin=b/,ConfigVersion=1", &Configuration{"R", login("https://a/"), 1}},
		"nothing":          {"", nil},
		"no realm":         {"DALogin=a/,ConfigVersion=1", nil},
		"no login":         {"DARealm=R,ConfigVersion=1", nil},
		"no version":       {"DARealm=R,DALogin=a/", nil},
		"a bad version":    {"DARealm=R,DALogin=a/,ConfigVersion=-1", nil},
		"a large version":  {"DARealm=R,DALogin=a/,ConfigVersion=18446744073709551616", nil},
		"http":             {"DARealm=R,DALogin=http://a/,ConfigVersion=1", nil},
		"HTTP":             {"DARealm=R,DALogin=HTTP://a/,ConfigVersion=1", nil},
		"a user":           {"DARealm=R,DALogin=u:p@a/,ConfigVersion=1", nil},
		"no host":          {"DARealm=R,DALogin=:443/a,ConfigVersion=1", nil},
		"a path":           {"DARealm=R,DALogin=/a,ConfigVersion=1", nil},
		"a control":        {"DARealm=R\x01,DALogin=a/,ConfigVersion=1", nil},
		"too long":         {"DARealm=" + strings.Repeat("R", maxList) + ",DALogin=a/,ConfigVersion=1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("PassportURLs", tt.field)
			got, err := ParseConfiguration(h)
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseReply(t *testing.T) {
	t.Parallel()
	from := mustParse(t, "https://login.example/dir/login2.srf?x=1")
	for name, tt := range map[string]struct {
		status int
		fields []string // "Name: value"
		want   *Reply   // nil for an error
	}{
		"a ticket": {
			200,
			[]string{"Authentication-Info: Passport1.4 da-status=success,tname=a,tname=b,from-PP='t=x==&p=',ru=http://h/?a=b"},
			&Reply{Ticket: &Ticket{"'t=x==&p='", "http://h/?a=b"}},
		},
		"a ticket with any status": {
			302,
			[]string{"Authentication-Info: passport1.4\tDA-Status=Success, FROM-pp=x y ,a", "Location: http://evil/", "PassportConfig: ConfigVersion=12"},
			&Reply{Ticket: &Ticket{FromPP: "x y "}, Version: 12},
		},
		"the second field": {
			200,
			[]string{"Authentication-Info: rspauth=1", "Authentication-Info: Passport1.4 da-status=success,from-PP=t"},
			&Reply{Ticket: &Ticket{FromPP: "t"}},
		},
		"no ticket":         {200, []string{"Authentication-Info: Passport1.4 da-status=success,ru=https://h/"}, nil},
		"an empty ticket":   {200, []string{"Authentication-Info: Passport1.4 da-status=success,from-PP=,ru=https://h/"}, nil},
		"nothing":           {200, nil, nil},
		"an unknown status": {200, []string{"Authentication-Info: Passport1.4 da-status=maybe"}, nil},
		"another version":   {200, []string{"Authentication-Info: Passport1.3 da-status=success,from-PP=t"}, nil},
		"a control":         {200, []string{"Authentication-Info: Passport1.4 da-status=success,from-PP=\x7f"}, nil},
		"a challenge": {
			401,
			[]string{`WWW-Authenticate: Basic realm="x"`, "WWW-Authenticate: Passport1.4 da-status=failed,srealm=R,ts=-3,b c=d=e,prompt,cburl=u,cbtxt=t", "PassportConfig: ConfigVersion=x"},
			&Reply{Challenge: &Challenge{Realm: "R", Prompt: true, Custom: []string{"ts=-3", "b c=d=e"}}},
		},
		"a final one":             {401, []string{"WWW-Authenticate: Passport1.4 srealm=R, DA-STATUS=failed-noretry"}, &Reply{Challenge: &Challenge{Realm: "R", Final: true}}},
		"a final one, as spelled": {401, []string{"WWW-Authenticate: Passport1.4 da-status=fail-noretry,,"}, &Reply{Challenge: &Challenge{Final: true}}},
		"a challenge without 401": {403, []string{"WWW-Authenticate: Passport1.4 da-status=failed,srealm=R"}, nil},
		"an empty challenge":      {401, []string{"WWW-Authenticate: Passport1.4"}, nil},
		"another challenge":       {401, []string{"WWW-Authenticate: Passport1.4 da-status=success,srealm=R"}, nil},
		"a redirect":              {302, []string{"Authentication-Info: Passport1.4 da-status=redir", "Location: ../l?a=b#c"}, &Reply{Redirect: mustParse(t, "https://login.example/l?a=b")}},
		"a redirect by 200":       {200, []string{"Authentication-Info: Passport1.4 da-status=redir", "Location: https://h/"}, nil},
		"a redirect to http":      {302, []string{"Authentication-Info: Passport1.4 da-status=redir", "Location: http://login.example/"}, nil},
		"a redirect to nowhere":   {302, []string{"Authentication-Info: Passport1.4 da-status=redir"}, nil},
		"an ordinary redirect":    {302, []string{"Location: https://h/"}, nil},
		"a logout":                {302, []string{"Authentication-Info: Passport1.4 da-status=logout", "Location: https://h/"}, &Reply{LoggedOut: true}},
		"a logout with a challenge": {
			401,
			[]string{"Authentication-Info: Passport1.4 da-status=logout", "WWW-Authenticate: Passport1.4 da-status=failed,srealm=R"},
			&Reply{LoggedOut: true, Challenge: &Challenge{Realm: "R"}},
		},
		"a logout by 401": {401, []string{"Authentication-Info: Passport1.4 da-status=logout"}, &Reply{LoggedOut: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			for _, field := range tt.fields {
				name, value, _ := strings.Cut(field, ": ")
				h.Add(name, value)
			}
			got, err := ParseReply(from, tt.status, h)
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if tt.want == nil {
				return
			}
			if diff := cmp.Diff(*tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	r := Request{"GET", mustParse(t, "https://u:p@h:8/a,b?c=d,e#f"), "lc=1,, odd = x ,Z"}
	if got, want := r.Token(), "Passport1.4 tname=,OrgVerb=GET,OrgUrl=https://h:8/a%2Cb?c=d%2Ce,lc=1,, odd = x ,Z"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got := r.SignIn("a@b.c", `-._~,%="+ ü`, []string{"ts=0", "x"})
	want := "Passport1.4 sign-in=a%40b.c,pwd=-._~%2C%25%3D%22%2B%20%C3%BC,elapsed-time=0,OrgVerb=GET," +
		"OrgUrl=https://h:8/a%2Cb?c=d%2Ce,ts=0,x,lc=1,, odd = x ,Z"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := FromPP("'t=a==&p='"), "Passport1.4 from-PP='t=a==&p='"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzPassport: every field that the client reads. What comes out must hold whatever went in.
func FuzzPassport(f *testing.F) {
	f.Add(200, "Passport1.4 da-status=success,tname=a,from-PP='t=x==&p=',ru=https://h/", "", "", "ConfigVersion=3", "")
	f.Add(401, "", "Passport1.4 da-status=failed,srealm=R,ts=-3,prompt,cburl=u", "", "", "DARealm=R,DALogin=l/x,ConfigVersion=2")
	f.Add(302, "Passport1.4 da-status=redir", "", "https://h/a", "ConfigVersion=", "DARealm=R,DALogin=https://l:1/,ConfigVersion=1")
	f.Add(302, "Passport1.4 da-status=logout", "Passport1.4 \t", "//h", "=", ",=,")
	from := mustParse(f, "https://login.example/login2.srf")
	f.Fuzz(func(t *testing.T, status int, info, challenge, location, update, urls string) {
		h := http.Header{}
		for name, value := range map[string]string{
			"Authentication-Info": info, "WWW-Authenticate": challenge, "Location": location,
			"PassportConfig": update, "PassportURLs": urls,
		} {
			h.Set(name, value)
		}
		if c, err := ParseConfiguration(h); err == nil && (c.Login.Scheme != "https" || c.Login.Hostname() == "" || c.Realm == "") {
			t.Errorf("%q gives %+v", urls, c)
		}
		r, err := ParseReply(from, status, h)
		if err != nil {
			return
		}
		if r.Redirect != nil && (r.Redirect.Scheme != "https" || r.Redirect.Hostname() == "") {
			t.Errorf("%q is a redirect to %s", location, r.Redirect)
		}
		if r.Ticket != nil && (r.Ticket.FromPP == "" || strings.Contains(r.Ticket.FromPP, ",") || !strings.Contains(info, "="+r.Ticket.FromPP)) {
			t.Errorf("%q has the ticket %q", info, r.Ticket.FromPP)
		}
		if r.Ticket == nil && r.Challenge == nil && r.Redirect == nil && !r.LoggedOut {
			t.Errorf("%d is understood as nothing", status)
		}
		if r.Challenge == nil {
			return
		}
		signIn := Request{"GET", from, "c=1"}.SignIn("u,", "p,", r.Challenge.Custom)
		if got := strings.Count(signIn, ","); got != 5+len(r.Challenge.Custom) || strings.ContainsAny(signIn, "\r\n\x00") {
			t.Errorf("%q makes %q", challenge, signIn)
		}
	})
}
