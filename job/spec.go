package job

// Spec is everything a new job can be given at once. It may hold secrets: it is sent to the
// service and never stored, logged or shown as it is.
type Spec struct {
	Type Type `json:"type"`
	Settings
	Files       []FileSpec   `json:"files,omitempty"`
	Credentials []Credential `json:"credentials,omitempty"`
	Headers     []Header     `json:"headers,omitempty"`     // sent with each request to the origins of the files
	ClientCert  string       `json:"client_pem,omitempty"`  // PEM certificate and private key
	WebhookKey  string       `json:"webhook_key,omitempty"` // signs calls of NotifyURL
	Resume      bool         `json:"resume,omitzero"`       // queue the job at once instead of leaving it suspended
}

// Header is one custom header line.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Credential is a secret for one (target, scheme). It goes only to the origin of the job's
// files, or to the proxy; never across a redirect.
type Credential struct {
	Target   string `json:"target"` // "server" or "proxy"
	Scheme   string `json:"scheme"` // "basic", "digest", "ntlm", "negotiate", "passport", "bearer" or "any"
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"` // for bearer the token
	// Implicit stands for the credentials of the logged-on user; only NTLM and Negotiate have them.
	Implicit bool `json:"implicit,omitempty"`
}

// Ref names the pair without its secret.
func (c Credential) Ref() CredentialRef { return CredentialRef{Target: c.Target, Scheme: c.Scheme} }

// String hides the secret.
func (c Credential) String() string { return c.Target + "/" + c.Scheme }

// GoString hides the secret.
func (c Credential) GoString() string { return c.String() }
