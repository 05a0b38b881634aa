package pluginhost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

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
	maxSnapshot int
}

// start launches the process, shakes hands and configures it, all within one deadline: when that passes, or ctx
// ends, the process is killed, which is what cuts short go-plugin's own waits.
func (in *instance) start(ctx context.Context) error {
	t := in.s.host.opts.Timing
	if err := in.prepareDir(); err != nil {
		return err
	}
	proc, err := newProcess(in.s, in.dir)
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
		err = in.introduce(startCtx)
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
	if err := os.Mkdir(in.dir, 0o700); err != nil {
		return fmt.Errorf("make plugin run directory: %w", err)
	}
	return nil
}

// handshake starts the process and connects to it. go-plugin's own deadline is longer than ours and never met.
func (in *instance) handshake() error {
	config := &plugin.ClientConfig{
		HandshakeConfig:  api.Handshake(),
		VersionedPlugins: api.Plugins(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     2 * in.s.host.opts.Timing.Start,
		Logger:           hclog.NewNullLogger(), // what is worth saying is in the errors and in the plugin's own lines
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: in.dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			in.proc.env = append(in.proc.env, cmd.Env...)
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

// introduce asks what the plugin is and hands over its settings.
func (in *instance) introduce(ctx context.Context) error {
	d, err := in.rpc.Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return in.unanswered("describe", err)
	}
	in.name, in.version = clip(d.GetName(), 64), clip(d.GetVersion(), 64)
	if in.name == "" {
		in.name = in.s.cfg.ID
	}
	in.maxSnapshot = min(int(d.GetMaxSnapshotBytes()), api.MaxSnapshotBytes)
	resp, err := in.rpc.Configure(ctx, &pluginv1.ConfigureRequest{
		SettingsJson: in.s.settings, HostVersion: in.s.host.opts.Version,
	})
	if err != nil {
		return in.unanswered("configure", err)
	}
	if ds := resp.GetDiagnostics(); len(ds) > 0 {
		return badConfigError{refusal(ds)}
	}
	return nil
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
	tick := time.NewTicker(t.Health)
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-ctx.Done():
			in.s.retire()
			in.stop(ctx)
			return ctx.Err()
		case <-in.proc.done:
			return in.withLastWords(fmt.Errorf("plugin ended: %w", in.proc.exit()))
		case <-tick.C:
		}
		callCtx, cancel := context.WithTimeout(ctx, t.HealthCall)
		resp, err := in.rpc.CheckHealth(callCtx, &pluginv1.CheckHealthRequest{})
		cancel()
		if err != nil {
			if missed++; missed >= 2 {
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

// stop asks the plugin to finish; close kills whatever is left.
func (in *instance) stop(ctx context.Context) {
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.s.host.opts.Timing.Stop)
	defer cancel()
	if _, err := in.rpc.Stop(stopCtx, &pluginv1.StopRequest{}); err != nil {
		in.s.log.Warn("plugin did not stop by itself", "err", rpcError(err))
	}
}

// close ends the process and joins everything that was started for it. go-plugin's Kill is not used: it asks the
// process to shut down without a deadline, and there is nothing left for it to do.
func (in *instance) close() {
	if in.proc == nil {
		return
	}
	in.proc.kill()
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

// notify makes one attempt at one alert.
func (in *instance) notify(ctx context.Context, a nvr.Alert) (nvr.DeliveryResult, error) {
	ctx, cancel := context.WithTimeout(ctx, in.s.host.opts.Timing.Notify)
	defer cancel()
	resp, err := in.rpc.Notify(ctx, toRequest(a, in.maxSnapshot))
	if err != nil {
		return nvr.DeliveryResult{}, fmt.Errorf("notify by plugin %s: %w", in.s.cfg.ID, rpcError(err))
	}
	return toResult(resp), nil
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
