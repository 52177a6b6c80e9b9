// SPDX-License-Identifier: GPL-2.0-only
#include "mock_front.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void bug(const char *what)
{
	fprintf(stderr, "front-end: %s\n", what);
	abort();
}

/* --- life --- */

static int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		bug("eventfd");
	return fd;
}

void front_server(struct mock_front *f)
{
	struct blk_config config = {
		.index = 3,
		.backing = &f->backing.b,
		.queues = FRONT_QUEUES,
		.limits = f->limits,
		.profile = f->profile,
		.clock = f->threads ? NULL : &f->clock.clock,
		.manual = !f->threads,
	};

	if (blk_create(&config, &f->s.blk) ||
	    vhost_user_create(blk_vdev(f->s.blk), &f->clock.clock, &f->s.vu))
		bug("no server");
}

void front_init(struct mock_front *f)
{
	*f = (struct mock_front){
		.sock = -1,
		.inflight_fd = -1,
		.profile = f->profile,
		.limits = f->limits,
		.threads = f->threads,
	};
	mock_clock_init(&f->clock, FRONT_START);
	mock_backing_init(&f->backing, MOCK_DISK_SIZE);
	f->memfd = memfd_create("front-memory", MFD_CLOEXEC);
	if (f->memfd < 0 || ftruncate(f->memfd, FRONT_FILE))
		bug("memfd");
	f->map = mmap(NULL, FRONT_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	if (f->map == MAP_FAILED || guest_mem_add(&f->g.mem, 0, FRONT_LOW_SIZE, f->map) ||
	    guest_mem_add(&f->g.mem, GUEST_BIG, GUEST_BIG_SIZE, f->map + FRONT_LOW_SIZE))
		bug("mmap");
	for (unsigned int q = 0; q < FRONT_QUEUES; q++) {
		f->kick[q] = event();
		f->call[q] = event();
		f->err[q] = event();
		mock_queue_init(&f->q[q], &f->g, q, 128);
	}
	front_server(f);
}

void front_server_free(struct mock_server *s)
{
	if (vhost_user_detach(s->vu))
		bug("detach");
	vhost_user_destroy(s->vu);
	if (blk_destroy(s->blk))
		bug("blk_destroy");
}

void front_free(struct mock_front *f)
{
	if (f->sock >= 0)
		close(f->sock);
	front_server_free(&f->s);
	mock_backing_free(&f->backing);
	munmap(f->map, FRONT_FILE);
	close(f->memfd);
	if (f->inflight_fd >= 0)
		close(f->inflight_fd);
	for (unsigned int q = 0; q < FRONT_QUEUES; q++) {
		close(f->kick[q]);
		close(f->call[q]);
		close(f->err[q]);
	}
}

void front_connect(struct mock_front *f)
{
	int pair[2];

	if (f->sock >= 0)
		close(f->sock);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
	    vhost_user_attach(f->s.vu, pair[1]))
		bug("connect");
	f->sock = pair[0];
}

/* --- messages --- */

