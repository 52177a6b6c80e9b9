// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

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

static void machine_child(const struct machine *m, const struct run_options *o, int channel,
			  pid_t parent)
{
	char memory[16], initrd[32], console[64], port[64], cmdline[1024];
	/* clang-format off */
	char *argv[] = {
		(char *)o->qemu,
		"-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max,+svm", "-smp", "1",
		"-m", memory, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-chardev", console, "-serial", "chardev:console",
		"-chardev", port, "-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=port,name=" NV_PORT,
		"-kernel", (char *)o->kernel, "-initrd", initrd, "-append", cmdline, NULL,
	};
	/* clang-format on */
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	snprintf(memory, sizeof(memory), "%u", o->memory);
	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", m->initrd);
	snprintf(console, sizeof(console), "file,id=console,append=on,path=/proc/self/fd/%d",
		 m->console);
	snprintf(port, sizeof(port), "socket,id=port,fd=%d", channel);
	snprintf(cmdline, sizeof(cmdline), CMDLINE "%s%s", o->append ? " " : "",
		 o->append ? o->append : "");
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
	execv(o->qemu, argv);
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
