// SPDX-License-Identifier: GPL-2.0
/*
 * The C side of demo.sh. A record is a block of a file; its tag is the number of the block.
 *
 *	demo produce FILE RING		publish the file, wait half-way until 4 subscribers are there, shut down
 *	demo read FILE RING [next] [lossy MICROSECONDS]
 *					read in place until the end, payloads to stdout
 *
 * Both tell on stderr, in one line: records, bytes, records lost, first block, milliseconds.
 */
#include <fcntl.h>
#include <libring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK		4000u
#define SUBSCRIBERS	4

static const unsigned char *file;
static size_t file_size;

static int map_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	file_size = st.st_size;
	file = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	return file == MAP_FAILED ? -1 : 0;
}

static size_t block_length(uint64_t block)
{
	size_t left = file_size - block * BLOCK;

	return left < BLOCK ? left : BLOCK;
}

static void tell(uint64_t records, uint64_t bytes, uint64_t lost, uint32_t first, uint64_t ns)
{
	fprintf(stderr, "%llu %llu %llu %u %llu\n", (unsigned long long)records, (unsigned long long)bytes,
		(unsigned long long)lost, first, (unsigned long long)ns / 1000000);
}

static int produce(struct ring *r)
{
	uint64_t begun = ring_deadline_in(1), block, blocks = (file_size + BLOCK - 1) / BLOCK;
	struct ring_stat stat;
	int ret = 0;

	for (block = 0; !ret && block < blocks; block++) {
		while (!ret && block == blocks / 2) {
			ret = ring_get_stat(r, &stat, NULL, 0);
			if (ret || stat.subscribers == SUBSCRIBERS)
				break;
			usleep(1000);
		}
		ret = ring_publish(r, file + block * BLOCK, block_length(block), block, ring_deadline_in(20000000000));
	}
	if (!ret)
		ret = ring_shutdown(r);
	tell(block, file_size, 0, 0, ring_deadline_in(1) - begun);
	return ret;
}

/* What a lossy subscriber looks at may change; whether it was whole is known when it is released. */
static int read_all(struct ring *r, unsigned int pause)
{
	uint64_t begun = 0, records = 0, bytes = 0;
	uint32_t first = 0, len, tag;
	struct ring_view v;
	int ret, end;
	bool same;

	while (!(ret = ring_wait(r, RING_NEVER))) {
		ret = ring_next(r, &v);
		if (ret == -EAGAIN || ret == -EOVERFLOW)
			continue;
		if (ret <= 0)
			break;
		if (!begun)
			begun = ring_deadline_in(1);
		len = v.len;
		tag = v.tag;
		same = tag < (file_size + BLOCK - 1) / BLOCK && len == block_length(tag) &&
		       !memcmp(v.data, file + (size_t)tag * BLOCK, len);
		if (!pause)
			fwrite(v.data, 1, len, stdout);
		end = ring_release(r);
		if (end == -EOVERFLOW)
			continue;
		if (end || !same) {
			fprintf(stderr, "demo: block %u is torn\n", tag);
			return -EIO;
		}
		if (!records++)
			first = tag;
		bytes += len;
		if (pause && records % 16 == 0)
			usleep(pause);
	}
	tell(records, bytes, ring_lost(r), first, ring_deadline_in(1) - begun);
	return ret;
}

int main(int argc, char **argv)
{
	struct ring_subscribe_options options = RING_SUBSCRIBE_OPTIONS_INIT;
	unsigned int pause = 0;
	struct ring *r;
	int i, ret;
	bool writes;

	if (argc < 4) {
		fprintf(stderr, "usage: demo produce|read FILE RING [next] [lossy MICROSECONDS]\n");
		return 2;
	}
	writes = !strcmp(argv[1], "produce");
	for (i = 4; i < argc; i++) {
		if (!strcmp(argv[i], "next"))
			options.start = RING_NEXT;
		else if (!strcmp(argv[i], "lossy"))
			options.flags = RING_SUBSCRIBE_LOSSY;
		else
			pause = atoi(argv[i]);
	}
	if (map_file(argv[2])) {
		perror(argv[2]);
		return 1;
	}
	ret = ring_open(argv[3], writes ? RING_OPEN_WRITE | RING_OPEN_READ : RING_OPEN_READ, &r);
	if (!ret && !writes)
		ret = ring_subscribe(r, &options);
	if (!ret)
		ret = writes ? produce(r) : read_all(r, pause);
	if (ret) {
		fprintf(stderr, "demo: %s: %s\n", argv[3], ring_strerror(ret));
		return 1;
	}
	ring_close(r);
	return 0;
}
