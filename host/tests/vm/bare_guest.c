// SPDX-License-Identifier: GPL-2.0-only
#include "bare_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtio/guest_mem.h"
#include "vm_kvm_util.h"

#define WAIT_S 40 /* for the guest's end; less than a test's limit */

/* --- what the guest reports --- */

static const char *guest_string(const struct bare_guest *n, uint64_t addr)
{
	const char *text;
	uint64_t avail;

	if (!addr)
		return NULL;
	text = guest_mem_span(machine_memory(n->m), addr, 512, &avail);
	return text && memchr(text, 0, avail) ? text : "?";
}

static struct ss_num number(uint32_t kind, uint64_t value)
{
	return (struct ss_num){ .kind = (enum ss_num_kind)kind, .u = value };
}

/* Checked once more here, which prints it. */
static void guest_check(struct bare_guest *n, const struct bare_event *e)
{
	const struct guest_mem *mem = machine_memory(n->m);
	const struct ss_site site = {
		.file = guest_string(n, e->file),
		.line = (int)e->line,
		.check = guest_string(n, e->check),
		.a = guest_string(n, e->a_text),
		.b = guest_string(n, e->b_text),
	};
	bool failed;

	errno = 0;
	if (e->kind == BARE_CHECK)
		failed = ss_check_num(&site, (enum ss_op)e->op, number(e->a_kind, e->a),
				      number(e->b_kind, e->b));
	else if (e->kind == BARE_TRUTH)
		failed = ss_check_truth(&site, e->op, !e->op);
	else
		failed = ss_check_mem(&site, guest_mem_ptr(mem, e->a, e->len),
				      guest_mem_ptr(mem, e->b, e->len), e->len);
	EXPECT_TRUE(failed)
	{
		TH_LOG("a check at %s:%d failed in the guest only", site.file, site.line);
	}
}

static void counters(struct bare_guest *n)
{
	if (n->net)
		net_snapshot(n->net, (struct ss_net_counters *)n->shared->answer);
	else
		blk_snapshot(n->blk, (struct ss_blk_counters *)n->shared->answer);
}

/* A worker parks between two drains. */
static void settle(struct bare_guest *n)
{
	if (n->net) {
		EXPECT_EQ(net_pause(n->net, 10 * SECOND_NS), 0);
		net_resume(n->net);
	} else {
		EXPECT_EQ(blk_pause(n->blk, 10 * SECOND_NS), 0);
		blk_resume(n->blk);
	}
}

static void guest_calls(struct bare_guest *n, uint32_t nr)
{
	switch (nr) {
	case BARE_CALL_COUNTERS:
		counters(n);
		break;
	case BARE_CALL_SETTLE:
		settle(n);
		break;
	default:
		if (n->call)
			n->call(n, nr);
		break;
	}
}

static void guest_event(struct bare_guest *n, const struct bare_event *e)
{
	switch (e->kind) {
	case BARE_CHECK:
	case BARE_TRUTH:
	case BARE_MEM:
		guest_check(n, e);
		break;
	case BARE_LOG:
		ss_log(guest_string(n, e->file), (int)e->line, "%.*s", (int)sizeof(e->text),
		       e->text);
		break;
	case BARE_BAIL:
		TH_LOG("the guest's test ended there");
		break;
	case BARE_FAULT:
		EXPECT_TRUE(false)
		{
			TH_LOG("exception %u in the guest at %#llx, address %#llx", e->op,
			       (unsigned long long)e->a, (unsigned long long)e->b);
		}
		break;
	case BARE_CALL:
		guest_calls(n, e->op);
		n->called |= 1ULL << e->op;
		break;
	case BARE_DONE:
		n->finished = true;
		break;
	}
}

static void window_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			 uint32_t len)
{
	struct bare_guest *n = opaque;
	struct bare_event e;
	uint32_t addr = 0;

	(void)vcpu;
	if (off || len != sizeof(addr))
		return;
	memcpy(&addr, data, sizeof(addr));
	ASSERT_EQ(guest_mem_read(machine_memory(n->m), addr, &e, sizeof(e)), 0);
	pthread_mutex_lock(&n->lock);
	guest_event(n, &e);
	pthread_mutex_unlock(&n->lock);
}

static const struct vm_range_ops window_ops = { .write = window_write };

/* --- making it --- */

static void make_disk(struct bare_guest *n, const struct bare_guest_opts *opts)
{
	struct blk_config cfg = {
		.serial = "bare",
		.queues = opts->queues,
		.read_only = opts->read_only,
		.limits = opts->limits,
	};
	char path[PATH_MAX], err[256] = "";

	snprintf(path, sizeof(path), "%s/disk", ss_tmpdir());
	n->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_GE(n->file, 0);
	ASSERT_EQ(ftruncate(n->file, (off_t)BARE_DISK_BLOCKS * BARE_BLOCK), 0);
	ASSERT_EQ(backing_open_file(path, opts->read_only, &n->backing, err, sizeof(err)), 0)
	{
		TH_LOG("%s", err);
	}
	if (opts->backing == BACKING_URING && backing_set_kind(n->backing, opts->backing)) {
		bare_guest_free(n);
		SKIP("io_uring can't be used here");
	}
	cfg.backing = n->backing;
	ASSERT_EQ(blk_create(&cfg, &n->blk), 0);
}

