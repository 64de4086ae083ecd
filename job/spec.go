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
