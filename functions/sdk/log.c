// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/request.h"

#define SECOND_NS 1000000000ULL
#define UNREAD_MAX 80 /* bytes that say what was lost */

static int log_fd = STDERR_FILENO;
static sdk_log_sink *log_sink;
static void *log_arg;

static pthread_mutex_t rate_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t rate_start_ns;
static unsigned rate_lines, rate_dropped;
static unsigned unread; /* lines that did not fit into the log, not said yet */
static sp_counter dropped_counter = { "log_dropped", NULL };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void sdk_log_fd(int fd)
{
	log_fd = fd;
}

void sdk_log_to(sdk_log_sink *sink, void *arg)
{
	pthread_mutex_lock(&rate_lock);
	log_sink = sink;
	log_arg = arg;
	rate_start_ns = 0;
	rate_lines = rate_dropped = 0;
	pthread_mutex_unlock(&rate_lock);
}

/* Whoever read our stderr may be gone: that must not kill a function that still serves,
 * nor may the process's own handling of SIGPIPE be touched. False when there is no room: a
 * pipe takes a line whole or not at all. */
static bool write_stderr(const char *line, size_t len)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t pipe_signal, before, pending;
	bool full = false;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	if (write(log_fd, line, len) < 0) {
		full = errno == EAGAIN;
		if (errno == EPIPE && !sigismember(&pending, SIGPIPE))
			sigtimedwait(&pipe_signal, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !full;
}

/* Writes a line (of length 0: none) and in front of it, in the same write, how many were lost
 * before. */
static void write_told(const char *line, size_t len)
{
	unsigned lines = __atomic_exchange_n(&unread, 0, __ATOMIC_RELAXED);
	char text[UNREAD_MAX + SDK_LOG_MAX];
	size_t used = 0;

	if (lines > 0)
		used = (size_t)snprintf(text, UNREAD_MAX,
					"warn  %u log lines lost: they were not read in time\n",
					lines);
	memcpy(text + used, line, len);
	if (used + len == 0 || write_stderr(text, used + len))
		return;
	__atomic_fetch_add(&unread, lines + (len > 0), __ATOMIC_RELAXED);
	sp_count(&dropped_counter, len > 0);
}

static void write_line(const char *line, size_t len)
{
	if (log_sink)
		log_sink(log_arg, line, len);
	else
		write_told(line, len);
}

/* Makes the line fit and be one: control characters become spaces. */
static void finish_line(char *line, size_t len)
{
	if (len > SDK_LOG_MAX - 1) {
		len = SDK_LOG_MAX - 1;
		memcpy(line + len - 3, "...", 3);
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[len] = '\n';
	write_line(line, len + 1);
}

static size_t append(char *line, size_t len, const char *format, ...)
{
	va_list args;
	int n;

	if (len >= SDK_LOG_MAX)
		return len;
	va_start(args, format);
	n = vsnprintf(line + len, SDK_LOG_MAX - len, format, args);
	va_end(args);
	return n < 0 ? len : len + (size_t)n;
}

static void say_dropped(unsigned dropped)
{
	char line[SDK_LOG_MAX];

	if (dropped == 0)
		return;
	sp_count(&dropped_counter, dropped);
	finish_line(line, append(line, 0, "warn  %u log lines dropped: more than %d a second",
				 dropped, SDK_LOG_RATE));
}

/* True when one more line may be written now. *ret_dropped: what is to be said before. */
static bool rate_allows(unsigned *ret_dropped)
{
	uint64_t now = sdk_now_ns();
	bool allowed;

	*ret_dropped = 0;
	pthread_mutex_lock(&rate_lock);
	if (rate_start_ns == 0 || now - rate_start_ns >= SECOND_NS) {
		*ret_dropped = rate_dropped;
		rate_start_ns = now;
		rate_lines = rate_dropped = 0;
	}
	allowed = rate_lines < SDK_LOG_RATE;
	if (allowed)
		rate_lines++;
	else
		rate_dropped++;
	pthread_mutex_unlock(&rate_lock);
	return allowed;
}

void sdk_log_flush(void)
{
	unsigned dropped;

	pthread_mutex_lock(&rate_lock);
	dropped = rate_dropped;
	rate_dropped = 0;
	pthread_mutex_unlock(&rate_lock);
	say_dropped(dropped);
	write_told("", 0);
}

static size_t append_trace(char *line, size_t len, const struct sp_request *req)
{
	static const uint8_t none[16];
	sp_str id = sdk_str(req, req->header.id);

	if (id.len > 0)
		len = append(line, len, "  request=%.*s", SP_ARG(id));
	else
		len = append(line, len, "  request=%llu", (unsigned long long)req->header.number);
	if (memcmp(req->header.trace_id, none, sizeof(none)) == 0)
		return len;
	len = append(line, len, " trace=");
	for (size_t i = 0; i < sizeof(none); i++)
		len = append(line, len, "%02x", req->header.trace_id[i]);
	return len;
}

void sp_log(sp_request *req, sp_level level, const char *format, ...)
{
	char line[SDK_LOG_MAX];
	unsigned dropped;
	va_list args;
	size_t len;
	int n;

	if (level == SP_DEBUG && !getenv("SPROCKET_DEBUG"))
		return;
	if (level > SP_ERROR)
		level = SP_ERROR;
	if (!rate_allows(&dropped))
		return;
	say_dropped(dropped);
	len = append(line, 0, "%-5s ", level_names[level]);
	va_start(args, format);
	n = len < sizeof(line) ? vsnprintf(line + len, sizeof(line) - len, format, args) : 0;
	va_end(args);
	len += n < 0 ? 0 : (size_t)n;
	if (req)
		len = append_trace(line, len, req);
	finish_line(line, len);
}
