#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
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
	enum AVPixelFormat hw_format; // of pictures in the hardware's memory, or NONE
	int in_hw;                    // the stream is decoded there
};

static const enum AVHWDeviceType types[] = {
	AV_HWDEVICE_TYPE_NONE, AV_HWDEVICE_TYPE_VAAPI, AV_HWDEVICE_TYPE_CUDA, AV_HWDEVICE_TYPE_QSV};
static const enum AVPixelFormat formats[] = {AV_PIX_FMT_NONE, AV_PIX_FMT_VAAPI, AV_PIX_FMT_CUDA, AV_PIX_FMT_QSV};

// nj_find returns the decoder for a codec on a kind of hardware, or NULL. Quick Sync has decoders of its own; the others
// hang on to the built-in ones, of which AV1's only drives hardware.
static const AVCodec *nj_find(int kind, int codec) {
	static const enum AVCodecID ids[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_AV1};
	static const char *const qsv[] = {"h264_qsv", "hevc_qsv", "av1_qsv"};
	if (kind == NJ_QSV)
		return avcodec_find_decoder_by_name(qsv[codec]);
	const AVCodec *c = codec != NJ_AV1 ? avcodec_find_decoder(ids[codec])
		: avcodec_find_decoder_by_name(kind == NJ_CPU ? "libdav1d" : "av1");
	if (kind == NJ_CPU || !c)
		return c;
	const AVCodecHWConfig *h;
	for (int i = 0; (h = avcodec_get_hw_config(c, i)); i++)
		if (h->device_type == types[kind] && (h->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX))
			return c;
	return NULL;
}

int nj_built(int kind, int codec) { return nj_find(kind, codec) != NULL; }

int nj_device_open(int kind, void **device) {
	av_log_set_level(AV_LOG_QUIET);
	AVBufferRef *ref = NULL;
	int err = av_hwdevice_ctx_create(&ref, types[kind], NULL, NULL, 0);
	*device = ref;
	return err;
}

void nj_device_close(void *device) {
	AVBufferRef *ref = device;
	av_buffer_unref(&ref);
}

void nj_error(int code, char *text, int size) { av_strerror(code, text, size); }

// choose is asked which of the offered kinds of picture to decode into: first with the hardware's, and again without when
// it cannot decode this stream.
static enum AVPixelFormat choose(AVCodecContext *ctx, const enum AVPixelFormat *offered) {
	nj_decoder *d = ctx->opaque;
	d->in_hw = 0;
	for (const enum AVPixelFormat *p = offered; *p != AV_PIX_FMT_NONE; p++)
		if (*p == d->hw_format) {
			d->in_hw = 1;
			return *p;
		}
	for (const enum AVPixelFormat *p = offered; *p != AV_PIX_FMT_NONE; p++)
		if (!(av_pix_fmt_desc_get(*p)->flags & AV_PIX_FMT_FLAG_HWACCEL))
			return *p;
	return AV_PIX_FMT_NONE;
}

nj_decoder *nj_open(int codec, int skip_loop_filter, int max_side, int still, int kind, void *device) {
	av_log_set_level(AV_LOG_QUIET); // a bad stream would write a line per packet to stderr
	const AVCodec *c = nj_find(kind, codec);
	nj_decoder *d = calloc(1, sizeof(*d));
	if (!c || !d) {
		free(d);
		return NULL;
	}
	d->hw_format = AV_PIX_FMT_NONE;
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
	if (kind != NJ_CPU) {
		d->hw_format = formats[kind];
		d->ctx->opaque = d;
		d->ctx->get_format = choose;
		d->ctx->extra_hw_frames = 2; // one is held while the next is decoded
		d->ctx->hw_device_ctx = av_buffer_ref(device);
		if (!d->ctx->hw_device_ctx) {
			nj_close(d);
			return NULL;
		}
	}
	if (avcodec_open2(d->ctx, c, NULL) < 0) {
		nj_close(d);
		return NULL;
	}
	return d;
}

int nj_in_hardware(const nj_decoder *d) { return d->in_hw; }

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

// fetch_hw copies a picture out of the hardware's memory, in the layout the hardware likes (NV12, P010). Only pictures that
// somebody wants are copied.
static int fetch_hw(AVFrame *f) {
	if (!f->hw_frames_ctx)
		return 0;
	AVFrame *sw = av_frame_alloc();
	if (!sw)
		return AVERROR(ENOMEM);
	int err = av_hwframe_transfer_data(sw, f, 0);
	if (err >= 0)
		err = av_frame_copy_props(sw, f);
	av_frame_unref(f);
	if (err >= 0)
		av_frame_move_ref(f, sw);
	av_frame_free(&sw);
	return err;
}

static int deliver(nj_decoder *d, uint8_t *dst, int cap, nj_result *out) {
	AVFrame *f = d->wanted;
	int err = fetch_hw(f);
	if (err < 0)
		return err;
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
	// Without an order to keep, a picture before not_before is only decoded when others refer to it.
	d->ctx->skip_frame = !d->still && pts < not_before ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
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
		out->unread = e < 0;
	}
	return err;
}

int nj_fetch(nj_decoder *d, uint8_t *dst, int cap, nj_result *out) {
	int err = d->wanted->data[0] ? deliver(d, dst, cap, out) : AVERROR(EINVAL);
	out->unread = err < 0;
	return err;
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
