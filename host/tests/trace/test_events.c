// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.bin: what is written can be read, and no guest, full disk or damaged
 * file gets anything else into or out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ss_harness.h"
#include "analysis/events_reader.h"
#include "trace/events_writer.h"

/* All but the batches of scheduler events, whose length depends on what they hold. */
static const unsigned int all_types[] = {
	SS_REC_STALL_BEGIN, SS_REC_STALL_END, SS_REC_DRAIN,	 SS_REC_REQ,	  SS_REC_IRQ,
	SS_REC_DEV_EVENT,   SS_REC_HOST_RUNQ, SS_REC_HOST_CLOCK, SS_REC_VCPU_TSC, SS_REC_G_IO,
	SS_REC_G_RUN,	    SS_REC_G_SCX,     SS_REC_G_CLOCK,	 SS_REC_G_HIST,	  SS_REC_G_DISK,
	SS_REC_G_TASK,	    SS_REC_G_SUM,     SS_REC_G_MARK,	 SS_REC_G_FLUSH,
};
#define NR_TYPES (sizeof(all_types) / sizeof(all_types[0]))

static uint64_t rng = 88172645463325252ULL;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static char *in_tmp(char *buf, const char *name)
{
	snprintf(buf, 512, "%s/%s", ss_tmpdir(), name);
	return buf;
}

/* A record of @type, @len bytes, its body filled with @fill. */
static size_t make_rec(void *buf, unsigned int type, size_t len, uint64_t ts, int fill)
{
	struct ss_rec h = { .type = (uint16_t)type, .len = (uint16_t)len, .cpu = 1, .ts = ts };

	memset(buf, fill, len < sizeof(h) ? sizeof(h) : len);
	memcpy(buf, &h, sizeof(h));
	return len;
}

static size_t file_size(const char *path)
{
	struct stat st;

	ASSERT_EQ(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static struct events_writer *create(const char *path)
{
	struct events_writer *w = NULL;

	ASSERT_EQ(events_create(path, 2100000000, 2100000001, &w), 0);
	return w;
}

/* Read it all; every record goes to @each. */
static struct events_seen read_all(const char *path, void (*each)(const union events_rec *, void *),
				   void *ctx)
{
	struct events_reader *r;
	struct events_seen seen;
	union events_rec rec;
	int ret;

	ASSERT_EQ(events_open(path, &r), 0);
	while ((ret = events_next(r, &rec)) > 0)
		if (each)
			each(&rec, ctx);
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(events_next(r, &rec), 0);
	events_seen(r, &seen);
	events_reader_free(r);
	return seen;
}

static void expect_type(const union events_rec *rec, void *ctx)
{
	unsigned int *n = ctx;
	const unsigned char *p = (const unsigned char *)rec;

	EXPECT_EQ(rec->h.type, all_types[*n]);
	EXPECT_EQ(rec->h.ts, 1000 + *n);
	/* the first word of the body */
	EXPECT_EQ(p[sizeof(struct ss_rec)], 0x41);
	(*n)++;
}

TEST(roundtrip, .title = "every record type comes back as it was written")
{
	unsigned char buf[EVENTS_REC_MAX];
	struct events_written stat;
	struct events_seen seen;
	struct events_reader *r;
	unsigned int n = 0;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	for (unsigned int i = 0; i < NR_TYPES; i++) {
		size_t len =
			make_rec(buf, all_types[i], events_rec_size(all_types[i]), 1000 + i, 0x41);

		EXPECT_EQ(events_append(w, buf, len), 0);
	}
	EXPECT_EQ(events_close(w, &stat), 0);
	EXPECT_EQ(stat.records, NR_TYPES);
	EXPECT_EQ(file_size(path), sizeof(struct ss_events_header) + stat.bytes);
	seen = read_all(path, expect_type, &n);
	EXPECT_EQ(n, NR_TYPES);
	EXPECT_EQ(seen.records, NR_TYPES);
	ASSERT_EQ(events_open(path, &r), 0);
	EXPECT_EQ(events_header(r)->host_tsc_hz, 2100000000);
	EXPECT_EQ(events_header(r)->guest_tsc_hz, 2100000001);
	events_reader_free(r);
}

TEST(sizes, .title = "record sizes are multiples of 8 and the union holds each")
{
	for (unsigned int i = 0; i < NR_TYPES; i++) {
		EXPECT_EQ(events_rec_size(all_types[i]) % 8, 0);
		EXPECT_LE(events_rec_size(all_types[i]), sizeof(union events_rec));
		EXPECT_GT(events_rec_size(all_types[i]), sizeof(struct ss_rec));
	}
	EXPECT_EQ(events_rec_size(0), 0);
	EXPECT_EQ(events_rec_size(SS_REC_G_FLUSH + 1), 0);
	EXPECT_EQ(events_rec_size(65535), 0);
}

/* One record offered as a guest's: is it taken? */
static bool guest_takes(unsigned int type, size_t len, size_t given)
{
	unsigned char buf[2 * EVENTS_REC_MAX];
	struct events_written stat;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "g"));
	int ret;

	make_rec(buf, type, len < sizeof(buf) ? len : sizeof(buf), 5, 0);
	((struct ss_rec *)buf)->len = (uint16_t)len;
	ret = events_append_guest(w, buf, given);
	events_close(w, &stat);
	EXPECT_EQ(ret == 0, stat.records == 1);
	EXPECT_EQ(stat.records + stat.rejected, 1);
	EXPECT_EQ(read_all(path, NULL, NULL).records, stat.records);
	return stat.records == 1;
}

