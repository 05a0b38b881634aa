#ifndef NIGHTJAR_DECODE_SHIM_H
#define NIGHTJAR_DECODE_SHIM_H

#include <stdint.h>

// What came out of one call. need > 0 says that the buffer was too small: the picture waits for nj_fetch.
typedef struct {
	int64_t pts;
	int width, height; // of the scaled picture, both even
	int got;           // a wanted picture was written
	int need;          // bytes the buffer must have
	int decoded;       // pictures that came out of the decoder, wanted or not
	int broken;        // of these, pictures with decoding errors, never delivered
	int unread;        // a wanted picture came out, and could not be copied or scaled
} nj_result;

typedef struct nj_decoder nj_decoder;

enum { NJ_H264 = 0, NJ_H265 = 1, NJ_AV1 = 2, NJ_PADDING = 64 };
enum { NJ_CPU = 0, NJ_VAAPI = 1, NJ_CUDA = 2, NJ_QSV = 3 };

// Whether libavcodec was built with a decoder of the codec on that hardware (or, for NJ_CPU, without any).
int nj_built(int kind, int codec);

// Opens the first device of a kind that works, or returns a negative AVERROR, which nj_error puts into words.
int nj_device_open(int kind, void **device);
void nj_device_close(void *device);
void nj_error(int code, char *text, int size);

// With still, nj_decode delivers nothing until the end of the stream (data NULL), and then the last picture with a PTS
// of at most not_before; pictures come in the order they are shown, none is left out.
// device is one of nj_device_open and stays the caller's; it must be NULL for NJ_CPU. A stream that the hardware cannot
// decode is decoded in software; nj_in_hardware tells.
nj_decoder *nj_open(int codec, int skip_loop_filter, int max_side, int still, int kind, void *device);
int nj_in_hardware(const nj_decoder *d);
void nj_close(nj_decoder *d);

// Decodes one access unit, or passes it over where its picture is neither wanted nor needed by others (Annex B, or OBUs with sizes, NJ_PADDING zero bytes behind size) and writes the last picture with a PTS of at
// least not_before into dst as tight I420. Returns 0 or a negative AVERROR; out is valid in both cases.
int nj_decode(nj_decoder *d, const uint8_t *data, int size, int64_t pts, int64_t not_before, uint8_t *dst, int cap,
	nj_result *out);

// Writes the picture that did not fit.
int nj_fetch(nj_decoder *d, uint8_t *dst, int cap, nj_result *out);

// Sends one access unit like nj_decode, or the end of the stream where data is NULL. All pictures must have been taken
// out with nj_receive before, which writes the next one with a PTS in [from, to); got and need stay 0 when there is none.
int nj_send(nj_decoder *d, const uint8_t *data, int size, int64_t pts);
int nj_receive(nj_decoder *d, int64_t from, int64_t to, uint8_t *dst, int cap, nj_result *out);

uint8_t *nj_alloc(int size);
void nj_free(uint8_t *p);

#endif
