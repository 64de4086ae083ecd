package httpauth

func newNegotiate(Credentials, Kerberos) scheme { return &ntlmScheme{} } // until negotiate.go is complete
