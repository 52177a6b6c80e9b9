// SPDX-License-Identifier: GPL-2.0-only
/* Takes the agent's frames: what each of them says goes into the run's result. */
#include "run/agent_session.h"
#include "lib/agent_link.h"
#include "lib/text.h"
#include "trace/events_writer.h"
#include "ss_agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct text {
	const char *p;
	size_t len;
};

static void progress(struct agent_session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void progress(struct agent_session *s, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!s->progress)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	s->progress(s->progress_ctx, line);
}

static void get(const struct text *t, const char *key, char *buf, size_t size)
{
	if (agent_kv_get(t->p, t->len, key, buf, size) < 0)
		buf[0] = '\0';
}

static int64_t get_int(const struct text *t, const char *key, int64_t absent)
{
	char buf[24], *end;
	long long v;

	if (agent_kv_get(t->p, t->len, key, buf, sizeof(buf)) < 0 || !buf[0])
		return absent;
	errno = 0;
	v = strtoll(buf, &end, 10);
	return *end || errno ? absent : v;
}

static int on_hello(struct agent_session *s, const struct text *t)
{
	struct run_result *r = s->result;

	s->hello = true;
	s->has_btf = get_int(t, "btf", 0);
	s->has_sched_ext = get_int(t, "sched_ext", 0);
	s->has_virtio_blk = get_int(t, "virtio_blk", 0);
	s->has_virtio_net = get_int(t, "virtio_net", 0);
	get(t, "kernel", r->guest_kernel, sizeof(r->guest_kernel));
	text_clean(r->guest_kernel);
	progress(s, "guest is up: Linux %s, %" PRId64 " CPU%s", r->guest_kernel,
		 get_int(t, "cpus", 0), get_int(t, "cpus", 0) == 1 ? "" : "s");
	return 0;
}

static int on_log(struct agent_session *s, const struct text *t)
{
	char level[8], msg[400];

	get(t, "level", level, sizeof(level));
	get(t, "msg", msg, sizeof(msg));
	text_clean(level);
	text_clean(msg);
	if (strcmp(level, "info"))
		progress(s, "guest %s: %s", level, msg);
	return 0;
}

static enum agent_sched sched_state(const char *name)
{
	static const struct {
		const char *name;
		enum agent_sched state;
	} states[] = {
		{ "starting", AGENT_SCHED_STARTING }, { "enabled", AGENT_SCHED_ENABLED },
		{ "failed", AGENT_SCHED_FAILED },     { "exited", AGENT_SCHED_EXITED },
		{ "kicked", AGENT_SCHED_KICKED },     { "stopped", AGENT_SCHED_STOPPED },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(name, states[i].name))
			return states[i].state;
	return AGENT_SCHED_NONE;
}

static int on_sched(struct agent_session *s, const struct text *t)
{
	struct run_sched *sc = &s->result->sched;
	enum agent_sched state;
	char word[16], name[SS_SCX_NAME_LEN];

	get(t, "state", word, sizeof(word));
	state = sched_state(word);
	if (state == AGENT_SCHED_NONE)
		return -EINVAL;
	s->sched = state;
	snprintf(sc->state, sizeof(sc->state), "%s", word);
	get(t, "name", name, sizeof(name));
	if (name[0]) {
		text_clean(name);
		snprintf(sc->name, sizeof(sc->name), "%s", name);
	}
	if (get_int(t, "exit", -1) >= 0 || get_int(t, "signal", 0) > 0) {
		sc->ended = true;
		sc->exit = (int)get_int(t, "exit", 0);
		sc->signal = (int)get_int(t, "signal", 0);
	}
	switch (state) {
	case AGENT_SCHED_ENABLED:
		sc->loaded = true;
		progress(s, "scheduler %s is enabled", sc->name);
		break;
	case AGENT_SCHED_FAILED:
	case AGENT_SCHED_EXITED:
	case AGENT_SCHED_KICKED:
		/* The first of these is the fault; a report needs its words. */
		if (s->sched_fault == AGENT_SCHED_NONE) {
			s->sched_fault = state;
			get(t, "msg", sc->message, sizeof(sc->message));
		}
		break;
	default:
		break;
	}
	return 0;
}

