// Package demo is a camera without a camera: it serves a main and a sub stream over RTSP, in real time and without an
// end, from a pair of MP4 files or from a street scene it draws, so that a newcomer sees something happen. To the rest
// of Nightjar it is a camera like any other, with an address.
package demo
