/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tools/run/nested and the init of its emulated machine (L1) say to each
 * other, over one virtio-serial port: frames of a header and len bytes, in the
 * byte order of x86.
 *
 * L1 begins with READY; the host sends ARG and ENV frames, then GO, and from
 * then on the command counts as started. OUT and ERR frames follow while it
 * runs, then EXIT, the tar of /out in TAR frames, the kernel log in KLOG
 * frames, and BYE.
 */
#ifndef NESTED_PROTO_H
#define NESTED_PROTO_H

#include <stdint.h>

#define NV_PORT	 "org.stallscope.nested"
#define NV_MAGIC 0x4e56u
#define NV_CHUNK (32 * 1024) /* payload bytes at most */

enum nv_type {
	/* from L1 */
	NV_READY = 1, /* text: what L1 found out about itself, one line */
	NV_OUT,	      /* bytes of the command's stdout */
	NV_ERR,	      /* bytes of its stderr */
	NV_EXIT,      /* uint32_t: wait status of the command */
	NV_TAR,	      /* bytes of a tar archive of /out */
	NV_KLOG,      /* bytes of the kernel log as text */
	NV_BYE,	      /* nothing more comes; the machine may be switched off */
	/* to L1 */
	NV_ARG = 64, /* one argument of the command */
	NV_ENV,	     /* NAME=VALUE */
	NV_GO,	     /* struct nv_go: start the command */
	NV_SIGNAL,   /* uint32_t: send this signal to the command's process group */
};

struct nv_head {
	uint16_t magic;
	uint16_t type; /* enum nv_type */
	uint32_t len;
};

struct nv_go {
	int64_t sec; /* the host's time of day */
	int64_t nsec;
};

#endif /* NESTED_PROTO_H */
