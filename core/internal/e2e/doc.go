// Package e2e tests the built binary as its users meet it: a real RTSP camera serving real footage, a real broker, a
// real plugin process, a real browser. Run it with `make e2e`.
package e2e
