package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	maxNAL = 4 << 20
	// inFlight is how many frames may be inside the encoder.
	inFlight = 32
)

// drawn draws the scene and encodes it with one ffmpeg child that knows both sizes. The child ends with us whatever
// happens to us.
func (s *Server) drawn(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pipes [2][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("open pipe to encoder: %w", err)
		}
		defer r.Close()
		defer w.Close()
		pipes[i] = [2]*os.File{r, w}
	}
	cmd := exec.CommandContext(ctx, s.ffmpeg, encoderArgs()...)
	cmd.ExtraFiles = []*os.File{pipes[0][1], pipes[1][1]}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr tail
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("open pipe to encoder: %w", err)
	}
	if err := lifecycle.StartChild(cmd); err != nil {
		return fmt.Errorf("start encoder: %w", err)
	}
	var wg sync.WaitGroup
	failed := make(chan error, 3)
	var taken [2]chan time.Time
	for i, hub := range []*media.Hub{s.main, s.sub} {
		_ = pipes[i][1].Close() // the child has it
		taken[i] = make(chan time.Time, inFlight)
		wg.Go(func() { failed <- publish(pipes[i][0], taken[i], hub) })
	}
	wg.Go(func() { failed <- draw(ctx, stdin, taken[:]) })
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-failed:
	}
	cancel() // kills the child, which closes the pipes
	wg.Wait()
	_ = cmd.Wait()
	if text := stderr.String(); text != "" && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

func encoderArgs() []string {
	args := []string{
		"-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", sceneWidth, sceneHeight),
		"-r", strconv.Itoa(sceneFPS), "-i", "pipe:0",
	}
	for i, size := range []string{"", "640:360"} {
		args = append(args, "-map", "0:v")
		if size != "" {
			args = append(args, "-vf", "scale="+size+":flags=fast_bilinear")
		}
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "main", "-bf", "0",
			"-g", strconv.Itoa(2*sceneFPS), "-crf", "24", "-x264-params", "aud=1:sliced-threads=0:scenecut=0",
			"-threads", "1", "-flush_packets", "1", "-f", "h264", "pipe:"+strconv.Itoa(3+i))
	}
	return args
}

// draw sends a frame ten times a second and notes for each encoder output when it was taken.
func draw(ctx context.Context, w io.WriteCloser, taken []chan time.Time) error {
	defer w.Close()
	scene := newScene()
	begin := time.Now()
	tick := time.NewTicker(time.Second / sceneFPS)
	defer tick.Stop()
	for {
		now := time.Now()
		for _, c := range taken {
			select {
			case c <- now:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, err := w.Write(scene.draw(now.Sub(begin), now)); err != nil {
			return fmt.Errorf("write to encoder: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// publish reads one coded stream and hands its pictures to hub, stamped with when they were taken.
func publish(r io.Reader, taken <-chan time.Time, hub *media.Hub) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxNAL)
	in.Split(splitNAL)
	p := &publisher{taken: taken, hub: hub}
	for in.Scan() {
		if n := in.Bytes(); len(n) > 0 {
			if err := p.nal(bytes.Clone(n)); err != nil {
				return err
			}
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read from encoder: %w", err)
	}
	return errors.New("the encoder ended")
}

type publisher struct {
	taken    <-chan time.Time
	hub      *media.Hub
	desc     *media.Description
	sps, pps []byte
	au       [][]byte
	key      bool
	begin    time.Time
}

// nal takes the next NAL unit. A delimiter ends the picture before it.
func (p *publisher) nal(n []byte) error {
	switch h264.NALUType(n[0] & 0x1F) {
	case h264.NALUTypeAccessUnitDelimiter:
		return p.flush()
	case h264.NALUTypeSPS:
		p.sps = n
		return nil
	case h264.NALUTypePPS:
		p.pps = n
		return nil
	case h264.NALUTypeIDR:
		p.key = true
	default: // other slices, SEI messages
	}
	p.au = append(p.au, n)
	return nil
}

func (p *publisher) flush() error {
	if len(p.au) == 0 {
		return nil
	}
	at := <-p.taken // there is one for every picture that comes out
	if p.desc == nil {
		var sps h264.SPS
		if err := sps.Unmarshal(p.sps); err != nil {
			return fmt.Errorf("read encoder's parameters: %w", err)
		}
		p.begin = at
		p.desc = &media.Description{Tracks: []media.Track{{
			Codec: media.H264, ClockRate: 90000, SPS: p.sps, PPS: p.pps, Width: sps.Width(), Height: sps.Height(),
		}}}
	}
	ticks := timeToTicks(at.Sub(p.begin), 90000)
	p.hub.Publish(&media.AccessUnit{
		Desc: p.desc, PTS: ticks, DTS: ticks, NTP: at.Round(0), Key: p.key, Payload: p.au,
	})
	p.au, p.key = nil, false
	return nil
}

// splitNAL is a bufio.SplitFunc for a byte stream with start codes.
func splitNAL(data []byte, atEOF bool) (advance int, token []byte, err error) {
	code := []byte{0, 0, 1}
	start := bytes.Index(data, code)
	if start < 0 {
		if atEOF {
			return len(data), nil, nil
		}
		return 0, nil, nil
	}
	body := data[start+3:]
	if end := bytes.Index(body, code); end >= 0 {
		return start + 3 + end, bytes.TrimRight(body[:end], "\x00"), nil
	}
	if atEOF {
		return len(data), body, nil
	}
	return 0, nil, nil
}

// tail keeps the first part of what a child says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[:min(len(p), 2048-len(t.b))]...)
	return len(p), nil
}

// String returns it on one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ReplaceAll(bytes.TrimSpace(t.b), []byte("\n"), []byte("; ")))
}
