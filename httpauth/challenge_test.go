package httpauth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/httpauth"
)

func TestParseChallenges(t *testing.T) {
	t.Parallel()
	type challenges = []httpauth.Challenge
	type params = []httpauth.Param
	tests := map[string]struct {
		fields  []string
		want    challenges
		wantErr bool
	}{
		"none": {fields: nil, want: nil},
		"RFC 9110 11.6.1, two in one field": {
			fields: []string{`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`},
			want: challenges{
				{Scheme: "basic", Params: params{{"realm", "simple"}}},
				{Scheme: "newauth", Params: params{{"realm", "apps"}, {"type", "1"}, {"title", `Login to "apps"`}}},
			},
		},
		"bare schemes in one field": {
			fields: []string{"Negotiate, NTLM,Basic realm=x"},
			want:   challenges{{Scheme: "negotiate"}, {Scheme: "ntlm"}, {Scheme: "basic", Params: params{{"realm", "x"}}}},
		},
		"one in each field": {
			fields: []string{"NEGOTIATE", "ntlm"},
			want:   challenges{{Scheme: "negotiate"}, {Scheme: "ntlm"}},
		},
		"token68 between others": {
			fields: []string{`NTLM TlRMTVNTUAAC+/==, Negotiate a-._~+/b, Basic realm=""`},
			want: challenges{
				{Scheme: "ntlm", Token: "TlRMTVNTUAAC+/=="},
				{Scheme: "negotiate", Token: "a-._~+/b"},
				{Scheme: "basic", Params: params{{"realm", ""}}},
			},
		},
		"spaces round equals, empty list elements": {
			fields: []string{" , Digest  realm = \"a\" ,, nonce\t=\tb , ,"},
			want:   challenges{{Scheme: "digest", Params: params{{"realm", "a"}, {"nonce", "b"}}}},
		},
		"unquoted values that are not tokens": {
			fields: []string{`Digest realm=a/b:c, nonce=AAA==, domain=/x`},
			want:   challenges{{Scheme: "digest", Params: params{{"realm", "a/b:c"}, {"nonce", "AAA=="}, {"domain", "/x"}}}},
		},
		"commas, escapes and UTF-8 in quotes": {
			fields: []string{`Digest realm="a, Basic realm=\"b\\", qop="auth,auth-int", title="J` + "\u00e4" + `"`},
			want: challenges{{Scheme: "digest", Params: params{
				{"realm", `a, Basic realm="b\`}, {"qop", "auth,auth-int"}, {"title", "J\u00e4"},
			}}},
		},
		"IIS: MD5-sess": {
			fields: []string{`Digest qop="auth",algorithm=MD5-sess,nonce="+Upgraded+v1",charset=utf-8,realm="Digest"`},
			want: challenges{{Scheme: "digest", Params: params{
				{"qop", "auth"}, {"algorithm", "MD5-sess"}, {"nonce", "+Upgraded+v1"}, {"charset", "utf-8"}, {"realm", "Digest"},
			}}},
		},
		"Passport keeps the rest byte for byte": {
			fields: []string{`Passport1.4 ct=1,rver=6.0,, lc=1033,ru=http%3A//x/?a=b`, "Basic realm=x"},
			want: challenges{
				{Scheme: "passport", Token: "ct=1,rver=6.0,, lc=1033,ru=http%3A//x/?a=b"},
				{Scheme: "basic", Params: params{{"realm", "x"}}},
			},
		},
		"a fault hides nothing before it and no other field": {
			fields:  []string{`Basic realm="x", Digest realm="unfinished`, "NTLM"},
			want:    challenges{{Scheme: "basic", Params: params{{"realm", "x"}}}, {Scheme: "digest"}, {Scheme: "ntlm"}},
			wantErr: true,
		},
		"parameter without scheme":      {fields: []string{"realm=x"}, wantErr: true},
		"parameter after token68":       {fields: []string{"NTLM abc=, x=y"}, want: challenges{{Scheme: "ntlm", Token: "abc="}}, wantErr: true},
		"no comma between parameters":   {fields: []string{`Basic realm="x" charset="y"`}, want: challenges{{Scheme: "basic"}}, wantErr: true},
		"not a name":                    {fields: []string{`"x"`}, wantErr: true},
		"control character":             {fields: []string{"Basic realm=\"a\x00b\""}, want: challenges{{Scheme: "basic"}}, wantErr: true},
		"backslash at the end of field": {fields: []string{`Basic realm="a\`}, want: challenges{{Scheme: "basic"}}, wantErr: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := httpauth.ParseChallenges(tt.fields)
			if (err != nil) != tt.wantErr {
				t.Errorf("error %v, want one: %v", err, tt.wantErr)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseChallenges(f *testing.F) {
	for _, seed := range []string{
		`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`,
		"Negotiate, NTLM TlRMTVNTUAAC+/==,Basic realm=x",
		"Passport1.4 ct=1,,rver=6.0, ru=http%3A//x",
		" , Digest  realm = \"a\" ,, nonce\t=\tb==, qop=\"auth,auth-int\"",
		`Basic realm="x", Digest realm="unfinished`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		once, _ := httpauth.ParseChallenges([]string{field})
		var printed []string
		for _, c := range once {
			printed = append(printed, c.String())
		}
		twice, err := httpauth.ParseChallenges(printed)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", field, printed, err)
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Fatalf("%q printed as %q:\n%s", field, printed, diff)
		}
	})
}
