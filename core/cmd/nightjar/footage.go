package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
	"github.com/nightjar-nvr/nightjar/recorder/export/evidence"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
)

// maxFindings is how many findings are printed; -json prints all.
const maxFindings = 200

func fsckCommand(ctx context.Context, e env, args []string) error {
	fs, file := flags(e, "fsck")
	var o app.FsckOptions
	level := fs.String("level", "size", "how closely: `list`, size or content")
	fs.BoolVar(&o.Repair, "repair", false, "repair what can be repaired; Nightjar must not run")
	fs.BoolVar(&o.Rebuild, "rebuild", false, "write journals and index anew from the files alone")
	fs.BoolVar(&o.Restore, "restore", false, "fetch the journals of lost days from the archive first")
	fs.BoolVar(&o.NoIndex, "no-index", false, "leave the database out")
	fs.StringVar(&o.Adopt, "adopt", "", "take the disk that is mounted at `DIR` now as the volume to use there")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	var err error
	if o.Level, err = fsck.ParseLevel(*level); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	o.Progress = percent(e.err)
	started := time.Now()
	report, err := app.Fsck(ctx, cfg, o, telemetry.NewLogger(e.err, "warn"))
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		printReport(e.out, report, time.Since(started))
	}
	if err == nil && report.Errors > 0 {
		return fmt.Errorf("%d problems; repair them with: nightjar fsck -c %s --repair", report.Errors, *file)
	}
	return err
}

// percent returns a function that shows progress on a terminal's line, at most once a second.
func percent(w io.Writer) func(done, total int) {
	var last time.Time
	return func(done, total int) {
		if now := time.Now(); total > 0 && (now.Sub(last) >= time.Second || done == total && !last.IsZero()) {
			last = now
			fmt.Fprintf(w, "checked %d of %d hours (%d %%)\n", done, total, done*100/total)
		}
	}
}

func printReport(w io.Writer, r fsck.Report, took time.Duration) {
	for i, f := range r.Findings {
		if i == maxFindings {
			fmt.Fprintf(w, "… and %d more; --json prints all\n", len(r.Findings)-i)
			break
		}
		what := string(f.Severity)
		switch {
		case f.Repaired:
			what = "repaired"
		case f.Failed != "":
			what = "not repaired (" + f.Failed + ")"
		}
		where := f.Path
		if where == "" {
			where = f.Stream.String()
		}
		fmt.Fprintf(w, "%s, invariant %d: %s: %s\n", what, f.Invariant, where, f.Problem)
		if f.Repair != "" && !f.Repaired {
			fmt.Fprintf(w, "    --repair: %s\n", f.Repair)
		}
	}
	fmt.Fprintf(w, "%d streams, %d recordings, %.1f GB in %v: %d errors, %d warnings, %d repaired\n",
		r.Streams, r.Files, float64(r.Bytes)/1e9, took.Round(10*time.Millisecond), r.Errors, r.Warnings, r.Repaired)
}

func verifyCommand(_ context.Context, e env, args []string) error {
	fs, _ := flags(e, "verify")
	keyFile := fs.String("key", "", "public key (PEM) of the installation that you trust: `FILE`")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	var trusted ed25519.PublicKey
	if *keyFile != "" {
		b, err := os.ReadFile(*keyFile)
		if err != nil {
			return fmt.Errorf("read key: %w", err)
		}
		if trusted, err = evidence.ParsePEM(b); err != nil {
			return fmt.Errorf("read key %s: %w", *keyFile, err)
		}
	}
	f, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("open package: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at package: %w", err)
	}
	report, err := evidence.Verify(f, info.Size(), trusted)
	if err != nil {
		return fmt.Errorf("verify %s: %w", rest[0], err)
	}
	fmt.Fprintln(e.out, report)
	if !report.OK {
		return fmt.Errorf("%s is not what was packed", rest[0])
	}
	return nil
}
