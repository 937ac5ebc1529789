/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_terminal.h - the terminal while a command has the whole screen.
 *
 * How: ECMA-48 sequences that every terminal in use knows: the alternate screen, so that what
 * was there comes back; a page is one write that overwrites the one before, so that nothing
 * flickers. Signals are blocked but while waiting for a key: an end, a suspend (^Z) or a new
 * size is dealt with there, and nowhere else.
 * The terminal is as before after terminal_close(), at ^Z, and when the process dies of a
 * fault. Only SIGKILL and SIGSTOP cannot be answered.
 * stderr is held back meanwhile: sentences would tear the page. terminal_close() prints it.
 * Thread-safety: none; one per process.
 */
#ifndef SPROCKET_CONTROLLER_CLI_TOP_TERMINAL_H
#define SPROCKET_CONTROLLER_CLI_TOP_TERMINAL_H

#include <stddef.h>

/* Returns 0, -ENOTTY when stdin or stdout is no terminal, or -errno. */
int terminal_open(void);
void terminal_close(void);

/* Columns and lines, 80 and 24 when it does not say. */
void terminal_size(unsigned *ret_width, unsigned *ret_height);

/* Shows `text`, cut to the screen; line `bold` and line `reverse` stand out (-1: none). */
void terminal_draw(const char *text, int bold, int reverse);

/* Waits for a key (enum top_key of top_view.h, or a character) up to `timeout_ms`. Ends with
 * TOP_KEY_END_OF_INPUT at the end of the input and at signals that end the process. */
int terminal_key(int timeout_ms);

/* The signal that told us to end, 0 for none. */
int terminal_signal(void);

/* Takes the last line of what was said on stderr; "" when there is none. */
void terminal_said(char *ret, size_t size);

#endif
