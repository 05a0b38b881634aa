package faults

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

func camerasOf(t testing.TB, file string, ids ...nvr.CameraID) map[nvr.CameraID]*fakecamera.Camera {
	t.Helper()
	out := make(map[nvr.CameraID]*fakecamera.Camera)
	for _, id := range ids {
		out[id] = fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": file}, Reports: true})
	}
	return out
}

// TestCameraGoesAndComesBack takes a camera off the network for a while.
func TestCameraGoesAndComesBack(t *testing.T) {
	t.Parallel()
	cams := camerasOf(t, clip(t), "gone", "here")
	r := start(t, plan{cameras: cams, volumes: oneVolume(t)})
	gone, here := main("gone"), main("here")
	r.waitRecorded(gone, 2*time.Second)
	cams["gone"].Stop()
	waitFor(t, "the camera is shown offline", func() bool { return r.camera(gone).State == nvr.StateOffline })

	first := r.openGap(gone)
	waitFor(t, "the gap that goes on grows", func() bool { return r.openGap(gone).End.After(first.End.Add(2 * time.Second)) })
	if now := r.openGap(gone); first.Reason != index.GapOffline || !now.Start.Equal(first.Start) || now.Detail == "" {
		t.Errorf("the gap that goes on was %+v and is %+v", first, now)
	}
	back := time.Now()
	cams["gone"].Restart()
	r.waitRecorded(gone, 4*time.Second)
	r.waitRecorded(here, time.Second)

	all := r.count()
	untouched(t, here, all[here])
	a := all[gone]
	only(t, gone, a, index.GapOffline)
	if len(a.runs) != 2 || !slices.ContainsFunc(a.gaps, func(g index.Gap) bool {
		return g.Start.Equal(a.runs[0].End) && g.End.Equal(a.runs[1].Start) && g.Start.Equal(first.Start)
	}) {
		t.Fatalf("one gap from the last picture to the first new one; runs %v, gaps %+v", a.runs, a.gaps)
	}
	t.Logf("first new picture %v after the camera's return", a.runs[1].Start.Sub(back).Round(time.Millisecond))
}

// openGap waits until coverage shows a gap that goes on, and returns it.
func (r *rig) openGap(id nvr.StreamID) (g index.Gap) {
	r.t.Helper()
	waitFor(r.t, "coverage shows the gap that goes on", func() bool {
		c := r.coverage(id)
		if len(c.Gaps) == 0 {
			return false
		}
		g = c.Gaps[len(c.Gaps)-1]
		return len(c.Exact) > 0 && !g.Start.Before(c.Exact[len(c.Exact)-1].End)
	})
	return g
}

// flapping is set in the child that TestFlapping counts in, because goroutines and descriptors belong to a process.
const flapping = "NIGHTJAR_FAULTS_FLAPPING"

// TestFlapping breaks a camera's connections again and again.
func TestFlapping(t *testing.T) {
	t.Parallel()
	if os.Getenv(flapping) == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFlapping$", "-test.v")
		cmd.Env = append(os.Environ(), flapping+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	drops := 10
	if slow() {
		drops = 150
	}
	cams := camerasOf(t, clip(t), "flaps", "here")
	r := start(t, plan{cameras: cams, volumes: oneVolume(t)})
	r.waitRecorded(main("flaps"), 6*time.Second) // a file was closed, so all that is ever open was
	goroutines, files := usage(t)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for range drops {
		<-tick.C
		cams["flaps"].Drop()
	}
	r.waitRecorded(main("flaps"), 2*time.Second)
	// A session, and a file of each stream that is just being opened or closed, come and go.
	var g, f int
	waitFor(t, "goroutines and descriptors are as many as before", func() bool {
		g, f = usage(t)
		return g <= goroutines+2 && f <= files+2
	})
	t.Logf("goroutines %d, then %d; descriptors %d, then %d; %d sessions", goroutines, g, files, f, cams["flaps"].Sessions())
	all := r.count()
	untouched(t, main("here"), all[main("here")])
	a := all[main("flaps")]
	only(t, main("flaps"), a, index.GapOffline)
	if len(a.runs) < 3 {
		t.Errorf("only %d runs", len(a.runs))
	}
}

func usage(t testing.TB) (goroutines, files int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("SKIPPED: descriptors can only be counted on Linux: %v", err)
	}
	return runtime.NumGoroutine(), len(fds)
}

