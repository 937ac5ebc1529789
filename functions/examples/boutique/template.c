/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"

#define DEPTH_MAX 8U /* of files in files, and of sections in sections */
#define NAME_MAX_ 40U

enum op_kind { OP_TEXT, OP_VALUE, OP_EACH, OP_NONE, OP_END };

struct op {
	enum op_kind kind;
	enum key key;
	uint32_t after; /* of a section: index behind its end */
	sp_str text;
};

struct template
{
	bool html;
	uint32_t count;
	uint32_t room;
	struct op *ops;
};

struct parser {
	struct template *template;
	template_source_fn *source;
	const char *file;
	sp_str text;
	size_t at;
	unsigned depth;
};

static bool parse_file(struct parser *parser, const char *name, unsigned depth);

static const char *const names[KEY_COUNT] = {
#define NAME(name) [K_##name] = #name,
	KEYS(NAME)
#undef NAME
};

static bool mistake(const struct parser *p, const char *what, sp_str tag)
{
	unsigned line = 1;

	for (size_t i = 0; i < p->at; i++)
		line += p->text.data[i] == '\n';
	sp_log(NULL, SP_ERROR, "%s:%u: %s: {{%.*s}}", p->file, line, what, SP_ARG(tag));
	return false;
}

static struct op *op_new(struct template *t, enum op_kind kind)
{
	struct op *ops;

	if (t->count == t->room) {
		ops = realloc(t->ops, (t->room * 2 + 16) * sizeof(*ops));
		if (!ops)
			abort(); /* at the start, for a few kilobytes */
		t->ops = ops;
		t->room = t->room * 2 + 16;
	}
	t->ops[t->count] = (struct op){ .kind = kind };
	return &t->ops[t->count++];
}

static bool key_of(sp_str name, enum key *ret)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		if (strlen(names[i]) == name.len && memcmp(names[i], name.data, name.len) == 0) {
			*ret = (enum key)i;
			return true;
		}
	}
	return false;
}

static void text_add(struct template *t, const char *from, const char *to)
{
	if (to > from)
		op_new(t, OP_TEXT)->text = (sp_str){ from, (size_t)(to - from) };
}

/* Where the text before a tag that is alone on its line ends, and where it goes on. */
static void alone(sp_str text, const char **open, const char **close)
{
	const char *start = *open, *end = *close, *last = text.data + text.len;

	while (start > text.data && (start[-1] == ' ' || start[-1] == '\t'))
		start--;
	while (end < last && (*end == ' ' || *end == '\t'))
		end++;
	if ((start > text.data && start[-1] != '\n') || (end < last && *end != '\n'))
		return;
	*open = start;
	*close = end < last ? end + 1 : end;
}

static bool parse_part(struct parser *p, sp_str tag)
{
	char name[NAME_MAX_];

	if (tag.len >= sizeof(name))
		return mistake(p, "too long a name", tag);
	memcpy(name, tag.data, tag.len);
	name[tag.len] = '\0';
	if (p->depth + 1 == DEPTH_MAX)
		return mistake(p, "too many files in files", tag);
	return parse_file(p, name, p->depth + 1) || mistake(p, "in the file", tag);
}

struct sections {
	uint32_t open[DEPTH_MAX];
	unsigned count;
};

static bool parse_section(struct parser *p, struct sections *s, char kind, sp_str tag)
{
	struct template *t = p->template;
	enum key key;
	struct op *op;

	if (!key_of(tag, &key))
		return mistake(p, "no such name", tag);
	if (kind == '/') {
		if (s->count == 0 || t->ops[s->open[s->count - 1]].key != key)
			return mistake(p, "ends what has not begun", tag);
		op_new(t, OP_END);
		t->ops[s->open[--s->count]].after = t->count;
		return true;
	}
	if (s->count == DEPTH_MAX)
		return mistake(p, "too many sections in sections", tag);
	s->open[s->count++] = t->count;
	op = op_new(t, kind == '#' ? OP_EACH : OP_NONE);
	op->key = key;
	return true;
}

static bool parse_tag(struct parser *p, struct sections *s, sp_str tag)
{
	char kind = tag.len ? tag.data[0] : '\0';
	sp_str name = tag;
	enum key key;

	if (kind == '!')
		return true;
	if (kind && strchr("#^/>", kind)) {
		name.data++;
		name.len--;
		return kind == '>' ? parse_part(p, name) : parse_section(p, s, kind, name);
	}
	if (!key_of(name, &key))
		return mistake(p, "no such name", tag);
	op_new(p->template, OP_VALUE)->key = key;
	return true;
}

