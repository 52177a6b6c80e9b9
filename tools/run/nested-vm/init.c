// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the emulated machine that tools/run/nested boots (L1): mounts,
 * loads modules, runs one command as the host says, and sends back what it
 * wrote. Linked statically. What goes wrong here is said on the kernel's
 * console, which the host shows if L1 doesn't come up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto.h"

#define MAX_WORDS   1024
#define MODULE_LIST "/stallscope/modules"

static int port = -1;

static void power_off(void)
{
	sync();
	/* The host starts QEMU with -no-reboot: a restart ends it at once. */
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "nested-init: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(ap);
	power_off();
	_exit(1);
}

/* --- the machine --- */

/* Not over /tmp and /run: the root is a tmpfs, and the host may have put files there. */
static void mount_all(void)
{
	static const struct {
		const char *type, *dir, *data;
		bool needed;
	} mounts[] = {
		{ "proc", "/proc", NULL, true },
		{ "sysfs", "/sys", NULL, true },
		{ "devtmpfs", "/dev", NULL, true },
		{ "tmpfs", "/dev/shm", "mode=1777", true },
		{ "devpts", "/dev/pts", "mode=620,ptmxmode=666", false },
		{ "cgroup2", "/sys/fs/cgroup", NULL, false },
		{ "bpf", "/sys/fs/bpf", "mode=700", false },
		{ "tracefs", "/sys/kernel/tracing", NULL, false },
		{ "debugfs", "/sys/kernel/debug", NULL, false },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].dir, 0755);
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, mounts[i].data) &&
		    mounts[i].needed)
			die("mount %s on %s", mounts[i].type, mounts[i].dir);
	}
	chmod("/tmp", 01777);
	mkdir("/out", 0755);
	mkdir("/root", 0700);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void load_modules(void)
{
	FILE *list = fopen(MODULE_LIST, "re");
	char line[PATH_MAX];
	int fd;

	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			continue;
		fd = open(line, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("module %s", line);
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			fprintf(stderr, "nested-init: module %s: %s\n", line, strerror(errno));
		close(fd);
	}
	if (list)
		fclose(list);
}

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
}

/* The port's device node; there is no udev that would give it its name. */
static bool find_port(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		char file[PATH_MAX], name[64] = "";
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(file, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && !strcmp(name, NV_PORT "\n")) {
			snprintf(path, size, "/dev/%s", e->d_name);
			found = true;
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void open_port(void)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	char path[PATH_MAX];

	/* The driver learns of its ports by messages, some time after it starts. */
	for (int i = 0; i < 3000; i++) {
		if (find_port(path, sizeof(path))) {
			port = open(path, O_RDWR | O_CLOEXEC);
			if (port >= 0)
				return;
		}
		nanosleep(&pause, NULL);
	}
	die("the host's port " NV_PORT " did not appear");
}

/* --- frames --- */

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("write to the host");
		p += n;
		len -= n;
	}
}

static void send_frame(enum nv_type type, const void *data, size_t len)
{
	char frame[sizeof(struct nv_head) + NV_CHUNK];
	struct nv_head head = { .magic = NV_MAGIC, .type = type, .len = len };

	memcpy(frame, &head, sizeof(head));
	if (len)
		memcpy(frame + sizeof(head), data, len);
	write_all(port, frame, sizeof(head) + len);
}

static void read_all(void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(port, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("read from the host");
		p += n;
		len -= n;
	}
}

/* Reads one frame; the payload is NUL-terminated. */
static enum nv_type receive(char *data, size_t *len)
{
	struct nv_head head;

	read_all(&head, sizeof(head));
	if (head.magic != NV_MAGIC || head.len > NV_CHUNK) {
		errno = EBADMSG;
		die("frame from the host");
	}
	read_all(data, head.len);
	data[head.len] = '\0';
	*len = head.len;
	return head.type;
}

static void say_ready(void)
{
	char line[256];

	snprintf(line, sizeof(line), "kvm=%d", !access("/dev/kvm", R_OK | W_OK));
	send_frame(NV_READY, line, strlen(line));
}

/* --- the command --- */

struct command {
	char *argv[MAX_WORDS + 1];
	char *env[MAX_WORDS + 1];
	pid_t pid;
	int out, err; /* our ends of its pipes, -1 after their end */
	int status;
	bool ended;
};

static void add_word(char **words, const char *text)
{
	size_t n = 0;

	while (words[n])
		n++;
	if (n == MAX_WORDS) {
		errno = E2BIG;
		die("command");
	}
	words[n] = strdup(text);
}

