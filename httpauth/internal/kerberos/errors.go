package kerberos

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// What errors.Is finds in the errors of this package. With the first four, no secret
// was refused: another scheme may be tried.
var (
	// ErrNoTicket means that there is no way to a ticket: no krb5.conf or one that
	// cannot be read, no ticket cache, an unknown user or realm, or no KDC that answers.
	ErrNoTicket = errors.New("no Kerberos ticket")
	// errSilence is the case of it that no KDC answers.
	errSilence = fmt.Errorf("%w: no KDC answers", ErrNoTicket)
	// ErrExpired means that the cached ticket has ended. A person must run kinit.
	ErrExpired = errors.New("the Kerberos ticket has expired")
	// ErrUnknownService means that the KDC does not know the service.
	ErrUnknownService = errors.New("no such Kerberos service")
	// ErrUnsupportedCache means that the ticket cache is of a kind that cannot be read.
	ErrUnsupportedCache = errors.New("unreadable kind of Kerberos ticket cache")

	// ErrRefused means that the KDC refused the password or the key of the keytab, or
	// the account. It is not tried again: that could lock the account.
	ErrRefused = errors.New("the KDC refused the credentials")
	// ErrClockSkew means that the clocks of this machine and of the KDC or the service
	// are too far apart.
	ErrClockSkew = errors.New("the clocks are too far apart")
	// ErrRejected means that the service answered the token with an error of its own.
	ErrRejected = errors.New("the service rejected the ticket")
	// ErrNotProven means that the service's answer does not prove that it has the
	// service's key: it is not the service, or was changed on the way.
	ErrNotProven = errors.New("the service does not prove its identity")
)

// loginError says what a KDC's error means that answers a request for a TGT.
// proved says that the request carried a proof of the password or key.
func loginError(e messages.KRBError, who principal, proved bool, now time.Time) error {
	switch e.ErrorCode {
	case errorcode.KDC_ERR_PREAUTH_FAILED:
		return fmt.Errorf("%w: wrong password or key for %s", ErrRefused, who)
	case errorcode.KDC_ERR_KEY_EXPIRED:
		return fmt.Errorf("%w: the password of %s has expired: change it with kpasswd", ErrRefused, who)
	case errorcode.KDC_ERR_CLIENT_REVOKED, errorcode.KDC_ERR_NAME_EXP, errorcode.KDC_ERR_CLIENT_NOTYET, errorcode.KDC_ERR_POLICY:
		return fmt.Errorf("%w: the account %s is locked, disabled, expired or restricted (%s)", ErrRefused, who, describe(e))
	case errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		return fmt.Errorf("%w: the KDC does not know %s", ErrNoTicket, who)
	case errorcode.KRB_AP_ERR_SKEW:
		return skewError("the KDC of "+who.realm, e.STime, now)
	}
	if e.ErrorCode == errorcode.KDC_ERR_ETYPE_NOSUPP {
		return fmt.Errorf("%w: %s", ErrNoTicket, noCommonType(who))
	}
	if proved && e.ErrorCode != errorcode.KRB_ERR_GENERIC { // the same proof would bring the same answer
		return fmt.Errorf("%w: %s: %s", ErrRefused, who, describe(e))
	}
	return fmt.Errorf("%w: the KDC gives none to %s: %s", ErrNoTicket, who, describe(e))
}

// ticketError says what a KDC's error means that answers a request for a service's
// ticket.
func ticketError(e messages.KRBError, tgt *ticket, service principal, now time.Time) error {
	switch e.ErrorCode {
	case errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN:
		return fmt.Errorf("%w: the KDC of %s does not know %s", ErrUnknownService, tgt.forRealm(), service.name.PrincipalNameString())
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		return expiredError(tgt)
	case errorcode.KRB_AP_ERR_SKEW, errorcode.KRB_AP_ERR_TKT_NYV:
		return skewError("the KDC of "+tgt.forRealm(), e.STime, now)
	case errorcode.KDC_ERR_ETYPE_NOSUPP:
		return fmt.Errorf("%w: %s", ErrNoTicket, noCommonType(service))
	}
	return fmt.Errorf("%w: the KDC gives %s none for %s: %s", ErrNoTicket, tgt.client, service, describe(e))
}

func expiredError(t *ticket) error {
	return fmt.Errorf("%w: that of %s ended at %s: run kinit", ErrExpired, t.client, t.end.UTC().Format(time.RFC3339))
}

func noCommonType(p principal) string {
	return fmt.Sprintf("%s has no key of a permitted encryption type: give it an AES key, or set allow_rc4 = true in krb5.conf", p)
}

func skewError(who string, theirs, ours time.Time) error {
	return fmt.Errorf("%w: %s has %s, this machine has %s: set the clock", ErrClockSkew, who,
		theirs.UTC().Format(time.RFC3339), ours.UTC().Format(time.RFC3339))
}

// describe returns the name and meaning of a KDC's error, and the KDC's own words
// without what could disturb a terminal or fill a log.
func describe(e messages.KRBError) string {
	text := errorcode.Lookup(e.ErrorCode)
	words := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, e.EText)
	if words != "" {
		text += ": " + words[:min(len(words), 200)]
	}
	return text
}

// decode runs f, in which gokrb5 decodes or decrypts what came from outside, and
// makes a panic in it an error about what. The panic's value is left out: it may
// quote what was decrypted.
func decode(what string, f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%s cannot be decoded", what)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%s cannot be decoded: %w", what, err)
	}
	return nil
}
