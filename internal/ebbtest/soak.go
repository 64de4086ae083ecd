package ebbtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mood is a way in which a [Moody] server misbehaves.
type Mood int

// The moods. In each of them a client can tell that something is wrong, though not always at once.
const (
	Drops        Mood = iota // ends the connection in the middle of the body
	Stalls                   // sends half of the body and then nothing more
	Fails                    // 500
	Throttles                // 429 with Retry-After
	Truncates                // a chunked body without its last chunk
	Miscounts                // a Content-Length that is not that of what it sends
	Changes                  // the file is another version from now on
	IgnoresRange             // 200 with the whole file
	LiesRange                // a Content-Range other than was asked for, or with another total
	Redirects302             // to another path with the same file
	Resets                   // RST in the middle of the body
	Dawdles                  // sends slowly
	moods
)

var moodNames = []string{
	"drops", "stalls", "fails", "throttles", "truncates", "miscounts", "changes", "ignores Range", "lies in Content-Range", "redirects", "resets", "dawdles",
}

// String returns the mood's name.
func (m Mood) String() string { return moodNames[m] }

// Moods are all of them.
func Moods() (all []Mood) {
	for m := range moods {
		all = append(all, m)
	}
	return all
}

// Moody is an HTTP server that misbehaves in many ways, by chance. It has a file at every path /SIZE/NAME, of about SIZE generated
// bytes, with a strong ETag. It stops when its test ends. Its methods are safe for concurrent use.
type Moody struct {
	Base string // its URL, without a path

	mu       sync.Mutex // guards all below
	rate     float64    // of the answers that are not as they should be
	versions map[string]int
	broken   map[string]bool // the last answer for the path ended too early
	seen     map[Mood]int
}

// NewMoody starts a server at a TCP address.
func NewMoody(t testing.TB, addr string) *Moody {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	m := &Moody{Base: "http://" + ln.Addr().String(), versions: map[string]int{}, broken: map[string]bool{}, seen: map[Mood]int{}}
	srv := &http.Server{Handler: m, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { // ends with Close
		defer close(served)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() { _ = srv.Close(); <-served })
	return m
}

// Misbehave sets how many of the answers are not as they should be: 0 none, 1 all.
func (m *Moody) Misbehave(rate float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate = rate
}

// Seen is how often it has been in each mood.
func (m *Moody) Seen() map[Mood]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[Mood]int{}
	for mood, n := range m.seen {
		out[mood] = n
	}
	return out
}

// Versions are the SHA-256, in hex, of all that the file at a path has been.
func (m *Moody) Versions(path string) (sums []string) {
	m.mu.Lock()
	last := m.versions[path]
	m.mu.Unlock()
	for v := range last + 1 {
		h := sha256.New()
		_, _ = io.Copy(h, contentOf(path, v)) // it is in memory
		sums = append(sums, hex.EncodeToString(h.Sum(nil)))
	}
	return sums
}

func contentOf(path string, version int) *io.SectionReader {
	size, _ := strconv.ParseInt(strings.SplitN(path, "/", 3)[1], 10, 64)
	h := fnv.New64a()
	_, _ = io.WriteString(h, path)
	return Generate(h.Sum64()+uint64(version), size+int64(version%6/5)*17) // most versions are of one size
}

// begin decides how the next request for the file is answered; −1 is as it should be.
func (m *Moody) begin(path string, redirected bool) (Mood, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mood := Mood(-1)
	if rand.Float64() < m.rate {
		mood = rand.N(moods)
	}
	if m.rate > 0 && m.broken[path] && rand.IntN(3) == 0 {
		mood = Changes // this is when it matters: the client has a part of the version before
	}
	switch {
	case mood == Throttles && rand.IntN(10) > 0, // the whole host is left alone for a while
		mood == Redirects302 && redirected:
		mood = -1
	case mood == Changes:
		m.versions[path]++
	}
	if mood >= 0 {
		m.seen[mood]++
	}
	m.broken[path] = mood == Drops || mood == Truncates || mood == Resets || mood == Stalls
	return mood, m.versions[path]
}

// ServeHTTP implements http.Handler.
func (m *Moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mood, version := m.begin(r.URL.Path, r.URL.RawQuery != "")
	switch mood {
	case Fails:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case Throttles:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case Redirects302:
		http.Redirect(w, r, r.URL.Path+"?again", http.StatusFound)
		return
	default:
	}
	content := contentOf(r.URL.Path, version)
	size := content.Size()
	w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, version))
	w.Header().Set("Last-Modified", time.Date(2024, 5, 6, 7+version, 8, 9, 0, time.UTC).Format(http.TimeFormat))
	part, partial := parseRange(r.Header.Get("Range"), size)
	if !partial || mood == IgnoresRange {
		part, partial = byteRange{0, size - 1}, false
	}
	if partial && part.first >= size {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	b := body{mood: mood, status: http.StatusOK, size: size, part: part}
	if partial {
		b.status = http.StatusPartialContent
	}
	b.send(w, r, content)
}

// body is the part of a file that a Moody server sends.
type body struct {
	mood   Mood
	status int
	size   int64
	part   byteRange
}

func (b body) send(w http.ResponseWriter, r *http.Request, content *io.SectionReader) {
	total := b.size
	if b.mood == LiesRange && b.status == http.StatusPartialContent {
		if total += 5; b.part.last > b.part.first && rand.IntN(2) == 0 {
			total, b.part.first = b.size, b.part.first+1
		}
	}
	section := io.NewSectionReader(content, b.part.first, b.part.last-b.part.first+1)
	length := section.Size()
	if b.mood == Miscounts {
		length += 11
		if b.status == http.StatusPartialContent && section.Size() > 1 && rand.IntN(2) == 0 {
			length = section.Size() - 1
		}
	}
	if b.status == http.StatusPartialContent {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", b.part.first, b.part.last, total))
	}
	if b.mood != Truncates {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(b.status)
	if r.Method == http.MethodHead {
		return
	}
	b.copy(w, r, section)
}

func (b body) copy(w http.ResponseWriter, r *http.Request, section *io.SectionReader) {
	rc := http.NewResponseController(w)
	half := io.LimitReader(section, section.Size()/2)
	switch b.mood {
	case Drops, Truncates, Resets, Stalls:
		_, _ = io.Copy(w, half)
		_ = rc.Flush()
	case Dawdles:
		for range 10 {
			_, _ = io.CopyN(w, section, section.Size()/10)
			_ = rc.Flush()
			if !sleep(r, 50*time.Millisecond) {
				return
			}
		}
	default:
	}
	switch b.mood {
	case Stalls:
		sleep(r, 10*time.Second)
		panic(http.ErrAbortHandler)
	case Resets:
		if conn, _, err := rc.Hijack(); err == nil {
			reset(conn)
		}
	case Drops, Truncates:
		panic(http.ErrAbortHandler)
	case Miscounts:
		_, _ = io.Copy(w, section) // net/http takes no more than was announced
		_ = rc.Flush()
		panic(http.ErrAbortHandler)
	default:
		_, _ = io.Copy(w, section)
	}
}

// sleep reports false when the client has gone.
func sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
