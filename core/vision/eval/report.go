package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// Score counts events against objects. Optional objects and their events are in none of the figures.
type Score struct {
	Objects    int     `json:"objects"`
	Hits       int     `json:"hits"`
	Misses     int     `json:"misses"`
	False      int     `json:"false_alerts"` // duplicates included
	Duplicates int     `json:"duplicates"`
	Empty      int     `json:"alerts_in_empty_time"`
	Precision  float64 `json:"precision"` // hits / (hits + false); 1 without events
	Recall     float64 `json:"recall"`    // hits / objects; 1 without objects
	F1         float64 `json:"f1"`        // harmonic mean of both

	Identity Identity `json:"identity"`
}

func (s *Score) finish() {
	ratio := func(a, b int) float64 {
		if b == 0 {
			return 1
		}
		return float64(a) / float64(b)
	}
	s.Misses = s.Objects - s.Hits
	s.Precision, s.Recall = ratio(s.Hits, s.Hits+s.False), ratio(s.Hits, s.Objects)
	s.F1 = ratio(2*s.Hits, 2*s.Hits+s.False+s.Misses)
	s.Identity.finish()
}

func (s *Score) add(o Score) {
	s.Objects, s.Hits, s.False = s.Objects+o.Objects, s.Hits+o.Hits, s.False+o.False
	s.Duplicates, s.Empty = s.Duplicates+o.Duplicates, s.Empty+o.Empty
	s.Identity.add(o.Identity)
}

// Fault is a miss, a false alert, or an event that went over to another object.
type Fault struct {
	Clip    string  `json:"clip"`
	What    string  `json:"what"` // miss, wrong, duplicate or exchange
	Label   string  `json:"label"`
	From    float64 `json:"from"` // seconds
	To      float64 `json:"to"`
	Score   float64 `json:"score,omitempty"` // of the event
	Note    string  `json:"note,omitempty"`
	Picture string  `json:"picture,omitempty"` // file name in the report's folder
}

// Report is the judgement of all clips.
type Report struct {
	Model   string           `json:"model"`
	Total   Score            `json:"total"`
	Labels  map[string]Score `json:"labels"`
	Clips   map[string]Score `json:"clips"`
	Faults  []Fault          `json:"faults"`
	Seconds float64          `json:"seconds"` // of video
}

// Sum adds up clips.
func Sum(model string, clips []*Clip) *Report {
	r := &Report{Model: model, Labels: map[string]Score{}, Clips: map[string]Score{}, Faults: []Fault{}}
	for _, c := range clips {
		r.Seconds += c.Result.Length.Seconds()
		var sum Score
		for label, s := range c.scores() {
			sum.add(s)
			of := r.Labels[label]
			of.add(s)
			r.Labels[label] = of
		}
		r.Total.add(sum)
		sum.finish()
		r.Clips[c.Labels.Clip] = sum
		r.Faults = append(r.Faults, c.Faults()...)
	}
	for label, s := range r.Labels {
		s.finish()
		r.Labels[label] = s
	}
	r.Total.finish()
	return r
}

// scores counts by label.
func (c *Clip) scores() map[string]Score {
	out := make(map[string]Score)
	change := func(label string, f func(*Score)) {
		s := out[label]
		f(&s)
		out[label] = s
	}
	for i, o := range c.Labels.Objects {
		if o.Optional {
			continue
		}
		change(o.Label, func(s *Score) {
			s.Objects++
			if c.Found[i] {
				s.Hits++
			}
		})
	}
	for _, v := range c.Events {
		if v.Kind != Wrong && v.Kind != Duplicate {
			continue
		}
		change(v.Event.Label, func(s *Score) {
			s.False++
			if v.Kind == Duplicate {
				s.Duplicates++
			}
			if v.Empty {
				s.Empty++
			}
		})
	}
	for label, i := range c.identities() {
		change(label, func(s *Score) { s.Identity = i })
	}
	return out
}

