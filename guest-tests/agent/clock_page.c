// SPDX-License-Identifier: GPL-2.0-only
/* The clock page of a machine that isn't the runner's own: ss_clock_page.h. */
#include "agent.h"
#include "ss_clock_page.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICES	 "/sys/bus/pci/devices"
#define PATIENCE 3000 /* looks, some 100 us under emulation: it is awake, or was held up */
#define WAKE_UPS 40   /* half milliseconds */

static bool says(const char *device, const char *file, const char *what)
{
	char path[300], text[32];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	return sys_read(path, text, sizeof(text)) >= 0 && !strcmp(text, what);
}

static int open_at(const char *device, const char *file, int flags)
{
	char path[300];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	return open(path, flags | O_CLOEXEC);
}

static struct ss_clock_page *map(const char *device)
{
	int fd = open_at(device, "enable", O_WRONLY);
	struct ss_clock_page *p;

	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			say("can't enable %s", device);
		close(fd);
	}
	fd = open_at(device, "resource2", O_RDWR);
	if (fd < 0)
		return NULL;
	p = mmap(NULL, SS_CLOCK_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	if (p->magic == SS_CLOCK_PAGE_MAGIC)
		return p;
	munmap(p, SS_CLOCK_PAGE_SIZE);
	return NULL;
}

struct ss_clock_page *clock_page_open(void)
{
	DIR *dir = opendir(DEVICES);
	struct ss_clock_page *p = NULL;
	struct dirent *e;

	if (!dir)
		return NULL;
	while (!p && (e = readdir(dir)))
		if (says(e->d_name, "vendor", SS_CLOCK_PCI_VENDOR) &&
		    says(e->d_name, "device", SS_CLOCK_PCI_DEVICE))
			p = map(e->d_name);
	closedir(dir);
	return p;
}

bool clock_page_read(struct ss_clock_page *p, struct ss_rec_g_clock *c)
{
	int cpu = sched_getcpu();

	c->host_tsc = ss_clock_page_ask(p, PATIENCE, ss_clock_tsc, &c->port_tsc_before,
					&c->port_tsc_after);
	return c->host_tsc && sched_getcpu() == cpu;
}

bool clock_page_wake(struct ss_clock_page *p)
{
	const __u64 number = p->asked + 1;

	p->cpu = (__u64)sched_getcpu();
	__atomic_store_n(&p->asked, number, __ATOMIC_RELEASE);
	for (int i = 0; i < WAKE_UPS; i++) {
		usleep(500);
		if (__atomic_load_n(&p->answered, __ATOMIC_ACQUIRE) == number)
			return true;
	}
	return false;
}