static void receive_command(struct command *c)
{
	static char data[NV_CHUNK + 1];
	size_t len;

	add_word(c->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_word(c->env, "HOME=/root");
	add_word(c->env, "TERM=dumb");
	add_word(c->env, "LANG=C.UTF-8");
	add_word(c->env, "STALLSCOPE_NESTED=1");
	for (;;) {
		switch (receive(data, &len)) {
		case NV_ARG:
			add_word(c->argv, data);
			break;
		case NV_ENV:
			add_word(c->env, data);
			break;
		case NV_GO: {
			struct nv_go go;
			struct timespec now;

			memcpy(&go, data, sizeof(go));
			now.tv_sec = go.sec;
			now.tv_nsec = go.nsec;
			clock_settime(CLOCK_REALTIME, &now);
			return;
		}
		default:
			break;
		}
	}
}

static void command_child(struct command *c, int out, int err)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	environ = c->env;
	execvp(c->argv[0], c->argv);
	fprintf(stderr, "%s: %s\n", c->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start_command(struct command *c)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	c->pid = fork();
	if (c->pid < 0)
		die("fork");
	if (!c->pid)
		command_child(c, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	c->out = out[0];
	c->err = err[0];
}

/* Passes on what a pipe holds, once. False when nothing (more) is there. */
static bool pass_on(int *fd, enum nv_type type)
{
	static char data[NV_CHUNK];
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, data, sizeof(data));
	if (n > 0) {
		send_frame(type, data, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	close(*fd);
	*fd = -1;
	return false;
}

static void reap(struct command *c)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == c->pid) {
			c->status = status;
			c->ended = true;
		}
	}
}

static void obey_host(struct command *c)
{
	static char data[NV_CHUNK + 1];
	uint32_t sig;
	size_t len;

	if (receive(data, &len) != NV_SIGNAL || len != sizeof(sig))
		return;
	memcpy(&sig, data, sizeof(sig));
	if (!c->ended)
		kill(-c->pid, sig);
}

static void run_command(struct command *c)
{
	struct signalfd_siginfo info;
	struct pollfd fds[4];
	sigset_t set;
	int sigfd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		die("signalfd");
	start_command(c);
	while (!c->ended) {
		fds[0] = (struct pollfd){ .fd = port, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = sigfd, .events = POLLIN };
		fds[2] = (struct pollfd){ .fd = c->out, .events = POLLIN };
		fds[3] = (struct pollfd){ .fd = c->err, .events = POLLIN };
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[2].revents)
			pass_on(&c->out, NV_OUT);
		if (fds[3].revents)
			pass_on(&c->err, NV_ERR);
		if (fds[0].revents & POLLIN)
			obey_host(c);
		if (fds[1].revents && read(sigfd, &info, sizeof(info)) > 0)
			reap(c);
	}
	/* Processes it left running would otherwise write to /out while tar reads it. */
	kill(-1, SIGKILL);
	for (int i = 0; i < 2; i++) {
		int *fd = i ? &c->err : &c->out;

		if (*fd >= 0)
			fcntl(*fd, F_SETFL, O_NONBLOCK);
		while (pass_on(fd, i ? NV_ERR : NV_OUT))
			;
	}
	send_frame(NV_EXIT, &(uint32_t){ c->status }, sizeof(uint32_t));
}

/* --- afterwards --- */

static void send_out(void)
{
	char *argv[] = { "tar", "-c", "-C", "/out", "-f", "-", ".", NULL };
	struct command tar = { .err = -1 };
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
	tar.pid = fork();
	if (tar.pid < 0)
		die("fork");
	if (!tar.pid) {
		dup2(fds[1], 1);
		execvp("tar", argv);
		_exit(127);
	}
	close(fds[1]);
	while (pass_on(&fds[0], NV_TAR))
		;
	waitpid(tar.pid, NULL, 0);
}

/* /dev/kmsg gives "level,sequence,microseconds,-;text\n KEY=VALUE\n". */
static void send_kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], line[8400];

	while (fd >= 0) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		unsigned long long us = 0;
		unsigned int level = 0;
		char *text;

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text || sscanf(record, "%u,%*u,%llu", &level, &us) != 2)
			continue;
		text[1 + strcspn(text + 1, "\n")] = '\0';
		n = snprintf(line, sizeof(line), "<%u>[%5llu.%06llu] %s\n", level & 7, us / 1000000,
			     us % 1000000, text + 1);
		send_frame(NV_KLOG, line, n);
	}
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	static struct command c;

	mount_all();
	load_modules();
	loopback_up();
	open_port();
	say_ready();
	receive_command(&c);
	run_command(&c);
	send_out();
	send_kernel_log();
	send_frame(NV_BYE, NULL, 0);
	power_off();
}
