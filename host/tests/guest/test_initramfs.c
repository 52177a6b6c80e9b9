// SPDX-License-Identifier: GPL-2.0-only
/* The initramfs maker, from outside: what it packs, and what it refuses. */
#include "tools/run/initramfs/mkinitramfs.h"
#include "lib/exitcodes.h"
#include "ss_harness.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS 40

FIXTURE(mki)
{
	char dir[PATH_MAX]; /* scratch */
	char tool[PATH_MAX];
	char out[PATH_MAX + 16];
	char err[4096]; /* the tool's stderr */
	off_t size_limit;
	char *cpio;
	size_t len;
};

FIXTURE_SETUP(mki)
{
	const char *build = getenv("SS_BUILD");
	char exe[PATH_MAX - 64] = "";

	snprintf(self->dir, sizeof(self->dir), "%s", ss_tmpdir());
	snprintf(self->out, sizeof(self->out), "%s/out.cpio", self->dir);
	ASSERT_GT(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	if (build)
		snprintf(self->tool, sizeof(self->tool), "%s/stallscope-mkinitramfs", build);
	else
		snprintf(self->tool, sizeof(self->tool), "%s/../stallscope-mkinitramfs",
			 dirname(exe));
	ASSERT_EQ(access(self->tool, X_OK), 0)
	{
		TH_LOG("%s", self->tool);
	}
	ASSERT_EQ(chdir(self->dir), 0);
}

FIXTURE_TEARDOWN(mki)
{
	free(self->cpio);
}

static void child(struct ss_fx_mki *self, const char *const *args)
{
	const char *argv[MAX_ARGS] = { self->tool, "--agent", "agent", "--output", self->out };
	struct rlimit limit = { self->size_limit, self->size_limit };
	int fd = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int n = 5;

	dup2(fd, STDERR_FILENO);
	while (*args && n < MAX_ARGS - 1)
		argv[n++] = *args++;
	if (self->size_limit)
		setrlimit(RLIMIT_FSIZE, &limit);
	execv(self->tool, (char *const *)argv);
	_exit(126);
}

/* Run the tool; returns its exit status, with err filled. */
static int run(struct ss_fx_mki *self, const char *const *args)
{
	int status, fd;
	ssize_t n;
	pid_t pid;

	fd = open("agent", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(write(fd, "\177ELFagent", 9), 9);
	close(fd);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		child(self, args);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	fd = open("stderr", O_RDONLY);
	n = read(fd, self->err, sizeof(self->err) - 1);
	self->err[n < 0 ? 0 : n] = '\0';
	close(fd);
	return WEXITSTATUS(status);
}

#define RUN(...) run(self, (const char *const[]){ __VA_ARGS__, NULL })

static bool one_line(const char *s)
{
	const char *nl = strchr(s, '\n');

	return nl && !nl[1] && !strncmp(s, "stallscope: ", 12);
}

/* Refused: this status, one line that names @what, no output file and no temporary one. */
static void refused(struct ss_fx_mki *self, int got, int want, const char *what)
{
	char pattern[PATH_MAX + 32];
	glob_t g;

	EXPECT_EQ(got, want);
	EXPECT_TRUE(one_line(self->err))
	{
		TH_LOG("stderr: %s", self->err);
	}
	EXPECT_STRSTR(self->err, what);
	snprintf(pattern, sizeof(pattern), "%s*", self->out);
	EXPECT_EQ(glob(pattern, 0, NULL, &g), GLOB_NOMATCH);
}

static void put(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	ASSERT_GE(fd, 0)
	{
		TH_LOG("%s", path);
	}
	ASSERT_EQ(write(fd, data, len), (ssize_t)len);
	ASSERT_EQ(fchmod(fd, mode), 0);
	close(fd);
}

/* One entry of a newc archive. */
struct cpio_entry {
	unsigned int mode, mtime, uid, size;
	const char *data;
};

static unsigned int hex(const char *p)
{
	char text[9] = { 0 };

	memcpy(text, p, 8);
	return (unsigned int)strtoul(text, NULL, 16);
}

static void load(struct ss_fx_mki *self)
{
	struct stat st;
	int fd = open(self->out, O_RDONLY);

	ASSERT_GE(fd, 0)
	{
		TH_LOG("%s: %s", self->out, self->err);
	}
	ASSERT_EQ(fstat(fd, &st), 0);
	free(self->cpio);
	self->len = (size_t)st.st_size;
	self->cpio = malloc(self->len);
	ASSERT_NOT_NULL(self->cpio);
	ASSERT_EQ(read(fd, self->cpio, self->len), st.st_size);
	close(fd);
}

/* Walk the archive for @name ("" only walks). Every header is checked on the way. */
static bool find(struct ss_fx_mki *self, const char *name, struct cpio_entry *e)
{
	char last[PATH_MAX] = "";
	size_t at = 0;
	bool found = false;

	if (!self->cpio)
		load(self);
	while (at + 110 <= self->len) {
		const char *h = self->cpio + at, *path = h + 110;
		struct cpio_entry cur = {
			.mode = hex(h + 14),
			.uid = hex(h + 22),
			.mtime = hex(h + 46),
			.size = hex(h + 54),
		};
		size_t data = (at + 110 + hex(h + 94) + 3) & ~3ul;

		ASSERT_EQ(memcmp(h, "070701", 6), 0);
		ASSERT_LE(data + cur.size, self->len);
		if (!strcmp(path, "TRAILER!!!"))
			return found;
		ASSERT_LT(strcmp(last, path), 0)
		{
			TH_LOG("'%s' then '%s'", last, path);
		}
		snprintf(last, sizeof(last), "%s", path);
		cur.data = self->cpio + data;
		if (!strcmp(path, name)) {
			*e = cur;
			found = true;
		}
		at = (data + cur.size + 3) & ~3ul;
	}
	ASSERT_TRUE(false)
	{
		TH_LOG("the archive has no trailer");
	}
	return false;
}

static bool has(struct ss_fx_mki *self, const char *name)
{
	struct cpio_entry e;

	return find(self, name, &e);
}

/* A minimal ELF object with a .modinfo section. */
static void put_module(const char *path, const char *modinfo, size_t len)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	struct {
		Elf64_Ehdr eh;
		Elf64_Shdr sh[3];
		char names[24];
		char modinfo[256];
	} f = {
		.eh = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_REL,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_shoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3,
			.e_shstrndx = 2,
		},
	};

	f.sh[1] = (Elf64_Shdr){ .sh_name = 1,
				.sh_type = SHT_PROGBITS,
				.sh_size = len,
				.sh_offset = (size_t)((char *)f.modinfo - (char *)&f),
				.sh_addralign = 1 };
	f.sh[2] = (Elf64_Shdr){ .sh_name = 10,
				.sh_type = SHT_STRTAB,
				.sh_size = sizeof(names),
				.sh_offset = (size_t)((char *)f.names - (char *)&f),
				.sh_addralign = 1 };
	memcpy(f.names, names, sizeof(names));
	ASSERT_LE(len, sizeof(f.modinfo));
	memcpy(f.modinfo, modinfo, len);
	put(path, &f, sizeof(f), 0644);
}

