package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// contestant is one recorder: it starts the processes that record n cameras into dir.
type contestant struct {
	name  string
	start func(ctx context.Context, g *group, url, dir string, n int) error
}

func (o options) contestants(self string) []contestant {
	all := []contestant{{"ffmpeg -c copy", startFFmpeg}}
	if o.nightjar != "" {
		all = append(all, contestant{"Nightjar", func(ctx context.Context, g *group, url, dir string, n int) error {
			return startNightjar(ctx, g, o.nightjar, url, dir, n)
		}})
	}
	if o.nightjar != "" && o.model != "" {
		all = append(all, contestant{withDetection, func(ctx context.Context, g *group, url, dir string, n int) error {
			return startDetecting(ctx, g, o, url, dir, n)
		}})
	}
	all = append(all,
		contestant{"Recorder alone (Nightjar's ingest and recorder)", func(ctx context.Context, g *group, url, dir string, n int) error {
			return g.start(command(ctx, dir, self, "-role", "recorder", "-url", url, "-dir", dir, "-n", strconv.Itoa(n), "-profile", o.profile))
		}})
	if path, err := exec.LookPath("mediamtx"); err == nil {
		all = append(all, contestant{"MediaMTX", func(ctx context.Context, g *group, url, dir string, n int) error {
			return startMediaMTX(ctx, g, path, url, dir, n)
		}})
	} else {
		fmt.Fprintln(os.Stderr, "mediamtx is not on the PATH: it is left out")
	}
	if o.only == "" {
		return all
	}
	return slices.DeleteFunc(all, func(c contestant) bool {
		for want := range strings.SplitSeq(o.only, ",") {
			if strings.HasPrefix(strings.ToLower(c.name), strings.ToLower(want)) {
				return false
			}
		}
		return true
	})
}

// command writes the program's output beside its recordings, for when it fails.
func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	if f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		cmd.Stdout, cmd.Stderr = f, f
	}
	return cmd
}

// startFFmpeg is Frigate's form: a process per camera, segments of 10 s.
func startFFmpeg(ctx context.Context, g *group, url, dir string, n int) error {
	for i := range n {
		sub := filepath.Join(dir, strconv.Itoa(i))
		if err := os.MkdirAll(sub, 0o750); err != nil {
			return err
		}
		cmd := command(ctx, dir, "ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", camera(url, i),
			"-c", "copy", "-f", "segment", "-segment_time", "10", "-segment_format", "mp4", "-reset_timestamps", "1", filepath.Join(sub, "%05d.mp4"))
		if err := g.start(cmd); err != nil {
			return err
		}
	}
	return nil
}

func camera(url string, i int) string { return fmt.Sprintf("%s/cam%d", url, i) }

func startMediaMTX(ctx context.Context, g *group, binary, url, dir string, n int) error {
	var c strings.Builder
	c.WriteString("logLevel: warn\nrtsp: no\nrtmp: no\nhls: no\nwebrtc: no\nsrt: no\npaths:\n")
	for i := range n {
		fmt.Fprintf(&c, "  cam%d:\n    source: %s\n    rtspTransport: tcp\n    record: yes\n    recordFormat: fmp4\n    recordPartDuration: 1s\n    recordPath: %s/%%path/%%Y-%%m-%%d_%%H-%%M-%%S-%%f\n",
			i, camera(url, i), dir)
	}
	return startWithConfig(ctx, g, dir, c.String(), binary)
}

// startNightjar runs the whole product: its private database, the API and the recorder, without detection.
func startNightjar(ctx context.Context, g *group, binary, url, dir string, n int) error {
	var c strings.Builder
	fmt.Fprintf(&c, "data_dir: %s/data\nrecordings_dir: %s/recordings\nlog_level: warn\nhttp: {listen: \"127.0.0.1:0\"}\nrtsp: {enabled: false}\ndetect: {enabled: false}\nrecord: {previews: false}\ncameras:\n", dir, dir)
	for i := range n {
		fmt.Fprintf(&c, "  cam%d: {main: {url: \"%s\"}, detect: {enabled: false}}\n", i, camera(url, i))
	}
	return startWithConfig(ctx, g, dir, c.String(), binary, "serve", "-c")
}

func startWithConfig(ctx context.Context, g *group, dir, config, binary string, args ...string) error {
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	return g.start(command(ctx, dir, binary, append(args, file)...))
}

// recordAlone is Nightjar's ingest and recorder in a process without anything else.
func recordAlone(ctx context.Context, url string, n int, dir string) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // as the product does
	}
	lib, err := library.Open(filepath.Join(dir, "recordings"))
	if err != nil {
		return err
	}
	defer lib.Close()
	streams := make([]recorder.Stream, n)
	for i := range streams {
		streams[i] = recorder.Stream{ID: nvr.StreamID{Camera: nvr.CameraID("cam" + strconv.Itoa(i)), Role: nvr.Main}, Hub: media.NewHub()}
	}
	log := slog.New(slog.DiscardHandler)
	metrics := prometheus.NewRegistry()
	m, err := recorder.New(recorder.Options{Volumes: library.NewVolumes(lib), Logger: log, Metrics: metrics}, streams)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { tellSyncs(ctx, metrics, filepath.Join(dir, syncsFile)) })
	wg.Go(func() { _ = m.Run(ctx) })
	for i, s := range streams {
		wg.Go(func() {
			retry := lifecycle.Backoff{Min: time.Second, Max: time.Second, Factor: 1}
			_ = lifecycle.Keepalive(ctx, retry, func(ctx context.Context) error {
				src, err := rtsp.NewSource(rtsp.SourceConfig{URL: camera(url, i)})
				if err != nil {
					return err
				}
				return src.Run(ctx, s.Hub)
			}, nil)
		})
	}
	wg.Wait()
	return nil
}

// tellSyncs keeps the number of syncs in a file, for the process that measures.
func tellSyncs(ctx context.Context, metrics *prometheus.Registry, file string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		families, err := metrics.Gather()
		if err != nil {
			continue
		}
		for _, f := range families {
			if f.GetName() != "nvr_recorder_syncs_total" {
				continue
			}
			n := 0.0
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
			_ = os.WriteFile(file, strconv.AppendInt(nil, int64(n), 10), 0o600) // read as it is next time
		}
	}
}
