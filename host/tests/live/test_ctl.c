// SPDX-License-Identifier: GPL-2.0-only
/* The control socket: ordinary calls, and clients that mean no good. */
#include "ss_harness.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "live/ctl.h"
#include "live/ctl_sock.h"

FIXTURE(ctl)
{
	char dir[100];
	struct ctl *ctl;
	unsigned int asked;
	size_t answer_len;
};

/* Answers {"ok":true,"asked":N}, or with so much text as the test wants. */
static json_t *answer(void *ctx, const json_t *request)
{
	struct ss_fx_ctl *self = ctx;
	json_t *o = json_pack("{s:b,s:i}", "ok", 1, "asked", ++self->asked);
	char *text;

	if (json_object_get(request, "fail"))
		json_object_set_new(o, "echo", json_incref(json_object_get(request, "fail")));
	if (!self->answer_len)
		return o;
	text = malloc(self->answer_len + 1);
	memset(text, 'x', self->answer_len);
	text[self->answer_len] = '\0';
	json_object_set_new(o, "text", json_string(text));
	free(text);
	return o;
}

FIXTURE_SETUP(ctl)
{
	char err[300];

	self->asked = 0;
	self->answer_len = 0;
	snprintf(self->dir, sizeof(self->dir), "%s/r", ss_tmpdir());
	ASSERT_EQ(ctl_open(self->dir, "run", answer, self, &self->ctl, err, sizeof(err)), 0)
	{
		TH_LOG("%s", err);
	}
}

FIXTURE_TEARDOWN(ctl)
{
	ctl_close(self->ctl);
	/* Socket and directory are gone. */
	EXPECT_NE(access(self->dir, F_OK), 0);
}