static bool parse_file(struct parser *outer, const char *name, unsigned depth)
{
	struct parser p = { outer->template, outer->source, name, outer->source(name), 0, depth };
	const char *at = p.text.data, *open, *close, *end;
	struct sections sections = { .count = 0 };
	sp_str tag;

	if (!at)
		return mistake(outer, "no such file", (sp_str){ name, strlen(name) });
	end = at + p.text.len;
	while ((open = memmem(at, (size_t)(end - at), "{{", 2))) {
		p.at = (size_t)(open - p.text.data);
		close = memmem(open, (size_t)(end - open), "}}", 2);
		if (!close)
			return mistake(&p, "has no end", (sp_str){ open + 2, 0 });
		tag = (sp_str){ open + 2, (size_t)(close - open - 2) };
		close += 2;
		if (tag.len && strchr("#^/>!", tag.data[0]))
			alone(p.text, &open, &close);
		text_add(p.template, at, open);
		if (!parse_tag(&p, &sections, tag))
			return false;
		at = close;
	}
	text_add(p.template, at, end);
	if (sections.count)
		return mistake(&p, "a section has no end", (sp_str){ "", 0 });
	return true;
}

struct template *template_new(const char *name, template_source_fn *source)
{
	struct template *t = calloc(1, sizeof(*t));
	struct parser parser = { t, source, name, { "", 0 }, 0, 0 };
	size_t len = strlen(name);

	if (!t)
		return NULL;
	t->html = len > 5 && strcmp(name + len - 5, ".html") == 0;
	return parse_file(&parser, name, 0) ? t : template_free(t);
}

struct template *template_free(struct template *template)
{
	if (template) {
		free(template->ops);
		free(template);
	}
	return NULL;
}

struct sink {
	char *to;
	size_t len;
	size_t cap;
	bool full;
	bool html;
};

static void put(struct sink *sink, const char *data, size_t len)
{
	if (len > sink->cap - sink->len) {
		sink->full = true;
		return;
	}
	if (len)
		memcpy(sink->to + sink->len, data, len);
	sink->len += len;
}

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void put_value(struct sink *sink, sp_str text)
{
	size_t start = 0;
	const char *entity;

	for (size_t i = 0; i < text.len && sink->html; i++) {
		entity = entity_of(text.data[i]);
		if (!entity)
			continue;
		put(sink, text.data + start, i - start);
		put(sink, entity, strlen(entity));
		start = i + 1;
	}
	put(sink, text.data + start, text.len - start);
}

static const struct field *look_up(const struct view *view, const struct item *row, enum key key)
{
	const struct field *field = row ? view_find(row, key) : NULL;

	return field ? field : view_find(&view->root, key);
}

static void render(const struct template *t, uint32_t at, const struct view *view,
		   const struct item *row, struct sink *sink);

static void render_each(const struct template *t, uint32_t at, const struct view *view,
			const struct item *row, struct sink *sink)
{
	const struct field *field = look_up(view, row, t->ops[at].key);

	if (field && field->rows)
		for (const struct item *r = field->rows; r; r = r->next)
			render(t, at + 1, view, r, sink);
	else if (field && field->text.len)
		render(t, at + 1, view, row, sink);
}

static void render(const struct template *t, uint32_t at, const struct view *view,
		   const struct item *row, struct sink *sink)
{
	const struct field *field;

	while (at < t->count && t->ops[at].kind != OP_END) {
		const struct op *op = &t->ops[at];

		if (op->kind == OP_TEXT) {
			put(sink, op->text.data, op->text.len);
			at++;
			continue;
		}
		field = look_up(view, row, op->key);
		if (op->kind == OP_VALUE) {
			if (field)
				put_value(sink, field->text);
			at++;
			continue;
		}
		if (op->kind == OP_EACH)
			render_each(t, at, view, row, sink);
		else if (!field || (!field->rows && !field->text.len))
			render(t, at + 1, view, row, sink);
		at = op->after;
	}
}

long template_render(const struct template *template, const struct view *view, char *to, size_t cap)
{
	struct sink sink = { to, 0, cap, view->full, template->html };

	render(template, 0, view, NULL, &sink);
	return sink.full ? -ENOSPC : (long)sink.len;
}
