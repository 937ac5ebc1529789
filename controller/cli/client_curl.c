// SPDX-License-Identifier: Apache-2.0
/*
 * client_curl.c - libcurl under its own names, loaded by the first command that asks sprocketd.
 *
 * Why: with the thirty libraries that it needs it took most of the start of `sprocket run`, which
 * asks nobody, and a third of each fork of it.
 * Thread-safety: one thread.
 * Failure modes: curl_easy_init() says why it cannot be loaded, and returns NULL; nothing else may
 * be called then.
 */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

#define LIBRARY "libcurl.so.4"

#define FUNCTIONS(X)          \
	X(curl_easy_cleanup)  \
	X(curl_easy_escape)   \
	X(curl_easy_getinfo)  \
	X(curl_easy_init)     \
	X(curl_easy_perform)  \
	X(curl_easy_reset)    \
	X(curl_easy_setopt)   \
	X(curl_easy_strerror) \
	X(curl_free)          \
	X(curl_slist_append)  \
	X(curl_slist_free_all)

static struct {
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
	bool loaded;
} real;

static bool find(void *library, const char *name, void *ret, size_t size)
{
	void *function = dlsym(library, name);

	memcpy(ret, &function, size);
	return function != NULL;
}

static bool load(void)
{
	void *library = real.loaded ? NULL : dlopen(LIBRARY, RTLD_NOW);

	if (library)
		real.loaded = true
#define X(name) &&find(library, #name, &real.name, sizeof(real.name))
			FUNCTIONS(X)
#undef X
			;
	if (!real.loaded)
		fprintf(stderr, "sprocket: %s\n", dlerror());
	return real.loaded;
}

CURL *curl_easy_init(void)
{
	CURL *curl = load() ? real.curl_easy_init() : NULL;

	if (!curl && real.loaded)
		fputs("sprocket: out of memory\n", stderr);
	return curl;
}

/* Each takes one argument more, a long, a curl_off_t or a pointer: all are passed alike. */
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *), "LP64");

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	va_list args;
	void *value;

	va_start(args, option);
	value = va_arg(args, void *);
	va_end(args);
	return real.curl_easy_setopt(curl, option, value);
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	va_list args;
	void *value;

	va_start(args, info);
	value = va_arg(args, void *);
	va_end(args);
	return real.curl_easy_getinfo(curl, info, value);
}

void curl_easy_cleanup(CURL *curl)
{
	real.curl_easy_cleanup(curl);
}

void curl_easy_reset(CURL *curl)
{
	real.curl_easy_reset(curl);
}

CURLcode curl_easy_perform(CURL *curl)
{
	return real.curl_easy_perform(curl);
}

char *curl_easy_escape(CURL *curl, const char *text, int length)
{
	return real.curl_easy_escape(curl, text, length);
}

const char *curl_easy_strerror(CURLcode code)
{
	return real.curl_easy_strerror(code);
}

void curl_free(void *p)
{
	real.curl_free(p);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	return real.curl_slist_append(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
	real.curl_slist_free_all(list);
}
