/* SPDX-License-Identifier: Apache-2.0 */
/* test_template.c - templates: what they give, what stops the start, what never gets out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "template.h"

static const char *page;

static sp_str source(const char *name)
{
	const char *text = strcmp(name, "part.html") == 0 ? "[{{name}}]\n" :
			   strcmp(name, "loop.html") == 0 ? "{{>loop.html}}" :
			   strncmp(name, "page.", 5) == 0 ? page :
							    NULL;

	return text ? (sp_str){ text, strlen(text) } : (sp_str){ NULL, 0 };
}

static struct view view;

static void fill(void)
{
	view_reset(&view);
	view_text(&view, NULL, K_name, SP_S("Ann & <b>\"O'Hara\""));
	view_text(&view, NULL, K_state, SP_S(""));
	for (int i = 1; i <= 2; i++) {
		struct item *row = view_row(&view, K_items);

		view_number(&view, row, K_quantity, i);
		if (i == 2)
			view_text(&view, row, K_name, SP_S("own"));
	}
}

static void check(const char *name, const char *text, const char *want)
{
	struct template *t;
	char to[512];
	long len;

	page = text;
	t = template_new(name, source);
	assert_non_null(t);
	fill();
	len = template_render(t, &view, to, sizeof(to) - 1);
	assert_true(len >= 0);
	to[len] = '\0';
	if (strcmp(to, want) != 0)
		fail_msg("%s gave\n%s\nexpected\n%s", text, to, want);
	template_free(t);
}

static void test_gives(void **state)
{
	(void)state;
	check("page.html", "", "");
	check("page.html", "plain } { {x} \n", "plain } { {x} \n");
	check("page.html", "<{{name}}>", "<Ann &amp; &lt;b&gt;&quot;O&#39;Hara&quot;>");
	check("page.txt", "<{{name}}>", "<Ann & <b>\"O'Hara\">");
	check("page.html", "a{{!never}}b{{zip}}c", "abc");
	check("page.txt", "{{#items}}{{quantity}}:{{name}};{{/items}}",
	      "1:Ann & <b>\"O'Hara\";2:own;");
	check("page.html", "{{#name}}yes{{/name}}{{^name}}no{{/name}}", "yes");
	check("page.html", "{{#state}}yes{{/state}}{{^state}}no{{/state}}", "no");
	check("page.html", "{{#zip}}yes{{/zip}}{{^zip}}no{{/zip}}", "no");
	check("page.html", "{{^items}}none{{/items}}", "");
	check("page.html",
	      "{{#items}}{{#state}}x{{/state}}{{^state}}{{quantity}}{{/state}}{{/items}}", "12");
}

static void test_lines(void **state)
{
	(void)state;
	check("page.html", "a\n  {{#items}}\n{{quantity}}\n{{/items}} \nb\n", "a\n1\n2\nb\n");
	check("page.html", "{{!x}}\na\n{{!x}}", "a\n");
	check("page.html", "a {{#state}}\n{{/state}}b\n", "a b\n");
	check("page.txt", "x\n{{>part.html}}\ny\n", "x\n[Ann & <b>\"O'Hara\"]\ny\n");
}

static void refused(const char *text)
{
	page = text;
	if (template_new("page.html", source))
		fail_msg("taken: %s", text);
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("{{nmae}}");
	refused("{{}}");
	refused("{{ name }}");
	refused("{{name");
	refused("{{#items}}");
	refused("{{/items}}");
	refused("{{#items}}{{/name}}");
	refused("{{#items}}{{#name}}{{/items}}{{/name}}");
	refused("{{>none.html}}");
	refused("{{>loop.html}}");
	refused("{{>a-name-that-is-much-longer-than-any-file-has-here.html}}");
	refused("{{#name}}{{#name}}{{#name}}{{#name}}{{#name}}{{#name}}{{#name}}{{#name}}{{#name}}");
}

static void test_limits(void **state)
{
	char to[16], large[VIEW_TEXT + 1];
	struct template *t;

	(void)state;
	page = "{{quantity}}";
	t = template_new("page.html", source);
	assert_non_null(t);
	view_reset(&view);
	view_text(&view, NULL, K_quantity, SP_S("0123456789abcdef"));
	assert_int_equal(template_render(t, &view, to, 16), 16);
	assert_memory_equal(to, "0123456789abcdef", 16);
	assert_int_equal(template_render(t, &view, to, 15), -ENOSPC);
	/* A view that did not hold all is not shown as if it had. */
	view_reset(&view);
	memset(large, 'x', sizeof(large));
	view_copy(&view, NULL, K_quantity, (sp_str){ large, sizeof(large) });
	assert_int_equal(template_render(t, &view, to, 16), -ENOSPC);
	view_reset(&view);
	for (unsigned i = 0; i <= VIEW_ROWS; i++)
		assert_non_null(view_row(&view, K_items));
	assert_int_equal(template_render(t, &view, to, 16), -ENOSPC);
	view_reset(&view);
	for (unsigned i = 0; i <= VIEW_FIELDS; i++)
		view_text(&view, NULL, K_name, SP_S("x"));
	assert_int_equal(template_render(t, &view, to, 16), -ENOSPC);
	template_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gives),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
