/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An error with a text: the parts of the machine that parse untrusted files return
 * the text instead of printing it, so that tests can read it.
 */
#ifndef SS_VM_ERR_H
#define SS_VM_ERR_H

/** struct vm_err - why something failed, one line, empty if nothing did. */
struct vm_err {
	char text[384];
};

/**
 * vm_fail() - set the text and pass the error number through.
 * @e: gets the text.
 * @error: a negative errno.
 *
 * Return: @error, for "return vm_fail(...)".
 */
int vm_fail(struct vm_err *e, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* SS_VM_ERR_H */
