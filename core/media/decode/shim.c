#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>

_Static_assert(NJ_PADDING >= AV_INPUT_BUFFER_PADDING_SIZE, "padding");

struct nj_decoder {
	AVCodecContext *ctx;
	AVPacket *pkt;
	AVFrame *frame;  // as received
	AVFrame *wanted; // the last wanted one of this call
	struct SwsContext *sws;
	int max_side;
	int still; // keep the latest picture until not_before, deliver it at the end
};

nj_decoder *nj_open(int codec, int skip_loop_filter, int max_side, int still) {
	av_log_set_level(AV_LOG_QUIET); // a bad stream would write a line per packet to stderr
	const enum AVCodecID ids[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_AV1};
	// The built-in AV1 decoder only drives hardware.
	const AVCodec *c = codec == NJ_AV1 ? avcodec_find_decoder_by_name("libdav1d") : avcodec_find_decoder(ids[codec]);
	nj_decoder *d = calloc(1, sizeof(*d));
	if (!c || !d) {
		free(d);
		return NULL;
	}
	d->max_side = max_side;
	d->ctx = avcodec_alloc_context3(c);
	d->pkt = av_packet_alloc();
	d->frame = av_frame_alloc();
	d->wanted = av_frame_alloc();
	if (!d->ctx || !d->pkt || !d->frame || !d->wanted) {
		nj_close(d);
		return NULL;
	}
	d->ctx->thread_count = 1; // cameras are the parallelism; a second thread adds a picture of delay
	d->still = still;
	if (still)
		d->ctx->strict_std_compliance = FF_COMPLIANCE_STRICT; // waits for order where a stream does not say how much
	else
		d->ctx->flags |= AV_CODEC_FLAG_LOW_DELAY;
	d->ctx->max_pixels = 36000000; // 8K; a forged parameter set must not claim the memory of the machine
	if (skip_loop_filter)
		d->ctx->skip_loop_filter = AVDISCARD_ALL;
	if (avcodec_open2(d->ctx, c, NULL) < 0) {
		nj_close(d);
		return NULL;
	}
	return d;
}

void nj_close(nj_decoder *d) {
	if (!d)
		return;
	avcodec_free_context(&d->ctx);
	av_packet_free(&d->pkt);
	av_frame_free(&d->frame);
	av_frame_free(&d->wanted);
	sws_freeContext(d->sws);
	free(d);
}

// full_range returns the format that makes swscale convert full range to video range.
static enum AVPixelFormat full_range(const AVFrame *f) {
	if (f->color_range == AVCOL_RANGE_JPEG) {
		switch (f->format) {
		case AV_PIX_FMT_YUV420P: return AV_PIX_FMT_YUVJ420P;
		case AV_PIX_FMT_YUV422P: return AV_PIX_FMT_YUVJ422P;
		case AV_PIX_FMT_YUV444P: return AV_PIX_FMT_YUVJ444P;
		}
	}
	return f->format;
}

static int deliver(nj_decoder *d, uint8_t *dst, int cap, nj_result *out) {
	AVFrame *f = d->wanted;
	int w = f->width, h = f->height, side = w > h ? w : h;
	if (side > d->max_side) {
		w = (int)((int64_t)w * d->max_side / side);
		h = (int)((int64_t)h * d->max_side / side);
	}
	w &= ~1;
	h &= ~1;
	if (w < 16 || h < 16) {
		av_frame_unref(f);
		return AVERROR_INVALIDDATA;
	}
	out->width = w;
	out->height = h;
	out->pts = f->pts;
	out->need = w * h * 3 / 2;
	if (cap < out->need)
		return 0;
	uint8_t *planes[4] = {dst, dst + w * h, dst + w * h + w * h / 4, NULL};
	int strides[4] = {w, w / 2, w / 2, 0};
	enum AVPixelFormat format = full_range(f);
	if (format == AV_PIX_FMT_YUV420P && w == f->width && h == f->height) {
		av_image_copy(planes, strides, (const uint8_t **)f->data, f->linesize, format, w, h);
	} else {
		d->sws = sws_getCachedContext(d->sws, f->width, f->height, format, w, h, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL,
			NULL, NULL);
		if (!d->sws || sws_scale(d->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides) <= 0) {
			av_frame_unref(f);
			return AVERROR(EINVAL);
		}
	}
	out->got = 1;
	out->need = 0;
	av_frame_unref(f);
	return 0;
}

int nj_decode(nj_decoder *d, const uint8_t *data, int size, int64_t pts, int64_t not_before, uint8_t *dst, int cap,
	nj_result *out) {
	memset(out, 0, sizeof(*out));
	if (!d->still)
		av_frame_unref(d->wanted);
	// The packet borrows data only for this call: without a reference count libavcodec copies what it keeps.
	d->pkt->data = (uint8_t *)data;
	d->pkt->size = size;
	d->pkt->pts = pts;
	d->pkt->dts = AV_NOPTS_VALUE;
	int err = avcodec_send_packet(d->ctx, d->pkt);
	d->pkt->data = NULL;
	d->pkt->size = 0;
	// Pictures are taken out even after an error, or the decoder would refuse the next packet.
	while (avcodec_receive_frame(d->ctx, d->frame) == 0) {
		out->decoded++;
		if (d->frame->decode_error_flags || (d->frame->flags & AV_FRAME_FLAG_CORRUPT))
			out->broken++;
		else if (d->frame->pts != AV_NOPTS_VALUE && (d->still ? d->frame->pts <= not_before : d->frame->pts >= not_before)) {
			av_frame_unref(d->wanted);
			av_frame_move_ref(d->wanted, d->frame);
		}
		av_frame_unref(d->frame);
	}
	if (d->wanted->data[0] && (!d->still || !data)) {
		int e = deliver(d, dst, cap, out);
		if (e < 0)
			err = e;
	}
	return err;
}

int nj_fetch(nj_decoder *d, uint8_t *dst, int cap, nj_result *out) {
	return d->wanted->data[0] ? deliver(d, dst, cap, out) : AVERROR(EINVAL);
}

uint8_t *nj_alloc(int size) {
	void *p = NULL;
	return posix_memalign(&p, 64, size) ? NULL : p;
}

void nj_free(uint8_t *p) { free(p); }

int nj_send(nj_decoder *d, const uint8_t *data, int size, int64_t pts) {
	d->pkt->data = (uint8_t *)data;
	d->pkt->size = size;
	d->pkt->pts = pts;
	d->pkt->dts = AV_NOPTS_VALUE;
	int err = avcodec_send_packet(d->ctx, data ? d->pkt : NULL);
	d->pkt->data = NULL;
	d->pkt->size = 0;
	return err;
}

int nj_receive(nj_decoder *d, int64_t from, int64_t to, uint8_t *dst, int cap, nj_result *out) {
	memset(out, 0, sizeof(*out));
	while (avcodec_receive_frame(d->ctx, d->wanted) == 0) {
		if (d->wanted->pts != AV_NOPTS_VALUE && d->wanted->pts >= from && d->wanted->pts < to)
			return deliver(d, dst, cap, out);
		av_frame_unref(d->wanted);
	}
	return 0;
}
