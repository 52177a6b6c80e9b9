// SPDX-License-Identifier: GPL-2.0-only
/* The loopback network device on KVM, driven by a bare-metal guest. */
#include "bare_guest.h"

#define FRAMES 100000

FIXTURE(net)
{
	struct bare_guest n;
};

FIXTURE_VARIANT(net)
{
	bool event_idx;
};

FIXTURE_VARIANT_ADD(net, event){ true };
FIXTURE_VARIANT_ADD(net, no_event){ false };

FIXTURE_SETUP(net)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(net)
{
	bare_guest_free(&self->n);
}

TEST_F(net, loopback, .timeout_s = BARE_TIMEOUT_S,
       .title = "N1 N3 100,000 frames of all lengths come back once, in order; the counters agree")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx,
							    .depth = 128,
							    .rounds = FRAMES });
	bare_guest_run(&self->n, "loopback");
}

TEST_F(net, one_by_one, .timeout_s = BARE_TIMEOUT_S,
       .title = "5,000 frames, each waited for by interrupt: none is lost")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx,
							    .depth = 1,
							    .rounds = 5000 });
	bare_guest_run(&self->n, "loopback");
}

TEST_F(net, polled, .timeout_s = BARE_TIMEOUT_S, .title = "20,000 frames by polling")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx,
							    .poll = true,
							    .depth = 64,
							    .rounds = 20000 });
	bare_guest_run(&self->n, "loopback");
}

TEST_F(net, flood, .timeout_s = BARE_TIMEOUT_S,
       .title = "N5 one CPU floods, another receives: what is lost is what is counted")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .cpus = 2,
							    .event_idx = variant->event_idx,
							    .poll = true,
							    .depth = 16,
							    .rounds = 30000 });
	bare_guest_run(&self->n, "flood");
}

TEST_F(net, no_buffers, .timeout_s = BARE_TIMEOUT_S,
       .title = "N5 without RX buffers every frame is dropped and counted, and TX goes on")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx,
							    .rounds = 1000 });
	bare_guest_run(&self->n, "no_buffers");
}

TEST_F(net, reset, .timeout_s = BARE_TIMEOUT_S,
       .title = "N8 30 resets with frames under way: none turns up afterwards")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx,
							    .depth = 100,
							    .rounds = 30 });
	bare_guest_run(&self->n, "net_reset");
}

TEST_F(net, rx_poisoned, .timeout_s = BARE_TIMEOUT_S,
       .title = "N5 N7 N8 a broken RX ring is told once; TX goes on until a reset mends it")
{
	bare_guest_net(&self->n, &(struct bare_guest_opts){ .event_idx = variant->event_idx });
	bare_guest_run(&self->n, "rx_poisoned");
}

TEST_HARNESS_MAIN
