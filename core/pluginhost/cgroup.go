package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups is a part of the cgroup v2 tree that was delegated to us (https://systemd.io/CGROUP_DELEGATION/): each plugin
// gets a group below it. The kernel allows limits only in groups whose parent holds no processes, so we move ourselves,
// and whatever we have started, into a group beside those of the plugins.
type cgroups struct{ dir string }

// Names below our own group.
const (
	cgroupSelf    = "nightjar"
	cgroupPlugins = "plugin-"
)

// ownCgroup returns the folder of our cgroup v2, "" where there is none.
func ownCgroup(self, mount string) string {
	b, err := os.ReadFile(self)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join(mount, path)
		}
	}
	return ""
}

// delegated reports whether the service manager gave dir to us: it marks what it delegates.
func delegated(dir string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		var value [8]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:max(n, 0)]) == "1" {
			return true
		}
	}
	return false
}

// openCgroups takes charge of dir. Where memory and pids cannot be limited there, it returns nil.
func openCgroups(dir string, isOurs func(string) bool) (*cgroups, error) {
	if dir == "" {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	has := strings.Fields(string(b))
	if err != nil || !slices.Contains(has, "memory") || !slices.Contains(has, "pids") || !isOurs(dir) {
		return nil, nil //nolint:nilnil,nilerr // the same
	}
	leaf := filepath.Join(dir, cgroupSelf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, fmt.Errorf("read cgroup: %w", err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		if err := put(leaf, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return nil, err
		}
	}
	enable := "+memory +pids"
	if slices.Contains(has, "cpu") {
		enable += " +cpu"
	}
	if err := put(dir, "cgroup.subtree_control", enable); err != nil {
		return nil, err
	}
	return &cgroups{dir: dir}, nil
}

func put(dir, file, value string) error {
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil { //nolint:gosec // the kernel's file
		return fmt.Errorf("set %s of cgroup %s: %w", file, filepath.Base(dir), err)
	}
	return nil
}

// cgroup is one plugin's.
type cgroup struct {
	dir *os.File
}

// make returns a group for a plugin, with its limits.
func (c *cgroups) make(name string, l Limits) (*cgroup, []string, error) {
	dir := filepath.Join(c.dir, cgroupPlugins+name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, nil, fmt.Errorf("make cgroup: %w", err)
	}
	if err := errors.Join(
		put(dir, "memory.max", strconv.FormatInt(l.Memory, 10)),
		put(dir, "pids.max", strconv.Itoa(l.Processes)),
	); err != nil {
		return nil, nil, err
	}
	_ = put(dir, "memory.swap.max", "0")  // not every kernel has it
	_ = put(dir, "memory.oom.group", "1") // the same
	_ = put(dir, "cpu.weight", "20")      // a fifth of the default; where the controller is there
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open cgroup: %w", err)
	}
	return &cgroup{dir: f}, []string{
		fmt.Sprintf("at most %d MB of memory (cgroup)", l.Memory>>20), fmt.Sprintf("at most %d processes and threads (cgroup)", l.Processes),
	}, nil
}

// fd is for SysProcAttr.CgroupFD.
func (c *cgroup) fd() int { return int(c.dir.Fd()) } //nolint:gosec // a descriptor

// kill ends whatever is in the group, also what left the process group.
func (c *cgroup) kill() { _ = put(c.dir.Name(), "cgroup.kill", "1") }

// outOfMemory reports whether the kernel has killed in the group for want of memory.
func (c *cgroup) outOfMemory() bool {
	b, err := os.ReadFile(filepath.Join(c.dir.Name(), "memory.events"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
			return true
		}
	}
	return false
}

// remove ends the group. A group whose last process is still being buried stays, and is taken up by the next start.
func (c *cgroup) remove() {
	_ = os.Remove(c.dir.Name())
	_ = c.dir.Close()
}
