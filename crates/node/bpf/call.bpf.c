/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * System calls that rules ask for, as they return.
 *
 * One program for all of them: a bit says whether a call is told, and its plan what to capture besides the result and the
 * six arguments. Plans are made by the agent (src/sensor/calls.rs), so a call is added there, not here.
 */
#include "descriptor.h"

#define RESULT 255
#define NUMBERS 512
#define EINPROGRESS 115
#define COMPAT 2          /* TS_COMPAT of x86 */
#define USER32_CS 0x23    /* __USER32_CS */

static __always_inline struct call_body *body_of(struct buffer *buffer)
{
	return (void *)buffer->data + sizeof(struct header);
}

static __always_inline u64 argument(struct buffer *buffer, u32 number)
{
	return number < 6 ? body_of(buffer)->args[number] : (u64)body_of(buffer)->result;
}

/* Closes the part that begins at `start`. */
static __always_inline void close_part(struct buffer *buffer, u32 start, u32 kind, u32 arg)
{
	u32 at = start;
	asm volatile("%0 &= 32767" : "+r"(at));
	struct part *part = (void *)(buffer->data + at);
	part->kind = kind;
	part->arg = arg;
	part->size = buffer->size - start - sizeof(*part);
	buffer->size = (buffer->size + 7) & ~7u;
	body_of(buffer)->parts++;
}

static __noinline void capture_text(struct buffer *buffer, u32 arg)
{
	u32 start = buffer->size;
	if (!fits(buffer, sizeof(struct part) + SLACK))
		return;
	buffer->size += sizeof(struct part);
	long size = bpf_probe_read_user_str(tail(buffer), SLACK, (void *)argument(buffer, arg));
	if (size <= 0) {
		buffer->size = start;
		return;
	}
	/* Without its zero byte. */
	buffer->size += (u32)(size - 1) & (SLACK - 1);
	close_part(buffer, start, PART_TEXT, arg);
}

static __noinline void capture_bytes(struct buffer *buffer, u32 kind, u32 arg, u64 from, u64 size)
{
	u32 start = buffer->size;
	if (!from || !size || size > SLACK - 1 || !fits(buffer, sizeof(struct part) + SLACK))
		return;
	buffer->size += sizeof(struct part);
	u32 exact = (u32)size & (SLACK - 1);
	if (bpf_probe_read_user(tail(buffer), exact, (void *)from)) {
		buffer->size = start;
		return;
	}
	buffer->size += exact;
	close_part(buffer, start, kind, arg);
}

static __noinline void capture_file(struct buffer *buffer, u32 arg, s32 number, struct file *file)
{
	u32 start = buffer->size;
	if (!file || !fits(buffer, SLACK))
		return;
	buffer->size += sizeof(struct part);
	struct descriptor *descriptor = (void *)tail(buffer);
	__builtin_memset(descriptor, 0, sizeof(*descriptor));
	descriptor->number = number;
	buffer->size += sizeof(*descriptor);
	append_file(buffer, descriptor, file);
	close_part(buffer, start, PART_DESCRIPTOR, arg);
}

/* Where a relative path starts from: the directory of a descriptor, or the working directory. */
static __noinline void capture_directory(struct buffer *buffer, u32 arg, u32 path)
{
	char first = '/';
	bpf_probe_read_user(&first, 1, (void *)argument(buffer, path));
	if (first == '/')
		return;
	struct task_struct *task = (void *)bpf_get_current_task();
	s32 number = arg == RESULT ? -100 : (s32)argument(buffer, arg);
	if (number >= 0) {
		capture_file(buffer, arg, number, file_of(task, number));
		return;
	}
	u32 start = buffer->size;
	struct fs_struct *fs = FIELD(task, fs);
	if (number != -100 || !fs || !fits(buffer, SLACK))
		return;
	buffer->size += sizeof(struct part);
	struct descriptor *descriptor = (void *)tail(buffer);
	__builtin_memset(descriptor, 0, sizeof(*descriptor));
	descriptor->number = number;
	descriptor->kind = FD_DIRECTORY;
	buffer->size += sizeof(*descriptor);
	append_path(buffer, &fs->pwd);
	close_part(buffer, start, PART_DESCRIPTOR, arg);
}

struct message { u64 name; u32 name_size; u32 : 32; u64 iov, iov_count; };
struct vector { u64 base, size; };

static __always_inline u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

static __noinline void capture_vector(struct buffer *buffer, u32 arg, u64 from, u32 most)
{
	struct vector vector = {};
	s64 done = body_of(buffer)->result;
	if (done > 0 && !bpf_probe_read_user(&vector, sizeof(vector), (void *)from))
		capture_bytes(buffer, PART_DATA, arg, vector.base, least(least(vector.size, done), most));
}

static __noinline void capture_message(struct buffer *buffer, u32 arg, u32 most)
{
	struct message message = {};
	if (bpf_probe_read_user(&message, sizeof(message), (void *)argument(buffer, arg)))
		return;
	capture_bytes(buffer, PART_ADDRESS, arg, message.name, least(message.name_size, 128));
	if (message.iov_count)
		capture_vector(buffer, arg, message.iov, most);
}

