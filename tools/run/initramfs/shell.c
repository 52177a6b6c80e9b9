// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which programs does a shell command line run? Not a shell: just enough of
 * its grammar to find the first word of each simple command. Shells check a
 * line (sh -n) but don't tell its words, and a parser that does (shfmt) would
 * have to be on every machine that boots a guest; what wrappers, prefixes and
 * sh -c run would still be for us to find.
 */
#include "mkinitramfs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	shell_word_fn fn;
	void *ctx;
	bool unsure; /* what follows can't be told commands from data */
	int depth;
};

/* What the words of the current simple command are. */
struct command {
	bool want;    /* the next word is the program */
	bool prefix;  /* after exec, time, ...: still the next word, but for its options */
	bool wrapper; /* some later word may be a program */
	bool shell;   /* the word after -c is a command line */
	bool dash_c;
	bool redirect; /* the next word is a file */
};

static const char *const keywords[] = {
	"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "{", "}", "!", NULL,
};
static const char *const prefixes[] = { "exec", "command", "builtin", "time", NULL };
static const char *const wrappers[] = {
	"env",	   "nice",   "ionice",	"timeout",   "taskset", "chrt",	   "xargs",
	"setsid",  "nohup",  "sudo",	"strace",    "ltrace",	"perf",	   "stdbuf",
	"numactl", "watch",  "unshare", "chroot",    "find",	"prlimit", "setpriv",
	"flock",   "script", "busybox", "uclampset", NULL,
};
static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "zsh", NULL };
static const char *const builtins[] = {
	".",	   ":",	       "[",	 "[[",	  "alias",   "bg",     "break",	 "cd",	   "chdir",
	"command", "continue", "echo",	 "eval",  "exec",    "exit",   "export", "false",  "fg",
	"getopts", "hash",     "help",	 "jobs",  "kill",    "let",    "local",	 "printf", "pwd",
	"read",	   "readonly", "return", "set",	  "shift",   "source", "test",	 "times",  "trap",
	"true",	   "type",     "ulimit", "umask", "unalias", "unset",  "wait",	 NULL,
};

static bool among(const char *const *set, const char *word)
{
	for (; *set; set++)
		if (!strcmp(*set, word))
			return true;
	return false;
}

bool shell_builtin(const char *word)
{
	return among(builtins, word);
}

static int scan_text(struct scan *s, const char *p, size_t len);

/* Length of the text up to the ')' that closes a "$(" just passed. */
static size_t paren_len(const char *p, const char *end)
{
	const char *start = p;
	int depth = 1;
	char quote = 0;

	for (; p < end; p++) {
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			p++;
		else if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && !--depth)
			break;
	}
	return p - start;
}

/* A '$' or '`' at p: scan what a substitution runs. Return where to go on. */
static const char *expansion(struct scan *s, const char *p, const char *end, int *ret)
{
	size_t n;

	if (*p == '`') {
		const char *close = memchr(p + 1, '`', end - p - 1);

		n = close ? (size_t)(close - p - 1) : (size_t)(end - p - 1);
		*ret = scan_text(s, p + 1, n);
		return p + 1 + n + !!close;
	}
	if (p + 1 < end && p[1] == '(') {
		n = paren_len(p + 2, end);
		if (!(p + 2 < end && p[2] == '(')) /* $(( )) is arithmetic */
			*ret = scan_text(s, p + 2, n);
		p += 2 + n;
		return p < end ? p + 1 : p;
	}
	if (p + 1 < end && p[1] == '{') {
		const char *close = memchr(p, '}', end - p);

		return close ? close + 1 : end;
	}
	return p + 1;
}

/*
 * Read one word into @buf with its quotes removed. *expands tells that its
 * text is known only when it runs.
 */
static const char *read_word(struct scan *s, const char *p, const char *end, char *buf,
			     bool *expands, int *ret)
{
	char quote = 0;
	size_t n = 0;

	*expands = false;
	while (p < end && !*ret) {
		if (*p == '\\' && quote != '\'' && p + 1 < end) {
			if (p[1] != '\n')
				buf[n++] = p[1];
			p += 2;
		} else if ((*p == '$' || *p == '`') && quote != '\'') {
			*expands = true;
			p = expansion(s, p, end, ret);
		} else if (quote) {
			if (*p == quote)
				quote = 0;
			else
				buf[n++] = *p;
			p++;
		} else if (*p == '\'' || *p == '"') {
			quote = *p++;
		} else if (isspace((unsigned char)*p) || strchr(";&|()<>", *p)) {
			break;
		} else {
			if (*p == '*' || *p == '?' || (*p == '~' && !n))
				*expands = true;
			buf[n++] = *p++;
		}
	}
	buf[n] = '\0';
	return p;
}

