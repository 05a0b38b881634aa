// Command nightjar is the whole product in one binary. This package parses the command line and prints; what the
// commands do lives in the packages they call.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

// version is set by the linker.
var version = "dev"

// command is one subcommand. run gets the arguments after its name.
type command struct {
	name, args, help string
	run              func(ctx context.Context, e env, args []string) error
}

// env is where a command reads and prints.
type env struct {
	out, err io.Writer
}

func commands() []command {
	return []command{
		{"serve", "[-c FILE]", "run the recorder, the detector, the API and the UI", serve},
		{"check", "[-c FILE]", "check a configuration file and explain each mistake", check},
		{"fsck", "[-c FILE] [-level list|size|content] [-repair]", "check recordings, journals and index against each other", fsckCommand},
		{"verify", "[-key PEM] PACKAGE.zip", "check an evidence package", verifyCommand},
		{"models", "list|pull|verify|ensure [NAME] [-c FILE]", "manage detector models", modelsCommand},
		{"detect", "FILE... [-o DIR] [-model NAME] [-min-score S] [-json]", "draw boxes on pictures and videos", detectCommand},
		{"eval", "LABELS [-clips DIR] [-o DIR] [-model NAME] [-json]", "say how well events agree with labelled clips", evalCommand},
		{"bench", "detect [-model NAMES] [-stream SIZE@FPS] [-busy SHARE] [-json]", "say what this machine can carry", benchCommand},
		{"plugin", "new|dev|test|pack|sign|install|approve|list|… ", "write, install and look after plugins; nightjar plugin help says more", pluginCommand},
		{"user", "reset NAME [-c FILE]", "give an account a new random password", userCommand},
		{"demo", "[-listen ADDR] [-main FILE] [-sub FILE]", "serve a demo camera by RTSP", demoCommand},
		{"version", "", "print the version", func(_ context.Context, e env, _ []string) error {
			fmt.Fprintln(e.out, version)
			return nil
		}},
	}
}

func main() {
	// Not a command for people: a process of the plugin host on its way to become a plugin.
	if len(os.Args) == 2 && os.Args[1] == launch.Command {
		fmt.Fprintln(os.Stderr, "nightjar:", launch.Become())
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, env{out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit code: 0, 1 for a failure, 2 for wrong usage.
func run(ctx context.Context, e env, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(e.out)
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, e, args[1:])
		switch {
		case err == nil || errors.Is(err, context.Canceled):
			return 0
		case errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			fmt.Fprintf(e.err, "%v\nusage: nightjar %s %s\n", err, c.name, c.args)
			return 2
		}
		fmt.Fprintln(e.err, "nightjar:", err)
		return 1
	}
	fmt.Fprintf(e.err, "nightjar: there is no command %q\n\n", args[0])
	usage(e.err)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "Nightjar %s, a network video recorder.\n\n", version)
	for _, c := range commands() {
		fmt.Fprintf(w, "  nightjar %-58s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
}

var errUsage = errors.New("wrong usage")

// flags returns a flag set whose errors become errUsage, and the -c flag that most commands share.
func flags(e env, name string) (*flag.FlagSet, *string) {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(e.err)
	return fs, fs.String("c", "config.yaml", "configuration `FILE`")
}

// parse reads flags wherever they stand and returns the other arguments.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}
