// SPDX-License-Identifier: GPL-2.0-only
/* A worker's thread: its loop, its timer, and the orders it obeys. */
#include "io/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What an epoll event stands for; kicks are numbered from 0. */
#define TAG_CONTROL (WORKER_MAX_KICKS + 0)
#define TAG_TIMER   (WORKER_MAX_KICKS + 1)
#define TAG_ALIAS   (WORKER_MAX_KICKS + 2) /* of kick 0; the others' follow */
#define NR_TAGS	    (TAG_ALIAS + WORKER_MAX_KICKS)

/*
 * About how late a timer wakes a sleeping thread. A deadline nearer than that is
 * waited for awake: asleep, a throttle of 100,000 requests a second would lose
 * more to each wake-up than a request has to wait. Only where somebody else can
 * run meanwhile.
 */
#define AWAKE_NS 50000

/* Orders, a bit each. Set by anyone, read by the thread. */
#define ORDER_STOP  1u
#define ORDER_PAUSE 2u
#define ORDER_WAKE  4u

struct worker {
	const struct worker_ops *ops;
	void *ctx;
	struct io_clock clock;
	char name[WORKER_NAME_LEN];
	int kick_fd[WORKER_MAX_KICKS];
	int alias_fd[WORKER_MAX_KICKS]; /* -1: none */
	unsigned int nr_kicks;
	bool manual;
	uint64_t awake_ns;
	bool has_affinity;
	cpu_set_t affinity;

	int epoll_fd, control_fd, timer_fd;
	unsigned int orders; /* atomic */
	pid_t tid;	     /* atomic */

	pthread_mutex_t owner; /* start, stop, pause, resume: one at a time */
	pthread_t thread;
	bool started; /* the thread exists, or (manual) may be stepped */

	pthread_mutex_t state_lock; /* the three below, with state_changed */
	pthread_cond_t state_changed;
	bool running;
	bool parked;
	bool exited;

	/* The thread's own. */
	uint64_t armed; /* the deadline, 0: none */
	uint64_t timer; /* what timer_fd is set to, 0: it's off or has fired */
};

/* --- construction --- */

static int worker_watch(struct worker *w, int fd, uint32_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = tag };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int worker_open(struct worker *w)
{
	int ret;

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		return -errno;
	w->control_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->control_fd < 0)
		return -errno;
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->timer_fd < 0)
		return -errno;
	ret = worker_watch(w, w->control_fd, TAG_CONTROL);
	/* By hand, the deadline is compared with the worker's clock instead. */
	if (!ret && !w->manual)
		ret = worker_watch(w, w->timer_fd, TAG_TIMER);
	for (unsigned int i = 0; !ret && i < w->nr_kicks; i++)
		ret = worker_watch(w, w->kick_fd[i], i);
	return ret;
}

static void worker_free(struct worker *w)
{
	if (w->timer_fd >= 0)
		close(w->timer_fd);
	if (w->control_fd >= 0)
		close(w->control_fd);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	pthread_cond_destroy(&w->state_changed);
	pthread_mutex_destroy(&w->state_lock);
	pthread_mutex_destroy(&w->owner);
	free(w);
}

static void init_locks(struct worker *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->owner, NULL);
	pthread_mutex_init(&w->state_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->state_changed, &attr);
	pthread_condattr_destroy(&attr);
}

int worker_create(const struct worker_config *config, struct worker **out)
{
	static const struct io_clock monotonic = IO_CLOCK_MONOTONIC_INIT;
	struct worker *w;
	int ret;

	if (config->nr_kicks > WORKER_MAX_KICKS || (config->clock && !config->manual))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->ops = config->ops;
	w->ctx = config->ctx;
	w->clock = config->clock ? *config->clock : monotonic;
	w->manual = config->manual;
	if (!w->manual && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		w->awake_ns = AWAKE_NS;
	snprintf(w->name, sizeof(w->name), "%s", config->name);
	w->nr_kicks = config->nr_kicks;
	for (unsigned int i = 0; i < config->nr_kicks; i++) {
		w->kick_fd[i] = config->kick_fd[i];
		w->alias_fd[i] = -1;
	}
	if (config->affinity) {
		w->affinity = *config->affinity;
		w->has_affinity = true;
	}
	w->epoll_fd = w->control_fd = w->timer_fd = -1;
	init_locks(w);
	ret = worker_open(w);
	if (ret) {
		worker_free(w);
		return ret;
	}
	*out = w;
	return 0;
}

int worker_alias_kick(struct worker *w, unsigned int index, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u32 = TAG_ALIAS + index };

	if (index >= w->nr_kicks)
		return -EINVAL;
	if (w->alias_fd[index] >= 0)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->alias_fd[index], NULL);
	w->alias_fd[index] = -1;
	if (fd < 0)
		return 0;
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	w->alias_fd[index] = fd;
	return 0;
}

