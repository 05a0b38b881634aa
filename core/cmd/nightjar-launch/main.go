// Command nightjar-launch becomes a plugin that may do little. Nightjar's plugin host starts it; it is of no use to
// people. It is a program of its own because nightjar, with its libraries for pictures, takes a fifth of a second of CPU
// to start.
package main

import (
	"fmt"
	"os"

	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
)

func main() {
	fmt.Fprintln(os.Stderr, "nightjar-launch:", launch.Become())
	os.Exit(1)
}
