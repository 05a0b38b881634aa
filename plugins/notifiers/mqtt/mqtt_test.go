package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freePort returns a loopback port that was free a moment ago; mosquitto cannot choose one itself.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// mosquitto runs a real broker and returns what stops it.
func mosquitto(t *testing.T, port int, conf string) (stop func()) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
		if _, err := os.Stat(path); err != nil {
			t.Skip("SKIPPED: mosquitto is not installed (apt-get install mosquitto)")
		}
	}
	if os.Geteuid() == 0 {
		conf += "\nuser root" // the files of the test are root's
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "listener %d 127.0.0.1\npersistence false\n%s\n", port, conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(stop)
	notifiertest.Until(t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return stop
}

// listener collects what a broker hands out.
type listener struct {
	mu   sync.Mutex
	seen map[string]paho.Message
}

func (l *listener) get(topic string) paho.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[topic]
}

func listen(t *testing.T, port int, user, password string) *listener {
	t.Helper()
	l := &listener{seen: map[string]paho.Message{}}
	c := paho.NewClient(paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetUsername(user).SetPassword(password).SetClientID("listener").SetAutoReconnect(false))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { c.Disconnect(50) })
	token := c.Subscribe("#", 2, func(_ paho.Client, m paho.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen[m.Topic()] = m
	})
	if token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	return l
}

func configured(t *testing.T, broker string, change ...func(*settings)) *notifier {
	t.Helper()
	s := settings{Broker: broker, Topic: "nightjar/alerts/{{.event.camera}}", QoS: 1, TimeoutSeconds: 15, AllowPrivate: true}
	for _, c := range change {
		c(&s)
	}
	n := newMQTT()
	if err := n.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n
}

func TestPublish(t *testing.T) {
	port := freePort(t)
	stop := mosquitto(t, port, "allow_anonymous true")
	l := listen(t, port, "", "")
	broker := fmt.Sprintf("mqtt://127.0.0.1:%d", port)
	plain := configured(t, broker)
	a := notifiertest.Alert()
	if r := plain.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	notifiertest.Until(t, "the JSON arrives", func() bool { return l.get("nightjar/alerts/front") != nil })
	var m payload.Message
	if err := json.Unmarshal(l.get("nightjar/alerts/front").Payload(), &m); err != nil || m.DeliveryID != a.DeliveryID || m.Title != a.Title || m.Snapshot != nil {
		t.Errorf("%v %+v", err, m)
	}
	free := configured(t, broker, func(s *settings) {
		s.Topic, s.Payload, s.SnapshotTopic = "home/{{.event.label}}/{{.phase}}", `{{upper .event.severity}} {{.title}}: {{join .event.zones ","}}`, "home/{{.event.camera}}/snapshot"
		s.QoS, s.Retain = 2, true
	})
	if r := free.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	a.Recipient = "chosen/by/route"
	if r := free.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	notifiertest.Until(t, "all arrive", func() bool {
		return l.get("home/person/new") != nil && l.get("home/front/snapshot") != nil && l.get("chosen/by/route") != nil
	})
	if got := string(l.get("home/person/new").Payload()); got != "HIGH Person at Front <door>: porch" || l.get("home/person/new").Qos() != 2 {
		t.Errorf("%q", got)
	}
	if string(l.get("home/front/snapshot").Payload()) != string(a.Snapshot) {
		t.Error("the picture is another")
	}
	late := paho.NewClient(paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)).SetClientID("late").SetAutoReconnect(false))
	if token := late.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer late.Disconnect(50)
	kept := make(chan bool, 1)
	late.Subscribe("home/person/new", 1, func(_ paho.Client, m paho.Message) { kept <- m.Retained() })
	if !<-kept {
		t.Error("not retained")
	}
	stop()
	if r := plain.Notify(t.Context(), notifiertest.Alert()); !r.IsRetry() {
		t.Errorf("broker is gone: %v", r)
	}
	mosquitto(t, port, "allow_anonymous true")
	notifiertest.Until(t, "the connection is made anew", func() bool { return plain.Notify(t.Context(), notifiertest.Alert()).IsOK() })
}

func TestTLSAndPassword(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	cert, key, _ := notifiertest.Certificate(t)
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", passwords, "nj", notifiertest.Canary).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: mosquitto_passwd is not installed: %v %s", err, out)
	}
	mosquitto(t, port, fmt.Sprintf("allow_anonymous false\npassword_file %s\ncertfile %s/cert.pem\nkeyfile %s/key.pem", passwords, dir, dir))
	secure := fmt.Sprintf("mqtts://127.0.0.1:%d", port)
	for _, tc := range []struct {
		name, want, says string
		broker           string
		change           func(*settings)
	}{
		{"let in", "ok", "", secure, func(*settings) {}},
		{"wrong password", "bad config", "username and password", secure, func(s *settings) { s.Password = "canary-7f3a9-wrong" }},
		{"no password", "bad config", "username and password", secure, func(s *settings) { s.Username, s.Password = "", "" }},
		{"untrusted", "bad config", "not trusted", secure, func(s *settings) { s.CACert = "" }},
		{"plain where TLS is", "retry", "", strings.Replace(secure, "mqtts", "mqtt", 1), func(*settings) {}},
		{"not allowed", "bad config", "allow_private", secure, func(s *settings) { s.AllowPrivate = false }},
		{"metadata", "bad config", "link-local", "mqtt://169.254.169.254", func(*settings) {}},
		{"nobody there", "retry", "cannot be reached", fmt.Sprintf("mqtt://127.0.0.1:%d", freePort(t)), func(*settings) {}},
	} {
		n := configured(t, tc.broker, func(s *settings) {
			s.Username, s.Password, s.CACert, s.TimeoutSeconds = "nj", notifiertest.Canary, string(cert), 5
			tc.change(s)
		})
		r := n.Notify(t.Context(), notifiertest.Alert())
		if !strings.HasPrefix(r.String(), tc.want) || !strings.Contains(r.String(), tc.says) || strings.Contains(r.String(), notifiertest.Canary) {
			t.Errorf("%s: %v", tc.name, r)
		}
	}
	n := configured(t, secure)
	a := notifiertest.Alert()
	a.Recipient = "no/topic/#"
	if r := n.Notify(t.Context(), a); !r.IsPermanent() {
		t.Error(r)
	}
}

func TestBadSettings(t *testing.T) {
	for path, change := range map[string]func(*settings){
		"broker":         func(s *settings) { s.Broker = "mqtt://nj:canary-7f3a9@broker" },
		"password":       func(s *settings) { s.Password = notifiertest.Canary },
		"topic":          func(s *settings) { s.Topic = "a/{{.event.camra}}" },
		"snapshot_topic": func(s *settings) { s.SnapshotTopic = "a/+" },
		"payload":        func(s *settings) { s.Payload = "{{" },
		"client_id":      func(s *settings) { s.ClientID = "a\nb" },
		"ca_cert":        func(s *settings) { s.CACert = notifiertest.Canary },
	} {
		s := settings{Broker: "mqtt://broker", Topic: "a"}
		change(&s)
		err := newMQTT().Configure(t.Context(), s)
		var se *sdk.SettingError
		if !errors.As(err, &se) || se.Path != path || strings.Contains(err.Error(), notifiertest.Canary) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for in, want := range map[string]string{
		"mqtt://broker": "broker:1883", "mqtts://broker": "broker:8883", "tcp://broker:99": "broker:99", "ssl://[::1]": "[::1]:8883",
	} {
		if a, err := (&settings{Broker: in}).address(); err != nil || a.String() != want {
			t.Errorf("%s: %v %v", in, a, err)
		}
	}
}
