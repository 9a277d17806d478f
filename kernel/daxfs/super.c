// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounting: options, the superblock, statfs, the module itself.
 *
 * Notes: each mount is a host of its own, also of a region that this kernel has
 * mounted already. Memory is unmapped a grace period after the last reference,
 * because walks of paths under RCU look into it.
 */
#include <linux/dma-buf.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <linux/statfs.h>
#include <linux/uuid.h>

#include "daxfs.h"

#define DAXFS_SUPER_MAGIC	0x64617866	/* "daxf" */

/* ---- options ---- */

enum daxfs_param {
	OPT_PHYS, OPT_SIZE, OPT_DEV, OPT_DMABUF, OPT_PAGES, OPT_VALIDATE,
	OPT_BACKING, OPT_BRANCH,
};

static const struct fs_parameter_spec daxfs_params[] = {
	fsparam_string("phys", OPT_PHYS),
	fsparam_string("size", OPT_SIZE),
	fsparam_string("dev", OPT_DEV),
	fsparam_fd("dmabuf", OPT_DMABUF),
	fsparam_flag("pages", OPT_PAGES),
	fsparam_flag("validate", OPT_VALIDATE),
	fsparam_string("backing", OPT_BACKING),
	fsparam_string("branch", OPT_BRANCH),
	{}
};

struct daxfs_fc {		/* what the options have said so far */
	struct daxfs_mem_opts mem;
	char *branch, *backing;
	bool validate;
};

/* A number as the tools take it: with 0x, or a suffix K, M, G, T. */
static int parse_number(struct fs_context *fc, struct fs_parameter *param, u64 *v)
{
	char *end;

	*v = memparse(param->string, &end);
	if (end == param->string || *end)
		return invalf(fc, "daxfs: %s=%s: write a number, as 0x100000000, 4G or 512M",
			      param->key, param->string);
	return 0;
}

static int parse_dmabuf(struct fs_context *fc, struct daxfs_mem_opts *opts, u32 fd)
{
	struct dma_buf *buf = dma_buf_get((int)fd);

	if (IS_ERR(buf)) {
		errorf(fc, "daxfs: descriptor %u is no dma-buf", fd);
		return PTR_ERR(buf);
	}
	if (opts->dmabuf)
		dma_buf_put(opts->dmabuf);
	opts->dmabuf = buf;
	return 0;
}

/* Given more than once it is one list. */
static int add_backing(struct daxfs_fc *ctx, const char *paths)
{
	char *all = ctx->backing ? kasprintf(GFP_KERNEL, "%s:%s", ctx->backing, paths) :
		    kstrdup(paths, GFP_KERNEL);

	if (!all)
		return -ENOMEM;
	kfree(ctx->backing);
	ctx->backing = all;
	return 0;
}

static int daxfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct daxfs_fc *ctx = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, daxfs_params, param, &result);

	switch (opt) {
	case OPT_PHYS:
		ctx->mem.has_phys = true;
		return parse_number(fc, param, &ctx->mem.phys);
	case OPT_SIZE:
		return parse_number(fc, param, &ctx->mem.size);
	case OPT_DEV:
		kfree(ctx->mem.dev);
		ctx->mem.dev = param->string;
		param->string = NULL;
		return 0;
	case OPT_DMABUF:
		return parse_dmabuf(fc, &ctx->mem, daxfs_param_fd(param, &result));
	case OPT_PAGES:
		ctx->mem.pages = true;
		return 0;
	case OPT_VALIDATE:
		ctx->validate = true;
		return 0;
	case OPT_BRANCH:
		kfree(ctx->branch);
		ctx->branch = param->string;
		param->string = NULL;
		return 0;
	case OPT_BACKING:
		return add_backing(ctx, param->string);
	default:
		return opt;
	}
}

/* ---- the superblock ---- */

static int daxfs_statfs_op(struct dentry *dentry, struct kstatfs *buf)
{
	struct daxfs_sbi *sbi = daxfs_sbi(dentry->d_sb);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_statfs st;
	s64 r = daxfs_end(sbi, cx, daxfs_statfs(cx, &st));

	if (!r)
		r = daxfs_check(sbi);
	if (r)
		return (int)r;
	buf->f_type = DAXFS_SUPER_MAGIC;
	buf->f_bsize = st.page_size;
	buf->f_blocks = st.pages;
	buf->f_bfree = st.pages_free;
	buf->f_bavail = st.pages_avail;
	buf->f_files = st.inodes + st.inodes_free;
	buf->f_ffree = st.inodes_free;
	buf->f_namelen = DAXFS_NAME_MAX;
	buf->f_fsid = uuid_to_fsid(sbi->rg.super.uuid);
	return 0;
}

