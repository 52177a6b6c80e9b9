/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the payloads that drive devices (blk.elf, net.elf) and the host's tests
 * that boot them (host/tests/vm/test_kvm_*.c) agree on.
 *
 * The first word of the command line names the payload's test. What the test
 * needs to know lies in struct bare_shared, written by the host before the
 * start. The payload reports by writing the address of a struct bare_event to
 * the window: its vCPU goes on when the host has dealt with it.
 */
#ifndef SS_BARE_SHARED_H
#define SS_BARE_SHARED_H

#include <stdint.h>

#define BARE_SHARED  0x50000ULL	   /* struct bare_shared */
#define BARE_WINDOW  0xd1000000ULL /* where events are reported */
#define BARE_VIRTIO  0xd0000000ULL /* window of the first virtio device */
#define BARE_GSI     8		   /* its interrupt */
#define BARE_MEMORY  0x2000000ULL  /* bytes of guest RAM: 32 MiB */
#define BARE_RINGS   0x800000ULL   /* rings, headers and status bytes, 1 MiB a queue */
#define BARE_DATA    0x1000000ULL  /* data buffers, 1 MiB a queue */
#define BARE_QUEUE   0x100000ULL
#define BARE_QUEUES  4
#define BARE_BLOCK   4096u /* a buffer, and what most requests move */
#define BARE_SECTORS (BARE_BLOCK / 512)

enum bare_event_kind {
	BARE_CHECK, /* a check failed: @site, @op, @a, @b */
	BARE_TRUTH, /* likewise: @op is what was wanted, 0 or 1 */
	BARE_MEM,   /* likewise: @a and @b are addresses, @len bytes */
	BARE_LOG,   /* @text */
	BARE_BAIL,  /* an ASSERT failed: the test is over */
	BARE_FAULT, /* exception @op at @a; @b: its address */
	BARE_CALL,  /* the host does its part number @op */
	BARE_DONE,  /* the test came to its end */
};

/* BARE_CALL's @op. What is below BARE_CALL_TEST every test can have. */
enum bare_guest_call {
	BARE_CALL_COUNTERS, /* the device's, into @answer */
	BARE_CALL_SETTLE,   /* the device is done with all it had begun */
	BARE_CALL_TEST,	    /* and those that follow: the test's own */
};

/* The addresses are the guest's, one to one. */
struct bare_event {
	uint32_t kind;
	uint32_t line;
	uint64_t file, check, a_text, b_text; /* strings; 0: none */
	uint32_t op;			      /* enum ss_op */
	uint32_t a_kind, b_kind;	      /* enum ss_num_kind */
	uint32_t len;
	uint64_t a, b;
	char text[256];
};

struct bare_shared {
	/* by the host */
	uint32_t poll;	    /* wait by polling, not by interrupt */
	uint32_t event_idx; /* negotiate it */
	uint32_t indirect;  /* likewise, and use it */
	uint32_t queues;
	uint32_t depth;	 /* requests at once */
	uint32_t rounds; /* how often, whatever the test does */
	uint32_t go;	 /* while the guest runs */
	/* by the guest, for whom it may concern */
	uint32_t progress; /* grows: where a test that hangs was */
	uint32_t kicks;
	/* by the host, in answer to a call */
	uint64_t answer[16];
};

/* A word of a block's content: of block @block, written in generation @gen. */
static inline uint64_t bare_guest_pattern(uint64_t block, uint32_t gen, uint32_t word)
{
	return (block << 32 | gen << 16 | word) * 0x9e3779b97f4a7c15ULL + gen;
}

#endif /* SS_BARE_SHARED_H */
