package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, which Linux fixes at 100 for all architectures that Go runs on.
const clockTick = 100

// sample is one turn's result.
type sample struct {
	cpu   float64 // user and system seconds per camera-minute
	pss   float64 // MB, all processes: shared pages are counted once
	mbits float64 // recorded per second and camera
	write float64 // bytes that went to the file system for each byte recorded: database and journals included
	gaps  int     // intervals that Nightjar says it did not record
	syncs float64 // files and directories forced to the device, per camera-hour; only the recorder alone tells
}

// turn lets one recorder record n cameras and measures it, children included.
func (o options) turn(ctx context.Context, c contestant, url string, n int) (sample, error) {
	dir, err := os.MkdirTemp(o.dir, "turn-*")
	if err != nil {
		return sample{}, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as root, the database runs under another account
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	g := &group{}
	defer g.stop()
	if err := c.start(ctx, g, url, dir, n); err != nil {
		return sample{}, err
	}
	if err := o.warmUp(ctx, dir, n); err != nil {
		return sample{}, err
	}
	before, start := g.cpu(), time.Now()
	bytes, wrote, syncs, gaps := recorded(dir), g.wrote(), syncsIn(dir), gapsIn(dir)
	if err := sleep(ctx, o.length); err != nil {
		return sample{}, err
	}
	took := time.Since(start)
	minutes := took.Minutes() * float64(n)
	s := sample{cpu: (g.cpu() - before) / minutes, pss: g.pss()}
	grown := float64(recorded(dir) - bytes)
	s.mbits = grown * 8 / 1e6 / took.Seconds() / float64(n)
	s.write = float64(g.wrote()-wrote) / grown
	s.syncs = float64(syncsIn(dir)-syncs) / (minutes / 60)
	if s.gaps = gapsIn(dir) - gaps; c.name == withDetection && s.gaps > 0 {
		return s, fmt.Errorf("%d recordings were missed: %s", s.gaps, tail(filepath.Join(dir, "log")))
	}
	if s.mbits < 2 {
		return s, fmt.Errorf("only %.2f Mbit/s per camera were recorded: %s", s.mbits, tail(filepath.Join(dir, "log")))
	}
	return s, nil
}

// warmUp waits until every camera's recording grows, then a little longer.
func (o options) warmUp(ctx context.Context, dir string, n int) error {
	for deadline := time.Now().Add(time.Minute); ; {
		if recording(dir) >= n {
			return sleep(ctx, o.warm)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d cameras record after a minute: %s", recording(dir), n, tail(filepath.Join(dir, "log")))
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func videoFiles(dir string, each func(fs.FileInfo)) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(d.Name()) != ".mp4" {
			return nil //nolint:nilerr // files come and go while a recorder runs
		}
		if info, err := d.Info(); err == nil {
			each(info)
		}
		return nil
	})
}

func recording(dir string) (n int) {
	videoFiles(dir, func(i fs.FileInfo) {
		if i.Size() > 0 {
			n++
		}
	})
	return n
}

func recorded(dir string) (n int64) {
	videoFiles(dir, func(i fs.FileInfo) { n += i.Size() })
	return n
}

// syncsFile is where the recorder alone tells how often it forced bytes to the device.
const syncsFile = "syncs"

func syncsIn(dir string) (n int64) {
	b, err := os.ReadFile(filepath.Join(dir, syncsFile))
	if err == nil {
		n, _ = strconv.ParseInt(string(b), 10, 64)
	}
	return n
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// tree returns the processes of g and all their descendants.
func (g *group) tree() []int {
	children := make(map[int][]int)
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields, err := stat(pid); err == nil {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	var out []int
	for _, c := range g.cmds {
		out = append(out, c.Process.Pid)
	}
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i]]...)
	}
	return out
}

// stat returns the fields of /proc/pid/stat behind the name, which may hold spaces.
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	i := strings.LastIndexByte(string(b), ')')
	fields := strings.Fields(string(b[i+1:]))
	if i < 0 || len(fields) < 15 {
		return nil, errors.New("stat is too short")
	}
	return fields, nil
}

// cpu returns the seconds that the tree used, ended and awaited children included.
func (g *group) cpu() float64 {
	total := 0.0
	for _, pid := range g.tree() {
		fields, err := stat(pid)
		if err != nil {
			continue
		}
		for _, f := range fields[11:15] { // utime, stime, cutime, cstime
			v, _ := strconv.ParseFloat(f, 64)
			total += v / clockTick
		}
	}
	return total
}

// wrote returns the bytes of all pages that the tree dirtied, which the kernel must write (proc(5), write_bytes).
func (g *group) wrote() (n int64) {
	for _, pid := range g.tree() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "write_bytes: "); ok {
				v, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
				n += v
			}
		}
	}
	return n
}

// pss returns the megabytes that the tree holds.
func (g *group) pss() float64 {
	total := 0.0
	for _, pid := range g.tree() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == "Pss:" {
				kb, _ := strconv.ParseFloat(f[1], 64)
				total += kb / 1024
			}
		}
	}
	return total
}

// table prints medians, and ratios against the first recorder within each round.
func table(w io.Writer, runners []contestant, ns []int, results map[string]map[int][]sample) {
	fmt.Fprint(w, "| recorder |")
	for _, n := range ns {
		fmt.Fprintf(w, " N=%d CPU s per camera-minute, median (min-max) | ratio | PSS MB | MB per camera |", n)
	}
	fmt.Fprint(w, "\n|---|"+strings.Repeat("---|---|---|---|", len(ns))+"\n")
	for _, r := range runners {
		fmt.Fprintf(w, "| %s |", r.name)
		for _, n := range ns {
			var cpu, pss, ratio []float64
			for i, s := range results[r.name][n] {
				cpu = append(cpu, s.cpu)
				pss = append(pss, s.pss)
				ratio = append(ratio, s.cpu/results[runners[0].name][n][i].cpu)
			}
			fmt.Fprintf(w, " %.3f (%.3f-%.3f) | %.2f | %.0f | %.1f |", median(cpu), slices.Min(cpu), slices.Max(cpu), median(ratio), median(pss), marginal(results[r.name], ns, n))
		}
		fmt.Fprintln(w)
	}
	writes(w, runners, ns, results)
	fmt.Fprintln(w, "\nMB per camera is what each camera beyond the first adds; for the smallest N it is the whole.")
}

// writes prints what reaches the file system. Of syncs only the recorder alone tells; the peers do none.
func writes(w io.Writer, runners []contestant, ns []int, results map[string]map[int][]sample) {
	n := slices.Max(ns)
	fmt.Fprintf(w, "\n| recorder, N=%d | bytes written per byte recorded | syncs per camera-hour |\n|---|---|---|\n", n)
	for _, r := range runners {
		var write, syncs []float64
		for _, s := range results[r.name][n] {
			write, syncs = append(write, s.write), append(syncs, s.syncs)
		}
		told := "not counted"
		if median(syncs) > 0 {
			told = fmt.Sprintf("%.0f", median(syncs))
		}
		fmt.Fprintf(w, "| %s | %.3f | %s |\n", r.name, median(write), told)
	}
}

func marginal(of map[int][]sample, ns []int, n int) float64 {
	at := func(n int) float64 {
		var pss []float64
		for _, s := range of[n] {
			pss = append(pss, s.pss)
		}
		return median(pss)
	}
	least := slices.Min(ns)
	if n == least {
		return at(n) / float64(n)
	}
	return (at(n) - at(least)) / float64(n-least)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
