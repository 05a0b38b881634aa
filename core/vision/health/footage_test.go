package health

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	testW, testH = 640, 360
	testSize     = testW * testH
)

// pictures returns one grey picture per second of a clip, after a filter and a lossy encoder as a sub stream has.
func pictures(t testing.TB, clip, filter string) [][]byte {
	t.Helper()
	in := filepath.Join(footage.Dir(t), "videos", clip+".mp4")
	vf := fmt.Sprintf("fps=1,trim=end_frame=%d,scale=%d:%d", int(spell(16*time.Second, time.Hour).Seconds()), testW, testH)
	if filter != "" {
		vf += "," + filter
	}
	encoded := ffmpeg(t, nil, "-i", in, "-vf", vf, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-g", "2", "-f", "h264", "-")
	raw := ffmpeg(t, encoded, "-f", "h264", "-i", "-", "-pix_fmt", "gray", "-f", "rawvideo", "-")
	var out [][]byte
	for len(raw) >= testSize {
		out, raw = append(out, raw[:testSize]), raw[testSize:]
	}
	if len(out) < 5 {
		t.Fatalf("%s with %q: only %d pictures", clip, filter, len(out))
	}
	return out
}

func ffmpeg(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-threads", "1"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, stderr.String())
	}
	return out
}

// player shows pictures to an analyser on a clock of its own.
type player struct {
	a     *Analyser
	at    time.Time
	light func(time.Duration) float64 // gain; nil: 1
	lit   []byte
	start time.Time
	began []nvr.HealthProblem
	ended []nvr.HealthProblem
	delay map[nvr.HealthProblem]time.Duration // from the first picture of the play call
}

func newPlayer(cfg Config) *player {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return &player{a: New("front", cfg), at: start, start: start, lit: make([]byte, testSize), delay: map[nvr.HealthProblem]time.Duration{}}
}

// fork returns a player that knows what p knows.
func (p *player) fork() *player {
	q, a := newPlayer(p.a.cfg), *p.a
	a.out = nil
	q.a, q.at, q.began = &a, p.at, slices.Clone(p.began)
	return q
}

func (p *player) hear(changes []nvr.HealthChange, after time.Duration) {
	for _, c := range changes {
		if c.Active {
			p.began = append(p.began, c.Problem)
			p.delay[c.Problem] = after
		} else {
			p.ended = append(p.ended, c.Problem)
		}
	}
}

// play loops pics for d, one a second.
func (p *player) play(pics [][]byte, d time.Duration) {
	for s := range int(d / time.Second) {
		luma := pics[s%len(pics)]
		if p.light != nil {
			luma = p.shine(luma, p.light(p.at.Sub(p.start)))
		}
		p.hear(p.a.Picture(luma, testW, testH, p.at), time.Duration(s)*time.Second)
		p.at = p.at.Add(time.Second)
	}
}

func (p *player) shine(luma []byte, gain float64) []byte {
	var table [256]byte
	for i := range table {
		table[i] = byte(min(235, max(16, 16+float64(i-16)*gain)))
	}
	for i, v := range luma {
		p.lit[i] = table[v]
	}
	return p.lit
}

// daylight swings slowly between a third and one and a half, and jumps now and then as under broken clouds.
func daylight(at time.Duration) float64 {
	g := 0.9 + 0.55*math.Sin(at.Minutes()/10*2*math.Pi)
	if int(at/(47*time.Second))%3 == 2 {
		g *= 0.7
	}
	return g
}

// clips is the first of all, or all with NIGHTJAR_SLOW=1.
func clips(all ...string) []string {
	if os.Getenv("NIGHTJAR_SLOW") == "" {
		return all[:1]
	}
	return all
}

// spell is the first time, or the second with NIGHTJAR_SLOW=1.
func spell(short, long time.Duration) time.Duration {
	if os.Getenv("NIGHTJAR_SLOW") == "" {
		return short
	}
	return long
}