void front_send(struct mock_front *f, const struct front_msg *m)
{
	struct vu_header h = { m->request, m->flags, m->size };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(m->fd))];
	} control = { .bytes = { 0 } };
	char all[sizeof(h) + sizeof(m->p)];
	size_t payload = m->size < sizeof(m->p) ? m->size : sizeof(m->p);
	struct iovec iov = { .iov_base = all, .iov_len = sizeof(h) + payload - m->cut };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(all, &h, sizeof(h));
	memcpy(all + sizeof(h), &m->p, payload);
	if (m->nr_fds) {
		struct cmsghdr *c;

		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(m->nr_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nr_fds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fd, m->nr_fds * sizeof(int));
	}
	if (sendmsg(f->sock, &hdr, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		bug("sendmsg");
}

int front_turn(struct mock_front *f)
{
	return vhost_user_turn(f->s.vu);
}

int front_do(struct mock_front *f, const struct front_msg *m)
{
	front_send(f, m);
	return front_turn(f);
}

uint32_t front_reply(struct mock_front *f, uint32_t request, union vu_payload *p, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct vu_header h;
	struct iovec iov[2] = { { &h, sizeof(h) }, { p, sizeof(*p) } };
	struct msghdr hdr = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(f->sock, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&hdr) : NULL;

	if (n < (ssize_t)sizeof(h) || h.request != request || h.flags != (VU_VERSION | VU_REPLY) ||
	    n != (ssize_t)(sizeof(h) + h.size) || !c != !fd)
		bug("no reply, or another one");
	if (fd)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return h.size;
}

bool front_silent(struct mock_front *f)
{
	char byte;

	return recv(f->sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

struct front_msg front_u64(uint32_t request, uint64_t value)
{
	return (struct front_msg){
		.request = request, .flags = VU_VERSION, .size = 8, .p.u64 = value
	};
}

struct front_msg front_state(uint32_t request, uint32_t index, uint32_t num)
{
	return (struct front_msg){ .request = request,
				   .flags = VU_VERSION,
				   .size = sizeof(struct vu_vring_state),
				   .p.state = { index, num } };
}

struct front_msg front_fd(uint32_t request, uint64_t value, int fd)
{
	struct front_msg m = front_u64(request, value);

	m.fd[0] = fd;
	m.nr_fds = 1;
	return m;
}

struct front_msg front_addr(const struct mock_queue *q)
{
	return (struct front_msg){ .request = VU_SET_VRING_ADDR,
				   .flags = VU_VERSION,
				   .size = sizeof(struct vu_vring_addr),
				   .p.addr = { .index = q->index,
					       .desc = FRONT_LOW + q->desc,
					       .avail = FRONT_LOW + q->avail,
					       .used = FRONT_LOW + q->used } };
}

static struct vu_mem_region region(bool big)
{
	return big ? (struct vu_mem_region){ GUEST_BIG, GUEST_BIG_SIZE, FRONT_BIG, FRONT_LOW_SIZE }
		   : (struct vu_mem_region){ 0, FRONT_LOW_SIZE, FRONT_LOW, 0 };
}

struct front_msg front_mem_table(const struct mock_front *f)
{
	struct front_msg m = { .request = VU_SET_MEM_TABLE,
			       .flags = VU_VERSION,
			       .size = 8 + 2 * sizeof(struct vu_mem_region),
			       .p.mem = { .nr = 2 } };

	for (unsigned int i = 0; i < 2; i++) {
		m.p.mem.region[i] = region(i);
		m.fd[i] = f->memfd;
	}
	m.nr_fds = 2;
	return m;
}

struct front_msg front_mem_slot(uint32_t request, const struct mock_front *f, bool big)
{
	struct front_msg m = { .request = request,
			       .flags = VU_VERSION,
			       .size = sizeof(struct vu_mem_slot),
			       .p.slot = { .region = region(big) } };

	m.fd[0] = f->memfd;
	m.nr_fds = request == VU_ADD_MEM_REG;
	return m;
}

/* --- the usual way --- */

static void must(struct mock_front *f, struct front_msg m)
{
	if (front_do(f, &m))
		bug("a good message was refused");
}

uint64_t front_ask_u64(struct mock_front *f, uint32_t request)
{
	union vu_payload p;

	must(f, (struct front_msg){ .request = request, .flags = VU_VERSION });
	if (front_reply(f, request, &p, NULL) != sizeof(p.u64))
		bug("not a number");
	return p.u64;
}

void front_hello(struct mock_front *f)
{
	if ((front_ask_u64(f, VU_GET_FEATURES) & FRONT_FEATURES) != FRONT_FEATURES)
		bug("features");
	must(f, front_u64(VU_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL));
	must(f, (struct front_msg){ .request = VU_SET_OWNER, .flags = VU_VERSION });
	must(f, front_u64(VU_SET_FEATURES, FRONT_FEATURES));
	must(f, front_mem_table(f));
}

void front_ring_setup(struct mock_front *f, unsigned int q, uint16_t base)
{
	must(f, front_state(VU_SET_VRING_NUM, q, f->q[q].size));
	must(f, front_state(VU_SET_VRING_BASE, q, base));
	must(f, front_addr(&f->q[q]));
	must(f, front_fd(VU_SET_VRING_CALL, q, f->call[q]));
	must(f, front_fd(VU_SET_VRING_ERR, q, f->err[q]));
}

void front_ring_start(struct mock_front *f, unsigned int q, uint16_t base)
{
	front_ring_setup(f, q, base);
	must(f, front_fd(VU_SET_VRING_KICK, q, f->kick[q]));
	must(f, front_state(VU_SET_VRING_ENABLE, q, 1));
}

uint16_t front_ring_stop(struct mock_front *f, unsigned int q)
{
	union vu_payload p;

	must(f, front_state(VU_GET_VRING_BASE, q, 0));
	front_reply(f, VU_GET_VRING_BASE, &p, NULL);
	if (p.state.index != q)
		bug("another ring's base");
	return (uint16_t)p.state.num;
}

void front_inflight(struct mock_front *f)
{
	struct front_msg m = { .request = VU_GET_INFLIGHT_FD,
			       .flags = VU_VERSION,
			       .size = sizeof(struct vu_inflight),
			       .p.inflight = { .num_queues = FRONT_QUEUES, .queue_size = 128 } };
	union vu_payload p;

	if (f->inflight_fd < 0) {
		must(f, m);
		front_reply(f, VU_GET_INFLIGHT_FD, &p, &f->inflight_fd);
		f->inflight = p.inflight;
	}
	m.request = VU_SET_INFLIGHT_FD;
	m.p.inflight = f->inflight;
	m.fd[0] = f->inflight_fd;
	m.nr_fds = 1;
	must(f, m);
}

void front_kick(struct mock_front *f, unsigned int q)
{
	const uint64_t one = 1;

	if (write(f->kick[q], &one, sizeof(one)) != sizeof(one))
		bug("kick");
	blk_step(f->s.blk, q);
}

uint64_t front_calls(struct mock_front *f, unsigned int q)
{
	return mock_eventfd(f->call[q]);
}

bool front_done(struct mock_front *f, unsigned int q, const struct mock_req *req)
{
	uint32_t id, len;

	if (!mock_used(&f->q[q], &id, &len)) {
		printf("# nothing was published\n");
		return false;
	}
	if (id == req->head && mock_status(&f->q[q], req) == VIRTIO_BLK_S_OK)
		return true;
	printf("# head %u instead of %u, status %u\n", id, req->head, mock_status(&f->q[q], req));
	return false;
}

/* --- leaks --- */

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	if (!dir)
		bug("/proc");
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

unsigned int count_maps(const char *name)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned int nr = 0;
	char line[512];

	if (!file)
		bug("/proc");
	while (fgets(line, sizeof(line), file))
		nr += strstr(line, name) != NULL;
	fclose(file);
	return nr;
}
