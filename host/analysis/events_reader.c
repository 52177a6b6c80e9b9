// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.bin, read: a file that was cut off or damaged is read up to there, and
 * how much that leaves out is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/events_reader.h"

#define EVENTS_BUF (256 * 1024)

struct events_reader {
	int fd;
	bool ended;
	size_t pos, end;		    /* unread part of buf */
	const struct ss_sched_event *sched; /* in buf: of the record just read */
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
	case SS_REC_G_TASK:
		rec->g_task.comm[SS_COMM_LEN - 1] = '\0';
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

static void reader_take(struct events_reader *r, union events_rec *rec, size_t len)
{
	const unsigned char *p = r->buf + r->pos;
	size_t n = len < sizeof(*rec) ? len : sizeof(*rec);

	memset((unsigned char *)rec + n, 0, sizeof(*rec) - n);
	memcpy(rec, p, n);
	rec_terminate(rec);
	if (rec->h.type == SS_REC_G_SCHED)
		r->sched = (const void *)(p + sizeof(struct ss_rec_g_sched));
	r->pos += len;
}

int events_next(struct events_reader *r, union events_rec *rec)
{
	while (!r->ended) {
		struct ss_rec h;
		int err = reader_fill(r, EVENTS_REC_MAX);

		r->sched = NULL;
		if (err)
			return err;
		if (r->pos == r->end) {
			r->ended = true;
			break;
		}
		if (r->end - r->pos < sizeof(h))
			return reader_tail(r, &r->seen.truncated);
		memcpy(&h, r->buf + r->pos, sizeof(h));
		if (!events_rec_len_possible(h.len))
			return reader_tail(r, &r->seen.damaged);
		if (h.len > r->end - r->pos)
			return reader_tail(r, &r->seen.truncated);
		r->seen.records++;
		if (events_rec_fits(r->buf + r->pos)) {
			reader_take(r, rec, h.len);
			return 1;
		}
		if (events_rec_size(h.type))
			r->seen.short_records++;
		else
			r->seen.unknown++;
		r->pos += h.len;
	}
	return 0;
}

const struct ss_sched_event *events_sched(const struct events_reader *r)
{
	return r->sched;
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
