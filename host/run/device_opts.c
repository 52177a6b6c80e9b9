// SPDX-License-Identifier: GPL-2.0-only
/* Converts the options of disks and network devices into what the devices take. */
#include "run/device_opts.h"
#include "io/image.h"
#include "run/run_opts.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const backing_names[] = {
	[BACKING_AUTO] = "auto",
	[BACKING_SYNC] = "sync",
	[BACKING_URING] = "io_uring",
};

const char *disk_opts_backing(unsigned int kind)
{
	return kind < sizeof(backing_names) / sizeof(backing_names[0]) ? backing_names[kind] : NULL;
}

int disk_opts_open(const struct disk_opts *d, const char *dir, struct backing **out, char *err,
		   size_t err_len)
{
	const struct image_opts opts = {
		.read_only = d->read_only,
		.raw = d->raw,
		.share = d->share,
	};

	return d->file ? image_open(d->file, &opts, out, err, err_len)
		       : backing_create_temp(d->size, dir, out, err, err_len);
}

struct throttle_limits disk_opts_limits(const struct disk_opts *d)
{
	return (struct throttle_limits){ .ops = { d->iops, d->iops_burst },
					 .bytes = { d->bps, d->bps_burst } };
}

struct throttle_limits net_opts_limits(const struct net_opts *n)
{
	return (struct throttle_limits){ .ops = { n->pps, n->pps_burst },
					 .bytes = { n->bps, n->bps_burst } };
}

void disk_opts_free(struct disk_opts *d)
{
	free(d->file);
	free(d->profile);
	free(d->group);
	free(d->worker_cpus);
	d->file = d->profile = d->group = d->worker_cpus = NULL;
}

void run_opts_free(struct run_opts *o)
{
	for (unsigned int i = 0; i < o->nr_disks; i++)
		disk_opts_free(&o->disks[i]);
}
