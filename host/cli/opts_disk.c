// SPDX-License-Identifier: GPL-2.0-only
/* Parses the value of --disk. */
#include "cli/opts.h"
#include "lib/cpulist.h"
#include "virtio/blk.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opts_key disk_keys[] = {
	{ "size", offsetof(struct disk_opts, size), true },
	{ "iops", offsetof(struct disk_opts, iops), false },
	{ "bps", offsetof(struct disk_opts, bps), true },
	{ "iops_burst", offsetof(struct disk_opts, iops_burst), false },
	{ "bps_burst", offsetof(struct disk_opts, bps_burst), true },
	{ "queues", offsetof(struct disk_opts, queues), false },
	{ NULL, 0, false },
};

static int disk_backing(const char *val, struct disk_opts *d, char *err)
{
	for (unsigned int i = 0; disk_opts_backing(i); i++)
		if (!strcmp(val, disk_opts_backing(i))) {
			d->backing = (enum backing_kind)i;
			return 0;
		}
	snprintf(err, SS_OPTS_ERR_LEN, "--disk: backing=%s is not auto, sync or io_uring", val);
	return -EINVAL;
}

static int disk_format(const char *val, struct disk_opts *d, char *err)
{
	d->raw = !strcmp(val, "raw");
	if (d->raw)
		return 0;
	snprintf(err, SS_OPTS_ERR_LEN,
		 "--disk: format=%s: only raw is known; convert others (qemu-img convert -O raw)",
		 val);
	return -EINVAL;
}

static int disk_share(const char *val, struct disk_opts *d, char *err)
{
	d->share = !strcmp(val, "on");
	if (d->share || !strcmp(val, "off"))
		return 0;
	snprintf(err, SS_OPTS_ERR_LEN, "--disk: share=%s is neither on nor off", val);
	return -EINVAL;
}

/* The keys whose value is text. */
static char **disk_text(const char *key, struct disk_opts *d)
{
	if (!strcmp(key, "file"))
		return &d->file;
	if (!strcmp(key, "profile"))
		return &d->profile;
	if (!strcmp(key, "group"))
		return &d->group;
	return strcmp(key, "worker_cpus") ? NULL : &d->worker_cpus;
}

static int disk_word(const char *key, const char *val, void *ctx, char *err)
{
	struct disk_opts *d = ctx;
	char **text;
	int ret;

	if (!val && !strcmp(key, "ro")) {
		d->read_only = true;
		return 0;
	}
	if (opts_need_value("--disk", key, val, err))
		return -EINVAL;
	if (!strcmp(key, "backing"))
		return disk_backing(val, d, err);
	if (!strcmp(key, "format"))
		return disk_format(val, d, err);
	if (!strcmp(key, "share"))
		return disk_share(val, d, err);
	text = disk_text(key, d);
	if (!text) {
		ret = opts_value("--disk", disk_keys, key, val, d, err);
		if (ret == -ENOENT)
			snprintf(
				err, SS_OPTS_ERR_LEN,
				"--disk: unknown key '%s' (known: size, file, ro, format, share, iops, bps, iops_burst, bps_burst, profile, group, queues, worker_cpus, backing)",
				key);
		return ret ? -EINVAL : 0;
	}
	if (!*val) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: %s= names no %s", key,
			 text == &d->group	   ? "group"
			 : text == &d->worker_cpus ? "CPU"
						   : "file");
		return -EINVAL;
	}
	*text = strdup(val);
	if (!*text) {
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: out of memory");
		return -EINVAL;
	}
	return 0;
}

int opts_limits(const char *opt, const char *ops, const struct throttle_limits *limits,
		char err[SS_OPTS_ERR_LEN])
{
	const int n = snprintf(err, SS_OPTS_ERR_LEN, "%s: ", opt);
	const int ret = throttle_check_as(limits, ops, err + n, SS_OPTS_ERR_LEN - (size_t)n);

	return ret == -EINVAL ? -EDOM : ret ? -EINVAL : 0;
}

static int disk_check(const struct disk_opts *d, char *err)
{
	const struct throttle_limits limits = disk_opts_limits(d);
	cpu_set_t cpus;

	if (!d->queues || d->queues > BLK_MAX_QUEUES)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: queues=%llu is not a number from 1 to %d",
			 (unsigned long long)d->queues, BLK_MAX_QUEUES);
	else if (d->worker_cpus && cpulist_parse(d->worker_cpus, &cpus))
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: worker_cpus=%s is not a list of CPUs (such as 0-3)",
			 d->worker_cpus);
	else if (d->file && d->size)
		snprintf(err, SS_OPTS_ERR_LEN, "--disk: size= and file= exclude each other");
	else if (!d->file && !d->size)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: wants size=BYTES (a temporary file, not 0) or file=PATH");
	else if (d->size % 512)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: size=%llu is not a multiple of 512 bytes (a sector)",
			 (unsigned long long)d->size);
	else if (!d->file && d->read_only)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: ro wants file=PATH (an empty disk is no use)");
	else if (!d->file && (d->raw || d->share))
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--disk: format= and share= want file=PATH (an image that is there)");
	else
		return opts_limits("--disk", "iops", &limits, err);
	return -EINVAL;
}

int opts_disk(const char *s, struct disk_opts *d, char err[SS_OPTS_ERR_LEN])
{
	int ret;

	*d = (struct disk_opts){ .queues = 1 };
	ret = opts_words("--disk", s, disk_word, d, err);
	return ret ? ret : disk_check(d, err);
}
