/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Processes: fork, exec, exit, and those that run already. */
#include "path.h"

#define CLONE_VM 0x100
#define CLONE_THREAD 0x10000
#define CLONE_NEWNS 0x20000
#define CLONE_NEWCGROUP 0x2000000
#define CLONE_NEWUTS 0x4000000
#define CLONE_NEWIPC 0x8000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

/* The flags that clone() must have been given, told from what differs between parent and child. */
static __always_inline u32 clone_flags(struct task_struct *parent, struct task_struct *child)
{
	u32 flags = 0;
	if (FIELD(parent, tgid) == FIELD(child, tgid))
		return CLONE_VM | CLONE_THREAD;
	if (FIELD(parent, mm) == FIELD(child, mm))
		flags |= CLONE_VM;
	if (FIELD(parent, real_cred, user_ns) != FIELD(child, real_cred, user_ns))
		flags |= CLONE_NEWUSER;
	struct nsproxy *old = FIELD(parent, nsproxy), *new = FIELD(child, nsproxy);
	if (old == new || !old || !new)
		return flags;
	if (FIELD(old, mnt_ns) != FIELD(new, mnt_ns))
		flags |= CLONE_NEWNS;
	if (FIELD(old, cgroup_ns) != FIELD(new, cgroup_ns))
		flags |= CLONE_NEWCGROUP;
	if (FIELD(old, uts_ns) != FIELD(new, uts_ns))
		flags |= CLONE_NEWUTS;
	if (FIELD(old, ipc_ns) != FIELD(new, ipc_ns))
		flags |= CLONE_NEWIPC;
	if (FIELD(old, pid_ns_for_children) != FIELD(new, pid_ns_for_children))
		flags |= CLONE_NEWPID;
	if (FIELD(old, net_ns) != FIELD(new, net_ns))
		flags |= CLONE_NEWNET;
	return flags;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct settings *set = setting();
	u64 cgroup = cgroup_of(child);
	if (!set || !wanted(set, FIELD(parent, tgid), cgroup))
		return 0;
	struct { struct header head; struct fork_body body; } *record = RESERVE(struct fork_body);
	if (!record)
		return 0;
	head(&record->head, RECORD_FORK, 0, parent, cgroup);
	struct numbers numbers = numbers_of(child);
	record->body.start = FIELD(child, group_leader, start_boottime);
	record->body.pid = FIELD(child, tgid);
	record->body.tid = FIELD(child, pid);
	record->body.vpid = number_in(FIELD(child, signal, pids[PIDTYPE_TGID]), numbers.level, numbers.space);
	record->body.flags = clone_flags(parent, child);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	/* The process ends with its last thread. */
	if (FIELD(task, signal, live.counter) != 0)
		return 0;
	struct settings *set = setting();
	u64 cgroup = cgroup_of(task);
	if (!set || !wanted(set, FIELD(task, tgid), cgroup))
		return 0;
	struct { struct header head; struct exit_body body; } *record = RESERVE(struct exit_body);
	if (!record)
		return 0;
	head(&record->head, RECORD_EXIT, 0, task, cgroup);
	s32 code = FIELD(task, signal, group_exit_code);
	record->body.code = code ? code : FIELD(task, exit_code);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline void describe_exe(struct process_body *body, struct file *file)
{
	struct inode *inode = FIELD(file, f_inode);
	if (!inode)
		return;
	body->dev = FIELD(inode, i_sb, s_dev);
	body->ino = FIELD(inode, i_ino);
	body->ctime = ctime_of(inode);
	body->mtime = mtime_of(inode);
	body->exe_mode = FIELD(inode, i_mode);
	body->exe_uid = FIELD(inode, i_uid.val);
	body->exe_gid = FIELD(inode, i_gid.val);
	if (in_upper_layer(inode))
		body->flags |= EXE_UPPER;
	if (in_memory(file, inode))
		body->flags |= EXE_MEMFD;
}

static __always_inline void describe_process(struct process_body *body, struct task_struct *task)
{
	const struct cred *cred = FIELD(task, cred);
	struct signal_struct *signal = FIELD(task, signal);
	struct numbers numbers = numbers_of(task);
	body->parent = FIELD(task, real_parent, tgid);
	body->vpid = number_in(FIELD(signal, pids[PIDTYPE_TGID]), numbers.level, numbers.space);
	struct pid *session = FIELD(signal, pids[PIDTYPE_SID]), *group = FIELD(signal, pids[PIDTYPE_PGID]);
	body->vsid = number_in(session, numbers.level, numbers.space);
	body->vpgid = number_in(group, numbers.level, numbers.space);
	body->sid = session ? FIELD(session, numbers[0].nr) : 0;
	body->pgid = group ? FIELD(group, numbers[0].nr) : 0;
	body->uid = FIELD(cred, euid.val);
	body->gid = FIELD(cred, egid.val);
	body->loginuid = bpf_core_field_exists(task->loginuid) ? FIELD(task, loginuid.val) : ~0u;
	bpf_core_read(&body->inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&body->permitted, 8, &cred->cap_permitted);
	bpf_core_read(&body->effective, 8, &cred->cap_effective);
	struct tty_struct *tty = FIELD(signal, tty);
	if (tty) {
		u32 major = FIELD(tty, driver, major), minor = FIELD(tty, driver, minor_start) + FIELD(tty, index);
		body->tty = (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
	}
	bpf_core_read(&body->comm, sizeof(body->comm), &task->comm);
}

#define PAGE 4096u

/* Appends memory of the running process, page by page, so that what is there is told if the rest is not. */
static __noinline u32 append_user(struct buffer *buffer, u64 from, u64 size)
{
	u32 added = 0;
	for (u32 i = 0; i < 4; i++) {
		if (size == 0)
			break;
		u32 step = size > PAGE ? PAGE : size;
		/* For the verifier, which does not know that of the register that it reads. */
		step = (step - 1) & (PAGE - 1);
		if (!fits(buffer, step + 1))
			break;
		if (bpf_probe_read_user(tail(buffer), step + 1, (void *)from))
			break;
		buffer->size += step + 1;
		added += step + 1;
		from += step + 1;
		size -= step + 1;
	}
	return added;
}

static __always_inline u32 at_most(u64 size, u32 most)
{
	return size > most ? most : size;
}

static __always_inline struct process_body *begin_process(struct buffer *buffer, enum record_type type, struct task_struct *task, u64 cgroup)
{
	struct header *header = (void *)buffer->data;
	struct process_body *body = (void *)(header + 1);
	head(header, type, 0, task, cgroup);
	__builtin_memset(body, 0, sizeof(*body));
	describe_process(body, task);
	buffer->size = sizeof(*header) + sizeof(*body);
	return body;
}

static __always_inline void append_paths(struct buffer *buffer, struct process_body *body, struct file *exe, struct task_struct *task)
{
	u32 before = buffer->size;
	if (exe) {
		describe_exe(body, exe);
		append_path(buffer, &exe->f_path);
	}
	body->exe_size = buffer->size - before;
	before = buffer->size;
	struct fs_struct *fs = FIELD(task, fs);
	if (fs)
		append_path(buffer, &fs->pwd);
	body->cwd_size = buffer->size - before;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old, struct linux_binprm *program)
{
	struct settings *set = setting();
	u64 cgroup = cgroup_of(task);
	if (!set || !wanted(set, FIELD(task, tgid), cgroup))
		return 0;
	struct buffer *buffer = take();
	if (!buffer)
		return 0;
	struct process_body *body = begin_process(buffer, RECORD_EXEC, task, cgroup);
	append_paths(buffer, body, FIELD(program, file), task);

	long size = bpf_probe_read_kernel_str(tail(buffer), SLACK, FIELD(program, filename));
	if (size > 0) {
		body->file_size = size & (2 * SLACK - 1);
		buffer->size += body->file_size;
	}
	struct mm_struct *mm = FIELD(task, mm);
	u64 start = FIELD(mm, arg_start), end = FIELD(mm, arg_end);
	if (end > start) {
		body->args_size = append_user(buffer, start, at_most(end - start, set->args));
		body->args_cut = end - start - body->args_size;
	}
	start = FIELD(mm, env_start);
	end = FIELD(mm, env_end);
	if (end > start && set->env) {
		body->env_size = append_user(buffer, start, at_most(end - start, set->env));
		body->env_cut = end - start - body->env_size;
	}
	send_guaranteed(buffer);
	return 0;
}

SEC("iter/task")
int running(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	if (!task || FIELD(task, pid) != FIELD(task, tgid))
		return 0;
	/* What the agent cannot find out of a kernel thread is not there. */
	struct mm_struct *mm = FIELD(task, mm);
	struct buffer *buffer = take();
	if (!buffer) {
		/* What is found is not counted otherwise: the kernel may ask twice. */
		count(COUNT_SEEN);
		return 0;
	}
	struct process_body *body = begin_process(buffer, RECORD_FOUND, task, cgroup_of(task));
	append_paths(buffer, body, mm ? FIELD(mm, exe_file) : NULL, task);
	/* The reader must know where the next record begins. */
	u32 size = buffer->size & (BODY - 1);
	((struct header *)buffer->data)->detail = size;
	/* If it does not fit any more, the kernel asks again with more room. */
	bpf_seq_write(context->meta->seq, buffer->data, size);
	give_back(buffer);
	return 0;
}