int worker_destroy(struct worker *w)
{
	int ret;

	if (!w)
		return 0;
	ret = worker_stop(w);
	if (ret)
		return ret;
	worker_free(w);
	return 0;
}

/* --- orders --- */

static void fd_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* Fails only when the counter is full, and then it is signalled anyway. */
	(void)n;
}

static void control_signal(struct worker *w)
{
	fd_signal(w->control_fd);
}

static void order_give(struct worker *w, unsigned int order)
{
	__atomic_fetch_or(&w->orders, order, __ATOMIC_RELEASE);
	control_signal(w);
}

static unsigned int orders_now(const struct worker *w)
{
	return __atomic_load_n(&w->orders, __ATOMIC_ACQUIRE);
}

static void order_drop(struct worker *w, unsigned int order)
{
	__atomic_fetch_and(&w->orders, ~order, __ATOMIC_ACQ_REL);
}

bool worker_must_yield(const struct worker *w)
{
	return __atomic_load_n(&w->orders, __ATOMIC_RELAXED) & (ORDER_STOP | ORDER_PAUSE);
}

bool worker_must_stop(const struct worker *w)
{
	return __atomic_load_n(&w->orders, __ATOMIC_RELAXED) & ORDER_STOP;
}

void worker_wake(struct worker *w)
{
	order_give(w, ORDER_WAKE);
}

