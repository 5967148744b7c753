/* SPDX-License-Identifier: MIT */
/* ringctl - what is written to stdout */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

char *output_room(struct output *o, size_t len)
{
	size_t capacity = o->capacity ? o->capacity : 65536;

	if (len > SIZE_MAX / 4)
		out_of_memory();
	while (capacity - o->len < len)
		capacity *= 2;
	if (capacity != o->capacity) {
		char *data = realloc(o->data, capacity);

		if (!data)
			out_of_memory();
		o->data = data;
		o->capacity = capacity;
	}
	return o->data + o->len;
}

void output_bytes(struct output *o, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(output_room(o, len), data, len);
	o->len += len;
}

void output_format(struct output *o, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(output_room(o, 256), 256, format, args);
	va_end(args);
	o->len += len < 256 ? (size_t)len : 255;
}

/* The length of the UTF-8 character at @s, of at most @max bytes; 0: that is none. */
static size_t utf8_length(const unsigned char *s, size_t max)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c;
	size_t i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc0 || s[0] >= 0xf8 || len > max)
		return 0;
	c = s[0] & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < lowest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

static bool is_utf8(const unsigned char *data, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = utf8_length(data + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

static void json_string(struct output *o, const unsigned char *data, size_t len)
{
	size_t i, from = 0;

	for (i = 0; i < len; i++) {
		unsigned char c = data[i];

		if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
			continue;
		output_bytes(o, data + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			output_format(o, "\\%c", c);
		else if (c == '\n')
			output_bytes(o, "\\n", 2);
		else if (c == '\t')
			output_bytes(o, "\\t", 2);
		else
			output_format(o, "\\u%04x", c);
	}
	output_bytes(o, data + from, len - from);
}

static void base64(struct output *o, const unsigned char *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to = output_room(o, len / 3 * 4 + 4);
	size_t i;

	for (i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16 | (uint32_t)(left > 1 ? data[i + 1] : 0) << 8 |
				(left > 2 ? data[i + 2] : 0);

		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[bits & 63] : '=';
	}
	o->len = (size_t)(to - o->data);
}

void output_json_data(struct output *o, const unsigned char *data, size_t len)
{
	bool text = is_utf8(data, len);

	output_format(o, "\"%s\":\"", text ? "data" : "base64");
	if (text)
		json_string(o, data, len);
	else
		base64(o, data, len);
	output_bytes(o, "\"", 1);
}

void output_hexdump(struct output *o, const unsigned char *data, size_t len)
{
	size_t at, i;

	for (at = 0; at < len; at += 16) {
		size_t n = len - at < 16 ? len - at : 16;

		output_format(o, "%08zx ", at);
		for (i = 0; i < 16; i++) {
			if (i < n)
				output_format(o, i == 8 ? "  %02x" : " %02x", data[at + i]);
			else
				output_format(o, i == 8 ? "    " : "   ");
		}
		output_bytes(o, "  |", 3);
		for (i = 0; i < n; i++) {
			unsigned char c = data[at + i];

			output_bytes(o, c < ' ' || c > '~' ? "." : (const char *)&c, 1);
		}
		output_bytes(o, "|\n", 2);
	}
}

int output_flush(struct output *o, const volatile bool *stop)
{
	size_t done = 0;
	int err = 0;

	while (done < o->len) {
		ssize_t n = write(STDOUT_FILENO, o->data + done, o->len - done);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno != EINTR || *stop) {
			err = -errno;
			break;
		}
	}
	o->len = 0;
	if (err && err != -EINTR && err != -EPIPE)
		complain("stdout", "%s", strerror(-err));
	return err;
}

void json_number(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (!cJSON_AddRawToObject(object, name, text))
		out_of_memory();
}

void output_json(struct output *o, cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	if (!text)
		out_of_memory();
	output_bytes(o, text, strlen(text));
	output_bytes(o, "\n", 1);
	free(text);
	cJSON_Delete(object);
}

int json_print(cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	if (!text)
		out_of_memory();
	puts(text);
	free(text);
	cJSON_Delete(object);
	return end_of_output(EXIT_OK);
}

int end_of_output(int status)
{
	if (fflush(stdout))
		return complain("stdout", "%s", strerror(errno));
	if (ferror(stdout))
		return complain("stdout", "not all could be written");
	return status;
}
