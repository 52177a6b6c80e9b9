// SPDX-License-Identifier: GPL-2.0-only
/* Parses lists of CPUs. */
#include "lib/cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* Takes a CPU's number off the front of @s. Return: the number, or -1 if there is none. */
static int number(const char **s)
{
	int cpu = 0;

	if (!isdigit((unsigned char)**s))
		return -1;
	for (; isdigit((unsigned char)**s); (*s)++) {
		cpu = 10 * cpu + (**s - '0');
		if (cpu >= CPU_SETSIZE)
			return -1;
	}
	return cpu;
}

int cpulist_parse(const char *list, cpu_set_t *out)
{
	CPU_ZERO(out);
	for (;;) {
		int first = number(&list), last = first;

		if (*list == '-') {
			list++;
			last = number(&list);
		}
		if (first < 0 || last < first)
			return -EINVAL;
		for (; first <= last; first++)
			CPU_SET((size_t)first, out);
		if (!*list)
			return 0;
		if (*list++ != ',')
			return -EINVAL;
	}
}

int cpulist_spread(const char *list, cpu_set_t *each, unsigned int nr, char *err, size_t err_len)
{
	cpu_set_t set, ours;
	size_t cpu = CPU_SETSIZE;

	if (cpulist_parse(list, &set)) {
		snprintf(err, err_len, "'%s' is not a list of CPUs (such as 0-3)", list);
		return -EINVAL;
	}
	if (sched_getaffinity(0, sizeof(ours), &ours)) {
		snprintf(err, err_len, "this machine has more CPUs than %d", CPU_SETSIZE);
		return -ENODEV;
	}
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && !CPU_ISSET(i, &ours)) {
			snprintf(err, err_len, "CPU %zu isn't there, or not for this process", i);
			return -ENODEV;
		}
	for (unsigned int n = 0; n < nr; n++) {
		do
			cpu = cpu + 1 < CPU_SETSIZE ? cpu + 1 : 0;
		while (!CPU_ISSET(cpu, &set));
		CPU_ZERO(&each[n]);
		CPU_SET(cpu, &each[n]);
	}
	return 0;
}
