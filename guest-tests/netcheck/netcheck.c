// SPDX-License-Identifier: GPL-2.0-only
/*
 * netcheck: send frames over a loopback network device and check every one
 * that comes back. A workload for --exec; guests have no shared libraries, so
 * it is static.
 *
 * The frames go through a packet socket: what a host sends to itself by IP
 * never reaches a device. At most a window of them is under way, so that the
 * device always finds a buffer for the next.
 */
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Last: with the one of the C library it goes together only in this order. */
#include <linux/if.h>

#define BATCH	   32
#define MAX_FRAME  (65535 + 14)
#define MAX_WINDOW 4096
#define LINK_S	   30	      /* for the link to come up */
#define ROOM	   (64 << 20) /* of the socket; it grows only as frames wait there */

enum exit_status {
	EXIT_GOOD,
	EXIT_BAD,     /* a frame was lost, broken or out of order */
	EXIT_USAGE,   /* a bad option */
	EXIT_NO_LINK, /* no such interface, or it went away */
};

struct run {
	const char *interface;
	uint64_t frames; /* 0: until a signal */
	unsigned int window;
	unsigned int quiet_ms; /* nothing came for so long: what is under way is lost */
	bool lossy;
	unsigned int starve_ms; /* 0: don't */
	struct frame_kind kind;

	int fd;
	uint64_t sent, received, lost, broken, disordered, foreign, dropped;
	uint64_t next; /* the frame that comes next, if none is lost */
	bool gone;     /* the interface */
};

static uint8_t out[BATCH][MAX_FRAME], in[BATCH][MAX_FRAME], scratch[MAX_FRAME];
static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void __attribute__((noreturn)) die(int status, const char *what, const char *name)
{
	fprintf(stderr, "netcheck: %s%s%s\n", what, *name ? ": " : "", name);
	exit(status);
}

/* --- the interface --- */

static void write_setting(const char *path, const char *value)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	fputs(value, f);
	fclose(f);
}

/* Nobody but us shall send, and nothing but the device may lose a frame. */
static void quieten(const char *interface)
{
	char path[128];

	/* IPv6 sends frames of its own as soon as the link is up. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	write_setting(path, "1\n");
	/*
	 * fq_codel, where it is the default, drops what has waited for a throttled
	 * device, without a word to the sender. A link gets its queue when it first
	 * comes up.
	 */
	write_setting("/proc/sys/net/core/default_qdisc", "pfifo_fast\n");
}

static void query(int fd, unsigned long request, struct ifreq *ifr, const char *what)
{
	if (ioctl(fd, request, ifr))
		die(EXIT_NO_LINK, what, strerror(errno));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* enum of RFC 2863 as the kernel has it: IF_OPER_UP, ... Asking also makes it look. */
static int operstate(const char *interface)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = (int)if_nametoindex(interface) },
	};
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	static char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	const struct rtattr *attr = IFLA_RTA((const struct ifinfomsg *)NLMSG_DATA(h));
	int state = IF_OPER_NOTPRESENT;
	ssize_t len = -1;

	if (fd >= 0 && send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask))
		len = recv(fd, answer, sizeof(answer), 0);
	close(fd);
	if (len < (ssize_t)NLMSG_LENGTH(sizeof(ask.info)) || h->nlmsg_type != RTM_NEWLINK)
		return state;
	len -= (const char *)attr - answer;
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if (attr->rta_type == IFLA_OPERSTATE)
			state = *(const uint8_t *)RTA_DATA(attr);
	return state;
}

/*
 * The kernel takes note of a link some time after the driver has it, and drops
 * what is sent before. One whose driver has nothing to say of its link stays
 * unknown, which is the kernel's own loopback interface here.
 */
static void wait_for_link(int fd, struct ifreq *ifr)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	const bool silent = ifr->ifr_flags & IFF_LOOPBACK;
	const double until = now() + LINK_S;

	while (!silent && operstate(ifr->ifr_name) != IF_OPER_UP) {
		if (now() > until)
			die(EXIT_NO_LINK, ifr->ifr_name, "the link doesn't come up");
		nanosleep(&pause, NULL);
	}
	/* It shows a moment before all is done; this waits for the same lock. */
	query(fd, SIOCSIFFLAGS, ifr, ifr->ifr_name);
}

static void link_up(struct run *r)
{
	struct ifreq ifr = { .ifr_name = "" };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t longest;

	if (fd < 0)
		die(EXIT_NO_LINK, "no sockets", strerror(errno));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", r->interface);
	query(fd, SIOCGIFHWADDR, &ifr, r->interface);
	memcpy(r->kind.mac, ifr.ifr_hwaddr.sa_data, FRAME_MAC_LEN);
	query(fd, SIOCGIFMTU, &ifr, r->interface);
	longest = ifr.ifr_mtu < MAX_FRAME - 14 ? (uint32_t)ifr.ifr_mtu + 14 : MAX_FRAME;
	if (!r->kind.max || r->kind.max > longest)
		r->kind.max = longest;
	if (r->kind.min > r->kind.max)
		r->kind.min = r->kind.max;
	quieten(r->interface);
	query(fd, SIOCGIFFLAGS, &ifr, r->interface);
	ifr.ifr_flags |= IFF_UP;
	query(fd, SIOCSIFFLAGS, &ifr, r->interface);
	query(fd, SIOCGIFFLAGS, &ifr, r->interface);
	wait_for_link(fd, &ifr);
	close(fd);
}

