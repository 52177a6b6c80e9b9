/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subcommands. Each takes its own argv (argv[0] is the subcommand's name)
 * and returns an enum ss_exit.
 */
#ifndef SS_CMDS_H
#define SS_CMDS_H

/** cmd_run() - boot a guest under IO pressure and report on it. */
int cmd_run(int argc, char **argv);

/** cmd_report() - print the report of a finished run directory. */
int cmd_report(int argc, char **argv);

/** cmd_doctor() - say whether this machine can run guests, and what to do about it. */
int cmd_doctor(int argc, char **argv);

/** cmd_throttle() - change a live run's limits. */
int cmd_throttle(int argc, char **argv);

/** cmd_stat() - show a live run's counters. */
int cmd_stat(int argc, char **argv);

/** cmd_serve() - serve disks through vhost-user, until a signal. */
int cmd_serve(int argc, char **argv);

/** cmd_dump() - print everything about a live run's disks. */
int cmd_dump(int argc, char **argv);

#endif /* SS_CMDS_H */
