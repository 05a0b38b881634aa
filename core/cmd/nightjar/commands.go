package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
	"github.com/nightjar-nvr/nightjar/core/vision/models"
)

func serve(ctx context.Context, e env, args []string) error {
	fs, file := flags(e, "serve")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(e.err, cfg.LogLevel)
	a, err := app.New(cfg, version, log)
	if err != nil {
		return err
	}
	a.OnReady = func(r app.Ready) { welcome(e, r) }
	return a.Run(ctx)
}

// welcome tells a person where to go. The first password is printed here and nowhere else.
func welcome(e env, r app.Ready) {
	fmt.Fprintf(e.out, "\n  Nightjar is running:  %s\n", r.URL)
	if r.AdminPassword != "" {
		fmt.Fprintf(e.out, "  First login:          admin / %s\n", r.AdminPassword)
		fmt.Fprintf(e.out, "                        (kept in %s until you change it)\n", r.AdminPasswordFile)
	}
	fmt.Fprintf(e.out, "  Stop with Ctrl-C.\n\n")
}

func check(_ context.Context, e env, args []string) error {
	fs, file := flags(e, "check")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s is fine: %d cameras, recordings in %s\n", *file, len(cfg.Cameras), cfg.RecordingsPath())
	return nil
}

func modelsCommand(ctx context.Context, e env, args []string) error {
	fs, file := flags(e, "models")
	rest, err := parse(fs, args)
	if err != nil || len(rest) == 0 {
		return usageError(err, rest)
	}
	if len(rest) > 2 {
		return usageError(nil, rest)
	}
	cfg, err := optionalConfig(fs, *file)
	if err != nil {
		return err
	}
	if len(rest) == 2 {
		cfg.Detect.Model = rest[1]
	}
	store, name := models.New(cfg.ModelsPath(), nil), cfg.Detect.Model
	if done, err := faceModels(ctx, e, &cfg, rest[0], name); done {
		return err
	}
	switch rest[0] {
	case "list":
		return listModels(e, &cfg, store)
	case "pull":
		if err := store.Pull(ctx, name, progress(e, name)); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "model %s is in %s\n", name, store.Dir())
		return nil
	case "verify":
		return verifyModel(e, &cfg, store)
	case "ensure":
		return ensureModel(ctx, e, cfg, store)
	}
	return fmt.Errorf("%w: models %s", errUsage, rest[0])
}

func listModels(e env, cfg *config.Config, store *models.Store) error {
	list, err := store.List()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tLICENCE\tINPUT\tHOW TO GET IT")
	for _, m := range list {
		how := "nightjar models pull " + m.Name
		switch {
		case m.State == models.Verified || m.State == models.Own:
			how = m.Path
		case m.URL == "":
			how = m.HowTo
		}
		size := fmt.Sprintf("%dx%d", m.Width, m.Height)
		if m.Width == 0 {
			size = "see verify"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.State, or(m.Licence, "yours"), size, how)
	}
	faces, err := faceModelsRow(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, faces)
	return w.Flush()
}

// verifyModel says whether the file is the known one and what the detector makes of it.
func verifyModel(e env, cfg *config.Config, store *models.Store) error {
	m, err := store.Verify(cfg.Detect.Model)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "model %s: %s %s\n", m.Name, m.State, m.Path)
	switch m.State {
	case models.Missing, models.Damaged:
		if m.URL == "" {
			return fmt.Errorf("model %s is %s: %s", m.Name, m.State, m.HowTo)
		}
		return fmt.Errorf("model %s is %s; fetch it with: nightjar models pull %s", m.Name, m.State, m.Name)
	case models.Own:
		fmt.Fprintln(e.out, "there is no known sum of this file: it is taken as it is")
	case models.Verified:
	}
	line, err := app.DescribeModel(*cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out, line)
	return nil
}

// ensureModel is what `make run` calls: the configured model if it can be had, and never a failure.
func ensureModel(ctx context.Context, e env, cfg config.Config, store *models.Store) error {
	if !cfg.Detect.Enabled {
		return nil
	}
	if _, err := store.Resolve(cfg.Detect.Model); err == nil {
		if m, err := store.Verify(cfg.Detect.Model); err == nil && m.State == models.Damaged {
			fmt.Fprintf(e.out, "==> model %s is not the known file: it is damaged, or somebody replaced it.\n    Fetch it again with: nightjar models pull %s\n", m.Name, m.Name)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	how, err := store.PullOrCopy(ctx, cfg.Detect.Model, models.FallbackDir(), progress(e, cfg.Detect.Model))
	if err != nil {
		fmt.Fprintf(e.out, "==> model %s could not be fetched (%v).\n    Nightjar runs on motion alone until you run: nightjar models pull %s\n", cfg.Detect.Model, err, cfg.Detect.Model)
		return nil
	}
	fmt.Fprintf(e.out, "==> model %s: %s\n", cfg.Detect.Model, how)
	return nil
}

// progress prints at most one line per tenth.
func progress(e env, name string) models.Progress {
	last := int64(-1)
	return func(done, total int64) {
		if total <= 0 {
			return
		}
		if tenth := done * 10 / total; tenth > last {
			last = tenth
			fmt.Fprintf(e.out, "==> model %s: %d %%\n", name, tenth*10)
		}
	}
}

func userCommand(ctx context.Context, e env, args []string) error {
	fs, file := flags(e, "user")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 2 || rest[0] != "reset" {
		return usageError(err, rest)
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	password, err := app.ResetPassword(ctx, cfg, rest[1], telemetry.NewLogger(e.err, "warn"))
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "new password of %s: %s\n", rest[1], password)
	return nil
}

func demoCommand(ctx context.Context, e env, args []string) error {
	fs, _ := flags(e, "demo")
	def := config.Default().Demo
	listen := fs.String("listen", def.Listen, "serve on `ADDRESS`")
	mainFile := fs.String("main", "", "loop this MP4 `FILE` (H.264) as the main stream; default: a drawn scene")
	subFile := fs.String("sub", "", "loop this MP4 `FILE` as the sub stream")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	srv, err := demo.New(demo.Config{Listen: *listen, Main: *mainFile, Sub: *subFile, Log: telemetry.NewLogger(e.err, "info")})
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-srv.Ready():
			main, sub := srv.URLs()
			fmt.Fprintf(e.out, "%s\n%s\n", main, sub)
		case <-ctx.Done():
		}
	}()
	return srv.Run(ctx)
}

// usageError keeps a flag error and makes one of stray arguments.
func usageError(err error, rest []string) error {
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return fmt.Errorf("%w: an argument is missing", errUsage)
	}
	return fmt.Errorf("%w: %q is not what is wanted here", errUsage, strings.Join(rest, " "))
}
