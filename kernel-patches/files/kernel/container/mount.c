// SPDX-License-Identifier: GPL-2.0
/*
 * The filesystem type "container": mount options, and how superblocks keep
 * hierarchies.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "internal.h"

/* What the options of one mount or remount ask for. */
struct container_fs_context {
	struct kernfs_fs_context kfc;	/* first: kernfs finds it by fs_private */
	struct containerfs_root *root;	/* with a use, until get_tree is over */
	unsigned long subsys_mask;	/* named one by one */
	bool all;
	bool none;
	bool noprefix;
	bool clone_children;		/* for a hierarchy that begins */
	bool clone_children_given;
	char *name;
	char *release_agent;
	const char *default_agent;	/* for a new hierarchy, if none is given */
};

static struct container_fs_context *container_fc(struct fs_context *fc)
{
	return container_of(fc->fs_private, struct container_fs_context, kfc);
}

enum container_param {
	OPT_ALL,
	OPT_CLONE_CHILDREN,
	OPT_NAME,
	OPT_NONE,
	OPT_NOPREFIX,
	OPT_RELEASE_AGENT,
};

static const struct fs_parameter_spec container_fs_parameters[] = {
	fsparam_flag("all", OPT_ALL),
	fsparam_string("clone_children", OPT_CLONE_CHILDREN),
	fsparam_string("name", OPT_NAME),
	fsparam_flag("none", OPT_NONE),
	fsparam_flag("noprefix", OPT_NOPREFIX),
	/* "release_agent=" is no agent */
	__fsparam(fs_param_is_string, "release_agent", OPT_RELEASE_AGENT,
		  fs_param_can_be_empty, NULL),
	{}
};

static int parse_name(struct fs_context *fc, struct fs_parameter *param)
{
	struct container_fs_context *ctx = container_fc(fc);
	const char *p;

	if (ctx->name)
		return invalfc(fc, "name= given twice");
	if (!*param->string)
		return invalfc(fc, "the name is empty");
	if (strlen(param->string) > MAX_CONTAINER_ROOT_NAMELEN)
		return invalfc(fc, "the name is longer than %d bytes",
			       MAX_CONTAINER_ROOT_NAMELEN);
	for (p = param->string; *p; p++)
		if (!isascii(*p) || (!isalnum(*p) && !strchr("_.-", *p)))
			return invalfc(fc, "a name has letters, digits, '_', '.' and '-' only");
	ctx->name = no_free_ptr(param->string);
	return 0;
}

static int parse_release_agent(struct fs_context *fc,
			       struct fs_parameter *param)
{
	struct container_fs_context *ctx = container_fc(fc);

	if (ctx->release_agent)
		return invalfc(fc, "release_agent= given twice");
	if (strlen(param->string) >= PATH_MAX || strchr(param->string, '\n'))
		return invalfc(fc, "the release agent is no path");
	ctx->release_agent = no_free_ptr(param->string);
	return 0;
}

static int parse_clone_children(struct fs_context *fc,
				struct fs_parameter *param)
{
	struct container_fs_context *ctx = container_fc(fc);
	u64 value;

	if (ctx->clone_children_given)
		return invalfc(fc, "clone_children= given twice");
	if (container_parse_u64(param->string, &value) || value > 1)
		return invalfc(fc, "clone_children is 0 or 1");
	ctx->clone_children = value;
	ctx->clone_children_given = true;
	return 0;
}

/* Anything that is not an option must be a subsystem. */
static int parse_subsys(struct fs_context *fc, struct fs_parameter *param)
{
	struct container_subsys *ss;
	int ret;

	ret = vfs_parse_fs_param_source(fc, param);
	if (ret != -ENOPARAM)
		return ret;

	ss = container_subsys_by_name(param->key);
	if (!ss) {
		errorfc(fc, "there is no option or subsystem '%s'", param->key);
		return -ENOENT;
	}
	if (param->type != fs_value_is_flag)
		return invalfc(fc, "subsystem '%s' takes no value", param->key);
	container_fc(fc)->subsys_mask |= BIT(ss->id);
	return 0;
}

static int container_parse_param(struct fs_context *fc,
				 struct fs_parameter *param)
{
	struct container_fs_context *ctx = container_fc(fc);
	struct fs_parse_result result;
	int opt;

