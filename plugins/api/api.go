// Package api is what a plugin and its host must agree on beside the messages of v1: the handshake, and how the
// service is hung into go-plugin. It holds no behaviour.
package api

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

const (
	// Version is the protocol version of package pluginv1.
	Version = 1
	// NotifierName is the name under which go-plugin dispenses the Notifier service.
	NotifierName = "notifier"
	// MaxSnapshotBytes bounds the picture in a NotifyRequest.
	MaxSnapshotBytes = 1 << 20
	// MaxHostReceive is the largest message, in bytes, that the host takes from a plugin.
	MaxHostReceive = 1 << 20
	// MaxPluginReceive is the largest message, in bytes, that a plugin should take from the host.
	MaxPluginReceive = 16 << 20
)

// Handshake returns what keeps a person from running a plugin by hand and wondering; it is no secret. Trust comes
// from the mutual TLS that is made anew for each launch.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  Version,
		MagicCookieKey:   "NIGHTJAR_PLUGIN",
		MagicCookieValue: "b6c7d2e0-notifier",
	}
}

// Plugins returns the go-plugin set of each protocol version. impl is nil at the host.
func Plugins(impl pluginv1.NotifierServer) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{Version: {NotifierName: &notifierPlugin{impl: impl}}}
}

type notifierPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl pluginv1.NotifierServer
}

func (p *notifierPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.impl == nil {
		return errors.New("no notifier to serve")
	}
	pluginv1.RegisterNotifierServer(s, p.impl)
	return nil
}

func (p *notifierPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pluginv1.NewNotifierClient(c), nil
}
