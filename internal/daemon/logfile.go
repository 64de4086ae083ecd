package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// maxLog is the size at which the log of an Auto daemon begins anew.
const maxLog = 8 << 20

// logFile is the log of an Auto daemon, ebb.log in the state folder. It is bounded: when it would grow beyond that, it
// begins anew, and the one before is kept as ebb.log.1.
type logFile struct {
	name string
	most int64 // bytes

	mu   sync.Mutex // guards all below
	file *os.File
	size int64
}

func openLog(dir string, most int64) (*logFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	l := &logFile{name: filepath.Join(dir, "ebb.log"), most: most}
	return l, l.open()
}

// open opens the file at its end.
func (l *logFile) open() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("open the log: %w", err)
	}
	l.file, l.size = f, fi.Size()
	return nil
}

// Write adds a record, in a new file if this one would grow too large. It may be called from any goroutine.
func (l *logFile) Write(record []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(record)) > l.most {
		_ = l.file.Close()                 // Windows renames no open file
		_ = os.Rename(l.name, l.name+".1") // what cannot be put away goes on to grow
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(record)
	l.size += int64(n)
	return n, err
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
