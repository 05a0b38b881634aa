package mqtt

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// leftover is a retained discovery message of ours for something that is no longer there.
type leftover struct {
	topic  string
	states []string // retained topics that went with it
}

func (s *session) scanTopic() string { return s.c.cfg.DiscoveryPrefix + "/+/+/+/config" }

// onLeftover runs on paho's goroutine for every retained discovery message on the broker, most of them not ours.
func (s *session) onLeftover(_ paho.Client, m paho.Message) {
	if !m.Retained() || len(m.Payload()) == 0 {
		return
	}
	parts := strings.Split(strings.TrimPrefix(m.Topic(), s.c.cfg.DiscoveryPrefix+"/"), "/")
	if len(parts) != 4 || !strings.HasPrefix(parts[1], s.c.cfg.InstanceID+"_") {
		return
	}
	if slices.ContainsFunc(s.c.discover, func(d message) bool { return d.topic == m.Topic() }) {
		return
	}
	old, ok := s.ours(m.Payload())
	if !ok {
		return
	}
	old.topic = m.Topic()
	select {
	case s.found <- old:
	default: // more than fit; the rest at the next connect
	}
}

// ours tells whether a discovery payload was written by this instance: by its origin and by its hub, because the
// node id of instance "a_b" also begins like one of instance "a".
func (s *session) ours(payload []byte) (leftover, bool) {
	var p struct {
		StateTopic string `json:"state_topic"`
		ImageTopic string `json:"image_topic"`
		Topic      string `json:"topic"`
		Origin     struct {
			Name string `json:"name"`
		} `json:"origin"`
		Device struct {
			Identifiers []string `json:"identifiers"`
			ViaDevice   string   `json:"via_device"`
		} `json:"device"`
		Availability []struct {
			Topic string `json:"topic"`
		} `json:"availability"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return leftover{}, false
	}
	hub := s.c.cfg.InstanceID + "_hub"
	if p.Origin.Name != originName || p.Device.ViaDevice != hub && !slices.Contains(p.Device.Identifiers, hub) {
		return leftover{}, false
	}
	var old leftover
	topics := []string{p.StateTopic, p.ImageTopic, p.Topic}
	for _, a := range p.Availability {
		topics = append(topics, a.Topic)
	}
	for _, t := range topics {
		if strings.HasPrefix(t, s.c.cfg.Prefix+"/") && checkTopic(t) == nil && t != s.c.topics.available() && !s.c.table.has(t) {
			old.states = append(old.states, t)
		}
	}
	return old, true
}

// endScan stops listening to discovery and removes what was found, with its states, from the broker.
func (s *session) endScan(ctx context.Context) error {
	if !s.c.cfg.Discovery {
		return nil
	}
	if err := s.await(ctx, s.conn.Unsubscribe(s.scanTopic())); err != nil {
		return err
	}
	var empties []message
	entities := 0
	for {
		select {
		case old := <-s.found:
			entities++
			for _, topic := range append(old.states, old.topic) {
				if !slices.ContainsFunc(empties, func(m message) bool { return m.topic == topic }) {
					empties = append(empties, message{topic: topic, qos: 1, retained: true})
				}
			}
			continue
		default:
		}
		break
	}
	if entities == 0 {
		return nil
	}
	s.c.log.Info("removing entities of former cameras from home assistant", "entities", entities, "messages", len(empties),
		"after", s.c.cfg.ScanFor.Round(time.Millisecond))
	return s.publish(empties)
}