TEST(guest_types, .title = "of a guest's records only guest types of the right length are stored")
{
	size_t io = sizeof(struct ss_rec_g_io);

	for (unsigned int i = 0; i < NR_TYPES; i++) {
		size_t len = events_rec_size(all_types[i]);

		EXPECT_EQ(guest_takes(all_types[i], len, len), all_types[i] >= SS_REC_GUEST);
		EXPECT_FALSE(guest_takes(all_types[i], len - 8, len - 8));
	}
	EXPECT_TRUE(guest_takes(SS_REC_G_IO, io + 8, io + 8))
	{
		TH_LOG("a later layout");
	}
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, io, io - 1))
	{
		TH_LOG("cut off");
	}
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, io + 4, io + 4))
	{
		TH_LOG("not a multiple of 8");
	}
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, 0, io));
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, 8, io));
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, EVENTS_REC_MAX + 8, 2 * EVENTS_REC_MAX));
	EXPECT_FALSE(guest_takes(SS_REC_G_FLUSH + 1, 64, 64))
	{
		TH_LOG("unknown type");
	}
	EXPECT_FALSE(guest_takes(0, 64, 64));
	EXPECT_FALSE(guest_takes(SS_REC_G_IO, io, 3))
	{
		TH_LOG("less than a header");
	}
}

TEST(guest_batch, .title = "a bad record in a guest's batch costs only itself")
{
	struct ss_rec_g_io io = { .h = { .type = SS_REC_G_IO, .len = sizeof(io) } };
	struct ss_rec_req host = { .h = { .type = SS_REC_REQ, .len = sizeof(host) } };
	unsigned char buf[1024];
	struct events_written stat;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));
	size_t n = 0;

	memcpy(buf, &io, sizeof(io));
	n += sizeof(io);
	memcpy(buf + n, &host, sizeof(host));
	n += sizeof(host);
	memcpy(buf + n, &io, sizeof(io));
	n += sizeof(io);
	EXPECT_EQ(events_append_guest(w, buf, n), -EINVAL);
	events_written(w, &stat);
	EXPECT_EQ(stat.records, 2);
	EXPECT_EQ(stat.rejected, 1);
	EXPECT_EQ(events_append_guest(w, buf, 0), 0);
	EXPECT_EQ(events_close(w, NULL), 0);
	EXPECT_EQ(read_all(path, NULL, NULL).records, 2);
}

static void put_file(const char *path, const void *a, size_t alen, const void *b, size_t blen)
{
	FILE *f = fopen(path, "w");

	ASSERT_NOT_NULL(f);
	ASSERT_EQ(fwrite(a, 1, alen, f), alen);
	ASSERT_EQ(fwrite(b, 1, blen, f), blen);
	ASSERT_EQ(fclose(f), 0);
}

