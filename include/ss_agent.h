/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The channel between the runner and the guest's agent: frames over a
 * virtio-console port named SS_AGENT_PORT, little endian, each a struct
 * ss_frame and len bytes of payload. Text payloads aren't NUL-terminated.
 * The runner treats every frame as hostile input.
 */
#ifndef SS_AGENT_H
#define SS_AGENT_H

#include <linux/types.h>

#define SS_AGENT_PORT  "org.stallscope.agent"
#define SS_FRAME_MAGIC 0x53465331u  /* "1SFS" */
#define SS_FRAME_MAX   (256 * 1024) /* payload bytes */

struct ss_frame {
	__u32 magic;
	__u16 type;  /* enum ss_frame_type */
	__u16 flags; /* 0 */
	__u32 len;   /* payload bytes */
	__u32 seq;   /* per direction, from 0, so that a lost frame shows */
};

/*
 * Payload notation: "key=value\n" text unless a struct is named.
 *
 * Order of a run: agent HELLO -> runner CONFIG -> agent SCHED* -> WORKLOAD
 * begin -> EVENTS.../CLOCK.../PROGRESS... -> WORKLOAD end -> SCHED (state
 * stopped) -> EVENTS (rest) -> LOST -> BYE, then the agent powers off.
 */
enum ss_frame_type {
	/* agent to runner */
	SS_F_HELLO = 1, /* agent=VERSION kernel=RELEASE cpus=N btf=0|1 sched_ext=0|1 virtio_blk=0|1
				 * virtio_net=0|1 disks=N clock_port=0|1
				 */
	SS_F_LOG,	/* level=info|warn|error, then msg=... (one line, last key) */
	SS_F_SCHED,	/* state=starting|enabled|failed|exited|kicked|stopped name=... exit=CODE
				 * signal=N kind=N msg=... (last key, may hold several lines: the verifier's
				 * or kernel's words)
				 */
	SS_F_WORKLOAD,	/* state=begin|end exit=CODE signal=N seconds=S msg=... */
	SS_F_OUTPUT,	/* raw bytes of the workload's stdout/stderr */
	SS_F_EVENTS,	/* struct ss_rec records, whole ones only */
	SS_F_LOST,	/* struct ss_drops: guest tracer's totals, sent at the end */
	SS_F_STAT,  /* name=..., value=... : sched_ext event counters and the like, at the end */
	SS_F_TRACE, /* state=on|off|partial msg=... : can the guest trace, and if not why */
	SS_F_BYE,   /* status=0|N: everything sent, powering off */
	/* runner to agent */
	SS_F_CONFIG = 64, /* sched=PATH sched_arg=... (repeated) net=MAC (repeated, in the
				 * order of --net) duration=S trace=0|1
				 * sched_timeout=S exec=CMD (last key, may hold several lines);
				 * empty sched: none
				 */
	SS_F_STOP, /* reason=interrupt|timeout: stop the workload, send what there is, power off */
};

#endif /* SS_AGENT_H */
