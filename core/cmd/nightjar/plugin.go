package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
)

// pluginCommands are what `nightjar plugin` can do, in the order of an author's and then an operator's day.
func pluginCommands() []command {
	return []command{
		{"new", "NAME [-dir DIR] [-id ID] [-sdk CHECKOUT]", "write a plugin in Go that works", pluginNew},
		{"dev", "[DIR] [-settings FILE] [-test] [-c FILE]", "build and run a plugin in the running Nightjar, again at each change", pluginDev},
		{"test", "[DIR|PROGRAM] [-settings FILE] [-send] | -notifier ID", "check a plugin, or send an example through a notifier", pluginTest},
		{"pack", "[DIR] [-o DIR] [-no-build]", "build a plugin and make a bundle of it", pluginPack},
		{"keygen", "NAME", "make a key to sign bundles with", pluginKeygen},
		{"sign", "-key FILE BUNDLE", "sign a bundle", pluginSign},
		{"install", "BUNDLE [-c FILE]", "check a bundle and keep it until it is approved", pluginInstall},
		{"approve", "ID VERSION [-sha256 SUM] [-c FILE]", "let exactly that program run", pluginApprove},
		{"list", "[-json] [-c FILE]", "list plugins and notifiers", pluginList},
		{"logs", "NOTIFIER [-f] [-json] [-c FILE]", "print what a notifier wrote last", pluginLogs},
		{"doctor", "[-json] [-c FILE]", "look for what keeps plugins from running", pluginDoctor},
		{"enable", "ID [-c FILE]", "let a plugin run again", pluginEnable},
		{"disable", "ID [-c FILE]", "keep a plugin from running", pluginDisable},
		{"remove", "ID [-c FILE]", "remove a plugin", pluginRemove},
		{"keys", "[add NAME FILE.pub | remove FINGERPRINT] [-json] [-c FILE]", "say whose signatures are trusted", pluginKeys},
	}
}

// pluginExamples follow the help of a command.
var pluginExamples = map[string]string{
	"new":     "nightjar plugin new doorbell -id org.example.doorbell",
	"dev":     "nightjar plugin dev ./doorbell -settings settings.json -test",
	"test":    "nightjar plugin test ./doorbell -settings settings.json -send\n  nightjar plugin test -notifier phone",
	"pack":    "nightjar plugin pack ./doorbell -o dist",
	"keygen":  "nightjar plugin keygen me       # writes me.key and me.pub",
	"sign":    "nightjar plugin sign -key me.key dist/org.example.doorbell-0.1.0.tar.gz",
	"install": "nightjar plugin install dist/org.example.doorbell-0.1.0.tar.gz",
	"approve": "nightjar plugin approve org.example.doorbell 0.1.0 -sha256 2cf2…",
	"list":    "nightjar plugin list --json",
	"logs":    "nightjar plugin logs phone -f",
	"doctor":  "nightjar plugin doctor",
	"enable":  "nightjar plugin enable org.example.doorbell",
	"disable": "nightjar plugin disable org.example.doorbell",
	"remove":  "nightjar plugin remove org.example.doorbell",
	"keys":    "nightjar plugin keys add \"Example Ltd\" example.pub",
}

const pluginExit = "Exit codes: 0 done, 1 it failed or something is wrong, 2 wrong usage.\n"

func pluginCommand(ctx context.Context, e env, args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		for _, c := range pluginCommands() {
			fmt.Fprintf(e.out, "  nightjar plugin %-72s %s\n", c.name+" "+c.args, c.help)
		}
		fmt.Fprint(e.out, "\n"+pluginExit)
		return nil
	}
	for _, c := range pluginCommands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, e, args[1:])
		if errors.Is(err, errUsage) {
			return fmt.Errorf("%w\nusage: nightjar plugin %s %s\nexample:\n  %s", err, c.name, c.args, pluginExamples[c.name])
		}
		return err
	}
	return fmt.Errorf("%w: there is no command plugin %s", errUsage, args[0])
}

// pluginFlags is a flag set whose help shows how a command is used.
func pluginFlags(e env, name string) (*flag.FlagSet, *string) {
	fs, file := flags(e, "plugin "+name)
	fs.Usage = func() {
		for _, c := range pluginCommands() {
			if c.name == name {
				fmt.Fprintf(e.out, "nightjar plugin %s %s\n%s\n\n", c.name, c.args, c.help)
			}
		}
		fs.SetOutput(e.out)
		fs.PrintDefaults()
		fmt.Fprintf(e.out, "\nExample:\n  %s\n\n%s", pluginExamples[name], pluginExit)
	}
	return fs, file
}

