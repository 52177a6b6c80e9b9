/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames of include/ss_agent.h over a byte stream, and the key=value text
 * in them. It does no IO itself, so that the runner, the guest's agent, the tests
 * and a fuzzer can use the same code. What comes in is hostile: it costs at most
 * SS_FRAME_MAX bytes of memory and linear time.
 *
 * One thread uses a link at a time.
 */
#ifndef SS_AGENT_LINK_H
#define SS_AGENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_agent.h"

/**
 * struct agent_link_ops - where frames go
 * @frame: a whole frame came in; @payload is valid during the call only. A
 *	negative errno ends agent_link_feed() with it.
 * @write: put all of @buf on the stream or, with a negative errno, nothing:
 *	-EAGAIN if there is no room now. May be NULL if nothing is sent.
 */
struct agent_link_ops {
	int (*frame)(void *ctx, unsigned int type, const void *payload, size_t len);
	int (*write)(void *ctx, const void *buf, size_t len);
};

/**
 * struct agent_link - one end of the channel
 * @frames: frames received
 * @garbage: bytes received that belong to no frame (skipped up to the next
 *	header); where the stream itself loses nothing, the other end is broken
 * @gaps: frames missing by their sequence numbers
 * @sent: frames sent
 *
 * The counters may be read between calls; the rest is the unit's own.
 */
struct agent_link {
	const struct agent_link_ops *ops;
	void *ctx;
	uint64_t frames;
	uint64_t garbage;
	uint64_t gaps;
	uint64_t sent;
	uint32_t next_in;
	uint8_t *buf; /* the frame being received */
	size_t have, cap;
};

/** agent_link_init() - start afresh; @ops must outlive the link. */
void agent_link_init(struct agent_link *l, const struct agent_link_ops *ops, void *ctx);

/** agent_link_destroy() - free what the link holds. */
void agent_link_destroy(struct agent_link *l);

/**
 * agent_link_feed() - take bytes from the stream, however they were cut.
 *
 * Return: 0, -ENOMEM, or what the frame callback returned; the bytes up to
 * there are used up, the rest of @buf is dropped.
 */
int agent_link_feed(struct agent_link *l, const void *buf, size_t len);

/** agent_link_partial() - is a frame incomplete? After the stream's end: it broke off. */
bool agent_link_partial(const struct agent_link *l);

/**
 * agent_link_send() - send one frame.
 * @len: at most SS_FRAME_MAX
 *
 * Return: 0, -EMSGSIZE, -ENOMEM, or what ops->write returned; then nothing was
 * sent and the frame may be tried again.
 */
int agent_link_send(struct agent_link *l, unsigned int type, const void *payload, size_t len);

/* --- key=value text --- */

/**
 * agent_kv_get() - look up a key's value.
 * @text: "key=value\n" lines, not NUL-terminated
 * @size: room in @buf; a longer value is cut
 *
 * "msg" and "exec" take all that follows them, newlines included, so they come
 * last. A NUL in the text reads as a blank.
 *
 * Return: the whole value's length (@buf holds less if it's @size or more), or
 * -ENOENT with @buf empty.
 */
int agent_kv_get(const void *text, size_t len, const char *key, char *buf, size_t size);

/**
 * agent_kv_next() - walk over a repeated key.
 * @pos: 0 at first, then as left by the last call
 *
 * Return: as agent_kv_get() for the next value of @key at or after @pos.
 */
int agent_kv_next(const void *text, size_t len, size_t *pos, const char *key, char *buf,
		  size_t size);

/**
 * struct agent_kv - text being built
 * @err: the first failure, sticks: -ENOSPC, or -EINVAL for a newline in a value
 *	that isn't "msg" or "exec", or for a key after one of those
 */
struct agent_kv {
	char *buf;
	size_t size;
	size_t len;
	int err;
	bool closed;
};

/** agent_kv_init() - build in @buf, which holds @size bytes. */
void agent_kv_init(struct agent_kv *kv, char *buf, size_t size);

/** agent_kv_add() - append key=value, the value as printf makes it. */
void agent_kv_add(struct agent_kv *kv, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** agent_kv_send() - send the text as a frame; kv->err is returned if it's set. */
int agent_kv_send(struct agent_link *l, unsigned int type, const struct agent_kv *kv);

#endif /* SS_AGENT_LINK_H */
