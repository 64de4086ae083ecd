//go:build integration && unix

package daemon_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// fate is what becomes of implicit credentials, where the owner of the job has a Kerberos ticket.
type fate int

const (
	invalid  fate = iota // the scheme has none: they are refused when the job is created
	admitted             // the ticket lets it in
	lacking              // there is nothing to send: the job is in error
	rejected             // the ticket is sent, and refused
	expired              // as lacking: the ticket's time is over
)

// party is who asks for credentials on the way to a file: the server, or a proxy.
type party struct {
	target   string   // "server" or "proxy"
	offers   []string // the schemes of its challenges
	scheme   string   // that credentials are set for
	answered string   // the one of offers that they answer
	user     rig.User // who may pass
	implicit fate
	own      bool // the right credentials are the implicit ones: of a daemon with a keytab
	kdc      bool // the password goes to the KDC, and not to the party

	log    func() []rig.Request // what it has been asked; nil: nobody knows
	settle func(*testing.T)     // returns when the log has all that was asked before
}

// The parties that differ in more than where they are.
var (
	forBasic     = party{offers: []string{"basic"}, scheme: "basic", answered: "basic", user: rig.Alice}
	forDigest    = party{offers: []string{"digest"}, scheme: "digest", answered: "digest", user: rig.Alice}
	forNTLM      = party{offers: []string{"ntlm"}, scheme: "ntlm", answered: "ntlm", user: inDomain(rig.NTLMAlice), implicit: lacking}
	forNegotiate = party{offers: []string{"negotiate"}, scheme: "negotiate", answered: "negotiate", user: rig.Alice, implicit: admitted, kdc: true}
	forPassport  = party{offers: []string{"passport"}, scheme: "passport", answered: "passport"}
)

func inDomain(u rig.User) rig.User {
	return rig.User{Name: rig.NTLMDomain + `\` + u.Name, Password: u.Password}
}

// offering is p where other schemes are offered beside, or instead.
func (p party) offering(schemes ...string) party {
	p.offers = schemes
	return p
}

// at is p as a server.
func (p party) at(s *rig.Server) *party {
	p.target, p.log = "server", s.AccessLog
	p.settle = (&place{server: s}).sync
	return &p
}

// before is p as a proxy. Its log is complete when it has what was asked of s.
func (p party) before(s *rig.Server, proxy *rig.Proxy) *party {
	p.target, p.log = "proxy", proxy.AccessLog
	p.settle = (&place{server: s, proxy: proxy}).sync
	return &p
}

func (p *party) code() job.Code {
	if p.target == "proxy" {
		return 0x80190197
	}
	return 0x80190191
}

// credential is the right one.
func (p *party) credential() job.Credential {
	if p.own {
		return p.implicitCredential()
	}
	return job.Credential{Target: p.target, Scheme: p.scheme, User: p.user.Name, Password: p.user.Password}
}

// wrongCredential has a wrong password, another one each time. It is of a user who is never let in meanwhile: squid takes
// what it finds out of a user for all requests of that user.
func (p *party) wrongCredential() job.Credential {
	c := p.credential()
	if !p.own {
		c.Password = "wröng-" + (&place{}).newMark()
	}
	if c.User == rig.Alice.Name {
		c.User = rig.Bob.Name
	}
	return c
}

func (p *party) implicitCredential() job.Credential {
	return job.Credential{Target: p.target, Scheme: p.scheme, Implicit: true}
}

// carriesSecret reports whether a value of Authorization lets somebody in, or could be used to guess a password: all
// but the messages that only open a conversation.
func carriesSecret(value string) bool {
	scheme, rest, _ := strings.Cut(value, " ")
	switch strings.ToLower(scheme) {
	case "":
		return false
	case "ntlm", "negotiate":
		token, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return true
		}
		return !bytes.Contains(token, []byte("NTLMSSP\x00\x01"))
	case "passport1.4":
		return !strings.HasPrefix(rest, "tname=")
	}
	return true
}

func countSecrets(log []rig.Request) int {
	n := 0
	for _, r := range log {
		if carriesSecret(r.Auth) {
			n++
		}
	}
	return n
}
