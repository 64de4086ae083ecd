//go:build integration

package rig

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestSocks(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	origin, proxy := Nginx(t, files), Socks(t)
	for _, url := range []string{origin.URL("/pub/file.bin"), origin.HTTPS("/pub/file.bin")} {
		through := []string{"--cacert", origin.CAFile, "-x", proxy.Address, url}
		status, body := curl(t, append(through, "-U", Alice.Name+":"+Alice.Password)...)
		if status != 200 || !bytes.Equal(body, content) {
			t.Errorf("%s: status %d, %d bytes, want 200 and the %d of the file", url, status, len(body), len(content))
		}
		for _, wrong := range [][]string{{}, {"-U", Alice.Name + ":nope"}, {"-U", "mallory:" + Alice.Password}} {
			const refused = 97 // CURLE_PROXY
			err := exec.Command(need(t, "curl"), append(through, append(wrong, "-sS", "--noproxy", "", "-o", os.DevNull)...)...).Run()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != refused {
				t.Errorf("%s with %q: %v, want curl's exit status %d", url, wrong, err, refused)
			}
		}
	}
}
