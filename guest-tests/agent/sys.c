// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel is asked for: mounts, modules, files, the end. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULE_LIST "/stallscope/modules"
#define DISK_SERIAL "stallscope"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

uint64_t sys_cpu_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts))
		return 0;
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void say_v(const char *fmt, va_list ap)
{
	static int fd = -1;
	char line[1024] = "stallscope-agent: ";
	size_t n = strlen(line);
	int len;

	len = vsnprintf(line + n, sizeof(line) - n - 2, fmt, ap);
	n += len < 0 ? 0 : (size_t)len < sizeof(line) - n - 2 ? (size_t)len : sizeof(line) - n - 3;
	line[n++] = '\r';
	line[n++] = '\n';
	if (fd < 0)
		fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	/* A console that takes nothing must not hold the agent up. */
	if (fd >= 0 && write(fd, line, n) < 0)
		return;
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(fmt, ap);
	va_end(ap);
}

void note(struct agent *a, const char *level, const char *fmt, ...)
{
	char text[1024], msg[900];
	struct agent_kv kv;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	say("%s", msg);
	for (char *p = msg; *p; p++)
		if (*p == '\n')
			*p = ' ';
	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "level", "%s", level);
	agent_kv_add(&kv, "msg", "%s", msg);
	if (a->phase > PHASE_CONNECT) {
		port_send_kv(a, SS_F_LOG, &kv);
	} else if (kv.len + 1 < sizeof(a->early) - a->early_len) {
		memcpy(a->early + a->early_len, kv.buf, kv.len);
		a->early[a->early_len + kv.len] = '\0';
		a->early_len += kv.len + 1;
	}
}

int sys_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = '\0';
	return (int)n;
}

bool sys_exists(const char *path)
{
	return !access(path, F_OK);
}

uint64_t sys_cmdline(const char *key, uint64_t absent)
{
	char line[4096], *save;
	size_t klen = strlen(key);

	if (sys_read("/proc/cmdline", line, sizeof(line)) < 0)
		return absent;
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!strncmp(w, key, klen) && w[klen] == '=')
			return strtoull(w + klen + 1, NULL, 10);
	return absent;
}

void sys_mount(void)
{
	/* Not /tmp and /run: the user's files may lie there, and all is in memory anyway. */
	static const struct {
		const char *type, *where, *options;
	} mounts[] = {
		{ "devtmpfs", "/dev", NULL },
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devpts", "/dev/pts", NULL },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "bpf", "/sys/fs/bpf", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type,
			  MS_NOSUID | MS_NODEV * (i > 0), mounts[i].options) &&
		    errno != EBUSY)
			say("can't mount %s on %s: %s", mounts[i].type, mounts[i].where,
			    strerror(errno));
	}
}

/* A list line is a path; "-" before it says that the guest can do without. */
static void load_module(struct agent *a, const char *line)
{
	bool optional = *line == '-';
	const char *path = line + optional;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		note(a, "error", "can't open module %s: %s", path, strerror(errno));
		return;
	}
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && !optional)
		note(a, "error", "can't load module %s: %s", path, strerror(errno));
	close(fd);
}

void sys_load_modules(struct agent *a)
{
	FILE *f = fopen(MODULE_LIST, "re");
	char line[512];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line)
			load_module(a, line);
	}
	fclose(f);
}

static bool scan_disk(const char *name, struct disk *d)
{
	char path[300], text[64], *end;
	unsigned int major, minor;

	snprintf(path, sizeof(path), "/sys/block/%s/serial", name);
	if (sys_read(path, text, sizeof(text)) < 0 ||
	    strncmp(text, DISK_SERIAL, strlen(DISK_SERIAL)))
		return false;
	d->index = (unsigned int)strtoul(text + strlen(DISK_SERIAL), &end, 10);
	if (*end || end == text + strlen(DISK_SERIAL))
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	if (sys_read(path, text, sizeof(text)) < 0 || sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	d->dev = major << 20 | minor;
	snprintf(d->name, sizeof(d->name), "%s", name);
	return true;
}

unsigned int sys_scan_disks(struct disk *disks, unsigned int max)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	unsigned int n = 0;

	if (!dir)
		return 0;
	while (n < max && (e = readdir(dir)))
		if (!strncmp(e->d_name, "vd", 2) && scan_disk(e->d_name, &disks[n]))
			n++;
	closedir(dir);
	return n;
}

int sys_find_net(const char *mac, char *name, size_t size)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *e;
	int ret = -ENOENT;

	if (!dir)
		return ret;
	while (ret && (e = readdir(dir))) {
		char path[300], text[64];

		snprintf(path, sizeof(path), "/sys/class/net/%s/address", e->d_name);
		if (e->d_name[0] == '.' || sys_read(path, text, sizeof(text)) < 0 ||
		    strcmp(text, mac))
			continue;
		ret = snprintf(name, size, "%s", e->d_name) < (int)size ? 0 : -ENOENT;
	}
	closedir(dir);
	return ret;
}

void sys_sysrq(char key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, &key, 1) != 1)
		say("sysrq %c: %s", key, strerror(errno));
	close(fd);
}

void sys_power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* Only a machine that has no way to power off comes here. */
	say("powering off failed: %s", strerror(errno));
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
