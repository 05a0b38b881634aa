package pluginhost

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

const (
	maxHandshake = 8 << 10                // bytes of the first line; a real one has about 900
	pipeGrace    = 200 * time.Millisecond // for what a dead process wrote to be read
	errorRate    = 64 << 10               // bytes per second we read of a plugin's standard error
	discardRate  = 1 << 20                // bytes per second we read, and drop, of its standard output
)

// startError is a process that never came to be.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// process is the operating system's side of an instance, and go-plugin's runner.Runner. It differs from go-plugin's
// own in what was measured to hurt: the process has a group of its own that is killed whole; its end is its own end,
// not that of a grandchild that holds its standard error; only the first line of standard output reaches go-plugin
// and the rest is read without a limit of line length; both outputs are read at a bounded rate, so that a
// flood blocks the plugin instead of burning our time; and it is forked by a thread that never ends, so that the
// kernel kills it when we die, and only then.
type process struct {
	s      *supervisor
	dir    string
	uid    int // 0: as we are
	env    []string
	cmd    *exec.Cmd
	cgroup *cgroup  // nil where there are none
	limits []string // that apply to it, in words

	first     *io.PipeWriter // what go-plugin reads as standard output
	firstRead *io.PipeReader
	ends      []*os.File // our ends of the outputs
	readers   sync.WaitGroup

	mu      sync.Mutex
	line    string // the first of standard output
	started bool

	killOnce sync.Once
	killed   chan struct{} // closed by kill: also keeps a process from starting
	done     chan struct{} // closed when the process has ended and its group is killed
	waitErr  error         // set before done is closed
}

func newProcess(s *supervisor, dir string, uid int) (*process, error) {
	p := &process{
		s: s, dir: dir, uid: uid, killed: make(chan struct{}), done: make(chan struct{}),
		env: []string{
			"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir, "GOMEMLIMIT=96MiB", "LANG=C.UTF-8",
		},
	}
	if tz, ok := os.LookupEnv("TZ"); ok {
		p.env = append(p.env, "TZ="+tz)
	}
	p.firstRead, p.first = io.Pipe()
	if err := checkExecutable(s.cfg.Path, s.cfg.SHA256); err != nil {
		return nil, incompatibleError{err}
	}
	return p, nil
}

// checkExecutable refuses a file that is not what was approved, with a sentence that says what to do.
func checkExecutable(path, want string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("plugin file %s does not exist, check the plugin's name or install it", path)
	case err != nil:
		return fmt.Errorf("plugin file: %w", err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("plugin file %s is not an executable", path)
	case want == "":
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("plugin file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read plugin file: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("plugin file %s was modified: its SHA-256 is %s, approved is %s", path, got, want)
	}
	return nil
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _ = outR.Close(), outW.Close()
		return fmt.Errorf("make pipe: %w", err)
	}
	p.cmd = &exec.Cmd{
		Path: p.s.cfg.Path, Args: append([]string{p.s.cfg.Path}, p.s.cfg.Args...), Env: p.env, Dir: p.dir, Stdout: outW, Stderr: errW,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	shim, err := p.throughLauncher()
	if err == nil {
		err = p.joinCgroup()
	}
	if err == nil {
		err = p.startUnlessKilled()
	}
	_, _ = outW.Close(), errW.Close()
	if shim != nil {
		shim.started()
	}
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		if shim != nil {
			shim.close()
		}
		p.leaveCgroup()
		return &startError{fmt.Errorf("start plugin: %w", err)}
	}
	p.ends = []*os.File{outR, errR}
	p.s.tail.open()
	p.readers.Go(func() { p.readStdout(outR) })
	p.readers.Go(func() { p.readStderr(errR) })
	p.readers.Go(p.reap)
	if shim == nil {
		return nil
	}
	applied, err := shim.converse(p.launchConfig())
	if err != nil {
		p.kill()
		return &startError{fmt.Errorf("start plugin: %w", err)}
	}
	p.limits = append(p.limits, applied...)
	return nil
}

// throughLauncher makes the command one that confines itself before it becomes the plugin, where we have a launcher.
func (p *process) throughLauncher() (*launcher, error) {
	argv := p.s.host.opts.Launcher
	if len(argv) == 0 {
		return nil, nil //nolint:nilnil // without one
	}
	l, err := newLauncher()
	if err != nil {
		return nil, err
	}
	p.cmd.Path, p.cmd.Args = argv[0], argv
	p.cmd.ExtraFiles = []*os.File{l.childConfig, l.childReport} // descriptors 3 and 4
	return l, nil
}

