package httpauth_test

import (
	"io"
	"net/http"
)

// strictContent is what the test servers have behind their challenges.
const strictContent = "the content behind it"

var contentHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strictContent) })
