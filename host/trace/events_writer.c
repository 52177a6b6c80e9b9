// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes events.bin. Only whole records count: whatever happens to the disk, the
 * file ends after a record.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/events_writer.h"

#define EVENTS_BUF (256 * 1024)

struct events_writer {
	pthread_mutex_t lock;
	int fd;
	size_t used;		    /* bytes in buf */
	off_t stored;		    /* file offset after the last whole record */
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

/* After a failed write: keeps the records that are whole, gives up the rest. */
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
	/* A device can't be cut; a reader copes with the incomplete record at the end. */
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

/* Takes one whole record, already checked. */
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

		if (!events_rec_len_possible(rec) || rec > len) {
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

		if (len >= sizeof(h))
			memcpy(&h, p, sizeof(h));
		if (!events_rec_len_possible(h.len) || h.len > len) {
			w->stat.rejected++;
			ret = -EINVAL;
			break;
		}
		if (events_type_is_guest(h.type) && events_rec_fits(p)) {
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
	/* Some file systems report a full disk only now. */
	if (close(w->fd) && !ret && errno != EINTR)
		ret = w->stat.error = -errno;
	if (out)
		*out = w->stat;
	pthread_mutex_destroy(&w->lock);
	free(w);
	return ret;
}
