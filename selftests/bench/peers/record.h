/* SPDX-License-Identifier: GPL-2.0 */
/* Records as types, for peers that want to know their size when they are compiled */
#ifndef RECORD_H
#define RECORD_H

template <size_t bytes> struct record {
	unsigned char payload[bytes];
};

/* The copy of a template for a size that is known after inlining */
#define BY_SIZE(size, function, ...)				\
	do {							\
		switch (size) {					\
		case 8:						\
			return function<8>(__VA_ARGS__);	\
		case 64:					\
			return function<64>(__VA_ARGS__);	\
		case 256:					\
			return function<256>(__VA_ARGS__);	\
		case 1024:					\
			return function<1024>(__VA_ARGS__);	\
		case 4096:					\
			return function<4096>(__VA_ARGS__);	\
		default:					\
			return function<65536>(__VA_ARGS__);	\
		}						\
	} while (0)

#endif /* RECORD_H */
