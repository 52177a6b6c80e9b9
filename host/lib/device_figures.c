// SPDX-License-Identifier: GPL-2.0-only
/* The tables of what devices count and measure, and what is worked out from them. */
#include "lib/device_figures.h"

#include "lib/figures_short.h"

#define BLK(field, doc, ...)	   COUNT(ss_blk_counters, field, #field, doc, ##__VA_ARGS__)
#define BLK_BYTES(field, doc, ...) BYTES(ss_blk_counters, field, #field, doc, ##__VA_ARGS__)

static const struct figure blk_counters[] = {
	BLK(reads_completed, "Requests", REQUIRED),
	BLK(writes_completed, "Requests", REQUIRED),
	BLK(flushes_completed, "Requests", REQUIRED),
	BLK_BYTES(bytes_read, "Moved by reads", REQUIRED),
	BLK_BYTES(bytes_written, "Moved by writes", REQUIRED),
	BLK(throttled_count, "Stall events", REQUIRED),
	BLK(io_errors, "Error events; one hostile request may cause two", REQUIRED),
	BLK(currently_throttled_gauge, "Queues stalled right now", REQUIRED),
	BLK(invalid_avail_idx_count, "Rings broken by the guest, events", REQUIRED),
	BLK(chains_dropped, "Chains that were given no answer"),
	BLK(discards_completed, "Requests; they move no bytes"),
	BLK(write_zeroes_completed, "Requests; they move no bytes"),
};

const struct figures blk_counters_figures = FIGURES(
	blk_counters, .name = "counters",
	.doc = "A disk's counters: events, requests and a gauge, see include/ss_counters.h");

#define NET(field, doc)	      COUNT(ss_net_counters, field, #field, doc, REQUIRED)
#define NET_BYTES(field, doc) BYTES(ss_net_counters, field, #field, doc, REQUIRED)

static const struct figure net_counters[] = {
	NET(tx_packets, "Frames sent: the guest saw their chains completed"),
	NET_BYTES(tx_bytes, "Of these, without the virtio header"),
	NET(rx_packets, "Frames that came back: their used element was published"),
	NET_BYTES(rx_bytes, "Of these, really placed"),
	NET(tx_chain_invalid,
	    "Chains of TX that make no frame: wrong direction, no readable header, addresses that wrap"),
	NET(tx_oversize_dropped, "Frames longer than the MTU allows, dropped whole"),
	NET(tx_dropped_no_rx_buffer, "Frames for which RX had no buffer"),
	NET(tx_dropped_rx_poisoned, "Frames for which RX was broken"),
	NET(rx_chain_invalid, "Buffers of RX of a wrong shape; the frame is lost"),
	NET(rx_write_failed, "Buffers of RX that can't be written; the frame is lost"),
	NET(tx_add_used_failures, "Chains of TX that could not be handed back"),
	NET(rx_add_used_failures, "Chains of RX that could not be handed back"),
	NET(invalid_avail_idx_count, "Rings broken by the guest, events"),
};

const struct figures net_counters_figures =
	FIGURES(net_counters, .name = "net_counters",
		.doc = "A network device's counters, see include/ss_counters.h");

/* Each is found by its place in the struct. */
_Static_assert(sizeof(net_counters) / sizeof(net_counters[0]) == NET_NR_COUNTERS,
	       "each network counter is a figure");
_Static_assert(sizeof(blk_counters) / sizeof(blk_counters[0]) ==
		       sizeof(struct ss_blk_counters) / sizeof(__u64),
	       "each disk counter is a figure");

const char *net_counter_name(unsigned int n)
{
	return net_counters[n].name;
}

uint64_t net_counter_value(const struct ss_net_counters *c, unsigned int n)
{
	return ((const __u64 *)c)[n];
}

uint64_t net_lost(const struct ss_net_counters *c)
{
	return c->tx_chain_invalid + c->tx_oversize_dropped + c->tx_dropped_no_rx_buffer +
	       c->tx_dropped_rx_poisoned + c->rx_chain_invalid + c->rx_write_failed +
	       c->rx_add_used_failures;
}

static const struct figure net_pressure[] = {
	FIG(U64, ss_net_pressure, throttled_count, "throttled_count", NULL, "Stall events",
	    REQUIRED),
	FIG(U64, ss_net_pressure, currently_throttled_gauge, "currently_throttled_gauge", NULL,
	    "1 while TX is stalled", REQUIRED),
};

const struct figures net_pressure_figures = FIGURES(net_pressure);

uint64_t latency_percentile(const struct ss_hist *h, unsigned int percent)
{
	__u64 seen = 0, end;

	if (!h->count)
		return 0;
	for (unsigned int i = 0; i < SS_HIST_SLOTS; i++) {
		seen += h->slots[i];
		if (seen * 100 < h->count * percent)
			continue;
		end = (2ULL << i) - 1;
		return end < h->max_ns ? end : h->max_ns;
	}
	return h->max_ns;
}

static uint64_t hist_p50(const void *hist)
{
	return latency_percentile(hist, 50);
}

static uint64_t hist_p99(const void *hist)
{
	return latency_percentile(hist, 99);
}

static const struct figure hist[] = {
	FIG(U64, ss_hist, count, "count", NULL, "Samples", REQUIRED),
	FIG(U64, ss_hist, total_ns, "sum", "ns", "All of them", REQUIRED),
	FIG(U64, ss_hist, max_ns, "max", "ns", "The longest", REQUIRED),
	FIG_MADE(hist_p50, "p50", "ns", "End of the slot that holds the median", REQUIRED),
	FIG_MADE(hist_p99, "p99", "ns", "End of the slot that holds the 99th percentile", REQUIRED),
	FIG_SLOTTED(
		ss_hist, slots, "slots",
		"Slot n counts those from 2^n to before 2^(n+1) ns; the last ones that are 0 are left out",
		REQUIRED),
};

static const struct figures hist_figures =
	FIGURES(hist, .name = "latency", .doc = "A histogram with log2 slots");

#define HIST(field, name, doc) PART(ss_blk_lat, field, name, &hist_figures, doc, REQUIRED)

static const struct figure blk_lat[] = {
	HIST(queue, "queue_ns", "First seen in the ring until granted, stalls included"),
	HIST(stall, "stall_ns",
	     "Stalled at the head of the queue until granted; only those that were"),
	HIST(backing, "backing_ns", "Granted until done, a profile's added latency included"),
};

const struct figures blk_lat_figures = FIGURES(blk_lat);
