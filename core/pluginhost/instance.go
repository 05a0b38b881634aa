package pluginhost

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// instance is one process of a plugin, from launch to end. It is never used twice.
type instance struct {
	s   *supervisor
	dir string

	proc        *process
	client      *plugin.Client
	conn        *grpc.ClientConn
	streams     sync.WaitGroup
	rpc         pluginv1.NotifierClient
	name        string
	version     string
	schema      string
	powers      []string // its capabilities
	maxSnapshot int
	uid         int         // its user; 0: ours
	host        *hostServer // nil where it is offered no callbacks
	calls       sync.WaitGroup
	busy        atomic.Int32 // how many of calls there are
}

// start launches the process, shakes hands and configures it, all within one deadline: when that passes, or ctx
// ends, the process is killed, which is what cuts short go-plugin's own waits.
func (in *instance) start(ctx context.Context) error {
	return in.begin(ctx, func(ctx context.Context) error {
		if err := in.describe(ctx); err != nil {
			return err
		}
		return in.configure(ctx)
	})
}

// begin is start with another introduction than the usual.
func (in *instance) begin(ctx context.Context, introduce func(context.Context) error) error {
	t := in.s.host.opts.Timing
	if err := in.prepareDir(); err != nil {
		return err
	}
	proc, err := newProcess(in.s, in.dir, in.uid)
	if err != nil {
		return err
	}
	in.proc = proc
	startCtx, cancel := context.WithTimeout(ctx, t.Start)
	defer cancel()
	release := context.AfterFunc(startCtx, proc.kill)
	defer release()

	err = in.handshake()
	if err == nil {
		err = introduce(startCtx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(startCtx.Err(), context.DeadlineExceeded):
		return in.withLastWords(fmt.Errorf("plugin was not ready within %v of its start", t.Start))
	case err != nil:
		return err
	}
	return nil
}

// prepareDir makes the private folder anew: what a killed process left is gone with it.
func (in *instance) prepareDir() error {
	if err := os.RemoveAll(in.dir); err != nil {
		return fmt.Errorf("clear plugin run directory: %w", err)
	}
	err := os.Mkdir(in.dir, 0o700)
	if in.uid = in.s.uidFor(in.dir); err == nil && in.uid != 0 {
		err = os.Chown(in.dir, in.uid, in.uid)
	}
	if err != nil {
		return fmt.Errorf("make plugin run directory: %w", err)
	}
	return nil
}

// handshake starts the process and connects to it. go-plugin's own deadline is longer than ours and never met.
func (in *instance) handshake() error {
	tlsConfig, cert, err := api.ClientTLS()
	if err != nil {
		return err
	}
	in.proc.env = append(in.proc.env, api.ClientCertEnv+"="+cert)
	config := &plugin.ClientConfig{
		HandshakeConfig:  api.Handshake(),
		VersionedPlugins: api.Plugins(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		StartTimeout:     2 * in.s.host.opts.Timing.Start,
		Logger:           hclog.NewNullLogger(), // what is worth saying is in the errors and in the plugin's own lines
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: in.dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			in.proc.env = append(in.proc.env, cmd.Env...)
			if in.uid != 0 {
				if err := os.Chown(socketDir, in.uid, in.uid); err != nil {
					return nil, fmt.Errorf("give the plugin its folder: %w", err)
				}
			}
			return in.proc, nil
		},
	}
	in.client = plugin.NewClient(config)
	addr, err := in.client.Start()
	if err != nil {
		return in.explainStart(err)
	}
	return in.connect(addr, config.TLSConfig)
}

// connect makes the gRPC connection ourselves. go-plugin's own keeps it, and its reconnecting goroutines, for ever
// when a plugin shakes hands and then does not serve, and takes messages of 2 GiB. Its Kill would make one more.
func (in *instance) connect(addr net.Addr, tlsConfig *tls.Config) error {
	path := filepath.Clean(addr.String())
	if addr.Network() != "unix" || !strings.HasPrefix(path, in.dir+string(filepath.Separator)) {
		return incompatibleError{fmt.Errorf("plugin listens on %s %s, want a socket in the folder it was given", addr.Network(), clip(path, 200))}
	}
	conn, err := grpc.NewClient("passthrough:///"+in.s.cfg.ID,
		grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(api.MaxHostReceive)),
		grpc.WithDisableServiceConfig(), grpc.WithNoProxy(),
	)
	if err != nil {
		return fmt.Errorf("connect to plugin: %w", err)
	}
	in.conn = conn
	in.rpc = pluginv1.NewNotifierClient(conn)
	in.streams.Go(func() { readStdio(conn, in.proc.done, newLineLog(in.s.log, in.s.tail)) })
	return nil
}

