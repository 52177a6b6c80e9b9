// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs for the guest. Each lies there where it lies here, with the
 * libraries that its own dynamic loader finds for it on this machine.
 */
#include "mkinitramfs.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUEST_BUSYBOX "/usr/bin/busybox"

/* Where the guest's PATH leads; applets go to the last that is sure to be there. */
static const char *const guest_path[] = {
	"/usr/local/sbin",
	"/usr/local/bin",
	"/usr/sbin",
	"/usr/bin",
};

/* Where a dynamic loader looks unasked, by distribution. */
static const char *const lib_dirs[] = {
	"/usr/lib",
	"/usr/lib64",
	"/usr/lib/x86_64-linux-gnu",
};

struct programs {
	struct tree *tree;
	char *busybox;
	char **applets;
	size_t nr_applets, cap_applets;
	int ret; /* first failure inside a callback */
};

static bool runnable(const char *file)
{
	struct stat st;

	return !stat(file, &st) && S_ISREG(st.st_mode) && !access(file, X_OK);
}

/* Look @name up in this machine's PATH; an allocated path or NULL. */
static char *search_path(const char *name)
{
	const char *env = getenv("PATH");
	char *dirs = xstrdup(env ? env : "/usr/local/bin:/usr/bin:/bin"), *save, *found = NULL;
	static const char *const more[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (char *d = strtok_r(dirs, ":", &save); d && !found; d = strtok_r(NULL, ":", &save)) {
		char *file = xasprintf("%s/%s", d, name);

		if (*d == '/' && runnable(file))
			found = file;
		else
			free(file);
	}
	/* An ordinary user's PATH lacks sbin, but the guest's user is root. */
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]) && !found; i++) {
		char *file = xasprintf("%s/%s", more[i], name);

		if (runnable(file))
			found = file;
		else
			free(file);
	}
	free(dirs);
	return found;
}

static void add_applet(void *ctx, char *line)
{
	struct programs *p = ctx;

	if (!*line || strchr(line, '/') || strchr(line, ' '))
		return;
	if (p->nr_applets == p->cap_applets) {
		char **v = xalloc((p->cap_applets * 2 + 256) * sizeof(*v));

		if (p->nr_applets)
			memcpy(v, p->applets, p->nr_applets * sizeof(*v));
		free(p->applets);
		p->applets = v;
		p->cap_applets = p->cap_applets * 2 + 256;
	}
	p->applets[p->nr_applets++] = xstrdup(line);
}

static bool is_applet(const struct programs *p, const char *name)
{
	for (size_t i = 0; i < p->nr_applets; i++)
		if (!strcmp(p->applets[i], name))
			return true;
	return false;
}

int programs_new(struct programs **out, struct tree *t, const char *busybox)
{
	struct programs *p = xalloc(sizeof(*p));
	char last[256];
	int ret;

	*out = p;
	p->tree = t;
	p->busybox = busybox ? xstrdup(busybox) : search_path("busybox");
	if (!p->busybox || !runnable(p->busybox)) {
		ss_err("busybox, the guest's shell and tools, isn't %s%s: install busybox-static",
		       busybox ? "at " : "here", busybox ? busybox : "");
		return SS_EXIT_FILE;
	}
	char *argv[] = { p->busybox, "--list", NULL };

	ret = run_lines(argv, add_applet, p, last, sizeof(last));
	if (!ret && is_applet(p, "sh"))
		return 0;
	ss_err("'%s' is no busybox with a shell: %s", p->busybox,
	       ret < 0 ? strerror(-ret)
	       : *last ? last
		       : "--list names no sh");
	return SS_EXIT_FILE;
}

void programs_free(struct programs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nr_applets; i++)
		free(p->applets[i]);
	free(p->applets);
	free(p->busybox);
	free(p);
}

