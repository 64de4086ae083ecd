// Package pac runs the scripts by which networks tell which proxy a URL is for: proxy auto-config files, a
// function FindProxyForURL in JavaScript. It is built with the tag pac only, since the interpreter costs 9 MB.
package pac
