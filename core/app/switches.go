package app

import (
	"context"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// switches turns recording and detection of a camera on and off, for the API and MQTT alike: it stores the position,
// tells who obeys it and what shows it.
type switches struct {
	store     *store.Store
	cameras   *camera.Manager
	recording *recording
	detector  *detector
}

// Statuses implements the API's camera service.
func (s *switches) Statuses() []nvr.CameraStatus { return s.cameras.Statuses() }

// SetRecording implements the API's and MQTT's switch. CodeNotFound for unknown cameras.
func (s *switches) SetRecording(ctx context.Context, id nvr.CameraID, on bool) error {
	if _, ok := s.cameras.Status(id); !ok {
		return unknownCamera(id)
	}
	if err := s.store.SetRecording(ctx, id, on); err != nil {
		return err
	}
	s.applyRecording(id, on)
	return nil
}

// SetDetecting is SetRecording for detection.
func (s *switches) SetDetecting(ctx context.Context, id nvr.CameraID, on bool) error {
	if _, ok := s.cameras.Status(id); !ok {
		return unknownCamera(id)
	}
	if on && s.detector.cameras[id] == nil {
		return &nvr.Error{Code: nvr.CodeConflict, Message: "detection of camera " + string(id) + " is off in the configuration: set detect.enabled for it and restart"}
	}
	if err := s.store.SetDetecting(ctx, id, on); err != nil {
		return err
	}
	s.applyDetecting(id, on)
	return nil
}

func unknownCamera(id nvr.CameraID) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: "camera " + string(id) + " does not exist"}
}

func (s *switches) applyRecording(id nvr.CameraID, on bool) {
	s.recording.setEnabled(id, on)
	s.cameras.SetRecording(id, on)
}

func (s *switches) applyDetecting(id nvr.CameraID, on bool) {
	if c := s.detector.cameras[id]; c != nil {
		c.SetEnabled(on)
	}
	s.cameras.SetDetecting(id, on)
}

// restore brings the stored positions back. A switch that the configuration has off stays off.
func (s *switches) restore(ctx context.Context, cfg *config.Config) error {
	for _, id := range cfg.CameraIDs() {
		sw, err := s.store.UpsertCamera(ctx, id, cfg.Cameras[id].Name)
		if err != nil {
			return err
		}
		rec, _ := cfg.RecordingFor(id)
		s.applyRecording(id, rec && sw.Recording)
		s.applyDetecting(id, cfg.DetectFor(id).Enabled && sw.Detecting)
	}
	return nil
}
