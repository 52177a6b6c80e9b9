// SPDX-License-Identifier: GPL-2.0-only
/* Has a run analysed, and takes its result to the disk and back. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "report/report.h"
#include "report/run_figures.h"

/* How long the guest ran; a run.json of before .guest_seconds has only the rest. */
static double guest_seconds(const struct run_result *r)
{
	return r->guest_seconds > 0 ? r->guest_seconds : r->seconds - r->boot_seconds;
}

int report_analyse(struct run_result *r, const char *dir)
{
	struct attr_cfg cfg = {
		.disks = r->disks,
		.nets = r->nets,
		.host_missing = r->host_missing_nr ? r->host_missing[0] : NULL,
		.host_lost = r->host_drops.lost,
		.guest_lost = r->guest_drops.lost + r->events.rejected,
	};
	double ran = guest_seconds(r);
	char path[4096];
	int err;

	/* A guest that panics or is stopped doesn't get to it. */
	if (r->guest_traced && !r->guest_drops_known && !r->guest_missing_nr)
		report_add_missing(r, true, "it ended before it told what its tracing had lost");
	if (r->guest_missing_nr)
		cfg.guest_missing = r->guest_missing[0];
	if (!r->host_traced && !cfg.host_missing)
		cfg.host_missing = "host tracing was off";
	if (!r->guest_traced && !cfg.guest_missing)
		cfg.guest_missing = "guest tracing was off";
	if (ran > 0 && ran < 1e9)
		cfg.run_ns = (uint64_t)(ran * 1e9);
	for (uint32_t d = 0; d < r->disks && d < SS_MAX_DISKS; d++)
		cfg.disk[d] = (struct attr_disk_cfg){
			.iops = r->disk[d].iops,
			.bps = r->disk[d].bps,
			.throttled_count = r->disk[d].counters.throttled_count,
		};
	for (uint32_t n = 0; n < r->nets && n < SS_MAX_NETS; n++)
		cfg.net_throttled[n] = r->net[n].pressure.throttled_count;
	snprintf(path, sizeof(path), "%s/%s", dir, EVENTS_FILE);
	err = attribution_run(path, &cfg, &r->attr);
	r->analysed = !err;
	if (err) {
		memset(&r->attr, 0, sizeof(r->attr));
		snprintf(r->attr.verdict.sentence, sizeof(r->attr.verdict.sentence),
			 "can't tell: the event records can't be analysed (%s)",
			 report_analyse_error(err));
	}
	return err;
}

const char *report_analyse_error(int err)
{
	switch (err) {
	case -ENOMEM:
		return "not enough memory to hold them all";
	case -EINVAL:
		return "not an events file";
	default:
		return strerror(-err);
	}
}

/* ---- files ---- */

int report_print_json(const struct run_result *r, FILE *f)
{
	json_t *root = figures_write(&run_figures, r);
	int err = 0;

	if (!root)
		return -ENOMEM;
	errno = 0;
	if (json_dumpf(root, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) || fputc('\n', f) == EOF ||
	    fflush(f))
		err = errno ? -errno : -EIO;
	json_decref(root);
	return err;
}

/*
 * Write to a neighbour and rename, so that a run.json is always a whole one.
 * Its name is fixed: if we are killed, the next run's replaces it.
 */
int report_write_json(const struct run_result *r, const char *dir)
{
	char path[4096], tmp[4096];
	FILE *f;
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, REPORT_JSON_FILE) >= (int)sizeof(path) ||
	    snprintf(tmp, sizeof(tmp), "%s/.%s.tmp", dir, REPORT_JSON_FILE) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		err = -errno;
		close(fd);
		goto unlink;
	}
	err = report_print_json(r, f);
	if (!err && fsync(fd))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (!err)
		return 0;
unlink:
	unlink(tmp);
	return err;
}

/* A run of another format may mean something else by the same keys. */
static int check_format(const json_t *root, char *why, size_t why_len)
{
	const json_t *format = json_object_get(root, "format");

	if (!json_is_integer(format))
		snprintf(why, why_len, "it isn't a run's (no .format)");
	else if (json_integer_value(format) != REPORT_FORMAT)
		snprintf(why, why_len, "its format is %lld, this program knows %d",
			 (long long)json_integer_value(format), REPORT_FORMAT);
	else
		return 0;
	return -EINVAL;
}

int report_read_json(struct run_result *r, const char *dir, char *why, size_t why_len)
{
	json_error_t jerr;
	char path[4096];
	json_t *root;
	FILE *f;
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, REPORT_JSON_FILE) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	errno = 0;
	root = json_loadf(f, JSON_REJECT_DUPLICATES, &jerr);
	if (!root) {
		err = ferror(f) ? (errno ? -errno : -EIO) : -EPROTO;
		snprintf(why, why_len, "line %d: %s", jerr.line, jerr.text);
		fclose(f);
		return err;
	}
	fclose(f);
	memset(r, 0, sizeof(*r));
	err = check_format(root, why, why_len);
	if (!err)
		err = figures_read(&run_figures, root, r, why, why_len);
	json_decref(root);
	return err;
}
