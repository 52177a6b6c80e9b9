/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames that netcheck sends: each says which it is, and everything in it
 * follows from that, so that whoever gets it back can check every byte.
 */
#ifndef SS_GUEST_NET_FRAME_H
#define SS_GUEST_NET_FRAME_H

#include <stdint.h>

#define FRAME_ETHERTYPE 0x88b5 /* IEEE 802: for local experiments */
#define FRAME_MAC_LEN	6
#define FRAME_MIN	60 /* what Ethernet has at least */

/* What a frame is made from; all frames of a run share it. */
struct frame_kind {
	uint8_t mac[FRAME_MAC_LEN]; /* from and to */
	uint32_t seed;
	uint32_t run;	   /* tells the frames of one run from another's that come late */
	uint32_t min, max; /* lengths, Ethernet header included */
};

enum frame_fault {
	FRAME_GOOD,
	FRAME_FOREIGN, /* another run's, or nobody's */
	FRAME_BROKEN,
};

/** frame_make() - write frame @seq to @buf (@kind->max bytes). Return: its length. */
uint32_t frame_make(const struct frame_kind *kind, uint64_t seq, uint8_t *buf);

/**
 * frame_check() - compare what came back with what was sent.
 * @scratch: as large as frame_make()'s buffer
 * @seq: which it is, if FRAME_GOOD
 */
enum frame_fault frame_check(const struct frame_kind *kind, const uint8_t *buf, uint32_t len,
			     uint8_t *scratch, uint64_t *seq);

#endif /* SS_GUEST_NET_FRAME_H */