	/*
	 * Whoever creates the hierarchy need not be the one who gave its options, so
	 * these are judged one by one, as they come (CVE-2022-0492).
	 */
	if (!capable(CAP_SYS_ADMIN)) {
		errorfc(fc, "options take CAP_SYS_ADMIN in the initial user namespace");
		return -EPERM;
	}

	opt = fs_parse(fc, container_fs_parameters, param, &result);
	switch (opt) {
	case -ENOPARAM:
		return parse_subsys(fc, param);
	case OPT_ALL:
		ctx->all = true;
		return 0;
	case OPT_CLONE_CHILDREN:
		return parse_clone_children(fc, param);
	case OPT_NAME:
		return parse_name(fc, param);
	case OPT_NONE:
		ctx->none = true;
		return 0;
	case OPT_NOPREFIX:
		ctx->noprefix = true;
		return 0;
	case OPT_RELEASE_AGENT:
		ctx->default_agent = NULL;
		return parse_release_agent(fc, param);
	default:
		return opt;
	}
}

/* Options that no hierarchy could satisfy. */
static int check_options(struct fs_context *fc)
{
	struct container_fs_context *ctx = container_fc(fc);

	if (ctx->none && (ctx->all || ctx->subsys_mask))
		return invalfc(fc, "'none' excludes subsystems");
	if (ctx->all && ctx->subsys_mask)
		return invalfc(fc, "'all' excludes single subsystems");
	return 0;
}

static struct containerfs_root *find_by_name(const char *name)
{
	struct containerfs_root *root;

	list_for_each_entry(root, &container_roots, node)
		if (!strcmp(root->name, name))
			return root;
	return NULL;
}

static struct containerfs_root *find_by_subsys(unsigned long mask)
{
	struct containerfs_root *root;

	list_for_each_entry(root, &container_roots, node)
		if (root->subsys_mask & mask)
			return root;
	return NULL;
}

/* Does an active hierarchy, found by name or subsystem, fit the options? */
static int check_match(struct fs_context *fc, struct containerfs_root *root,
		       unsigned long mask, bool mask_given)
{
	struct container_fs_context *ctx = container_fc(fc);

	if (mask_given && root->subsys_mask != mask) {
		errorfc(fc, ctx->name && !strcmp(root->name, ctx->name) ?
			"the hierarchy of that name has other subsystems" :
			"a subsystem is bound to another hierarchy");
		return -EBUSY;
	}
	if (ctx->name && strcmp(root->name, ctx->name)) {
		errorfc(fc, "the subsystems are bound to a hierarchy of another name");
		return -EBUSY;
	}
	if (ctx->noprefix != root->noprefix) {
		errorfc(fc, "the hierarchy is active with another 'noprefix'");
		return -EBUSY;
	}
	return 0;
}

/* Begin the hierarchy of the options, with the release agent that they name. */
static struct containerfs_root *start_root(struct fs_context *fc,
					   unsigned long mask)
{
	struct container_fs_context *ctx = container_fc(fc);
	struct containerfs_root *root;

	root = containerfs_root_start(mask, ctx->name ?: "", ctx->noprefix,
				      ctx->clone_children);
	switch (PTR_ERR_OR_ZERO(root)) {
	case 0:
		container_set_release_agent(root,
					    no_free_ptr(ctx->release_agent));
		break;
	case -ENOSPC:
		errorfc(fc, "there are %d hierarchies already, or a subsystem is full",
			MAX_HIERARCHIES);
		break;
	case -ENOMEM:
		errorfc(fc, "out of memory");
		break;
	case -EEXIST:
		errorfc(fc, "'noprefix', but two files have the same name");
		break;
	default:
		errorfc(fc, "a subsystem refuses the tasks that there are: error %ld",
			-PTR_ERR(root));
	}
	return root;
}

/*
 * Find the hierarchy that the options name, or begin it.  Returns 0 with one more
 * use of it in ctx->root.  An active one stays as it is.
 */
