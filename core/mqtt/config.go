package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Camera is what Home Assistant is told about one camera.
type Camera struct {
	ID     nvr.CameraID
	Name   string   // for people; empty: the id
	Labels []string // what the detector looks for; empty: no entities about objects
	Health bool     // its pictures and its clock are watched
	Audio  bool     // it is listened to
	Sounds []string // what a classifier may hear
}

// Config says which broker to talk to and under which names.
type Config struct {
	// BrokerURL is mqtt://host[:1883] or mqtts://host[:8883]; tcp, ssl and tls are accepted too. Empty: MQTT is off.
	// A user name and password in it are taken out and used where Username is empty.
	BrokerURL string
	Username  string
	Password  string
	ClientID  string // default: nightjar-<InstanceID>
	Prefix    string // of all our topics; default "nightjar"
	// Discovery switches Home Assistant discovery on; DiscoveryPrefix defaults to "homeassistant".
	Discovery       bool
	DiscoveryPrefix string
	BirthTopic      string // default <DiscoveryPrefix>/status
	// InstanceID tells apart several Nightjars on one broker, `[a-z0-9_]{1,32}`; default "nightjar". Changing it
	// makes every entity a new one.
	InstanceID string
	Version    string // of Nightjar
	// ConfigurationURL is linked from the device pages; http, https or homeassistant. Empty: none.
	ConfigurationURL string
	Cameras          []Camera
	// Arming says that there is an arming mode to show and to choose; New sets it.
	Arming bool

	CAPEM      []byte // roots for mqtts; empty: the system's
	SkipVerify bool   // accept any certificate; only for a broker on a network one trusts

	// BirthDelay returns the pause between Home Assistant's birth message and our answer; default 1 to 5 s, random.
	BirthDelay func() time.Duration
	// ScanFor is how long retained discovery of former cameras is collected after connecting; default 2 s.
	ScanFor time.Duration
}

var instanceRE = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// broker is BrokerURL after parsing: no credentials in it, safe to show.
type broker struct {
	addr string // host:port
	host string
	tls  bool
	show string // scheme://host:port
}

// normalise fills in defaults and checks the rest. The errors never hold the password.
func (c *Config) normalise() (broker, error) {
	setDefault(&c.Prefix, "nightjar")
	setDefault(&c.DiscoveryPrefix, "homeassistant")
	setDefault(&c.InstanceID, "nightjar")
	setDefault(&c.ClientID, "nightjar-"+c.InstanceID)
	setDefault(&c.BirthTopic, c.DiscoveryPrefix+"/status")
	if c.BirthDelay == nil {
		c.BirthDelay = defaultBirthDelay
	}
	if c.ScanFor <= 0 {
		c.ScanFor = 2 * time.Second
	}
	for what, topic := range map[string]string{
		"mqtt prefix": c.Prefix, "mqtt discovery prefix": c.DiscoveryPrefix, "mqtt birth topic": c.BirthTopic,
	} {
		if err := checkTopic(topic); err != nil {
			return broker{}, fmt.Errorf("%s %q: %w", what, topic, err)
		}
	}
	if !instanceRE.MatchString(c.InstanceID) {
		return broker{}, fmt.Errorf("mqtt instance id %q: want 1 to 32 characters of a-z, 0-9 and _", c.InstanceID)
	}
	c.Cameras = slices.Clone(c.Cameras)
	for i, cam := range c.Cameras {
		if _, err := nvr.ParseCameraID(string(cam.ID)); err != nil {
			return broker{}, err
		}
		c.Cameras[i].Labels = distinct(cam.Labels)
	}
	if c.BrokerURL == "" {
		return broker{}, nil
	}
	return c.parseBroker()
}

func (c *Config) parseBroker() (broker, error) {
	u, err := url.Parse(c.BrokerURL)
	if err != nil {
		return broker{}, errors.New("mqtt broker: not a URL, want for instance mqtt://192.168.1.10:1883") // err would repeat the password
	}
	b := broker{host: u.Hostname()}
	port := "1883"
	switch u.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "ssl", "tls":
		b.tls, port = true, "8883"
	default:
		return broker{}, fmt.Errorf("mqtt broker: scheme %q, want mqtt or mqtts", u.Scheme)
	}
	if b.host == "" {
		return broker{}, errors.New("mqtt broker: the URL names no host, want for instance mqtt://192.168.1.10:1883")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if u.User != nil && c.Username == "" {
		c.Username = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	b.addr = net.JoinHostPort(b.host, port)
	b.show = u.Scheme + "://" + b.addr
	c.BrokerURL = b.show
	return b, nil
}

func (c *Config) tlsConfig(b broker) (*tls.Config, error) {
	if !b.tls {
		return nil, nil //nolint:nilnil // no TLS is a configuration too
	}
	out := &tls.Config{ServerName: b.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipVerify} //nolint:gosec // the owner's choice
	if len(c.CAPEM) > 0 {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(c.CAPEM) {
			return nil, errors.New("mqtt: the CA file holds no PEM certificate")
		}
	}
	return out, nil
}

// distinct drops labels that would share a topic with an earlier one.
func distinct(labels []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(labels), func(l string) bool {
		part := labelPart(l)
		dup := seen[part]
		seen[part] = true
		return dup
	})
}

func setDefault(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

// checkTopic refuses what would make a topic of ours a wildcard, or impossible.
func checkTopic(s string) error {
	if s == "" || len(s) > 128 || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.HasPrefix(s, "$") {
		return errors.New("want 1 to 128 characters that do not begin with / or $ nor end with /")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == '#' || r == '+' || r < ' ' || r == 0x7f || r == 0xfffd }) {
		return errors.New("wildcards and control characters are not allowed")
	}
	return nil
}
