package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

// childFolder names the folder of state in the environment of a child that is to be killed.
const childFolder = "EBB_STORE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		fmt.Fprintln(os.Stderr, commitForever(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// commitForever commits from four goroutines and writes the sequence number of each job to
// standard output once it is acknowledged. It returns only an error.
func commitForever(dir string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	last, err := s.Load(ctx, func(job.Job) error { return nil })
	if err != nil {
		return err
	}
	const clients = 4
	failed := make(chan error, clients)
	var output sync.Mutex // keeps lines whole
	for c := range uint64(clients) {
		go func() {
			for seq := last + 1 + c; ; seq += clients {
				j := newJob(seq, 2)
				j.Owner = fmt.Sprint("client ", c)
				b := whole(j)
				b.Notices = []store.Notice{{At: j.Created, Kind: job.NoticeError, Job: job.Snapshot{Job: j}}}
				b.Usage = []store.Usage{{Owner: j.Owner, Since: "2026-07-01", Bytes: int64(seq)}}
				if _, err := s.Commit(ctx, b); err != nil {
					failed <- err
					return
				}
				output.Lock()
				fmt.Println(seq)
				output.Unlock()
			}
		}()
	}
	return <-failed
}

func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acked := map[uint64]bool{}
	for range rounds {
		killWhileCommitting(t, dir, 1+rand.IntN(200), acked)
		checkAfterKill(t, dir, acked)
	}
	t.Logf("%d acknowledged commits survived %d kills", len(acked), rounds)
}

// killWhileCommitting kills a child after that many acknowledgements and adds all that it gave.
func killWhileCommitting(t *testing.T, dir string, after int, acked map[uint64]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == after {
			killed = cmd.Process.Kill() == nil
		}
		var seq uint64
		if _, err := fmt.Sscanln(lines.Text(), &seq); err != nil {
			continue // the kill cut the line
		}
		acked[seq] = true
	}
	if err := cmd.Wait(); !killed {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

// checkAfterKill finds every acknowledged job whole, and no job without what was in its commit.
func checkAfterKill(t *testing.T, dir string, acked map[uint64]bool) {
	t.Helper()
	s := open(t, dir) // the lock of the dead is gone
	defer closeStore(t, s)
	found, newest := map[uint64]bool{}, map[string]uint64{}
	if _, err := s.Load(t.Context(), func(j job.Job) error {
		found[j.Seq], newest[j.Owner] = true, j.Seq
		if j.Files.Len() != 2 {
			t.Errorf("job %d has %d of 2 files", j.Seq, j.Files.Len())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for seq := range acked {
		if !found[seq] {
			t.Errorf("job %d was acknowledged and is lost", seq)
		}
	}
	notices, err := s.Notices(t.Context(), 0, 1<<30)
	if err != nil || len(notices) != len(found) {
		t.Errorf("%d notices of %d jobs, %v", len(notices), len(found), err)
	}
	usage, err := s.Usage(t.Context())
	if err != nil || len(usage) != len(newest) {
		t.Errorf("usage %v of %v, %v", usage, newest, err)
	}
	for _, u := range usage {
		if u.Bytes != int64(newest[u.Owner]) {
			t.Errorf("%s has stored job %d, with the usage of job %d", u.Owner, newest[u.Owner], u.Bytes)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "ebb.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(t.Context(), "PRAGMA quick_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("quick_check = %q, %v", verdict, err)
	}
}
