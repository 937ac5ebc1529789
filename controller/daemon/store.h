/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the declared state on disk: one file for each chain.
 *
 * For: the daemon.
 * How: FOLDER/chains/NAME.json. A document is written to a file of its own, synced, and
 * renamed over the old one; then the folder is synced. So after a kill or a power cut at any
 * moment there is the old document or the new one, whole. What a killed writer left is
 * removed when the store is opened.
 * Thread-safety: one thread. One daemon per folder (the daemon's lock sees to it).
 * Failure modes: a full disk or a read-only folder fails store_save() and leaves the old
 * document; the store stays usable. A file that is no document is told of, and stays as it
 * is until its chain is saved or removed; the others are loaded.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_STORE_H
#define SPROCKET_CONTROLLER_DAEMON_STORE_H

#include "controller/daemon/document.h"

#define STORE_WHY_MAX 256

struct store;

/* Makes FOLDER/chains where it is missing. Returns 0 and *ret, or -errno and a sentence in
 * `why`. */
int store_open(const char *folder, struct store **ret, char why[STORE_WHY_MAX]);

/* Takes NULL; returns NULL. */
struct store *store_close(struct store *store);

/* Returns 0 once the document is on disk, or -errno: then the old one, if any, still is. */
int store_save(struct store *store, const struct document *document);

/* No error when there is none. Returns 0 or -errno. */
int store_remove(struct store *store, const char *name);

/* Gives each document, by name, to `on_document`, which owns it, and tells `on_unreadable` of
 * each file that is none. Returns how many documents there were, or -errno. */
int store_load(struct store *store, void (*on_document)(struct document *document, void *arg),
	       void (*on_unreadable)(const char *name, const char *why, void *arg), void *arg);

#endif
