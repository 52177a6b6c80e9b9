/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The initramfs maker. One tree of entries is filled by the parts below and
 * written once, sorted, so that the same input gives the same bytes.
 *
 * Every function that returns int here returns an enum ss_exit: 0, or the
 * status to exit with after one line on stderr has said what is wrong.
 */
#ifndef SS_MKINITRAMFS_H
#define SS_MKINITRAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MKI_DIR		"/stallscope"
#define MKI_MODULE_LIST MKI_DIR "/modules"
#define MKI_MODULE_DIR	MKI_DIR "/ko"

/* --- tree.c: what will be in the archive --- */

struct tree;

/** tree_new() - an empty tree, NULL without memory. tree_free() it. */
struct tree *tree_new(void);
void tree_free(struct tree *t);

/**
 * tree_path() - where a path lies in the guest.
 * @path: a path as the user wrote it; relative ones count from "/", the
 *	directory the workload starts in, so that the same words name the same
 *	file on both sides.
 *
 * Resolves "." and "..", and puts /bin, /sbin and /lib* under /usr (the guest
 * has links there).
 *
 * Return: an allocated string, never NULL (dies without memory).
 */
char *tree_path(const char *path);

/** tree_has() - is there an entry at guest path @path (as tree_path() gives it)? */
bool tree_has(const struct tree *t, const char *path);

/** tree_dir() - add a directory and its parents; an existing one stays as it is. */
int tree_dir(struct tree *t, const char *path, mode_t mode);

/**
 * tree_file() - add a regular file whose bytes are read from @src at the end.
 * @src: path on the host, must exist; links are followed.
 * @replace: an entry that is there already is an error if it comes from
 *	elsewhere; without @replace it quietly stays.
 */
int tree_file(struct tree *t, const char *path, const char *src, bool replace);

/** tree_data() - add a regular file from memory; takes ownership of @data (malloc). */
int tree_data(struct tree *t, const char *path, mode_t mode, void *data, size_t len);

/** tree_text() - add a regular file that holds a constant text. */
int tree_text(struct tree *t, const char *path, const char *text);

/** tree_symlink() - add a symbolic link unless something is there already. */
int tree_symlink(struct tree *t, const char *path, const char *target);

/** tree_chardev() - add a character device node. */
int tree_chardev(struct tree *t, const char *path, mode_t mode, dev_t dev);

/**
 * tree_copy() - add a file, or a directory with everything in it, from the host.
 *
 * Modes are kept; links inside a directory stay links; sockets, pipes and
 * device nodes are refused.
 */
int tree_copy(struct tree *t, const char *path, const char *src);

/**
 * tree_write() - write the archive: newc cpio, mtime 0, owner root, sorted.
 * @output: made under a temporary name beside it and renamed when complete;
 *	nothing is left behind on failure or on a signal.
 */
int tree_write(const struct tree *t, const char *output);

/* --- modules.c: kernel modules --- */

struct modules;

/** modules_open() - list what lib/modules/RELEASE directory @dir offers. */
int modules_open(struct modules **out, const char *dir);
void modules_close(struct modules *m);

/**
 * modules_add() - add one module after the modules it depends on.
 * @needed: it is an error if the kernel neither has it nor has it built in.
 */
int modules_add(struct modules *m, struct tree *t, const char *name, bool needed);

/** modules_finish() - add the list the agent loads from, in order. */
int modules_finish(struct modules *m, struct tree *t);

/* --- elf.c: what an ELF file says about itself --- */

/** elf_is() - do these bytes start an ELF file? */
bool elf_is(const void *data, size_t len);

/**
 * elf_interpreter() - the dynamic loader an ELF file asks for.
 *
 * Return: an allocated string; NULL for a static file (or an unreadable one).
 */
char *elf_interpreter(const char *file);

/**
 * elf_modinfo() - the value of a key in a module's .modinfo section.
 *
 * Return: an allocated string, NULL if the key isn't there.
 */
char *elf_modinfo(void *data, size_t len, const char *key);

/* --- programs.c: programs with what they need to run --- */

struct programs;

/** programs_new() - @busybox: a busybox binary on the host, NULL to look in PATH. */
int programs_new(struct programs **out, struct tree *t, const char *busybox);
void programs_free(struct programs *p);

/**
 * programs_add() - add a program, its interpreter and its shared libraries.
 * @name: a path, or a name to look up in PATH.
 * @what: what the user called it ("--sched"), for messages.
 */
int programs_add(struct programs *p, const char *name, const char *what);

/** programs_needs() - add what the file @src (already in the tree) needs to run, if anything. */
int programs_needs(struct programs *p, const char *src, const char *what);

/**
 * programs_command() - add the programs a shell command line names.
 *
 * The first word of each simple command must be a program here, a shell
 * builtin, a busybox applet or a --file; one that is none of these is an
 * error. Words that only may be programs (arguments of env, timeout, ...) are
 * added where they are.
 */
int programs_command(struct programs *p, const char *cmd);

/** programs_finish() - add busybox and a link for each of its applets. */
int programs_finish(struct programs *p);

/* --- shell.c: words of a command line --- */

/** struct shell_word - a word that names a program, quotes removed. */
struct shell_word {
	const char *text;
	bool sure; /* it is run for certain, by this name */
};

typedef int (*shell_word_fn)(void *ctx, const struct shell_word *word);

/**
 * shell_commands() - call @fn for each word of @cmd that names a program.
 *
 * Understands quotes, operators, redirections, assignments, reserved words,
 * command substitution, wrappers such as "timeout 5 PROG" and sh -c '...'.
 * What it can't be sure of (after a function, a case or a here-document) it
 * reports as not sure.
 *
 * Return: 0 or the first non-zero value of @fn.
 */
int shell_commands(const char *cmd, shell_word_fn fn, void *ctx);

/** shell_builtin() - does busybox's shell do @word itself? */
bool shell_builtin(const char *word);

/* --- util.c --- */

void *xalloc(size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * read_unpacked() - a whole file, decompressed if it is xz, zstd or gzip.
 *
 * Return: 0 with @data (malloc) and @len, or a negative errno.
 */
int read_unpacked(const char *file, void **data, size_t *len);

/**
 * run_lines() - run a program, hand each line of its output to @fn.
 * @last: gets the last line of stderr, for messages.
 *
 * Return: its exit status, or a negative errno if it could not be run.
 */
int run_lines(char *const argv[], void (*fn)(void *ctx, char *line), void *ctx, char *last,
	      size_t last_len);

#endif /* SS_MKINITRAMFS_H */