static int find_or_start_root(struct fs_context *fc)
{
	struct container_fs_context *ctx = container_fc(fc);
	struct containerfs_root *root = NULL;
	unsigned long mask = ctx->subsys_mask;
	bool mask_given = mask || ctx->all || ctx->none;
	int ret;

	if (!mask && !ctx->none)
		mask = container_subsys_all();
	if (ctx->name)
		root = find_by_name(ctx->name);
	if (!root)
		root = find_by_subsys(mask);
	if (root) {
		/* name= alone is enough for the hierarchy of that name */
		ret = check_match(fc, root, mask, mask_given || !ctx->name ||
				  strcmp(root->name, ctx->name));
		if (ret)
			return ret;
		root->users++;
		if ((ctx->release_agent && !ctx->default_agent) ||
		    ctx->clone_children_given)
			infofc(fc, "release_agent= and clone_children= are for a new hierarchy");
	} else {
		if (!mask && !ctx->none) {
			errorfc(fc, "no subsystem is registered; 'none,name=NAME' needs none");
			return -ENOENT;
		}
		root = start_root(fc, mask);
		if (IS_ERR(root))
			return PTR_ERR(root);
	}
	ctx->root = root;
	return 0;
}

static void put_root(struct containerfs_root *root)
{
	mutex_lock(&container_mutex);
	containerfs_root_put(root);
	mutex_unlock(&container_mutex);
}

static struct file_system_type container_fs_type;

/* Where a hierarchy has its superblock of a type. */
static struct super_block __rcu **sb_as(struct containerfs_root *root,
					const struct file_system_type *type)
{
	return &root->sb[type != &container_fs_type];
}

static void set_sb(struct containerfs_root *root, struct fs_context *fc)
{
	/* container_rename() must not overlook it once its directories can be read. */
	mutex_lock(&container_mutex);
	rcu_assign_pointer(*sb_as(root, fc->fs_type), fc->root->d_sb);
	mutex_unlock(&container_mutex);
}

static int container_get_tree(struct fs_context *fc)
{
	struct container_fs_context *ctx = container_fc(fc);
	int ret;

	ret = check_options(fc);
	if (ret)
		return ret;

	if (ctx->none && !ctx->name)
		return invalfc(fc, "'none' needs a name=");
	if (ctx->default_agent) {
		ctx->release_agent = kstrdup(ctx->default_agent,
					     GFP_KERNEL_ACCOUNT);
		if (!ctx->release_agent)
			return -ENOMEM;
	}

	mutex_lock(&container_mutex);
	ret = find_or_start_root(fc);
	mutex_unlock(&container_mutex);
	if (ret)
		return ret;

	ctx->kfc.root = ctx->root->kf_root;
	ctx->kfc.magic = CONTAINERFS_MAGIC;
	/*
	 * All mounts of a hierarchy as one type share a superblock.  Which of them are
	 * read-only is a matter of each, so the first must not decide for all.
	 */
	fc->sb_flags &= ~SB_RDONLY;
	ret = kernfs_get_tree(fc);
	if (ret)
		errorfc(fc, "there is no superblock to be had: error %d", -ret);
	/*
	 * A new superblock takes over our use and kill_sb drops it, which has
	 * happened already where the new superblock could not be filled.
	 */
	if (!ctx->kfc.new_sb_created)
		put_root(ctx->root);
	else if (!ret)
		set_sb(ctx->root, fc);
	return ret;
}

static struct containerfs_root *sb_root(struct super_block *sb)
{
	struct kernfs_node *kn = kernfs_root_to_node(kernfs_root_from_sb(sb));
	struct container *top = kn->priv;

	return top->root;
}

/* remount: only the release agent may change. */
static int container_reconfigure(struct fs_context *fc)
{
	struct container_fs_context *ctx = container_fc(fc);
	struct containerfs_root *root = sb_root(fc->root->d_sb);
	unsigned long mask = ctx->subsys_mask;
	int ret;

	ret = check_options(fc);
	if (ret)
		return ret;
	if ((fc->sb_flags ^ fc->root->d_sb->s_flags) & fc->sb_flags_mask) {
		errorfc(fc, "remount cannot change flags of all mounts; 'remount,bind' can of one");
		return -EBUSY;
	}

	mutex_lock(&container_mutex);
	if (ctx->all)
		mask = container_subsys_all();
	if (((mask || ctx->none) && mask != root->subsys_mask) ||
	    (ctx->name && strcmp(ctx->name, root->name)) ||
	    (ctx->noprefix && !root->noprefix) ||
	    (ctx->clone_children_given &&
	     ctx->clone_children != READ_ONCE(root->top.clone_children))) {
		errorfc(fc, "remount cannot change subsystems, name, noprefix or clone_children");
		ret = -EBUSY;
	} else if (ctx->release_agent) {
		container_set_release_agent(root,
					    no_free_ptr(ctx->release_agent));
	}
	mutex_unlock(&container_mutex);
	return ret;
}

