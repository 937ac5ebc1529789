/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.h - texts with holes, in a small part of the Mustache language:
 *
 *     {{name}}              the text, escaped for HTML unless the template is plain text
 *     {{#name}}..{{/name}}  once for each row of a list, or once when the text is not empty
 *     {{^name}}..{{/name}}  when the list has no rows, the text is empty or there is none
 *     {{>file}}             another template in this place
 *     {{!remark}}           nothing
 *
 * A row's names hide those of the page. A line with one tag alone, other than {{name}}, gives
 * no line. There is no way to leave text unescaped in HTML.
 * How: taken apart once, when the function starts; a mistake there is an error with its line.
 * Rendering allocates nothing.
 * Thread-safety: a template is constant once made.
 */
#ifndef BOUTIQUE_TEMPLATE_H
#define BOUTIQUE_TEMPLATE_H

#include "view.h"

struct template;

/* The text of a file, {NULL, 0} when there is none. It must stay. */
typedef sp_str template_source_fn(const char *name);

/* `name` ends with .html, or it is plain text. NULL: cannot be used; the log says why. */
struct template *template_new(const char *name, template_source_fn *source);
/* Takes NULL. Returns NULL. */
struct template *template_free(struct template *template);

/* Bytes written to `to`; -ENOSPC when they are more than `cap`, or the view was full. */
long template_render(const struct template *template, const struct view *view, char *to,
		     size_t cap);

#endif
