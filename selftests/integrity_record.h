/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that tell who published them, and what a subscriber expects of them: for integrity_test.c
 */
#ifndef INTEGRITY_RECORD_H
#define INTEGRITY_RECORD_H

/* Who published a record */
enum { BY_PRELUDE, BY_FIRST_PRODUCER, BY_END = 7, BY_COUNT };

/* Keep what was wrong first. */
static inline void complain(char *wrong, const char *format, ...)
{
	va_list args;

	if (*wrong)
		return;
	va_start(args, format);
	vsnprintf(wrong, 256, format, args);
	va_end(args);
}

static inline __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* How long a record is: mostly short, the lengths that matter, and a few up to the longest */
static inline size_t length_of(unsigned int by, __u64 number, const struct ring_info *info)
{
	size_t inline_max = info->slot_size - RING_SLOT_HEADER;
	__u64 h = mix((__u64)by << 40 | number);
	__u64 r = h >> 16;

	if (by == BY_END)
		return 24;
	if (info->longest == inline_max)
		return number < 3 ? inline_max : 1 + r % inline_max;
	switch (number) {
	case 0:
		return 1;
	case 1:
		return inline_max;
	case 2:
		return inline_max + 1;
	case 3:
		return info->longest;
	case 4:
		return info->longest - 1;
	}
	if (h % 64 < 46)
		return 16 + r % (inline_max - 15);
	if (h % 64 < 54)
		return 1 + r % 15;
	if (h % 64 < 63)
		return inline_max + 1 + r % 600;
	if (r % 8)
		return 1 + (r >> 3) % 8192;
	/* Any number of bits as likely as another */
	return 1 + mix(h) % (info->longest >> (r >> 3) % 14);
}

/*
 * 16 bytes and more: the number and who, then words that follow from those. Fewer: one byte of that, which
 * the reader completes from what it expects, then bytes that follow from it.
 */
static inline void fill(void *record, size_t len, unsigned int by, __u64 number)
{
	__u64 head = number << 8 | by, word = mix(head ^ (__u64)len << 44);
	unsigned char *p = record;
	size_t i;

	if (len < 16) {
		p[0] = by << 5 | (number & 31);
		for (i = 1; i < len; i++)
			p[i] = p[0] * 37 + len * 11 + i * 59;
		return;
	}
	memcpy(p, &head, 8);
	for (i = 8; i + 8 <= len; i += 8, word += 0x9e3779b97f4a7c15ull)
		memcpy(p + i, &word, 8);
	memcpy(p + i, &word, len - i);
}

static inline bool same(const void *record, size_t len, unsigned int by, __u64 number)
{
	__u64 head = number << 8 | by, word = mix(head ^ (__u64)len << 44), got;
	const unsigned char *p = record;
	unsigned char expected[16];
	size_t i;

	if (len < 16) {
		fill(expected, len, by, number);
		return !memcmp(p, expected, len);
	}
	if (memcmp(p, &head, 8))
		return false;
	for (i = 8; i + 8 <= len; i += 8, word += 0x9e3779b97f4a7c15ull) {
		memcpy(&got, p + i, 8);
		if (got != word)
			return false;
	}
	return !memcmp(p + i, &word, len - i);
}

static inline __u32 tag_of(unsigned int by, __u64 number)
{
	return (by + 1) << 24 | (number & 0xffffff);
}

/* ---- What a subscriber expects ---- */

/**
 * struct checker - what has come so far
 * @info: the ring
 * @next: by producer, the number that comes next, or at least so far on after a loss
 * @loose: by producer, records were lost and how many of its own is not known yet
 * @received: records
 * @end: the last one has come
 * @wrong: empty, or what was wrong first
 */
struct checker {
	const struct ring_info *info;
	__u64 next[BY_COUNT];
	bool loose[BY_COUNT];
	__u64 received;
	bool end;
	char wrong[256];
};

static inline void check_lost(struct checker *c)
{
	memset(c->loose, true, sizeof(c->loose));
}

/* The number of a record with less than 16 bytes. After a loss it may come out too low, never too high. */
static inline __u64 guess_number(const struct checker *c, unsigned int by, unsigned int low, size_t len)
{
	__u64 number = c->next[by];
	int tries;

	if (!c->loose[by])
		return number;
	for (tries = 0; tries < 100000; tries++, number++)
		if ((number & 31) == low && length_of(by, number, c->info) == len)
			break;
	return number;
}

/* A record has come; @tag is 0 when the way it came tells none. */
static inline void check_record(struct checker *c, const void *record, size_t len, __u32 tag)
{
	const unsigned char *p = record;
	unsigned int by;
	__u64 number;

	if (!len) {
		complain(c->wrong, "record of length 0");
		return;
	}
	by = len < 16 ? p[0] >> 5 : p[0];
	if (by >= BY_COUNT) {
		complain(c->wrong, "record of %zu bytes by nobody (%u)", len, by);
		return;
	}
	if (len >= 16) {
		memcpy(&number, p, 8);
		number >>= 8;
	} else if (tag) {
		number = (c->next[by] & ~0xffffffull) | (tag & 0xffffff);
	} else {
		number = guess_number(c, by, p[0] & 31, len);
	}
	if (c->loose[by] ? number < c->next[by] : number != c->next[by])
		complain(c->wrong, "record %llu of producer %u instead of %llu%s, after %llu records", number,
			 by, c->next[by], c->loose[by] ? " or later" : "", c->received);
	if (len != length_of(by, number, c->info))
		complain(c->wrong, "record %llu of producer %u has %zu bytes instead of %zu", number, by, len,
			 length_of(by, number, c->info));
	if (!same(record, len, by, number))
		complain(c->wrong, "record %llu of producer %u, %zu bytes, is torn", number, by, len);
	if (tag && tag != tag_of(by, number))
		complain(c->wrong, "record %llu of producer %u has tag %#x", number, by, tag);
	c->loose[by] = c->loose[by] && len < 16 && !tag;
	c->next[by] = number + 1;
	c->received++;
	c->end |= by == BY_END;
}

#endif /* INTEGRITY_RECORD_H */
