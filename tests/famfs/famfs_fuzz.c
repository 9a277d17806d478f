// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hostile media and hostile shadow files.
 *
 * Notes: a medium made by hand gets changes in superblock, header and entries, half
 * of the time with checksums made right again; what is then accepted must be
 * inside the device and may not overlap. Texts of both forms get changes; what is
 * accepted must keep the rules and come back the same. Made to run under a
 * sanitizer. Messages are read by nobody: they go to /dev/null.
 *
 * usage: famfs_fuzz [-n INPUTS] [-s SEED]
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "famfs.h"
#include "image.h"

#define ENTRIES 12u

static const u8 second_uuid[16] = { 0x44, [15] = 0x44 };
static u64 seed = 1, accepted, played, texts_accepted, flipped;
static u8 *good, *bad;
static char uuid_file[] = "/dev/shm/famfs_fuzz.XXXXXX";

static u64 draw(u64 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

static _Noreturn void die(const char *what)
{
	printf("FAILED: %s\n", what);
	exit(1);
}

/* ---- media ---- */

static void assemble(u8 *d)
{
	char name[32];
	u64 i;

	image_super(d, 1, image_dev_uuid);
	image_log(d);
	image_dir(d, 0, "d", 0755);
	image_device(d, 1, 32 * MIB, second_uuid, 1);
	for (i = 2; i < ENTRIES - 1; i++) {
		snprintf(name, sizeof(name), "d/f%llu", (unsigned long long)i);
		image_file(d, i, name, MIB, IMAGE_FIRST + 2 * i * MIB, 2 * MIB);
	}
	image_inter(d, i, "d/i", 5 * MIB, MIB, 3, IMAGE_FIRST + 30 * MIB, 2 * MIB);
	image_count(d, ENTRIES);
}

static u64 odd_number(void)
{
	static const u64 odd[] = {
		0, 1, 2, 3, 16, 17, 4096, 2 * MIB, 8 * MIB, IMAGE_FIRST, IMAGE_LEN,
		~0ull, ~0ull - 2 * MIB + 1, 1ull << 63, 1ull << 32, 15420, 15421,
	};

	return odd[draw(sizeof(odd) / sizeof(odd[0]))] + (draw(4) ? 0 : draw(9) - 4);
}

static void change(u8 *at, u64 len)
{
	u64 off = draw(len);

	flipped++;
	if (draw(2))
		at[off] ^= (u8)(1u << draw(8));
	else if (off / 8 * 8 + 8 <= len)
		image_u64(at, off / 8 * 8, odd_number());
}

static void change_medium(u8 *d)
{
	u64 n = draw(6) + 1, i;
	u8 *e;

	for (; n; n--) {
		i = draw(ENTRIES + 2);
		e = i < ENTRIES ? image_entry(d, i) : i == ENTRIES ? d : d + IMAGE_LOG;
		change(e, i < ENTRIES ? 544 : i == ENTRIES ? 108 : 48);
		if (draw(4)) {
			if (i < ENTRIES)
				image_seal(e, i);
			else if (i == ENTRIES)
				image_seal_super(d);
			else
				image_seal_log(d);
		}
	}
}

static struct famfs_ext taken[ENTRIES * FAMFS_EXTS];
static size_t taken_nr;

/* Each accepted extent against all others, the slow way. */
static void check_ext(const struct famfs_fs *fs, const struct famfs_ext *e)
{
	size_t i;

	if (e->device >= fs->devices || !e->len || e->off < 2 * MIB ||
	    e->off + e->len < e->off || e->off + e->len > fs->slot[e->device].size)
		die("an extent outside its device was accepted");
	for (i = 0; i < taken_nr; i++)
		if (taken[i].device == e->device && e->off < taken[i].off + taken[i].len &&
		    taken[i].off < e->off + e->len)
			die("extents that overlap were accepted");
	taken[taken_nr++] = *e;
}

static int check_rec(void *arg, const struct famfs_rec *rec)
{
	struct famfs_fs *fs = arg;
	u64 device, off;
	u32 i;

	played++;
	if (rec->type == FAMFS_LOG_DEVICE)
		return 0;
	if (strstr(rec->f.path, "..") == rec->f.path && !rec->f.path[2])
		die("'..' was accepted");
	if (*rec->f.path == '/' || !*rec->f.path)
		die("an absolute path was accepted");
	for (i = 0; i < rec->f.map.nr; i++)
		check_ext(fs, &rec->f.map.ext[i]);
	if (rec->f.size && (!famfs_map_at(&rec->f.map, rec->f.size - 1, 1, &device, &off) ||
			    off >= fs->slot[device].size))
		die("a last byte that is nowhere was accepted");
	return 0;
}

static void try_medium(void)
{
	struct famfs_dev *dev = calloc(1, sizeof(*dev));
	struct famfs_shadow shadow;
	struct famfs_fs *fs;

	if (!dev)
		die("no memory");
	dev->path = strdup("fuzz");
	dev->src.fd = -1;
	dev->base = bad;
	dev->len = IMAGE_LEN;
	taken_nr = 0;
	if (famfs_open_dev(&fs, dev, FAMFS_READ)) {
		famfs_dev_close(dev);
		return;
	}
	fs->show = check_rec;
	fs->show_arg = fs;
	accepted += !famfs_replay(fs);
	/* The same again for the tree, into nowhere. */
	famfs_close(fs);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		die("no memory");
	dev->path = strdup("fuzz");
	dev->src.fd = -1;
	dev->base = bad;
	dev->len = IMAGE_LEN;
	if (famfs_open_dev(&fs, dev, FAMFS_READ))
		die("it was opened, and now it is not");
	famfs_shadow_open(&shadow, fs, NULL);
	shadow.verify = 1;
	fs->show = famfs_shadow_show;
	fs->show_arg = &shadow;
	famfs_replay(fs);
	famfs_close(fs);
}

static void medium(void)
{
	memcpy(bad, good, 256);
	memcpy(bad + IMAGE_LOG, good + IMAGE_LOG, 48 + 544 * (ENTRIES + 2));
	change_medium(bad);
	try_medium();
}

/* ---- texts ---- */

static const char *const sample[] = {
	"---\nfile:\n  path: a/b\n  size: 3000000\n  flags: 0\n  mode: 0644\n  uid: 0\n"
	"  gid: 0\n  nextents: 1\n  simple_ext_list:\n  - devindex: 0\n"
	"    offset: 0xa00000\n    length: 0x400000\n",
	"file:\n  path: x\n  size: 9000000\n  flags: 2\n  mode: 0600\n  uid: 1\n  gid: 2\n"
	"  nextents: 1\n  striped_ext_list:\n  - nstrips: 2\n    chunk_size: 0x10000\n"
	"    simple_ext_list:\n    - {devindex: 0, offset: 0xa00000, length: 0x600000}\n"
	"    - {devindex: 1, offset: 0x200000, length: 0x600000}\n",
	"file:\n  path: /path/to/file\n  owner: 1\n  group: 2\n  permissions: '0755'\n"
	"  extents:\n    - device_uuid: '44000000-0000-0000-0000-000000000044'\n"
	"      offset: 2097152\n      length: 2097152\n",
};

static int device_of(void *arg, const u8 uuid[16], u64 *device)
{
	(void)arg;
	*device = 1;
	return memcmp(uuid, second_uuid, 16) ? -ENODEV : 0;
}

static size_t change_text(char *text, size_t len)
{
	static const char special[] = "\n :-{}[]'\"&*!|>#%@,?x09~\t\0\xff";
	size_t from = draw(len), n = draw(len - from) % 40 + 1, to;

	flipped++;
	switch (draw(5)) {
	case 0:
		text[from] = (char)draw(256);
		return len;
	case 1:
		text[from] = special[draw(sizeof(special))];
		return len;
	case 2:		/* away with some */
		n = n < len - from ? n : len - from;
		memmove(text + from, text + from + n, len - from - n);
		return len - n;
	case 3:		/* some of it again */
		n = n < len - from ? n : len - from;
		to = draw(len);
		memmove(text + to + n, text + to, len - to);
		memmove(text + to, text + from, n);
		return len + n;
	default:
		memmove(text + from + 1, text + from, len - from);
		text[from] = special[draw(sizeof(special))];
		return len + 1;
	}
}

static void text(void)
{
	char buf[4096], why[FAMFS_WHY], *exact;
	const char *from = sample[draw(3)];
	size_t len = strlen(from), n;
	struct famfs_text again;
	struct famfs_file f, back;

	memcpy(buf, from, len);
	for (n = draw(3) + 1; n && len > 1; n--)
		len = change_text(buf, len);
	exact = malloc(len);		/* so that a byte beyond is noticed */
	if (!exact)
		die("no memory");
	memcpy(exact, buf, len);
	if (!famfs_yaml_read(exact, len, device_of, NULL, &f, why)) {
		texts_accepted++;
		if (famfs_file_check(&f, why) ||
		    famfs_path_check(f.path, sizeof(f.path), why))
			die("a text against the rules was accepted");
		if (famfs_yaml_write(&f, NULL, NULL, &again) ||
		    famfs_yaml_read(again.at, again.len, NULL, NULL, &back, why) ||
		    memcmp(&f, &back, sizeof(f)))
			die("a text does not come back");
		free(again.at);
	}
	free(exact);
}

int main(int argc, char **argv)
{
	u64 inputs = 20000, i;
	int opt, fd = mkstemp(uuid_file);

	while ((opt = getopt(argc, argv, "n:s:")) != -1)
		*(opt == 'n' ? &inputs : &seed) = strtoull(optarg, NULL, 0);
	printf("seed %llu: ", (unsigned long long)seed);
	if (fd < 0 || write(fd, IMAGE_SYS_TEXT, 36) != 36)
		return 2;
	close(fd);
	setenv("FAMFS_SYSTEM_UUID", uuid_file, 1);
	good = mmap(NULL, IMAGE_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	bad = mmap(NULL, IMAGE_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (good == MAP_FAILED || bad == MAP_FAILED || !freopen("/dev/null", "w", stderr))
		return 2;
	assemble(good);
	for (i = 0; i < inputs; i++) {
		medium();
		text();
	}
	unlink(uuid_file);
	printf("%llu inputs of famfs, %llu words and places changed; %llu media and %llu "
	       "texts accepted, %llu entries played\n", (unsigned long long)(2 * inputs),
	       (unsigned long long)flipped, (unsigned long long)accepted,
	       (unsigned long long)texts_accepted, (unsigned long long)played);
	return !accepted || !texts_accepted || !played;
}
