/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run's BPF maps under /sys/fs/bpf/stallscope/NAME/, removed at its end.
 * A run owns its NAME through a locked file, /run/stallscope/NAME.lock, that
 * holds its pid: the kernel drops the lock when the run dies, however it dies,
 * and the next start of any run removes what dead runs left.
 */
#ifndef SS_PINS_H
#define SS_PINS_H

#include <stdbool.h>
#include <stddef.h>

struct pins;

/**
 * pins_open() - own @name, and clear what dead runs left pinned.
 * @out: freed by pins_close(); set when the result isn't negative
 * @err: one line of text if the result isn't 0
 *
 * Mounts bpffs on /sys/fs/bpf if nothing is there (it stays mounted: other
 * programs may use it by then). Without root the lock file lies under
 * $XDG_RUNTIME_DIR. Return: 0; 1 if the name is owned but nothing can be
 * pinned here (pins_add() then answers -EOPNOTSUPP); -EINVAL for a bad name;
 * -EEXIST if a live run has it; another negative errno if no lock file can be
 * made.
 */
int pins_open(const char *name, struct pins **out, char *err, size_t errlen);

/**
 * pins_add() - pin the BPF object @fd as @file in the run's directory.
 *
 * Return: 0 or a negative errno. @fd stays the caller's.
 */
int pins_add(struct pins *p, const char *file, int fd);

/** pins_remove() - unpin @file again before the end. */
void pins_remove(struct pins *p, const char *file);

/**
 * pins_dir() - the run's directory in bpffs, valid until pins_close(); NULL without one.
 *
 * Its last part is NAME with ':' for each '.', which bpffs refuses.
 */
const char *pins_dir(const struct pins *p);

/** pins_close() - remove the pins and the lock file, free. NULL is fine. */
void pins_close(struct pins *p);

#endif /* SS_PINS_H */
