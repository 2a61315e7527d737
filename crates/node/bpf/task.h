/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Who: the header of a record, and the numbers of a process in its own namespace. */
#pragma once
#include "emit.h"
#include "file.h"

static __always_inline u64 cgroup_of(struct task_struct *task)
{
	return FIELD(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline void head(struct header *header, enum record_type type, u32 detail, struct task_struct *task, u64 cgroup)
{
	header->time = bpf_ktime_get_boot_ns();
	header->cgroup = cgroup;
	header->start = FIELD(task, group_leader, start_boottime);
	header->pid = FIELD(task, tgid);
	header->tid = FIELD(task, pid);
	header->type = type;
	header->cpu = bpf_get_smp_processor_id();
	header->detail = detail;
}

/* The number of `pid` in a namespace: 0 if it is not to be seen there. */
static __always_inline u32 number_in(struct pid *pid, u32 level, struct pid_namespace *space)
{
	if (!pid || level > 31 || level > FIELD(pid, level))
		return 0;
	u64 at = bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
	struct upid *from = (void *)pid + at;
	return FIELD(from, ns) == space ? FIELD(from, nr) : 0;
}

struct numbers { u32 level; struct pid_namespace *space; };

/* The namespace that a process has its number in. */
static __always_inline struct numbers numbers_of(struct task_struct *task)
{
	struct numbers numbers = {};
	struct pid *pid = FIELD(task, thread_pid);
	if (!pid)
		return numbers;
	numbers.level = FIELD(pid, level);
	if (numbers.level > 31)
		return numbers;
	u64 at = bpf_core_field_offset(struct pid, numbers) + numbers.level * bpf_core_type_size(struct upid);
	struct upid *from = (void *)pid + at;
	numbers.space = FIELD(from, ns);
	return numbers;
}