// TestPacketLoss loses a twentieth of a camera's packets on the way, over UDP.
func TestPacketLoss(t *testing.T) {
	t.Parallel()
	lossy := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": heavyClip(t)}, UDP: true})
	r := start(t, plan{cameras: map[nvr.CameraID]*fakecamera.Camera{"lossy": lossy}, udp: true, volumes: oneVolume(t)})
	id := main("lossy")
	lossy.Lose(0.05)
	r.waitRecorded(id, 12*time.Second)
	if slow() {
		r.waitRecorded(id, 2*time.Minute)
	}
	lost := r.camera(id).Lost
	lossy.Lose(0)
	r.waitRecorded(id, 3*time.Second)
	a := r.count()[id]
	damaged := time.Duration(0)
	for _, g := range a.gaps {
		if g.Reason == index.GapLoss {
			damaged += g.End.Sub(g.Start)
		}
	}
	if lossy.Sessions() != 1 || len(a.runs) != 1 {
		t.Errorf("%d sessions, %d runs: recording stopped", lossy.Sessions(), len(a.runs))
	}
	if lost < 20 || damaged < 5*time.Second {
		t.Errorf("%d packets lost, %v told as damaged: %+v", lost, damaged, a.gaps)
	}
	t.Logf("%d packets lost, %v of %v told as damaged", lost, damaged.Round(time.Millisecond), a.length().Round(time.Millisecond))
}

// TestGarbage lets a camera send noise for a while.
func TestGarbage(t *testing.T) {
	t.Parallel()
	cams := camerasOf(t, clip(t), "noisy")
	r := start(t, plan{cameras: cams, volumes: oneVolume(t), timeout: 3 * time.Second})
	id := main("noisy")
	r.waitRecorded(id, 2*time.Second)
	cams["noisy"].Garbage(true)
	<-time.After(4 * time.Second)
	cams["noisy"].Garbage(false)
	r.waitRecorded(id, 4*time.Second)
	r.noise = true
	a := r.count()[id]
	if !slices.ContainsFunc(a.gaps, func(g index.Gap) bool { return g.Reason == index.GapLoss || g.Reason == index.GapOffline }) {
		t.Errorf("the noise was not told: %+v", a.gaps)
	}
}

// TestCameraClockJumps sets a camera's clock an hour forward and back, while its sender reports are a year wrong.
func TestCameraClockJumps(t *testing.T) {
	t.Parallel()
	cam := fakecamera.Start(t, fakecamera.Config{
		Streams: map[string]string{"main": clip(t)}, Reports: true, ClockOffset: -365 * 24 * time.Hour,
	})
	r := start(t, plan{cameras: map[nvr.CameraID]*fakecamera.Camera{"jumps": cam}, volumes: oneVolume(t)})
	id := main("jumps")
	for _, by := range []time.Duration{time.Hour, -time.Hour, -time.Hour, time.Hour} {
		cam.Jump(by)
		r.waitRecorded(id, 3*time.Second)
	}
	until := time.Now()
	a := r.count()[id]
	for _, reason := range a.reasons() {
		if reason != index.GapClock && reason != index.GapLoss {
			t.Errorf("gap of reason %s", reason)
		}
	}
	first, last := a.runs[0].Start, a.runs[len(a.runs)-1].End
	if first.Before(r.began.Add(-3*time.Second)) || last.Before(until.Add(-patience)) || last.After(time.Now().Add(3*time.Second)) {
		t.Errorf("recorded from %v to %v, want from %v to %v", first, last, r.began, until)
	}
}

// TestFrozenCamera lets a camera hold its connection and send nothing: first for so short that the session goes on, then
// until it is offline.
func TestFrozenCamera(t *testing.T) {
	t.Parallel()
	patient := camerasOf(t, clip(t), "dozes")
	strict := camerasOf(t, clip(t), "frozen", "here")
	a := start(t, plan{cameras: patient, volumes: oneVolume(t), timeout: time.Minute})
	b := start(t, plan{cameras: strict, volumes: oneVolume(t), timeout: 3 * time.Second})

	patient["dozes"].Freeze(true)
	strict["frozen"].Freeze(true)
	waitFor(t, "the frozen camera is shown offline", func() bool { return b.camera(main("frozen")).State == nvr.StateOffline })
	b.openGap(main("frozen"))
	strict["frozen"].Freeze(false)
	b.waitRecorded(main("frozen"), 3*time.Second)
	a.openGap(main("dozes")) // from 10 s on
	patient["dozes"].Freeze(false)
	a.waitRecorded(main("dozes"), 4*time.Second)

	dozes := a.count()[main("dozes")]
	only(t, main("dozes"), dozes, index.GapLoss)
	if patient["dozes"].Sessions() != 1 {
		t.Errorf("%d sessions of the camera that came back by itself", patient["dozes"].Sessions())
	}
	all := b.count()
	only(t, main("frozen"), all[main("frozen")], index.GapOffline)
	untouched(t, main("here"), all[main("here")])
}
