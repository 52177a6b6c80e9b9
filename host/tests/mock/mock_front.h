/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-user front-end that does what a test says, in front of a disk on a mock
 * backing. The test is the front-end, the driver, the clock and the worker's thread:
 * a message is sent, and served by front_turn().
 */
#ifndef SS_MOCK_FRONT_H
#define SS_MOCK_FRONT_H

#include "mock_backing.h"
#include "mock_guest.h"
#include "virtio/blk.h"
#include "virtio/vhost_user.h"
#include "virtio/vhost_user_proto.h"

#define FRONT_QUEUES 2
#define FRONT_START  1000000000000ULL /* the clock begins here, ns */
#define FRONT_DATA   GUEST_BIG

/* The memory: one file, two regions of it. */
#define FRONT_LOW      UINT64_C(0x7f0000000000) /* the front-end's address of guest address 0 */
#define FRONT_LOW_SIZE UINT64_C(0x80000)
#define FRONT_BIG      UINT64_C(0x7f1000000000) /* and of GUEST_BIG */
#define FRONT_FILE     (FRONT_LOW_SIZE + GUEST_BIG_SIZE)

#define FRONT_FEATURES                                                                             \
	(FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_BLK_F_FLUSH) | FEAT(VIRTIO_BLK_F_CONFIG_WCE) |     \
	 VU_F_PROTOCOL_FEATURES)
#define FRONT_PROTOCOL                                                                             \
	(VU_PROTOCOL_MQ | VU_PROTOCOL_REPLY_ACK | VU_PROTOCOL_CONFIG | VU_PROTOCOL_INFLIGHT |      \
	 VU_PROTOCOL_RESET_DEVICE | VU_PROTOCOL_MEM_SLOTS)

/* A disk and its server: what is lost when the server is killed. */
struct mock_server {
	struct blk *blk;
	struct vhost_user *vu;
};

struct mock_front {
	struct mock_clock clock;
	struct mock_backing backing;
	const struct profile *profile;
	struct throttle_limits limits;
	bool threads; /* true workers, true time */
	struct mock_server s;
	int sock;
	int memfd, inflight_fd;
	struct vu_inflight inflight;
	struct mock_guest g;
	struct mock_queue q[FRONT_QUEUES];
	int kick[FRONT_QUEUES], call[FRONT_QUEUES], err[FRONT_QUEUES];
	char *map;
};

/** front_init() - memory, backing, and a server that nobody has connected to */
void front_init(struct mock_front *f);

/** front_free() - detach and destroy; the test fails if that does */
void front_free(struct mock_front *f);

/** front_server() - make a server; those before are the test's */
void front_server(struct mock_front *f);

/** front_server_free() - detach and destroy @s */
void front_server_free(struct mock_server *s);

/** front_connect() - a new socket to the server */
void front_connect(struct mock_front *f);

/* A message as it's sent; a test may change any of it. */
struct front_msg {
	uint32_t request, flags, size;
	union vu_payload p;
	int fd[16];
	unsigned int nr_fds;
	size_t cut; /* bytes not sent */
};

/** front_send() - send it as it is; its descriptors stay the test's */
void front_send(struct mock_front *f, const struct front_msg *m);

/** front_turn() - vhost_user_turn(), until a message is served or there is no more of one */
int front_turn(struct mock_front *f);

/** front_do() - send and serve. Return: vhost_user_turn()'s */
int front_do(struct mock_front *f, const struct front_msg *m);

/** front_reply() - take a reply to @request; the test fails if there is none. Return: its size */
uint32_t front_reply(struct mock_front *f, uint32_t request, union vu_payload *p, int *fd);

/** front_silent() - is there no reply to take? */
bool front_silent(struct mock_front *f);

/** front_ask_u64() - a request without payload that's answered with a number */
uint64_t front_ask_u64(struct mock_front *f, uint32_t request);

/* The usual messages. */
struct front_msg front_u64(uint32_t request, uint64_t value);
struct front_msg front_state(uint32_t request, uint32_t index, uint32_t num);
struct front_msg front_fd(uint32_t request, uint64_t value, int fd);
struct front_msg front_addr(const struct mock_queue *q);
struct front_msg front_mem_table(const struct mock_front *f);
struct front_msg front_mem_slot(uint32_t request, const struct mock_front *f, bool big);

/** front_hello() - from the connection up to memory and features */
void front_hello(struct mock_front *f);

/** front_ring_setup() - size, place, base, call and err of ring @q; not its kick */
void front_ring_setup(struct mock_front *f, unsigned int q, uint16_t base);

/** front_ring_start() - all that it takes to start ring @q */
void front_ring_start(struct mock_front *f, unsigned int q, uint16_t base);

/** front_ring_stop() - GET_VRING_BASE. Return: the base */
uint16_t front_ring_stop(struct mock_front *f, unsigned int q);

/** front_inflight() - GET_INFLIGHT_FD, once, and SET_INFLIGHT_FD */
void front_inflight(struct mock_front *f);

/** front_kick() - the driver kicks queue @q, and its worker has a turn */
void front_kick(struct mock_front *f, unsigned int q);

/** front_calls() - interrupts of queue @q since the last call */
uint64_t front_calls(struct mock_front *f, unsigned int q);

/** front_done() - the next used element of queue @q is @req's, with status OK */
bool front_done(struct mock_front *f, unsigned int q, const struct mock_req *req);

/** count_fds() - descriptors this process has open */
unsigned int count_fds(void);

/** count_maps() - mappings of files with @name in theirs */
unsigned int count_maps(const char *name);

#endif /* SS_MOCK_FRONT_H */
