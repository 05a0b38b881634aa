#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>

struct nje_encoder {
	AVCodecContext *ctx;
	AVPacket *pkt;
	AVFrame *frame;
};

static int set(void *priv, const char *name, const char *value) {
	return *value ? av_opt_set(priv, name, value, 0) : 0;
}

static int configure(nje_encoder *e, const nje_config *cfg) {
	AVCodecContext *c = e->ctx;
	c->width = cfg->width;
	c->height = cfg->height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){1, cfg->clock_rate};
	c->framerate = (AVRational){cfg->fps, 1};
	c->gop_size = cfg->gop;
	c->max_b_frames = cfg->bframes;
	c->thread_count = cfg->threads;
	c->color_range = AVCOL_RANGE_MPEG;
	c->color_primaries = cfg->primaries;
	c->color_trc = cfg->transfer;
	c->colorspace = cfg->matrix;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER; // parameter sets beside the pictures, not in them
	char sps[32];
	snprintf(sps, sizeof(sps), "sps-id=%d", cfg->sps_id);
	void *p = c->priv_data;
	int err = set(p, "preset", cfg->preset);
	if (err >= 0)
		err = set(p, "tune", cfg->low_delay ? "zerolatency" : "");
	if (err >= 0)
		err = set(p, "profile", cfg->profile);
	if (err >= 0)
		err = set(p, "level", cfg->level);
	if (err >= 0)
		err = set(p, "x264-params", sps);
	if (err >= 0)
		err = av_opt_set_double(p, "crf", cfg->crf, 0);
	if (err >= 0)
		err = av_opt_set_int(p, "forced-idr", 1, 0);
	return err;
}

static int open_all(nje_encoder *e, const AVCodec *codec, const nje_config *cfg) {
	e->ctx = avcodec_alloc_context3(codec);
	e->pkt = av_packet_alloc();
	e->frame = av_frame_alloc();
	if (!e->ctx || !e->pkt || !e->frame)
		return AVERROR(ENOMEM);
	int err = configure(e, cfg);
	if (err >= 0)
		err = avcodec_open2(e->ctx, codec, NULL);
	if (err < 0)
		return err;
	e->frame->format = AV_PIX_FMT_YUV420P;
	e->frame->width = cfg->width;
	e->frame->height = cfg->height;
	return av_frame_get_buffer(e->frame, 0);
}

nje_encoder *nje_open(const nje_config *cfg, int *err) {
	av_log_set_level(AV_LOG_QUIET); // libx264 would write its statistics to stderr
	const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
	if (!codec) {
		*err = NJE_NO_ENCODER;
		return NULL;
	}
	nje_encoder *e = calloc(1, sizeof(*e));
	*err = e ? open_all(e, codec, cfg) : AVERROR(ENOMEM);
	if (*err < 0) {
		nje_close(e);
		return NULL;
	}
	return e;
}

void nje_close(nje_encoder *e) {
	if (!e)
		return;
	avcodec_free_context(&e->ctx);
	av_packet_free(&e->pkt);
	av_frame_free(&e->frame);
	free(e);
}

const uint8_t *nje_header(nje_encoder *e, int *size) {
	*size = e->ctx->extradata_size;
	return e->ctx->extradata;
}

int nje_send(nje_encoder *e, const uint8_t *i420, int64_t pts, int key) {
	if (!i420)
		return avcodec_send_frame(e->ctx, NULL);
	AVFrame *f = e->frame;
	int err = av_frame_make_writable(f); // the encoder may still hold the picture before
	if (err < 0)
		return err;
	int w = f->width, h = f->height;
	const uint8_t *planes[4] = {i420, i420 + w * h, i420 + w * h + w * h / 4, NULL};
	int strides[4] = {w, w / 2, w / 2, 0};
	av_image_copy(f->data, f->linesize, planes, strides, AV_PIX_FMT_YUV420P, w, h);
	f->pts = pts;
	f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	return avcodec_send_frame(e->ctx, f);
}

int nje_receive(nje_encoder *e, nje_packet *out) {
	av_packet_unref(e->pkt);
	int err = avcodec_receive_packet(e->ctx, e->pkt);
	if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
		return 0;
	if (err < 0)
		return err;
	out->data = e->pkt->data;
	out->size = e->pkt->size;
	out->pts = e->pkt->pts;
	out->dts = e->pkt->dts;
	out->key = (e->pkt->flags & AV_PKT_FLAG_KEY) != 0;
	return 1;
}

void nje_text(int err, char *dst, int cap) {
	if (av_strerror(err, dst, cap) < 0)
		snprintf(dst, cap, "error %d", err);
}