static __noinline void capture_address(struct buffer *buffer, u32 arg, u32 more)
{
	u64 size = argument(buffer, more);
	/* accept() and its like put the size where the argument leads to. */
	if (size > 65536) {
		u32 there = 0;
		if (bpf_probe_read_user(&there, sizeof(there), (void *)size))
			return;
		size = there;
	}
	capture_bytes(buffer, PART_ADDRESS, arg, argument(buffer, arg), least(size, 128));
}

static __noinline void capture_data(struct buffer *buffer, u32 arg, u32 more, u32 most)
{
	s64 size = argument(buffer, more);
	if (size > 0)
		capture_bytes(buffer, PART_DATA, arg, argument(buffer, arg), least(size, most));
}

/* An open of a file that this process has opened in the same way a moment ago. */
static __always_inline bool repeated(struct settings *set, struct header *header, struct file *file, u64 flags)
{
	struct inode *inode = FIELD(file, f_inode);
	struct open_key key = {
		.start = header->start,
		.ino = FIELD(inode, i_ino),
		.pid = header->pid,
		.dev = FIELD(inode, i_sb, s_dev),
		.flags = flags,
	};
	u64 *last = bpf_map_lookup_elem(&opened, &key);
	if (last && header->time - *last < set->repeat) {
		count(LEFT_REPEATED);
		return true;
	}
	bpf_map_update_elem(&opened, &key, &header->time, BPF_ANY);
	return false;
}

/* The process that accepts a connection is known only now; it need not be the one that listens. */
static __always_inline void accepted(struct file *file, struct task_struct *task)
{
	struct inode *inode = FIELD(file, f_inode);
	if (TYPE(FIELD(inode, i_mode)) != SOCKET)
		return;
	u64 key = (u64)sock_of(file);
	struct owner *owner = bpf_map_lookup_elem(&owners, &key);
	if (owner)
		own(owner, task);
}

/* A connection that failed is nobody's. Until now its entry told where it should have gone. */
static __always_inline void disowned(struct task_struct *task, s32 number)
{
	struct file *file = number >= 0 ? file_of(task, number) : NULL;
	if (!file || TYPE(FIELD(file, f_inode, i_mode)) != SOCKET)
		return;
	u64 key = (u64)sock_of(file);
	bpf_map_delete_elem(&owners, &key);
}

/* Commands of bpf() that change what a descriptor stands for. */
enum {
	MAP_UPDATE_ELEM = 2, MAP_DELETE_ELEM = 3, MAP_LOOKUP_AND_DELETE_ELEM = 21, MAP_FREEZE = 22,
	MAP_LOOKUP_AND_DELETE_BATCH = 25, MAP_UPDATE_BATCH = 26, MAP_DELETE_BATCH = 27,
	LINK_UPDATE = 29, LINK_DETACH = 34,
};

/* Maps and links have no inodes of their own, so their number is told in that place. */
static __noinline void capture_bpf(struct buffer *buffer)
{
	u64 command = argument(buffer, 0), attributes = argument(buffer, 1);
	bool link = command == LINK_UPDATE || command == LINK_DETACH;
	bool batch = command >= MAP_LOOKUP_AND_DELETE_BATCH && command <= MAP_DELETE_BATCH;
	bool one = command == MAP_UPDATE_ELEM || command == MAP_DELETE_ELEM ||
		   command == MAP_LOOKUP_AND_DELETE_ELEM || command == MAP_FREEZE;
	s32 number = -1;
	if (!link && !batch && !one)
		return;
	/* The descriptor is the first of the attributes, or behind four addresses and a count. */
	bpf_probe_read_user(&number, sizeof(number), (void *)attributes + (batch ? 36 : 0));
	struct file *file = number >= 0 ? file_of((void *)bpf_get_current_task(), number) : NULL;
	u32 start = buffer->size;
	if (!file || body_of(buffer)->result < 0 || FIELD(file, f_inode, i_sb, s_magic) != ANON_INODES || !fits(buffer, SLACK))
		return;
	void *object = FIELD(file, private_data);
	buffer->size += sizeof(struct part);
	struct descriptor *descriptor = (void *)tail(buffer);
	__builtin_memset(descriptor, 0, sizeof(*descriptor));
	descriptor->number = number;
	descriptor->kind = FD_ANONYMOUS;
	descriptor->ino = link ? FIELD((struct bpf_link *)object, id) : FIELD((struct bpf_map *)object, id);
	buffer->size += sizeof(*descriptor);
	append_path(buffer, &file->f_path);
	close_part(buffer, start, PART_DESCRIPTOR, 0);
}

