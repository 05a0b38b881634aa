// Command webhook is Nightjar's first notifier plugin: it posts each alert as JSON to a URL, signed, and leaves it to
// the host to try again. See README.md for the message and how to check its signature.
package main

import "github.com/nightjar-nvr/nightjar/plugins/sdk"

const version = "1.0.0"

func main() {
	sdk.Serve(sdk.Info{Name: "Webhook", Version: version, MaxSnapshotBytes: 1 << 20}, newWebhook())
}
