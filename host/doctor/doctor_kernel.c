// SPDX-License-Identifier: GPL-2.0-only
/* stallscope doctor: can the guest's kernel load schedulers? */
#include "doctor/doctor.h"
#include "lib/exitcodes.h"
#include "lib/helper.h"
#include "trace/btf_check.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* extract-vmlinux's exit status when a program that it needs is missing. */
#define EXTRACT_UNABLE 3

/* Takes the extractor's message, without its name and the image's. */
static void take_words(int fd, const char *image, char *say, size_t len)
{
	char line[PATH_MAX + 256];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	const char *at;

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	at = strstr(line, image);
	at = at && !strncmp(at + strlen(image), ": ", 2) ? at + strlen(image) + 2 : line;
	snprintf(say, len, "%.150s", *at ? at : "extract-vmlinux failed without a word");
}

static int run_extractor(char *tool, const char *image, int to, int says)
{
	char out[32];
	char *argv[] = { tool, (char *)image, out, NULL };
	posix_spawn_file_actions_t fa;
	int status = -1;
	pid_t pid;

	snprintf(out, sizeof(out), "/proc/self/fd/%d", to);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, says, STDERR_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!posix_spawn(&pid, tool, &fa, NULL, argv, environ))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&fa);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * Unpacks a compressed image into memory, so that nothing is left behind, however we end.
 * Return: the kernel's descriptor; or, with a reason in @say, -ENOEXEC: the image is broken,
 * or -EOPNOTSUPP: it can't be unpacked here.
 */
static int extract(const char *image, char *say, size_t len)
{
	static const char *const places[] = { "../tools/run/lib",
					      "../libexec/stallscope/tools/lib" };
	char dir[PATH_MAX], tool[2 * PATH_MAX] = "";
	int fd, says, status;

	for (unsigned int i = 0; i < 2 && helper_self_dir(dir); i++) {
		snprintf(tool, sizeof(tool), "%s/%s/extract-vmlinux", dir, places[i]);
		if (!access(tool, X_OK))
			break;
		tool[0] = '\0';
	}
	if (!tool[0]) {
		snprintf(say, len, "extract-vmlinux is missing");
		return -EOPNOTSUPP;
	}
	fd = memfd_create("vmlinux", 0);
	says = memfd_create("words", MFD_CLOEXEC);
	if (fd < 0 || says < 0) {
		snprintf(say, len, "%s", strerror(errno));
		status = EXTRACT_UNABLE;
	} else {
		status = run_extractor(tool, image, fd, says);
		take_words(says, image, say, len);
	}
	if (says >= 0)
		close(says);
	if (!status)
		return fd;
	if (fd >= 0)
		close(fd);
	return status == EXTRACT_UNABLE ? -EOPNOTSUPP : -ENOEXEC;
}

/* Has it the setup header of a compressed x86 kernel image? */
static bool is_bzimage(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool yes;

	if (fd < 0)
		return false;
	yes = pread(fd, magic, sizeof(magic), 0x202) == sizeof(magic) && !memcmp(magic, "HdrS", 4);
	close(fd);
	return yes;
}

static void judge_kernel(struct doctor *d, const char *path, int err,
			 const struct btf_check_result *res)
{
	if (err == -ENODATA) {
		doctor_add(d, "kernel", DOCTOR_FAIL,
			   "use a kernel with CONFIG_DEBUG_INFO_BTF and sched_ext",
			   "%s: no BTF in it", path);
		doctor_give_up(d, SS_EXIT_GUEST_UNFIT);
	} else if (err) {
		doctor_add(d, "kernel", DOCTOR_FAIL, "give a bzImage or an uncompressed vmlinux",
			   "%s: not a kernel that can be read: %s", path,
			   -err < 4000 ? strerror(-err) : "neither an ELF file nor BTF");
		doctor_give_up(d, SS_EXIT_KERNEL);
	} else {
		doctor_add(
			d, "kernel", res->usable ? DOCTOR_OK : DOCTOR_WARN,
			res->usable
				? NULL
				: "runs without --sched work; to load schedulers use another kernel; "
				  "Debian's 7.3 and later is good",
			"%s: %s", path, res->verdict);
	}
}

static void check_bzimage(struct doctor *d, const char *path)
{
	struct btf_check_result res;
	char say[192], unpacked[32];
	int fd = extract(path, say, sizeof(say)), err;

	if (fd == -EOPNOTSUPP) {
		doctor_add(d, "kernel", DOCTOR_WARN, "give the uncompressed vmlinux",
			   "%s: can't look into a bzImage here: %s", path, say);
	} else if (fd < 0) {
		doctor_add(d, "kernel", DOCTOR_FAIL, "give a bzImage or an uncompressed vmlinux",
			   "%s: %s", path, say);
		doctor_give_up(d, SS_EXIT_KERNEL);
	} else {
		snprintf(unpacked, sizeof(unpacked), "/proc/self/fd/%d", fd);
		err = btf_check_sched_ext(unpacked, &res);
		close(fd);
		judge_kernel(d, path, err, &res);
	}
}

void doctor_check_kernel(struct doctor *d)
{
	const char *path = d->kernel ? d->kernel : d->default_kernel;
	struct btf_check_result res;
	int err;

	if (!path[0]) {
		doctor_add(d, "kernel", DOCTOR_WARN,
			   "stallscope doctor --kernel FILE checks one; 'make' fetches one",
			   "no guest kernel to look at");
	} else if (access(path, R_OK)) {
		doctor_add(d, "kernel", DOCTOR_FAIL, "give a bzImage or an uncompressed vmlinux",
			   "%s: %s", path, strerror(errno));
		doctor_give_up(d, SS_EXIT_KERNEL);
	} else if (is_bzimage(path)) {
		check_bzimage(d, path);
	} else {
		err = btf_check_sched_ext(path, &res);
		judge_kernel(d, path, err, &res);
	}
}