static int on_workload(struct agent_session *s, const struct text *t)
{
	struct run_workload *w = &s->result->workload;
	char state[8], seconds[24];

	get(t, "state", state, sizeof(state));
	if (!strcmp(state, "begin")) {
		s->workload_begun = w->ran = true;
		if (w->command[0])
			progress(s, "workload is running");
		else
			progress(
				s,
				"no workload: the guest idles until its --duration is over, or ctrl-C");
		return 0;
	}
	if (strcmp(state, "end"))
		return -EINVAL;
	s->workload_ended = w->ended = true;
	w->exit = (int)get_int(t, "exit", 0);
	w->signal = (int)get_int(t, "signal", 0);
	get(t, "seconds", seconds, sizeof(seconds));
	w->seconds = strtod(seconds, NULL);
	if (!w->command[0])
		return 0;
	progress(s, "workload has ended after %.1f s%s", w->seconds,
		 w->exit || w->signal ? ", with a failure" : "");
	return 0;
}

/* Keeps the last part: the end of a workload's output tells why it failed. */
static int on_output(struct agent_session *s, const char *p, size_t len)
{
	struct run_workload *w = &s->result->workload;
	size_t have = strlen(w->output), room = sizeof(w->output) - 1;
	const char *tail = p;
	size_t n = len;

	w->output_bytes += len;
	if (n > room) {
		tail += n - room;
		n = room;
	}
	if (have + n > room) {
		memmove(w->output, w->output + (have + n - room), room - n);
		have = room - n;
	}
	for (size_t i = 0; i < n; i++)
		w->output[have + i] = tail[i] ? tail[i] : ' ';
	w->output[have + n] = '\0';
	if (s->output && fwrite(p, 1, len, s->output) != len)
		return errno ? -errno : -EIO;
	return 0;
}

static int on_lost(struct agent_session *s, const void *p, size_t len)
{
	struct ss_drops drops;

	if (len < sizeof(drops))
		return -EINVAL;
	memcpy(&drops, p, sizeof(drops));
	s->result->guest_drops = drops;
	s->result->guest_drops_known = true;
	s->lost_known = true;
	return 0;
}

static int on_stat(struct agent_session *s, const struct text *t)
{
	char name[64];

	get(t, "name", name, sizeof(name));
	text_clean(name);
	if (!name[0])
		return -EINVAL;
	report_add_stat(s->result, name, get_int(t, "value", 0));
	return 0;
}

static int on_trace(struct agent_session *s, const struct text *t)
{
	char state[8], msg[200];

	get(t, "state", state, sizeof(state));
	get(t, "msg", msg, sizeof(msg));
	text_clean(msg);
	s->result->guest_traced = !strcmp(state, "on") || !strcmp(state, "partial");
	if (strcmp(state, "on"))
		report_add_missing(s->result, true, "%s", msg);
	return 0;
}

static int on_events(struct agent_session *s, const void *p, size_t len)
{
	int ret;

	if (!s->events)
		return 0;
	ret = events_append_guest(s->events, p, len);
	if (ret != -EINVAL)
		return ret;
	s->bad_frames++;
	return 0;
}

void agent_session_init(struct agent_session *s, struct run_result *result)
{
	memset(s, 0, sizeof(*s));
	s->result = result;
}

int agent_session_frame(struct agent_session *s, unsigned int type, const void *payload, size_t len)
{
	const struct text t = { payload, len };
	int ret = 0;

	s->frames++;
	switch (type) {
	case SS_F_HELLO:
		ret = on_hello(s, &t);
		break;
	case SS_F_LOG:
		ret = on_log(s, &t);
		break;
	case SS_F_SCHED:
		ret = on_sched(s, &t);
		break;
	case SS_F_WORKLOAD:
		ret = on_workload(s, &t);
		break;
	case SS_F_OUTPUT:
		return on_output(s, payload, len);
	case SS_F_EVENTS:
		return on_events(s, payload, len);
	case SS_F_LOST:
		ret = on_lost(s, payload, len);
		break;
	case SS_F_STAT:
		ret = on_stat(s, &t);
		break;
	case SS_F_TRACE:
		ret = on_trace(s, &t);
		break;
	case SS_F_BYE:
		s->bye = true;
		s->agent_status = (int)get_int(&t, "status", 0);
		break;
	default:
		ret = -EINVAL;
	}
	if (ret == -EINVAL)
		s->bad_frames++;
	return 0;
}
