package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	mqttUser     = "nightjar"
	mqttPassword = "mqtt-canary-password"
	hookSecret   = "hook-canary-secret"
	camPassword  = "camera-canary-password"
)

// broker is a mosquitto that wants a password, with everything it carried.
type broker struct {
	url string

	mu       sync.Mutex
	messages map[string][]paho.Message // by topic
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	dir := t.TempDir()
	passwd := filepath.Join(dir, "passwd")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", passwd, mqttUser, mqttPassword).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	port := freePort(t)
	conf := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous false\npassword_file %s\npersistence false\nuser root\n", port, passwd)
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, path, "-c", file)
	b := &broker{url: fmt.Sprintf("mqtt://127.0.0.1:%d", port), messages: map[string][]paho.Message{}}
	o := paho.NewClientOptions().AddBroker(strings.Replace(b.url, "mqtt:", "tcp:", 1)).SetClientID("e2e").
		SetUsername(mqttUser).SetPassword(mqttPassword).SetConnectRetry(true).SetConnectRetryInterval(200 * time.Millisecond)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.messages[m.Topic()] = append(b.messages[m.Topic()], m)
	})
	o.SetOnConnectHandler(func(c paho.Client) { c.Subscribe("#", 1, nil) })
	c := paho.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		t.Fatalf("connect to mosquitto: %v", tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(250) })
	return b
}

func (b *broker) on(topic string) []paho.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]paho.Message(nil), b.messages[topic]...)
}

func (b *broker) topics() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for topic := range b.messages {
		out = append(out, topic)
	}
	return out
}

// retained reads a topic anew, as a program that subscribes late does.
func (b *broker) retained(t *testing.T, filter string) map[string][]byte {
	t.Helper()
	var mu sync.Mutex
	out := map[string][]byte{}
	o := paho.NewClientOptions().AddBroker(strings.Replace(b.url, "mqtt:", "tcp:", 1)).SetClientID("e2e-late").SetUsername(mqttUser).SetPassword(mqttPassword)
	c := paho.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	defer c.Disconnect(100)
	quiet := time.NewTimer(time.Second)
	c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		if m.Retained() {
			out[m.Topic()] = m.Payload()
			quiet.Reset(time.Second)
		}
	})
	<-quiet.C
	mu.Lock()
	defer mu.Unlock()
	return out
}

// hook is the webhook's receiver. It refuses what is not signed.
type hook struct {
	*httptest.Server

	mu       sync.Mutex
	accepted []map[string]any
	refused  []string
	keys     map[string]int
}

func startHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{keys: map[string]int{}}
	first := true
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		h.mu.Lock()
		defer h.mu.Unlock()
		if first { // the first delivery must be tried again
			first = false
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		if err := verify(r.Header.Get("Nightjar-Signature"), body); err != nil {
			h.refused = append(h.refused, err.Error())
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			h.refused = append(h.refused, err.Error())
			return
		}
		h.keys[r.Header.Get("Idempotency-Key")]++
		h.accepted = append(h.accepted, m)
	}))
	t.Cleanup(h.Close)
	return h
}

// verify checks "t=<unix seconds>,v1=<hex HMAC-SHA256 of t.body>".
func verify(header string, body []byte) error {
	var stamp, sum string
	for _, f := range strings.Split(header, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		switch k {
		case "t":
			stamp = v
		case "v1":
			sum = v
		}
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	if got, err := hex.DecodeString(sum); err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return fmt.Errorf("signature %q does not fit", header)
	}
	return nil
}

func (h *hook) events() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]map[string]any(nil), h.accepted...)
}

// ingress is a reverse proxy that mounts Nightjar below a prefix the way Home Assistant's Supervisor does: it strips
// the prefix and names it in X-Ingress-Path. Requests outside the prefix are counted: the UI must not make any.
type ingress struct {
	*httptest.Server
	prefix string

	mu      sync.Mutex
	outside []string
}

func startIngress(t *testing.T, target string) *ingress {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	in := &ingress{prefix: "/api/hassio_ingress/e2e-Token_1"}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, in.prefix)
		r.Out.URL.RawPath = ""
		r.Out.Header.Set("X-Ingress-Path", in.prefix)
		r.SetXForwarded()
	}}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, in.prefix+"/") {
			in.mu.Lock()
			in.outside = append(in.outside, r.URL.Path)
			in.mu.Unlock()
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(in.Close)
	return in
}

func isJPEG(b []byte) error {
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if s := img.Bounds().Size(); s.X < 100 || s.Y < 100 {
		return fmt.Errorf("picture of %v", s)
	}
	return nil
}