static void container_fs_context_free(struct fs_context *fc)
{
	struct container_fs_context *ctx = container_fc(fc);

	kernfs_free_fs_context(fc);
	kfree(ctx->name);
	kfree(ctx->release_agent);
	kfree(ctx);
}

static const struct fs_context_operations container_fs_context_ops = {
	.free		= container_fs_context_free,
	.parse_param	= container_parse_param,
	.get_tree	= container_get_tree,
	.reconfigure	= container_reconfigure,
};

static int container_init_fs_context(struct fs_context *fc)
{
	struct container_fs_context *ctx;

	/* Who may not mount may not prepare for somebody else to. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	ctx->clone_children = true;
	fc->fs_private = &ctx->kfc;
	fc->ops = &container_fs_context_ops;
	/* Hierarchies belong to the machine, whoever mounts them. */
	fc->global = true;
	return 0;
}

static void container_kill_sb(struct super_block *sb)
{
	struct containerfs_root *root = sb_root(sb);

	RCU_INIT_POINTER(*sb_as(root, sb->s_type), NULL);
	kernfs_kill_sb(sb);
	put_root(root);
}

/* No FS_USERNS_MOUNT: mounting needs CAP_SYS_ADMIN in the initial namespace. */
static struct file_system_type container_fs_type = {
	.name			= "container",
	.init_fs_context	= container_init_fs_context,
	.parameters		= container_fs_parameters,
	.kill_sb		= container_kill_sb,
};

/* The options of a mounted hierarchy, for /proc/mounts. */
int containerfs_show_options(struct seq_file *m, struct kernfs_root *kf_root)
{
	struct container *top = kernfs_root_to_node(kf_root)->priv;
	struct containerfs_root *root = top->root;
	struct container_subsys *ss;
	unsigned int id;

	for_each_subsys_in(ss, id, root->subsys_mask)
		seq_show_option(m, ss->name, NULL);
	if (!root->subsys_mask)
		seq_puts(m, ",none");
	if (*root->name)
		seq_show_option(m, "name", root->name);
	if (root->noprefix)
		seq_puts(m, ",noprefix");

	/* Not the mutex: the mount table is locked here. */
	spin_lock(&root->agent_lock);
	if (root->release_agent)
		seq_show_option(m, "release_agent", root->release_agent);
	spin_unlock(&root->agent_lock);
	return 0;
}

#ifdef CONFIG_CONTAINER_CPUSET
/*
 * The filesystem of cpusets from before there were containers: a hierarchy that has
 * the subsystem cpuset, with the old names of its files.  A type of its own, as
 * programs look for it in /proc/mounts.
 */
static int cpuset_init_fs_context(struct fs_context *fc)
{
	struct container_fs_context *ctx;
	int ret;

	ret = container_init_fs_context(fc);
	if (ret)
		return ret;
	ctx = container_fc(fc);
	ctx->default_agent = "/sbin/cpuset_release_agent";
	ctx->noprefix = true;
	ctx->clone_children = false;
	mutex_lock(&container_mutex);
	ctx->subsys_mask = BIT(container_subsys_by_name("cpuset")->id);
	mutex_unlock(&container_mutex);
	return 0;
}

static struct file_system_type cpuset_fs_type = {
	.name			= "cpuset",
	.init_fs_context	= cpuset_init_fs_context,
	.parameters		= container_fs_parameters,
	.kill_sb		= container_kill_sb,
};

/* After the subsystem has been registered. */
static int __init cpuset_fs_init(void)
{
	/* There may have been no room for it. */
	if (!container_subsys_by_name("cpuset"))
		return 0;
	return register_filesystem(&cpuset_fs_type);
}
fs_initcall(cpuset_fs_init);
#endif

static int __init containerfs_init(void)
{
	return register_filesystem(&container_fs_type);
}
core_initcall(containerfs_init);
