/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live run's control socket: /run/stallscope/NAME.sock, for its owner (and
 * root) only. One line of JSON asks, one line of JSON answers.
 *
 * Served from the runner's main loop: nothing here waits, whatever a client
 * does. What a client sends is hostile input: bounded, parsed, checked.
 */
#ifndef SS_CTL_H
#define SS_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_MAX_REQUEST 4096 /* bytes of a line, the newline included */
#define CTL_MAX_CLIENTS 8
#define CTL_CLIENT_S	10 /* a client that takes longer is dropped */

struct ctl;

/**
 * ctl_handler - answer a request
 * @request: an object, borrowed
 *
 * Return: an object (the caller frees it), or NULL when out of memory.
 */
typedef json_t *ctl_handler(void *ctx, const json_t *request);

/** ctl_error() - the answer {"ok":false,"code":CODE,"error":TEXT}, printf-like */
json_t *ctl_error(const char *code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * ctl_dir() - where sockets are: /run/stallscope, or $XDG_RUNTIME_DIR/stallscope without root
 *
 * Return: 0, or -ENOENT if there is no such place.
 */
int ctl_dir(char *dir, size_t len);

/**
 * ctl_open() - listen for @name
 * @dir: NULL for ctl_dir()'s
 * @out: for ctl_close()
 * @err: one line on failure
 *
 * Removes the sockets that dead runs left. Return: 0; -EEXIST: a live run has
 * this name; or another negative errno.
 */
int ctl_open(const char *dir, const char *name, ctl_handler *handle, void *ctx, struct ctl **out,
	     char *err, size_t errlen);

/** ctl_fd() - readable when ctl_serve() has something to do; -1 for NULL */
int ctl_fd(const struct ctl *ctl);

/** ctl_serve() - accept, read, answer: a bounded piece of work, without waiting; NULL is fine */
void ctl_serve(struct ctl *ctl);

/** ctl_close() - remove the socket; NULL is fine */
void ctl_close(struct ctl *ctl);

/**
 * ctl_call() - ask the run @name
 * @dir: NULL for ctl_dir()'s
 * @answer: an object, freed by the caller
 * @err: one line on failure
 *
 * Return: 0; -ENOENT: no such run is alive; -EACCES; -ETIMEDOUT; -EPROTO: no
 * answer, or none that makes sense; or another negative errno.
 */
int ctl_call(const char *dir, const char *name, const json_t *request, int timeout_ms,
	     json_t **answer, char *err, size_t errlen);

#endif /* SS_CTL_H */
