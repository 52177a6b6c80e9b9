// SPDX-License-Identifier: GPL-2.0-only
/* Finds the range that an access goes to. */
#include "vm/bus.h"

#include <errno.h>
#include <string.h>

int vm_bus_add(struct vm_bus *bus, const struct vm_range *range)
{
	unsigned int at;

	if (!range->size || range->base + (range->size - 1) < range->base)
		return -EINVAL;
	if (bus->nr == VM_BUS_MAX_RANGES)
		return -ENOSPC;
	for (at = 0; at < bus->nr && bus->range[at].base < range->base; at++)
		;
	if (at < bus->nr && bus->range[at].base - range->base < range->size)
		return -EEXIST;
	if (at && range->base - bus->range[at - 1].base < bus->range[at - 1].size)
		return -EEXIST;
	memmove(&bus->range[at + 1], &bus->range[at], (bus->nr - at) * sizeof(*range));
	bus->range[at] = *range;
	bus->nr++;
	return 0;
}

/* Finds the range that holds [addr, addr + len), by bisection; NULL if none does. */
static const struct vm_range *bus_find(const struct vm_bus *bus, uint64_t addr, uint32_t len)
{
	unsigned int lo = 0, hi = bus->nr;
	const struct vm_range *r;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (bus->range[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	r = &bus->range[lo - 1];
	if (addr - r->base >= r->size || len > r->size - (addr - r->base))
		return NULL;
	return r;
}

bool vm_bus_read(const struct vm_bus *bus, unsigned int vcpu, uint64_t addr, void *data,
		 uint32_t len)
{
	const struct vm_range *r = bus_find(bus, addr, len);

	memset(data, 0xff, len);
	if (!r)
		return false;
	if (r->ops->read)
		r->ops->read(r->opaque, vcpu, addr - r->base, data, len);
	return true;
}

bool vm_bus_write(const struct vm_bus *bus, unsigned int vcpu, uint64_t addr, const void *data,
		  uint32_t len)
{
	const struct vm_range *r = bus_find(bus, addr, len);

	if (!r)
		return false;
	if (r->ops->write)
		r->ops->write(r->opaque, vcpu, addr - r->base, data, len);
	return true;
}
