// Package rtsp speaks RTSP on both sides. Source is one attempt at one session with a camera: it depacketises, puts
// every picture and audio frame on one timeline and publishes access units to a hub. Server hands the hubs' units out
// again, packetised anew. Both owe the hub's law: neither ever makes the camera wait.
//
// Source trusts nothing that comes from the camera: sizes are bounded, timestamps are healed, parameter sets are
// checked, and no byte can panic. It does not retry; an attempt that failed is thrown away (see core/camera).
package rtsp
