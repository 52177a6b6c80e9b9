// SPDX-License-Identifier: GPL-2.0-only
/* The values in a profile: times, rates, percentages, each checked where it's read. */
#include "io/profile_values.h"
#include "lib/number.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const key_names[] = {
	"from",	 "to",	"iops",	 "bps",	 "iops_burst", "bps_burst", "period", "duty",
	"every", "for", "first", "slot", "chance",     "add",	    "repeat", "stall",
};

int profile_bad(struct profile_parser *ps, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Whatever was in the file: one line, and nothing a terminal obeys. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	snprintf(ps->err, ps->errlen, "%s:%u: %s", ps->name, ps->line, text);
	return -EINVAL;
}

/* --- values --- */

/* Digits with a unit; a bare number is allowed for 0 and, in a trace, for ms. */
int profile_time(const char *s, bool bare_ms, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "s", 1000 * PROFILE_MS },
		      { "ms", PROFILE_MS },
		      { "us", PROFILE_MS / 1000 } };
	const size_t n = strspn(s, "0123456789");
	uint64_t v, unit = 0;
	char digits[24];

	if (!n || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (number_parse(digits, INT64_MAX, &v))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(s + n, units[i].name))
			unit = units[i].ns;
	if (!s[n] && (bare_ms || !v))
		unit = PROFILE_MS;
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(v, unit, out) || *out > PROFILE_MAX_TIME)
		return -ERANGE;
	return 0;
}

/* "12%" or "0.05%", in millionths. */
static int read_percent(const char *s, uint64_t *out)
{
	size_t n = strspn(s, "0123456789"), decimals = 0;
	uint64_t v = 0, scale = 10000;

	if (!n || n > 3)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	v *= scale;
	s += n;
	if (*s == '.') {
		decimals = strspn(++s, "0123456789");
		if (!decimals || decimals > 4)
			return -EINVAL;
		for (size_t i = 0; i < decimals; i++)
			v += (uint64_t)(s[i] - '0') * (scale /= 10);
		s += decimals;
	}
	if (strcmp(s, "%") || v > PROFILE_ALWAYS)
		return -EINVAL;
	*out = v;
	return 0;
}

static int bad_time(struct profile_parser *ps, const char *key, const char *val, int why)
{
	if (why == -ERANGE)
		return profile_bad(ps, "%s=%s is too long: at most a week (604800s)", key, val);
	return profile_bad(
		ps, "%s=%s is not a time: give a whole number with its unit, such as 250ms or 2s",
		key, val);
}

static int time_value(struct profile_parser *ps, const char *key, const char *val, uint64_t *out)
{
	int ret = profile_time(val, ps->trace != NULL, out);

	return ret ? bad_time(ps, key, val, ret) : 0;
}

/* "20ms" or "5ms..50ms" */
static int range_value(struct profile_parser *ps, const char *key, const char *val, uint64_t *min,
		       uint64_t *max)
{
	const char *dots = strstr(val, "..");
	char first[64];
	int ret;

	if (!dots) {
		ret = time_value(ps, key, val, min);
		*max = *min;
		return ret;
	}
	snprintf(first, sizeof(first), "%.*s", (int)(dots - val), val);
	ret = profile_time(first, false, min);
	if (!ret)
		ret = profile_time(dots + 2, false, max);
	if (ret)
		return bad_time(ps, key, val, ret);
	if (*max < *min)
		return profile_bad(ps, "%s=%s ends before it begins: give the shorter time first",
				   key, val);
	return 0;
}

static int count_value(struct profile_parser *ps, const char *key, const char *val, bool bytes,
		       uint64_t *out)
{
	int ret = bytes ? number_size(val, out) : number_parse(val, INT64_MAX, out);

	if (ret == -ERANGE)
		return profile_bad(ps, "%s=%s is too large", key, val);
	if (ret)
		return profile_bad(ps, "%s=%s is not a %s", key, val,
				   bytes ? "number of bytes (such as 4096, 64K or 2M)"
					 : "whole number");
	return 0;
}

static bool starts_digit(const char *s)
{
	return *s >= '0' && *s <= '9';
}

/* every= counts requests in some statements and time in others. */
static int value(struct profile_parser *ps, enum profile_key key, const char *name, const char *val,
		 bool every_is_time, struct profile_values *v)
{
	uint64_t *out = &v->v[profile_key_index(key)];

	switch (key) {
	case KEY_IOPS:
	case KEY_IOPS_BURST:
		return count_value(ps, name, val, false, out);
	case KEY_BPS:
	case KEY_BPS_BURST:
		return count_value(ps, name, val, true, out);
	case KEY_DUTY:
	case KEY_CHANCE:
		if (read_percent(val, out))
			return profile_bad(ps, "%s=%s is not a percentage (such as 25%% or 0.1%%)",
					   name, val);
		return 0;
	case KEY_FOR:
		return range_value(ps, name, val, out, &v->for_max);
	case KEY_ADD:
		return range_value(ps, name, val, out, &v->add_max);
	case KEY_EVERY:
		if (every_is_time)
			return time_value(ps, name, val, out);
		if (starts_digit(val) && !number_parse(val, INT64_MAX, out) && *out)
			return 0;
		return profile_bad(ps, "%s=%s is not a number of requests (1 or more)", name, val);
	default:
		return time_value(ps, name, val, out);
	}
}

/* The keys a statement takes, for a message. */
static const char *key_list(unsigned int allowed, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < NR_KEYS && n < size; i++)
		if (allowed & 1u << i)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "",
					      key_names[i]);
	return buf;
}

int profile_read_values(struct profile_parser *ps, char **word, unsigned int nr,
			unsigned int allowed, bool every_is_time, struct profile_values *v)
{
	char list[200];

	*v = (struct profile_values){ 0 };
	for (unsigned int w = 0; w < nr; w++) {
		char *val = strchr(word[w], '=');
		unsigned int i = 0;
		int ret;

		if (!val)
			return profile_bad(ps, "'%s' is not a KEY=VALUE (keys here: %s)", word[w],
					   key_list(allowed, list, sizeof(list)));
		*val++ = '\0';
		while (i < NR_KEYS && strcmp(word[w], key_names[i]))
			i++;
		if (i == NR_KEYS || !(allowed & 1u << i))
			return profile_bad(ps, "no key '%s' here (keys: %s)", word[w],
					   key_list(allowed, list, sizeof(list)));
		if (v->given & 1u << i)
			return profile_bad(ps, "%s= is given twice", word[w]);
		v->given |= 1u << i;
		ret = value(ps, (enum profile_key)(1u << i), word[w], val, every_is_time, v);
		if (ret)
			return ret;
	}
	return 0;
}

int profile_need(struct profile_parser *ps, const struct profile_values *v, unsigned int keys,
		 const char *what)
{
	char list[200];

	if ((v->given & keys) == keys)
		return 0;
	return profile_bad(ps, "%s wants %s=", what,
			   key_list(keys & ~v->given, list, sizeof(list)));
}

int profile_set_limits(struct profile_parser *ps, const struct profile_values *v,
		       struct throttle_limits *limits)
{
	char why[200];

	*limits = (struct throttle_limits){
		.ops = { profile_get(v, KEY_IOPS), profile_get(v, KEY_IOPS_BURST) },
		.bytes = { profile_get(v, KEY_BPS), profile_get(v, KEY_BPS_BURST) },
	};
	if (throttle_check(limits, why, sizeof(why)))
		return profile_bad(ps, "%s", why);
	return 0;
}