static void tell_guest(struct bare_guest *n, const struct bare_guest_opts *opts)
{
	n->shared = guest_mem_ptr(machine_memory(n->m), BARE_SHARED, sizeof(*n->shared));
	ASSERT_NOT_NULL(n->shared);
	*n->shared = (struct bare_shared){
		.poll = opts->poll,
		.event_idx = opts->event_idx,
		.indirect = opts->indirect,
		.queues = opts->queues ? opts->queues : 1,
		.depth = opts->depth ? opts->depth : 1,
		.rounds = opts->rounds,
	};
}

static void make_machine(struct bare_guest *n, const struct bare_guest_opts *opts,
			 struct virtio_mmio *dev)
{
	const struct machine_config cfg = {
		.nr_vcpus = opts->cpus ? opts->cpus : 1,
		.memory = BARE_MEMORY,
	};
	const struct vm_range window = { BARE_WINDOW, 0x1000, &window_ops, n };

	ASSERT_EQ(machine_create(&cfg, &n->m), 0);
	ASSERT_EQ(machine_bus_add_mmio(n->m, &window), 0);
	tell_guest(n, opts);
	virtio_mmio_set_mem(dev, machine_memory(n->m));
	ASSERT_EQ(machine_add_virtio(n->m, dev), 0);
}

static void begin(struct bare_guest *n, const char *elf)
{
	*n = (struct bare_guest){ .elf = elf, .file = -1 };
	pthread_mutex_init(&n->lock, NULL);
	need_kvm();
}

void bare_guest_disk(struct bare_guest *n, const struct bare_guest_opts *opts)
{
	begin(n, "blk");
	make_disk(n, opts);
	make_machine(n, opts, blk_mmio(n->blk));
}

void bare_guest_net(struct bare_guest *n, const struct bare_guest_opts *opts)
{
	const struct net_config cfg = { .limits = opts->limits };

	begin(n, "net");
	ASSERT_EQ(net_create(&cfg, &n->net), 0);
	make_machine(n, opts, net_mmio(n->net));
}

void bare_guest_free(struct bare_guest *n)
{
	if (!n->elf)
		return;
	if (n->m) {
		machine_stop(n->m, VM_END_INTERRUPTED);
		machine_wait(n->m, -1, &n->end);
	}
	/* Their workers use the machine's memory. */
	EXPECT_EQ(blk_destroy(n->blk), 0);
	EXPECT_EQ(net_destroy(n->net), 0);
	machine_destroy(n->m);
	backing_close(n->backing);
	if (n->file >= 0)
		close(n->file);
	*n = (struct bare_guest){ 0 };
}

/* --- running it --- */

static int64_t limit_ns(void)
{
	const char *scale = getenv("SS_TEST_TIME_SCALE");

	return (int64_t)(WAIT_S * SECOND_NS * (scale ? atof(scale) : 1));
}

void bare_guest_start(struct bare_guest *n, const char *name)
{
	char path[PATH_MAX];
	const struct machine_boot boot = { .kernel = path, .cmdline = name };

	guest_path(path, sizeof(path), n->elf);
	ASSERT_EQ(machine_load(n->m, &boot), 0);
	ASSERT_EQ(machine_start(n->m), 0);
}

void bare_guest_finish(struct bare_guest *n)
{
	ASSERT_EQ(machine_wait(n->m, limit_ns(), &n->end), 0);
	EXPECT_EQ(n->end.end, VM_END_POWEROFF)
	{
		TH_LOG("%s; %u requests done, %u kicks, called %#llx", n->end.detail,
		       n->shared->progress, n->shared->kicks, (unsigned long long)n->called);
	}
	EXPECT_TRUE(n->finished);
}

void bare_guest_run(struct bare_guest *n, const char *name)
{
	bare_guest_start(n, name);
	bare_guest_finish(n);
}

void bare_guest_await(struct bare_guest *n, uint32_t nr)
{
	struct pollfd ended = { .fd = machine_end_fd(n->m), .events = POLLIN };
	bool there = false;

	while (!there && !poll(&ended, 1, 1)) {
		pthread_mutex_lock(&n->lock);
		there = n->called >> nr & 1;
		pthread_mutex_unlock(&n->lock);
	}
}

void bare_guest_check_file(const struct bare_guest *n, uint64_t first, uint32_t blocks,
			   uint32_t gen)
{
	uint64_t word[BARE_BLOCK / 8];

	for (uint64_t block = first; block < first + blocks; block++) {
		ASSERT_EQ(pread(n->file, word, sizeof(word), (off_t)block * BARE_BLOCK),
			  (ssize_t)sizeof(word));
		for (uint32_t i = 0; i < BARE_BLOCK / 8; i++)
			ASSERT_EQ(word[i], bare_guest_pattern(block, gen, i))
			{
				TH_LOG("block %llu, word %u", (unsigned long long)block, i);
			}
	}
}
