/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What a file is: when it changed, in which layer of an overlay it lies, whether it lies in memory only. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define FIELD(FROM, ...) BPF_CORE_READ(FROM, __VA_ARGS__)

#define S_IFMT 0170000
#define OVERLAYFS 0x794c7630
#define TMPFS 0x01021994

static __always_inline u64 nanoseconds(s64 seconds, u64 rest)
{
	return seconds * 1000000000ull + rest;
}

static __always_inline u64 ctime_of(struct inode *inode)
{
	if (bpf_core_field_exists(inode->i_ctime_sec))
		return nanoseconds(FIELD(inode, i_ctime_sec), FIELD(inode, i_ctime_nsec) & 0x7fffffff);
	struct inode___ctime6 *six = (void *)inode;
	if (bpf_core_field_exists(six->__i_ctime))
		return nanoseconds(FIELD(six, __i_ctime.tv_sec), FIELD(six, __i_ctime.tv_nsec) & 0x7fffffff);
	struct inode___ctime *old = (void *)inode;
	return nanoseconds(FIELD(old, i_ctime.tv_sec), FIELD(old, i_ctime.tv_nsec));
}

static __always_inline u64 mtime_of(struct inode *inode)
{
	if (bpf_core_field_exists(inode->i_mtime_sec))
		return nanoseconds(FIELD(inode, i_mtime_sec), FIELD(inode, i_mtime_nsec));
	struct inode___mtime6 *six = (void *)inode;
	if (bpf_core_field_exists(six->__i_mtime))
		return nanoseconds(FIELD(six, __i_mtime.tv_sec), FIELD(six, __i_mtime.tv_nsec));
	struct inode___mtime *old = (void *)inode;
	return nanoseconds(FIELD(old, i_mtime.tv_sec), FIELD(old, i_mtime.tv_nsec));
}

/*
 * A file of an overlay lies in the upper layer if its inode has a dentry there. struct ovl_inode is of a module, so
 * that the kernel's BTF may not have it; the dentry follows the inode in it.
 */
static __always_inline bool in_upper_layer(struct inode *inode)
{
	if (FIELD(inode, i_sb, s_magic) != OVERLAYFS)
		return false;
	void *upper = NULL;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper != NULL;
}

/* A program of memfd_create(): in no directory of any file system. */
static __always_inline bool in_memory(struct file *file, struct inode *inode)
{
	struct dentry *dentry = FIELD(file, f_path.dentry);
	return FIELD(inode, i_sb, s_magic) == TMPFS && FIELD(dentry, d_parent) == dentry && FIELD(inode, i_nlink) == 0;
}
