package passport

// Options say how the servers behave. The zero value is the ordinary case.
type Options struct {
	User     string // who may sign in; default "alice@example.org"
	Password string // default has all that must be escaped: comma, percent, equals sign, quote, UTF-8
	Size     int64  // of the file, in bytes; default 1 MiB

	// Of the partner. Cleartext is fixed at the start.
	Cleartext     bool   // it is reached by http
	Status401     bool   // it challenges by 401, not by 302
	Also          string // another challenge, sent beside its own
	RefuseTickets bool   // it takes no ticket
	NoCookies     bool   // it takes tickets, but gives no cookies
	CookiePath    bool   // its cookies are for the folder of the request only
	CutAfter      int64  // it closes the connection after that many bytes of the next body, once; 0 never

	// Of the login server.
	RedirectToken  bool   // it hands Token Requests on to the second login server
	RedirectSignIn bool   // it hands Sign-in Requests on to it
	RedirectTo     string // it hands them on to this URL instead
	NoCookie       bool   // it does not remember who has signed in
	Realm          string // the srealm of its challenges; default the DARealm
	Status         string // the da-status of its challenges; default "failed"
	Prompt         bool   // its challenges demand a person
	ReturnTo       string // the ru of its tickets; default the URL that was asked for
	Announce       uint64 // the ConfigVersion that it announces; 0 none
	LogOut         bool   // it answers the next cookie by signing the user out, once
	Fail           bool   // it answers every Sign-in Request 503

	// Of the nexus.
	Version   uint64 // its ConfigVersion; default 10
	DALogin   string // its DALogin; default the login server without "https://"
	NexusFail bool   // it answers 503 without PassportURLs
}

func (o *Options) setDefaults() {
	if o.User == "" {
		o.User = "alice@example.org"
	}
	if o.Password == "" {
		o.Password = `a,b%2C=c"d ü&+'`
	}
	if o.Size == 0 {
		o.Size = 1 << 20
	}
	if o.Version == 0 {
		o.Version = 10
	}
}

// Realm is the DARealm of the nexus.
const Realm = "Passport.Test"
