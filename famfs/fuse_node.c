// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel knows of the tree, by path.
 *
 * Notes: names neither go nor change, so a path is an identity. A shadow file is
 * read at a lookup, and again only when it is another one than it was. What it
 * says is checked against this device before anything is served from it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

#define BUCKETS		16384u	/* a power of two */
#define TEXT_MAX	16384u	/* of a shadow file */

int famfs_shadow_at(const struct famfs_server *s, const char *path, int flags)
{
	return famfs_open_beneath(s->shadow_fd, path, flags);
}

/* ---- a shadow file ---- */

static int read_text(int fd, const char *path, struct famfs_text *text)
{
	ssize_t n;

	text->at = malloc(TEXT_MAX + 1);
	if (!text->at)
		return -ENOMEM;
	n = pread(fd, text->at, TEXT_MAX + 1, 0);
	if (n < 0)
		return -errno;
	if (n > (ssize_t)TEXT_MAX) {
		famfs_say("%s: the shadow file is longer than %u bytes", path, TEXT_MAX);
		return -EIO;
	}
	text->len = (size_t)n;
	return 0;
}

/* Under fs_lock. A device that is not known yet may be new in the log. */
static int understand(struct famfs_server *s, const struct famfs_text *text,
		      struct famfs_file *f, char *why)
{
	int r = famfs_yaml_read(text->at, text->len, famfs_slot_of_uuid, s->fs, f, why);

	return r ? r : famfs_map_check(s->fs, &f->map, why);
}

static int parse(struct famfs_server *s, const char *path, const struct famfs_text *text,
		 struct famfs_file *f)
{
	char why[FAMFS_WHY];
	int r;

	pthread_mutex_lock(&s->fs_lock);
	r = understand(s, text, f, why);
	if (r) {
		famfs_server_replay(s);
		r = understand(s, text, f, why);
	}
	pthread_mutex_unlock(&s->fs_lock);
	if (!r)
		return 0;
	famfs_say("%s: its shadow file cannot be used: %s", path, why);
	return -EIO;
}

static void show_file(struct famfs_node *n)
{
	n->st.st_mode = S_IFREG | n->f.mode;
	n->st.st_uid = n->f.uid;
	n->st.st_gid = n->f.gid;
	n->st.st_size = (off_t)n->f.size;
	n->st.st_blocks = (blkcnt_t)((n->f.size + 511) / 512);
	n->st.st_nlink = 1;
}

/* n->path is set; n->shadow says what was read last, if anything was. */
static int load(struct famfs_server *s, struct famfs_node *n)
{
	struct famfs_text text = { NULL, 0 };
	struct stat old = n->shadow;
	int fd = famfs_shadow_at(s, n->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int r = 0;

	if (fd < 0)
		return fd == -ELOOP ? -EIO : fd;
	if (fstat(fd, &n->shadow))
		r = -errno;
	else if (!S_ISREG(n->shadow.st_mode) && !S_ISDIR(n->shadow.st_mode))
		r = -EIO;
	n->st = n->shadow;
	if (!r && S_ISREG(n->shadow.st_mode) && !s->as_shadow) {
		if (memcmp(&old.st_mtim, &n->shadow.st_mtim, sizeof(old.st_mtim)) ||
		    old.st_ino != n->shadow.st_ino ||
		    old.st_size != n->shadow.st_size) {
			r = read_text(fd, n->path, &text);
			if (!r)
				r = parse(s, n->path, &text, &n->f);
		}
		show_file(n);
	}
	free(text.at);
	close(fd);
	return r;
}

/* ---- nodes ---- */

static struct famfs_node **find(struct famfs_server *s, const char *path)
{
	struct famfs_node **n = &s->bucket[famfs_hash(path) & (BUCKETS - 1)];

	while (*n && strcmp((*n)->path, path))
		n = &(*n)->next;
	return n;
}

int famfs_nodes_init(struct famfs_server *s)
{
	struct famfs_node *root = NULL;
	int r;

	s->bucket = calloc(BUCKETS, sizeof(struct famfs_node *));
	r = s->bucket ? famfs_node_get(s, "", &root) : -ENOMEM;
	return r;
}

void famfs_nodes_fini(struct famfs_server *s)
{
	size_t i;

	for (i = 0; s->bucket && i < BUCKETS; i++)
		while (s->bucket[i]) {
			struct famfs_node *n = s->bucket[i];

			s->bucket[i] = n->next;
			free(n);
		}
	free(s->bucket);
	s->bucket = NULL;
}

static int put_new(struct famfs_server *s, const struct famfs_node *now,
		   struct famfs_node **at)
{
	*at = malloc(sizeof(**at));
	(void)s;
	if (!*at)
		return -ENOMEM;
	**at = *now;
	(*at)->next = NULL;
	(*at)->lookups = 0;
	return 0;
}

static void renew(struct famfs_node *n, const struct famfs_node *now)
{
	n->st = now->st;
	n->shadow = now->shadow;
	n->f = now->f;
}

int famfs_node_get(struct famfs_server *s, const char *path, struct famfs_node **node)
{
	struct famfs_node now, **at;
	int r;

	memset(&now, 0, sizeof(now));
	pthread_mutex_lock(&s->node_lock);
	at = find(s, path);
	if (*at)
		now = **at;
	pthread_mutex_unlock(&s->node_lock);
	memcpy(now.path, path, strlen(path) + 1);
	r = load(s, &now);
	if (r)
		return r;
	pthread_mutex_lock(&s->node_lock);
	at = find(s, path);
	if (*at)
		renew(*at, &now);
	else
		r = put_new(s, &now, at);
	if (!r)
		(*at)->lookups++;
	*node = *at;
	pthread_mutex_unlock(&s->node_lock);
	return r;
}

/* The root is never forgotten: its one lookup is ours. */
void famfs_node_forget(struct famfs_server *s, fuse_ino_t ino, u64 lookups)
{
	struct famfs_node *n = famfs_node_of(s, ino), **at;

	if (ino == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&s->node_lock);
	n->lookups -= lookups;
	if (!n->lookups) {
		at = find(s, n->path);
		*at = n->next;
		free(n);
	}
	pthread_mutex_unlock(&s->node_lock);
}

struct famfs_node *famfs_node_of(struct famfs_server *s, fuse_ino_t ino)
{
	struct famfs_node *n = (struct famfs_node *)(uintptr_t)ino;

	if (ino != FUSE_ROOT_ID)
		return n;
	pthread_mutex_lock(&s->node_lock);
	n = *find(s, "");
	pthread_mutex_unlock(&s->node_lock);
	return n;
}

fuse_ino_t famfs_node_ino(const struct famfs_server *s, const struct famfs_node *node)
{
	(void)s;
	return *node->path ? (fuse_ino_t)(uintptr_t)node : FUSE_ROOT_ID;
}

void famfs_node_copy(struct famfs_server *s, const struct famfs_node *node,
		     struct famfs_node *to)
{
	pthread_mutex_lock(&s->node_lock);
	*to = *node;
	pthread_mutex_unlock(&s->node_lock);
}
