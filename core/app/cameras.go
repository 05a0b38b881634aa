package app

import (
	"strings"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func (a *App) buildCameras() (err error) {
	var cams []camera.Config
	for _, id := range a.cfg.CameraIDs() {
		cams = append(cams, cameraConfig(a.cfg, id))
	}
	if a.cameras, err = camera.NewManager(camera.Options{Cameras: cams, Bus: a.bus, Log: a.log, Registerer: a.metrics}); err != nil {
		return err
	}
	a.motion = newMotionLog(a.store, a.bus, a.log)
	if a.record, err = newRecording(a); err != nil {
		return err
	}
	if a.cfg.Demo.Enabled {
		d := a.cfg.Demo
		if a.demo, err = demo.New(demo.Config{Listen: d.Listen, Main: d.Main, Sub: d.Sub, Log: a.log}); err != nil {
			return err
		}
	}
	if !a.cfg.RTSP.Enabled {
		return nil
	}
	a.restream, err = rtsp.NewServer(rtsp.ServerConfig{
		Listen: a.cfg.RTSP.Listen, Username: a.cfg.RTSP.Username, Password: a.cfg.RTSP.Password.Reveal(),
		Hub: a.hub, Log: a.log, Registerer: a.metrics,
	})
	return err
}

// hub finds the stream of a restream path: "front/sub", or "front" for the main stream.
func (a *App) hub(path string) *media.Hub {
	if !strings.Contains(path, "/") {
		path += "/" + string(nvr.Main)
	}
	id, err := nvr.ParseStreamID(path)
	if err != nil {
		return nil
	}
	if stream, ok := a.cameras.Resolve(id.Camera, id.Role); ok {
		return a.cameras.Hub(stream)
	}
	return nil
}

func cameraConfig(cfg *config.Config, id nvr.CameraID) camera.Config {
	c := cfg.Cameras[id]
	out := camera.Config{ID: id, Name: c.Name, Disabled: !enabled(c.Enabled), Detecting: cfg.DetectFor(id).Enabled, ClockTolerance: cfg.HealthFor(id).Clock()}
	out.Recording, _ = cfg.RecordingFor(id)
	for _, s := range []struct {
		role nvr.Role
		set  config.Stream
	}{{nvr.Main, c.Main}, {nvr.Sub, c.Sub}} {
		if s.set.URL != "" {
			out.Streams = append(out.Streams, camera.StreamConfig{
				Role: s.role, URL: s.set.URL, Username: s.set.Username, Password: s.set.Password.Reveal(), Transport: s.set.Transport,
			})
		}
	}
	return out
}
