/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Paths. A dentry knows its name and its parent, so a path is found from its end: the names are told in that order, each
 * followed by a zero byte, and the agent turns them round.
 *
 *   /usr/bin/sh   "sh\0bin\0usr\0"         pipe:, memfd:   their one name
 *
 * The walk crosses mounts, as far as the root of the mount namespace. A chroot does not stop it.
 */
#pragma once
#include "task.h"

#define NAMES 48   /* directories of a path */
#define NAME 256

struct walk {
	struct buffer *buffer;
	struct dentry *dentry;
	struct mount *mount;
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* Appends the names of a path. What it added is `buffer->size` afterwards less that before. */
static __noinline void append_path(struct buffer *buffer, struct path *path)
{
	struct dentry *dentry = FIELD(path, dentry);
	struct vfsmount *mnt = FIELD(path, mnt);
	if (!dentry || !mnt)
		return;
	struct mount *mount = mount_of(mnt);
	struct dentry *top = FIELD(mount, mnt.mnt_root);
	bool first = true;
	for (u32 i = 0; i < NAMES; i++) {
		struct dentry *parent;
		if (dentry == top) {
			struct mount *above = FIELD(mount, mnt_parent);
			if (above == mount || !above)
				return;
			dentry = FIELD(mount, mnt_mountpoint);
			mount = above;
			top = FIELD(mount, mnt.mnt_root);
			continue;
		}
		parent = FIELD(dentry, d_parent);
		if (dentry == parent && !first)
			return;
		if (!fits(buffer, 2 * NAME))
			break;
		const unsigned char *name = FIELD(dentry, d_name.name);
		long size = bpf_probe_read_kernel_str(tail(buffer), NAME, name);
		if (size <= 0)
			return;
		buffer->size += size & (2 * NAME - 1);
		/* What lies in no directory has a name all the same. */
		if (dentry == parent)
			return;
		dentry = parent;
		first = false;
	}
	/* Too deep: what is above is not known, which is told as a directory of three dots. */
	*(u32 *)tail(buffer) = 0x2e2e2e;
	buffer->size += 4;
}