static __always_inline void run_step(struct buffer *buffer, struct settings *set, struct step *step)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 arg = step->arg, more = step->more;
	s32 number;
	switch (step->kind) {
	case STEP_TEXT:
		capture_text(buffer, arg);
		break;
	case STEP_FD:
	case STEP_RETURNED:
		number = (s32)argument(buffer, arg);
		if (number >= 0)
			capture_file(buffer, arg, number, file_of(task, number));
		break;
	case STEP_DIRECTORY:
		capture_directory(buffer, arg, more);
		break;
	case STEP_ADDRESS:
		capture_address(buffer, arg, more);
		break;
	case STEP_DATA:
		capture_data(buffer, arg, more, set->data);
		break;
	case STEP_MESSAGE:
		capture_message(buffer, arg, set->data);
		break;
	case STEP_VECTOR:
		capture_vector(buffer, arg, argument(buffer, arg), set->data);
		break;
	case STEP_STRUCT:
		capture_bytes(buffer, PART_STRUCT, arg, argument(buffer, arg), more);
		break;
	case STEP_BPF:
		capture_bpf(buffer);
		break;
	}
}

/* Whether a send names its other end. What cannot be read may. */
static __always_inline int names_peer(struct pt_regs *regs, u32 flags)
{
#if defined(__TARGET_ARCH_x86)
	u64 second = regs->si, fifth = regs->r8;
#else
	u64 second = regs->regs[1], fifth = regs->regs[4];
#endif
	if (flags & CALL_SENDTO)
		return fifth != 0;
	u64 name = 0;
	return bpf_probe_read_user(&name, sizeof(name), (void *)second) || name;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call, struct pt_regs *regs, long result)
{
	struct settings *set = setting();
#if defined(__TARGET_ARCH_x86)
	u64 number = regs->orig_ax;
#else
	u64 number = regs->syscallno;
#endif
	if (!set)
		return 0;
#if defined(__TARGET_ARCH_x86)
	/* The numbers of 32-bit calls mean others, so it is not known whether this one is asked for. */
	if (regs->cs == USER32_CS) {
		count(COUNT_SEEN);
		count(LOST_COMPAT);
		return 0;
	}
#endif
	if (number >= NUMBERS || !(set->calls[(number / 64) & 7] >> (number % 64) & 1))
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 pid = bpf_get_current_pid_tgid() >> 32;
#if defined(__TARGET_ARCH_x86)
	/* A 64-bit program can make 32-bit calls, too. */
	if (FIELD(task, thread_info.status) & COMPAT) {
		count(COUNT_SEEN);
		count(LOST_COMPAT);
		return 0;
	}
#endif
	u64 cgroup = bpf_get_current_cgroup_id();
	if (!wanted(set, pid, cgroup))
		return 0;
	u32 index = number;
	struct call_plan *plan = bpf_map_lookup_elem(&plans, &index);
	if (!plan)
		return 0;
	if (set->named_sends && plan->flags & (CALL_SENDTO | CALL_SENDMSG) && !names_peer(regs, plan->flags)) {
		count(LEFT_CONNECTED);
		return 0;
	}
	if (result < 0 ? !set->failures && result != -EINPROGRESS : plan->flags & CALL_FAILED_ONLY) {
		count(LEFT_FAILED);
		return 0;
	}
	struct buffer *buffer = take();
	if (!buffer)
		return 0;
	struct header *header = (void *)buffer->data;
	struct call_body *body = body_of(buffer);
	head(header, RECORD_CALL, number, task, cgroup);
	body->result = result;
	body->parts = 0;
#if defined(__TARGET_ARCH_x86)
	body->args[0] = regs->di;
	body->args[1] = regs->si;
	body->args[2] = regs->dx;
	body->args[3] = regs->r10;
	body->args[4] = regs->r8;
	body->args[5] = regs->r9;
#else
	body->args[0] = regs->orig_x0;
	for (int i = 1; i < 6; i++)
		body->args[i] = regs->regs[i];
#endif
	buffer->size = sizeof(*header) + sizeof(*body);
	if (plan->flags & (CALL_OPEN | CALL_OPENAT | CALL_ACCEPT) && result >= 0) {
		struct file *file = file_of(task, result);
		if (file && plan->flags & CALL_ACCEPT) {
			accepted(file, task);
		} else if (file && repeated(set, header, file, body->args[plan->flags & CALL_OPEN ? 1 : 2])) {
			give_back(buffer);
			return 0;
		}
	}
	if (!(plan->flags & CALL_GUARANTEED) && !affordable(set, cgroup, header->time)) {
		give_back(buffer);
		return 0;
	}
	for (u32 i = 0; i < STEPS; i++) {
		struct step *step = &plan->steps[i];
		if (!step->kind)
			break;
		if (step->failed && result >= 0)
			continue;
		run_step(buffer, set, step);
	}
	if (plan->flags & CALL_CONNECT && result < 0 && result != -EINPROGRESS)
		disowned(task, body->args[0]);
	if (plan->flags & CALL_GUARANTEED)
		send_guaranteed(buffer);
	else
		send_bulk(set, buffer);
	return 0;
}
