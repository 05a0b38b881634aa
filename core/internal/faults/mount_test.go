package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mount mounts something on dir until the test ends, and skips the test where that is not allowed.
func mount(t testing.TB, dir string, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: mounting file systems needs root")
	}
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mount %v: %v: %s", args, err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// unmount takes away what is mounted on dir, whoever uses it, as a disk that is pulled.
func unmount(t testing.TB, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
}

// smallDisk returns the directory of a file system in memory of 64 MB.
func smallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	mount(t, dir, "-t", "tmpfs", "-o", "size=64m", "tmpfs")
	return dir
}

// fill leaves so many bytes free in dir, and returns the file to remove.
func fill(t testing.TB, dir string, leave int64) string {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "ballast")
	if err := os.WriteFile(name, make([]byte, int64(s.Bavail)*s.Bsize-leave), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// disk returns the directory of an ext4 file system on a device of its own.
func disk(t testing.TB) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "disk.img"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 512<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mkfs.ext4: %v: %s", err, out)
	}
	mount(t, dir, "-o", "loop", image)
	return dir
}

// What a device can be limited in, as files of cgroup v1.
const (
	writtenBytes = "blkio.throttle.write_bps_device"
	writes       = "blkio.throttle.write_iops_device"
)

// throttle limits how many bytes, or how many writes, the device of dir takes in a second, through cgroup v1, until the test ends. 0 lifts
// the limit.
func throttle(t testing.TB, dir, what string, most int) {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		t.Fatal(err)
	}
	set := func(to int) error {
		line := fmt.Appendf(nil, "%d:%d %d\n", unix.Major(s.Dev), unix.Minor(s.Dev), to)
		return os.WriteFile("/sys/fs/cgroup/blkio/"+what, line, 0o600)
	}
	if err := set(most); err != nil {
		t.Skipf("SKIPPED: cgroup v1 cannot throttle devices here: %v", err)
	}
	t.Cleanup(func() { _ = set(0) })
}
