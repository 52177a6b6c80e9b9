// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel modules a guest needs, in an order in which they load. The files
 * themselves say what they depend on, so a directory without modules.dep (a
 * package just unpacked, depmod not run) will do.
 */
#include "mkinitramfs.h"
#include "lib/exitcodes.h"
#include "lib/log.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct module {
	char *name; /* with '_' for '-', as the kernel says it */
	char *path;
	bool builtin;
	bool added;
};

struct modules {
	char *dir;
	char *release;
	struct module *v;
	size_t n, cap;
	char *list; /* what the agent reads */
	size_t list_len;
};

/* "virtio-mmio.ko.xz" -> "virtio_mmio", NULL if it isn't a module's file name. */
static char *module_name(const char *file)
{
	static const char *const ends[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };
	const char *base = strrchr(file, '/');
	size_t len;

	base = base ? base + 1 : file;
	len = strlen(base);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t e = strlen(ends[i]);
		char *name;

		if (len <= e || strcmp(base + len - e, ends[i]))
			continue;
		name = xstrdup(base);
		name[len - e] = '\0';
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		return name;
	}
	return NULL;
}

static void add_known(struct modules *m, const char *file, bool builtin)
{
	char *name = module_name(file);

	if (!name)
		return;
	if (m->n == m->cap) {
		struct module *v = xalloc((m->cap * 2 + 512) * sizeof(*v));

		if (m->n)
			memcpy(v, m->v, m->n * sizeof(*v));
		free(m->v);
		m->v = v;
		m->cap = m->cap * 2 + 512;
	}
	m->v[m->n++] = (struct module){ .name = name, .path = xstrdup(file), .builtin = builtin };
}

static void read_builtin(struct modules *m)
{
	char *file = xasprintf("%s/modules.builtin", m->dir);
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;

	free(file);
	if (!f)
		return;
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		add_known(m, line, true);
	}
	free(line);
	fclose(f);
}

static int read_files(struct modules *m)
{
	char *const roots[] = { m->dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	FTSENT *f;

	if (!fts) {
		ss_err("--modules '%s': %s", m->dir, strerror(errno));
		return SS_EXIT_KERNEL;
	}
	while ((f = fts_read(fts)))
		if (f->fts_info == FTS_F || f->fts_info == FTS_NSOK)
			add_known(m, f->fts_path, false);
	fts_close(fts);
	return 0;
}

/* By name; of two files with one name depmod's choice, updates/, comes first. */
static int module_cmp(const void *a, const void *b)
{
	const struct module *x = a, *y = b;
	int ret = strcmp(x->name, y->name);

	if (!ret)
		ret = !!strstr(y->path, "/updates/") - !!strstr(x->path, "/updates/");
	return ret ? ret : strcmp(x->path, y->path);
}

static struct module *lookup(struct modules *m, const char *name)
{
	char *norm = xasprintf("%s.ko", name), *want = module_name(norm);
	size_t lo = 0, hi = m->n;

	while (want && lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(m->v[mid].name, want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!want || lo == m->n || strcmp(m->v[lo].name, want))
		lo = m->n;
	free(norm);
	free(want);
	return lo < m->n ? &m->v[lo] : NULL;
}

int modules_open(struct modules **out, const char *dir)
{
	struct modules *m = xalloc(sizeof(*m));
	char *real = realpath(dir, NULL), *slash;
	struct stat st;
	int ret;

	*out = m;
	if (!real || stat(real, &st) || !S_ISDIR(st.st_mode)) {
		ss_err("--modules '%s': %s", dir, real ? "not a directory" : strerror(errno));
		free(real);
		return SS_EXIT_KERNEL;
	}
	m->dir = real;
	slash = strrchr(real, '/');
	m->release = xstrdup(slash + 1);
	read_builtin(m);
	ret = read_files(m);
	if (!ret && !m->n) {
		ss_err("--modules '%s' has no kernel modules: give lib/modules/RELEASE of the guest kernel",
		       dir);
		ret = SS_EXIT_KERNEL;
	}
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), module_cmp);
	return ret;
}

void modules_close(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].path);
	}
	free(m->v);
	free(m->list);
	free(m->dir);
	free(m->release);
	free(m);
}

static int missing(const struct modules *m, const char *name, bool there)
{
	if (!there)
		return 0;
	ss_err("kernel %s has no %s, neither as a module in '%s' nor built in: use a kernel that has it",
	       m->release, name, m->dir);
	return SS_EXIT_GUEST_UNFIT;
}

static int add_one(struct modules *m, struct tree *t, const char *name, bool there, bool needed);

/* The words of "a,b,c" (depends) or "pre: a b post: c" (softdep, only the first part). */
static int add_each(struct modules *m, struct tree *t, char *words, bool soft, bool needed)
{
	bool pre = !soft;
	char *save;
	int ret = 0;

	for (char *w = strtok_r(words, ", ", &save); w && !ret; w = strtok_r(NULL, ", ", &save)) {
		if (soft && w[strlen(w) - 1] == ':')
			pre = !strcmp(w, "pre:");
		else if (pre)
			ret = add_one(m, t, w, !soft, needed && !soft);
	}
	return ret;
}

static int add_dependencies(struct modules *m, struct tree *t, void *data, size_t len, bool needed)
{
	char *soft = elf_modinfo(data, len, "softdep");
	char *depends = elf_modinfo(data, len, "depends");
	int ret = 0;

	if (soft)
		ret = add_each(m, t, soft, true, needed);
	if (depends && !ret)
		ret = add_each(m, t, depends, false, needed);
	free(soft);
	free(depends);
	return ret;
}

static void list_append(struct modules *m, const char *path, bool needed)
{
	char *list = xasprintf("%s%s%s\n", m->list ? m->list : "", needed ? "" : "-", path);

	free(m->list);
	m->list = list;
	m->list_len = strlen(list);
}

/*
 * @there: it must be there (a module's own dependencies must, whoever wants it);
 * @needed: the guest can't do without.
 */
static int add_one(struct modules *m, struct tree *t, const char *name, bool there, bool needed)
{
	struct module *mod = lookup(m, name);
	char *guest;
	void *data;
	size_t len;
	int ret;

	if (!mod)
		return missing(m, name, there);
	if (mod->builtin || mod->added)
		return 0;
	mod->added = true; /* before its dependencies: a loop among them ends here */
	ret = read_unpacked(mod->path, &data, &len);
	if (!ret && !elf_is(data, len)) {
		free(data);
		ret = -ENOEXEC;
	}
	if (ret) {
		ss_err("kernel module '%s' can't be unpacked: %s", mod->path, strerror(-ret));
		return SS_EXIT_KERNEL;
	}
	ret = add_dependencies(m, t, data, len, needed);
	if (ret) {
		free(data);
		return ret;
	}
	guest = xasprintf("%s/%s.ko", MKI_MODULE_DIR, mod->name);
	list_append(m, guest, needed);
	ret = tree_data(t, guest, 0644, data, len);
	free(guest);
	return ret;
}

int modules_add(struct modules *m, struct tree *t, const char *name, bool needed)
{
	return add_one(m, t, name, needed, needed);
}

int modules_finish(struct modules *m, struct tree *t)
{
	char *list = m->list ? m->list : xstrdup("");
	size_t len = m->list_len;

	m->list = NULL;
	m->list_len = 0;
	return tree_data(t, MKI_MODULE_LIST, 0644, list, len);
}
