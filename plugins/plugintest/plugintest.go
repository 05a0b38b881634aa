// Package plugintest tests notifier plugins without Nightjar.
//
// Run puts a plugin written with the Go SDK through the contract inside the test; Conform does the same with an
// executable in any language, over the real protocol, as the host would start it. Start gives a running plugin to
// tests of the author's own, with a Desk in the place of Nightjar for what the plugin asks.
//
// The suite knows nothing of the channel: give the plugin settings that lead to a server of the test, and check there
// what arrived.
package plugintest

import (
	"context"
	"encoding/json"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// Case is what the suite must know of a plugin.
type Case struct {
	Settings map[string]any // that the plugin accepts
	// Refused are settings that it must refuse, beside those the suite makes itself, by what they are an example of.
	Refused   map[string]map[string]any
	Recipient string // of the alerts; empty: the default of the settings
	// Offline says that the settings lead nowhere: then alerts need an answer, but no delivery.
	Offline bool
}

// Run puts a plugin through the contract, in this process, and checks that it leaves no goroutine behind.
func Run[S any](t *testing.T, info sdk.Info, impl sdk.Notifier[S], c Case) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	desk := NewDesk(t)
	suite{client: serve(t, info, impl), desk: desk, c: c, hasSDK: true}.run(t)
}

// Plugin is a running plugin.
type Plugin struct {
	pluginv1.NotifierClient
	Desk *Desk
}

// Start configures a plugin in this process, and stops it when the test ends. Settings that it refuses fail the test.
func Start[S any](t *testing.T, info sdk.Info, impl sdk.Notifier[S], settings map[string]any) *Plugin {
	t.Helper()
	p := &Plugin{NotifierClient: serve(t, info, impl), Desk: NewDesk(t)}
	resp, err := p.Configure(t.Context(), configuration(t, p.Desk, settings))
	if err != nil || len(resp.GetDiagnostics()) > 0 {
		t.Fatalf("the plugin refused its settings: %v %v", resp.GetDiagnostics(), err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if _, err := p.Stop(ctx, &pluginv1.StopRequest{}); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return p
}

// serve runs the contract's side of a plugin in memory.
func serve[S any](t *testing.T, info sdk.Info, impl sdk.Notifier[S]) pluginv1.NotifierClient {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(api.MaxPluginReceive), grpc.WaitForHandlers(true), sdk.Recovery(nil))
	pluginv1.RegisterNotifierServer(server, sdk.NewServer(info, impl))
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // ends with Stop
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		running.Wait()
	})
	return pluginv1.NewNotifierClient(conn)
}

func configuration(t *testing.T, d *Desk, settings map[string]any) *pluginv1.ConfigureRequest {
	t.Helper()
	if settings == nil {
		settings = map[string]any{}
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return &pluginv1.ConfigureRequest{SettingsJson: string(raw), HostVersion: "plugintest", HostSocket: d.Socket, HostToken: d.Token}
}

// Deadlines of the host, which the suite keeps to.
const (
	startTime  = 5 * time.Second
	healthTime = 2 * time.Second
	notifyTime = 15 * time.Second
	stopTime   = 5 * time.Second
)

// patience is for a machine that is busy with other tests.
const patience = 4
