// Command record measures what it costs to record cameras: processor seconds per camera-minute and memory per camera,
// for Nightjar, for ffmpeg -c copy (one process per camera, the form that Frigate uses) and, where it is on the PATH,
// for MediaMTX. All record the same camera, 1080p15 at 4 Mbit/s with AAC, in turns within one run, so that the ratios
// hold whatever else the machine does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	role := flag.String("role", "bench", "bench; source and recorder are started by bench itself")
	var o options
	counts := flag.String("n", "1,8,32", "numbers of cameras")
	flag.DurationVar(&o.length, "length", 30*time.Second, "measured time of each turn")
	flag.DurationVar(&o.warm, "warm", 6*time.Second, "time before measuring, after which all must record")
	flag.IntVar(&o.rounds, "rounds", 3, "turns of each recorder")
	flag.StringVar(&o.nightjar, "nightjar", "", "Nightjar's binary; without it only the recorder alone runs, without database, API and vision")
	flag.StringVar(&o.clip, "clip", os.Getenv("NIGHTJAR_BENCH_CLIP"), "a 1080p15 H.264+AAC file; without it one is encoded from the test data")
	flag.StringVar(&o.dir, "dir", "", "where to record; default: a temporary directory")
	flag.StringVar(&o.only, "only", "", "comma-separated recorders to run, of nightjar, recorder, ffmpeg, mediamtx")
	flag.StringVar(&o.profile, "profile", "", "file for a processor profile of the recorder alone")
	flag.StringVar(&o.model, "model", "", "an ONNX model: Nightjar also runs with detection on every camera; a missed recording is an error then")
	url := flag.String("url", "", "of the camera, for -role recorder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *role, *counts, *url, o)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, role, counts, url string, o options) error {
	if role == "source" {
		return source(ctx, o.clip)
	}
	var ns []int
	for f := range strings.SplitSeq(counts, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || n > 256 {
			return fmt.Errorf("number of cameras %q: want 1 to 256", f)
		}
		ns = append(ns, n)
	}
	if role == "recorder" {
		if o.profile != "" {
			f, err := os.Create(o.profile)
			if err != nil {
				return err
			}
			defer f.Close() // the profile is written by then
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
			defer pprof.StopCPUProfile()
		}
		return recordAlone(ctx, url, ns[0], o.dir)
	}
	return o.bench(ctx, ns)
}

type options struct {
	length, warm time.Duration
	rounds       int
	nightjar     string
	clip         string
	dir          string
	only         string
	model        string
	profile      string
}

// bench runs every recorder in turns and prints one table.
func (o options) bench(ctx context.Context, ns []int) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "nightjar-bench-*")
		if err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as root, the database runs under another account
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	if o.clip == "" {
		clip, err := encode(ctx, o.dir)
		if err != nil {
			return err
		}
		o.clip = clip
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	src, url, err := startSource(ctx, self, o.clip)
	if err != nil {
		return err
	}
	defer src.stop()
	runners := o.contestants(self)
	results := make(map[string]map[int][]sample)
	for _, n := range ns {
		for round := range o.rounds {
			for _, r := range runners {
				s, err := o.turn(ctx, r, url, n)
				if err != nil {
					return fmt.Errorf("%s with %d cameras: %w", r.name, n, err)
				}
				fmt.Fprintf(os.Stderr, "%2d cameras, round %d, %-24.24s %.3f CPU s per camera-minute, %5.1f MB, %.2f Mbit/s per camera\n",
					n, round+1, r.name, s.cpu, s.pss, s.mbits)
				if results[r.name] == nil {
					results[r.name] = make(map[int][]sample)
				}
				results[r.name][n] = append(results[r.name][n], s)
			}
		}
	}
	table(os.Stdout, runners, ns, results)
	return nil
}

// encode makes the camera's picture from the test footage, with noise so that 4 Mbit/s are really needed.
func encode(ctx context.Context, dir string) (string, error) {
	data := os.Getenv("NIGHTJAR_TESTDATA")
	if data == "" {
		data = filepath.Join("..", "shared", "testdata")
	}
	out := filepath.Join(dir, "camera.mp4")
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-i", filepath.Join(data, "videos", "parking_main_1080p.mp4"),
		"-f", "lavfi", "-i", "sine=sample_rate=16000", "-t", "20", "-vf", "noise=alls=16:allf=t",
		"-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M", "-r", "15", "-g", "30", "-bf", "0", "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", "32k", "-ar", "16000", "-ac", "1", "-y", out)
	cmd.Stderr = os.Stderr
	fmt.Fprintln(os.Stderr, "encoding the camera's picture ...")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("encode %s (set NIGHTJAR_TESTDATA or -clip): %w", out, err)
	}
	return out, nil
}
