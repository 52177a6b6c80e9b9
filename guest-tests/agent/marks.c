// SPDX-License-Identifier: GPL-2.0-only
/* Where the workload and what is judged of it begin and end. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

void mark_add(struct agent *a, unsigned int mark, uint64_t ts, uint64_t arg)
{
	struct ss_rec_g_mark m = {
		.h = { .type = SS_REC_G_MARK, .len = sizeof(m), .ts = ts },
		.mark = mark,
		.arg = arg,
	};

	m.h.cpu = (uint32_t)sched_getcpu();
	batch_add(a, &m.h, sizeof(m));
}

/*
 * Opened for writing, too: a writer then never waits for a reader, and there is no end
 * of file when one goes.
 */
void marks_open(struct agent *a)
{
	int fd = -1;

	if (!mkfifo(MARKS, 0622) || errno == EEXIST)
		fd = open(MARKS, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	a->marks.fd = fd;
	if (fd < 0) {
		note(a, "warn", "the workload can't set marks, %s can't be made: %s", MARKS,
		     strerror(errno));
		return;
	}
	/* Whatever the umask says: the workload may be anybody. */
	fchmod(fd, 0622);
	agent_watch(a, fd, EV_MARK, EPOLLIN);
}

void marks_close(struct agent *a)
{
	if (a->marks.fd < 0)
		return;
	agent_watch(a, a->marks.fd, EV_MARK, 0);
	close(a->marks.fd);
	a->marks.fd = -1;
}

unsigned int marks_line(struct marks *m, const char *text, size_t len, size_t *pos)
{
	while (*pos < len) {
		char c = text[(*pos)++];

		if (c != '\n') {
			if (m->len < sizeof(m->line) - 1)
				m->line[m->len++] = c;
			continue;
		}
		m->line[m->len] = '\0';
		m->len = 0;
		if (!strcmp(m->line, "begin"))
			return SS_MARK_WINDOW_BEGIN;
		if (!strcmp(m->line, "end"))
			return SS_MARK_WINDOW_END;
		m->strange = true;
		break;
	}
	return 0;
}

void marks_read(struct agent *a)
{
	struct marks *m = &a->marks;
	uint64_t now = now_ns();
	unsigned int mark;
	char text[256];
	size_t pos = 0;
	ssize_t n = m->fd < 0 ? -1 : read(m->fd, text, sizeof(text));

	if (n <= 0)
		return;
	while ((mark = marks_line(m, text, (size_t)n, &pos)))
		mark_add(a, mark, now, 0);
	/* The agent goes before everybody: nobody shall keep it busy this way. */
	m->bytes += (uint64_t)n;
	if (m->strange)
		note(a, "warn",
		     "marks are \"begin\" and \"end\", \"%s\" is none: no more are taken", m->line);
	else if (m->bytes > MARKS_MAX)
		note(a, "warn", "the workload sets too many marks: no more are taken");
	else
		return;
	marks_close(a);
}