/* A batch of scheduler events that says it has @nr, in @len bytes. */
static size_t make_sched(void *buf, uint32_t nr, size_t len)
{
	struct ss_rec_g_sched b = {
		.h = { .type = SS_REC_G_SCHED, .len = (uint16_t)len, .cpu = 1, .ts = 7 },
		.nr = nr,
		.lost = 3,
	};

	memset(buf, 0x41, len);
	memcpy(buf, &b, sizeof(b));
	return len;
}

static bool guest_takes_sched(uint32_t nr, size_t len)
{
	unsigned char buf[EVENTS_REC_MAX + 64];
	char path[512];
	struct events_writer *w = create(in_tmp(path, "s"));
	int ret = events_append_guest(w, buf, make_sched(buf, nr, len));

	events_close(w, NULL);
	return ret == 0;
}

TEST(sched_lengths, .title = "A31: a batch of scheduler events has the length its number asks for")
{
	size_t head = sizeof(struct ss_rec_g_sched), each = sizeof(struct ss_sched_event);

	EXPECT_EQ(each, 16);
	EXPECT_LE(head + SS_SCHED_BATCH_MAX * each, EVENTS_REC_MAX);
	for (uint32_t nr = 0; nr <= SS_SCHED_BATCH_MAX; nr++)
		EXPECT_TRUE(guest_takes_sched(nr, head + nr * each));
	EXPECT_FALSE(guest_takes_sched(1, head));
	EXPECT_FALSE(guest_takes_sched(0, head + each));
	EXPECT_FALSE(guest_takes_sched(2, head + each));
	EXPECT_FALSE(guest_takes_sched(2, head + 2 * each - 8));
	EXPECT_FALSE(guest_takes_sched(2, head + 2 * each + 8));
	EXPECT_FALSE(
		guest_takes_sched(SS_SCHED_BATCH_MAX + 1, head + (SS_SCHED_BATCH_MAX + 1) * each));
	EXPECT_FALSE(guest_takes_sched(0x10000001, head + each))
	{
		TH_LOG("its number times 16 wraps around to one event's");
	}
	EXPECT_FALSE(guest_takes_sched(UINT32_MAX, head - 8));
}

TEST(sched_read, .title = "A31: the events of a batch come back, and of no other record")
{
	struct ss_events_header h = { .magic = SS_EVENTS_MAGIC,
				      .header_len = sizeof(h),
				      .version = 1 };
	size_t head = sizeof(struct ss_rec_g_sched), each = sizeof(struct ss_sched_event);
	unsigned char buf[3 * EVENTS_REC_MAX];
	const struct ss_sched_event *ev;
	struct events_reader *r;
	struct events_seen seen;
	union events_rec rec;
	char path[512];
	size_t n = 0;

	n += make_sched(buf, SS_SCHED_BATCH_MAX, head + SS_SCHED_BATCH_MAX * each);
	((struct ss_sched_event *)(buf + n))[-1].tid = 1234;
	n += make_sched(buf + n, SS_SCHED_BATCH_MAX, head + each);
	n += make_rec(buf + n, SS_REC_G_MARK, sizeof(struct ss_rec_g_mark), 8, 0);
	put_file(in_tmp(path, "e"), &h, sizeof(h), buf, n);
	ASSERT_EQ(events_open(path, &r), 0);
	EXPECT_NULL(events_sched(r));
	ASSERT_EQ(events_next(r, &rec), 1);
	EXPECT_EQ(rec.g_sched.nr, SS_SCHED_BATCH_MAX);
	EXPECT_EQ(rec.g_sched.lost, 3);
	ev = events_sched(r);
	ASSERT_NOT_NULL(ev);
	EXPECT_EQ(ev[0].tid, 0x41414141);
	EXPECT_EQ(ev[SS_SCHED_BATCH_MAX - 1].tid, 1234);
	/* the one that says more than it has is left out */
	ASSERT_EQ(events_next(r, &rec), 1);
	EXPECT_EQ(rec.h.type, SS_REC_G_MARK);
	EXPECT_NULL(events_sched(r));
	EXPECT_EQ(events_next(r, &rec), 0);
	events_seen(r, &seen);
	EXPECT_EQ(seen.short_records, 1);
	events_reader_free(r);
}

static void expect_guest(const union events_rec *rec, void *ctx)
{
	EXPECT_GE(rec->h.type, SS_REC_GUEST);
	EXPECT_GE(rec->h.len, events_rec_size(rec->h.type));
	(*(uint64_t *)ctx)++;
}

