package ipc

import (
	"errors"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/windows"
)

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

func self() (Actor, error) {
	token, err := windows.OpenCurrentProcessToken()
	if err != nil {
		return Actor{}, fmt.Errorf("token of this process: %w", err)
	}
	defer token.Close()
	// No token stands for the one of this process in the question for the
	// groups, which wants another kind of token than the one we hold.
	return actorOf(token, windows.Token(0), windows.GetCurrentProcessId())
}

// peer takes the user from the token with which the client opened the pipe. Its
// process id would lead to a token too, but to that of another process when the
// client has handed on its end and the id is in use again.
func peer(conn net.Conn) (Actor, error) {
	handle, err := handleOf(conn)
	if err != nil {
		return Actor{}, err
	}
	token, err := clientToken(handle)
	if err != nil {
		return Actor{}, fmt.Errorf("token of the client: %w", err)
	}
	defer token.Close()
	var pid uint32
	if err := windows.GetNamedPipeClientProcessId(handle, &pid); err != nil {
		pid = 0
	}
	return actorOf(token, token, pid)
}

// clientToken puts on the client's identity for as long as it takes to get its
// token. That is a property of a thread: this one does nothing else meanwhile,
// and ends with its goroutine when the identity cannot be taken off again.
func clientToken(pipe windows.Handle) (token windows.Token, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if ok, _, cause := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
			err = cause
			runtime.UnlockOSThread()
			return
		}
		err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
		if windows.RevertToSelf() == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	if errors.Is(err, windows.ERROR_CANNOT_IMPERSONATE) {
		err = fmt.Errorf("nothing was read from it yet: %w", err)
	}
	return token, err
}

// actorOf describes the user of token; groups is where to look for its groups.
func actorOf(token, groups windows.Token, pid uint32) (Actor, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return Actor{}, fmt.Errorf("user of the token: %w", err)
	}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return Actor{}, err
	}
	admin, err := groups.IsMember(administrators)
	if err != nil {
		return Actor{}, fmt.Errorf("groups of the token: %w", err)
	}
	actor := Actor{ID: user.User.Sid.String(), PID: int(pid), Admin: admin}
	if name, domain, _, err := user.User.Sid.LookupAccount(""); err == nil {
		actor.Name = domain + `\` + name
	}
	return actor, nil
}

func handleOf(conn net.Conn) (windows.Handle, error) {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("%T is not a local connection", conn)
	}
	return windows.Handle(pipe.Fd()), nil
}
