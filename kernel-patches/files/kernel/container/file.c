// SPDX-License-Identifier: GPL-2.0
/*
 * Files of containers: from a table of cftypes to kernfs, with the parsing that
 * all of them share; and the small files that every container has.
 */
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

/* Enough for any number with white space around it. */
#define DEFAULT_WRITE_LEN	64

/* More than any file takes: a list of the CPUs of the largest machines. */
#define MAX_WRITE_LEN		SZ_64K

/**
 * container_parse_u64 - read a number as all files of containers take it
 * @text: decimal, or hexadecimal after 0x; no sign, and no white space around it
 * @val: takes the number
 *
 * Returns 0, or -EINVAL: a number out of range is as wrong as letters are.  Any
 * context.
 */
int container_parse_u64(const char *text, u64 *val)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

	/* kstrtou64() takes a plus, and a newline at the end */
	if (!isdigit(text[0]) || !isxdigit(text[strlen(text) - 1]))
		return -EINVAL;
	return kstrtou64(text, hex ? 16 : 10, val) ? -EINVAL : 0;
}

static int file_seq_show(struct seq_file *m, void *v)
{
	struct cftype *cft = seq_cftype(m);

	if (cft->seq_show)
		return cft->seq_show(m, v);
	if (!cft->read_u64)
		return -EINVAL;
	seq_printf(m, "%llu\n", cft->read_u64(seq_container(m), cft));
	return 0;
}

static ssize_t file_write(struct kernfs_open_file *of, char *buf,
			  size_t nbytes, loff_t off)
{
	struct cftype *cft = of_cftype(of);
	char *text;
	u64 val;
	int ret;

	if (nbytes > (cft->max_write_len ?: DEFAULT_WRITE_LEN))
		return -E2BIG;
	if (strlen(buf) != nbytes)
		return -EINVAL;
	text = strstrip(buf);
	if (cft->write) {
		ret = cft->write(of, text);
	} else if (cft->write_u64) {
		ret = container_parse_u64(text, &val) ?:
		      cft->write_u64(of_container(of), cft, val);
	} else {
		ret = -EINVAL;
	}
	return ret ?: nbytes;
}

/* One for all: what a file has no handler for is EINVAL, for who may open it so. */
static const struct kernfs_ops file_ops = {
	.seq_show		= file_seq_show,
	.write			= file_write,
	.atomic_write_len	= MAX_WRITE_LEN,
};

static umode_t file_mode(const struct cftype *cft)
{
	umode_t mode = 0;

	if (cft->read_u64 || cft->seq_show ||
	    (cft->kf_ops && cft->kf_ops->seq_show))
		mode |= 0444;
	if (cft->write_u64 || cft->write ||
	    (cft->kf_ops && cft->kf_ops->write))
		mode |= 0200;
	return mode;
}

/**
 * container_add_file - add one file to a container
 * @cont: the container, not visible yet
 * @ss: whose file it is; NULL for the framework's own
 * @cft: describes it; stays for ever
 *
 * Returns 0 or a negative errno; also 0 where @cft does not belong in @cont.  The
 * file belongs to whoever makes the container.  In ->populate().
 */
int container_add_file(struct container *cont, struct container_subsys *ss,
		       struct cftype *cft)
{
	char name[MAX_CONTAINER_TYPE_NAMELEN + 1 + MAX_CFTYPE_NAME];
	struct lock_class_key *key = NULL;
	struct kernfs_node *kn;

	if ((cft->flags & CFTYPE_ONLY_ON_ROOT) && cont->parent)
		return 0;
	if ((cft->flags & CFTYPE_NOT_ON_ROOT) && !cont->parent)
		return 0;

	/* The same for all containers, of which several may be made at once. */
	if (READ_ONCE(cft->ss) != ss)
		WRITE_ONCE(cft->ss, ss);
	if (ss && !cont->root->noprefix)
		snprintf(name, sizeof(name), "%s.%s", ss->name, cft->name);
	else
		strscpy(name, cft->name);
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	key = &cft->lockdep_key;
#endif
	kn = __kernfs_create_file(cont->kn, name, file_mode(cft),
				  current_fsuid(), current_fsgid(), 0,
				  cft->kf_ops ?: &file_ops, cft, NULL, key);
	return PTR_ERR_OR_ZERO(kn);
}

/**
 * container_add_files - add files to a container
 * @cont: the container, not visible yet
 * @ss: whose files these are
 * @cfts: describe them; stay for ever
 * @count: how many
 *
 * Returns 0 or the first error; what has been added goes with the container.
 * In ->populate().
 */
