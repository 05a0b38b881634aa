// Package launch is the way of a process to become a plugin: it sets limits, gives up privileges, fences itself in with
// Landlock and executes the plugin. It knows nothing of what a plugin is, so that a program with nothing else in it is
// small and starts in milliseconds.
package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is the hidden subcommand of nightjar that Become implements.
const Command = "plugin-launch"

// Descriptors that the process inherits. They are not arguments, because arguments can be read by everybody.
const (
	configFD = 3 // a Config as JSON, to its end
	reportFD = 4 // for a Report; closed by the exec
)

// Config tells a process what to become.
type Config struct {
	Path    string   `json:"path"`
	Args    []string `json:"args"` // with argv[0]
	Dir     string   `json:"dir"`  // the only folder it may write to
	Read    []string `json:"read"` // beside the system's
	Network bool     `json:"network"`
	UID     int      `json:"uid"` // 0: as we are
	Parent  int      `json:"parent"`
	Limits  Limits   `json:"limits"`
}

// Report is what a process did before it became the plugin.
type Report struct {
	Applied []string `json:"applied"`
	Error   string   `json:"error,omitempty"`
	Errno   int      `json:"errno,omitempty"`
}

// Become turns this process, which the plugin host started for the purpose, into a plugin that may do little: it sets
// limits, gives up privileges and executes the plugin. It returns only if that failed.
func Become() error {
	runtime.LockOSThread() // capabilities, Landlock and the death signal belong to the thread that executes
	closeOnExec()
	unix.Umask(0o077)
	config, report := os.NewFile(configFD, "launch config"), os.NewFile(reportFD, "launch report")
	if config == nil || report == nil {
		return errors.New("this command is for Nightjar's plugin host, not for people")
	}
	var c Config
	if err := json.NewDecoder(io.LimitReader(config, 1<<20)).Decode(&c); err != nil {
		return errors.New("this command is for Nightjar's plugin host, not for people")
	}
	var r Report
	err := c.confine(&r)
	if err == nil {
		line, merr := json.Marshal(r)
		if merr != nil {
			return merr
		}
		if _, err = report.Write(append(line, '\n')); err == nil {
			err = unix.Exec(c.Path, c.Args, os.Environ())
		}
	}
	r = Report{Error: err.Error()}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		r.Errno = int(errno)
	}
	_ = json.NewEncoder(report).Encode(r)
	return err
}

// closeOnExec keeps every descriptor but the standard ones from the plugin: those of the conversation, and what a library of
// ours opened carelessly and the fork took along.
func closeOnExec() {
	if unix.CloseRange(configFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	// A kernel before 5.11.
	unix.CloseOnExec(configFD)
	unix.CloseOnExec(reportFD)
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > reportFD {
			unix.CloseOnExec(fd)
		}
	}
}

// Limits bound a plugin's process. Zero values mean the defaults in parentheses. Which of them the machine can enforce
// is in the plugin's status.
type Limits struct {
	Memory    int64 `json:"memory"`    // bytes resident, of the plugin and its children (256 MiB)
	Data      int64 `json:"data"`      // bytes of private memory it may ask for (512 MiB)
	Files     int   `json:"files"`     // open descriptors (256)
	Processes int   `json:"processes"` // processes and threads (64)
}

// systemFiles is what any program may need to read: its libraries and interpreter, certificates, names, time zones.
func systemFiles() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/alternatives", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts",
		"/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/localtime", "/etc/timezone",
		"/etc/mime.types", "/etc/python3", "/dev/urandom", "/dev/random", "/dev/zero", "/proc/self", "/proc/meminfo",
		"/proc/cpuinfo", "/proc/stat", "/sys/kernel/mm/transparent_hugepage", "/sys/devices/system/cpu",
	}
}

// confine applies the limits. What the machine does not offer is left out and not in the report; what it offers and
// refuses is an error.
func (c *Config) confine(r *Report) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	r.Applied = append(r.Applied, "no new privileges")
	read := append(systemFiles(), c.Read...)
	if target, err := filepath.EvalSymlinks(c.Path); err == nil {
		read = append(read, target)
	}
	fenced, err := landlock(fence{read: read, write: []string{c.Dir, "/dev/null", "/dev/full"}, network: c.Network})
	if err != nil {
		return err
	}
	r.Applied = append(r.Applied, fenced...)
	if os.Geteuid() == 0 {
		if err := c.dropRoot(r); err != nil {
			return err
		}
	}
	return c.setLimits(r)
}

// dropRoot gives up root's powers, and root where there is another user to be.
func (c *Config) dropRoot(r *Report) error {
	for capability := range uintptr(64) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			break // EINVAL: there are no more; EPERM: they are not ours to give
		}
	}
	r.Applied = append(r.Applied, "no capabilities")
	if c.UID == 0 {
		return nil
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(c.UID, c.UID, c.UID), syscall.Setresuid(c.UID, c.UID, c.UID)); err != nil {
		return fmt.Errorf("become user %d: %w", c.UID, err)
	}
	// The kernel forgets the death signal with a change of user.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to die with the host: %w", err)
	}
	if os.Getppid() != c.Parent {
		return errors.New("the host is gone")
	}
	r.Applied = append(r.Applied, fmt.Sprintf("user of its own (%d)", c.UID))
	return nil
}

func (c *Config) setLimits(r *Report) error {
	type limit struct {
		resource int
		value    int64
		text     string
	}
	limits := []limit{
		{unix.RLIMIT_CORE, 0, ""},
		{unix.RLIMIT_NOFILE, int64(c.Limits.Files), fmt.Sprintf("%d open files", c.Limits.Files)},
		{unix.RLIMIT_DATA, c.Limits.Data, fmt.Sprintf("%d MB of data", c.Limits.Data>>20)},
	}
	if c.UID != 0 { // the limit counts all processes of a user
		limits = append(limits, limit{unix.RLIMIT_NPROC, int64(c.Limits.Processes), fmt.Sprintf("%d processes and threads", c.Limits.Processes)})
	}
	for _, l := range limits {
		value := uint64(max(l.value, 0))
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("limit to %s: %w", l.text, err)
		}
		if l.text != "" {
			r.Applied = append(r.Applied, "at most "+l.text)
		}
	}
	return nil
}
