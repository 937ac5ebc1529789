// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/gateway/h1_tables.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define L1 "GET / HTTP/1.1\r\n"
#define P1 "POST / HTTP/1.1\r\n"
#define H "Host: a\r\n"

#define PLAIN                                                                                        \
	L1 "\r\n", L1 H "\r\n", "\r\n" L1 H "\r\n", "OPTIONS * HTTP/1.1\r\n" H "\r\n",               \
		"GET http://a/b?c HTTP/1.1\r\n" H "\r\n",                                            \
		"GET /%41%ff?%zz|{}[]\\^` HTTP/1.0\r\n\r\n",                                         \
		"BREW+1 / HTTP/1.1\r\nX-A:b\r\nx-empty:\r\n\r\n", P1 "Content-Length: 12\r\n\r\n",   \
		P1 "Host: [::1]:80\r\nTransfer-Encoding: Chunked\r\n\r\n",                           \
		L1                                                                                   \
		"Host: a.b_c-d~1:8080\r\nAccept: */*\r\nUser-Agent: curl/7.88.1 (x; \"y\")\r\n\r\n", \
		L1 "Host:\r\nX: \x80\xff\ty\r\nConnection: keep-alive\r\n\r\n",                      \
		P1 H "Content-Type: application/json\r\nContent-Length: 000000000000000128\r\n"      \
		     "Expect: 100-continue\r\nX-Request-Id: 0123456789abcdef\r\n\r\n",

const char *const h1_good[] = {
	PLAIN L1 "X: trailing blanks \t \r\n\r\n",
	"GET https://a:443?c HTTP/1.1\r\n" H "\r\n",
	"GET hTTp://[::1]/ HTTP/1.1\r\n" H "\r\n",
	"GET / HTTP/1.7\r\n" H "\r\n",
	L1 H "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n",
	L1 "Connection: close, keep-alive\r\n\r\n",
};
const size_t h1_good_count = COUNT(h1_good),
	     h1_plain_count = COUNT(((const char *const[]){ PLAIN }));

#define BAD(text, fault)                      \
	{                                     \
		text, sizeof(text) - 1, fault \
	}
