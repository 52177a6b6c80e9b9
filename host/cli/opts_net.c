// SPDX-License-Identifier: GPL-2.0-only
/* Parses the value of --net. */
#include "cli/opts.h"
#include "virtio/net.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct opts_key net_keys[] = {
	{ "mtu", offsetof(struct net_opts, mtu), false },
	{ "pps", offsetof(struct net_opts, pps), false },
	{ "bps", offsetof(struct net_opts, bps), true },
	{ "pps_burst", offsetof(struct net_opts, pps_burst), false },
	{ "bps_burst", offsetof(struct net_opts, bps_burst), true },
	{ NULL, 0, false },
};

static unsigned int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? (unsigned int)(c - '0')
					 : (unsigned int)(tolower((unsigned char)c) - 'a' + 10);
}

/* Six pairs of hexadecimal digits and five colons, nothing else. */
static bool parse_mac(const char *s, uint8_t mac[NET_MAC_LEN])
{
	if (strlen(s) != 3 * NET_MAC_LEN - 1)
		return false;
	for (unsigned int i = 0; i < NET_MAC_LEN; i++, s += 3) {
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    (i < NET_MAC_LEN - 1 && s[2] != ':'))
			return false;
		mac[i] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
	}
	return true;
}

static int net_mac_value(const char *val, struct net_opts *n, char *err)
{
	static const uint8_t none[NET_MAC_LEN];

	if (!parse_mac(val, n->mac))
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--net: mac=%s is not a MAC address (such as 52:54:00:12:34:56)", val);
	else if (n->mac[0] & 1)
		snprintf(err, SS_OPTS_ERR_LEN,
			 "--net: mac=%s is a multicast address (its first byte is odd)", val);
	else if (!memcmp(n->mac, none, NET_MAC_LEN))
		snprintf(err, SS_OPTS_ERR_LEN, "--net: mac=%s is no station's address", val);
	else
		return 0;
	return -EINVAL;
}

static int net_word(const char *key, const char *val, void *ctx, char *err)
{
	struct net_opts *n = ctx;
	int ret;

	/* The first word, and no other, names the backend. */
	if (!n->backend) {
		if (!val && !strcmp(key, "loopback")) {
			n->backend = "loopback";
			return 0;
		}
		snprintf(
			err, SS_OPTS_ERR_LEN,
			"--net: unknown backend '%s' (known: loopback, which comes first: loopback,pps=100)",
			key);
		return -EINVAL;
	}
	if (opts_need_value("--net", key, val, err))
		return -EINVAL;
	if (!strcmp(key, "mac"))
		return net_mac_value(val, n, err);
	ret = opts_value("--net", net_keys, key, val, n, err);
	if (ret == -ENOENT)
		snprintf(
			err, SS_OPTS_ERR_LEN,
			"--net: unknown key '%s' (known: mac, mtu, pps, bps, pps_burst, bps_burst)",
			key);
	return ret ? -EINVAL : 0;
}

int opts_net(const char *s, struct net_opts *n, char err[SS_OPTS_ERR_LEN])
{
	struct throttle_limits limits;
	int ret;

	*n = (struct net_opts){ .mtu = NET_MTU };
	ret = opts_words("--net", s, net_word, n, err);
	if (ret)
		return ret;
	if (n->mtu < NET_MTU_MIN || n->mtu > NET_MTU_MAX) {
		snprintf(err, SS_OPTS_ERR_LEN, "--net: mtu=%llu is not a number from %d to %d",
			 (unsigned long long)n->mtu, NET_MTU_MIN, NET_MTU_MAX);
		return -EINVAL;
	}
	limits = net_opts_limits(n);
	return opts_limits("--net", "pps", &limits, err);
}
