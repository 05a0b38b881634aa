#ifndef NIGHTJAR_TRANSCODE_SHIM_H
#define NIGHTJAR_TRANSCODE_SHIM_H

#include <stdint.h>

typedef struct nj_aac nj_aac;

// Opens an AAC-LC encoder for mono or stereo. NULL: libavcodec has none, or not for this rate.
nj_aac *nj_aac_open(int rate, int channels, int bitrate);
void nj_aac_close(nj_aac *e);

// The AudioSpecificConfig.
const uint8_t *nj_aac_config(nj_aac *e, int *size);

// Encodes 1024 samples per channel, 16 bits, interleaved. Writes at most one frame into out and returns its size, 0 while
// the encoder fills up, or a negative AVERROR. pts is where the frame begins, counted in samples given to the encoder.
int nj_aac_encode(nj_aac *e, const int16_t *pcm, uint8_t *out, int cap, int64_t *pts);

#endif