static bool is_assignment(const char *w)
{
	const char *eq = strchr(w, '=');

	if (!eq || eq == w || isdigit((unsigned char)*w))
		return false;
	for (; w < eq; w++)
		if (!isalnum((unsigned char)*w) && *w != '_' && !(*w == '+' && w + 1 == eq))
			return false;
	return true;
}

static int report(struct scan *s, const char *word, bool sure)
{
	struct shell_word w = { .text = word, .sure = sure && !s->unsure };

	return s->fn(s->ctx, &w);
}

static int program_word(struct scan *s, struct command *c, const char *w, bool expands)
{
	const char *base = strrchr(w, '/');

	base = base ? base + 1 : w;
	if (is_assignment(w))
		return 0;
	if (!expands && among(keywords, w))
		return 0;
	if (!expands && (!strcmp(w, "for") || !strcmp(w, "select"))) {
		c->want = false;
		return 0;
	}
	if (!expands && (!strcmp(w, "case") || !strcmp(w, "function"))) {
		s->unsure = true;
		c->want = false;
		return 0;
	}
	if (c->prefix && *w == '-')
		return 0;
	if (!expands && among(prefixes, w)) {
		c->prefix = true;
		return 0;
	}
	c->want = false;
	c->wrapper = among(wrappers, base);
	c->shell = among(shells, base) || !strcmp(w, "eval");
	c->dash_c = !strcmp(w, "eval");
	return expands || !*w ? 0 : report(s, w, true);
}

static int argument_word(struct scan *s, struct command *c, const char *w, bool expands)
{
	if (expands)
		return 0;
	if (c->shell) {
		bool cmd = c->dash_c;

		c->dash_c = *w == '-' && w[1] != '-' && strchr(w, 'c');
		if (cmd)
			return scan_text(s, w, strlen(w));
		if (*w == '-')
			return 0;
		c->shell = false; /* a script; the rest are its arguments */
	} else if (!c->wrapper || *w == '-' || !*w || is_assignment(w)) {
		return 0;
	}
	if (c->wrapper && among(shells, w)) {
		c->shell = true;
		c->dash_c = false;
	}
	return report(s, w, false);
}

/* An operator at p; sets up what the next word is. Return where to go on. */
static const char *operator(struct scan *s, const char *p, const char *end, struct command *c)
{
	if (*p == '<' || *p == '>' || (*p == '&' && p + 1 < end && p[1] == '>')) {
		if (*p == '<' && p + 1 < end && p[1] == '<')
			s->unsure = true; /* a here-document's text follows */
		while (p < end && strchr("<>&|", *p))
			p++;
		c->redirect = true;
		return p;
	}
	if (*p == '(' && !c->want)
		s->unsure = true; /* name() { ... } */
	*c = (struct command){ .want = true };
	return p + 1;
}

static int scan_word(struct scan *s, struct command *c, const char *w, bool expands,
		     const char *next, const char *end)
{
	bool digits = *w && strspn(w, "0123456789") == strlen(w);

	if (c->redirect) {
		c->redirect = false;
		return 0;
	}
	if (digits && next < end && (*next == '<' || *next == '>'))
		return 0; /* 2>file */
	if (!c->want)
		return argument_word(s, c, w, expands);
	while (next < end && (*next == ' ' || *next == '\t'))
		next++;
	if (next < end && *next == '(') {
		/* name() defines a function: the name is no program here or later. */
		s->unsure = true;
		return 0;
	}
	return program_word(s, c, w, expands);
}

static int scan_text(struct scan *s, const char *p, size_t len)
{
	struct command c = { .want = true };
	const char *end = p + len;
	char *buf;
	int ret = 0;

	if (s->depth >= 16)
		return 0;
	s->depth++;
	buf = xalloc(len + 1);
	while (p < end && !ret) {
		bool expands;

		if (*p == '#') {
			const char *nl = memchr(p, '\n', end - p);

			p = nl ? nl : end;
		} else if (*p == '\n' || strchr(";&|()<>", *p)) {
			p = operator(s, p, end, &c);
		} else if (isspace((unsigned char)*p)) {
			p++;
		} else {
			p = read_word(s, p, end, buf, &expands, &ret);
			if (!ret)
				ret = scan_word(s, &c, buf, expands, p, end);
		}
	}
	free(buf);
	s->depth--;
	return ret;
}

int shell_commands(const char *cmd, shell_word_fn fn, void *ctx)
{
	struct scan s = { .fn = fn, .ctx = ctx };

	return scan_text(&s, cmd, strlen(cmd));
}
