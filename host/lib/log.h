/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages to the person at the terminal: one line each, on stderr.
 */
#ifndef SS_LOG_H
#define SS_LOG_H

/**
 * ss_err() - print "stallscope: ..." as one line on stderr.
 *
 * Says what is wrong and what to do about it. Any thread may call it; the
 * line is written whole.
 */
void ss_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** ss_err_count() - how many lines ss_err() has printed so far. */
unsigned int ss_err_count(void);

/** ss_warn() - like ss_err(), with "warning: " before the text. */
void ss_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** ss_info() - a line of progress; silent after ss_log_quiet(true). */
void ss_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** ss_log_quiet() - switch ss_info() off (--json keeps stderr for errors). */
void ss_log_quiet(int quiet);

#endif /* SS_LOG_H */
