/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store.c - declared chains on disk: many, broken, on a full disk, in a read-only folder,
 * and with the writer killed at any step.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/daemon/store.h"

#define MANY 200

static char folder[] = "/tmp/sprocket-store-XXXXXX";

static struct document document_of(char *name, char *yaml, uint64_t generation)
{
	static char file[] = "/srv/chain.yaml";

	return (struct document){
		.name = name,
		.file = file,
		.yaml = yaml,
		.yaml_len = strlen(yaml),
		.generation = generation,
		.created_s = 1,
	};
}

static int save(struct store *store, const char *name, const char *yaml, uint64_t generation)
{
	char *own_name = strdup(name), *own_yaml = strdup(yaml);
	struct document document = document_of(own_name, own_yaml, generation);
	int err = store_save(store, &document);

	free(own_name);
	free(own_yaml);
	return err;
}

struct loaded {
	unsigned count;
	unsigned unreadable;
	char last[64];
	uint64_t generation;
};

static void on_unreadable(const char *name, const char *why, void *arg)
{
	struct loaded *loaded = arg;

	assert_true(*name);
	assert_non_null(strstr(why, ".json: "));
	loaded->unreadable++;
}

static void on_document(struct document *document, void *arg)
{
	struct loaded *loaded = arg;

	loaded->count++;
	loaded->generation = document->generation;
	snprintf(loaded->last, sizeof(loaded->last), "%s", document->name);
	document_free(document);
}

static struct loaded load(struct store *store)
{
	struct loaded loaded = { 0 };

	int count = store_load(store, on_document, on_unreadable, &loaded);

	assert_int_equal(count, loaded.count);
	return loaded;
}

static unsigned files_count(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	closedir(dir);
	return count;
}

static void path_of(char path[256], const char *name)
{
	snprintf(path, 256, "%s/state/chains/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	path_of(path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static struct store *opened(void)
{
	char path[128], why[STORE_WHY_MAX];
	struct store *store;

	snprintf(path, sizeof(path), "%s/state", folder);
	assert_int_equal(store_open(path, &store, why), 0);
	return store;
}

static void test_saved_replaced_removed(void **state)
{
	struct store *store = opened();
	struct loaded loaded;

	(void)state;
	assert_int_equal(load(store).count, 0);
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "chain-%03d", i);
		assert_int_equal(save(store, name, "a: 1\n", 1), 0);
	}
	assert_int_equal(save(store, "chain-199", "a: 2\n", 2), 0);
	store_close(store);
	store = opened();
	loaded = load(store);
	assert_int_equal(loaded.count, MANY);
	assert_string_equal(loaded.last, "chain-199");
	assert_int_equal(loaded.generation, 2);
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "chain-%03d", i);
		assert_int_equal(store_remove(store, name), 0);
	}
	assert_int_equal(store_remove(store, "chain-000"), 0);
	assert_int_equal(load(store).count, 0);
	store_close(store);
}

static void test_broken_files_are_told_of(void **state)
{
	struct store *store = opened();
	char path[256], other[256];

	(void)state;
	assert_int_equal(save(store, "good", "a: 1\n", 1), 0);
	write_file("bad.json", "{\"version\":");
	write_file("empty.json", "");
	path_of(path, "fifo.json");
	assert_int_equal(mkfifo(path, 0600), 0);
	path_of(path, "good.json");
	path_of(other, "alias.json");
	assert_int_equal(link(path, other), 0); /* names another chain */
	assert_int_equal(load(store).count, 1);
	assert_int_equal(load(store).unreadable, 4);
	/* They stay until their chains are declared anew, or deleted. */
	assert_int_equal(load(store).unreadable, 4);
	assert_int_equal(files_count(dirname(strdupa(path))), 5);
	assert_int_equal(save(store, "bad", "a: 1\n", 1), 0);
	assert_int_equal(store_remove(store, "empty"), 0);
	assert_int_equal(load(store).count, 2);
	assert_int_equal(load(store).unreadable, 2);
	assert_int_equal(store_remove(store, "good"), 0);
	store_close(store);
}

/* What a limit on file size says is what a full disk says: write fails, in the middle. */
static void test_full_disk_by_limit(void **state)
{
	struct store *store = opened();
	struct rlimit was, small = { 4096, 4096 };
	char *large = malloc(20000);
	struct loaded loaded;

	(void)state;
	memset(large, 'a', 19999);
	large[19999] = '\0';
	assert_int_equal(save(store, "tight", "a: 1\n", 1), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(save(store, "tight", large, 2), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	loaded = load(store);
	assert_int_equal(loaded.count, 1);
	assert_int_equal(loaded.generation, 1);
	assert_int_equal(save(store, "tight", large, 3), 0);
	assert_int_equal(load(store).generation, 3);
	assert_int_equal(store_remove(store, "tight"), 0);
	free(large);
	store_close(store);
}

/* In a mount namespace of its own. Returns the exit code: 0 as expected. */
static int full_and_read_only(void)
{
	char mnt[128], why[STORE_WHY_MAX], *large = malloc(100000);
	struct store *store;

	snprintf(mnt, sizeof(mnt), "%s/mnt", folder);
	memset(large, 'a', 99999);
	large[99999] = '\0';
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdir(mnt, 0700) < 0 ||
	    mount("none", mnt, "tmpfs", 0, "size=64k") < 0)
		return 77;
	if (store_open(mnt, &store, why) || save(store, "kept", "a: 1\n", 1))
		return 1;
	if (save(store, "kept", large, 2) != -ENOSPC || load(store).generation != 1)
		return 2;
	if (mount("none", mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (save(store, "kept", "a: 2\n", 2) != -EROFS || store_remove(store, "kept") != -EROFS ||
	    load(store).generation != 1)
		return 3;
	store_close(store);
	if (store_open(mnt, &store, why) || load(store).count != 1)
		return 4;
	return 0;
}

static void test_full_and_read_only_filesystem(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip();
	child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWNS) < 0 ? 77 : full_and_read_only());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_folder(void **state)
{
	char path[128], why[STORE_WHY_MAX] = "";
	struct store *store = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(store_open(path, &store, why), -ENOTDIR);
	assert_null(store);
	assert_non_null(strstr(why, "--state"));
}

/* Writers killed at random moments: always one whole document, at last nothing else. */
static void test_killed_writers(void **state)
{
	struct store *store = opened();
	struct loaded loaded;
	char path[256];

	(void)state;
	assert_int_equal(save(store, "kill", "a: 1\n", 1), 0);
	for (unsigned i = 0; i < 100; i++) {
		pid_t child = fork();

		if (child == 0) {
			for (uint64_t generation = 2;; generation++)
				save(store, "kill", "a: 2\n", generation);
		}
		usleep(i * 37 % 2000); /* the moment, not a wait */
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		loaded = load(store);
		assert_int_equal(loaded.count, 1);
		assert_true(loaded.generation >= 1);
	}
	store_close(store);
	write_file(".new-kill.json", "{\"vers");
	store = opened();
	path_of(path, ".new-kill.json");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(store_remove(store, "kill"), 0);
	store_close(store);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_replaced_removed),
		cmocka_unit_test(test_full_disk_by_limit),
		cmocka_unit_test(test_full_and_read_only_filesystem),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_killed_writers),
		cmocka_unit_test(test_broken_files_are_told_of),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
