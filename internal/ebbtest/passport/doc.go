// Package passport is the three servers of Passport 1.4 (MS-PASS), for tests only: a partner with a file behind a
// sign-in, the login server, and the configuration server (nexus) that tells where the login server is.
//
//	trio := passport.New(t, passport.Options{})
//	… download trio.FileURL as trio.User with trio.Password, with the nexus trio.Nexus.URL and trust in trio.TLS()
//
// Without options they do what the specification asks for and no more. They are strict: whatever a client sends that
// the specification forbids, or that tells one server what only another may know, is a fault, and New fails the test
// for it. Options make the servers unusual, or hostile; [Trio.Set] changes them while the servers run.
package passport
