package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
)

func pluginNew(_ context.Context, e env, args []string) error {
	fs, _ := pluginFlags(e, "new")
	p := plugincatalog.NewPlugin{Core: version}
	fs.StringVar(&p.Dir, "dir", "", "write to `DIR`; default: the name")
	fs.StringVar(&p.ID, "id", "", "reverse-DNS `ID`, which never changes; default: com.example. and the name")
	fs.StringVar(&p.SDK, "sdk", "", "build with the checkout of Nightjar in `DIR`")
	fs.BoolVar(&p.Python, "python", false, "write it in Python instead of Go")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	if p.Name = rest[0]; p.Dir == "" {
		p.Dir = filepath.Base(p.Name)
	}
	if err := plugincatalog.Scaffold(p); err != nil {
		return err
	}
	holds := "main.go, go.mod and plugin.json"
	if p.Python {
		holds = "a script in bin/ and plugin.json; it needs the packages of plugins/python"
	}
	fmt.Fprintf(e.out, "%s holds %s. Next:\n  nightjar plugin test %s\n  nightjar plugin dev %s\n", p.Dir, holds, p.Dir, p.Dir)
	return nil
}

func pluginPack(ctx context.Context, e env, args []string) error {
	fs, _ := pluginFlags(e, "pack")
	out := fs.String("o", ".", "write the bundle to `DIR`")
	noBuild := fs.Bool("no-build", false, "pack the programs as they lie there")
	rest, err := parse(fs, args)
	if err != nil || len(rest) > 1 {
		return usageError(err, rest)
	}
	dir := folder(rest)
	m, err := plugincatalog.ReadManifest(dir)
	if err != nil {
		return err
	}
	if !*noBuild {
		if _, err := plugincatalog.BuildAll(ctx, dir, m, e.err); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	_, path, err := plugincatalog.Pack(dir, *out)
	if err == nil {
		fmt.Fprintln(e.out, path)
	}
	return err
}

func folder(rest []string) string {
	if len(rest) == 0 {
		return "."
	}
	return rest[0]
}

func pluginKeygen(_ context.Context, e env, args []string) error {
	fs, _ := pluginFlags(e, "keygen")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	secret, err := plugincatalog.EncodePrivateKey(private)
	if err != nil {
		return err
	}
	shown, err := plugincatalog.EncodePublicKey(public)
	if err != nil {
		return err
	}
	if err := writeNew(rest[0]+".key", secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(rest[0]+".pub", shown, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s.key signs; keep it to yourself.\n%s.pub is for whoever installs; fingerprint %s\n", rest[0], rest[0], plugincatalog.Fingerprint(public))
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not replaced", path)
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

func pluginSign(_ context.Context, e env, args []string) error {
	fs, _ := pluginFlags(e, "sign")
	keyFile := fs.String("key", "", "private key `FILE` of nightjar plugin keygen")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 || *keyFile == "" {
		return usageError(err, rest)
	}
	b, err := os.ReadFile(*keyFile)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	key, err := plugincatalog.ParsePrivateKey(b)
	if err != nil {
		return fmt.Errorf("%s %w", *keyFile, err)
	}
	m, err := plugincatalog.Sign(rest[0], key)
	if err == nil {
		fmt.Fprintf(e.out, "%s %s is signed\n", m.ID, m.Version)
	}
	return err
}

// readSettings reads a file of settings as JSON; without a name there are none.
func readSettings(path string) (map[string]any, error) {
	if path == "" {
		return map[string]any{}, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("read settings %s: %w; want one JSON object", path, err)
	}
	return out, nil
}

func pluginTest(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "test")
	settings := fs.String("settings", "", "give the plugin the settings in `FILE`, one JSON object")
	notifier := fs.String("notifier", "", "send an example through the notifier `ID` of the running Nightjar instead")
	send := fs.Bool("send", false, "also have the plugin deliver an example")
	recipient := fs.String("recipient", "", "deliver the example to `WHOM`; default: the settings'")
	asJSON := fs.Bool("json", false, "print the findings as JSON")
	rest, err := parse(fs, args)
	if err != nil || len(rest) > 1 || *notifier != "" && len(rest) > 0 {
		return usageError(err, rest)
	}
	if *notifier != "" {
		tools, err := pluginTools(e, *file)
		if err != nil {
			return err
		}
		return sendExample(ctx, e, tools, *notifier, *recipient)
	}
	trial := app.PluginTrial{Send: *send, Recipient: *recipient}
	if trial.Settings, err = readSettings(*settings); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "nightjar-plugin-")
	if err != nil {
		return fmt.Errorf("make folder to build in: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := findProgram(ctx, e, folder(rest), filepath.Join(tmp, "plugin"), &trial); err != nil {
		return err
	}
	findings, err := app.TryPlugin(ctx, trial, version, telemetry.NewLogger(e.err, "error"))
	if err != nil {
		return err
	}
	return printFindings(e.out, findings, *asJSON)
}

// findProgram fills in what to try: a program as it is, or a folder's, built to `built` where it is in Go.
func findProgram(ctx context.Context, e env, path, built string, trial *app.PluginTrial) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("find plugin: %w", err)
	}
	if !info.IsDir() {
		trial.Program = path
		return nil
	}
	m, err := plugincatalog.ReadManifest(path)
	if err != nil {
		return err
	}
	program, err := m.For(plugincatalog.Platform())
	if err != nil {
		return err
	}
	trial.Version, trial.Args, trial.Permissions = m.Version, program.Args, append([]string{}, m.Permissions...)
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		trial.Program = built
		return plugincatalog.Build(ctx, path, built, plugincatalog.Platform(), m.Version, e.err)
	}
	trial.Program = filepath.Join(path, program.Path)
	return nil
}

