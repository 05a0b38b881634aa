#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>

struct nj_aac {
	AVCodecContext *ctx;
	AVFrame *frame;
	AVPacket *pkt;
	int64_t pts;
};

nj_aac *nj_aac_open(int rate, int channels, int bitrate) {
	av_log_set_level(AV_LOG_QUIET); // it writes statistics to stderr
	const AVCodec *c = avcodec_find_encoder(AV_CODEC_ID_AAC);
	nj_aac *e = calloc(1, sizeof(*e));
	if (!c || !e) {
		free(e);
		return NULL;
	}
	e->ctx = avcodec_alloc_context3(c);
	e->frame = av_frame_alloc();
	e->pkt = av_packet_alloc();
	if (!e->ctx || !e->frame || !e->pkt)
		goto fail;
	e->ctx->sample_rate = rate;
	e->ctx->sample_fmt = AV_SAMPLE_FMT_FLTP;
	e->ctx->bit_rate = bitrate;
	e->ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	av_channel_layout_default(&e->ctx->ch_layout, channels);
	if (avcodec_open2(e->ctx, c, NULL) < 0 || e->ctx->frame_size != 1024)
		goto fail;
	e->frame->nb_samples = 1024;
	e->frame->format = AV_SAMPLE_FMT_FLTP;
	e->frame->sample_rate = rate;
	if (av_channel_layout_copy(&e->frame->ch_layout, &e->ctx->ch_layout) < 0 || av_frame_get_buffer(e->frame, 0) < 0)
		goto fail;
	return e;
fail:
	nj_aac_close(e);
	return NULL;
}

void nj_aac_close(nj_aac *e) {
	if (!e)
		return;
	avcodec_free_context(&e->ctx);
	av_frame_free(&e->frame);
	av_packet_free(&e->pkt);
	free(e);
}

const uint8_t *nj_aac_config(nj_aac *e, int *size) {
	*size = e->ctx->extradata_size;
	return e->ctx->extradata;
}

int nj_aac_encode(nj_aac *e, const int16_t *pcm, uint8_t *out, int cap, int64_t *pts) {
	int channels = e->ctx->ch_layout.nb_channels;
	int err = av_frame_make_writable(e->frame);
	if (err < 0)
		return err;
	for (int c = 0; c < channels; c++) {
		float *plane = (float *)e->frame->extended_data[c];
		for (int i = 0; i < 1024; i++)
			plane[i] = pcm[i * channels + c] / 32768.0f;
	}
	e->frame->pts = e->pts;
	e->pts += 1024;
	err = avcodec_send_frame(e->ctx, e->frame);
	if (err < 0)
		return err;
	err = avcodec_receive_packet(e->ctx, e->pkt);
	if (err == AVERROR(EAGAIN))
		return 0;
	if (err < 0)
		return err;
	int n = e->pkt->size <= cap ? e->pkt->size : AVERROR(ENOSPC);
	*pts = e->pkt->pts;
	if (n > 0)
		memcpy(out, e->pkt->data, n);
	av_packet_unref(e->pkt);
	return n;
}
