/* SPDX-License-Identifier: Apache-2.0 */
/* logstore_file.h - names and form of the files; between logstore.c, which writes them, and
 * logstore_tail.c, which reads them back. Keeps no state. */
#ifndef SPROCKET_CONTROLLER_LOGSTORE_FILE_H
#define SPROCKET_CONTROLLER_LOGSTORE_FILE_H

#include <stdbool.h>

#include "controller/clock.h"
#include "controller/logstore.h"

#define LOGSTORE_FOLDER_MAX 256
#define LOGSTORE_PATH_MAX (LOGSTORE_FOLDER_MAX + 2 * LOGSTORE_NAME_MAX + 16)
#define LOGSTORE_LINE_MAX (CLOCK_TEXT_LEN + 1 + 4 * LOGSTORE_TEXT_MAX + 1)
#define LOGSTORE_SUFFIX ".log"

const char *logstore_folder(const struct logstore *store);
/* True for what may be part of a path. */
bool logstore_is_name(const char *text);
/* A file of a source: `age` 0 is written to, 1 the youngest of the old ones. */
void logstore_path(const struct logstore *store, const char *chain, const char *source,
		   unsigned age, char ret[LOGSTORE_PATH_MAX]);

#endif
