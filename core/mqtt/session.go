package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	connectDeadline = 10 * time.Second
	ackDeadline     = 10 * time.Second
	writeDeadline   = 5 * time.Second
	aliveEvery      = 30 * time.Second // paho tells of a lost connection; this is for the day it does not

	featureRecordings = "recordings"
	featureDetect     = "detect"
)

// session is one connection, from connect to its end.
type session struct {
	c     *Client
	conn  paho.Client
	lost  chan error
	birth chan struct{}
	found chan leftover // discovery of an earlier configuration
}

// run connects, says everything, and then publishes changes until ctx ends or the connection does.
func (s *session) run(ctx context.Context) error {
	s.lost, s.birth, s.found = make(chan error, 1), make(chan struct{}, 1), make(chan leftover, 4096)
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.conn.Disconnect(250)
	s.c.table.connect(true)
	defer s.c.table.connect(false)
	if err := s.hello(ctx); err != nil {
		return err
	}
	s.c.setStatus(true, "")
	s.c.log.Info("mqtt broker connected", "broker", s.c.broker.show)
	err := s.talk(ctx)
	if ctx.Err() != nil {
		return s.goodbye()
	}
	return err
}

func (s *session) connect(ctx context.Context) error {
	c := s.c
	tlsConfig, err := c.cfg.tlsConfig(c.broker)
	if err != nil {
		return err
	}
	dialCtx, cancel := context.WithTimeout(ctx, connectDeadline)
	defer cancel()
	var closeEarly func() bool
	opts := paho.NewClientOptions().
		AddBroker("tcp://"+c.broker.addr). // the scheme is ours to handle, in the function below
		SetClientID(c.cfg.ClientID).SetUsername(c.cfg.Username).SetPassword(c.cfg.Password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectDeadline).SetKeepAlive(20*time.Second).SetPingTimeout(10*time.Second).
		SetWriteTimeout(writeDeadline).SetMessageChannelDepth(100).
		SetWill(c.topics.available(), "offline", 1, true).
		SetDefaultPublishHandler(func(paho.Client, paho.Message) {}).
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost <- err }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			conn, err := dial(dialCtx, c.broker.addr, tlsConfig)
			if err != nil {
				return nil, err
			}
			closeEarly = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return newGuard(conn, &c.skipped), nil
		})
	s.conn = paho.NewClient(opts)
	token := s.conn.Connect()
	<-token.Done() // bounded by dialCtx, the handshake's deadline, and ctx closing the connection
	if closeEarly != nil {
		closeEarly()
	}
	if err := token.Error(); err != nil {
		return err
	}
	if !s.conn.IsConnectionOpen() {
		return errors.New("connection closed during the handshake")
	}
	return ctx.Err()
}

func dial(ctx context.Context, addr string, tlsConfig *tls.Config) (net.Conn, error) {
	if tlsConfig == nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	d := tls.Dialer{Config: tlsConfig}
	return d.DialContext(ctx, "tcp", addr)
}

// hello is the order in which things are said: what there is, what we listen to, how it stands, and last that we are
// there, because entities become available with that.
func (s *session) hello(ctx context.Context) error {
	if err := s.publish(s.c.discover); err != nil {
		return err
	}
	for _, feature := range []string{featureRecordings, featureDetect} {
		if err := s.subscribe(ctx, s.c.cfg.Prefix+"/+/"+feature+"/set", 1, s.onCommand); err != nil {
			return err
		}
	}
	if s.c.deps.Armer != nil {
		if err := s.subscribe(ctx, s.c.topics.mode()+"/set", 1, s.onMode); err != nil {
			return err
		}
	}
	if s.c.cfg.Discovery {
		if err := s.subscribe(ctx, s.c.cfg.BirthTopic, 0, s.onBirth); err != nil {
			return err
		}
		if err := s.subscribe(ctx, s.scanTopic(), 0, s.onLeftover); err != nil {
			return err
		}
	}
	return s.sayStates()
}

func (s *session) sayStates() error {
	if err := s.publish(s.c.table.everything(time.Now())); err != nil {
		return err
	}
	return s.publish([]message{{topic: s.c.topics.available(), payload: []byte("online"), qos: 1, retained: true}})
}

