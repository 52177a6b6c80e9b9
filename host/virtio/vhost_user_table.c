// SPDX-License-Identifier: GPL-2.0-only
/* Messages on shared memory: the guest's, and the inflight buffer. */
#include "virtio/vhost_user_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- the guest's memory --- */

static int add_region(struct vhost_user *vu, struct vu_mem *mem, const struct vu_mem_region *region,
		      int fd)
{
	const char *why;

	if (!vu_mem_add(mem, region, fd, vu->lost_fd, &why))
		return 0;
	return vu_refuse(vu, "the region at 0x%" PRIx64 ", 0x%" PRIx64 " bytes, %s", region->guest,
			 region->size, why);
}

/* A new table instead of the one in use. */
static int swap_mem(struct vhost_user *vu, struct vu_mem *mem)
{
	struct vu_mem *old = vu->mem;
	int ret = vu_rings_halt(vu);

	if (ret) {
		vu_mem_clear(mem);
		free(mem);
		return ret;
	}
	vu->mem = mem;
	virtio_mmio_set_mem(&vu->dev->mmio, &mem->guest);
	vu_mem_clear(old);
	free(old);
	return vu_rings_go_on(vu);
}

int vu_set_mem_table(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_mem_table *table = &msg->p.mem;
	struct vu_mem *mem;
	int ret = 0;

	if (table->nr > VU_MAX_FDS || msg->nr_fds != table->nr ||
	    msg->h.size < offsetof(struct vu_mem_table, region) +
				  table->nr * sizeof(struct vu_mem_region))
		return vu_refuse(vu, "%u regions in %u bytes with %u descriptors", table->nr,
				 msg->h.size, msg->nr_fds);
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return vu_refuse(vu, "out of memory");
	for (unsigned int i = 0; i < table->nr && !ret; i++)
		ret = add_region(vu, mem, &table->region[i], msg->fd[i]);
	if (ret) {
		vu_mem_clear(mem);
		free(mem);
		return ret;
	}
	return swap_mem(vu, mem);
}

int vu_get_max_mem_slots(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)msg;
	return vu_reply_u64(vu, GUEST_MEM_MAX_REGIONS);
}

int vu_add_mem_reg(struct vhost_user *vu, struct vu_msg *msg)
{
	int ret = vu_rings_halt(vu);

	if (!ret)
		ret = add_region(vu, vu->mem, &msg->p.slot.region, msg->fd[0]);
	return ret ? ret : vu_rings_go_on(vu);
}

int vu_rem_mem_reg(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_mem_region *region = &msg->p.slot.region;
	int ret = vu_rings_halt(vu);

	if (ret)
		return ret;
	if (vu_mem_remove(vu->mem, region))
		return vu_refuse(vu, "there is no region at 0x%" PRIx64 " of 0x%" PRIx64 " bytes",
				 region->guest, region->size);
	return vu_rings_go_on(vu);
}

/* --- what is in flight --- */

static int check_inflight(struct vhost_user *vu, const struct vu_inflight *in)
{
	if (!in->num_queues || in->num_queues > vu->dev->nr_queues || !in->queue_size ||
	    in->queue_size > VIRTQ_INFLIGHT_MAX)
		return vu_refuse(vu, "%u queues of %u; there are %u, of %u at most", in->num_queues,
				 in->queue_size, vu->dev->nr_queues, VIRTQ_INFLIGHT_MAX);
	return 0;
}

/* A file that stays as long as it is, whoever holds it. */
static int make_inflight(uint64_t size)
{
	int fd = memfd_create("stallscope-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int vu_get_inflight_fd(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_inflight reply = msg->p.inflight;
	int ret = check_inflight(vu, &reply), fd;

	if (ret)
		return ret;
	reply.mmap_size = (uint64_t)reply.num_queues * virtq_inflight_size(reply.queue_size);
	reply.mmap_offset = 0;
	fd = make_inflight(reply.mmap_size);
	if (fd < 0)
		return vu_refuse(vu, "no memory for it: %s", strerror(-fd));
	/* As long as the request was: some pad the struct, some don't. */
	ret = vu_reply(vu, &reply, msg->h.size, fd);
	close(fd);
	return ret;
}

static void drop_inflight(struct vhost_user *vu)
{
	shared_map_close(&vu->inflight);
	vu->inflight_queues = vu->inflight_size = 0;
}

int vu_set_inflight_fd(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_inflight *in = &msg->p.inflight;
	int ret = check_inflight(vu, in);

	if (ret)
		return ret;
	if (vu_rings_running(vu))
		return vu_refuse(vu, "out of order: a ring is running");
	if (in->mmap_size < (uint64_t)in->num_queues * virtq_inflight_size(in->queue_size) ||
	    in->mmap_offset % 8)
		return vu_refuse(vu, "0x%" PRIx64 " bytes at 0x%" PRIx64 " don't hold it",
				 in->mmap_size, in->mmap_offset);
	drop_inflight(vu);
	ret = shared_map_open(&vu->inflight, msg->fd[0], in->mmap_offset, in->mmap_size,
			      vu->lost_fd);
	if (ret)
		return vu_refuse(vu, "can't map it: %s",
				 ret == -ERANGE ? "the file is shorter" : strerror(-ret));
	vu->inflight_queues = in->num_queues;
	vu->inflight_size = in->queue_size;
	return 0;
}

void *vu_inflight_of(const struct vhost_user *vu, unsigned int q)
{
	if (q >= vu->inflight_queues)
		return NULL;
	return (char *)vu->inflight.addr + q * virtq_inflight_size(vu->inflight_size);
}

void vu_inflight_forget(struct vhost_user *vu)
{
	for (unsigned int q = 0; q < vu->inflight_queues; q++)
		virtq_inflight_forget(vu_inflight_of(vu, q), vu->inflight_size);
}

void vu_tables_drop(struct vhost_user *vu)
{
	vu_mem_clear(vu->mem);
	drop_inflight(vu);
}