static int connect_to(const char *dir, const char *name)
{
	struct sockaddr_un addr = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ASSERT_EQ(ctl_sock_addr(dir, name, &addr), 0);
	ASSERT_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Serves until nothing is to be done any more. */
static void serve(struct ctl *ctl)
{
	struct pollfd p = { .fd = ctl_fd(ctl), .events = POLLIN };

	for (int i = 0; i < 1000 && poll(&p, 1, 0) > 0; i++)
		ctl_serve(ctl);
}

/* What a client has got; "" nothing, "EOF" the end. */
static const char *got(int fd)
{
	static char buf[8192];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (!n || (n < 0 && errno == ECONNRESET))
		return "EOF";
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

struct call {
	const char *dir, *name;
	int ret;
	json_t *answer;
	char err[300];
	bool done;
};

static void *call_thread(void *arg)
{
	struct call *c = arg;
	json_t *request = json_pack("{s:s}", "cmd", "x");

	c->ret = ctl_call(c->dir, c->name, request, 20000, &c->answer, c->err, sizeof(c->err));
	json_decref(request);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A true caller, and the run's loop beside it. */
static void call(struct ss_fx_ctl *self, struct call *c)
{
	struct pollfd p = { .fd = ctl_fd(self->ctl), .events = POLLIN };
	pthread_t thread;

	c->dir = self->dir;
	c->name = "run";
	c->done = false;
	ASSERT_EQ(pthread_create(&thread, NULL, call_thread, c), 0);
	while (!__atomic_load_n(&c->done, __ATOMIC_ACQUIRE)) {
		poll(&p, 1, 10);
		ctl_serve(self->ctl);
	}
	pthread_join(thread, NULL);
}

TEST_F(ctl, asks, .title = "a request is answered, however long the answer")
{
	struct call c = { 0 };

	call(self, &c);
	EXPECT_EQ(c.ret, 0);
	EXPECT_EQ(json_integer_value(json_object_get(c.answer, "asked")), 1);
	json_decref(c.answer);
	self->answer_len = 1 << 20;
	call(self, &c);
	EXPECT_EQ(c.ret, 0);
	EXPECT_EQ(json_string_length(json_object_get(c.answer, "text")), 1 << 20);
	json_decref(c.answer);
}

TEST_F(ctl, mode, .title = "the socket is its owner's only")
{
	struct sockaddr_un addr = { 0 };
	struct stat st;

	ASSERT_EQ(ctl_sock_addr(self->dir, "run", &addr), 0);
	ASSERT_EQ(stat(addr.sun_path, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_TRUE(S_ISSOCK(st.st_mode));
}

TEST_F(ctl, name_taken, .title = "a second run of the same name is refused")
{
	struct ctl *second;
	char err[300];

	EXPECT_EQ(ctl_open(self->dir, "run", answer, self, &second, err, sizeof(err)), -EEXIST);
	EXPECT_STRSTR(err, "a run named run is alive");
	EXPECT_NULL(second);
	EXPECT_EQ(ctl_open(self->dir, "other", answer, self, &second, err, sizeof(err)), 0);
	ctl_close(second);
}

TEST_F(ctl, dead_runs,
       .title = "the sockets of dead runs are removed by the next start, live ones aren't")
{
	struct sockaddr_un dead = { 0 }, live = { 0 };
	struct ctl *next;
	char err[300];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ASSERT_EQ(ctl_sock_addr(self->dir, "dead", &dead), 0);
	ASSERT_EQ(ctl_sock_addr(self->dir, "run", &live), 0);
	ASSERT_EQ(bind(fd, (struct sockaddr *)&dead, sizeof(dead)), 0);
	ASSERT_EQ(listen(fd, 1), 0);
	close(fd);
	ASSERT_EQ(access(dead.sun_path, F_OK), 0);
	/* Its own name may be a dead one's as well. */
	ASSERT_EQ(ctl_open(self->dir, "dead", answer, self, &next, err, sizeof(err)), 0);
	ctl_close(next);
	EXPECT_NE(access(dead.sun_path, F_OK), 0);
	EXPECT_EQ(access(live.sun_path, F_OK), 0);
}

TEST_F(ctl, no_run, .title = "no such run: -ENOENT and a line that says so")
{
	json_t *request = json_object(), *out;
	char err[300], name[200];

	EXPECT_EQ(ctl_call(self->dir, "nobody", request, 1000, &out, err, sizeof(err)), -ENOENT);
	EXPECT_STRSTR(err, "no run named nobody is alive");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	EXPECT_EQ(ctl_call(self->dir, name, request, 1000, &out, err, sizeof(err)), -ENAMETOOLONG);
	EXPECT_NULL(out);
	json_decref(request);
}

TEST_F(ctl, no_answer, .title = "a run that doesn't answer: a time limit")
{
	json_t *request = json_object(), *out;
	char err[300];

	EXPECT_EQ(ctl_call(self->dir, "run", request, 50, &out, err, sizeof(err)), -ETIMEDOUT);
	EXPECT_STRSTR(err, "doesn't answer within 50 ms");
	json_decref(request);
	serve(self->ctl);
}

TEST_F(ctl, bad_requests, .title = "what isn't an object in a line is answered with an error")
{
	static const char *const bad[] = {
		"\n",
		"nonsense\n",
		"[1]\n",
		"5\n",
		"{\"a\":1,\"a\":2}\n",
		"{\"a\":1\n",
		"\xff\xfe\n",
		"{\"a\":1} {\"b\":2}\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_to(self->dir, "run");

		ASSERT_EQ(write(fd, bad[i], strlen(bad[i])), (ssize_t)strlen(bad[i]));
		serve(self->ctl);
		EXPECT_STRSTR(got(fd), "\"code\":\"bad_request\"");
		/* And the next one is heard. */
		ASSERT_EQ(write(fd, "{}\n", 3), 3);
		serve(self->ctl);
		EXPECT_STRSTR(got(fd), "\"ok\":true");
		close(fd);
		serve(self->ctl);
	}
	EXPECT_EQ(self->asked, sizeof(bad) / sizeof(bad[0]));
}

TEST_F(ctl, too_long, .title = "a line without an end is refused and its sender dropped")
{
	char junk[CTL_MAX_REQUEST];
	int fd = connect_to(self->dir, "run");

	memset(junk, '{', sizeof(junk));
	ASSERT_EQ(write(fd, junk, sizeof(junk)), (ssize_t)sizeof(junk));
	serve(self->ctl);
	EXPECT_STRSTR(got(fd), "a request has at most");
	EXPECT_STREQ(got(fd), "EOF");
	close(fd);
	EXPECT_EQ(self->asked, 0);
}

TEST_F(ctl, deep, .title = "a deeply nested request is refused")
{
	char junk[CTL_MAX_REQUEST];
	int fd = connect_to(self->dir, "run");

	memset(junk, '[', sizeof(junk));
	junk[sizeof(junk) - 1] = '\n';
	ASSERT_EQ(write(fd, junk, sizeof(junk)), (ssize_t)sizeof(junk));
	serve(self->ctl);
	EXPECT_STRSTR(got(fd), "bad_request");
	close(fd);
	serve(self->ctl);
}

TEST_F(ctl, in_pieces, .title = "a request may come in pieces, several in one piece")
{
	int fd = connect_to(self->dir, "run");
	const char *text = "{\"a\":1}\n{}\n{}\n{";

	for (const char *p = "{\"cmd\":"; *p; p++) {
		ASSERT_EQ(write(fd, p, 1), 1);
		serve(self->ctl);
		EXPECT_STREQ(got(fd), "");
	}
	ASSERT_EQ(write(fd, "1}\n", 3), 3);
	serve(self->ctl);
	EXPECT_STREQ(got(fd), "{\"ok\":true,\"asked\":1}\n");
	ASSERT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	serve(self->ctl);
	EXPECT_STREQ(got(fd), "{\"ok\":true,\"asked\":2}\n{\"ok\":true,\"asked\":3}\n"
			      "{\"ok\":true,\"asked\":4}\n");
	close(fd);
	serve(self->ctl);
}

TEST_F(ctl, never_reads, .title = "a client that never reads holds nobody up")
{
	int fd = connect_to(self->dir, "run"), other;

	self->answer_len = 3 << 20;
	ASSERT_EQ(write(fd, "{}\n{}\n{}\n", 9), 9);
	serve(self->ctl);
	/* Its socket is full; only the first was answered so far. */
	EXPECT_EQ(self->asked, 1);
	self->answer_len = 0;
	other = connect_to(self->dir, "run");
	ASSERT_EQ(write(other, "{}\n", 3), 3);
	serve(self->ctl);
	EXPECT_STREQ(got(other), "{\"ok\":true,\"asked\":2}\n");
	close(fd);
	close(other);
	serve(self->ctl);
}

TEST_F(ctl, crowd, .title = "more clients than there is room for: those are turned away")
{
	int fd[3 * CTL_MAX_CLIENTS];
	unsigned int answered = 0, away = 0;

	for (unsigned int i = 0; i < CTL_MAX_CLIENTS; i++)
		fd[i] = connect_to(self->dir, "run");
	serve(self->ctl);
	for (unsigned int i = CTL_MAX_CLIENTS; i < 2 * CTL_MAX_CLIENTS; i++) {
		fd[i] = connect_to(self->dir, "run");
		serve(self->ctl);
	}
	for (unsigned int i = 0; i < 2 * CTL_MAX_CLIENTS; i++)
		(void)!send(fd[i], "{}\n", 3, MSG_NOSIGNAL);
	serve(self->ctl);
	for (unsigned int i = 0; i < 2 * CTL_MAX_CLIENTS; i++) {
		const char *text = got(fd[i]);

		answered += strstr(text, "true") != NULL;
		away += !strcmp(text, "EOF");
		close(fd[i]);
	}
	EXPECT_EQ(answered, CTL_MAX_CLIENTS);
	EXPECT_EQ(away, CTL_MAX_CLIENTS);
	/* There is room again. */
	serve(self->ctl);
	fd[0] = connect_to(self->dir, "run");
	ASSERT_EQ(write(fd[0], "{}\n", 3), 3);
	serve(self->ctl);
	EXPECT_STRSTR(got(fd[0]), "true");
	close(fd[0]);
	serve(self->ctl);
}

TEST_F(ctl, hostile_bytes, .title = "random bytes from many clients: no crash, nobody stuck")
{
	uint64_t x = 7;

	for (int round = 0; round < 2000; round++) {
		int fd = connect_to(self->dir, "run");
		char junk[600];
		size_t len;

		for (size_t i = 0; i < sizeof(junk); i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			junk[i] = "{}[]\":,\n\\u0a1\xff\0etrunl "[(x >> 33) % 22];
		}
		len = (x >> 20) % sizeof(junk);
		(void)!send(fd, junk, len, MSG_NOSIGNAL);
		serve(self->ctl);
		close(fd);
		serve(self->ctl);
	}
}

TEST(error_text, .title = "an error's text may be anything")
{
	json_t *e = ctl_error("no_disk", "no disk '%.3s'", "ab\xc3\xa9");

	ASSERT_NOT_NULL(e);
	EXPECT_STREQ(json_string_value(json_object_get(e, "code")), "no_disk");
	EXPECT_TRUE(json_is_string(json_object_get(e, "error")));
	json_decref(e);
}

TEST_HARNESS_MAIN