// explainStart turns go-plugin's error into one sentence for the plugin's author or its user.
func (in *instance) explainStart(err error) error {
	text := err.Error()
	var notStarted *startError
	switch {
	case errors.As(err, &notStarted):
		if errors.Is(err, syscall.ENOEXEC) || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
			return incompatibleError{notStarted.err}
		}
		return notStarted.err
	case strings.Contains(text, "ncompatible"), strings.Contains(text, "unsupported plugin protocol"):
		return incompatibleError{fmt.Errorf("plugin speaks another protocol version than this Nightjar (version %d), it needs an update", api.Version)}
	case strings.Contains(text, "Unrecognized remote plugin message"):
		if line := in.proc.firstLine(); line != "" {
			return in.withLastWords(fmt.Errorf("plugin said %q instead of the handshake, a plugin must not print to standard output", line))
		}
		return in.withLastWords(errors.New("plugin ended before the handshake"))
	case strings.Contains(text, "exited before we could connect"):
		return in.withLastWords(errors.New("plugin ended before the handshake"))
	default:
		return in.withLastWords(fmt.Errorf("start plugin: %w", err))
	}
}

// describe asks what the plugin is.
func (in *instance) describe(ctx context.Context) error {
	d, err := in.rpc.Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return in.unanswered("describe", err)
	}
	in.name, in.version = clip(d.GetName(), 64), clip(d.GetVersion(), 64)
	if in.name == "" {
		in.name = in.s.cfg.ID
	}
	if !json.Valid([]byte(d.GetSettingsSchema())) {
		return incompatibleError{errors.New("plugin describes its settings by something that is not JSON, its author must correct it")}
	}
	in.schema, in.powers = d.GetSettingsSchema(), capabilities(d.GetCapabilities())
	in.maxSnapshot = min(int(d.GetMaxSnapshotBytes()), api.MaxSnapshotBytes)
	return nil
}

// configure hands over the settings, and the way to the host where the plugin has one.
func (in *instance) configure(ctx context.Context) error {
	ds, err := in.tryConfigure(ctx)
	if err != nil {
		return err
	}
	if len(ds) > 0 {
		return badConfigError{refusal(ds)}
	}
	return nil
}

// tryConfigure returns the plugin's complaints about its settings.
func (in *instance) tryConfigure(ctx context.Context) ([]*pluginv1.Diagnostic, error) {
	req := &pluginv1.ConfigureRequest{SettingsJson: in.s.settings, HostVersion: in.s.host.opts.Version}
	if in.s.host.opts.Callbacks != nil {
		var err error
		if in.host, err = newHostServer(in.s, in.dir, in.proc.pid(), in.uid); err != nil {
			return nil, err
		}
		req.HostSocket, req.HostToken = in.host.path, in.host.token
	}
	resp, err := in.rpc.Configure(ctx, req)
	if err != nil {
		return nil, in.unanswered("configure", err)
	}
	return resp.GetDiagnostics(), nil
}

// refusal is all complaints of a plugin about its settings as one sentence.
func refusal(ds []*pluginv1.Diagnostic) error {
	var parts []string
	for _, d := range ds[:min(len(ds), 10)] {
		text := clip(d.GetMessage(), 200)
		if p := clip(d.GetPath(), 100); p != "" {
			text = "setting " + p + " " + text
		}
		parts = append(parts, text)
	}
	return errors.New("plugin refused its settings: " + strings.Join(parts, "; "))
}

