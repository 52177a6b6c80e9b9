// SPDX-License-Identifier: GPL-2.0-only
/* Counts the signals that ask the program to stop. */
#include "lib/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupts;

static void on_signal(int sig)
{
	(void)sig;
	interrupts++;
}

void interrupts_catch(void)
{
	/* No SA_RESTART: a wait in progress shall end. */
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* Under nohup a run outlives its terminal. */
	if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int interrupts_seen(void)
{
	return interrupts;
}
