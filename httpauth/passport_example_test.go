package httpauth_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
)

// Passport signs in at a login server: the server with the file sees a ticket and never the password. Which login
// server that is, the nexus says, and no one else.
func ExampleConfig_passport() {
	servers := passport.Start(passport.Options{User: "alice@example.org", Password: "wonderland", Size: 1000})
	defer servers.Close()

	transport, err := httpauth.New(httpauth.Config{
		Credentials: []httpauth.Credentials{
			{Scheme: httpauth.Passport, Origin: servers.Partner.URL, User: "alice@example.org", Password: "wonderland"},
		},
		PassportNexus: servers.Nexus.URL, // without it Microsoft's
		TLS:           servers.TLS(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(servers.FileURL)
	if e := httpauth.Failure(resp, err); e != nil {
		fmt.Println("not authenticated:", e)
	}
	if err != nil {
		return
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	fmt.Println(resp.StatusCode, n, "bytes", err)
	// Output: 200 1000 bytes <nil>
}
