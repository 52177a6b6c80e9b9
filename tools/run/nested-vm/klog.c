// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log of the emulated machine: kept for --out, and searched for
 * lines that tell of trouble.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"
#include "nested_run.h"

#define SHOWN 3 /* lines of trouble shown */

void klog_add(struct klog *k, const void *data, size_t len)
{
	char *text = realloc(k->text, k->len + len + 1);

	if (!text)
		return;
	memcpy(text + k->len, data, len);
	k->text = text;
	k->len += len;
	k->text[k->len] = '\0';
}

void klog_take_console(struct klog *k, int console)
{
	char data[4096];
	off_t at = 0;
	ssize_t n;

	if (k->len || console < 0)
		return;
	while ((n = pread(console, data, sizeof(data), at)) > 0) {
		klog_add(k, data, n);
		at += n;
	}
}

/* A line of the log, "<4>[    1.234567] text", or of the console, without "<4>". */
static bool is_trouble(const char *line)
{
	if (*line == '<')
		line += strcspn(line, "[");
	if (*line == '[')
		line += strcspn(line, "]") + 1;
	line += strspn(line, " ");
	return kernel_complains(line) || !strncmp(line, "Out of memory: ", 15);
}

void klog_report(const struct klog *k)
{
	unsigned int found = 0;
	char line[256];

	for (const char *p = k->text; p && *p;) {
		size_t len = strcspn(p, "\r\n");

		snprintf(line, sizeof(line), "%.*s",
			 (int)(len < sizeof(line) ? len : sizeof(line) - 1), p);
		p += len;
		p += strspn(p, "\r\n");
		if (is_trouble(line) && found++ < SHOWN)
			complain("the machine's kernel log: %s", line);
	}
	if (found > SHOWN)
		complain("the machine's kernel log: %u more such lines", found - SHOWN);
}

int klog_save(const struct klog *k, const char *dir)
{
	char *path = NULL;
	FILE *f;
	int err = 0;

	if (asprintf(&path, "%s/l1-kernel.log", dir) < 0)
		return -ENOMEM;
	f = fopen(path, "we");
	free(path);
	if (!f)
		return -errno;
	if (k->len && fwrite(k->text, 1, k->len, f) != k->len)
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

void klog_free(struct klog *k)
{
	free(k->text);
	memset(k, 0, sizeof(*k));
}
