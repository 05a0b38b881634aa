package crash

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// disk is a file with an ext4 file system in it, mounted.
type disk struct {
	t          testing.TB
	image, dir string
}

// newDisk makes and mounts one, and skips the test where that is not allowed.
func newDisk(t testing.TB, bytes int64) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: power cuts need root, for a loop device with a file system of its own")
	}
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "disk.img")}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, bytes); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mkfs.ext4: %v: %s", err, out)
	}
	d.mount()
	return d
}

// mount mounts the image, with the replay of the file system's own journal that each mount after a power cut does.
func (d *disk) mount() {
	d.t.Helper()
	d.dir = d.t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		d.t.Skipf("SKIPPED: mount: %v: %s", err, out)
	}
	dir := d.dir
	d.t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// cutPower lets the file system forget everything that it has not sent to the device, its own journal included, and
// refuse everything from then on.
func (d *disk) cutPower() {
	d.t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Skipf("SKIPPED: this kernel cannot shut ext4 down: %v", err)
	}
}

// copy returns the device as it is, as another disk.
func (d *disk) copy() *disk {
	d.t.Helper()
	c := &disk{t: d.t, image: filepath.Join(d.t.TempDir(), "copy.img")}
	if out, err := exec.Command("cp", "--sparse=always", d.image, c.image).CombinedOutput(); err != nil {
		d.t.Fatalf("copy the image: %v: %s", err, out)
	}
	c.mount()
	return c
}

// TestPowerCutOfADevice records to a loop device of its own, cuts its power, and starts again from a copy of its image.
func TestPowerCutOfADevice(t *testing.T) {
	t.Parallel()
	clip := clipFile(t)
	cuts, length, least, most := 1, 5*time.Second, 6*time.Second, 9*time.Second
	if slow() { // with the default duration of files
		cuts, length, least, most = 8, recorder.DefaultFile, 35*time.Second, 75*time.Second
	}
	for _, mode := range []recorder.Sync{recorder.SyncPart, recorder.SyncFile, recorder.SyncOff} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			var lost []time.Duration
			for range cuts {
				lost = append(lost, cutDevice(t, clip, mode, length, least+rand.N(most-least))...)
			}
			report(t, string(mode), lost)
		})
	}
}

// cutDevice records for a while, cuts the power, and returns what each stream lost.
func cutDevice(t *testing.T, clip string, mode recorder.Sync, length, after time.Duration) (lost []time.Duration) {
	d := newDisk(t, 256<<20)
	c := startChild(t, d.dir, clip, mode, length)
	c.watch(t, after)
	d.cutPower()
	last := c.last // what comes later could not be kept
	c.kill(t)
	c.last = last
	d = d.copy()
	idx := memindex.New()
	lib := restartReal(t, d.dir, idx)
	checkAll(t, []*library.Library{lib}, idx)
	recs := recordings(t, lib)
	for _, id := range cams {
		l := c.lost(recs[id])
		lost = append(lost, l)
		switch bound := 10 * time.Second; { // generous: a loaded machine is late
		case mode == recorder.SyncPart && l > bound, mode == recorder.SyncFile && l > length*5/4+bound:
			t.Errorf("%s lost %v with %s", id, l, mode)
		}
	}
	for i, p := range files(t, lib) {
		if i%4 == 0 {
			probeFile(t, filepath.Join(d.dir, p))
		}
	}
	return lost
}
