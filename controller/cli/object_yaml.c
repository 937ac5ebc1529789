// SPDX-License-Identifier: Apache-2.0
/* See object.h: JSON as YAML, by libyaml. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "controller/cli/object.h"

/* Would YAML take the plain word for something else than a text? When in doubt, yes. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no",  "on",
					     "off",  "y",     "n",   "null" };

	if (!isalpha((unsigned char)*text) && *text != '/')
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	char *copy = strdup(text); /* libyaml takes no const */
	yaml_event_t event;
	bool good = copy && yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)copy,
							 (int)strlen(copy), 1, 1, style);

	free(copy);
	return good && yaml_emitter_emit(emitter, &event);
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
	yaml_scalar_style_t style = strchr(text, '\n') ? YAML_LITERAL_SCALAR_STYLE :
				    needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE :
							 YAML_ANY_SCALAR_STYLE;

	return emit_scalar(emitter, text, style);
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value);

static bool emit_list(yaml_emitter_t *emitter, const json_t *list)
{
	yaml_event_t event;
	bool good = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							 YAML_ANY_SEQUENCE_STYLE) &&
		    yaml_emitter_emit(emitter, &event);
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		good = good && emit_value(emitter, item);
	return good && yaml_sequence_end_event_initialize(&event) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_map(yaml_emitter_t *emitter, const json_t *map)
{
	yaml_event_t event;
	bool good = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							YAML_ANY_MAPPING_STYLE) &&
		    yaml_emitter_emit(emitter, &event);

	/* json_object_foreach() takes no const. */
	for (void *iter = json_object_iter((json_t *)(uintptr_t)map); iter;
	     iter = json_object_iter_next((json_t *)(uintptr_t)map, iter))
		good = good && emit_text(emitter, json_object_iter_key(iter)) &&
		       emit_value(emitter, json_object_iter_value(iter));
	return good && yaml_mapping_end_event_initialize(&event) &&
	       yaml_emitter_emit(emitter, &event);
}

/* Numbers, true, false and null are written the same in both. */
static bool emit_literal(yaml_emitter_t *emitter, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	bool good = text && emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);

	free(text);
	return good;
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return emit_map(emitter, value);
	case JSON_ARRAY:
		return emit_list(emitter, value);
	case JSON_STRING:
		return emit_text(emitter, json_string_value(value));
	default:
		return emit_literal(emitter, value);
	}
}

static bool emit_document(yaml_emitter_t *emitter, const json_t *value)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(emitter, &event) && emit_value(emitter, value) &&
	       yaml_document_end_event_initialize(&event, 1) &&
	       yaml_emitter_emit(emitter, &event) && yaml_stream_end_event_initialize(&event) &&
	       yaml_emitter_emit(emitter, &event);
}

int object_print_yaml(const json_t *value, FILE *out)
{
	yaml_emitter_t emitter;
	bool good;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1); /* no line is broken */
	good = emit_document(&emitter, value);
	yaml_emitter_delete(&emitter);
	return good ? 0 : -EIO;
}