/* A library outside the loader's own directories gets a link in each of them. */
static int link_library(struct programs *p, const char *name, const char *guest)
{
	const char *slash = strrchr(guest, '/');

	if (strchr(name, '/'))
		return 0;
	for (size_t i = 0; i < sizeof(lib_dirs) / sizeof(lib_dirs[0]); i++)
		if (strlen(lib_dirs[i]) == (size_t)(slash - guest) &&
		    !memcmp(lib_dirs[i], guest, slash - guest) && !strcmp(slash + 1, name))
			return 0;
	for (size_t i = 0; i < 2; i++) {
		char *link = xasprintf("%s/%s", lib_dirs[i], name);
		int ret = tree_symlink(p->tree, link, guest);

		free(link);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_library(struct programs *p, const char *name, const char *file)
{
	char *guest = tree_path(file);
	int ret = tree_file(p->tree, guest, file, false);

	if (!ret && name)
		ret = link_library(p, name, guest);
	free(guest);
	if (!ret && name && !strcmp(name, "libc.so.6")) {
		/* glibc loads this one by itself when a thread is cancelled or exits. */
		char *gcc_s =
			xasprintf("%.*s/libgcc_s.so.1", (int)(strrchr(file, '/') - file), file);

		if (!access(gcc_s, R_OK))
			ret = add_library(p, "libgcc_s.so.1", gcc_s);
		free(gcc_s);
	}
	return ret;
}

/* "\tlibc.so.6 => /lib/libc.so.6 (0x7f...)" or "\t/lib64/ld-linux-x86-64.so.2 (0x7f...)" */
static void list_line(void *ctx, char *line)
{
	struct programs *p = ctx;
	char *name, *file, *arrow, *paren;

	line += strspn(line, " \t");
	paren = strrchr(line, '(');
	if (p->ret || !paren || paren == line)
		return;
	paren[-1] = '\0';
	name = line;
	file = line;
	arrow = strstr(line, " => ");
	if (arrow) {
		*arrow = '\0';
		file = arrow + 4;
	}
	if (*file == '/')
		p->ret = add_library(p, arrow ? name : NULL, file);
}

static int add_libraries(struct programs *p, const char *file, const char *interp, const char *what)
{
	char *argv[] = { (char *)interp, "--list", (char *)file, NULL };
	char last[512], *guest;
	int ret;

	if (!runnable(interp)) {
		ss_err("%s: '%s' wants the loader %s, which isn't here: install its C library",
		       what, file, interp);
		return SS_EXIT_FILE;
	}
	guest = tree_path(interp);
	ret = tree_file(p->tree, guest, interp, false);
	free(guest);
	if (ret)
		return ret;
	p->ret = 0;
	ret = run_lines(argv, list_line, p, last, sizeof(last));
	if (ret) {
		ss_err("%s: '%s' lacks something it needs: %s", what, file,
		       ret < 0 ? strerror(-ret) : last);
		return SS_EXIT_FILE;
	}
	return p->ret;
}

/* "#! /usr/bin/env -S prog" and the like: the interpreter is a program too. */
static int add_interpreter(struct programs *p, char *line, const char *file, const char *what)
{
	char *save, *interp = strtok_r(line, " \t\r\n", &save), *word, *base;
	char *as;
	int ret;

	if (!interp)
		return 0;
	base = strrchr(interp, '/');
	base = base ? base + 1 : interp;
	as = xasprintf("%s: the #! line of '%s'", what, file);
	/* busybox is the guest's sh, and has env */
	ret = !strcmp(base, "sh") || !strcmp(base, "env") ? 0 : programs_add(p, interp, as);
	if (!strcmp(base, "env")) {
		while ((word = strtok_r(NULL, " \t\r\n", &save)))
			if (*word != '-' && !strchr(word, '='))
				break;
		if (word && strcmp(word, "sh"))
			ret = programs_add(p, word, as);
	}
	free(as);
	return ret;
}

int programs_needs(struct programs *p, const char *src, const char *what)
{
	int fd = open(src, O_RDONLY | O_CLOEXEC), ret = 0;
	char head[256], *interp;
	ssize_t n;

	if (fd < 0) {
		ss_err("%s: '%s': %s", what, src, strerror(errno));
		return SS_EXIT_FILE;
	}
	n = read(fd, head, sizeof(head) - 1);
	close(fd);
	if (n < 4)
		return 0;
	head[n] = '\0';
	if (!memcmp(head, "#!", 2)) {
		head[2 + strcspn(head + 2, "\n")] = '\0';
		return add_interpreter(p, head + 2, src, what);
	}
	if (!elf_is(head, n))
		return 0;
	interp = elf_interpreter(src);
	if (interp)
		ret = add_libraries(p, src, interp, what);
	free(interp);
	return ret;
}

static bool on_guest_path(const char *guest)
{
	for (size_t i = 0; i < sizeof(guest_path) / sizeof(guest_path[0]); i++) {
		size_t len = strlen(guest_path[i]);

		if (!strncmp(guest, guest_path[i], len) && guest[len] == '/' &&
		    !strchr(guest + len + 1, '/'))
			return true;
	}
	return false;
}

/* @file is on the host, @named tells that the user wrote only its last part. */
static int add_program(struct programs *p, const char *file, bool named, const char *what)
{
	char *guest = tree_path(file);
	int ret = 0;

	if (!tree_has(p->tree, guest)) {
		ret = tree_file(p->tree, guest, file, false);
		if (!ret)
			ret = programs_needs(p, file, what);
	}
	if (!ret && named && !on_guest_path(guest)) {
		char *link = xasprintf("/usr/local/bin/%s", strrchr(file, '/') + 1);

		ret = tree_symlink(p->tree, link, guest);
		free(link);
	}
	free(guest);
	return ret;
}

/* Has something else (--file) put a program of this name into the guest? */
static bool in_guest(const struct programs *p, const char *name)
{
	char *guest;
	bool has = false;

	if (strchr(name, '/')) {
		guest = tree_path(name);
		has = tree_has(p->tree, guest);
		free(guest);
		return has;
	}
	for (size_t i = 0; i < sizeof(guest_path) / sizeof(guest_path[0]) && !has; i++) {
		guest = xasprintf("%s/%s", guest_path[i], name);
		has = tree_has(p->tree, guest);
		free(guest);
	}
	return has;
}

int programs_add(struct programs *p, const char *name, const char *what)
{
	char *file;
	int ret;

	if (in_guest(p, name))
		return 0;
	if (strchr(name, '/')) {
		if (runnable(name))
			return add_program(p, name, false, what);
		ss_err("%s: '%s': %s", what, name,
		       access(name, F_OK) ? strerror(errno) : "is no executable program");
		return SS_EXIT_FILE;
	}
	file = search_path(name);
	if (!file) {
		ss_err("%s: there is no program '%s' on this machine: install it or correct the name",
		       what, name);
		return SS_EXIT_FILE;
	}
	ret = add_program(p, file, true, what);
	free(file);
	return ret;
}

/* Paths that only come into being in the guest. */
static bool made_in_guest(const char *path)
{
	static const char *const dirs[] = { "/tmp/", "/run/", "/dev/", "/proc/", "/sys/", "/mnt/" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (!strncmp(path, dirs[i], strlen(dirs[i])))
			return true;
	return false;
}

static bool applet_path(const struct programs *p, const char *word)
{
	char *guest = tree_path(word);
	const char *base = strrchr(guest, '/') + 1;
	bool yes = is_applet(p, base) &&
		   (!strncmp(guest, "/usr/bin/", 9) || !strncmp(guest, "/usr/sbin/", 10));

	free(guest);
	return yes;
}

/* "sh ./script" runs a file that need not be executable. */
static bool is_script(const char *file)
{
	struct stat st;

	return !stat(file, &st) && S_ISREG(st.st_mode) && !access(file, R_OK);
}

static int command_word(void *ctx, const struct shell_word *w)
{
	struct programs *p = ctx;
	const char *base = strrchr(w->text, '/');
	char *file;
	int ret;

	base = base ? base + 1 : w->text;
	if (shell_builtin(w->text) || !strcmp(base, "sh") || in_guest(p, w->text))
		return 0;
	if (base != w->text) {
		if (runnable(w->text) || (!w->sure && is_script(w->text)))
			return add_program(p, w->text, false, "--exec");
		if (!w->sure || applet_path(p, w->text) || made_in_guest(w->text))
			return 0;
		return programs_add(p, w->text, "--exec");
	}
	file = search_path(w->text);
	if (!file) {
		if (!w->sure || is_applet(p, w->text))
			return 0;
		return programs_add(p, w->text, "--exec");
	}
	ret = add_program(p, file, true, "--exec");
	free(file);
	return ret;
}

int programs_command(struct programs *p, const char *cmd)
{
	return shell_commands(cmd, command_word, p);
}

int programs_finish(struct programs *p)
{
	int ret = tree_file(p->tree, GUEST_BUSYBOX, p->busybox, false);

	if (!ret)
		ret = programs_needs(p, p->busybox, "busybox");
	for (size_t i = 0; i < p->nr_applets && !ret; i++) {
		char *link;

		if (in_guest(p, p->applets[i]))
			continue;
		link = xasprintf("/usr/bin/%s", p->applets[i]);
		ret = tree_symlink(p->tree, link, "busybox");
		free(link);
	}
	return ret;
}
