#ifndef NIGHTJAR_ENCODE_SHIM_H
#define NIGHTJAR_ENCODE_SHIM_H

#include <stdint.h>

typedef struct {
	int width, height;
	int clock_rate; // ticks of a PTS per second
	int fps;        // nominal, for rate control and the level
	int gop, crf, bframes, threads, low_delay, sps_id;
	int primaries, transfer, matrix; // code points of H.273
	const char *preset, *profile, *level; // "" leaves the choice to libx264
} nje_config;

// One coded picture. data is valid until the next call.
typedef struct {
	const uint8_t *data;
	int size;
	int64_t pts, dts;
	int key;
} nje_packet;

typedef struct nje_encoder nje_encoder;

enum { NJE_NO_ENCODER = -0x7fff0001 };

// Opens libx264. On failure returns NULL and sets *err to a negative AVERROR or NJE_NO_ENCODER.
nje_encoder *nje_open(const nje_config *cfg, int *err);
void nje_close(nje_encoder *e);

// The parameter sets in Annex B form.
const uint8_t *nje_header(nje_encoder *e, int *size);

// Sends one tight I420 picture; i420 is copied. NULL ends the stream. Returns 0 or a negative AVERROR.
int nje_send(nje_encoder *e, const uint8_t *i420, int64_t pts, int key);

// Returns 1 with a packet, 0 when there is none now, or a negative AVERROR.
int nje_receive(nje_encoder *e, nje_packet *out);

// Writes what err means.
void nje_text(int err, char *dst, int cap);

#endif
