/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Signals that one process sends another. What the kernel sends by itself is not told. */
#include "path.h"

/* How the kernel marks a signal without further information: from a process, or from itself. */
#define FROM_KERNEL ((void *)1)

struct kernel_siginfo { int si_code; } __attribute__((preserve_access_index));

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct task_struct *target, int group, int result)
{
	struct settings *set = setting();
	if (!set || signal < 1 || signal > 64 || !(set->signals >> (signal - 1) & 1) || info == FROM_KERNEL)
		return 0;
	/* SI_USER is 0, SI_QUEUE and SI_TKILL are below; what is above is a fault or a timer. */
	int code = 0;
	if (info)
		bpf_core_read(&code, sizeof(code), &info->si_code);
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 pid = FIELD(task, tgid), to = FIELD(target, tgid);
	u64 cgroup = cgroup_of(task);
	if (code > 0 || pid == to || !wanted(set, pid, cgroup))
		return 0;
	struct { struct header head; struct signal_body body; } *record = RESERVE(struct signal_body);
	if (!record)
		return 0;
	head(&record->head, RECORD_SIGNAL, 0, task, cgroup);
	record->body.pid = to;
	record->body.signal = signal;
	record->body.result = result;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
