// SPDX-License-Identifier: GPL-2.0-only
/*
 * The little of QEMU's machine protocol that we need: lines of JSON, one object each. QEMU
 * isn't trusted to be brief or well: a line that is too long or no JSON ends the talk.
 */
#include "qemu/qemu_int.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/time.h"

/* An emulated machine's devices take a second or two on a busy host. */
#define ANSWER_NS (60 * NSEC_PER_SEC)

/* Takes a whole line out of the buffer. Return: 0; -EAGAIN: there is none */
static int next_line(struct qmp *m, json_t **out)
{
	char *nl = memchr(m->buf, '\n', m->have);
	size_t len;

	if (!nl)
		return m->have == sizeof(m->buf) ? -EPROTO : -EAGAIN;
	len = (size_t)(nl - m->buf) + 1;
	*out = json_loadb(m->buf, len, 0, NULL);
	m->have -= len;
	memmove(m->buf, m->buf + len, m->have);
	return json_is_object(*out) ? 0 : -EPROTO;
}

static int fill(struct qmp *m)
{
	ssize_t n = recv(m->fd, m->buf + m->have, sizeof(m->buf) - m->have, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
	if (!n)
		return -ECONNRESET;
	m->have += (size_t)n;
	return 0;
}

static bool is_event(const struct qmp *m, json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "event"));
	json_t *data = json_object_get(o, "data");

	if (!name)
		return false;
	if (m->event)
		m->event(m->ctx, name, json_string_value(json_object_get(data, "reason")) ?: "");
	return true;
}

/* The next object that isn't an event. */
static int answer(struct qmp *m, json_t **out)
{
	const uint64_t until = monotonic_ns() + ANSWER_NS;

	for (;;) {
		struct pollfd p = { .fd = m->fd, .events = POLLIN };
		int ret;

		*out = NULL;
		ret = next_line(m, out);
		if (!ret && !is_event(m, *out))
			return 0;
		if (ret != -EAGAIN)
			json_decref(*out);
		if (ret && ret != -EAGAIN)
			return ret;
		if (!ret)
			continue;
		if (monotonic_ns() >= until)
			return -ETIMEDOUT;
		ret = poll(&p, 1, 100) > 0 ? fill(m) : 0;
		if (ret && ret != -EAGAIN)
			return ret;
	}
}

static int ask(struct qmp *m, const char *name, json_t **out)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "{\"execute\": \"%s\"}\n", name);
	int ret;

	if (send(m->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return -ECONNRESET;
	ret = answer(m, out);
	if (!ret && !json_object_get(*out, "return")) {
		json_decref(*out);
		ret = -EPROTO;
	}
	return ret;
}

int qmp_greeting(struct qmp *m, int *major, int *minor)
{
	json_t *o, *v;
	int ret = answer(m, &o);

	if (ret)
		return ret;
	v = json_object_get(json_object_get(json_object_get(o, "QMP"), "version"), "qemu");
	*major = (int)json_integer_value(json_object_get(v, "major"));
	*minor = (int)json_integer_value(json_object_get(v, "minor"));
	ret = json_is_object(v) ? 0 : -EPROTO;
	json_decref(o);
	return ret;
}

int qmp_command(struct qmp *m, const char *name)
{
	json_t *o;
	int ret = ask(m, name, &o);

	if (!ret)
		json_decref(o);
	return ret;
}

int qmp_vcpus(struct qmp *m, pid_t *tid, unsigned int nr)
{
	json_t *o, *cpu;
	size_t i;
	int ret = ask(m, "query-cpus-fast", &o);

	if (ret)
		return ret;
	json_array_foreach(json_object_get(o, "return"), i, cpu)
	{
		json_int_t at = json_integer_value(json_object_get(cpu, "cpu-index"));

		if (at >= 0 && at < nr)
			tid[at] = (pid_t)json_integer_value(json_object_get(cpu, "thread-id"));
	}
	json_decref(o);
	return 0;
}

int qmp_events(struct qmp *m)
{
	const int filled = fill(m);
	json_t *o = NULL;
	int ret;

	/* Also what came together with the last answer, if nothing comes any more. */
	while (!(ret = next_line(m, &o))) {
		is_event(m, o);
		json_decref(o);
		o = NULL;
	}
	if (ret != -EAGAIN) {
		json_decref(o);
		return -ECONNRESET;
	}
	return filled == -EAGAIN ? 0 : filled;
}