// talk publishes changes and answers Home Assistant's births.
func (s *session) talk(ctx context.Context) error {
	flush := time.NewTimer(0)
	defer flush.Stop()
	scan := time.NewTimer(s.c.cfg.ScanFor)
	defer scan.Stop()
	var reborn <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.lost:
			return err
		case <-s.birth:
			if reborn == nil {
				reborn = time.After(s.c.cfg.BirthDelay())
			}
			continue
		case <-reborn:
			reborn = nil
			if err := s.publish(s.c.discover); err != nil {
				return err
			}
			if err := s.sayStates(); err != nil {
				return err
			}
		case <-scan.C:
			if err := s.endScan(ctx); err != nil {
				return err
			}
		case <-s.c.table.wake:
		case <-flush.C:
		}
		msgs, next := s.c.table.due(time.Now())
		if err := s.publish(msgs); err != nil {
			return err
		}
		if !s.conn.IsConnectionOpen() {
			return errors.New("connection lost")
		}
		flush.Reset(min(next, aliveEvery))
	}
}

// goodbye is a clean end: the will is not sent then, so we say it ourselves.
func (s *session) goodbye() error {
	msgs := append(s.c.table.last(), message{topic: s.c.topics.available(), payload: []byte("offline"), qos: 1, retained: true})
	return s.publish(msgs)
}

// publish hands messages to the broker, and where they ask for it waits until it has acknowledged them.
func (s *session) publish(msgs []message) error {
	var acks []paho.Token
	for _, m := range msgs {
		token := s.conn.Publish(m.topic, m.qos, m.retained, m.payload)
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return fmt.Errorf("publish %s: %w", m.topic, err)
			}
		default: // being written; a failure to write ends the connection
			if m.qos > 0 {
				acks = append(acks, token)
			}
		}
	}
	deadline := time.NewTimer(ackDeadline)
	defer deadline.Stop()
	for _, token := range acks {
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		case err := <-s.lost:
			return err
		case <-deadline.C:
			return errors.New("the broker does not acknowledge messages")
		}
	}
	return nil
}

func (s *session) subscribe(ctx context.Context, topic string, qos byte, handle paho.MessageHandler) error {
	token := s.conn.Subscribe(topic, qos, handle)
	if err := s.await(ctx, token); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	if t, ok := token.(*paho.SubscribeToken); ok && t.Result()[topic] > 2 {
		s.c.log.Warn("mqtt broker does not let us subscribe, check its access list", "topic", topic)
	}
	return nil
}

func (s *session) await(ctx context.Context, token paho.Token) error {
	deadline := time.NewTimer(ackDeadline)
	defer deadline.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case err := <-s.lost:
		return err
	case <-deadline.C:
		return errors.New("the broker does not acknowledge it")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onCommand runs on paho's goroutine: it only checks and hands on.
func (s *session) onCommand(_ paho.Client, m paho.Message) {
	id, feature, ok := s.c.topics.command(m.Topic())
	if !ok || m.Retained() { // a retained command would be obeyed again at every connect
		return
	}
	if _, known := s.c.cameras[id]; !known {
		return
	}
	var on bool
	switch string(m.Payload()) {
	case "ON":
		on = true
	case "OFF":
	default:
		return
	}
	select {
	case s.c.commands <- command{camera: id, feature: feature, on: on}:
	default:
	}
}

// onMode is onCommand for the arming mode.
func (s *session) onMode(_ paho.Client, m paho.Message) {
	mode, err := nvr.ParseMode(string(m.Payload()))
	if err != nil || m.Retained() {
		return
	}
	select {
	case s.c.commands <- command{mode: mode}:
	default:
	}
}

func (s *session) onBirth(_ paho.Client, m paho.Message) {
	if string(m.Payload()) != "online" || m.Retained() { // retained: it was born before us
		return
	}
	select {
	case s.birth <- struct{}{}:
	default:
	}
}

// explain says in one sentence why there is no connection and what to do. It never holds the password.
func (c *Client) explain(err error) string {
	var unknown x509.UnknownAuthorityError
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return fmt.Sprintf("MQTT broker %s refused the user name or password, check mqtt.username and mqtt.password", c.broker.show)
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return fmt.Sprintf("MQTT broker %s refused the client id %q, choose another", c.broker.show, c.cfg.ClientID)
	case errors.As(err, &unknown), errors.As(err, &cert):
		return fmt.Sprintf("MQTT broker %s shows a certificate that is not trusted, check the broker's CA", c.broker.show)
	case errors.As(err, &dns):
		return fmt.Sprintf("MQTT broker %s: no such host, check mqtt.broker", c.broker.show)
	default:
		return fmt.Sprintf("MQTT broker %s cannot be reached (%s), check that it runs and mqtt.broker", c.broker.show, cause(err))
	}
}

// cause is the last link of an error chain, which for network errors is the part a person understands.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return strings.TrimSuffix(err.Error(), ".")
}