TEST(guest_fuzz, .title = "random bytes from a guest never store anything but guest records")
{
	unsigned char buf[2048];
	struct events_written stat;
	struct events_seen seen;
	uint64_t n = 0;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = rnd() % sizeof(buf);

		for (size_t i = 0; i < len; i++)
			buf[i] = (unsigned char)rnd();
		/* mostly plausible, or nothing would get past the first check */
		for (size_t at = 0; at + 16 <= len && round % 4; at += 80) {
			struct ss_rec h = { .type = (uint16_t)(60 + rnd() % 18),
					    .len = (uint16_t)(rnd() % 8 ? 80 : rnd()) };

			memcpy(buf + at, &h, sizeof(h));
		}
		events_append_guest(w, buf, len);
	}
	EXPECT_EQ(events_close(w, &stat), 0);
	EXPECT_GT(stat.records, 1000);
	EXPECT_GT(stat.rejected, 1000);
	seen = read_all(path, expect_guest, &n);
	EXPECT_EQ(seen.records, stat.records);
	EXPECT_EQ(n, stat.records);
	EXPECT_EQ(seen.truncated + seen.damaged + seen.unknown + seen.short_records, 0);
}

TEST(append_checks, .title = "append() keeps the whole records before a fault")
{
	struct ss_rec_irq irq = { .h = { .type = SS_REC_IRQ, .len = sizeof(irq) } };
	unsigned char buf[128];
	struct events_written stat;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	memcpy(buf, &irq, sizeof(irq));
	memset(buf + sizeof(irq), 0, 32);
	EXPECT_EQ(events_append(w, buf, sizeof(irq) + 32), -EINVAL);
	EXPECT_EQ(events_append(w, buf, sizeof(irq) - 1), -EINVAL);
	EXPECT_EQ(events_append(w, buf, 0), 0);
	EXPECT_EQ(events_close(w, &stat), 0);
	EXPECT_EQ(stat.records, 1);
	EXPECT_EQ(stat.rejected, 2);
}

TEST(truncated, .title = "a file cut anywhere gives its whole records and says what is cut")
{
	struct ss_rec_g_io io = { .h = { .type = SS_REC_G_IO, .len = sizeof(io) } };
	size_t head = sizeof(struct ss_events_header);
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	for (int i = 0; i < 3; i++)
		events_append(w, &io, sizeof(io));
	ASSERT_EQ(events_close(w, NULL), 0);
	for (size_t len = head + 3 * sizeof(io); len >= head; len--) {
		struct events_seen seen;

		ASSERT_EQ(truncate(path, (off_t)len), 0);
		seen = read_all(path, NULL, NULL);
		EXPECT_EQ(seen.records, (len - head) / sizeof(io));
		EXPECT_EQ(seen.truncated, (len - head) % sizeof(io));
		EXPECT_EQ(seen.damaged, 0);
	}
	for (size_t len = head; len-- > 0;) {
		struct events_reader *r;

		ASSERT_EQ(truncate(path, (off_t)len), 0);
		EXPECT_EQ(events_open(path, &r), -EINVAL);
	}
}

TEST(headers, .title = "foreign files and versions are refused, longer headers skipped")
{
	struct ss_events_header h = { .magic = SS_EVENTS_MAGIC,
				      .header_len = sizeof(h),
				      .version = 1 };
	struct ss_rec_irq irq = { .h = { .type = SS_REC_IRQ, .len = sizeof(irq) } };
	unsigned char more[8 + sizeof(irq)] = { 0 };
	struct events_reader *r;
	char path[512];

	in_tmp(path, "e");
	EXPECT_EQ(events_open(path, &r), -ENOENT);
	EXPECT_EQ(events_open("/", &r), -EISDIR);
	h.version = 2;
	put_file(path, &h, sizeof(h), more, 0);
	EXPECT_EQ(events_open(path, &r), -EPROTO);
	h.version = 1;
	h.header_len = 8;
	put_file(path, &h, sizeof(h), more, 0);
	EXPECT_EQ(events_open(path, &r), -EINVAL);
	h.header_len = UINT32_MAX;
	put_file(path, &h, sizeof(h), more, sizeof(more));
	EXPECT_EQ(events_open(path, &r), -EINVAL);
	h.header_len = sizeof(h) + 8;
	memcpy(more + 8, &irq, sizeof(irq));
	put_file(path, &h, sizeof(h), more, sizeof(more));
	EXPECT_EQ(read_all(path, NULL, NULL).records, 1);
	h.magic++;
	put_file(path, &h, sizeof(h), more, sizeof(more));
	EXPECT_EQ(events_open(path, &r), -EINVAL);
}

