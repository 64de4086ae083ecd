//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// connections is how many files a program may fetch at once.
const connections = 16

// download is the work of one program in one round: files of one size into a folder of its own.
type download struct {
	base  string // URL of the server
	names []string
	size  int64 // of each file
	cert  string
	into  string
}

// program is one of those that are compared.
type program struct {
	name string
	path string
	// args are those for a download. They may write files into folder, which is the program's own.
	args func(d download, folder string) ([]string, error)
	sync bool // the figures include a sync of the files afterwards
	ebb  bool // a daemon does the work
}

// findPrograms returns those that are installed, curl first.
func findPrograms(ebb string) ([]program, error) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		return nil, fmt.Errorf("%w (install curl)", err)
	}
	out := []program{
		{name: "curl", path: curl, args: curlArgs},
		{name: "curl, synced", path: curl, args: curlArgs, sync: true},
		{name: "ebb", path: ebb, args: ebbArgs, ebb: true},
	}
	for _, p := range []program{
		{name: "aria2c", args: aria2Args},
		{name: "wget2", args: wget2Args},
		{name: "wget", args: wgetArgs},
	} {
		if p.path, err = exec.LookPath(p.name); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

func curlArgs(d download, folder string) ([]string, error) {
	var list strings.Builder
	for _, name := range d.names {
		fmt.Fprintf(&list, "url=%s%s\noutput=%s\n", d.base, name, filepath.Join(d.into, filepath.Base(name)))
	}
	file := filepath.Join(folder, "curl.txt")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return nil, err
	}
	args := []string{"-q", "-s", "-S", "--fail", "-K", file}
	if len(d.names) > 1 {
		args = append(args, "--parallel", "--parallel-max", fmt.Sprint(connections), "--no-progress-meter")
	}
	if d.cert != "" {
		args = append(args, "--cacert", d.cert)
	}
	return args, nil
}

func ebbArgs(d download, _ string) ([]string, error) {
	args := []string{"get", "-d", d.into}
	if d.cert != "" {
		args = append(args, "--cacert", d.cert)
	}
	return append(args, d.urls()...), nil
}

// aria2Args ask for one connection to a file: more are slower where one is not throttled.
func aria2Args(d download, folder string) ([]string, error) {
	args := []string{
		"--no-conf", "--quiet", "-d", d.into, "-x1", "-s1", fmt.Sprintf("-j%d", connections), "--file-allocation=falloc", "-i", filepath.Join(folder, "aria2.txt"),
	}
	if d.cert != "" {
		args = append(args, "--ca-certificate", d.cert)
	}
	return args, os.WriteFile(args[9], []byte(strings.Join(d.urls(), "\n")+"\n"), 0o600)
}

func wget2Args(d download, folder string) ([]string, error) {
	file := filepath.Join(folder, "wget2.txt")
	args := []string{"--no-config", "-q", "-P", d.into, fmt.Sprintf("--max-threads=%d", connections), "-i", file}
	if d.cert != "" {
		args = append(args, "--ca-certificate", d.cert)
	}
	return args, os.WriteFile(file, []byte(strings.Join(d.urls(), "\n")+"\n"), 0o600)
}

func wgetArgs(d download, folder string) ([]string, error) {
	file := filepath.Join(folder, "wget.txt")
	args := []string{"--no-config", "-q", "-P", d.into, "-i", file}
	if d.cert != "" {
		args = append(args, "--ca-certificate", d.cert)
	}
	return args, os.WriteFile(file, []byte(strings.Join(d.urls(), "\n")+"\n"), 0o600)
}

func (d download) urls() []string {
	out := make([]string, len(d.names))
	for i, name := range d.names {
		out[i] = d.base + name
	}
	return out
}

// do has a program do a download once and returns what it cost, with ebb's daemon's share.
func (b *bench) do(ctx context.Context, p program, d download, daemon *daemon) (usage, error) {
	folder, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return usage{}, err
	}
	d.into = filepath.Join(folder, "files")
	if err := os.Mkdir(d.into, 0o755); err != nil {
		return usage{}, err
	}
	args, err := p.args(d, folder)
	if err != nil {
		return usage{}, err
	}
	unix.Sync() // what the last program left to write is not this one's burden
	if err := b.heat(int64(len(d.names)) * d.size); err != nil {
		return usage{}, err
	}
	var u usage
	if p.ebb {
		u, err = daemon.measure(func() (usage, error) { return measure(ctx, append([]string{p.path}, args...), daemon.env) })
	} else {
		u, err = measure(ctx, append([]string{p.path}, args...), nil)
	}
	if err == nil && p.sync {
		err = syncAll(d, &u)
	}
	if err != nil {
		return u, err
	}
	if err := d.check(b.server.root); err != nil {
		return u, err
	}
	// ext4 looks for free inodes among those that were deleted minutes ago, so to delete many files here
	// would slow the next program down (its recently_deleted).
	if len(d.names) < 1000 {
		err = os.RemoveAll(folder)
	}
	return u, err
}

// heat uses and frees as much memory as is about to be used. A virtual machine gives free memory back to its
// host, large pieces first; to get it again costs more than to download a file into it.
func (b *bench) heat(size int64) error {
	name := filepath.Join(b.dir, "heat")
	if err := writeFile(name, io.LimitReader(zeros{}, size)); err != nil {
		return err
	}
	return os.Remove(name)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// syncAll makes a download durable, and adds what that costs.
func syncAll(d download, u *usage) error {
	began := time.Now()
	if len(d.names) > 1 {
		f, err := os.Open(d.into)
		if err != nil {
			return err
		}
		err = errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
		u.Wall += time.Since(began)
		return err
	}
	f, err := os.Open(filepath.Join(d.into, filepath.Base(d.names[0])))
	if err != nil {
		return err
	}
	err = errors.Join(f.Sync(), f.Close())
	u.Wall += time.Since(began)
	return err
}
