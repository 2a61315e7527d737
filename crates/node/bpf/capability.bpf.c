/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Capabilities that a process was asked for and had. Each is told once in a while for a control group. */
#include "path.h"

struct user_namespace;

SEC("tp_btf/cap_capable")
int BPF_PROG(on_capable, const struct cred *cred, struct user_namespace *of, const struct user_namespace *by, int capability, int refused)
{
	struct settings *set = setting();
	if (!set || refused || capability < 0 || capability > 63)
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 cgroup = cgroup_of(task), now = bpf_ktime_get_boot_ns();
	struct used key = { .cgroup = cgroup, .capability = capability };
	u64 *last = bpf_map_lookup_elem(&used, &key);
	if (last && now - *last < CAPABILITY_REPEAT)
		return 0;
	u32 pid = FIELD(task, tgid);
	/* What the agent does must not hide what others in its control group do. */
	if (pid == set->agent || pid == set->helper)
		return 0;
	bpf_map_update_elem(&used, &key, &now, BPF_ANY);
	if (!wanted(set, pid, cgroup))
		return 0;
	struct { struct header head; struct capability_body body; } *record = RESERVE(struct capability_body);
	if (!record)
		return 0;
	head(&record->head, RECORD_CAPABILITY, 0, task, cgroup);
	record->body.capability = capability;
	record->body.spare = 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
