//go:build unix

package notify

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestScriptWithItsInterpreter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	script := filepath.Join(dir, "a script.sh")
	text := `set -eu; cat >"$1"; test "$EBB_EVENT" = transferred; test "$(ps -o pgid= -p $$ | tr -d ' ')" = $$`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	j := f.newJob(func(j *job.Job) { j.NotifyCommand = []string{"/bin/sh", script, out} })
	f.put(j, job.NoticeTransferred)
	if failures := f.tell(t.Context(), j, f.entry()); len(failures) > 0 {
		t.Fatalf("tell: %v\n%s", failures[0], failures[0].output)
	}
	data, err := os.ReadFile(out)
	var payload Payload
	if err != nil || json.Unmarshal(data, &payload) != nil || payload.Job.ID != j.ID {
		t.Errorf("the script read %q, %v", data, err)
	}
}

// Root's daemon serves many users: the command of each has the rights of each.
func TestCommandRunsAsItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can run a command as somebody else")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		ebbtest.Lacks(t, "no account to run a command as: %v", err)
	}
	f := newFixture(t)
	j := f.newJob(func(j *job.Job) {
		j.Owner = "uid:" + nobody.Uid
		j.NotifyCommand = []string{"/bin/sh", "-c", `id -u; id -g; id -G; echo "$HOME $USER"; env | grep -c ^XDG_; exit 1`}
	})
	got := f.command(t.Context(), j, &entry{}, nil)
	want := strings.Join([]string{nobody.Uid, nobody.Gid, nobody.Gid, nobody.HomeDir + " " + nobody.Username, "0"}, "\n")
	if got == nil || got.output != want {
		t.Errorf("command = %v with output %q; want %q", got, got.output, want)
	}
}

func TestOnlyRootRunsCommandsAsAnother(t *testing.T) {
	t.Parallel()
	for _, owner := range []string{"uid:0", "uid:1001"} {
		if got, err := accountFor(owner, 1000); err == nil || !strings.Contains(err.Error(), "cannot become another one") {
			t.Errorf("accountFor(%s) as user 1000 = %+v, %v; want an error", owner, got, err)
		}
	}
	if got, err := accountFor("uid:1000", 1000); err != nil || got.credential != nil {
		t.Errorf("accountFor(ourselves) = %+v, %v; want no change of user", got, err)
	}
}

func TestOwnersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, owner := range []string{"", "0", "uid:", "uid:-1", "uid:0x0", "uid:4294967296", "root", "sid:0"} {
		if got, err := accountOf(owner); err == nil {
			t.Errorf("accountOf(%q) = %+v, want an error", owner, got)
		}
	}
	if got := environment("PATH", "NO_SUCH_VARIABLE"); len(got) != 1 || !slices.Equal(got, []string{"PATH=" + os.Getenv("PATH")}) {
		t.Errorf("environment = %q", got)
	}
}
