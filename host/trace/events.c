// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.bin, written and read. Records are moved whole: whatever happens to
 * the disk, the file ends behind a record or its reader says how much is cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/events.h"

#define EVENTS_VERSION 1
#define EVENTS_BUF     (256 * 1024)

/* Lengths of the first layouts; later ones only grow. */
size_t events_rec_size(unsigned int type)
{
	static const unsigned short size[] = {
		[SS_REC_STALL_BEGIN] = sizeof(struct ss_rec_stall_begin),
		[SS_REC_STALL_END] = sizeof(struct ss_rec_stall_end),
		[SS_REC_DRAIN] = sizeof(struct ss_rec_drain),
		[SS_REC_REQ] = sizeof(struct ss_rec_req),
		[SS_REC_IRQ] = sizeof(struct ss_rec_irq),
		[SS_REC_DEV_EVENT] = sizeof(struct ss_rec_dev_event),
		[SS_REC_HOST_RUNQ] = sizeof(struct ss_rec_host_runq),
		[SS_REC_HOST_CLOCK] = sizeof(struct ss_rec_host_clock),
		[SS_REC_VCPU_TSC] = sizeof(struct ss_rec_vcpu_tsc),
		[SS_REC_LIMITS] = sizeof(struct ss_rec_limits),
		[SS_REC_G_IO] = offsetof(struct ss_rec_g_io, queue),
		[SS_REC_G_RUN] = sizeof(struct ss_rec_g_run),
		[SS_REC_G_SCX] = sizeof(struct ss_rec_g_scx),
		[SS_REC_G_CLOCK] = sizeof(struct ss_rec_g_clock),
		[SS_REC_G_HIST] = sizeof(struct ss_rec_g_hist),
		[SS_REC_G_DISK] = sizeof(struct ss_rec_g_disk),
	};

	return type < sizeof(size) / sizeof(size[0]) ? size[type] : 0;
}

/* Can a record of this length be stepped over? */
static bool rec_len_possible(size_t len)
{
	return len >= sizeof(struct ss_rec) && len <= EVENTS_REC_MAX && len % 8 == 0;
}

/* ---- writer ---- */

struct events_writer {
	pthread_mutex_t lock;
	int fd;
	size_t used;		    /* bytes in buf */
	off_t stored;		    /* file offset behind the last whole record */
	struct events_written stat; /* records and bytes include the buffer's */
	unsigned char buf[EVENTS_BUF] __attribute__((aligned(8)));
};

