// Package mqtt publishes alerts to a broker, topic and payload as the settings' templates make them. It is for
// automations that are not Nightjar's: what Home Assistant needs, core/mqtt publishes by itself. It keeps one
// connection and never tries a delivery again by itself.
package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const version = "1.0.0"

// quiesce is how long a disconnect waits for what is on its way, in milliseconds.
const quiesce = 250

// Serve runs the notifier until the host ends the process.
func Serve() {
	sdk.Serve(sdk.Info{Name: "MQTT", Version: version, MaxSnapshotBytes: 1 << 20}, newMQTT())
}

// notifier is the notifier.
type notifier struct {
	sdk.Base[settings]

	mu     sync.Mutex
	client paho.Client // nil: not connected
}

func newMQTT() *notifier { return &notifier{} }

// Configure keeps the settings and leaves the broker of the last ones.
func (n *notifier) Configure(ctx context.Context, s settings) error {
	if err := n.Base.Configure(ctx, s); err != nil {
		return err //nolint:wrapcheck // a SettingError is the answer
	}
	n.drop()
	return nil
}

// Stop leaves the broker.
func (n *notifier) Stop(context.Context) error {
	n.drop()
	return nil
}

func (n *notifier) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != nil {
		n.client.Disconnect(quiesce)
		n.client = nil
	}
}

// message is what is published.
type message struct {
	topic string
	body  []byte
}

// Notify publishes one alert.
func (n *notifier) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	s := n.Settings()
	list, err := messages(s, a)
	if err != nil {
		return sdk.Permanent(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TimeoutSeconds)*time.Second)
	defer cancel()
	where, err := s.address()
	if err != nil {
		return sdk.BadConfig("broker " + err.Error())
	}
	client, err := n.connected(ctx, s, where)
	if err != nil {
		return judge(err, where.String())
	}
	for _, m := range list {
		token := client.Publish(m.topic, byte(s.QoS), s.Retain, m.body) //nolint:gosec // 0 to 2
		select {
		case <-token.Done():
			err = token.Error()
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			n.drop() // who knows what state it is in; the next attempt begins anew
			return judge(err, where.String())
		}
	}
	return sdk.OK()
}

// messages renders topic and payload, the picture first: whoever acts on the news finds it there.
func messages(s *settings, a sdk.Alert) ([]message, error) {
	m := payload.New(a, false)
	topic := a.Recipient
	if topic == "" {
		var err error
		if topic, err = render(s.Topic, m); err != nil {
			return nil, err
		}
	}
	if !validTopic(topic) {
		return nil, errors.New("the topic is none: it must not be empty, nor hold + or #")
	}
	var out []message
	if s.SnapshotTopic != "" && len(a.Snapshot) > 0 {
		picture, err := render(s.SnapshotTopic, m)
		if err != nil || !validTopic(picture) {
			return nil, errors.New("snapshot_topic makes no topic of this alert")
		}
		out = append(out, message{picture, a.Snapshot})
	}
	if s.Payload == "" {
		body, err := json.Marshal(m)
		return append(out, message{topic, body}), err //nolint:wrapcheck // it cannot fail
	}
	body, err := render(s.Payload, payload.New(a, true))
	return append(out, message{topic, []byte(body)}), err
}

func render(text string, m payload.Message) (string, error) {
	t, err := payload.Parse(text)
	if err != nil {
		return "", err //nolint:wrapcheck // it is a sentence already
	}
	return t.Render(m) //nolint:wrapcheck // it is a sentence already
}

// connected returns the connection, or makes it. Deliveries wait for each other here: they want the same one.
func (n *notifier) connected(ctx context.Context, s *settings, where address) (paho.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != nil {
		if n.client.IsConnectionOpen() {
			return n.client, nil
		}
		n.client.Disconnect(0)
		n.client = nil
	}
	client := paho.NewClient(options(s, where))
	token := client.Connect()
	var err error
	select {
	case <-token.Done():
		err = token.Error()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		client.Disconnect(0)
		return nil, err //nolint:wrapcheck // judge reads it
	}
	n.client = client
	return client, nil
}

func options(s *settings, where address) *paho.ClientOptions {
	limit := time.Duration(s.TimeoutSeconds) * time.Second
	o := paho.NewClientOptions().AddBroker("tcp://" + where.String()).SetClientID(s.ClientID).SetProtocolVersion(4).
		SetUsername(s.Username).SetPassword(s.Password).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(limit).SetWriteTimeout(limit).SetKeepAlive(30 * time.Second).SetOrderMatters(false)
	roots := (*x509.CertPool)(nil)
	if s.CACert != "" {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(s.CACert))
	}
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		dialer := outbound.Dialer(func() outbound.Policy { return outbound.Policy{Private: s.AllowPrivate} })
		dialer.Timeout = limit
		if !where.secure {
			return dialer.Dial("tcp", where.String()) //nolint:wrapcheck // judge reads it
		}
		//nolint:wrapcheck // judge reads it
		return tls.DialWithDialer(dialer, "tcp", where.String(), &tls.Config{ServerName: where.host, MinVersion: tls.VersionTLS12, RootCAs: roots})
	})
	return o
}

// judge says what an error means for the delivery.
func judge(err error, broker string) sdk.Result {
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return sdk.BadConfig(broker + " does not accept username and password")
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return sdk.BadConfig(broker + " does not accept the client id")
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return sdk.BadConfig(broker + " does not speak MQTT 3.1.1")
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return sdk.Retry(0, broker+" is not available")
	case errors.As(err, &record):
		return sdk.BadConfig(broker + " does not speak TLS there; check port and scheme")
	}
	if strings.Contains(err.Error(), "certificate") {
		return sdk.BadConfig(broker + " shows a certificate that is not trusted; ca_cert names an authority of your own")
	}
	return outbound.Failed(err, broker)
}
