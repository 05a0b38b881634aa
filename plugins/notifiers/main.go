// Command notifiers is Nightjar's own notifiers in one program: telegram, email, push, webhook and mqtt, each started
// as a process of its own and with no power that a stranger's plugin lacks. One program, because five processes of it
// share their code in memory. It chooses by its first argument, or by the name it is called under.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/email"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/manifest"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/mqtt"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/push"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/telegram"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/webhook"
)

// exitUsage is what a program ends with that was called wrongly.
const exitUsage = 2

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	notifiers := map[string]func(){
		"telegram": telegram.Serve, "email": email.Serve, "push": push.Serve, "webhook": webhook.Serve, "mqtt": mqtt.Serve,
	}
	if len(args) == 3 && args[1] == "manifest" {
		raw, err := manifest.Read(args[2])
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		fmt.Fprint(stdout, string(raw))
		return 0
	}
	if len(args) == 2 && args[1] == "vapid" {
		private, public, err := push.GenerateVAPID()
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		fmt.Fprintf(stdout, "vapid_private_key: %s\nvapid_public_key: %s\n", private, public)
		return 0
	}
	serve, ok := notifiers[chosen(args)]
	if !ok {
		fmt.Fprintf(stderr, "usage: notifiers %s, or: notifiers manifest NAME, or: notifiers vapid\n", strings.Join(slices.Sorted(maps.Keys(notifiers)), "|"))
		return exitUsage
	}
	serve()
	return 0
}

// chosen is the notifier that the arguments name.
func chosen(args []string) string {
	switch len(args) {
	case 0:
		return ""
	case 1:
		return filepath.Base(args[0])
	}
	return args[1]
}
