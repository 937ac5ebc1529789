// SPDX-License-Identifier: Apache-2.0
/* See complete.h. */
#include <stdio.h>

#include "controller/chain_value.h"
#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/complete.h"
#include "controller/cli/object.h"

static void print_names(const char *path, const char *list, const char *name)
{
	struct client *client;
	json_t *answer, *item;
	size_t i;

	if (client_open_quietly(&client) != CLI_OK)
		return;
	if (client_ask(client, "GET", path, NULL, &answer) == CLI_OK) {
		json_array_foreach(object_get(answer, list), i, item) {
			const char *text = object_text(item, name);

			if (text && chain_value_is_label(text))
				puts(text);
		}
		json_decref(answer);
	}
	client_close(client);
}

void complete_chains(void)
{
	print_names("/v1/chains", "items", "metadata.name");
}

void complete_functions(const char *chain)
{
	char path[128];

	if (!chain_value_is_label(chain))
		return;
	snprintf(path, sizeof(path), "/v1/chains/%s", chain);
	print_names(path, "spec.functions", "name");
}