/* The address is for those who may know it: /proc/mounts is for everybody. */
static int daxfs_show_options(struct seq_file *m, struct dentry *root)
{
	struct daxfs_sbi *sbi = daxfs_sbi(root->d_sb);

	if (sbi->opts.dev)
		seq_show_option(m, "dev", sbi->opts.dev);
	if (sbi->opts.has_phys &&
	    file_ns_capable(m->file, &init_user_ns, CAP_SYS_ADMIN))
		seq_printf(m, ",phys=0x%llx", sbi->opts.phys);
	if (sbi->opts.size)
		seq_printf(m, ",size=%llu", sbi->opts.size);
	if (sbi->opts.pages)
		seq_puts(m, ",pages");
	if (sbi->branch)
		seq_show_option(m, "branch", sbi->branch);
	if (sbi->backing)
		seq_show_option(m, "backing", sbi->backing);
	if (sbi->validate)
		seq_puts(m, ",validate");
	return 0;
}

const struct super_operations daxfs_super_ops = {
	.alloc_inode	= daxfs_alloc_inode,
	.free_inode	= daxfs_free_inode,
	.evict_inode	= daxfs_evict_inode,
	.drop_inode	= inode_just_drop,	/* without a name it is of no use */
	.statfs		= daxfs_statfs_op,
	.show_options	= daxfs_show_options,
};

/* ---- filling it ---- */

static int open_region(struct daxfs_sbi *sbi, struct fs_context *fc)
{
	char why[192] = "";
	int r = daxfs_region_open(&sbi->rg, sbi->mem.base, sbi->mem.len, 1, why,
				  sizeof(why));

	if (r) {
		errorf(fc, "daxfs: %s (error %d)", why, r);
		return r;
	}
	sbi->constant = !daxfs_has_overlay(&sbi->rg);
	sbi->branching = daxfs_is_branching(&sbi->rg);
	return 0;
}

static void report(void *arg, const char *where, u64 id, const char *what)
{
	pr_err_ratelimited("daxfs: %s: %s %llu: %s\n", (const char *)arg, where, id,
			   what);
}

static int validate_base(struct daxfs_sbi *sbi, struct fs_context *fc)
{
	struct daxfs_check ck = { .report = report, .arg = sbi->sb->s_id };
	void *scratch;
	int r;

	if (!sbi->rg.super.base_inode_nr)
		return 0;
	scratch = kvzalloc(daxfs_check_base_scratch(&sbi->rg), GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	r = daxfs_check_base(&sbi->rg, &ck, scratch);
	kvfree(scratch);
	if (r)
		errorf(fc, "daxfs: the base image is damaged (%llu findings): see fsck.daxfs",
		       ck.problems);
	return r;
}

static int make_root(struct daxfs_sbi *sbi, struct super_block *sb)
{
	struct daxfs_seen seen = daxfs_now(sbi);
	struct daxfs_cx *cx = daxfs_begin(sbi);
	struct daxfs_stat st;
	struct inode *root;
	s64 r = daxfs_getattr(cx, DAXFS_ROOT_INO, &st);

	r = daxfs_end(sbi, cx, r);
	if (r)
		return (int)r;
	if (!S_ISDIR(st.mode))
		return -EUCLEAN;
	root = daxfs_vfs_inode(sb, &st, seen);
	if (IS_ERR(root))
		return PTR_ERR(root);
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

/* What cannot be written to is not pretended to be. */
static void set_rdonly(struct daxfs_sbi *sbi, struct super_block *sb,
		       struct fs_context *fc)
{
	bool main = sbi->branching && (!sbi->branch || !strcmp(sbi->branch, "main"));

	if ((sb->s_flags & SB_RDONLY) || !(sbi->constant || main))
		return;
	if (main)
		infof(fc, "daxfs: main of a region with branches: mounted read-only");
	else
		infof(fc, "daxfs: an image without an overlay: mounted read-only");
	sbi->only_main = main;
	sb->s_flags |= SB_RDONLY;
}

static void sb_init(struct super_block *sb)
{
	sb->s_magic = DAXFS_SUPER_MAGIC;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = DAXFS_MAX_FILE;
	sb->s_time_gran = 1;	/* what is too far away the core takes as far */
	sb->s_op = &daxfs_super_ops;
	sb->s_xattr = daxfs_xattr_handlers;
	sb->s_flags |= SB_POSIXACL;
}

static void sbi_init(struct daxfs_sbi *sbi, struct super_block *sb)
{
	u32 i;

	sbi->sb = sb;
	refcount_set(&sbi->users, 1);
	init_waitqueue_head(&sbi->cx_free);
	init_waitqueue_head(&sbi->lock_wait);
	for (i = 0; i < DAXFS_HOLD_LOCKS; i++)
		mutex_init(&sbi->hold_lock[i]);
	mutex_init(&sbi->map_lock);
	init_rwsem(&sbi->store_sem);
	mutex_init(&sbi->store_lock);
	INIT_LIST_HEAD(&sbi->mapped);
	sbi->lock_secret = get_random_u64();
}

static int daxfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct daxfs_fc *ctx = fc->fs_private;
	struct daxfs_sbi *sbi = kvzalloc(sizeof(*sbi), GFP_KERNEL);
	int r;

	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;	/* daxfs_kill_sb() ends it from here on */
	sbi_init(sbi, sb);
	sb_init(sb);
	sbi->validate = ctx->validate;
	swap(sbi->branch, ctx->branch);
	swap(sbi->backing, ctx->backing);
	sbi->mounter = fc->cred->euid;
	r = daxfs_mem_open(&sbi->mem, &ctx->mem, fc);
	if (!r)
		r = open_region(sbi, fc);
	if (!r)
		r = daxfs_fill_init(sbi);
	if (!r)
		r = daxfs_backing_open_all(sbi, sbi->backing, fc);
	if (!r)
		set_rdonly(sbi, sb, fc);
	if (!r && !sbi->constant)
		daxfs_set_dentry_ops(sb, &daxfs_dentry_ops);
	if (!r && ctx->validate)
		r = validate_base(sbi, fc);
	if (!r) {
		r = daxfs_host_start(sbi);
		if (r == -EUSERS)
			errorf(fc, "daxfs: all slots for hosts are taken: see daxfs-inspect hosts");
		if (!r)
			r = daxfs_fill_start(sbi);
		if (!r)
			r = make_root(sbi, sb);
		if (!r)
			r = daxfs_show(sbi, fc);
	}
	if (r)
		return r;
	sbi->opts = ctx->mem;
	sbi->opts.dmabuf = NULL;
	ctx->mem.dev = NULL;
	return 0;
}

static int daxfs_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, daxfs_fill_super);
}