#define MODULE(path, info) put_module(path, info, sizeof(info))

/* A modules directory: virtio_blk built in, two modules with dependencies. */
static void make_modules(void)
{
	static const char builtin[] = "kernel/drivers/block/virtio_blk.ko\n"
				      "kernel/drivers/char/virtio_console.ko\n";

	ASSERT_EQ(mkdir("9.9-test", 0755), 0);
	ASSERT_EQ(mkdir("9.9-test/kernel", 0755), 0);
	put("9.9-test/modules.builtin", builtin, sizeof(builtin) - 1, 0644);
	MODULE("9.9-test/kernel/virtio-mmio.ko",
	       "license=GPL\0depends=ring-b,ring_a\0name=virtio_mmio");
	MODULE("9.9-test/kernel/ring_a.ko", "depends=base");
	MODULE("9.9-test/kernel/ring_b.ko", "depends=ring_a\0softdep=pre: soft nosuch post: after");
	MODULE("9.9-test/kernel/base.ko", "depends=");
	MODULE("9.9-test/kernel/soft.ko", "");
	MODULE("9.9-test/kernel/after.ko", "");
	MODULE("9.9-test/kernel/loop_a.ko", "depends=loop_b");
	MODULE("9.9-test/kernel/loop_b.ko", "depends=loop_a");
	MODULE("9.9-test/kernel/broken.ko", "depends=missing");
}

