/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's worker: one thread, one epoll loop, woken by kicks, a timer, or
 * its owner (stop, pause, wake). A block queue has one of its own; a device
 * may also serve several queues with one worker.
 *
 * The object outlives its thread: the device creates it once, starts it at
 * DRIVER_OK and stops it at every reset.
 *
 * Who calls what: start, stop, pause, resume and destroy come from the
 * owner's side, one at a time (the transport's lock or the machine's main
 * thread sees to that; pause and start/stop may race and are serialised
 * inside). wake, tid and must_yield come from any thread.
 */
#ifndef SS_IO_WORKER_H
#define SS_IO_WORKER_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/clock.h"

#define WORKER_MAX_KICKS     16
#define WORKER_NAME_LEN	     16 /* with the NUL, as the kernel has it */
#define WORKER_NO_DEADLINE   0
#define WORKER_MAX_SLEEP_NS  IO_NSEC_PER_SEC /* how far ahead the timer is armed at most */
#define WORKER_STOP_LIMIT_NS IO_NSEC_PER_SEC

struct worker;

/**
 * struct worker_ops - what the worker does; all run on its thread
 * @kick: the kick eventfd number @index was signalled (and has been read)
 * @timer: the deadline, or WORKER_MAX_SLEEP_NS, has passed
 * @wake: worker_wake() was called, or the worker has just started or resumed:
 *	see what there is to do
 *
 * @quiesce: optional: finish all that is under way elsewhere on the worker's
 *	behalf (IO in flight). Called before a pause or a stop is acknowledged;
 *	worker_must_stop() says which, and may become true meanwhile. Return: 0,
 *	-ETIMEDOUT if it isn't done at @until (CLOCK_MONOTONIC ns), or -EINTR if
 *	it isn't and the pause is over
 *
 * Each of the others returns the absolute time in ns (of the worker's clock) at
 * which @timer shall be called, WORKER_NO_DEADLINE for never, a time in the past for
 * at once. The value replaces the last one.
 *
 * A callback that works through a list asks worker_must_yield() between its
 * elements, and if told so returns a time in the past.
 */
struct worker_ops {
	uint64_t (*kick)(void *ctx, unsigned int index);
	uint64_t (*timer)(void *ctx);
	uint64_t (*wake)(void *ctx);
	int (*quiesce)(void *ctx, uint64_t until);
};

/**
 * struct worker_config - how to make a worker
 * @name: the thread's name ("blk0-q0"), copied, cut to 15 bytes
 * @ops: must outlive the worker
 * @ctx: passed to @ops
 * @kick_fd: @nr_kicks non-blocking counter-mode eventfds, borrowed
 * @nr_kicks: at most WORKER_MAX_KICKS
 * @affinity: CPUs the thread may run on, from its first instruction; copied;
 *	NULL: wherever its creator may
 * @clock: NULL for CLOCK_MONOTONIC; another one only with @manual
 * @manual: start no thread; the owner calls worker_step()
 */
struct worker_config {
	const char *name;
	const struct worker_ops *ops;
	void *ctx;
	const int *kick_fd;
	unsigned int nr_kicks;
	const cpu_set_t *affinity;
	const struct io_clock *clock;
	bool manual;
};

/**
 * worker_create() - make a worker, not started
 * @out: owned by the caller, for worker_destroy()
 *
 * Return: 0, -EINVAL, -ENOMEM, or the errno of epoll, eventfd or timerfd.
 */
int worker_create(const struct worker_config *config, struct worker **out);

/**
 * worker_destroy() - stop it if it runs, and free it; NULL is fine
 *
 * Return: 0, or -ETIMEDOUT if the thread couldn't be stopped: then it and all
 * it may touch must stay allocated (a leak beats a use after free).
 */
int worker_destroy(struct worker *w);

/**
 * worker_alias_kick() - have another descriptor mean kick @index too
 * @fd: pollable, somebody else's; -1: none any more
 *
 * It is watched for edges and never read, so that its other holders can't make the
 * worker wait or spin, whatever they do with it; what is signalled already counts. While
 * the worker is parked or doesn't run. The caller may close @fd only once another one, or
 * none, has taken its place.
 *
 * Return: 0, -EINVAL if there is no such kick, or epoll_ctl's negative errno; there is no
 * alias then.
 */
int worker_alias_kick(struct worker *w, unsigned int index, int fd);

/**
 * worker_start() - start the thread and wait until it runs
 *
 * It calls ops->wake first, unless the worker is paused: then it begins parked.
 *
 * Return: 0, -EBUSY if it runs already (or never stopped), or pthread_create's
 * negative errno (-EINVAL: no such CPU to run on, -EAGAIN: no thread).
 */
int worker_start(struct worker *w);

/**
 * worker_stop() - stop and join the thread; harmless if it doesn't run
 *
 * The thread stops after the request it is at.
 *
 * Return: 0, or -ETIMEDOUT after WORKER_STOP_LIMIT_NS: it keeps its stop order,
 * and a later call may succeed.
 */
int worker_stop(struct worker *w);

/**
 * worker_stop_all() - worker_stop() of @nr workers, which stop side by side
 *
 * Return: 0, or -ETIMEDOUT if one of them didn't within WORKER_STOP_LIMIT_NS.
 */
int worker_stop_all(struct worker *const *w, unsigned int nr);

/**
 * worker_pause() - park the thread
 * @timeout_ns: how long to wait for it
 *
 * When this returns 0, the thread has acknowledged and calls no op, so touches
 * no guest memory, before worker_resume(). With no thread running it succeeds
 * at once, and a thread started later begins parked. Idempotent.
 *
 * Return: 0, or -ETIMEDOUT: the order stands, the thread parks when it can.
 */
int worker_pause(struct worker *w, uint64_t timeout_ns);

/** worker_resume() - end a pause; kicks that came meanwhile are served */
void worker_resume(struct worker *w);

/** worker_wake() - have ops->wake called soon; any thread, async-signal-safe */
void worker_wake(struct worker *w);

/**
 * worker_must_yield() - shall the running op return soon? (stop or pause)
 *
 * A relaxed load: cheap enough for every element.
 */
bool worker_must_yield(const struct worker *w);

/** worker_must_stop() - is the order to stop, not only to pause? */
bool worker_must_stop(const struct worker *w);

/** worker_tid() - the thread's kernel id while it runs, else 0 */
pid_t worker_tid(const struct worker *w);

/** worker_running() - is there a thread (or, with manual, a started worker)? */
bool worker_running(const struct worker *w);

/** worker_armed_ns() - when the timer fires next, 0: not armed. On the worker's thread */
uint64_t worker_armed_ns(const struct worker *w);

/**
 * worker_step() - one turn of the loop on the caller's thread (manual only)
 *
 * Serves whatever is pending now, without waiting; the timer by the worker's
 * clock. Return: ops called, or -ECANCELED if the worker isn't started.
 */
int worker_step(struct worker *w);

#endif /* SS_IO_WORKER_H */