static int daxfs_reconfigure(struct fs_context *fc)
{
	struct daxfs_sbi *sbi = daxfs_sbi(fc->root->d_sb);
	struct daxfs_fc *ctx = fc->fs_private;

	if (ctx->branch && strcmp(ctx->branch, sbi->branch ?: "main"))
		return invalf(fc, "daxfs: a mount shows one branch, to its end: unmount it");
	if (ctx->backing && strcmp(ctx->backing, sbi->backing ?: ""))
		return invalf(fc, "daxfs: backing files stay those of the mount: unmount it");
	if ((sbi->constant || sbi->only_main) && !(fc->sb_flags & SB_RDONLY)) {
		errorf(fc, "daxfs: %s cannot be written to", sbi->constant ?
		       "an image without an overlay" : "main of a region with branches");
		return -EROFS;
	}
	return 0;
}

static void daxfs_free_fc(struct fs_context *fc)
{
	struct daxfs_fc *ctx = fc->fs_private;

	if (!ctx)
		return;
	if (ctx->mem.dmabuf)
		dma_buf_put(ctx->mem.dmabuf);
	kfree(ctx->mem.dev);
	kfree(ctx->branch);
	kfree(ctx->backing);
	kfree(ctx);
}

static const struct fs_context_operations daxfs_context_ops = {
	.free		= daxfs_free_fc,
	.parse_param	= daxfs_parse_param,
	.get_tree	= daxfs_get_tree,
	.reconfigure	= daxfs_reconfigure,
};

static int daxfs_init_fs_context(struct fs_context *fc)
{
	fc->fs_private = kzalloc(sizeof(struct daxfs_fc), GFP_KERNEL);
	if (!fc->fs_private)
		return -ENOMEM;
	fc->ops = &daxfs_context_ops;
	return 0;
}

void daxfs_sbi_put(struct daxfs_sbi *sbi)
{
	if (!refcount_dec_and_test(&sbi->users))
		return;
	daxfs_mem_close(&sbi->mem);
	kfree(sbi->opts.dev);
	kfree(sbi->branch);
	kfree(sbi->backing);
	kvfree(sbi);
}

static void daxfs_kill_sb(struct super_block *sb)
{
	struct daxfs_sbi *sbi = daxfs_sbi(sb);

	if (sbi)
		daxfs_map_stop(sbi);
	kill_anon_super(sb);
	if (!sbi)
		return;
	daxfs_fill_stop(sbi);
	daxfs_host_stop(sbi);
	synchronize_rcu();	/* walks of paths that still look */
	daxfs_sbi_put(sbi);
}

static struct file_system_type daxfs_type = {
	.owner			= THIS_MODULE,
	.name			= "daxfs",
	.init_fs_context	= daxfs_init_fs_context,
	.parameters		= daxfs_params,
	.kill_sb		= daxfs_kill_sb,
};
MODULE_ALIAS_FS("daxfs");

static int __init daxfs_init(void)
{
	int r = daxfs_inode_cache_init();

	if (r)
		return r;
	r = register_filesystem(&daxfs_type);
	if (r)
		daxfs_inode_cache_exit();
	return r;
}

static void __exit daxfs_exit(void)
{
	unregister_filesystem(&daxfs_type);
	daxfs_inode_cache_exit();
}

module_init(daxfs_init);
module_exit(daxfs_exit);
MODULE_DESCRIPTION("A file system in memory that several hosts share");
MODULE_LICENSE("GPL");