static char *module_list(struct ss_fx_mki *self)
{
	struct cpio_entry e;

	ASSERT_TRUE(find(self, "stallscope/modules", &e));
	return strndup(e.data, e.size);
}

/* --- what is packed --- */

TEST_F(mki, skeleton,
       .title = "the agent is /init, busybox has its links, modes and owner are right")
{
	struct cpio_entry e;

	ASSERT_EQ(RUN("--modules", "none"), 0)
	{
		TH_LOG("%s", self->err);
	}
	EXPECT_STREQ(self->err, "");
	ASSERT_TRUE(find(self, "init", &e));
	EXPECT_EQ(e.mode, S_IFREG | 0755);
	EXPECT_EQ(e.mtime, 0);
	EXPECT_EQ(e.uid, 0);
	ASSERT_EQ(e.size, 9);
	EXPECT_MEMEQ(e.data, "\177ELFagent", 9);
	ASSERT_TRUE(find(self, "usr/bin/sh", &e));
	EXPECT_EQ(e.mode & S_IFMT, S_IFLNK);
	EXPECT_MEMEQ(e.data, "busybox", 7);
	ASSERT_TRUE(find(self, "bin", &e));
	EXPECT_MEMEQ(e.data, "usr/bin", 7);
	ASSERT_TRUE(find(self, "tmp", &e));
	EXPECT_EQ(e.mode, S_IFDIR | 01777);
	ASSERT_TRUE(find(self, "dev/console", &e));
	EXPECT_EQ(e.mode, S_IFCHR | 0600);
	EXPECT_FALSE(has(self, "stallscope/modules"));
}

TEST_F(mki, deterministic,
       .title = "the same input gives the same bytes, whatever the order and times of the files")
{
	char *first;
	size_t len;

	ASSERT_EQ(mkdir("d", 0755), 0);
	put("d/b", "b", 1, 0644);
	put("d/a", "a", 1, 0600);
	ASSERT_EQ(RUN("--modules", "none", "--file", "d"), 0);
	load(self);
	first = self->cpio;
	len = self->len;
	self->cpio = NULL;
	ASSERT_EQ(unlink("d/b"), 0);
	put("d/b", "b", 1, 0644);
	ASSERT_EQ(RUN("--modules", "none", "--file", "d"), 0);
	load(self);
	ASSERT_EQ(self->len, len);
	EXPECT_EQ(memcmp(self->cpio, first, len), 0);
	free(first);
}

TEST_F(mki, files, .title = "--file: modes, directories, links, SRC:DST, a place as seen from /")
{
	struct cpio_entry e;

	ASSERT_EQ(mkdir("d", 0700), 0);
	put("d/secret", "s", 1, 0600);
	put("d/script", "#!/bin/sh\n", 10, 0755);
	ASSERT_EQ(symlink("secret", "d/link"), 0);
	put("a:b", "colon", 5, 0644);
	ASSERT_EQ(RUN("--modules", "none", "--file", "d", "--file", "d/secret:/etc/my.conf",
		      "--file", "a:b", "--file", "./d/../d/secret:../../up", "--file",
		      "d/script:/bin/tool"),
		  0)
	{
		TH_LOG("%s", self->err);
	}
	ASSERT_TRUE(find(self, "d", &e));
	EXPECT_EQ(e.mode, S_IFDIR | 0700);
	ASSERT_TRUE(find(self, "d/secret", &e));
	EXPECT_EQ(e.mode, S_IFREG | 0600);
	ASSERT_TRUE(find(self, "d/link", &e));
	EXPECT_EQ(e.mode & S_IFMT, S_IFLNK);
	EXPECT_TRUE(has(self, "etc/my.conf"));
	EXPECT_TRUE(has(self, "a:b"));
	EXPECT_TRUE(has(self, "up"));
	EXPECT_TRUE(has(self, "usr/bin/tool"));
}