// pluginTools opens the catalogue of a configuration file.
func pluginTools(e env, file string) (*app.PluginTools, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	return app.OpenPluginTools(cfg, version, telemetry.NewLogger(e.err, "warn"))
}

// whoami names the person at the command line for the audit log.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return "cli:" + u.Username
	}
	return fmt.Sprintf("cli:%d", os.Getuid())
}

func pluginInstall(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "install")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	f, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer f.Close()
	r, err := tools.Install(ctx, f, whoami())
	if err != nil {
		return err
	}
	printReview(e.out, r)
	return nil
}

// printReview shows what a person decides on.
func printReview(w io.Writer, r httpapi.PluginReview) {
	v := r.Version
	fmt.Fprintf(w, "%s (%s), version %s\n", r.Plugin.Name, r.Plugin.ID, v.Version)
	switch v.Trust {
	case "key":
		fmt.Fprintf(w, "  signed by    %s (%s), whose key is trusted\n", v.SignerName, v.Signer)
	case "local":
		fmt.Fprintf(w, "  signed by    %s, a key that nobody vouched for\n", v.Signer)
	default:
		fmt.Fprintf(w, "  signed by    NOBODY\n")
	}
	fmt.Fprintf(w, "  sha256       %s\n", v.SHA256)
	marks := map[string]string{}
	for _, p := range r.Added {
		if r.From != "" {
			marks[p.Name] = "  (new)"
		}
	}
	for _, p := range v.Permissions {
		fmt.Fprintf(w, "  may          %s: %s%s\n", p.Name, p.Text, marks[p.Name])
	}
	for _, p := range r.Removed {
		fmt.Fprintf(w, "  no longer    %s\n", p.Name)
	}
	if r.From != "" {
		fmt.Fprintf(w, "  replaces     %s\n", r.From)
	}
	if r.SignerChanged {
		fmt.Fprintf(w, "  WARNING      %s was signed by another key\n", r.From)
	}
	if v.State != "approved" {
		fmt.Fprintf(w, "It does not run yet. To let exactly this program run:\n  nightjar plugin approve %s %s -sha256 %s\n", r.Plugin.ID, v.Version, v.SHA256)
	}
}

func pluginApprove(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "approve")
	sum := fs.String("sha256", "", "the program's `SUM`, as install and list show it")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 2 {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	if *sum == "" {
		r, err := tools.Review(ctx, rest[0], rest[1])
		if err != nil {
			return err
		}
		printReview(e.out, r)
		return errors.New("nothing was approved: say which program you mean with -sha256")
	}
	running, err := tools.Approve(ctx, rest[0], rest[1], *sum, whoami())
	if err != nil {
		return err
	}
	if running {
		fmt.Fprintf(e.out, "%s %s is approved and was started once: it works\n", rest[0], rest[1])
	} else {
		fmt.Fprintf(e.out, "%s %s is approved; the next Nightjar starts it once before it uses it\n", rest[0], rest[1])
	}
	return nil
}

func pluginRemove(ctx context.Context, e env, args []string) error {
	return pluginByID(ctx, e, "remove", args, func(ctx context.Context, t *app.PluginTools, id string) error { return t.Remove(ctx, id, whoami()) })
}

func pluginEnable(ctx context.Context, e env, args []string) error {
	return pluginByID(ctx, e, "enable", args, func(ctx context.Context, t *app.PluginTools, id string) error {
		return t.Switch(ctx, id, true, whoami())
	})
}

func pluginDisable(ctx context.Context, e env, args []string) error {
	return pluginByID(ctx, e, "disable", args, func(ctx context.Context, t *app.PluginTools, id string) error {
		return t.Switch(ctx, id, false, whoami())
	})
}

// pluginByID does one thing with one plugin.
func pluginByID(ctx context.Context, e env, name string, args []string, do func(context.Context, *app.PluginTools, string) error) error {
	fs, file := pluginFlags(e, name)
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	if err := do(ctx, tools, rest[0]); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s: %sd\n", rest[0], name)
	return nil
}

// pluginsListed is what `plugin list --json` prints.
type pluginsListed struct {
	httpapi.PluginList
	Running   bool               `json:"running"` // a Nightjar runs; without one there are no notifiers
	Notifiers []httpapi.Notifier `json:"notifiers"`
}

func pluginList(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "list")
	asJSON := fs.Bool("json", false, "print the API's answers as JSON")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	out := pluginsListed{Notifiers: []httpapi.Notifier{}}
	if out.PluginList, err = tools.List(ctx); err != nil {
		return err
	}
	switch all, err := tools.Notifiers(ctx); {
	case err == nil:
		out.Running, out.Notifiers = true, all
	case !errors.Is(err, httpapi.ErrNotRunning):
		return err
	}
	if *asJSON {
		return printJSON(e.out, out)
	}
	return printPlugins(e.out, out)
}