func TestPlainFootageIsHealthy(t *testing.T) {
	// A camera that pans may seem moved; a film of several scenes has several views.
	allowed := map[string]nvr.HealthProblem{"dog_pan_720p": nvr.HealthMoved, "stage_faces": nvr.HealthMoved}
	for _, clip := range clips("counter_sub", "dog_pan_720p", "pedestrians_sub", "stage_faces",
		"counter_main", "parking_main_1080p", "parking_sub", "pedestrians_main", "visitors_720p") {
		t.Run(clip, func(t *testing.T) {
			pics := pictures(t, clip, "")
			for name, light := range map[string]func(time.Duration) float64{"plain": nil, "daylight": daylight} {
				p := newPlayer(Config{})
				p.light = light
				p.play(pics, spell(3*time.Minute, 12*time.Minute))
				t.Logf("%s: %v, usual fit %.2f, sharpness %.2f", name, p.began, p.a.learned.fit, p.a.learned.sharp)
				for _, b := range p.began {
					if b != allowed[clip] {
						t.Errorf("%s: %s", name, b)
					}
				}
			}
		})
	}
}

func TestFaultsAreTold(t *testing.T) {
	faults := []struct {
		name, filter string
		want         nvr.HealthProblem
		within       time.Duration
	}{
		{"black", "drawbox=t=fill:color=black", nvr.HealthBlack, 12 * time.Second},
		{"covered by grey and noise", "drawbox=t=fill:color=gray,noise=alls=12:allf=t", nvr.HealthCovered, 8 * time.Second},
		{"blurred", "gblur=sigma=4", nvr.HealthBlurred, 65 * time.Second},
		{"much blurred", "gblur=sigma=8", nvr.HealthBlurred, 65 * time.Second},
		{"moved a little", "crop=iw*0.96:ih:iw*0.04:0,pad=iw/0.96:ih", nvr.HealthMoved, 20 * time.Second},
		{"moved far", "hflip,vflip", nvr.HealthMoved, 20 * time.Second},
		{"dark night with noise", "lutyuv=y=16+(val-16)*0.04:u=128:v=128,noise=alls=14:allf=t", "", 0},
	}
	for _, clip := range clips("counter_sub", "pedestrians_sub", "parking_sub", "visitors_720p") {
		plain := pictures(t, clip, "")
		learned := newPlayer(Config{})
		learned.play(plain, 90*time.Second)
		for _, f := range faults {
			t.Run(clip+"/"+f.name, func(t *testing.T) {
				p := learned.fork()
				if len(p.began) > 0 {
					t.Fatalf("before the fault: %v", p.began)
				}
				p.play(pictures(t, clip, f.filter), spell(75*time.Second, 2*time.Minute))
				var want []nvr.HealthProblem
				if f.want != "" {
					want = append(want, f.want)
				}
				if !slices.Equal(p.began, want) {
					t.Fatalf("told %v, want %v", p.began, want)
				}
				if d := p.delay[f.want]; d > f.within {
					t.Errorf("told after %v", d)
				}
				if f.want == nvr.HealthMoved {
					return // the new view is learned: going back is moving again
				}
				p.play(plain, 20*time.Second)
				if !slices.Equal(p.began, want) || !slices.Equal(p.ended, want) {
					t.Errorf("afterwards began %v and ended %v, want %v", p.began, p.ended, want)
				}
				t.Logf("told after %v", p.delay[f.want])
			})
		}
	}
}

// TestCheckThatIsNotAskedForIsSilent covers the lens of a camera on which only blackness matters.
func TestCheckThatIsNotAskedForIsSilent(t *testing.T) {
	plain := pictures(t, "counter_sub", "")
	p := newPlayer(Config{Checks: []nvr.HealthProblem{nvr.HealthBlack}})
	p.play(plain, 70*time.Second)
	p.play(pictures(t, "counter_sub", "drawbox=t=fill:color=gray,noise=alls=12:allf=t"), 15*time.Second)
	if len(p.began) > 0 {
		t.Errorf("told %v", p.began)
	}
}
