package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
)

// visionFlags are what the commands that look at files share.
type visionFlags struct {
	set         *flag.FlagSet
	file, model *string
	minScore    *float64
	json        *bool
}

func newVisionFlags(e env, name string) (*flag.FlagSet, visionFlags) {
	fs, file := flags(e, name)
	return fs, visionFlags{
		set:      fs,
		file:     file,
		model:    fs.String("model", "", "use this `MODEL`: a name from nightjar models list, or a path"),
		minScore: fs.Float64("min-score", 0, "least `SCORE` of a detection, 0 to 1; default: the configuration's"),
		json:     fs.Bool("json", false, "print the result as JSON"),
	}
}

// optionalConfig loads the configuration of a command that can do without: only one that was asked for must be there.
func optionalConfig(fs *flag.FlagSet, file string) (config.Config, error) {
	asked := false
	fs.Visit(func(f *flag.Flag) { asked = asked || f.Name == "c" })
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) && !asked {
		return config.Default(), nil
	}
	cfg, err := config.Load(file)
	if err != nil {
		return config.Config{}, err
	}
	return *cfg, nil
}

// open loads the configuration, if there is one, and the model. serve need not be configured for looking at a file.
func (v visionFlags) open(e env) (*app.VisionTools, error) {
	cfg, err := optionalConfig(v.set, *v.file)
	if err != nil {
		return nil, err
	}
	if *v.model != "" {
		cfg.Detect.Model = *v.model
	}
	if *v.minScore < 0 || *v.minScore > 1 {
		return nil, fmt.Errorf("%w: -min-score must be 0 to 1", errUsage)
	}
	if *v.minScore > 0 {
		cfg.Detect.MinScore = *v.minScore
	}
	return app.OpenVisionTools(cfg, telemetry.NewLogger(e.err, "warn"))
}

func evalCommand(ctx context.Context, e env, args []string) (err error) {
	fs, v := newVisionFlags(e, "eval")
	var o app.EvalOptions
	fs.StringVar(&o.Clips, "clips", ".", "folder `DIR` that the labels' clips are relative to")
	fs.StringVar(&o.Out, "o", "", "write report.md, report.json and a picture of each miss and false alert to `DIR`")
	fs.BoolVar(&o.Events, "events", false, "also write the events of each clip to the folder of -o")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	o.Labels = rest[0]
	o.Progress = func(clip string, took time.Duration) {
		fmt.Fprintf(e.err, "%s: %v\n", clip, took.Round(100*time.Millisecond))
	}
	tools, err := v.open(e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tools.Close()) }()
	report, err := tools.Eval(ctx, o)
	if err != nil {
		return err
	}
	if *v.json {
		return printJSON(e.out, report)
	}
	return report.Text(e.out)
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func detectCommand(ctx context.Context, e env, args []string) (err error) {
	fs, v := newVisionFlags(e, "detect")
	dir := fs.String("o", ".", "write the annotated copies to `DIR`")
	files, err := parse(fs, args)
	if err != nil || len(files) == 0 {
		return usageError(err, files)
	}
	tools, err := v.open(e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tools.Close()) }()
	all := []*app.Detected{}
	for _, f := range files {
		d, err := tools.Detect(ctx, f, *dir)
		if err != nil {
			return err
		}
		if all = append(all, d); !*v.json {
			printDetected(e.out, d)
		}
	}
	if *v.json {
		return printJSON(e.out, all)
	}
	return nil
}

func printDetected(w io.Writer, d *app.Detected) {
	fmt.Fprintf(w, "%s -> %s\n", d.File, d.Output)
	for _, s := range d.Seen {
		when := ""
		if s.From != nil && s.To != nil {
			when = fmt.Sprintf("  %.1f to %.1f s", *s.From, *s.To)
		}
		fmt.Fprintf(w, "  %-14s %.2f%s  at x %.2f y %.2f, %.2f wide, %.2f high\n", s.Label, s.Score, when, s.Box.X, s.Box.Y, s.Box.W, s.Box.H)
	}
	if len(d.Seen) == 0 {
		fmt.Fprintln(w, "  nothing")
	}
}
