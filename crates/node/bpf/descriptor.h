/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What a file descriptor of the running process stands for, at this moment. */
#pragma once
#include "socket.h"

#define ANON_INODES 0x09041934
#define NAMESPACES 0x6e736673
#define FMODE_CREATED 0x100000
#define TYPE(MODE) ((MODE) & 0170000)
#define SOCKET 0140000
#define FIFO 0010000
#define DIRECTORY 0040000

static __always_inline struct file *file_of(struct task_struct *task, u32 number)
{
	struct fdtable *table = FIELD(task, files, fdt);
	if (number >= FIELD(table, max_fds))
		return NULL;
	struct file **at = FIELD(table, fd) + number;
	struct file *file = NULL;
	bpf_probe_read_kernel(&file, sizeof(file), at);
	return file;
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket = FIELD(file, private_data);
	return FIELD(socket, sk);
}

/* A Unix socket has its own path, or that of its peer. */
static __always_inline void append_unix(struct buffer *buffer, struct sock *sock)
{
	struct unix_sock *own = (void *)sock;
	struct unix_address *address = FIELD(own, addr);
	if (!address) {
		struct unix_sock *peer = (void *)FIELD(own, peer);
		address = peer ? FIELD(peer, addr) : NULL;
	}
	if (!address)
		return;
	int size = FIELD(address, len) - 2;
	if (size <= 0 || size > 108 || !fits(buffer, 128))
		return;
	void *from = (void *)address + bpf_core_field_offset(struct unix_address, name) + 2;
	if (!bpf_probe_read_kernel(tail(buffer), (u32)size & 127, from))
		buffer->size += (u32)size & 127;
}

static __noinline void append_socket(struct buffer *buffer, struct descriptor *descriptor, struct sock *sock)
{
	u16 family = FIELD(sock, __sk_common.skc_family);
	descriptor->kind = FD_SOCKET;
	descriptor->family = family;
	if (family == AF_UNIX) {
		descriptor->kind = FD_UNIX;
		append_unix(buffer, sock);
	} else if ((family == AF_INET || family == AF_INET6) && fits(buffer, sizeof(struct ends))) {
		struct ends *ends = (void *)tail(buffer);
		__builtin_memset(ends, 0, sizeof(*ends));
		descriptor->kind = FD_INET;
		ends_of(ends, sock);
		u64 key = (u64)sock;
		struct owner *owner = bpf_map_lookup_elem(&owners, &key);
		if (owner)
			ends->server = owner->ends.server;
		/* A connection that failed has forgotten where it went to. */
		if (owner && !ends->remote_port)
			*ends = owner->ends;
		buffer->size += sizeof(*ends);
	}
}

static __noinline void append_file(struct buffer *buffer, struct descriptor *descriptor, struct file *file)
{
	struct inode *inode = FIELD(file, f_inode);
	struct dentry *dentry = FIELD(file, f_path.dentry);
	u16 mode = FIELD(inode, i_mode);
	u64 magic = FIELD(inode, i_sb, s_magic);
	descriptor->dev = FIELD(inode, i_sb, s_dev);
	descriptor->ino = FIELD(inode, i_ino);
	if (TYPE(mode) == SOCKET) {
		struct sock *sock = sock_of(file);
		if (sock)
			append_socket(buffer, descriptor, sock);
		return;
	}
	bool nowhere = FIELD(dentry, d_parent) == dentry;
	if (magic == ANON_INODES || magic == NAMESPACES)
		descriptor->kind = FD_ANONYMOUS;
	else if (TYPE(mode) == FIFO && nowhere)
		descriptor->kind = FD_PIPE;
	else if (magic == TMPFS && nowhere && TYPE(mode) != DIRECTORY && FIELD(inode, i_nlink) == 0)
		descriptor->kind = FD_MEMFD;
	else if (TYPE(mode) == DIRECTORY)
		descriptor->kind = FD_DIRECTORY;
	else
		descriptor->kind = FD_FILE;
	if (in_upper_layer(inode))
		descriptor->flags |= FD_UPPER;
	if (FIELD(file, f_mode) & FMODE_CREATED)
		descriptor->flags |= FD_CREATED;
	if (descriptor->kind != FD_PIPE && magic != NAMESPACES)
		append_path(buffer, &file->f_path);
}
