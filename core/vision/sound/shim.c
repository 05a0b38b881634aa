#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/samplefmt.h>

struct nj_audio {
	AVCodecContext *ctx;
	AVFrame *frame;
	AVPacket *pkt;
};

static enum AVCodecID codec_id(int codec) {
	switch (codec) {
	case NJ_PCMA:
		return AV_CODEC_ID_PCM_ALAW;
	case NJ_PCMU:
		return AV_CODEC_ID_PCM_MULAW;
	case NJ_AAC:
		return AV_CODEC_ID_AAC;
	default:
		return AV_CODEC_ID_OPUS;
	}
}

nj_audio *nj_audio_open(int codec, int rate, int channels, const uint8_t *config, int size) {
	av_log_set_level(AV_LOG_QUIET);
	const AVCodec *c = avcodec_find_decoder(codec_id(codec));
	nj_audio *a = calloc(1, sizeof(*a));
	if (!c || !a) {
		free(a);
		return NULL;
	}
	a->ctx = avcodec_alloc_context3(c);
	a->frame = av_frame_alloc();
	a->pkt = av_packet_alloc();
	if (!a->ctx || !a->frame || !a->pkt)
		goto fail;
	a->ctx->sample_rate = rate;
	a->ctx->thread_count = 1;
	av_channel_layout_default(&a->ctx->ch_layout, channels > 0 ? channels : 1);
	if (size > 0) {
		a->ctx->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
		if (!a->ctx->extradata)
			goto fail;
		memcpy(a->ctx->extradata, config, size);
		a->ctx->extradata_size = size;
	}
	if (avcodec_open2(a->ctx, c, NULL) < 0)
		goto fail;
	return a;
fail:
	nj_audio_close(a);
	return NULL;
}

void nj_audio_close(nj_audio *a) {
	if (!a)
		return;
	avcodec_free_context(&a->ctx);
	av_frame_free(&a->frame);
	av_packet_free(&a->pkt);
	free(a);
}

static float sample(const AVFrame *f, int channels, int ch, int i) {
	switch (f->format) {
	case AV_SAMPLE_FMT_FLTP:
		return ((const float *)f->extended_data[ch])[i];
	case AV_SAMPLE_FMT_FLT:
		return ((const float *)f->extended_data[0])[i * channels + ch];
	case AV_SAMPLE_FMT_S16P:
		return ((const int16_t *)f->extended_data[ch])[i] / 32768.0f;
	default: // AV_SAMPLE_FMT_S16, see mix
		return ((const int16_t *)f->extended_data[0])[i * channels + ch] / 32768.0f;
	}
}

static int mix(const AVFrame *f, float *dst, int cap) {
	int channels = f->ch_layout.nb_channels;
	if (channels < 1 || f->format != AV_SAMPLE_FMT_FLTP && f->format != AV_SAMPLE_FMT_FLT &&
			f->format != AV_SAMPLE_FMT_S16P && f->format != AV_SAMPLE_FMT_S16)
		return AVERROR(ENOSYS);
	int n = f->nb_samples < cap ? f->nb_samples : cap;
	for (int i = 0; i < n; i++) {
		float sum = 0;
		for (int ch = 0; ch < channels; ch++)
			sum += sample(f, channels, ch, i);
		dst[i] = sum / channels;
	}
	return n;
}

int nj_audio_decode(nj_audio *a, const uint8_t *data, int size, float *dst, int cap, int *rate) {
	int err = av_new_packet(a->pkt, size); // padded, as decoders ask for
	if (err < 0)
		return err;
	memcpy(a->pkt->data, data, size);
	err = avcodec_send_packet(a->ctx, a->pkt);
	av_packet_unref(a->pkt);
	if (err < 0)
		return err;
	int total = 0;
	for (;;) {
		err = avcodec_receive_frame(a->ctx, a->frame);
		if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
			return total;
		if (err < 0)
			return err;
		*rate = a->frame->sample_rate;
		int n = mix(a->frame, dst + total, cap - total);
		av_frame_unref(a->frame);
		if (n < 0)
			return n;
		total += n;
	}
}