// Faults lists the misses, the false alerts and the exchanges of a clip by time. Picture is not set.
func (c *Clip) Faults() []Fault {
	var out []Fault
	for i, o := range c.Labels.Objects {
		if !c.Found[i] && !o.Optional {
			out = append(out, Fault{Clip: c.Labels.Clip, What: "miss", Label: o.Label, From: o.From, To: o.To, Note: o.Note})
		}
	}
	for _, v := range c.Events {
		if v.Kind == Wrong || v.Kind == Duplicate {
			f := Fault{
				Clip: c.Labels.Clip, What: string(v.Kind), Label: v.Event.Label, From: v.Event.From.Seconds(), To: v.Event.To.Seconds(),
				Score: float64(v.Event.TopScore),
			}
			if v.Object >= 0 {
				f.Note = "second event of: " + c.Labels.Objects[v.Object].Note
			}
			out = append(out, f)
		}
	}
	for _, x := range c.exchanges() {
		e := c.Events[x.event].Event
		out = append(out, Fault{
			Clip: c.Labels.Clip, What: "exchange", Label: e.Label, From: x.left.Seconds(), To: x.at.Seconds(), Score: float64(e.TopScore),
			Note: c.Labels.Objects[x.from].Note + " → " + c.Labels.Objects[x.to].Note,
		})
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.From, b.From) })
	return out
}

// Text writes the scores as a table for a terminal.
func (r *Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tOBJECTS\tHITS\tMISSES\tFALSE\tOF THESE TWICE\tPRECISION\tRECALL\tF1\tFOLLOWED\tEXCHANGES")
	r.rows(func(name string, s Score) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%d\n",
			name, s.Objects, s.Hits, s.Misses, s.False, s.Duplicates, s.Precision, s.Recall, s.F1, s.Identity.Recall, s.Identity.Exchanges)
	})
	return t.Flush()
}

func (r *Report) rows(f func(name string, s Score)) {
	for _, k := range slices.Sorted(maps.Keys(r.Clips)) {
		f(k, r.Clips[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
		f(k, r.Labels[k])
	}
	f("total", r.Total)
}

// Markdown writes the report with its pictures.
func (r *Report) Markdown(w io.Writer) error {
	ew := &errWriter{w: w}
	ew.printf("# Evaluation of %s\n\n%.0f s of video. %d alerts in empty time.\n\n", r.Model, r.Seconds, r.Total.Empty)
	ew.printf("| | objects | hits | misses | false | of these twice | precision | recall | F1 | followed | exchanges |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	r.rows(func(name string, s Score) {
		ew.printf("| %s | %d | %d | %d | %d | %d | %.3f | %.3f | %.3f | %.3f | %d |\n",
			name, s.Objects, s.Hits, s.Misses, s.False, s.Duplicates, s.Precision, s.Recall, s.F1, s.Identity.Recall, s.Identity.Exchanges)
	})
	ew.printf("\n")
	for _, f := range r.Faults {
		ew.printf("## %s: %s %s, %.1f to %.1f s\n\n", f.Clip, f.What, f.Label, f.From, f.To)
		if f.Note != "" {
			ew.printf("%s\n\n", f.Note)
		}
		if f.Picture != "" {
			ew.printf("![%s](%s)\n\n", f.What, f.Picture)
		}
	}
	return ew.err
}

type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}

// Marks returns what was labelled and what was seen at a moment, for drawing.
func (c *Clip) Marks(at time.Duration) []offline.Mark {
	var out []offline.Mark
	for i := range c.Labels.Objects {
		o := &c.Labels.Objects[i]
		if at < seconds(o.From) || at > seconds(o.To) {
			continue
		}
		if b, ok := o.At(at); ok {
			out = append(out, offline.Mark{Text: o.Label, Box: b})
		}
	}
	for _, v := range c.Events {
		if s, ok := v.Event.At(at, near); ok {
			out = append(out, offline.Mark{Label: v.Event.Label, Text: fmt.Sprintf("%s %s %.2f", v.Kind, v.Event.Label, s.Score), Box: s.Box})
		}
	}
	return out
}
