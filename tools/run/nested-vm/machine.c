// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU: its command line, its start and end, and why it died. Console, channel
 * and initrd are passed as descriptors: none of them has a name by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nested_run.h"

#define CMDLINE                                                                                    \
	"console=ttyS0 panic=-1 nokaslr mitigations=off tsc=reliable no_timer_check "              \
	"audit=0 rcupdate.rcu_cpu_stall_suppress=1 nowatchdog quiet"

int machine_init(struct machine *m, const struct run_options *o)
{
	memset(m, 0, sizeof(*m));
	m->channel = m->console = m->errors = -1;
	/* Not close-on-exec: QEMU opens it by the number. */
	m->initrd = open(o->initrd, O_RDONLY);
	return m->initrd < 0 ? -errno : 0;
}

static int fresh_memfd(int *fd, const char *name)
{
	if (*fd >= 0)
		close(*fd);
	*fd = memfd_create(name, 0);
	return *fd < 0 ? -errno : 0;
}

struct words {
	char *v[64 + 4 * RUN_MAX_DRIVES];
	size_t n;
};

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In the child only: nothing is freed, exec or _exit follows. */
static void add(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->n + 1 >= sizeof(w->v) / sizeof(w->v[0]) || vasprintf(&w->v[w->n++], fmt, ap) < 0)
		_exit(1);
	va_end(ap);
}

/* Is @word the end of @drive's first @len characters? Cut off then. */
static bool ends_with(const char *drive, size_t *len, const char *word)
{
	const size_t n = strlen(word);

	if (*len <= n || strncmp(drive + *len - n, word, n))
		return false;
	*len -= n;
	return true;
}

static void add_drive(struct words *w, unsigned int index, const char *drive)
{
	size_t len = strlen(drive), n = 0;
	const bool share = ends_with(drive, &len, ",share");
	const bool read_only = ends_with(drive, &len, ",ro");
	char file[2 * PATH_MAX];

	/* In QEMU's options two commas stand for one. */
	for (size_t i = 0; i < len && n + 2 < sizeof(file); i++) {
		file[n++] = drive[i];
		if (drive[i] == ',')
			file[n++] = ',';
	}
	file[n] = '\0';
	add(w, "-drive");
	add(w, "if=none,id=drive%u,format=raw,discard=unmap,readonly=%s,file.locking=%s,file=%s",
	    index, read_only ? "on" : "off", share ? "off" : "auto", file);
	add(w, "-device");
	add(w, "virtio-blk-pci,drive=drive%u", index);
}

static void machine_child(const struct machine *m, const struct run_options *o, int channel,
			  pid_t parent)
{
	/* clang-format off */
	static const char *const fixed[] = {
		"-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max,+svm", "-smp", "1",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
	};
	/* clang-format on */
	struct words w = { .n = 0 };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	add(&w, "%s", o->qemu);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add(&w, "%s", fixed[i]);
	add(&w, "-m");
	add(&w, "%u", o->memory);
	add(&w, "-chardev");
	add(&w, "file,id=console,append=on,path=/proc/self/fd/%d", m->console);
	add(&w, "-serial");
	add(&w, "chardev:console");
	add(&w, "-chardev");
	add(&w, "socket,id=port,fd=%d", channel);
	add(&w, "-device");
	add(&w, "virtio-serial-pci");
	add(&w, "-device");
	add(&w, "virtserialport,chardev=port,name=" NV_PORT);
	for (unsigned int i = 0; i < o->nr_drives; i++)
		add_drive(&w, i, o->drives[i]);
	add(&w, "-kernel");
	add(&w, "%s", o->kernel);
	add(&w, "-initrd");
	add(&w, "/proc/self/fd/%d", m->initrd);
	add(&w, "-append");
	add(&w, CMDLINE "%s%s", o->append ? " " : "", o->append ? o->append : "");
	w.v[w.n] = NULL;

	/* Out of the terminal's process group: ctrl-C is for the command inside. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(m->errors, 2);
	execv(o->qemu, w.v);
	dprintf(2, "%s: %s\n", o->qemu, strerror(errno));
	_exit(127);
}

int machine_start(struct machine *m, const struct run_options *o)
{
	pid_t parent = getpid();
	int pair[2], err;

	err = fresh_memfd(&m->console, "console");
	if (!err)
		err = fresh_memfd(&m->errors, "errors");
	if (err)
		return err;
	if (m->channel >= 0)
		close(m->channel);
	m->channel = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -errno;
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	m->pid = fork();
	if (m->pid < 0) {
		err = -errno;
		m->pid = 0;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (!m->pid)
		machine_child(m, o, pair[1], parent);
	close(pair[1]);
	m->channel = pair[0];
	return 0;
}

void machine_kill(struct machine *m)
{
	if (!m->pid)
		return;
	kill(m->pid, SIGKILL);
	while (waitpid(m->pid, &m->wait_status, 0) < 0 && errno == EINTR)
		;
	m->pid = 0;
}

/* The last line of a memfd that holds any of the words; any line if words is NULL. */
static bool last_line(int fd, const char *const *words, char *text, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f;

	fd = fd < 0 ? -1 : dup(fd);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	rewind(f);
	while (getline(&line, &room, f) > 0) {
		bool match = !words;

		line[strcspn(line, "\r\n")] = '\0';
		for (size_t i = 0; words && words[i] && !match; i++)
			match = strstr(line, words[i]);
		if (match && *line) {
			snprintf(text, size, "%s", line);
			found = true;
		}
	}
	free(line);
	fclose(f);
	return found;
}

void machine_reason(struct machine *m, bool gone, char *text, size_t size)
{
	static const char *const telling[] = { "Kernel panic", "nested-init:", NULL };
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	bool running = m->pid;

	for (int i = 0; running && i < (gone ? 200 : 1); i++) {
		running = waitpid(m->pid, &m->wait_status, WNOHANG) == 0;
		if (running && gone)
			nanosleep(&pause, NULL);
	}
	if (!running)
		m->pid = 0;
	if (last_line(m->console, telling, text, size) || last_line(m->errors, NULL, text, size))
		return;
	if (running)
		snprintf(text, size, "it gave no answer");
	else if (WIFSIGNALED(m->wait_status))
		snprintf(text, size, "QEMU died of signal %d", WTERMSIG(m->wait_status));
	else
		snprintf(text, size, "it switched itself off (QEMU's status is %d)",
			 WEXITSTATUS(m->wait_status));
}