// watch checks the plugin's health until it ends, fails or is no longer wanted.
func (in *instance) watch(ctx context.Context) error {
	t := in.s.host.opts.Timing
	tick, memory := time.NewTicker(t.Health), time.NewTicker(t.Memory)
	defer tick.Stop()
	defer memory.Stop()
	missed := 0
	for {
		select {
		case <-ctx.Done():
			in.s.retire()
			in.stop(ctx)
			return ctx.Err()
		case <-in.s.kick:
			in.s.retire()
			in.stop(ctx)
			return errRestart
		case <-in.proc.done:
			return in.withLastWords(fmt.Errorf("plugin ended: %w", in.proc.exit()))
		case <-memory.C:
			if err := in.weigh(); err != nil {
				return err
			}
			continue
		case <-tick.C:
		}
		callCtx, cancel := context.WithTimeout(ctx, t.HealthCall)
		resp, err := in.rpc.CheckHealth(callCtx, &pluginv1.CheckHealthRequest{})
		cancel()
		if err != nil {
			if missed++; missed >= 2 {
				in.proc.settle()
				select {
				case <-in.proc.done: // it ended while it was asked, which says more
					return in.withLastWords(fmt.Errorf("plugin ended: %w", in.proc.exit()))
				default:
				}
				return fmt.Errorf("plugin did not answer %d health checks: %w", missed, rpcError(err))
			}
			continue
		}
		missed = 0
		in.showHealth(resp)
	}
}

// showHealth shows what an answering plugin says of itself; it is not killed for it.
func (in *instance) showHealth(resp *pluginv1.CheckHealthResponse) {
	const prefix = "not healthy: "
	s := in.s
	s.mu.Lock()
	reason := s.status.Reason
	switch {
	case !resp.GetHealthy():
		reason = prefix + clip(resp.GetReason(), 200)
	case strings.HasPrefix(reason, prefix):
		reason = ""
	}
	changed := reason != s.status.Reason
	s.status.Reason = reason
	s.mu.Unlock()
	if changed {
		s.publish()
	}
}

// weigh looks at the plugin's memory, and ends it where it is too much.
func (in *instance) weigh() error {
	s := in.s
	used := rss(in.proc.pid())
	s.mu.Lock()
	s.status.Memory = used
	s.mu.Unlock()
	s.host.met.memory.WithLabelValues(s.cfg.ID).Set(float64(used))
	if limit := s.cfg.Limits.Memory; used > limit {
		return fmt.Errorf("plugin used %d MB of memory, the limit is %d MB", used>>20, limit>>20)
	}
	return nil
}

// stop asks the plugin to finish, and waits for the calls that are under way; close kills whatever is left. All has
// one deadline.
func (in *instance) stop(ctx context.Context) {
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.s.host.opts.Timing.Stop)
	defer cancel()
	if _, err := in.rpc.Stop(stopCtx, &pluginv1.StopRequest{}); err != nil {
		in.s.log.Warn("plugin did not stop by itself", "err", rpcError(err))
		return
	}
	drained := make(chan struct{})
	in.streams.Go(func() { in.calls.Wait(); close(drained) }) // calls have deadlines, and fail with the connection
	select {
	case <-drained:
	case <-in.proc.done:
	case <-stopCtx.Done():
		in.s.log.Warn("plugin did not finish in time, the alerts it was given are tried again")
	}
}

// close ends the process and joins everything that was started for it. go-plugin's Kill is not used: it asks the
// process to shut down without a deadline, and there is nothing left for it to do.
func (in *instance) close() {
	if in.proc == nil {
		return
	}
	in.proc.kill()
	if in.host != nil {
		in.host.close()
	}
	if in.conn != nil {
		_ = in.conn.Close()
	}
	in.streams.Wait()
	in.proc.join()
	if in.client != nil && in.proc.isStarted() {
		// Its last goroutine has seen the process end and needs its own lock once more.
		for range 200 {
			if in.client.Exited() {
				break
			}
			time.Sleep(5 * time.Millisecond) //nolint:forbidigo // go-plugin offers nothing to wait for
		}
	}
	_ = os.RemoveAll(in.dir) // made anew at the next start in any case
}

