/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's agent: PID 1 of a guest booted by stallscope. It prepares the
 * guest, starts the scheduler under test, runs the workload, sends what was
 * measured over the channel of include/ss_agent.h, and powers off.
 *
 * One thread, one epoll loop. It runs as SCHED_FIFO: a sched_ext scheduler
 * takes over every SCHED_NORMAL task, and a bad one starves them all. The
 * agent must be the one that still runs then, to say what happened and to end
 * the run. Its children start as SCHED_NORMAL again.
 */
#ifndef SS_GUEST_AGENT_H
#define SS_GUEST_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/agent_link.h"
#include "ss_events.h"
#include "tracer.h"

#define NSEC_PER_SEC	   1000000000ULL
#define NSEC_PER_MSEC	   1000000ULL
#define TICK_NS		   (100 * NSEC_PER_MSEC) /* tracer, scheduler state, deadlines */
#define QUIET_TICK_NS	   (250 * NSEC_PER_MSEC) /* after a tick with few: together with the clock's */
#define BUSY_TICK_NS	   (20 * NSEC_PER_MSEC) /* after a tick with many records */
#define BUSY_RECORDS	   2000
#define QUIET_RECORDS	   100
#define CLOCK_NS	   (250 * NSEC_PER_MSEC) /* clock samples */
#define OUT_SIZE	   (1024 * 1024)	 /* bytes on their way to the runner */
#define OUT_HIGH	   (OUT_SIZE / 2)	 /* above: the workload's output waits */
#define OUT_PIPE	   (1024 * 1024)	 /* what a program may print between two ticks */
#define BATCH_SIZE	   (64 * 1024)		 /* one SS_F_EVENTS frame */
#define TAIL_SIZE	   4096			 /* last words kept of a program */
#define SS_AGENT_MAX_DISKS 16
#define SS_AGENT_MAX_NETS  4
#define MAX_ARGS	   64
#define FIGURES		   "/run/stallscope-figures" /* what the workload has to tell */
#define MARKS		   "/run/stallscope-mark"    /* where it says what of it counts */
#define MARKS_MAX	   4096			     /* bytes taken from there in all */

struct agent;

/* What the epoll loop waits for. */
enum event_source {
	EV_PORT,
	EV_SIGNAL,
	EV_MARK,
};

/** struct tail - the last bytes of a stream of text. */
struct tail {
	char text[TAIL_SIZE];
	size_t len;
};

void tail_add(struct tail *t, const char *text, size_t len);

/** struct disk - a virtio disk the runner gave us. */
struct disk {
	unsigned int index; /* --disk number */
	uint32_t dev;	    /* kernel dev_t */
	char name[32];
};

/** struct config - what the runner asked for (SS_F_CONFIG). */
struct config {
	bool known;
	bool trace;
	bool trace_tasks; /* every switch and wake-up, too */
	char *sched;	  /* NULL: none */
	char *sched_args[MAX_ARGS];
	unsigned int nr_sched_args;
	char nets[SS_AGENT_MAX_NETS][18]; /* MAC addresses, --net in order */
	unsigned int nr_nets;
	char *exec;	      /* NULL: just be there until the duration or a stop */
	uint64_t duration_ns; /* 0: no limit */
	uint64_t sched_timeout_ns;
};

/* --- sys.c: the guest around us --- */

/** sys_mount() - mount what programs and tracing need. */
void sys_mount(void);

/** sys_load_modules() - insert the modules the initramfs brought, in its order. */
void sys_load_modules(struct agent *a);

/** sys_scan_disks() - find the disks with serial stallscopeN. Return: how many. */
unsigned int sys_scan_disks(struct disk *disks, unsigned int max);

/** sys_find_net() - name of the network interface with this MAC address. Return: 0 or -ENOENT. */
int sys_find_net(const char *mac, char *name, size_t size);

/** sys_read() - a small file's text without its last newline. Return: length or -errno. */
int sys_read(const char *path, char *buf, size_t size);

