// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/top_terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "controller/cli/top_view.h"

#define ENTER "\033[?1049h\033[?25l\033[?7l" /* alternate screen, no cursor, no wrapping */
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define SEQUENCE_MAX 8
#define SEQUENCE_WAIT_MS 25 /* the bytes of one key come together; a lone escape does not go on */
#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24

static const int waited[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

static struct {
	bool open;
	struct termios before;
	sigset_t mask_before, mask_waiting;
	int stderr_before; /* a dup of it */
	volatile sig_atomic_t ending, suspend, resized;
} terminal;

/* Safe in a signal handler. */
static void put(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno != EINTR)
			return; /* the terminal is gone */
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

static void leave(void)
{
	put(LEAVE, sizeof(LEAVE) - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal.before);
}

static void enter(void)
{
	struct termios raw = terminal.before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	put(ENTER, sizeof(ENTER) - 1);
}

static void on_signal(int signal)
{
	if (signal == SIGTSTP)
		terminal.suspend = 1;
	else if (signal == SIGWINCH)
		terminal.resized = 1;
	else
		terminal.ending = signal;
}

static void on_fault(int signal)
{
	leave();
	raise(signal); /* the default again, by SA_RESETHAND */
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND | SA_NODEFER };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(waited) / sizeof(*waited); i++)
		sigaddset(&blocked, waited[i]);
	sigprocmask(SIG_BLOCK, &blocked, &terminal.mask_before);
	terminal.mask_waiting = terminal.mask_before;
	for (size_t i = 0; i < sizeof(waited) / sizeof(*waited); i++) {
		sigaction(waited[i], &action, NULL);
		sigdelset(&terminal.mask_waiting, waited[i]);
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaction(faults[i], &fault, NULL);
}

/* From now on sentences go into a file of their own. */
static int hold_stderr(void)
{
	int memory = memfd_create("stderr", MFD_CLOEXEC), r = 0;

	if (memory < 0)
		return -errno;
	fflush(stderr);
	terminal.stderr_before = dup(STDERR_FILENO);
	if (terminal.stderr_before < 0 || dup2(memory, STDERR_FILENO) < 0)
		r = -errno;
	close(memory);
	return r;
}

int terminal_open(void)
{
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	if (tcgetattr(STDIN_FILENO, &terminal.before) < 0)
		return -errno;
	r = hold_stderr();
	if (r < 0)
		return r;
	terminal.open = true;
	catch_signals();
	enter();
	atexit(terminal_close);
	return 0;
}

/* The last line said is enough: the same trouble may have been told at every refresh. */
void terminal_close(void)
{
	char said[512];

	if (!terminal.open)
		return;
	terminal.open = false;
	leave();
	terminal_said(said, sizeof(said));
	dup2(terminal.stderr_before, STDERR_FILENO);
	close(terminal.stderr_before);
	if (said[0])
		fprintf(stderr, "%s\n", said);
	for (size_t i = 0; i < sizeof(waited) / sizeof(*waited); i++)
		signal(waited[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, &terminal.mask_before, NULL);
}

void terminal_said(char *ret, size_t size)
{
	char text[1024];
	off_t end = lseek(STDERR_FILENO, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, from);
	char *line;

	ret[0] = '\0';
	if (n <= 0)
		return;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	line = strrchr(text, '\n');
	snprintf(ret, size, "%s", line ? line + 1 : text);
	if (ftruncate(STDERR_FILENO, 0) == 0)
		lseek(STDERR_FILENO, 0, SEEK_SET);
}

void terminal_size(unsigned *ret_width, unsigned *ret_height)
{
	struct winsize size = { .ws_col = 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*ret_width = size.ws_col ? size.ws_col : WIDTH_DEFAULT;
	*ret_height = size.ws_row ? size.ws_row : HEIGHT_DEFAULT;
}

static void draw_line(FILE *page, const char *line, int len, const char *style)
{
	fprintf(page, "%s%.*s%s\033[K", style, len, line, *style ? "\033[0m" : "");
}

void terminal_draw(const char *text, int bold, int reverse)
{
	unsigned width, height;
	char *bytes = NULL;
	size_t size = 0;
	FILE *page = open_memstream(&bytes, &size);

	if (!page)
		return;
	terminal_size(&width, &height);
	fputs("\033[H", page);
	for (unsigned n = 0; n < height && *text; n++) {
		size_t len = strcspn(text, "\n");

		if (n)
			fputs("\r\n", page);
		draw_line(page, text, (int)(len < width ? len : width),
			  (int)n == bold    ? "\033[1m" :
			  (int)n == reverse ? "\033[7m" :
					      "");
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", page);
	fclose(page);
	put(bytes, size);
	free(bytes);
}

/* ^Z: the shell gets the terminal as it was; back in the foreground we take it again. */
static void suspend(void)
{
	terminal.suspend = 0;
	leave();
	raise(SIGSTOP);
	enter();
}

static int parse_sequence(const char *text)
{
	static const struct {
		const char *text;
		int key;
	} known[] = {
		{ "[A", TOP_KEY_UP },   { "OA", TOP_KEY_UP },       { "[B", TOP_KEY_DOWN },
		{ "OB", TOP_KEY_DOWN }, { "[5~", TOP_KEY_PAGE_UP }, { "[6~", TOP_KEY_PAGE_DOWN },
		{ "[H", TOP_KEY_HOME }, { "OH", TOP_KEY_HOME },     { "[1~", TOP_KEY_HOME },
		{ "[F", TOP_KEY_END },  { "OF", TOP_KEY_END },      { "[4~", TOP_KEY_END },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(text, known[i].text))
			return known[i].key;
	return TOP_KEY_NONE;
}

static bool next_byte(char *ret, int timeout_ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, timeout_ms) > 0 && read(STDIN_FILENO, ret, 1) == 1;
}

static int read_key(void)
{
	char byte, text[SEQUENCE_MAX + 1] = "";
	size_t len = 0;

	if (read(STDIN_FILENO, &byte, 1) != 1)
		return TOP_KEY_END_OF_INPUT;
	if (byte != '\033')
		return (unsigned char)byte;
	while (len < SEQUENCE_MAX && next_byte(&text[len], SEQUENCE_WAIT_MS)) {
		len++;
		/* A letter or ~ ends it; the first byte only opens it. */
		if (len > 1 && text[len - 1] >= '@')
			break;
	}
	return len ? parse_sequence(text) : '\033';
}

int terminal_key(int timeout_ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec timeout = { .tv_sec = timeout_ms / 1000,
				    .tv_nsec = timeout_ms % 1000 * 1000000L };
	int n = ppoll(&in, 1, &timeout, &terminal.mask_waiting);

	if (terminal.ending)
		return TOP_KEY_END_OF_INPUT;
	if (terminal.suspend) {
		suspend();
		return TOP_KEY_RESIZE;
	}
	if (terminal.resized) {
		terminal.resized = 0;
		return TOP_KEY_RESIZE;
	}
	return n > 0 ? read_key() : TOP_KEY_NONE;
}

int terminal_signal(void)
{
	return terminal.ending;
}