static void expect_long(const union events_rec *rec, void *ctx)
{
	int *count = ctx;

	EXPECT_EQ(rec->h.type, SS_REC_IRQ);
	EXPECT_EQ(rec->irq.disk, 3);
	/* The first fills the whole union; what the second lacks reads 0 nevertheless. */
	EXPECT_EQ(((const unsigned char *)rec)[sizeof(*rec) - 1], *count ? 0 : 0x42);
	(*count)++;
}

TEST(growth, .title = "longer layouts are cut, unknown types skipped, short records counted")
{
	struct ss_events_header h = { .magic = SS_EVENTS_MAGIC,
				      .header_len = sizeof(h),
				      .version = 1 };
	unsigned char buf[EVENTS_REC_MAX + 256];
	struct ss_rec_irq *irq = (void *)buf;
	struct events_seen seen;
	size_t n = EVENTS_REC_MAX;
	char path[512];
	int count = 0;

	make_rec(buf, SS_REC_IRQ, EVENTS_REC_MAX, 1, 0x42);
	irq->disk = 3;
	n += make_rec(buf + n, 63, 64, 2, 0x42);
	n += make_rec(buf + n, SS_REC_REQ, 24, 3, 0x42);
	n += make_rec(buf + n, SS_REC_IRQ, sizeof(*irq), 4, 0);
	((struct ss_rec_irq *)(buf + n - sizeof(*irq)))->disk = 3;
	put_file(in_tmp(path, "e"), &h, sizeof(h), buf, n);
	seen = read_all(path, expect_long, &count);
	EXPECT_EQ(count, 2)
	EXPECT_EQ(seen.records, 4);
	EXPECT_EQ(seen.unknown, 1);
	EXPECT_EQ(seen.short_records, 1);
}

TEST(damaged, .title = "an impossible length ends the reading and is counted")
{
	static const uint16_t bad[] = { 0, 8, 17, EVENTS_REC_MAX + 8, 65535 };
	struct ss_events_header h = { .magic = SS_EVENTS_MAGIC,
				      .header_len = sizeof(h),
				      .version = 1 };
	struct ss_rec_irq irq[3] = { 0 };
	char path[512];

	for (unsigned int b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
		struct events_seen seen;

		for (int i = 0; i < 3; i++)
			irq[i].h = (struct ss_rec){ .type = SS_REC_IRQ, .len = sizeof(irq[0]) };
		irq[1].h.len = bad[b];
		put_file(in_tmp(path, "e"), &h, sizeof(h), irq, sizeof(irq));
		seen = read_all(path, NULL, NULL);
		EXPECT_EQ(seen.records, 1);
		EXPECT_EQ(seen.damaged, 2 * sizeof(irq[0]));
	}
}

/* A name that filled its field has given its last byte to the NUL. */
static void expect_full(const char *s, size_t size)
{
	EXPECT_EQ(strnlen(s, size), size - 1);
}

static void expect_terminated(const union events_rec *rec, void *ctx)
{
	(void)ctx;
	switch (rec->h.type) {
	case SS_REC_G_IO:
		expect_full(rec->g_io.comm, sizeof(rec->g_io.comm));
		break;
	case SS_REC_G_RUN:
		expect_full(rec->g_run.prev_comm, sizeof(rec->g_run.prev_comm));
		break;
	case SS_REC_G_SCX:
		expect_full(rec->g_scx.name, sizeof(rec->g_scx.name));
		expect_full(rec->g_scx.reason, sizeof(rec->g_scx.reason));
		break;
	case SS_REC_G_HIST:
		expect_full(rec->g_hist.comm, sizeof(rec->g_hist.comm));
		break;
	case SS_REC_G_DISK:
		expect_full(rec->g_disk.name, sizeof(rec->g_disk.name));
		break;
	case SS_REC_G_TASK:
		expect_full(rec->g_task.comm, sizeof(rec->g_task.comm));
		break;
	default:
		break;
	}
}