/** sys_exists() - is there such a file? */
bool sys_exists(const char *path);

/** sys_cmdline() - a number after "KEY=" on the kernel's command line, or @absent. */
uint64_t sys_cmdline(const char *key, uint64_t absent);

/** sys_sysrq() - press a magic key. */
void sys_sysrq(char key);

/** sys_power_off() - sync and switch the machine off; does not return. */
void sys_power_off(void) __attribute__((noreturn));

/** say() - a line on the guest's console, never blocking. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * note() - a line on the console and, as a LOG frame, to the runner.
 * @level: "info", "warn" or "error". Kept until the channel is open.
 */
void note(struct agent *a, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

uint64_t now_ns(void);

/** sys_cpu_ns() - CPU time this process has had; PID 1's includes the kernel's own start. */
uint64_t sys_cpu_ns(void);

/* --- port.c: the channel --- */

/**
 * struct port - the way to the runner.
 * @lost_frames: frames given up because the runner took nothing for long
 */
struct port {
	int fd; /* -1: not open */
	struct agent_link_ops ops;
	struct agent_link link;
	uint8_t *out;
	size_t out_len;
	bool want_out; /* EPOLLOUT is armed */
	bool hangup;   /* nobody at the other end: try again at ticks */
	uint64_t lost_frames;
};

/**
 * port_init() - buffers; no channel yet.
 * @frame: the runner sent something; as of struct agent_link_ops, with the agent as @ctx
 */
int port_init(struct agent *a,
	      int (*frame)(void *ctx, unsigned int type, const void *payload, size_t len));

/** port_open() - look for the port by name and open it. Return: 0, -ENOENT, -errno. */
int port_open(struct agent *a);

/** port_event() - the loop saw something on the port. */
void port_event(struct agent *a, uint32_t events);

/** port_flush() - write what can be written without waiting. */
void port_flush(struct agent *a);

/** port_drain() - write everything, waiting up to @ns. Return: 0 or -ETIMEDOUT. */
int port_drain(struct agent *a, uint64_t ns);

/** port_room() - may something that can wait be sent now? */
bool port_room(const struct agent *a);

/**
 * port_send() - send a frame; waits for room if there is none.
 *
 * Return: 0, or -ETIMEDOUT after the runner took nothing for several seconds:
 * the frame is dropped and counted.
 */
int port_send(struct agent *a, unsigned int type, const void *payload, size_t len);

/** port_send_kv() - port_send() of key=value text. */
int port_send_kv(struct agent *a, unsigned int type, const struct agent_kv *kv);

/* --- records.c: clock samples, disks, batches of records --- */

struct batch {
	uint8_t buf[BATCH_SIZE];
	size_t len;
	uint64_t dropped; /* records the channel did not take */
	unsigned int nr;  /* records in @buf */
	uint64_t total;	  /* ever added */
};

/** batch_add() - queue a record for the runner; the tracer's emit function. */
void batch_add(void *agent, const struct ss_rec *rec, size_t len);

/** batch_flush() - send what is queued. */
void batch_flush(struct agent *a);

/** clock_init() - look for the runner's clock: its port, or its page. */
void clock_init(struct agent *a);

/** clock_sample_cpus() - the same, on each CPU if the clock is a page. */
void clock_sample_cpus(struct agent *a, unsigned int port_tries);

/** clock_tick() - a sample in mid-run; of a page only now and then, for that wakes the runner. */
void clock_tick(struct agent *a);

/* --- clock_page.c --- */

/** clock_page_open() - find and map it. Return: NULL if there is none */
struct ss_clock_page *clock_page_open(void);

/** clock_page_read() - one reading. Return: false if there was no answer, or from another CPU */
bool clock_page_read(struct ss_clock_page *p, struct ss_rec_g_clock *c);

/**
 * clock_page_wake() - ask, and sleep until there is an answer: then more come at once
 *
 * Return: was there?
 */
bool clock_page_wake(struct ss_clock_page *p);

/**
 * clock_sample() - take the tightest of several samples and queue it.
 * @port_tries: readings of the runner's clock, each of which costs two exits
 */
void clock_sample(struct agent *a, unsigned int port_tries);

#define CLOCK_FEW  2 /* in mid-run: there will be many samples */
#define CLOCK_MANY 8 /* first and last: they span the whole run */

/** disk_records() - queue a record for each disk. */
void disk_records(struct agent *a);

/* --- marks.c: what of the run counts --- */

/** struct marks - the FIFO that the workload writes "begin" and "end" to, a line each. */
struct marks {
	int fd; /* -1: not open, or no more are taken */
	uint64_t bytes;
	bool strange;  /* @line is no mark */
	char line[16]; /* being read; a longer one is cut */
	size_t len;
};

/** mark_add() - queue an SS_REC_G_MARK. */
void mark_add(struct agent *a, unsigned int mark, uint64_t ts, uint64_t arg);

/** marks_open() - make the FIFO. */
void marks_open(struct agent *a);

/** marks_read() - take what the workload has written. */
void marks_read(struct agent *a);

/** marks_line() - the next mark in @text from @pos on. Return: enum ss_mark; 0 at the end or at a strange line. */
unsigned int marks_line(struct marks *m, const char *text, size_t len, size_t *pos);

/** marks_close() - take no more. */
void marks_close(struct agent *a);

/* --- proc.c: child processes --- */

/** struct child - a program we started, in a session and process group of its own. */
struct child {
	pid_t pid;  /* 0: none, or reaped */
	pid_t pgid; /* its group, which may outlive it */
	int out;    /* its stdout and stderr, -1: closed */
	bool ended;
	int status;    /* valid when ended: as waitpid() gave it, that is */
	int exit_code; /* valid when ended: exit code, or */
	int signal;    /* the signal that killed it, or 0 */
};

/**
 * child_start() - fork and exec.
 *
 * Its output waits in a pipe of OUT_PIPE bytes until child_read(), which is
 * called at ticks: a workload that prints must not wake the agent with every
 * line, for that would change what is being measured.
 *
 * Doesn't wait: a program that can't be executed says so on its output and
 * ends with exit code 127.
 *
 * Return: 0, or a negative errno if there is no process to be had.
 */
int child_start(struct child *c, char *const argv[]);

/** child_reap() - collect every dead child; marks the ones we know. */
void child_reap(struct agent *a);

/** child_read() - read output without blocking. Return: bytes, 0 at the end, -EAGAIN. */
ssize_t child_read(struct child *c, void *buf, size_t size);

/** child_kill() - signal the whole group. */
void child_kill(const struct child *c, int sig);

/** child_group_gone() - is nobody left in the group? */
bool child_group_gone(const struct child *c);

/* --- kmsg.c: the kernel's words --- */

struct kmsg {
	int fd;
	struct tail words; /* lines about sched_ext */
	char reason[128];  /* why the last scheduler was disabled, "" if it wasn't */
};

/** kmsg_kind() - the kernel's number for the reason (enum scx_exit_kind), -1 unknown. */
int kmsg_kind(const struct kmsg *k);

/** kmsg_open() - start reading the kernel log at its end. It keeps what kmsg_read() has not had. */
void kmsg_open(struct agent *a);

/** kmsg_read() - take in what has been logged. */
void kmsg_read(struct agent *a);

/** kmsg_line() - take in one message (the text without its header). */
void kmsg_line(struct kmsg *k, const char *line, size_t len);

/** kmsg_kicked() - does the reason mean that the kernel ejected the scheduler? */
bool kmsg_kicked(const struct kmsg *k);

/* --- sched.c: the scheduler under test --- */

enum sched_state {
	SCHED_NONE, /* none asked for */
	SCHED_STARTING,
	SCHED_ENABLED,
	SCHED_FAULT, /* it is going down by itself: collecting its words */
	SCHED_STOPPING,
	SCHED_DONE,
};

struct sched {
	enum sched_state state;
	struct child child;
	struct tail output;
	char name[SS_SCX_NAME_LEN];
	uint64_t deadline;
	uint64_t start_seq; /* enable_seq before it started */
	unsigned int escalation;
	bool faulted;	   /* failed, exited or kicked has been reported */
	char events[4096]; /* its event counters, as last read */
	uint64_t next_events;
};

/** sched_start() - start the configured scheduler, if any. */
void sched_start(struct agent *a);

/** sched_poll() - look at its process and at the kernel's state. */
void sched_poll(struct agent *a);

/** sched_output() - take in what it has printed. */
void sched_output(struct agent *a);

/** sched_stop() - end it; sched_poll() then goes on until SCHED_DONE. */
void sched_stop(struct agent *a);

/** send_stat() - send one figure. */
void send_stat(struct agent *a, const char *name, long long value);

/** sched_stats() - send the sched_ext event counters as last seen. */
void sched_stats(struct agent *a);

/* --- workload.c --- */

enum work_state {
	WORK_NONE,
	WORK_RUNNING,
	WORK_STOPPING,
	WORK_DONE,
};

struct workload {
	enum work_state state;
	struct child child;
	uint64_t begin, end, deadline;
	const char *why; /* why we stopped it, NULL: it ended by itself */
	bool killed;
	bool starved; /* not even dying got a CPU */
};

/** work_start() - begin the workload. */
void work_start(struct agent *a);

/** work_poll() - deadlines, end. */
void work_poll(struct agent *a);

/** work_output() - pass on what it has printed, as far as the channel has room. */
void work_output(struct agent *a);

/** work_stop() - end it early, which then counts as a success. @why: for people. */
void work_stop(struct agent *a, const char *why);

/* --- figures.c --- */

/**
 * figures_send() - send what the workload wrote to FIGURES.
 *
 * A line is a name and a whole number; those of one name add up. Lines that
 * make no sense are left out.
 */
void figures_send(struct agent *a);

/* --- main.c --- */

enum phase {
	PHASE_CONNECT, /* looking for the channel */
	PHASE_CONFIG,  /* HELLO sent, waiting for CONFIG */
	PHASE_SCHED,   /* waiting for the scheduler to be enabled */
	PHASE_RUN,
	PHASE_STOP, /* workload over, scheduler going down */
};

struct agent {
	int epfd, sigfd;
	enum phase phase;
	uint64_t phase_deadline;
	uint64_t next_tick;
	uint64_t next_clock;   /* 0: not yet */
	bool stop;	       /* the runner wants an end */
	uint64_t hangup_since; /* nobody has held the channel's other end, 0: somebody does */
	uint64_t patience_ns;  /* how long to wait for a runner */
	uint64_t cpu_ns_start, cpu_ns; /* the agent's own CPU time: before, and while it measured */
	struct port port;
	struct config cfg;
	struct kmsg kmsg;
	struct sched sched;
	struct workload work;
	struct tracer *tracer;
	struct batch batch;
	struct marks marks;
	struct disk disks[SS_AGENT_MAX_DISKS];
	unsigned int nr_disks;
	bool has_sched_ext, has_btf, has_blk, has_net, has_clock_port;
	struct ss_clock_page *clock_page;
	unsigned int clock_ticks;
	uint64_t clock_offset; /* as last read there */
	bool clock_drifts;     /* by more than little since the reading before */
	char early[2048];      /* LOG frames' text from before the channel was open */
	size_t early_len;
};

/* --- watch.c --- */

/** agent_watch() - add or change what epoll reports; events 0 removes it. */
void agent_watch(struct agent *a, int fd, enum event_source src, uint32_t events);

#endif /* SS_GUEST_AGENT_H */