func (p *process) launchConfig() launch.Config {
	cfg := &p.s.cfg
	c := launch.Config{
		Path: cfg.Path, Args: append([]string{cfg.Path}, cfg.Args...), Dir: p.dir, Network: cfg.network(), UID: p.uid,
		Parent: os.Getpid(), Limits: cfg.Limits,
	}
	if cfg.Dir != "" {
		c.Read = []string{cfg.Dir}
	}
	return c
}

// joinCgroup has the process born into a group of its own, where groups were delegated to us.
func (p *process) joinCgroup() error {
	h := p.s.host
	h.mu.Lock()
	groups := h.cgroups
	h.mu.Unlock()
	if groups == nil {
		p.limits = []string{fmt.Sprintf("at most %d MB of memory (watched)", p.s.cfg.Limits.Memory>>20)}
		return nil
	}
	g, applied, err := groups.make(p.s.folder, p.s.cfg.Limits)
	if err != nil {
		return err
	}
	p.cgroup, p.limits = g, applied
	p.cmd.SysProcAttr.UseCgroupFD, p.cmd.SysProcAttr.CgroupFD = true, g.fd()
	return nil
}

func (p *process) leaveCgroup() {
	if p.cgroup != nil {
		p.cgroup.kill()
		p.cgroup.remove()
	}
}

// startUnlessKilled is one step with kill: a process is either killed by it or never started.
func (p *process) startUnlessKilled() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.killed:
		return context.Canceled
	default:
	}
	if err := lifecycle.StartChild(p.cmd); err != nil {
		return err
	}
	p.started = true
	return nil
}

// reap waits for the process alone, then ends its children, lets its last lines be read, and closes the pipes that a
// child which left the group may still hold.
func (p *process) reap() {
	err := p.cmd.Wait()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // ESRCH: there are none
	p.waitErr = err
	if p.cgroup != nil && p.cgroup.outOfMemory() {
		p.waitErr = fmt.Errorf("it used more than %d MB of memory: %w", p.s.cfg.Limits.Memory>>20, exitError(err))
	}
	p.leaveCgroup()
	deadline := time.Now().Add(pipeGrace)
	for _, f := range p.ends {
		_ = f.SetReadDeadline(deadline)
	}
	close(p.done)
}

// kill ends the process and its group now. It may be called at any time and more than once.
func (p *process) kill() {
	p.killOnce.Do(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		close(p.killed)
		if !p.started {
			return
		}
		select {
		case <-p.done: // the pid may be another's by now
		default:
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		}
	})
}

// join waits until nothing of the process is left in this one.
func (p *process) join() {
	_ = p.firstRead.Close()
	p.readers.Wait()
}

// settle waits a moment for a process that is ending to have its last lines read.
func (p *process) settle() {
	if !p.isStarted() {
		return
	}
	timer := time.NewTimer(pipeGrace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return
	}
	select {
	case <-p.s.tail.closed():
	case <-timer.C:
	}
}

func (p *process) isStarted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// exit says how the process ended; only after done.
func (p *process) exit() error { return exitError(p.waitErr) }

func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) firstLine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line
}

// readStdout hands the first line to go-plugin and throws the rest away.
func (p *process) readStdout(f *os.File) {
	defer f.Close()
	defer p.first.Close()
	r := bufio.NewReaderSize(newThrottle(f, discardRate, p), maxHandshake)
	line, err := r.ReadSlice('\n')
	if len(line) > 0 {
		p.mu.Lock()
		p.line = clip(string(line), 200)
		p.mu.Unlock()
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			line = append(bytes.Clone(line), '\n')
		}
		_, _ = p.first.Write(append(bytes.TrimRight(bytes.Clone(line), "\n"), '\n')) // fails only when nobody reads it any more
	}
	_, _ = io.Copy(io.Discard, r)
}

func (p *process) readStderr(f *os.File) {
	defer f.Close()
	defer p.s.tail.close()
	readLines(newThrottle(f, errorRate, p), newLineLog(p.s.log, p.s.tail))
}

// The rest of runner.Runner.

// Wait implements runner.Runner: it returns when the process has ended.
func (p *process) Wait(context.Context) error {
	<-p.done
	return p.waitErr
}

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error {
	p.kill()
	return nil
}

// Stdout implements runner.Runner: the first line and then nothing until the process ends.
func (p *process) Stdout() io.ReadCloser { return p.firstRead }

// Stderr implements runner.Runner. It is empty: we read the real one ourselves.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// Name implements runner.Runner.
func (p *process) Name() string { return p.s.cfg.ID }

// ID implements runner.Runner.
func (p *process) ID() string {
	if !p.isStarted() {
		return ""
	}
	return strconv.Itoa(p.pid())
}

// Diagnose implements runner.Runner; explainStart says more than it could.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
