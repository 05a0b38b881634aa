package nvr

import (
	"fmt"
	"strings"
	"time"
)

// CameraID is the stable name of a camera in paths, topics and rows: `[a-z0-9_]{1,48}`.
type CameraID string

// reservedCameraIDs would collide with a topic of its own below the MQTT prefix.
var reservedCameraIDs = map[CameraID]bool{
	"all": true, "available": true, "events": true, "reviews": true, "stats": true,
	"restart": true, "mode": true, "notifications": true, "profile": true, "problem": true, "update": true,
}

// ParseCameraID checks s against the id rules. The error says what is allowed.
func ParseCameraID(s string) (CameraID, error) {
	if len(s) == 0 || len(s) > 48 {
		return "", fmt.Errorf("camera id %q: want 1 to 48 characters of a-z, 0-9 and _", s)
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return "", fmt.Errorf("camera id %q: character %q is not allowed, want only a-z, 0-9 and _", s, r)
		}
	}
	if reservedCameraIDs[CameraID(s)] {
		return "", fmt.Errorf("camera id %q is reserved for an MQTT topic, choose another", s)
	}
	return CameraID(s), nil
}

// Role says what a stream of a camera is for.
type Role string

// The two roles of a stream.
const (
	Main Role = "main" // recorded and watched full size
	Sub  Role = "sub"  // detected on and shown in grids
)

// ParseRole accepts "main" and "sub".
func ParseRole(s string) (Role, error) {
	if r := Role(s); r == Main || r == Sub {
		return r, nil
	}
	return "", fmt.Errorf("stream role %q: want main or sub", s)
}

// StreamID names one stream of one camera.
type StreamID struct {
	Camera CameraID
	Role   Role
}

// String returns "camera/role", the form used in paths and logs.
func (s StreamID) String() string { return string(s.Camera) + "/" + string(s.Role) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (s StreamID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStreamID is the inverse of String.
func ParseStreamID(s string) (StreamID, error) {
	c, r, ok := strings.Cut(s, "/")
	if !ok {
		return StreamID{}, fmt.Errorf("stream %q: want camera/role", s)
	}
	id, err := ParseCameraID(c)
	if err != nil {
		return StreamID{}, err
	}
	role, err := ParseRole(r)
	if err != nil {
		return StreamID{}, err
	}
	return StreamID{Camera: id, Role: role}, nil
}

// State is what a camera or stream is doing now, as a person should read it.
type State string

// The states of a camera and of each of its streams.
const (
	StateStarting State = "starting" // first attempt has not ended yet
	StateOnline   State = "online"   // pictures arrive
	StateOffline  State = "offline"  // no pictures; Reason says why and RetryAt when the next attempt starts
	StateDisabled State = "disabled" // switched off by configuration
)

// StreamStatus is one stream's state with what is known of its media.
type StreamStatus struct {
	Role    Role
	State   State
	Reason  string // one sentence for a person; empty while online. Never holds credentials
	Since   time.Time
	RetryAt time.Time // zero unless offline
	Codec   string    // "h264", "h265"; empty until known
	Audio   string    // "aac", "opus", "pcma", "pcmu"; empty without audio
	Width   int       // pixels
	Height  int       // pixels
	FPS     float64   // measured frames per second
	Bitrate int64     // measured bits per second
	Lost    uint64    // RTP packets lost since the session began
}

// CameraStatus is a camera's state: its main stream's, with all streams beside it.
type CameraStatus struct {
	Camera    CameraID
	Name      string
	State     State
	Reason    string
	Since     time.Time
	Streams   []StreamStatus
	Recording bool // the recording switch, not whether bytes arrive
	Detecting bool // the detection switch
	Health    []HealthState
}
