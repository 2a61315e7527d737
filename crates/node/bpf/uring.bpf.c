/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * io_uring works without system calls, so that whoever watches those is blind to it. Told are each ring that is made, and
 * each kind of request that a process submits, once in a while.
 */
#include "path.h"

struct uring_record { struct header head; struct uring_body body; };

static __always_inline struct uring_record *begin_uring(struct settings *set, u32 detail, struct task_struct *task)
{
	u64 cgroup = cgroup_of(task);
	if (!wanted(set, FIELD(task, tgid), cgroup))
		return NULL;
	struct uring_record *record = RESERVE(struct uring_body);
	if (record)
		head(&record->head, RECORD_URING, detail, task, cgroup);
	return record;
}

SEC("tp_btf/io_uring_create")
int BPF_PROG(on_uring_create, int fd, void *ring, u32 entries, u32 completions, u32 flags)
{
	struct settings *set = setting();
	struct uring_record *record = set ? begin_uring(set, 0, (void *)bpf_get_current_task()) : NULL;
	if (!record)
		return 0;
	record->body.fd = fd;
	record->body.entries = entries;
	record->body.flags = flags;
	record->body.opcode = 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
	struct settings *set = setting();
	if (!set)
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct request key = {
		.start = FIELD(task, group_leader, start_boottime),
		.pid = FIELD(task, tgid),
		.opcode = FIELD(request, opcode),
	};
	u64 now = bpf_ktime_get_boot_ns();
	u64 *last = bpf_map_lookup_elem(&requests, &key);
	if (last && now - *last < set->repeat)
		return 0;
	bpf_map_update_elem(&requests, &key, &now, BPF_ANY);
	struct uring_record *record = begin_uring(set, 1, task);
	if (!record)
		return 0;
	record->body.fd = -1;
	record->body.entries = record->body.flags = 0;
	record->body.opcode = key.opcode;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
