#ifndef NIGHTJAR_SOUND_SHIM_H
#define NIGHTJAR_SOUND_SHIM_H

#include <stdint.h>

typedef struct nj_audio nj_audio;

enum { NJ_PCMA = 0, NJ_PCMU = 1, NJ_AAC = 2, NJ_OPUS = 3 };

// Opens a decoder. config is the codec's configuration and may be NULL. Returns NULL where libavcodec cannot.
nj_audio *nj_audio_open(int codec, int rate, int channels, const uint8_t *config, int size);
void nj_audio_close(nj_audio *a);

// Decodes one frame and writes the mean of its channels into dst, at most cap samples of -1..1. Returns how many samples
// there are, 0 for none yet, or a negative AVERROR; *rate is their sample rate.
int nj_audio_decode(nj_audio *a, const uint8_t *data, int size, float *dst, int cap, int *rate);

#endif