const struct h1_bad h1_bad[] = {
	BAD("\n" L1 H "\r\n", GW_H1_LINE),
	BAD("\r\n\r\n" L1 H "\r\n", GW_H1_LINE),
	BAD("GET / HTTP/1.1\n" H "\r\n", GW_H1_LINE),
	BAD("GET / HTTP/1.1 \r\n" H "\r\n", GW_H1_LINE),
	BAD("GET / HTTP/1.10\r\n" H "\r\n", GW_H1_LINE),
	BAD("GET / HTTP/11\r\n" H "\r\n", GW_H1_LINE),
	BAD("GET / http/1.1\r\n" H "\r\n", GW_H1_LINE),
	BAD("GET /  HTTP/1.1\r\n" H "\r\n", GW_H1_LINE),
	BAD(" GET / HTTP/1.1\r\n" H "\r\n", GW_H1_LINE),
	BAD("G(T / HTTP/1.1\r\n" H "\r\n", GW_H1_LINE),
	BAD("GET\t/ HTTP/1.1\r\n" H "\r\n", GW_H1_LINE),
	BAD("\x16\x03\x01\x02", GW_H1_LINE),
	BAD("GET  / HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET /\r\n\r\n", GW_H1_TARGET),
	BAD("GET /a\0 HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET /a#b HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET /a\\b HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET /%4g HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET a HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET * HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("OPTIONS ** HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET ftp://a/ HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET http:///a HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET http://u@a/ HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("GET http://a:b/ HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("CONNECT / HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("CONNECT a HTTP/1.1\r\n" H "\r\n", GW_H1_TARGET),
	BAD("CONNECT a:443 HTTP/1.1\r\n" H "\r\n", GW_H1_CONNECT),
	BAD("GET / HTTP/2.0\r\n" H "\r\n", GW_H1_VERSION),
	BAD("GET / HTTP/0.9\r\n\r\n", GW_H1_VERSION),
	BAD(L1 "a\r\n\r\n", GW_H1_FIELD),
	BAD(L1 ": a\r\n\r\n", GW_H1_FIELD),
	BAD(L1 " a: b\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a : b\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a\t: b\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\r\n c\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\r\n\tc\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\r\n\n", GW_H1_FIELD),
	BAD(L1 "a: b\rc: d\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\r\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: b\0\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: \x7f\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a: 0123456789abcdef0123456789abcde\x01\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "\xc3\xa4: b\r\n\r\n", GW_H1_FIELD),
	BAD(L1 "a[b]: c\r\n\r\n", GW_H1_FIELD),
	BAD(L1 H H "\r\n", GW_H1_HOST),
	BAD(L1 "Host: a b\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: a/b\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: u@a\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: a:port\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: a:123456\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: :80\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: [::1\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: [::g]\r\n\r\n", GW_H1_HOST),
	BAD(L1 "Host: a%4\r\n\r\n", GW_H1_HOST),
	BAD(P1 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: 1, 1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: +1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: -1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: 0x1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length: 1 1\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Content-Length:\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: chunked, chunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: chunked, gzip\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: , chunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: chunked,\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: \"chunked\"\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: xchunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding:\r\n\r\n", GW_H1_FRAMING),
	BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", GW_H1_FRAMING),
	BAD(P1 "Transfer-Encoding: gzip, chunked\r\n\r\n", GW_H1_CODING),
	BAD(P1 "Content-Length: 9999999999999999999\r\n\r\n", GW_H1_LENGTH),
};
const size_t h1_bad_count = COUNT(h1_bad);

const struct h1_chunked h1_chunked[] = {
	{ "0\r\n\r\n", 0, "" },
	{ "5\r\nhello\r\n0\r\n\r\n", 0, "hello" },
	{ "5\r\nhello\r\n006\r\n world\r\n00\r\n\r\nnext", 4, "hello world" },
	{ "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0, "01234567890123456789" },
	{ "1;a\r\nx\r\n1;a=b;c=\"d;\\\"\\e\"\r\ny\r\n0;z\r\n\r\n", 0, "xy" },
	{ "1 ;\ta = b ; c\r\nx\r\n0\r\n\r\n", 0, "x" },
	{ "1\r\nx\r\n0\r\nTrailer: a\r\nOther:\r\n\r\nGET", 3, "x" },
	{ "000000000000001\r\nx\r\n0\r\n\r\n", 0, "x" },
	{ "5\r\nhel", -2, "hel" },
	{ "0\r\n", -2, "" },
	{ "", -2, "" },
	{ "5\nhello\r\n0\r\n\r\n", -1, NULL },
	{ "5\r\nhello\n0\r\n\r\n", -1, NULL },
	{ "5\r\nhello0\r\n\r\n", -1, NULL },
	{ "5\r\nhello!\r\n0\r\n\r\n", -1, NULL },
	{ "5\rhello\r\n0\r\n\r\n", -1, NULL },
	{ "5\r\r\nhello\r\n0\r\n\r\n", -1, NULL },
	{ "0\r\n\n", -1, NULL },
	{ "0\n\r\n", -1, NULL },
	{ "\r\n", -1, NULL },
	{ "+1\r\nx\r\n", -1, NULL },
	{ "-1\r\nx\r\n", -1, NULL },
	{ "0x1\r\nx\r\n", -1, NULL },
	{ " 1\r\nx\r\n", -1, NULL },
	{ "1 \r\nx\r\n", -1, NULL },
	{ "1 1\r\nx\r\n", -1, NULL },
	{ "g\r\n", -1, NULL },
	{ "1,\r\nx\r\n", -1, NULL },
	{ "0000000000000001\r\nx\r\n", -1, NULL },
	{ "ffffffffffffffff\r\n", -1, NULL },
	{ "100000000\r\n", -1, NULL },
	{ "ffffffff\r\nx", -2, "x" },
	{ "1;\r\nx\r\n", -1, NULL },
	{ "1;a=\r\nx\r\n", -1, NULL },
	{ "1;a\nx\r\n", -1, NULL },
	{ "1;a=\"b\r\n\"\r\nx\r\n", -1, NULL },
	{ "1;a=\"b\"c\r\nx\r\n", -1, NULL },
	{ "1;a b\r\nx\r\n", -1, NULL },
	{ "1;a\r\rx\r\n", -1, NULL },
	{ "1;a=b \r\nx\r\n", -1, NULL },
	{ "0\r\n folded\r\n\r\n", -1, NULL },
	{ "0\r\na\r\n\r\n", -1, NULL },
	{ "0\r\na : b\r\n\r\n", -1, NULL },
	{ "0\r\n: b\r\n\r\n", -1, NULL },
	{ "0\r\na: b\n\r\n", -1, NULL },
	{ "0\r\na: \x01\r\n\r\n", -1, NULL },
	{ "0\r\nGET / HTTP/1.1\r\n\r\n", -1, NULL },
};
const size_t h1_chunked_count = COUNT(h1_chunked);