TEST(strings, .title = "a guest's names are terminated when read")
{
	unsigned char buf[EVENTS_REC_MAX];
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (all_types[i] >= SS_REC_GUEST)
			EXPECT_EQ(events_append_guest(w, buf,
						      make_rec(buf, all_types[i],
							       events_rec_size(all_types[i]), 1,
							       'x')),
				  0);
	EXPECT_EQ(events_close(w, NULL), 0);
	EXPECT_EQ(read_all(path, expect_terminated, NULL).records, 10);
}

TEST(disk_full, .title = "a disk that fills up: what was stored stays whole, the rest is counted")
{
	struct rlimit limit = { 300000 + 13, RLIM_INFINITY };
	struct ss_rec_g_io io = { .h = { .type = SS_REC_G_IO, .len = sizeof(io) } };
	struct events_written stat;
	struct events_seen seen;
	int ret = 0, failed = 0;
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 10000; i++) {
		ret = events_append_guest(w, &io, sizeof(io));
		failed += ret != 0;
	}
	EXPECT_EQ(ret, -EFBIG);
	EXPECT_GT(failed, 100);
	EXPECT_EQ(events_close(w, &stat), -EFBIG);
	EXPECT_EQ(stat.error, -EFBIG);
	EXPECT_EQ(stat.records + stat.unwritten, 10000);
	EXPECT_EQ(stat.records, (300013 - sizeof(struct ss_events_header)) / sizeof(io));
	EXPECT_EQ(file_size(path), sizeof(struct ss_events_header) + stat.bytes);
	seen = read_all(path, NULL, NULL);
	EXPECT_EQ(seen.records, stat.records);
	EXPECT_EQ(seen.truncated, 0);
}

TEST(no_room_at_all, .title = "a full disk is told when the file is created")
{
	struct events_writer *w;

	if (access("/dev/full", W_OK))
		SKIP("no /dev/full: %s", strerror(errno));
	EXPECT_EQ(events_create("/dev/full", 1, 1, &w), -ENOSPC);
	EXPECT_EQ(events_create("/nonexistent/dir/e", 1, 1, &w), -ENOENT);
}

static void *append_many(void *arg)
{
	void **a = arg;
	uint32_t id = (uint32_t)(uintptr_t)a[1];

	for (uint32_t i = 0; i < 20000; i++) {
		struct ss_rec_irq irq = {
			.h = { .type = SS_REC_IRQ, .len = sizeof(irq), .cpu = id, .ts = i }
		};

		events_append(a[0], &irq, sizeof(irq));
	}
	return NULL;
}

static void expect_order(const union events_rec *rec, void *ctx)
{
	uint64_t *next = ctx;

	ASSERT_LT(rec->h.cpu, 4);
	EXPECT_EQ(rec->h.ts, next[rec->h.cpu]);
	next[rec->h.cpu]++;
}

TEST(threads, .title = "records of several threads stay whole and in each thread's order")
{
	uint64_t next[4] = { 0 };
	pthread_t t[4];
	void *arg[4][2];
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	for (uintptr_t i = 0; i < 4; i++) {
		arg[i][0] = w;
		arg[i][1] = (void *)i;
		ASSERT_EQ(pthread_create(&t[i], NULL, append_many, arg[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(events_close(w, NULL), 0);
	EXPECT_EQ(read_all(path, expect_order, next).records, 80000);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(next[i], 20000);
}

TEST(flush, .title = "flushed records are in the file while it is open")
{
	struct ss_rec_irq irq = { .h = { .type = SS_REC_IRQ, .len = sizeof(irq) } };
	char path[512];
	struct events_writer *w = create(in_tmp(path, "e"));

	EXPECT_EQ(events_append(w, &irq, sizeof(irq)), 0);
	EXPECT_EQ(events_flush(w), 0);
	EXPECT_EQ(read_all(path, NULL, NULL).records, 1);
	EXPECT_EQ(events_close(w, NULL), 0);
	EXPECT_EQ(events_close(NULL, NULL), 0);
}

TEST_HARNESS_MAIN
