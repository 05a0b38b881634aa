package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
)

func benchCommand(ctx context.Context, e env, args []string) error {
	fs, file := flags(e, "bench")
	list := fs.String("model", "", "measure these `MODELS`, separated by commas; default: the configured one and all in the models directory")
	streams := fs.String("stream", "640x360@15,1920x1080@15", "what cameras send: `SIZE@FPS` or video files, separated by commas")
	provider := fs.String("provider", "", "run models on `PROVIDER`: cpu, cuda, tensorrt, openvino or coreml; default: the configuration's")
	decoder := fs.String("decode", "", "decode on `WHAT`: auto, cpu, vaapi, cuda or qsv; default: the configuration's")
	busy := fs.Float64("busy", 0.2, "`FRACTION` of the time in which something moves before a camera, 0 to 1")
	length := fs.Duration("length", 5*time.Second, "measure each model for `TIME`, twice")
	asJSON := fs.Bool("json", false, "print the result as JSON")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 || rest[0] != "detect" {
		return usageError(err, rest)
	}
	o := app.BenchOptions{Busy: *busy, Budget: *length}
	if *busy < 0 || *busy > 1 || *length <= 0 || *length > 10*time.Minute {
		return fmt.Errorf("%w: -busy is 0 to 1, -length up to 10m", errUsage)
	}
	if *list != "" {
		o.Models = strings.Split(*list, ",")
	}
	for s := range strings.SplitSeq(*streams, ",") {
		stream, err := app.ParseBenchStream(s)
		if err != nil {
			return err
		}
		o.Streams = append(o.Streams, stream)
	}
	cfg, err := optionalConfig(fs, *file)
	if err != nil {
		return err
	}
	for _, set := range []struct{ to, from *string }{{&cfg.Detect.Provider, provider}, {&cfg.Detect.Decode, decoder}} {
		if *set.from != "" {
			*set.to = *set.from
		}
	}
	b, err := app.BenchDetect(ctx, cfg, o, telemetry.NewLogger(e.err, "error"))
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(e.out, b)
	}
	return printBench(e.out, b)
}

func printBench(out io.Writer, b *app.Bench) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "Machine: %s, %d cores, load %.1f\n\n", b.Machine.CPU, b.Machine.Cores, b.Machine.Load)
	fmt.Fprintln(w, "DECODE ON\tAVAILABLE\tOF")
	for _, d := range b.Decoders {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Accel, yes(d.Available), or(d.Reason, strings.Join(d.Codecs, ", ")))
	}
	fmt.Fprintf(w, "\nINFER ON\tAVAILABLE\tWITH ONNX RUNTIME %s\n", or(b.Runtime, "missing"))
	for _, p := range b.Providers {
		note := p.Reason
		if p.Chosen {
			note = strings.TrimSpace("chosen " + note)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, yes(p.Available), note)
	}
	fmt.Fprintln(w, "\nSTREAM\tCODEC\tDECODED ON\tms/PICTURE\tDECODING, % OF A CORE\tALL BUT INFERENCE, % OF A CORE")
	for _, s := range b.Streams {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%.1f\t%.1f\n", s.Stream, s.Codec, s.DecodedOn, s.PictureMS, 100*s.DecodeCores, 100*s.WatchCores)
	}
	if len(b.Models) == 0 {
		fmt.Fprintln(w, "\nNo model could be measured; the notes say why.")
	} else {
		printModels(w, b)
	}
	for _, p := range b.Problems {
		fmt.Fprintf(w, "Note: %s\n", p)
	}
	return w.Flush()
}

// printModels tells what the models cost and how many cameras that leaves room for.
func printModels(w io.Writer, b *app.Bench) {
	fmt.Fprintln(w, "\nMODEL\tINPUT\tON\tFIRST ms\tp50 ms\tp95 ms\tLOOKS/s\tSESSIONS\tBATCH\tTIME OF A BATCH")
	for _, m := range b.Models {
		fmt.Fprintf(w, "%s\t%dx%d\t%s\t%.0f\t%.1f\t%.1f\t%.1f\t%d\t%d\t%s\n", m.Name, m.Width, m.Height, m.Provider, m.FirstMS, m.P50MS, m.P95MS, m.PerSecond, m.Sessions,
			m.Batch, batchTime(m))
	}
	fmt.Fprintf(w, "\nCAMERAS AT %g FPS\tSTREAM\tNOTHING MOVES\tMOTION %.0f %%\tALWAYS MOTION\n", b.FPS, 100*b.Busy)
	for _, c := range b.Capacity {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", c.Model, c.Stream, c.Still, c.Gated, c.Always)
	}
	fmt.Fprintln(w, "\nOne look per analysed frame with motion; a fifth of the machine is left for recording and all else.")
	for _, c := range b.Capacity {
		if c.Model == b.Models[0].Name && c.Stream == b.Streams[0].Stream {
			fmt.Fprintf(w, "You can carry %d cameras of %s with %s at %g fps when each sees motion %.0f %% of the time.\n", c.Gated, c.Stream, c.Model, b.FPS, 100*b.Busy)
		}
	}
}

// batchTime holds a batch against its pictures one by one.
func batchTime(m app.ModelCost) string {
	if m.BatchTried == 0 {
		return "not measured: " + m.BatchReason
	}
	return fmt.Sprintf("%.2f of %d one by one", m.BatchRatio, m.BatchTried)
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
