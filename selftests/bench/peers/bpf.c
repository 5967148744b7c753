// SPDX-License-Identifier: GPL-2.0
/*
 * BPF ring buffer, read by libbpf. Only programs in the kernel write to it: the sender puts its records into a map
 * that it has in its memory, and runs a program that copies them to the ring buffer, one call for all that it sends.
 * No writer can sleep: where there is no room it comes again.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "bench.h"

/* What the program is to copy. Its map is one such element. */
struct outbox {
	uint64_t count;
	unsigned char records[] __attribute__((aligned(LINE)));
};

struct channel {
	int ring;
	int outbox;
	int program;
};

struct own {
	struct outbox *outbox;
	struct ring_buffer *ring;
	unsigned int got;
};

static size_t outbox_size(const struct work *w)
{
	return (sizeof(struct outbox) + w->size * w->batch + LINE - 1) / LINE * LINE;
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct channel *c = e->channel;
	struct own *own = e->own;
	unsigned int i;

	if (in_place) {
		for (i = 0; i < n; i++)
			bench_fill(e, own->outbox->records + i * size, first + i, size);
	} else {
		n = bench_make(e, first, n, size);
		memcpy(own->outbox->records, bench_made(e, first, size), n * size);
	}
	own->outbox->count = n;
	if (bpf_prog_test_run_opts(c->program, &run))
		bench_fail("bpf program: %s", strerror(errno));
	if (!run.retval && e->crowded)
		sched_yield();
	return run.retval;
}

static int take(void *arg, void *record, size_t size)
{
	struct end *e = arg;
	struct own *own = e->own;
	unsigned int i = own->got++ % BATCH;

	if (!e->work->in_place)
		memcpy(bench_record(e, i, size), record, size);
	bench_take(e, e->work->in_place ? record : bench_record(e, i, size), size, e->work->in_place);
	return 0;
}

/* All that there are: more come only when these are done. */
static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct own *own = e->own;

	own->got = 0;
	if (ring_buffer__poll(own->ring, -1) < 0)
		bench_fail("ring_buffer__poll");
	return own->got;
}

static void put(struct bpf_insn **to, int code, int dst, int src, int off, int imm)
{
	*(*to)++ = (struct bpf_insn) { (uint8_t)code, (uint8_t)dst, (uint8_t)src, (int16_t)off, imm };
}

/* Two instructions: the address of a map, or of what is in it at @offset */
static void put_map(struct bpf_insn **to, int dst, int kind, int fd, size_t offset)
{
	put(to, BPF_LD | BPF_IMM | BPF_DW, dst, kind, 0, fd);
	put(to, 0, 0, 0, 0, (int)offset);
}

/*
 *	for (r6 = 0; r6 < outbox->count && !bpf_ringbuf_output(ring, &outbox->records[r6], size, 0); r6++)
 *		;
 *	return r6;
 *
 * without a loop
 */
static int load(const struct channel *c, const struct work *w)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);
	struct bpf_insn program[8 + 10 * BATCH], *p = program;
	const int each = 10;
	unsigned int i;

	put(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_6, 0, 0, 0);
	put_map(&p, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, c->outbox, 0);
	put(&p, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_7, BPF_REG_1, 0, 0);
	for (i = 0; i < w->batch; i++) {
		int left = (int)(w->batch - i) * each;	/* instructions to the end */

		put(&p, BPF_JMP | BPF_JLE | BPF_K, BPF_REG_7, 0, left - 1, (int)i);
		put_map(&p, BPF_REG_1, BPF_PSEUDO_MAP_FD, c->ring, 0);
		put_map(&p, BPF_REG_2, BPF_PSEUDO_MAP_VALUE, c->outbox, offsetof(struct outbox, records) + i * w->size);
		put(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, (int)w->size);
		put(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0);
		put(&p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output);
		put(&p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, left - each + 1, 0);
		put(&p, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_6, 0, 0, 1);
	}
	put(&p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_6, 0, 0);
	put(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "bench", "GPL", program, (size_t)(p - program), &opts);
}

static bool channel_init(struct channel *c, const struct work *w)
{
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);
	uint32_t bytes = 4096;

	while (bytes < DEPTH(w->size) * (BPF_RINGBUF_HDR_SZ + w->size))
		bytes *= 2;
	c->ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, bytes, NULL);
	c->outbox = bpf_map_create(BPF_MAP_TYPE_ARRAY, "outbox", sizeof(uint32_t), (uint32_t)outbox_size(w), 1,
				   &mapped);
	c->program = c->ring < 0 || c->outbox < 0 ? -1 : load(c, w);
	return c->program >= 0;
}

static void *make_channel(const struct work *w)
{
	struct channel *c = malloc(sizeof(*c));

	if (!c || !channel_init(c, w))
		bench_fail("bpf: %s", strerror(errno));
	return c;
}

static void attach(struct end *e, bool sends)
{
	struct own *own = calloc(1, sizeof(*own));
	struct channel *c = e->channel;

	if (!own)
		bench_fail("no memory");
	e->own = own;
	if (sends) {
		own->outbox = mmap(NULL, outbox_size(e->work), PROT_READ | PROT_WRITE, MAP_SHARED, c->outbox, 0);
		if (own->outbox == MAP_FAILED)
			bench_fail("outbox: %s", strerror(errno));
	} else {
		own->ring = ring_buffer__new(c->ring, take, e, NULL);
		if (!own->ring)
			bench_fail("ring_buffer__new");
	}
}

/* Whether the kernel lets us */
static bool can_load(void)
{
	static const struct work least = { .size = 8, .batch = 1 };
	static int can = -1;
	struct channel c;

	if (can >= 0)
		return can;
	libbpf_set_print(NULL);
	can = channel_init(&c, &least);
	if (!can)
		fprintf(stderr, "# without the BPF ring buffer: %s\n", strerror(errno));
	close(c.program);
	close(c.outbox);
	close(c.ring);
	return can;
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting == SLEEP && can_load();
}

#include "loops.h"

PEER(bpf, .name = "BPF ring buffer", .can = can, .open = make_channel, .attach = attach, LOOPS)
