/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The life of control groups, version 2: told when one is made, before any process can be in it. */
#include "path.h"

static __always_inline int tell_cgroup(struct cgroup *cgroup, const char *path, u32 what, struct task_struct *task)
{
	/* Other hierarchies are of version 1. */
	if (FIELD(cgroup, root, hierarchy_id) != 0)
		return 0;
	count(COUNT_SEEN);
	struct buffer *buffer = take();
	if (!buffer)
		return 0;
	struct header *header = (void *)buffer->data;
	struct cgroup_body *body = (void *)(header + 1);
	head(header, RECORD_CGROUP, what, task, cgroup_of(task));
	body->id = FIELD(cgroup, kn, id);
	body->path_size = 0;
	buffer->size = sizeof(*header) + sizeof(*body);
	long size = bpf_probe_read_kernel_str(tail(buffer), SLACK, path);
	if (size > 0) {
		body->path_size = size & (2 * SLACK - 1);
		buffer->size += body->path_size;
	}
	send_guaranteed(buffer);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	return tell_cgroup(cgroup, path, 0, (void *)bpf_get_current_task());
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	return tell_cgroup(cgroup, path, 1, task);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	return tell_cgroup(cgroup, path, 2, (void *)bpf_get_current_task());
}
