/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_yaml.h - from bytes to a YAML document that is safe to walk.
 *
 * For: chain_load.c.
 * How: a first pass over the parser's events refuses what a chain file does not need and
 * what makes a document dangerous: aliases (and with them documents that are small on disk
 * and huge in memory), tags, deep nesting, too many values, a second document. Then the
 * document is loaded, and keys given twice are reported.
 * Thread-safety: one owner.
 * Failure modes: every refusal is an error with its place; see chain_yaml_load().
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_YAML_H
#define SPROCKET_CONTROLLER_CHAIN_YAML_H

#include <stddef.h>
#include <yaml.h>

#include "controller/chain_errors.h"

#define CHAIN_FILE_MAX (1U << 20)   /* bytes of a chain file */
#define CHAIN_DEPTH_MAX 32          /* levels of nesting */
#define CHAIN_VALUES_MAX (1U << 16) /* keys and values of a file */

/* Returns 0 and *ret (yaml_document_delete() is the caller's); -EINVAL when errors were
 * added and there is no document; -ENOMEM. Keys given twice are errors with a document. */
int chain_yaml_load(const char *text, size_t len, struct chain_errors *errors,
		    yaml_document_t *ret);

#endif
