package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Camera is a camera's state.
type Camera struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Order     int        `json:"order"`
	State     string     `json:"state" enum:"starting,online,offline,disabled"`
	Reason    string     `json:"reason" doc:"Why it is not online, for a person"`
	Since     time.Time  `json:"since"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	Recording bool       `json:"recording" doc:"The recording switch"`
	Detecting bool       `json:"detecting" doc:"The detection switch"`
	Streams   []Stream   `json:"streams" nullable:"false"`
	Areas     []Area     `json:"areas" nullable:"false" doc:"Zones, lines and masks as they are configured"`

	Problems []CameraProblem `json:"problems" nullable:"false" doc:"What is wrong with its pictures or its clock"`
}

// Area is a zone, line or mask over a camera's picture.
type Area struct {
	Kind       string      `json:"kind" enum:"zone,line,motion_mask,object_mask"`
	Name       string      `json:"name" doc:"Empty: masks have none"`
	Points     [][]float64 `json:"points" nullable:"false" doc:"[x, y] in fractions of the picture from its top left corner"`
	Labels     []string    `json:"labels" nullable:"false" doc:"That it is about; empty: all"`
	Inertia    int         `json:"inertia,omitempty" doc:"Frames inside until something is in the zone"`
	LoiteringS float64     `json:"loitering_s,omitempty" doc:"Seconds inside until something is in the zone"`
	Lengths    []float64   `json:"lengths,omitempty" nullable:"false" doc:"Of the zone's four sides, metres"`
}

// Stream is one stream of a camera.
type Stream struct {
	Role    string     `json:"role" enum:"main,sub"`
	State   string     `json:"state" enum:"starting,online,offline,disabled"`
	Reason  string     `json:"reason"`
	Since   time.Time  `json:"since"`
	RetryAt *time.Time `json:"retry_at,omitempty"`
	Codec   string     `json:"codec"`
	Audio   string     `json:"audio"`
	Width   int        `json:"width" doc:"Pixels"`
	Height  int        `json:"height" doc:"Pixels"`
	FPS     float64    `json:"fps" doc:"Measured frames per second"`
	Bitrate int64      `json:"bitrate" doc:"Measured bits per second"`
	Lost    uint64     `json:"lost" doc:"Packets lost in this session"`
}

// CameraList is all cameras.
type CameraList struct {
	Items []Camera `json:"items" nullable:"false"`
}

// Switch is the new position of a switch.
type Switch struct {
	Enabled bool `json:"enabled"`
}

func cameraOf(st nvr.CameraStatus, order int) Camera {
	c := Camera{
		ID: string(st.Camera), Name: st.Name, Order: order, State: string(st.State), Reason: st.Reason, Since: st.Since.UTC(),
		Recording: st.Recording, Detecting: st.Detecting, Streams: make([]Stream, 0, len(st.Streams)),
		Problems: problemsOf(st.Health),
	}
	for _, x := range st.Streams {
		c.Streams = append(c.Streams, Stream{
			Role: string(x.Role), State: string(x.State), Reason: x.Reason, Since: x.Since.UTC(), RetryAt: timeOrNil(x.RetryAt),
			Codec: x.Codec, Audio: x.Audio, Width: x.Width, Height: x.Height, FPS: x.FPS, Bitrate: x.Bitrate, Lost: x.Lost,
		})
		if x.Role == nvr.Main {
			c.RetryAt = timeOrNil(x.RetryAt)
		}
	}
	return c
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *Server) cameras() []Camera {
	sts := s.deps.Cameras.Statuses()
	out := make([]Camera, len(sts))
	for i, st := range sts {
		out[i] = cameraOf(st, i)
		out[i].Areas = append([]Area{}, s.deps.Areas[st.Camera]...)
	}
	return out
}

// camera returns one camera, CodeNotFound if it is not configured.
func (s *Server) camera(id string) (Camera, error) {
	for _, c := range s.cameras() {
		if c.ID == id {
			return c, nil
		}
	}
	return Camera{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "camera " + id + " does not exist"}
}

// CameraPath names a camera in a path.
type CameraPath struct {
	ID string `path:"id" maxLength:"48"`
}

type cameraOutput struct{ Body Camera }

func (s *Server) registerCameras() {
	type list struct{ Body CameraList }
	register(s, operation{method: "GET", path: "/cameras", id: "listCameras", tag: "cameras", summary: "All cameras with their state", access: accessViewer},
		func(context.Context, *struct{}) (*list, error) {
			return &list{Body: CameraList{Items: s.cameras()}}, nil
		})
	register(s, operation{method: "GET", path: "/cameras/{id}", id: "getCamera", tag: "cameras", summary: "One camera", access: accessViewer},
		func(_ context.Context, in *CameraPath) (*cameraOutput, error) {
			c, err := s.camera(in.ID)
			return &cameraOutput{Body: c}, err
		})
	type switchInput struct {
		ID   string `path:"id" maxLength:"48"`
		Body Switch
	}
	flip := func(name, id, summary string, set func(context.Context, nvr.CameraID, bool) error) {
		register(s, operation{method: "PUT", path: "/cameras/{id}/" + name, id: id, tag: "cameras", summary: summary, access: accessAdmin},
			func(ctx context.Context, in *switchInput) (*cameraOutput, error) {
				if _, err := s.camera(in.ID); err != nil {
					return nil, err
				}
				if err := set(ctx, nvr.CameraID(in.ID), in.Body.Enabled); err != nil {
					return nil, err
				}
				c, err := s.camera(in.ID)
				return &cameraOutput{Body: c}, err
			})
	}
	flip("recording", "setRecording", "Switch recording on or off", s.deps.Cameras.SetRecording)
	flip("detecting", "setDetecting", "Switch detection on or off", s.deps.Cameras.SetDetecting)
}