static int write_all(int fd, const void *data, size_t len, size_t *done)
{
	const unsigned char *p = data;

	*done = 0;
	while (*done < len) {
		ssize_t n = write(fd, p + *done, len - *done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		*done += (size_t)n;
	}
	return 0;
}

static size_t rec_len_at(const unsigned char *p)
{
	struct ss_rec h;

	memcpy(&h, p, sizeof(h));
	return h.len;
}

/* After a failed write: keep what is whole, give up on the rest. */
static void writer_fail(struct events_writer *w, int err, size_t done)
{
	size_t kept = 0;

	w->stat.error = err;
	for (size_t at = 0; at < w->used;) {
		size_t len = rec_len_at(w->buf + at);

		at += len;
		if (at <= done) {
			kept = at;
			continue;
		}
		w->stat.records--;
		w->stat.bytes -= len;
		w->stat.unwritten++;
	}
	w->stored += (off_t)kept;
	w->used = 0;
	/* Not every file can be cut (a device); a reader copes with the tail. */
	if (ftruncate(w->fd, w->stored) == 0)
		lseek(w->fd, w->stored, SEEK_SET);
}

static int writer_flush(struct events_writer *w)
{
	size_t done;
	int err;

	if (w->stat.error || !w->used)
		return w->stat.error;
	err = write_all(w->fd, w->buf, w->used, &done);
	if (err) {
		writer_fail(w, err, done);
		return err;
	}
	w->stored += (off_t)w->used;
	w->used = 0;
	return 0;
}

/* One whole record, already checked. */
static void writer_put(struct events_writer *w, const void *rec, size_t len)
{
	if (!w->stat.error && w->used + len > sizeof(w->buf))
		writer_flush(w);
	if (w->stat.error) {
		w->stat.unwritten++;
		return;
	}
	memcpy(w->buf + w->used, rec, len);
	w->used += len;
	w->stat.records++;
	w->stat.bytes += len;
}

int events_create(const char *path, uint64_t host_tsc_hz, uint64_t guest_tsc_hz,
		  struct events_writer **out)
{
	struct ss_events_header hdr = {
		.magic = SS_EVENTS_MAGIC,
		.header_len = sizeof(hdr),
		.version = EVENTS_VERSION,
		.host_tsc_hz = host_tsc_hz,
		.guest_tsc_hz = guest_tsc_hz,
	};
	struct events_writer *w = calloc(1, sizeof(*w));
	size_t done;
	int err;

	if (!w)
		return -ENOMEM;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (w->fd < 0) {
		err = -errno;
		goto free;
	}
	err = write_all(w->fd, &hdr, sizeof(hdr), &done);
	if (err)
		goto close;
	w->stored = sizeof(hdr);
	pthread_mutex_init(&w->lock, NULL);
	*out = w;
	return 0;

close:
	close(w->fd);
free:
	free(w);
	return err;
}

int events_append(struct events_writer *w, const void *recs, size_t len)
{
	const unsigned char *p = recs;
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	while (len) {
		size_t rec = len >= sizeof(struct ss_rec) ? rec_len_at(p) : 0;

		if (!rec_len_possible(rec) || rec > len) {
			w->stat.rejected++;
			ret = -EINVAL;
			break;
		}
		writer_put(w, p, rec);
		p += rec;
		len -= rec;
	}
	if (w->stat.error)
		ret = w->stat.error;
	pthread_mutex_unlock(&w->lock);
	return ret;
}

int events_append_guest(struct events_writer *w, const void *recs, size_t len)
{
	const unsigned char *p = recs;
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	while (len) {
		struct ss_rec h = { 0 };
		size_t min;

		if (len >= sizeof(h))
			memcpy(&h, p, sizeof(h));
		if (!rec_len_possible(h.len) || h.len > len) {
			w->stat.rejected++;
			ret = -EINVAL;
			break;
		}
		min = events_rec_size(h.type);
		if (events_type_is_guest(h.type) && min && h.len >= min) {
			writer_put(w, p, h.len);
		} else {
			w->stat.rejected++;
			ret = -EINVAL;
		}
		p += h.len;
		len -= h.len;
	}
	if (w->stat.error)
		ret = w->stat.error;
	pthread_mutex_unlock(&w->lock);
	return ret;
}

int events_flush(struct events_writer *w)
{
	int ret;

	pthread_mutex_lock(&w->lock);
	ret = writer_flush(w);
	pthread_mutex_unlock(&w->lock);
	return ret;
}

void events_written(struct events_writer *w, struct events_written *out)
{
	pthread_mutex_lock(&w->lock);
	*out = w->stat;
	pthread_mutex_unlock(&w->lock);
}

int events_close(struct events_writer *w, struct events_written *out)
{
	int ret;

	if (!w)
		return 0;
	ret = writer_flush(w);
	/* Some file systems tell of a full disk only now. */
	if (close(w->fd) && !ret && errno != EINTR)
		ret = w->stat.error = -errno;
	if (out)
		*out = w->stat;
	pthread_mutex_destroy(&w->lock);
	free(w);
	return ret;
}

/* ---- reader ---- */

struct events_reader {
	int fd;
	bool ended;
	size_t pos, end; /* unread part of buf */
	struct ss_events_header hdr;
	struct events_seen seen;
	unsigned char buf[EVENTS_BUF] __attribute__((aligned(8)));
};

/* Have at least @want unread bytes in buf, fewer only at the end of the file. */
static int reader_fill(struct events_reader *r, size_t want)
{
	if (r->end - r->pos >= want)
		return 0;
	memmove(r->buf, r->buf + r->pos, r->end - r->pos);
	r->end -= r->pos;
	r->pos = 0;
	while (r->end < want) {
		ssize_t n = read(r->fd, r->buf + r->end, sizeof(r->buf) - r->end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		r->end += (size_t)n;
	}
	return 0;
}

/* A later version may have a longer header. */
static int reader_header(struct events_reader *r)
{
	size_t skip;
	int err = reader_fill(r, sizeof(r->hdr));

	if (err)
		return err;
	if (r->end < sizeof(r->hdr))
		return -EINVAL;
	memcpy(&r->hdr, r->buf, sizeof(r->hdr));
	if (r->hdr.magic != SS_EVENTS_MAGIC)
		return -EINVAL;
	if (r->hdr.version != EVENTS_VERSION)
		return -EPROTO;
	skip = r->hdr.header_len;
	if (skip < sizeof(r->hdr) || skip > EVENTS_REC_MAX)
		return -EINVAL;
	err = reader_fill(r, skip);
	if (err)
		return err;
	if (r->end < skip)
		return -EINVAL;
	r->pos = skip;
	return 0;
}

int events_open(const char *path, struct events_reader **out)
{
	struct events_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0) {
		err = -errno;
		goto free;
	}
	err = reader_header(r);
	if (err)
		goto close;
	*out = r;
	return 0;

close:
	close(r->fd);
free:
	free(r);
	return err;
}

const struct ss_events_header *events_header(const struct events_reader *r)
{
	return &r->hdr;
}

/* Names from a file or a guest need not be NUL-terminated. */
static void rec_terminate(union events_rec *rec)
{
	switch (rec->h.type) {
	case SS_REC_G_IO:
		rec->g_io.comm[SS_COMM_LEN - 1] = '\0';
		break;
	case SS_REC_G_RUN:
		rec->g_run.prev_comm[SS_COMM_LEN - 1] = '\0';
		break;
	case SS_REC_G_SCX:
		rec->g_scx.name[SS_SCX_NAME_LEN - 1] = '\0';
		rec->g_scx.reason[SS_SCX_NAME_LEN - 1] = '\0';
		break;
	case SS_REC_G_HIST:
		rec->g_hist.comm[SS_COMM_LEN - 1] = '\0';
		break;
	case SS_REC_G_DISK:
		rec->g_disk.name[sizeof(rec->g_disk.name) - 1] = '\0';
		break;
	default:
		break;
	}
}

/* Nothing behind a broken length can be trusted; say how much that is. */
static int reader_tail(struct events_reader *r, uint64_t *counter)
{
	r->ended = true;
	for (;;) {
		int err;

		*counter += r->end - r->pos;
		r->pos = r->end;
		err = reader_fill(r, 1);
		if (err)
			return err;
		if (r->pos == r->end)
			return 0;
	}
}

int events_next(struct events_reader *r, union events_rec *rec)
{
	while (!r->ended) {
		struct ss_rec h;
		size_t min;
		int err = reader_fill(r, EVENTS_REC_MAX);

		if (err)
			return err;
		if (r->pos == r->end) {
			r->ended = true;
			break;
		}
		if (r->end - r->pos < sizeof(h))
			return reader_tail(r, &r->seen.truncated);
		memcpy(&h, r->buf + r->pos, sizeof(h));
		if (!rec_len_possible(h.len))
			return reader_tail(r, &r->seen.damaged);
		if (h.len > r->end - r->pos)
			return reader_tail(r, &r->seen.truncated);
		r->seen.records++;
		min = events_rec_size(h.type);
		if (min && h.len >= min) {
			size_t len = h.len < sizeof(*rec) ? h.len : sizeof(*rec);

			memset((unsigned char *)rec + len, 0, sizeof(*rec) - len);
			memcpy(rec, r->buf + r->pos, len);
			rec_terminate(rec);
			r->pos += h.len;
			return 1;
		}
		if (min)
			r->seen.short_records++;
		else
			r->seen.unknown++;
		r->pos += h.len;
	}
	return 0;
}

void events_seen(const struct events_reader *r, struct events_seen *out)
{
	*out = r->seen;
}

void events_reader_free(struct events_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r);
}
