/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a person ends the program: ctrl-C, SIGTERM or a closed terminal are
 * counted, and whoever waits looks at the count.
 */
#ifndef SS_LIB_INTERRUPT_H
#define SS_LIB_INTERRUPT_H

/**
 * interrupts_catch() - count SIGINT, SIGTERM and SIGHUP instead of ending by them.
 *
 * A wait in progress ends with EINTR. SIGHUP stays ignored under nohup; SIGPIPE
 * becomes an error of the write. Called once, before there are threads.
 */
void interrupts_catch(void);

/** interrupts_seen() - how often one came since interrupts_catch(); any thread may ask. */
int interrupts_seen(void);

#endif /* SS_LIB_INTERRUPT_H */