TEST_F(mki, program,
       .title = "a dynamic program comes with its interpreter and libraries, where it lies here")
{
	char exe[PATH_MAX] = "";
	struct cpio_entry e;

	ASSERT_GT(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	ASSERT_EQ(RUN("--modules", "none", "--sched", exe), 0)
	{
		TH_LOG("%s", self->err);
	}
	EXPECT_TRUE(has(self, exe + 1));
	EXPECT_TRUE(find(self, "usr/lib64/ld-linux-x86-64.so.2", &e) ||
		    find(self, "usr/lib/ld-linux-x86-64.so.2", &e));
	ASSERT_TRUE(find(self, "usr/lib/x86_64-linux-gnu/libc.so.6", &e) ||
		    find(self, "usr/lib64/libc.so.6", &e));
	EXPECT_EQ(e.mode & S_IFMT, S_IFREG);
	EXPECT_GT(e.size, 100000);
}

TEST_F(mki, script, .title = "a script brings the program after its #!")
{
	put("run.sh", "#!/usr/bin/env -S mkfifo -v\n", 28, 0755);
	put("plain.sh", "#!/bin/sh\necho\n", 15, 0755);
	put("odd.sh", "#! /no/such/interpreter x\n", 26, 0755);
	ASSERT_EQ(RUN("--modules", "none", "--exec", "./run.sh; ./plain.sh"), 0)
	{
		TH_LOG("%s", self->err);
	}
	EXPECT_TRUE(has(self, "run.sh"));
	EXPECT_TRUE(has(self, "usr/bin/mkfifo"));
	unlink(self->out);
	refused(self, RUN("--modules", "none", "--exec", "./odd.sh"), SS_EXIT_FILE,
		"/no/such/interpreter");
}

TEST_F(mki, outside_path,
       .title = "a program found in an unusual PATH directory is found by name in the guest too")
{
	char path[PATH_MAX + 64];
	struct cpio_entry e;

	ASSERT_EQ(mkdir("opt", 0755), 0);
	put("opt/mytool-x", "#!/bin/sh\n", 10, 0755);
	snprintf(path, sizeof(path), "%s/opt:%s", self->dir, getenv("PATH"));
	setenv("PATH", path, 1);
	ASSERT_EQ(RUN("--modules", "none", "--exec", "mytool-x --now"), 0)
	{
		TH_LOG("%s", self->err);
	}
	ASSERT_TRUE(find(self, "usr/local/bin/mytool-x", &e));
	snprintf(path, sizeof(path), "%s/opt/mytool-x", self->dir);
	ASSERT_EQ(e.size, strlen(path));
	EXPECT_MEMEQ(e.data, path, e.size);
}

/* --- modules --- */

TEST_F(mki, modules,
       .title = "modules come after what they depend on, once each, and only what is needed")
{
	char *list;

	make_modules();
	ASSERT_EQ(RUN("--modules", "9.9-test"), 0)
	{
		TH_LOG("%s", self->err);
	}
	list = module_list(self);
	EXPECT_STREQ(list,
		     "-/stallscope/ko/soft.ko\n/stallscope/ko/base.ko\n/stallscope/ko/ring_a.ko\n"
		     "/stallscope/ko/ring_b.ko\n/stallscope/ko/virtio_mmio.ko\n");
	EXPECT_TRUE(has(self, "stallscope/ko/virtio_mmio.ko"));
	EXPECT_FALSE(has(self, "stallscope/ko/after.ko"));
	free(list);
}

/* Which kernel configuration the guest gets with the modules in @dir: its last digit, 0 none. */
static char config_for(struct ss_fx_mki *self, const char *dir)
{
	struct cpio_entry e;

	free(self->cpio);
	self->cpio = NULL;
	ASSERT_EQ(RUN("--modules", dir), 0);
	return find(self, "boot/config-9.9-test", &e) ? e.data[e.size - 2] : 0;
}

TEST_F(mki, kernel_config,
       .title = "a kernel's configuration that lies with the modules is where libbpf looks for it")
{
	make_modules();
	EXPECT_EQ(config_for(self, "9.9-test"), 0);
	ASSERT_EQ(mkdir("9.9-test/build", 0755), 0);
	put("9.9-test/build/.config", "CONFIG_HZ=1\n", 12, 0644);
	EXPECT_EQ(config_for(self, "./9.9-test/"), '1');
	put("9.9-test/config", "CONFIG_HZ=2\n", 12, 0644);
	EXPECT_EQ(config_for(self, "9.9-test"), '2');
}

TEST_F(mki, module_forms, .title = "xz, zstd and gzip modules are stored unpacked")
{
	static const char *const pack[][2] = { { "xz -q", "xz" },
					       { "zstd -q --rm", "zst" },
					       { "gzip", "gz" } };
	struct cpio_entry e;
	char cmd[256];

	make_modules();
	for (size_t i = 0; i < 3; i++) {
		snprintf(cmd, sizeof(cmd), "command -v %.*s >/dev/null",
			 (int)strcspn(pack[i][0], " "), pack[i][0]);
		if (system(cmd))
			SKIP("%s isn't here", pack[i][0]);
		snprintf(cmd, sizeof(cmd), "%s 9.9-test/kernel/base.ko", pack[i][0]);
		ASSERT_EQ(system(cmd), 0);
		ASSERT_EQ(RUN("--modules", "9.9-test"), 0)
		{
			TH_LOG("%s", self->err);
		}
		load(self);
		ASSERT_TRUE(find(self, "stallscope/ko/base.ko", &e));
		EXPECT_MEMEQ(e.data, ELFMAG, SELFMAG);
		snprintf(cmd, sizeof(cmd), "9.9-test/kernel/base.ko.%s", pack[i][1]);
		ASSERT_EQ(unlink(cmd), 0);
		MODULE("9.9-test/kernel/base.ko", "depends=");
	}
}

TEST_F(mki, module_missing,
       .title = "a needed module that isn't there names itself and the kernel: status 5")
{
	make_modules();
	refused(self, RUN("--modules", "9.9-test", "--module", "vhost-x"), SS_EXIT_GUEST_UNFIT,
		"kernel 9.9-test has no vhost-x");
	refused(self, RUN("--modules", "9.9-test", "--module", "broken"), SS_EXIT_GUEST_UNFIT,
		"missing");
	EXPECT_EQ(RUN("--modules", "9.9-test", "--optional-module", "vhost-x"), 0);
}

TEST_F(mki, module_loop, .title = "modules that depend on each other end the walk, not the tool")
{
	make_modules();
	EXPECT_EQ(RUN("--modules", "9.9-test", "--module", "loop_a"), 0)
	{
		TH_LOG("%s", self->err);
	}
}

TEST_F(mki, module_corrupt,
       .title = "a module that is no ELF file, or only half unpacks, is refused")
{
	make_modules();
	put("9.9-test/kernel/base.ko", "not a module", 12, 0644);
	refused(self, RUN("--modules", "9.9-test"), SS_EXIT_KERNEL, "base.ko");
	ASSERT_EQ(unlink("9.9-test/kernel/base.ko"), 0);
	put("9.9-test/kernel/base.ko.xz",
	    "\xfd"
	    "7zXZ\0\0\4\xe6",
	    9, 0644);
	refused(self, RUN("--modules", "9.9-test"), SS_EXIT_KERNEL, "base.ko.xz");
}

TEST_F(mki, module_dir, .title = "a modules directory that is missing, a file or empty: status 3")
{
	put("file", "", 0, 0644);
	ASSERT_EQ(mkdir("empty", 0755), 0);
	refused(self, RUN("--modules", "nosuch"), SS_EXIT_KERNEL, "nosuch");
	refused(self, RUN("--modules", "file"), SS_EXIT_KERNEL, "not a directory");
	refused(self, RUN("--modules", "empty"), SS_EXIT_KERNEL, "no kernel modules");
}

/* --- what is refused --- */

TEST_F(mki, missing,
       .title = "a program or file that isn't there: status 8, named, before anything is written")
{
	put("data", "x", 1, 0644);
	refused(self, RUN("--modules", "none", "--exec", "no-such-prog-x -y"), SS_EXIT_FILE,
		"no-such-prog-x");
	refused(self, RUN("--modules", "none", "--exec", "ls; ./not-here"), SS_EXIT_FILE,
		"./not-here");
	refused(self, RUN("--modules", "none", "--exec", "./data"), SS_EXIT_FILE, "./data");
	refused(self, RUN("--modules", "none", "--sched", "/no/sched"), SS_EXIT_FILE, "/no/sched");
	refused(self, RUN("--modules", "none", "--sched", "data"), SS_EXIT_FILE, "data");
	refused(self, RUN("--modules", "none", "--file", "nofile:/x"), SS_EXIT_FILE, "nofile");
	refused(self, RUN("--modules", "none", "--busybox", "/no/busybox"), SS_EXIT_FILE,
		"/no/busybox");
	refused(self, RUN("--modules", "none", "--agent", "/no/agent"), SS_EXIT_FILE, "/no/agent");
}

TEST_F(mki, odd_files, .title = "pipes, double places and hidden places are refused by name")
{
	put("one", "1", 1, 0644);
	put("two", "2", 1, 0644);
	ASSERT_EQ(mkfifo("fifo", 0600), 0);
	refused(self, RUN("--modules", "none", "--file", "fifo"), SS_EXIT_FILE, "fifo");
	refused(self, RUN("--modules", "none", "--file", "one:/x", "--file", "two:/x"),
		SS_EXIT_FILE, "two");
	refused(self, RUN("--modules", "none", "--file", "one:/x", "--file", "two:/x/y"),
		SS_EXIT_FILE, "/x");
	refused(self, RUN("--modules", "none", "--file", "one:/init"), SS_EXIT_FILE, "/init");
	refused(self, RUN("--modules", "none", "--file", "one:/proc/x"), SS_EXIT_FILE, "/proc/x");
	refused(self, RUN("--modules", "none", "--file", "one:/"), SS_EXIT_FILE, "/");
}

TEST_F(mki, stand_in,
       .title = "a --file in the guest's PATH stands in for a program that isn't on this machine")
{
	put("one", "#!/bin/sh\n", 10, 0755);
	EXPECT_EQ(RUN("--modules", "none", "--file", "one:/usr/bin/no-such-prog-x", "--exec",
		      "no-such-prog-x"),
		  0)
	{
		TH_LOG("%s", self->err);
	}
}

TEST_F(mki, full_disk, .title = "a full disk: status 9, and no half of an archive is left")
{
	self->size_limit = 100000;
	refused(self, RUN("--modules", "none"), SS_EXIT_OUTPUT, "out.cpio");
}

TEST_F(mki, keeps_old, .title = "an archive that is there stays whole when its successor fails")
{
	char old[4] = "";
	int fd;

	put(self->out, "old", 3, 0644);
	self->size_limit = 100000;
	EXPECT_EQ(RUN("--modules", "none"), SS_EXIT_OUTPUT);
	fd = open(self->out, O_RDONLY);
	EXPECT_EQ(read(fd, old, 4), 3);
	EXPECT_STREQ(old, "old");
	close(fd);
}

TEST_F(mki, bad_output, .title = "an output that can't be written, or is no file: status 9")
{
	snprintf(self->out, sizeof(self->out), "%s/nodir/x", self->dir);
	refused(self, RUN("--modules", "none"), SS_EXIT_OUTPUT, "nodir");
	snprintf(self->out, sizeof(self->out), "/dev/null");
	EXPECT_EQ(RUN("--modules", "none"), SS_EXIT_OUTPUT);
	EXPECT_STRSTR(self->err, "/dev/null");
}

TEST_F(mki, usage, .title = "bad options: status 2")
{
	EXPECT_EQ(RUN("--modules", "none", "--no-such"), SS_EXIT_USAGE);
	EXPECT_EQ(RUN("--module", "x"), SS_EXIT_USAGE);
	EXPECT_TRUE(one_line(self->err));
}

TEST_HARNESS_MAIN
