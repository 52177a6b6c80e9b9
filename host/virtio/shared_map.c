// SPDX-License-Identifier: GPL-2.0-only
#include "virtio/shared_map.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_GUARDED 256

/*
 * What the signal handler looks at. @start is set last and cleared first; a mapping is in
 * use only between the two.
 */
static struct guarded {
	uintptr_t start; /* atomic; 0: free, 1: being filled */
	size_t len;
	int lost_fd;
} guarded[MAX_GUARDED];

static struct sigaction before;

/* --- SIGBUS --- */

static struct guarded *find_guarded(uintptr_t addr)
{
	for (unsigned int i = 0; i < MAX_GUARDED; i++) {
		const uintptr_t start = __atomic_load_n(&guarded[i].start, __ATOMIC_ACQUIRE);

		if (start > 1 && addr - start < guarded[i].len)
			return &guarded[i];
	}
	return NULL;
}

/* Only system calls, and those are safe here. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	struct guarded *g = find_guarded((uintptr_t)info->si_addr);
	const int saved = errno;
	const uint64_t one = 1;
	ssize_t n = 0;

	(void)context;
	if (!g ||
	    mmap((void *)g->start, g->len, PROT_READ | PROT_WRITE,
		 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
		/* Not ours: the instruction is tried again, and fails as it would have. */
		sigaction(sig, &before, NULL);
		errno = saved;
		return;
	}
	n = write(g->lost_fd, &one, sizeof(one));
	(void)n;
	errno = saved;
}

int shared_map_guard(void)
{
	struct sigaction old, act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGBUS, &act, &old))
		return -errno;
	if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != on_sigbus)
		before = old;
	return 0;
}

static int guard(struct shared_map *map, int lost_fd)
{
	for (int i = 0; i < MAX_GUARDED; i++) {
		uintptr_t none = 0;

		if (!__atomic_compare_exchange_n(&guarded[i].start, &none, 1, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		guarded[i].len = map->len;
		guarded[i].lost_fd = lost_fd;
		__atomic_store_n(&guarded[i].start, (uintptr_t)map->base, __ATOMIC_RELEASE);
		map->slot = i;
		return 0;
	}
	return -ENOSPC;
}

/* --- mapping --- */

/* Huge pages are mapped from a multiple of theirs on; st_blksize says how large they are. */
static uint64_t map_align(const struct stat *st)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)st->st_blksize;

	return block > page && !(block & (block - 1)) ? block : page;
}

int shared_map_open(struct shared_map *map, int fd, uint64_t off, uint64_t size, int lost_fd)
{
	uint64_t end, skip;
	struct stat st;
	int ret;

	*map = (struct shared_map){ .slot = -1 };
	if (!size || __builtin_add_overflow(off, size, &end) || end > INT64_MAX)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if ((uint64_t)st.st_size < end)
		return -ERANGE;
	skip = off % map_align(&st);
	map->len = size + skip;
	map->base = mmap(NULL, map->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			 (off_t)(off - skip));
	if (map->base == MAP_FAILED) {
		map->base = NULL;
		return -errno;
	}
	ret = guard(map, lost_fd);
	if (ret) {
		munmap(map->base, map->len);
		return ret;
	}
	/* Somebody else's memory has no place in our core dumps. */
	madvise(map->base, map->len, MADV_DONTDUMP);
	map->addr = (uint8_t *)map->base + skip;
	return 0;
}

void shared_map_close(struct shared_map *map)
{
	if (!map->addr)
		return;
	__atomic_store_n(&guarded[map->slot].start, 0, __ATOMIC_RELEASE);
	munmap(map->base, map->len);
	*map = (struct shared_map){ .slot = -1 };
}
