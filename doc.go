// Package ebb is the client of the ebb service: it creates jobs, commands them and follows
// what becomes of them.
//
//	client, err := ebb.Dial(ctx, ebb.Options{})
//	...
//	j, err := client.Create(ctx, ebb.Download("https://example.com/image.iso", "/srv/image.iso"))
//	...
//	err = j.Wait(ctx)
//
// The service runs in a process of its own and goes on when the program that asked ends;
// package local runs the same thing inside a program and gives the same [Client].
package ebb
