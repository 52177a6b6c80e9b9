// SPDX-License-Identifier: GPL-2.0-only
/* Frames between runner and agent: found in a stream of bytes, sent, and their key=value text. */
#include "lib/agent_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LEN sizeof(struct ss_frame)

void agent_link_init(struct agent_link *l, const struct agent_link_ops *ops, void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->ops = ops;
	l->ctx = ctx;
}

void agent_link_destroy(struct agent_link *l)
{
	free(l->buf);
	l->buf = NULL;
	l->have = l->cap = 0;
}

bool agent_link_partial(const struct agent_link *l)
{
	return l->have > 0;
}

/* Could a valid header begin with these bytes? */
static bool plausible(const uint8_t *p, size_t n)
{
	struct ss_frame h = { .magic = SS_FRAME_MAGIC };

	if (n < sizeof(h.magic))
		return !memcmp(p, &h.magic, n);
	memcpy(&h, p, n < HEADER_LEN ? n : HEADER_LEN);
	return h.magic == SS_FRAME_MAGIC && (n < HEADER_LEN || h.len <= SS_FRAME_MAX);
}

/* Drops bytes until a header may begin with the rest. @n is at most HEADER_LEN. */
static void resync(struct agent_link *l)
{
	size_t skip = 1;

	while (skip < l->have && !plausible(l->buf + skip, l->have - skip))
		skip++;
	l->garbage += skip;
	l->have -= skip;
	memmove(l->buf, l->buf + skip, l->have);
}

static int reserve(struct agent_link *l, size_t want)
{
	size_t cap = l->cap ? l->cap : 4096;
	uint8_t *buf;

	if (want <= l->cap)
		return 0;
	while (cap < want)
		cap *= 2;
	buf = realloc(l->buf, cap);
	if (!buf)
		return -ENOMEM;
	l->buf = buf;
	l->cap = cap;
	return 0;
}

static void check_seq(struct agent_link *l, uint32_t seq)
{
	/* A number that goes backwards counts as one missing frame, not as four billion. */
	uint32_t missing = seq - l->next_in;

	if (missing)
		l->gaps += missing < 0x80000000u ? missing : 1;
	l->next_in = seq + 1;
}

/* Moves bytes into the buffer until it holds @want, or none are left. */
static void take(struct agent_link *l, const uint8_t **p, size_t *len, size_t want)
{
	size_t n = want - l->have < *len ? want - l->have : *len;

	memcpy(l->buf + l->have, *p, n);
	l->have += n;
	*p += n;
	*len -= n;
}

int agent_link_feed(struct agent_link *l, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		struct ss_frame h;
		size_t whole;
		int ret;

		ret = reserve(l, HEADER_LEN);
		if (ret)
			return ret;
		if (l->have < HEADER_LEN) {
			take(l, &p, &len, HEADER_LEN);
			while (l->have && !plausible(l->buf, l->have))
				resync(l);
			if (l->have < HEADER_LEN)
				continue;
		}
		memcpy(&h, l->buf, HEADER_LEN);
		whole = HEADER_LEN + h.len;
		ret = reserve(l, whole);
		if (ret)
			return ret;
		take(l, &p, &len, whole);
		if (l->have < whole)
			continue;
		l->have = 0;
		l->frames++;
		check_seq(l, h.seq);
		ret = l->ops->frame(l->ctx, h.type, l->buf + HEADER_LEN, h.len);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int agent_link_send(struct agent_link *l, unsigned int type, const void *payload, size_t len)
{
	struct ss_frame h = {
		.magic = SS_FRAME_MAGIC,
		.type = type,
		.len = len,
		.seq = (uint32_t)l->sent,
	};
	uint8_t *frame;
	int ret;

	if (len > SS_FRAME_MAX)
		return -EMSGSIZE;
	frame = malloc(HEADER_LEN + len);
	if (!frame)
		return -ENOMEM;
	memcpy(frame, &h, HEADER_LEN);
	if (len)
		memcpy(frame + HEADER_LEN, payload, len);
	ret = l->ops->write(l->ctx, frame, HEADER_LEN + len);
	free(frame);
	if (ret < 0)
		return ret;
	l->sent++;
	return 0;
}

/* Keys whose value is the whole rest of the text. */
static bool takes_rest(const char *key, size_t len)
{
	return (len == 3 && !memcmp(key, "msg", 3)) || (len == 4 && !memcmp(key, "exec", 4));
}

static int copy_value(const char *v, size_t n, char *buf, size_t size)
{
	size_t fits = n < size ? n : size - 1;

	for (size_t i = 0; i < fits; i++)
		buf[i] = v[i] ? v[i] : ' ';
	buf[fits] = '\0';
	return (int)n;
}

int agent_kv_next(const void *text, size_t len, size_t *pos, const char *key, char *buf,
		  size_t size)
{
	const char *t = text, *end = t + len, *p = t + *pos;
	size_t klen = strlen(key);

	if (size)
		buf[0] = '\0';
	while (p < end) {
		const char *nl = memchr(p, '\n', end - p);
		const char *stop = nl ? nl : end;
		const char *eq = memchr(p, '=', stop - p);

		if (eq && takes_rest(p, eq - p)) {
			stop = end;
			if (stop > eq + 1 && stop[-1] == '\n')
				stop--;
			nl = NULL;
		}
		*pos = nl ? (size_t)(nl + 1 - t) : len;
		if (eq && (size_t)(eq - p) == klen && !memcmp(p, key, klen))
			return size ? copy_value(eq + 1, stop - eq - 1, buf, size)
				    : (int)(stop - eq - 1);
		p = t + *pos;
	}
	return -ENOENT;
}

int agent_kv_get(const void *text, size_t len, const char *key, char *buf, size_t size)
{
	size_t pos = 0;

	return agent_kv_next(text, len, &pos, key, buf, size);
}

void agent_kv_init(struct agent_kv *kv, char *buf, size_t size)
{
	memset(kv, 0, sizeof(*kv));
	kv->buf = buf;
	kv->size = size;
}

void agent_kv_add(struct agent_kv *kv, const char *key, const char *fmt, ...)
{
	bool rest = takes_rest(key, strlen(key));
	size_t room = kv->size - kv->len;
	va_list ap;
	int n, v;

	if (kv->err)
		return;
	if (kv->closed) {
		kv->err = -EINVAL;
		return;
	}
	n = snprintf(kv->buf + kv->len, room, "%s=", key);
	if ((size_t)n >= room) {
		kv->err = -ENOSPC;
		return;
	}
	va_start(ap, fmt);
	v = vsnprintf(kv->buf + kv->len + n, room - n, fmt, ap);
	va_end(ap);
	/* One byte more for the newline, where the NUL is now. */
	if (v < 0 || (size_t)v >= room - n) {
		kv->err = v < 0 ? -EINVAL : -ENOSPC;
		return;
	}
	if (!rest && memchr(kv->buf + kv->len + n, '\n', v)) {
		kv->err = -EINVAL;
		return;
	}
	kv->len += n + v;
	kv->buf[kv->len++] = '\n';
	kv->closed = rest;
}

int agent_kv_send(struct agent_link *l, unsigned int type, const struct agent_kv *kv)
{
	return kv->err ? kv->err : agent_link_send(l, type, kv->buf, kv->len);
}
