// SPDX-License-Identifier: Apache-2.0
#include "controller/logstore_text.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the printing character at `s`, or 0 when there is none (RFC 3629). */
static size_t printing(const unsigned char *s, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0xa0 /* below: C1 controls */, 0x800, 0x10000 };
	size_t n = *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	uint32_t c = *s & (0x7fU >> n);

	if (*s < 0x80)
		return *s == '\t' || (*s >= 0x20 && *s != 0x7f);
	if (*s < 0xc2 || *s > 0xf4 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

size_t logstore_text(const char *text, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	char *out = ret;

	for (size_t i = 0, n; i < len; i += n) {
		n = printing(s + i, len - i);
		if (n > 0) {
			memcpy(out, s + i, n);
			out += n;
			continue;
		}
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[s[i] >> 4];
		*out++ = digits[s[i] & 15];
		n = 1;
	}
	return (size_t)(out - ret);
}

void logstore_text_line(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = ' ';
		else if (*at >= 0x80)
			*at = '?';
	}
}

bool logstore_source_is(const char *source, const char *wanted)
{
	size_t len = strlen(wanted), digits;

	if (strncmp(source, wanted, len) != 0)
		return false;
	if (source[len] != '-')
		return source[len] == '\0';
	digits = strspn(source + len + 1, "0123456789");
	return digits > 0 && source[len + 1 + digits] == '\0';
}