func printPlugins(out io.Writer, l pluginsListed) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tVERSION\tTRUST\tSTATE")
	for _, p := range l.Plugins {
		state := []string{cmp.Or(p.Problem, "ready")}
		for _, v := range p.Versions {
			if v.State == "pending" {
				state = append(state, fmt.Sprintf("(%s waits for approval, sha256 %s)", v.Version, v.SHA256))
			}
		}
		trust := p.Trust
		if trust == "unsigned" {
			trust = "UNSIGNED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.ID, orDash(p.Active), trust, strings.Join(state, " "))
	}
	if l.Running {
		fmt.Fprintln(w, "\t\t\t\nNOTIFIER\tPLUGIN\tSOURCE\tSTATE")
		for _, n := range l.Notifiers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.ID, n.Plugin, n.Source, strings.TrimSuffix(n.State+": "+n.Reason, ": "))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !l.Running {
		fmt.Fprintln(out, "\nNo Nightjar runs with this configuration, so there are no notifiers to show.")
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func pluginLogs(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "logs")
	follow := fs.Bool("f", false, "go on until stopped")
	asJSON := fs.Bool("json", false, "print the lines as JSON")
	rest, err := parse(fs, args)
	if err != nil || len(rest) != 1 || *follow && *asJSON {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	var got httpapi.NotifierLog
	tail := &logTail{out: e.out}
	for {
		if err := tools.Control.Call(ctx, "GET", "/notifiers/"+rest[0]+"/log", nil, &got); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(e.out, got)
		}
		tail.print(got.Lines)
		if !*follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// logTail prints the lines of a log that are new since it was asked last.
type logTail struct {
	out  io.Writer
	seen []string
}

func (t *logTail) print(lines []string) {
	skip := 0
	for n := min(len(t.seen), len(lines)); n > 0; n-- { // the longest end of what was seen that begins what came
		if strings.Join(t.seen[len(t.seen)-n:], "\n") == strings.Join(lines[:n], "\n") {
			skip = n
			break
		}
	}
	for _, l := range lines[skip:] {
		fmt.Fprintln(t.out, l)
	}
	t.seen = lines
}

func pluginDoctor(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "doctor")
	asJSON := fs.Bool("json", false, "print the findings as JSON")
	if rest, err := parse(fs, args); err != nil || len(rest) > 0 {
		return usageError(err, rest)
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	findings, err := tools.Doctor(ctx)
	if err != nil {
		return err
	}
	return printFindings(e.out, findings, *asJSON)
}

// printFindings prints what was found, and fails where something is wrong.
func printFindings(w io.Writer, findings []app.Finding, asJSON bool) error {
	wrong := 0
	for _, f := range findings {
		mark := "ok   "
		if !f.OK {
			mark = "WRONG"
			wrong++
		}
		if asJSON {
			continue
		}
		fmt.Fprintf(w, "%s  %s", mark, f.What)
		if f.Detail != "" {
			fmt.Fprintf(w, ": %s", f.Detail)
		}
		fmt.Fprintln(w)
		if f.Fix != "" {
			fmt.Fprintf(w, "       next: %s\n", f.Fix)
		}
	}
	if asJSON {
		if err := printJSON(w, findings); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d things are wrong", wrong, len(findings))
	}
	return nil
}

func pluginKeys(ctx context.Context, e env, args []string) error {
	fs, file := pluginFlags(e, "keys")
	asJSON := fs.Bool("json", false, "print the keys as JSON")
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	tools, err := pluginTools(e, *file)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 3 && rest[0] == "add":
		pem, err := os.ReadFile(rest[2])
		if err != nil {
			return fmt.Errorf("read key: %w", err)
		}
		k, err := tools.Trust(ctx, rest[1], pem, whoami())
		if err == nil {
			fmt.Fprintf(e.out, "trusted: %s (%s)\n", k.Name, k.Fingerprint)
		}
		return err
	case len(rest) == 2 && rest[0] == "remove":
		return tools.Distrust(ctx, rest[1], whoami())
	case len(rest) > 0:
		return usageError(nil, rest)
	}
	list, err := tools.List(ctx)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(e.out, list.Keys)
	}
	for _, k := range list.Keys {
		fmt.Fprintf(e.out, "%s  %s\n", k.Fingerprint, k.Name)
	}
	return nil
}
