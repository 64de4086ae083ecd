// Package ebbtest is a scriptable HTTP server that misbehaves as told, for tests only.
//
//	srv := ebbtest.NewServer(t, ebbtest.Size(20<<20), ebbtest.CutEvery(1<<20))
//	… download srv.URL, compare with srv.SHA256(), look at srv.Requests()
//
// What the server sends is generated from a seed, so that a file of any size costs no memory and any
// part of it can be checked. Without options the server is a model one: ranges, a strong ETag, Last-Modified.
// Options add one fault each and combine; [Server.Set] changes them while the server runs.
package ebbtest
