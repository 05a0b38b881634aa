package pluginhost

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

// Limits bound a plugin's process; zero values mean the defaults of package launch.
type Limits = launch.Limits

func limitDefaults(l *Limits) {
	if l.Memory <= 0 {
		l.Memory = 256 << 20
	}
	if l.Data <= 0 {
		l.Data = 512 << 20
	}
	if l.Files <= 0 {
		l.Files = 256
	}
	if l.Processes <= 0 {
		l.Processes = 64
	}
}

// LaunchCommand is the hidden subcommand of nightjar that becomes a plugin.
const LaunchCommand = launch.Command

// Launcher returns the command that confines plugins for the program exe: a small program beside it or, where that is
// missing, a subcommand of nightjar itself, which takes a fifth of a second of CPU longer. It is nil for a program that
// is not nightjar and has neither.
func Launcher(exe string) []string {
	small := filepath.Join(filepath.Dir(exe), "nightjar-launch")
	if info, err := os.Stat(small); err == nil && info.Mode().IsRegular() {
		return []string{small}
	}
	if filepath.Base(exe) == "nightjar" {
		return []string{exe, LaunchCommand}
	}
	return nil
}

// Users for plugins, when we are root: the range that systemd keeps for dynamic users, which no package and no person
// gets (https://systemd.io/UIDS-GIDS/).
const (
	firstUID = 61184
	lastUID  = 65519
)

// pickUID returns a user for a plugin that no other of taken has; the same for the same plugin, as far as possible.
func pickUID(id string, taken map[int]bool) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	const n = lastUID - firstUID + 1
	start := int(h.Sum32() % n)
	for i := range n {
		if uid := firstUID + (start+i)%n; !taken[uid] {
			return uid
		}
	}
	return 0
}

// reachable reports whether any user can get at path and, where it is a file, execute it.
func reachable(path string) bool {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	need := os.FileMode(0o005)
	for {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&need != need {
			return false
		}
		need = 0o001
		if path == filepath.Dir(path) {
			return true
		}
		path = filepath.Dir(path)
	}
}

// enterable reports whether any user can get through to what lies in dir.
func enterable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// ownUsers reports whether plugins can be users of their own.
func (h *Host) ownUsers() bool { return os.Geteuid() == 0 && len(h.opts.Launcher) > 0 }

// uidFor returns the user an instance in dir should run as, 0 for our own.
func (s *supervisor) uidFor(dir string) int {
	if s.uid == 0 || !s.host.ownUsers() {
		return 0
	}
	if !reachable(s.cfg.Path) || s.cfg.Dir != "" && !reachable(s.cfg.Dir) || !enterable(filepath.Dir(dir)) {
		return 0
	}
	return s.uid
}

// permits reports whether the manifest's permissions include one.
func (c *Config) permits(permission string) bool { return slices.Contains(c.Permissions, permission) }

// network reports whether the plugin may open connections. Without a manifest nothing is known, and it may.
func (c *Config) network() bool {
	return c.Permissions == nil || slices.ContainsFunc(c.Permissions, func(p string) bool {
		return p == PermitNetwork || strings.HasPrefix(p, PermitNetwork+":")
	})
}

// launcher is our side of a launcher: the pipes to tell it what to become and to hear what it did.
type launcher struct {
	config, report           *os.File // ours
	childConfig, childReport *os.File
}

func newLauncher() (*launcher, error) {
	cr, cw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	rr, rw, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make pipe: %w", err), cr.Close(), cw.Close())
	}
	return &launcher{config: cw, report: rr, childConfig: cr, childReport: rw}, nil
}

// started closes the child's ends.
func (l *launcher) started() { _, _ = l.childConfig.Close(), l.childReport.Close() }

func (l *launcher) close() { _, _ = l.config.Close(), l.report.Close() }

// converse tells the launcher what to become, and returns what it says it did; it ends with the exec, or the process.
func (l *launcher) converse(c launch.Config) ([]string, error) {
	defer l.close()
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("tell the launcher: %w", err)
	}
	if _, err := l.config.Write(raw); err != nil {
		return nil, fmt.Errorf("tell the launcher: %w", err)
	}
	if err := l.config.Close(); err != nil {
		return nil, fmt.Errorf("tell the launcher: %w", err)
	}
	var last launch.Report
	said := false
	for sc := bufio.NewScanner(l.report); sc.Scan(); {
		last, said = launch.Report{}, true
		if err := json.Unmarshal(sc.Bytes(), &last); err != nil {
			return nil, fmt.Errorf("hear from the launcher: %w", err)
		}
	}
	switch {
	case last.Errno != 0:
		return nil, &launchError{last.Error, syscall.Errno(last.Errno)}
	case last.Error != "":
		return nil, errors.New(last.Error)
	case !said:
		return nil, errors.New("the launcher ended before it became the plugin")
	}
	return last.Applied, nil
}

// launchError is an error of the launcher, with the system's number of it.
type launchError struct {
	text  string
	errno syscall.Errno
}

func (e *launchError) Error() string { return e.text }
func (e *launchError) Unwrap() error { return e.errno }

// rss returns how much memory a process and its descendants have resident, in bytes; 0 when it is gone.
func rss(pid int) int64 { return rssBelow(pid, 8) }

func rssBelow(pid, depth int) int64 {
	proc := "/proc/" + strconv.Itoa(pid)
	b, err := os.ReadFile(proc + "/statm")
	if err != nil {
		return 0
	}
	total := int64(0)
	if f := strings.Fields(string(b)); len(f) > 1 {
		pages, _ := strconv.ParseInt(f[1], 10, 64)
		total = pages * int64(os.Getpagesize())
	}
	if depth == 0 {
		return total
	}
	lists, _ := filepath.Glob(proc + "/task/[0-9]*/children")
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				total += rssBelow(child, depth-1)
			}
		}
	}
	return total
}