/* Clears an eventfd or timerfd; true if it was signalled. */
static bool fd_take(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* --- what the thread tells its owner --- */

static void state_set(struct worker *w, bool *flag, bool value)
{
	pthread_mutex_lock(&w->state_lock);
	*flag = value;
	pthread_cond_broadcast(&w->state_changed);
	pthread_mutex_unlock(&w->state_lock);
}

/* Waits until one of the flags is set; -ETIMEDOUT after @timeout_ns. */
static int state_wait(struct worker *w, const bool *flag, const bool *other, uint64_t timeout_ns)
{
	const uint64_t now = io_clock_monotonic_now(NULL);
	const uint64_t end = timeout_ns < UINT64_MAX / 2 - now ? now + timeout_ns : UINT64_MAX / 2;
	const struct timespec until = {
		.tv_sec = (time_t)(end / IO_NSEC_PER_SEC),
		.tv_nsec = (long)(end % IO_NSEC_PER_SEC),
	};
	int ret = 0;

	pthread_mutex_lock(&w->state_lock);
	while (!*flag && !*other && ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&w->state_changed, &w->state_lock, &until);
	ret = *flag || *other ? 0 : -ETIMEDOUT;
	pthread_mutex_unlock(&w->state_lock);
	return ret;
}

/* --- the timer --- */

/* Not worth sleeping for: it has come, or is about to. */
static bool deadline_near(const struct worker *w, uint64_t now)
{
	return w->armed && w->armed <= now + w->awake_ns;
}

/*
 * A deadline that is near needs no timer, and a timer is expensive: the kernel
 * programs the CPU's, for which a guest's kernel has to exit to its hypervisor.
 */
static void timer_set(struct worker *w, uint64_t now)
{
	struct itimerspec its = { 0 };

	if (w->manual || w->armed == w->timer || deadline_near(w, now))
		return;
	w->timer = w->armed;
	/* 0 disarms; a time in the past fires at once. */
	its.it_value.tv_sec = (time_t)(w->armed / IO_NSEC_PER_SEC);
	its.it_value.tv_nsec = (long)(w->armed % IO_NSEC_PER_SEC);
	timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static void worker_arm(struct worker *w, uint64_t deadline)
{
	uint64_t now = 0;

	if (deadline != WORKER_NO_DEADLINE) {
		now = io_clock_now(&w->clock);
		if (deadline > now + WORKER_MAX_SLEEP_NS)
			deadline = now + WORKER_MAX_SLEEP_NS;
	}
	w->armed = deadline;
	timer_set(w, now);
}

/* @now may be from before the turn: what was due then is still due. */
static int serve_timer(struct worker *w, uint64_t now)
{
	if (!w->armed)
		return 0;
	if (w->armed > now)
		now = io_clock_now(&w->clock);
	if (w->armed > now) {
		/* It fired early, or for a deadline that is gone. */
		timer_set(w, now);
		return 0;
	}
	w->armed = 0;
	worker_arm(w, w->ops->timer(w->ctx));
	return 1;
}

/* --- the loop --- */

/* For @timeout_ns at most; UINT64_MAX: however long it takes. */
static int quiesce(struct worker *w, uint64_t timeout_ns)
{
	const uint64_t now = io_clock_monotonic_now(NULL);
	const uint64_t until = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;

	return w->ops->quiesce ? w->ops->quiesce(w->ctx, until) : 0;
}

/* Whatever else is pending stays pending; only an order ends this. */
static void worker_park(struct worker *w)
{
	struct pollfd control = { .fd = w->control_fd, .events = POLLIN };

	/* Resumed before it was at rest; the next pause waits for that anew. */
	if (quiesce(w, UINT64_MAX))
		return;
	state_set(w, &w->parked, true);
	while ((orders_now(w) & (ORDER_STOP | ORDER_PAUSE)) == ORDER_PAUSE) {
		poll(&control, 1, -1);
		fd_take(w->control_fd);
	}
	state_set(w, &w->parked, false);
}

/* Orders come before all else. Returns ops called, or -ECANCELED to stop. */
static int serve_orders(struct worker *w)
{
	unsigned int orders = orders_now(w);

	if ((orders & (ORDER_STOP | ORDER_PAUSE)) == ORDER_PAUSE && !w->manual) {
		worker_park(w);
		orders = orders_now(w);
	}
	if (orders & ORDER_STOP)
		return -ECANCELED;
	if (orders & ORDER_PAUSE || !(orders & ORDER_WAKE))
		return 0;
	order_drop(w, ORDER_WAKE);
	worker_arm(w, w->ops->wake(w->ctx));
	return 1;
}

static int serve_tag(struct worker *w, uint32_t tag)
{
	if (tag == TAG_CONTROL) {
		fd_take(w->control_fd);
		return 0;
	}
	if (tag == TAG_TIMER) {
		if (fd_take(w->timer_fd))
			w->timer = 0;
		return 0;
	}
	if (tag >= TAG_ALIAS)
		tag -= TAG_ALIAS;
	else if (!fd_take(w->kick_fd[tag]))
		return 0;
	worker_arm(w, w->ops->kick(w->ctx, tag));
	return 1;
}

/* An alias's edge is told once only: a kick of our own remembers it. */
static void keep_edge(struct worker *w, uint32_t tag)
{
	if (tag >= TAG_ALIAS)
		fd_signal(w->kick_fd[tag - TAG_ALIAS]);
}

/* One turn. Returns ops called, or -ECANCELED after a stop order. */
static int worker_turn(struct worker *w, int timeout_ms)
{
	struct epoll_event ev[NR_TAGS];
	int called = serve_orders(w), nr;
	uint64_t now = 0;

	if (called < 0 || worker_must_yield(w))
		return called;
	if (w->armed)
		now = io_clock_now(&w->clock);
	nr = epoll_wait(w->epoll_fd, ev, NR_TAGS, called || deadline_near(w, now) ? 0 : timeout_ms);
	for (int i = 0; i < nr; i++) {
		/* An order that came meanwhile; what is skipped stays signalled. */
		if (worker_must_yield(w))
			keep_edge(w, ev[i].data.u32);
		else
			called += serve_tag(w, ev[i].data.u32);
	}
	if (!worker_must_yield(w))
		called += serve_timer(w, now);
	return called;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), w->name);
	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	state_set(w, &w->running, true);
	while (worker_turn(w, -1) >= 0)
		;
	quiesce(w, UINT64_MAX);
	__atomic_store_n(&w->tid, 0, __ATOMIC_RELEASE);
	state_set(w, &w->exited, true);
	return NULL;
}