int container_add_files(struct container *cont, struct container_subsys *ss,
			struct cftype *cfts, unsigned int count)
{
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = container_add_file(cont, ss, &cfts[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static u64 read_notify_on_release(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(cont->notify_on_release);
}

static int write_notify_on_release(struct container *cont, struct cftype *cft,
				   u64 val)
{
	if (val > 1)
		return -EINVAL;
	spin_lock_irq(&cont->lock);
	WRITE_ONCE(cont->notify_on_release, val);
	if (!val)
		container_take_back_release(cont);
	spin_unlock_irq(&cont->lock);
	return 0;
}

static u64 read_clone_children(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(cont->clone_children);
}

static int write_clone_children(struct container *cont, struct cftype *cft,
				u64 val)
{
	if (val > 1)
		return -EINVAL;
	WRITE_ONCE(cont->clone_children, val);
	return 0;
}

static u64 read_auto_delete(struct container *cont, struct cftype *cft)
{
	return READ_ONCE(cont->auto_delete);
}

static int write_auto_delete(struct container *cont, struct cftype *cft,
			     u64 val)
{
	if (val > 1)
		return -EINVAL;
	spin_lock_irq(&cont->lock);
	WRITE_ONCE(cont->auto_delete, val);
	if (!val)
		cont->delete_due = false;
	spin_unlock_irq(&cont->lock);
	return 0;
}

static int show_max_descendants(struct seq_file *m, void *v)
{
	unsigned int max = READ_ONCE(seq_container(m)->max_descendants);

	if (max == UINT_MAX)
		seq_puts(m, "max\n");
	else
		seq_printf(m, "%u\n", max);
	return 0;
}

/* The mutex: a mkdir on its way has been counted already, or finds the new limit. */
static int write_max_descendants(struct kernfs_open_file *of, char *buf)
{
	struct container *cont;
	u64 max = UINT_MAX;

	if (strcmp(buf, "max") &&
	    (container_parse_u64(buf, &max) || max > UINT_MAX))
		return -EINVAL;
	cont = container_kn_lock(of->kn);
	if (!cont)
		return -ENODEV;
	WRITE_ONCE(cont->max_descendants, max);
	container_kn_unlock(of->kn);
	return 0;
}

static int show_release_agent(struct seq_file *m, void *v)
{
	struct containerfs_root *root = seq_container(m)->root;

	spin_lock(&root->agent_lock);
	seq_printf(m, "%s\n", root->release_agent ?: "");
	spin_unlock(&root->agent_lock);
	return 0;
}

/*
 * The agent runs with all of the kernel's power, so to own the file, or to be
 * root in a user namespace, is not enough (CVE-2022-0492); nor to be handed the
 * file by someone who may, or to make someone write who may.
 */
static int write_release_agent(struct kernfs_open_file *of, char *buf)
{
	struct container *cont;
	char *path;

	if (!file_ns_capable(of->file, &init_user_ns, CAP_SYS_ADMIN) ||
	    !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strlen(buf) >= PATH_MAX)
		return -E2BIG;
	if (strchr(buf, '\n'))
		return -EINVAL;

	path = kstrdup(buf, GFP_KERNEL_ACCOUNT);
	if (!path)
		return -ENOMEM;
	cont = container_kn_lock(of->kn);
	if (!cont) {
		kfree(path);
		return -ENODEV;
	}
	container_set_release_agent(cont->root, path);
	container_kn_unlock(of->kn);
	return 0;
}

static struct cftype base_files[] = {
	{
		.name		= "tasks",
		.kf_ops		= &container_tasks_ops,
	},
	{
		.name		= "procs",
		.kf_ops		= &container_procs_ops,
	},
	{
		.name		= "notify_on_release",
		.read_u64	= read_notify_on_release,
		.write_u64	= write_notify_on_release,
	},
	{
		.name		= "clone_children",
		.read_u64	= read_clone_children,
		.write_u64	= write_clone_children,
	},
	{
		.name		= "events",
		.flags		= CFTYPE_NOT_ON_ROOT,
		.seq_show	= container_events_show,
	},
	{
		.name		= "max_descendants",
		.seq_show	= show_max_descendants,
		.write		= write_max_descendants,
	},
	{
		.name		= "auto_delete",
		.flags		= CFTYPE_NOT_ON_ROOT,
		.read_u64	= read_auto_delete,
		.write_u64	= write_auto_delete,
	},
	{
		.name		= "kill",
		.flags		= CFTYPE_NOT_ON_ROOT,
		.kf_ops		= &container_kill_ops,
	},
	{
		.name		= "release_agent",
		.flags		= CFTYPE_ONLY_ON_ROOT,
		.max_write_len	= PATH_MAX,
		.seq_show	= show_release_agent,
		.write		= write_release_agent,
	},
};

/**
 * container_populate - fill a new container's directory
 * @cont: the container, not visible yet
 *
 * Returns 0, or an error with some files made: they go with the directory.  May
 * sleep, also for kernfs; so without container_mutex but at a hierarchy's beginning.
 */
int container_populate(struct container *cont)
{
	struct container_subsys *ss;
	unsigned int id;
	int ret;

	ret = container_add_files(cont, NULL, base_files,
				  ARRAY_SIZE(base_files));
	if (ret)
		return ret;
	for_each_subsys_in(ss, id, cont->root->subsys_mask) {
		ret = ss->populate ? ss->populate(ss, cont) : 0;
		if (ret)
			return ret;
	}
	return 0;
}