// enter begins a call that stop is to wait for. It reports whether the instance still serves.
func (in *instance) enter() bool {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	if in.s.instance != in {
		return false
	}
	in.calls.Add(1)
	in.busy.Add(1)
	return true
}

func (in *instance) leave() {
	in.busy.Add(-1)
	in.calls.Done()
}

// notify makes one attempt at one alert.
func (in *instance) notify(ctx context.Context, a nvr.Alert) (nvr.DeliveryResult, error) {
	if !in.enter() {
		return nvr.DeliveryResult{}, in.s.stopping()
	}
	defer in.leave()
	ctx, cancel := context.WithTimeout(ctx, in.s.notifyTime())
	defer cancel()
	resp, err := in.rpc.Notify(ctx, toRequest(in.s.address(a, in.powers), in.maxSnapshot))
	if err != nil {
		return nvr.DeliveryResult{}, fmt.Errorf("notify by plugin %s: %w", in.s.cfg.ID, in.callError(err))
	}
	return toResult(resp), nil
}

// test asks for a test message; a plugin that has none of its own gets an example.
func (in *instance) test(ctx context.Context, recipient string) (nvr.DeliveryResult, error) {
	if !in.enter() {
		return nvr.DeliveryResult{}, in.s.stopping()
	}
	defer in.leave()
	ctx, cancel := context.WithTimeout(ctx, in.s.host.opts.Timing.Notify)
	defer cancel()
	resp, err := in.rpc.Test(ctx, &pluginv1.TestRequest{Recipient: recipient})
	if err == nil {
		return toVerdict(resp.GetDeliveryClass(), resp.GetDetail()), nil
	}
	if status.Code(err) != codes.Unimplemented {
		return nvr.DeliveryResult{}, fmt.Errorf("test of plugin %s: %w", in.s.cfg.ID, in.callError(err))
	}
	answer, err := in.rpc.Notify(ctx, toRequest(example(recipient), in.maxSnapshot))
	if err != nil {
		return nvr.DeliveryResult{}, fmt.Errorf("test of plugin %s: %w", in.s.cfg.ID, in.callError(err))
	}
	return toResult(answer), nil
}

// example is an alert that says it is none.
func example(recipient string) nvr.Alert {
	now := time.Now()
	id := "test-" + rand.Text()
	return nvr.Alert{
		DeliveryID: id, Attempt: 1, Recipient: recipient, Phase: nvr.PhaseNew, CameraName: "Test", Test: true,
		Title: "Test of Nightjar", Text: "This is a test that somebody asked for. Alerts will reach you this way.",
		Event: nvr.Event{ID: id, Camera: "test", Kind: nvr.EventManual, Label: "test", Start: now, End: now},
	}
}

// callError explains a call that failed: a process that has just ended says more than the lost connection.
func (in *instance) callError(err error) error {
	if status.Code(err) != codes.Unavailable {
		return rpcError(err)
	}
	in.proc.settle()
	select {
	case <-in.proc.done:
		return in.withLastWords(fmt.Errorf("the process is gone: %w", in.proc.exit()))
	default:
		return rpcError(err)
	}
}

// unanswered explains a call that failed before the plugin ran: best by the process's end, where it has ended.
func (in *instance) unanswered(call string, err error) error {
	in.proc.settle()
	select {
	case <-in.proc.done:
		return in.withLastWords(fmt.Errorf("plugin ended: %w", in.proc.exit()))
	default:
		return in.withLastWords(fmt.Errorf("%s plugin: %w", call, rpcError(err)))
	}
}

// withLastWords adds the last line of standard error to an error: it usually holds the cause.
func (in *instance) withLastWords(err error) error {
	in.proc.settle()
	if last := in.s.tail.last(); last != "" {
		return fmt.Errorf("%w; its last words: %s", err, clip(last, 300))
	}
	return err
}