int worker_step(struct worker *w)
{
	if (!w->manual || !w->started)
		return -ECANCELED;
	return worker_turn(w, 0);
}

/* --- for the owner --- */

/*
 * The thread takes no signals that somebody sends: those are for the vCPUs and
 * the main thread. Its own faults stay as they are.
 */
static void block_signals(sigset_t *old)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&set, faults[i]);
	pthread_sigmask(SIG_SETMASK, &set, old);
}

static int spawn(struct worker *w)
{
	pthread_attr_t attr;
	sigset_t old;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	if (w->has_affinity)
		ret = pthread_attr_setaffinity_np(&attr, sizeof(w->affinity), &w->affinity);
	if (!ret) {
		block_signals(&old);
		ret = pthread_create(&w->thread, &attr, worker_main, w);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	pthread_attr_destroy(&attr);
	return -ret;
}

static int start_locked(struct worker *w)
{
	int ret = 0;

	if (w->started)
		return -EBUSY;
	w->running = w->exited = w->parked = false;
	worker_arm(w, WORKER_NO_DEADLINE);
	order_drop(w, ORDER_STOP);
	order_give(w, ORDER_WAKE);
	if (!w->manual)
		ret = spawn(w);
	if (ret)
		return ret;
	w->started = true;
	/* It runs for sure: only then its tid and name are there for tracing. */
	if (!w->manual)
		state_wait(w, &w->running, &w->exited, UINT64_MAX);
	return 0;
}

static int join_locked(struct worker *w, uint64_t until)
{
	const uint64_t now = io_clock_monotonic_now(NULL), left = now < until ? until - now : 0;
	int ret;

	if (!w->started)
		return 0;
	if (!w->manual) {
		ret = state_wait(w, &w->exited, &w->exited, left);
		if (ret)
			return ret;
		pthread_join(w->thread, NULL);
	} else {
		ret = quiesce(w, left);
		if (ret)
			return ret;
	}
	w->started = false;
	worker_arm(w, WORKER_NO_DEADLINE);
	return 0;
}

int worker_start(struct worker *w)
{
	int ret;

	pthread_mutex_lock(&w->owner);
	ret = start_locked(w);
	pthread_mutex_unlock(&w->owner);
	return ret;
}

int worker_stop_all(struct worker *const *w, unsigned int nr)
{
	const uint64_t until = io_clock_monotonic_now(NULL) + WORKER_STOP_LIMIT_NS;
	int ret = 0;

	/* Not as the owner: that may be a pause, which waits for the thread, and ends with it. */
	for (unsigned int i = 0; i < nr; i++)
		order_give(w[i], ORDER_STOP);
	for (unsigned int i = 0; i < nr; i++) {
		int err;

		pthread_mutex_lock(&w[i]->owner);
		err = join_locked(w[i], until);
		pthread_mutex_unlock(&w[i]->owner);
		if (err)
			ret = err;
	}
	return ret;
}

int worker_stop(struct worker *w)
{
	return worker_stop_all(&w, 1);
}

int worker_pause(struct worker *w, uint64_t timeout_ns)
{
	int ret = 0;

	pthread_mutex_lock(&w->owner);
	order_give(w, ORDER_PAUSE);
	if (w->started && !w->manual)
		ret = state_wait(w, &w->parked, &w->exited, timeout_ns);
	else if (w->started)
		ret = quiesce(w, timeout_ns);
	pthread_mutex_unlock(&w->owner);
	return ret;
}

void worker_resume(struct worker *w)
{
	pthread_mutex_lock(&w->owner);
	if (orders_now(w) & ORDER_PAUSE) {
		order_drop(w, ORDER_PAUSE);
		order_give(w, ORDER_WAKE);
	}
	pthread_mutex_unlock(&w->owner);
}

pid_t worker_tid(const struct worker *w)
{
	return __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE);
}

bool worker_running(const struct worker *w)
{
	return w->manual ? w->started : worker_tid(w) != 0;
}

uint64_t worker_armed_ns(const struct worker *w)
{
	return w->armed;
}
