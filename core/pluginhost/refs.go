package pluginhost

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// refs is what a plugin was told and may ask about: handles of attachments, which belong to one delivery and end after
// a quarter of an hour, and ids of events. It is kept over restarts of the plugin, and bounded.
type refs struct {
	mu      sync.Mutex
	media   map[string]mediaRef
	order   []string // of media, oldest first
	told    map[string]bool
	events  []string // of told, oldest first
	metrics map[string]bool
}

// mediaRef is what a handle stands for.
type mediaRef struct {
	event nvr.Event
	kind  nvr.AttachmentKind
	until time.Time
}

// hand returns a new handle for an event's media.
func (r *refs) hand(e nvr.Event, kind nvr.AttachmentKind, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.media == nil {
		r.media = map[string]mediaRef{}
	}
	for len(r.order) > 0 && (len(r.order) >= maxRefs || !now.Before(r.media[r.order[0]].until)) {
		delete(r.media, r.order[0])
		r.order = r.order[1:]
	}
	ref := rand.Text()
	r.media[ref] = mediaRef{event: e, kind: kind, until: now.Add(refTime)}
	r.order = append(r.order, ref)
	return ref
}

func (r *refs) find(ref string, now time.Time) (mediaRef, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.media[ref]
	return m, ok && now.Before(m.until)
}

// tell notes that the plugin hears of an event.
func (r *refs) tell(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[id] {
		return
	}
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if len(r.events) >= maxTold {
		delete(r.told, r.events[0])
		r.events = r.events[1:]
	}
	r.told[id] = true
	r.events = append(r.events, id)
}

func (r *refs) wasTold(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[id]
}

// mayCount reports whether a metric of that name is among the plugin's first maxMetrics.
func (r *refs) mayCount(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.metrics[name] {
		return true
	}
	if r.metrics == nil {
		r.metrics = map[string]bool{}
	}
	if len(r.metrics) >= maxMetrics {
		return false
	}
	r.metrics[name] = true
	return true
}

func mediaPermission(kind nvr.AttachmentKind) string {
	if kind == nvr.AttachClip {
		return PermitClip
	}
	return PermitSnapshot
}

// address completes an alert for one plugin: it gets handles for the media it may open, and offers only of what it
// can do. An alert without a list of attachments gets one of what the event has.
func (s *supervisor) address(a nvr.Alert, powers []string) nvr.Alert {
	now := time.Now()
	s.refs.tell(a.Event.ID)
	for _, e := range a.Digest {
		s.refs.tell(e.ID)
	}
	offered := a.Attachments
	if offered == nil && !a.Test {
		if a.Event.HasSnapshot {
			offered = append(offered, nvr.Attachment{Kind: nvr.AttachSnapshot, ContentType: "image/jpeg"})
		}
		offered = append(offered, nvr.Attachment{Kind: nvr.AttachClip, ContentType: "video/mp4"})
	}
	a.Attachments = nil
	if s.cfg.Permissions != nil && !s.cfg.permits(PermitSnapshot) {
		a.Snapshot = nil
	}
	for _, m := range offered {
		if s.host.opts.Callbacks == nil || !s.cfg.permits(mediaPermission(m.Kind)) || m.Kind == nvr.AttachClip && !slices.Contains(powers, "clip") {
			continue
		}
		m.Ref = s.refs.hand(a.Event, m.Kind, now)
		a.Attachments = append(a.Attachments, m)
	}
	if s.host.opts.Callbacks == nil || !s.cfg.permits(PermitActions) || !slices.Contains(powers, "actions") {
		a.Actions = nil
	}
	if !slices.Contains(powers, "update") {
		a.Previous = ""
	}
	return a
}