static void open_socket(struct run *r)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_ETHERTYPE),
		.sll_ifindex = (int)if_nametoindex(r->interface),
	};
	const int room = ROOM;

	if (!addr.sll_ifindex)
		die(EXIT_NO_LINK, "no such interface", r->interface);
	/* Not of any protocol until it is bound: others' frames would count here. */
	r->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		die(EXIT_NO_LINK, "no packet sockets (CONFIG_PACKET)", strerror(errno));
	if (setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		die(EXIT_NO_LINK, "no room for received frames", strerror(errno));
	if (bind(r->fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(EXIT_NO_LINK, r->interface, strerror(errno));
}

/* --- frames --- */

/*
 * What the driver does with received frames is moved to a thread, which waits
 * for a CPU like any other, and this process is one that no other interrupts.
 */
static void go_ahead_of_all(const struct run *r)
{
	const struct sched_param param = { .sched_priority = 50 };
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/threaded", r->interface);
	write_setting(path, "1\n");
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die(EXIT_NO_LINK, "no real-time scheduling", strerror(errno));
}

static void stay_awake(const struct run *r)
{
	const double until = now() + r->starve_ms / 1e3;

	while (now() < until && !stopped)
		;
}

/* Was it the link that failed? Then the run is over. */
static void check_error(struct run *r, const char *what)
{
	/* The driver's queue is full: what is under way makes room. */
	if (errno == EINTR || errno == EAGAIN || errno == ENOBUFS)
		return;
	if (errno != ENETDOWN && errno != ENXIO && errno != ENODEV)
		die(EXIT_NO_LINK, what, strerror(errno));
	r->gone = true;
}

static uint64_t under_way(const struct run *r)
{
	return r->sent - r->next;
}

static void send_some(struct run *r)
{
	struct mmsghdr msg[BATCH] = { 0 };
	struct iovec iov[BATCH];
	uint64_t room = r->window - under_way(r);
	unsigned int n = 0;
	int ret;

	if (r->frames && room > r->frames - r->sent)
		room = r->frames - r->sent;
	for (; n < BATCH && n < room; n++) {
		iov[n].iov_base = out[n];
		iov[n].iov_len = frame_make(&r->kind, r->sent + n, out[n]);
		msg[n].msg_hdr.msg_iov = &iov[n];
		msg[n].msg_hdr.msg_iovlen = 1;
	}
	ret = sendmmsg(r->fd, msg, n, 0);
	if (ret < 0)
		check_error(r, "sending");
	else
		r->sent += (unsigned int)ret;
}

/* The next so many don't come. */
static void lose(struct run *r, uint64_t nr)
{
	if (nr && !r->lost)
		printf("first lost: %" PRIu64 " of %" PRIu64 ", after %" PRIu64 " that came back\n",
		       nr, r->sent, r->received);
	r->lost += nr;
	r->next += nr;
}

/* The device keeps the order: those before it that haven't come are lost. */
static void take(struct run *r, const uint8_t *buf, uint32_t len)
{
	uint64_t seq = 0;

	switch (frame_check(&r->kind, buf, len, scratch, &seq)) {
	case FRAME_FOREIGN:
		r->foreign++;
		return;
	case FRAME_BROKEN:
		r->broken++;
		return;
	case FRAME_GOOD:
		break;
	}
	if (seq < r->next || seq >= r->sent) {
		r->disordered++;
		return;
	}
	lose(r, seq - r->next);
	r->next++;
	r->received++;
}

static void receive_some(struct run *r)
{
	struct pollfd pfd = { .fd = r->fd, .events = POLLIN };
	struct mmsghdr msg[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int ret = poll(&pfd, 1, (int)r->quiet_ms);

	if (ret == 0)
		lose(r, under_way(r));
	if (ret <= 0)
		return;
	for (unsigned int n = 0; n < BATCH; n++) {
		iov[n] = (struct iovec){ in[n], sizeof(in[n]) };
		msg[n].msg_hdr.msg_iov = &iov[n];
		msg[n].msg_hdr.msg_iovlen = 1;
	}
	ret = recvmmsg(r->fd, msg, BATCH, MSG_DONTWAIT, NULL);
	if (ret < 0)
		check_error(r, "receiving");
	for (int n = 0; n < ret; n++)
		take(r, in[n], msg[n].msg_len);
}

static bool more_to_send(const struct run *r)
{
	return !stopped && !r->gone && (!r->frames || r->sent < r->frames);
}

static void check_frames(struct run *r)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	while (more_to_send(r) || under_way(r)) {
		const uint64_t sent = r->sent;

		if (more_to_send(r) && under_way(r) < r->window)
			send_some(r);
		if (r->gone)
			lose(r, under_way(r));
		if (r->starve_ms && r->sent != sent) {
			if (more_to_send(r) && under_way(r) < r->window)
				continue;
			stay_awake(r);
		}
		if (under_way(r))
			receive_some(r);
	}
	/* Frames that came back, but found the socket full. */
	if (!getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		r->dropped = stats.tp_drops;
}

/* --- the outcome --- */

static void tell(const struct run *r, double seconds)
{
	const struct {
		const char *name;
		uint64_t value;
	} figures[] = {
		{ "frames_sent", r->sent },
		{ "frames_received", r->received },
		{ "frames_lost", r->lost },
		{ "frames_broken", r->broken },
		{ "frames_disordered", r->disordered },
		{ "frames_socket_dropped", r->dropped },
	};
	const char *path = getenv("STALLSCOPE_FIGURES");
	FILE *f = path ? fopen(path, "ae") : NULL;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		printf("%s: %" PRIu64 "\n", figures[i].name, figures[i].value);
		if (f)
			fprintf(f, "%s %" PRIu64 "\n", figures[i].name, figures[i].value);
	}
	if (f)
		fclose(f);
	printf("seconds: %.2f\n", seconds);
	if (seconds > 0)
		printf("frames_per_second: %.0f\n", (double)r->received / seconds);
	if (r->foreign)
		printf("foreign frames: %" PRIu64 "\n", r->foreign);
}

static uint64_t number(const char *opt, const char *s, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || end == s || *s == '-' || v < min || v > max) {
		fprintf(stderr,
			"netcheck: --%s: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n",
			opt, s, min, max);
		exit(EXIT_USAGE);
	}
	return v;
}

static void usage(void)
{
	fputs("usage: netcheck [OPTION]...\n"
	      "Send frames over a loopback network device and check each that comes back.\n"
	      "  --interface NAME  (default: $STALLSCOPE_NET0)\n"
	      "  --frames N        how many, 0: until a signal (1000)\n"
	      "  --window N        at most so many under way (64)\n"
	      "  --min LEN, --max LEN  their lengths, Ethernet header included (60, MTU + 14)\n"
	      "  --seed N          other lengths and contents (1)\n"
	      "  --quiet MS        when nothing comes for so long, what is under way is lost (10000)\n"
	      "  --starve MS       send a window at once with real-time priority, and stay awake for\n"
	      "                    so long: nobody on this CPU gives the device new buffers\n"
	      "  --lossy           a lost frame is counted, but no failure\n"
	      "Exit status: 0 good, 1 a frame was lost, broken or out of order, 2 a bad option,\n"
	      "3 no such interface, or it went away.\n",
	      stdout);
}

static void options(struct run *r, int argc, char **argv)
{
	static const struct option list[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "frames", required_argument, NULL, 'n' },
		{ "window", required_argument, NULL, 'w' },
		{ "min", required_argument, NULL, 'm' },
		{ "max", required_argument, NULL, 'M' },
		{ "seed", required_argument, NULL, 's' },
		{ "quiet", required_argument, NULL, 'q' },
		{ "starve", required_argument, NULL, 'S' },
		{ "lossy", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) >= 0) {
		switch (c) {
		case 'i':
			r->interface = optarg;
			break;
		case 'n':
			r->frames = number("frames", optarg, 0, UINT64_MAX);
			break;
		case 'w':
			r->window = (unsigned int)number("window", optarg, 1, MAX_WINDOW);
			break;
		case 'm':
			r->kind.min = (uint32_t)number("min", optarg, FRAME_MIN, MAX_FRAME);
			break;
		case 'M':
			r->kind.max = (uint32_t)number("max", optarg, FRAME_MIN, MAX_FRAME);
			break;
		case 's':
			r->kind.seed = (uint32_t)number("seed", optarg, 0, UINT32_MAX);
			break;
		case 'q':
			r->quiet_ms = (unsigned int)number("quiet", optarg, 1, 3600000);
			break;
		case 'S':
			r->starve_ms = (unsigned int)number("starve", optarg, 1, 10000);
			break;
		case 'l':
			r->lossy = true;
			break;
		case 'h':
			usage();
			exit(EXIT_GOOD);
		default: /* getopt has said what is wrong */
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		die(EXIT_USAGE, "not an option", argv[optind]);
	if (!r->interface)
		die(EXIT_USAGE, "which --interface? $STALLSCOPE_NET0 isn't set", "");
}

int main(int argc, char **argv)
{
	struct run r = {
		.interface = getenv("STALLSCOPE_NET0"),
		.frames = 1000,
		.window = 64,
		.quiet_ms = 10000,
		.kind = { .seed = 1, .run = (uint32_t)getpid(), .min = FRAME_MIN },
	};
	struct sigaction sa = { .sa_handler = on_signal };
	double begin;

	options(&r, argc, argv);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	link_up(&r);
	open_socket(&r);
	if (r.starve_ms)
		go_ahead_of_all(&r);
	begin = now();
	check_frames(&r);
	tell(&r, now() - begin);
	if (r.gone)
		die(EXIT_NO_LINK, r.interface, "it went away");
	return r.broken || r.disordered || r.dropped || (r.lost && !r.lossy) ? EXIT_BAD : EXIT_GOOD;
}