func sendExample(ctx context.Context, e env, tools *app.PluginTools, id, recipient string) error {
	var v httpapi.NotifierVerdict
	if err := tools.Control.Call(ctx, "POST", "/notifiers/"+id+"/test", httpapi.NotifierTest{Recipient: recipient}, &v); err != nil {
		return err
	}
	if v.Class != "ok" {
		return fmt.Errorf("the example was not delivered (%s): %s", v.Class, v.Detail)
	}
	fmt.Fprintf(e.out, "%s delivered an example\n", id)
	return nil
}

// devLoop is one `plugin dev`.
type devLoop struct {
	e        env
	tools    *app.PluginTools
	dir, id  string
	settings string // file
	test     bool

	tmp     string
	builds  int
	stamp   string
	lent    httpapi.LentNotifier
	state   string
	tail    logTail
	renewed time.Time
}

func pluginDev(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "dev")
	d := &devLoop{e: e, tail: logTail{out: e.out}}
	fs.StringVar(&d.settings, "settings", "", "give the plugin the settings in `FILE`, one JSON object")
	fs.StringVar(&d.id, "id", "", "call the notifier `ID`; it must begin with dev-; default: dev- and the folder's name")
	fs.BoolVar(&d.test, "test", false, "send an example after each build")
	rest, err := parse(fs, args)
	if err != nil || len(rest) > 1 {
		return usageError(err, rest)
	}
	if d.dir, err = filepath.Abs(folder(rest)); err != nil {
		return fmt.Errorf("find plugin: %w", err)
	}
	if d.id == "" {
		d.id = "dev-" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
				return r
			}
			return '-'
		}, strings.ToLower(filepath.Base(d.dir)))
		d.id = d.id[:min(len(d.id), 48)]
	}
	if d.tools, err = pluginTools(e, *file); err != nil {
		return err
	}
	if d.tmp, err = os.MkdirTemp("", "nightjar-dev-"); err != nil {
		return fmt.Errorf("make folder to build in: %w", err)
	}
	defer os.RemoveAll(d.tmp)
	return d.run(ctx)
}

// leaseRenewal is well below the server's lease.
const leaseRenewal = 5 * time.Second

// run builds at every change of a file, keeps the program lent, and prints what it says, until ctx ends.
func (d *devLoop) run(ctx context.Context) error {
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = d.tools.Control.Call(stop, "DELETE", "/notifiers/"+d.id, nil, nil) // else its lease ends it
	}()
	for {
		if stamp := d.sources(); stamp != d.stamp {
			d.stamp = stamp
			if err := d.build(ctx); err != nil {
				fmt.Fprintln(d.e.err, "nightjar:", err)
			}
		}
		if d.lent.Path != "" && time.Since(d.renewed) >= leaseRenewal {
			if err := d.lend(ctx); err != nil {
				return err
			}
		}
		d.listen(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// sources changes when a file of the plugin does.
func (d *devLoop) sources() string {
	var out strings.Builder
	note := func(path string) {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&out, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	_ = filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error { // what cannot be read does not change
		switch {
		case err != nil:
			return nil //nolint:nilerr // see above
		case entry.IsDir() && path != d.dir && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin"):
			return fs.SkipDir
		case !entry.IsDir():
			note(path)
		}
		return nil
	})
	note(d.settings)
	return out.String()
}

// build makes the program anew, lends it, and tries it where that was asked for.
func (d *devLoop) build(ctx context.Context) error {
	d.builds++
	built := filepath.Join(d.tmp, "plugin-"+strconv.Itoa(d.builds))
	var trial app.PluginTrial
	started := time.Now()
	if err := findProgram(ctx, d.e, d.dir, built, &trial); err != nil {
		return err
	}
	settings, err := readSettings(d.settings)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.e.out, "==> built in %v\n", time.Since(started).Round(10*time.Millisecond))
	d.lent = httpapi.LentNotifier{Path: trial.Program, Args: trial.Args, Permissions: trial.Permissions, Settings: settings}
	if err := d.lend(ctx); err != nil {
		return err
	}
	if d.test {
		return d.tryExample(ctx)
	}
	return nil
}

func (d *devLoop) lend(ctx context.Context) error {
	d.renewed = time.Now()
	return d.tools.Control.Call(ctx, "PUT", "/dev/notifiers/"+d.id, d.lent, nil)
}

// tryExample waits until the program runs, and sends an example.
func (d *devLoop) tryExample(ctx context.Context) error {
	for limit := time.Now().Add(15 * time.Second); ; {
		d.listen(ctx)
		if strings.HasPrefix(d.state, "running") {
			return sendExample(ctx, d.e, d.tools, d.id, "")
		}
		if time.Now().After(limit) || strings.HasPrefix(d.state, "bad_config") {
			return fmt.Errorf("no example is sent: %s is %s", d.id, d.state)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listen prints what is new: the state and the log.
func (d *devLoop) listen(ctx context.Context) {
	if d.lent.Path == "" {
		return
	}
	var n httpapi.Notifier
	if err := d.tools.Control.Call(ctx, "GET", "/notifiers/"+d.id, nil, &n); err != nil {
		return // the next renewal says what is wrong
	}
	if state := strings.TrimSuffix(n.State+": "+n.Reason, ": "); state != d.state {
		d.state = state
		fmt.Fprintf(d.e.out, "==> %s: %s\n", d.id, state)
	}
	var log httpapi.NotifierLog
	if err := d.tools.Control.Call(ctx, "GET", "/notifiers/"+d.id+"/log", nil, &log); err == nil {
		d.tail.print(log.Lines)
	}
}
