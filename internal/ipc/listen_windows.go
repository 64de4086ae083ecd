package ipc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// clientAccess is what a client may do, and asks for: FILE_GENERIC_READ and
// FILE_GENERIC_WRITE without FILE_CREATE_PIPE_INSTANCE (0x4), with which it
// could pose as the daemon ("Named Pipe Security and Access Rights").
const clientAccess = 0x12019b

// Listen makes the named pipe path for a daemon of one user. Its security
// descriptor names this user as the owner, and protects (D:P) a list with one
// entry, which allows (A) all (GA) to that same user: no other account can
// connect. Other machines are refused whoever asks.
//
// When a daemon is alive there the error wraps [ErrInUse]; of any number of
// processes that call Listen at once, exactly one gets the pipe. It vanishes
// with the process.
func Listen(path string) (net.Listener, error) {
	return listen(path, "O:%[1]sD:P(A;;GA;;;%[1]s)")
}

// ListenSystem is like [Listen] for a daemon of all users: the list denies (D)
// everything to who came over the network (NU), allows all to the daemon's user
// and to administrators (BA), and to connect to whoever logged in (AU). [Peer]
// tells who did.
func ListenSystem(path string) (net.Listener, error) {
	return listen(path, "O:%[1]sD:P(D;;GA;;;NU)(A;;GA;;;%[1]s)(A;;GA;;;BA)(A;;"+fmt.Sprintf("%#x", clientAccess)+";;;AU)")
}

// listen makes the pipe with the descriptor, in the security descriptor
// definition language, in which %[1]s stands for the user of this process.
func listen(path, descriptor string) (net.Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	actor, err := Self()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: fmt.Sprintf(descriptor, actor.ID)})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		// What the system answers when the first instance of a pipe is not the first.
		return nil, fmt.Errorf("listen on %s: %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// Dial connects to the daemon at path.
//
// The error wraps [ErrNotRunning] when none listens there, and [ErrUntrusted]
// when the pipe belongs neither to this user nor to the system or its
// administrators: whoever made it would learn the credentials of our jobs. The
// daemon learns who we are, and cannot act as us.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if err := checkPath(path); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn, err := winio.DialPipeAccessImpLevel(ctx, path, clientAccess, winio.PipeImpLevelIdentification)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("connect to %s: %w", path, ErrNotRunning)
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := checkDaemon(conn); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, errors.Join(err, conn.Close()))
	}
	return conn, nil
}

func checkDaemon(conn net.Conn) error {
	handle, err := handleOf(conn)
	if err != nil {
		return err
	}
	descriptor, err := windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("owner of the pipe: %w", err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return fmt.Errorf("owner of the pipe: %w", err)
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	me, err := Self()
	if err != nil {
		return err
	}
	if owner.String() != me.ID {
		return fmt.Errorf("%w: the pipe belongs to %s: set EBB_SOCKET to another name", ErrUntrusted, owner)
	}
	return nil
}
