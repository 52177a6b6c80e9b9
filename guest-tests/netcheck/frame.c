// SPDX-License-Identifier: GPL-2.0-only
/* A frame whose content tells which one it is and whether it came whole. */
#include "frame.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0x53535632u

/* Right behind the Ethernet header. */
struct label {
	uint8_t dst[FRAME_MAC_LEN], src[FRAME_MAC_LEN];
	uint16_t type; /* big endian, the rest is little endian */
	uint32_t magic;
	uint32_t seed, run;
	uint64_t seq;
	uint32_t len;
	uint32_t sum; /* of the bytes behind it */
} __attribute__((packed));

_Static_assert(sizeof(struct label) <= FRAME_MIN, "the shortest frame holds the label");

/* splitmix64: neighbours in, nothing alike out */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint32_t frame_len(const struct frame_kind *kind, uint64_t seq)
{
	const uint32_t span = kind->max - kind->min + 1;

	/* The shortest and the longest come first, whatever the seed. */
	if (seq < 2)
		return seq ? kind->max : kind->min;
	return kind->min + (uint32_t)(mix((uint64_t)kind->seed << 32 ^ seq) % span);
}

/* xorshift64. Return: a sum that depends on the order of the bytes. */
static uint32_t fill(uint8_t *p, uint32_t len, uint64_t state)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i += sizeof(state)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(p + i, &state, len - i < sizeof(state) ? len - i : sizeof(state));
		sum = (sum << 5 | sum >> 27) ^ (uint32_t)(state ^ state >> 32);
	}
	return sum;
}

uint32_t frame_make(const struct frame_kind *kind, uint64_t seq, uint8_t *buf)
{
	const uint32_t len = frame_len(kind, seq);
	struct label label = {
		.type = htobe16(FRAME_ETHERTYPE),
		.magic = htole32(MAGIC),
		.seed = htole32(kind->seed),
		.run = htole32(kind->run),
		.seq = htole64(seq),
		.len = htole32(len),
	};
	const uint32_t sum = fill(buf + sizeof(label), len - (uint32_t)sizeof(label),
				  mix(seq ^ (uint64_t)kind->seed << 40) | 1);

	memcpy(label.dst, kind->mac, FRAME_MAC_LEN);
	memcpy(label.src, kind->mac, FRAME_MAC_LEN);
	label.sum = htole32(sum);
	memcpy(buf, &label, sizeof(label));
	return len;
}

enum frame_fault frame_check(const struct frame_kind *kind, const uint8_t *buf, uint32_t len,
			     uint8_t *scratch, uint64_t *seq)
{
	struct label label;
	uint32_t want;

	if (len < sizeof(label))
		return FRAME_FOREIGN;
	memcpy(&label, buf, sizeof(label));
	if (label.magic != htole32(MAGIC) || label.run != htole32(kind->run))
		return FRAME_FOREIGN;
	*seq = le64toh(label.seq);
	want = frame_make(kind, *seq, scratch);
	return want == len && !memcmp(scratch, buf, len) ? FRAME_GOOD : FRAME_BROKEN;
}
