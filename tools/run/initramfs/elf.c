// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an ELF file says about itself: the dynamic loader it asks for, and a
 * kernel module's .modinfo.
 */
#include "mkinitramfs.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool elf_is(const void *data, size_t len)
{
	return len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static char *interpreter(Elf *elf)
{
	size_t n, raw_len;
	const char *raw = elf_rawfile(elf, &raw_len);

	if (!raw || elf_getphdrnum(elf, &n))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, i, &ph) || ph.p_type != PT_INTERP)
			continue;
		if (ph.p_offset >= raw_len || !ph.p_filesz || ph.p_filesz > raw_len - ph.p_offset ||
		    raw[ph.p_offset + ph.p_filesz - 1])
			return NULL;
		return xstrdup(raw + ph.p_offset);
	}
	return NULL;
}

char *elf_interpreter(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *s = NULL;
	Elf *elf;

	if (fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		s = interpreter(elf);
	elf_end(elf);
	close(fd);
	return s;
}

/* .modinfo is a row of NUL-terminated "key=value". */
static char *modinfo_value(const char *p, size_t len, const char *key)
{
	size_t klen = strlen(key);

	while (len) {
		size_t n = strnlen(p, len);

		if (n == len)
			return NULL;
		if (n > klen && p[klen] == '=' && !memcmp(p, key, klen))
			return xstrdup(p + klen + 1);
		p += n + 1;
		len -= n + 1;
	}
	return NULL;
}

char *elf_modinfo(void *data, size_t len, const char *key)
{
	Elf_Scn *scn = NULL;
	size_t names;
	char *s = NULL;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_memory(data, len);
	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names))
		goto out;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		Elf_Data *d;
		GElf_Shdr sh;

		if (!gelf_getshdr(scn, &sh))
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (!name || strcmp(name, ".modinfo"))
			continue;
		d = elf_rawdata(scn, NULL);
		if (d && d->d_buf)
			s = modinfo_value(d->d_buf, d->d_size, key);
		break;
	}
out:
	elf_end(elf);
	return s;
}
