package engine

import (
	"sync"
	"time"
)

// stage gathers what a worker reads into large writes, which cost far less than small ones. What
// has waited for flushAfter is written all the same, also while the worker waits for more: what is
// written survives a killed process.
type stage struct {
	run *run
	buf []byte

	mu       sync.Mutex // guards all below; held over each write, so that they are in order
	from, to int        // of buf: read but not written yet
	at       int64      // where in the file buf[from] belongs
	err      error      // of a write
	late     *time.Timer
}

// flushAfter is what a killed process may lose of a transfer, beside what is in the socket.
const flushAfter = 20 * time.Millisecond

func newStage(r *run, buf []byte, at int64) *stage {
	s := &stage{run: r, buf: buf, at: at}
	s.late = time.AfterFunc(time.Hour, s.flush)
	s.late.Stop()
	return s
}

// free is where the next bytes go.
func (s *stage) free() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf[s.to:]
}

// took counts n bytes that were read into free, and writes when there is no more room.
func (s *stage) took(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == s.to {
		s.late.Reset(flushAfter)
	}
	s.to += n
	s.run.live.Add(int64(n))
	if s.to == len(s.buf) {
		s.write()
		s.from, s.to = 0, 0
	}
	return s.err
}

// seek says where the next bytes belong.
func (s *stage) seek(at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at == s.at+int64(s.to-s.from) {
		return
	}
	s.write()
	s.from, s.to, s.at = 0, 0, at
}

// flush writes what waits.
func (s *stage) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write()
}

// close writes the rest and returns where it ends.
func (s *stage) close() (end int64, err error) {
	s.late.Stop()
	s.flush()
	return s.at, s.err
}

// write is called with mu held.
func (s *stage) write() {
	if s.from == s.to || s.err != nil {
		return
	}
	n, err := s.run.partial.WriteAt(s.buf[s.from:s.to], s.at)
	s.from, s.at, s.err = s.from+n, s.at+int64(n), err
}
