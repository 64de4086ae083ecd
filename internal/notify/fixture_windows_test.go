package notify

import (
	"testing"

	"golang.org/x/sys/windows"
)

func us(t *testing.T) string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}
