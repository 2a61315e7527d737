/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What decides in the kernel. An object of its own: its maps and links are pinned, so it outlives the agent.
 *
 *   bprm_check_security, file_open   EPERM by path, where the kernel has BPF LSM
 *   sched_process_exec               before the first instruction: SIGKILL; or SIGSTOP, until the keeper has answered
 *   connect, sendmsg                 EPERM by address and port
 *
 * Programs pass `sched_process_exec` whatever way they were started. Whoever has checked one before (the keeper by fanotify,
 * or the hook of LSM) has left its stamp in `approved`. One without it has been seen by nobody: a program in memory, or on a
 * mount that is not marked yet.
 */
#include "enforce.h"
#include "map.h"
#include "file.h"
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define NO_PREALLOC 1

MAP(settings, BPF_MAP_TYPE_ARRAY, u32, struct settings, 1, 0);
MAP(heartbeat, BPF_MAP_TYPE_ARRAY, u32, u64, 1, 0); /* when the keeper lived last, since boot */
MAP(host_root, BPF_MAP_TYPE_ARRAY, u32, u64, 2, 0); /* the dentries that the first process and the keeper call / */
MAP(policies, BPF_MAP_TYPE_HASH, u32, struct policy, 4096, 0);
MAP(groups, BPF_MAP_TYPE_HASH, u64, u32, 16384, 0); /* control group: policy, 0 if it is no container */
MAP(paths, BPF_MAP_TYPE_LPM_TRIE, struct path_key, struct path_rule, 65536, NO_PREALLOC);
MAP(nets, BPF_MAP_TYPE_LPM_TRIE, struct net_key, struct net_rules, 16384, NO_PREALLOC);
MAP(approved, BPF_MAP_TYPE_LRU_HASH, u32, struct stamp, 16384, 0);
MAP(held, BPF_MAP_TYPE_HASH, u32, struct hold, 4096, 0); /* processes that wait for the keeper */
MAP(spaces, BPF_MAP_TYPE_LRU_HASH, u64, u32, 4096, 0); /* mount namespaces that the keeper was told of */

struct counts { u64 of[COUNTERS]; };
MAP(counts, BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct counts, 1, 0);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} decisions SEC(".maps");

static __always_inline void count(enum counter which)
{
	u32 zero = 0;
	struct counts *counted = bpf_map_lookup_elem(&counts, &zero);
	if (counted)
		__sync_fetch_and_add(&counted->of[which & (COUNTERS - 1)], 1);
}

static __always_inline u64 root_of(struct task_struct *task)
{
	struct fs_struct *fs = FIELD(task, fs);
	return fs ? (u64)FIELD(fs, root.dentry) : 0;
}

/* Whose root directory is not the host's. */
static __always_inline bool away(struct task_struct *task)
{
	u32 first = 0, own = 1;
	u64 *host = bpf_map_lookup_elem(&host_root, &first), *keeper = bpf_map_lookup_elem(&host_root, &own);
	u64 root = root_of(task);
	return host && keeper && root && root != *host && root != *keeper;
}

#define DEPTH 24

/*
 * The policy of a process, 0 if it has none: that of the nearest control group that has one. A group that nobody knows yet is a
 * container's if its processes have a root directory of their own; it has the declared default then.
 */
static __noinline u32 policy_of(struct task_struct *task, u32 only_known)
{
	u32 zero = 0;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);
	if (!set)
		return 0;
	bool inside = !set->scope;
	struct cgroup *cgroup = FIELD(task, cgroups, dfl_cgrp);
	for (u32 i = 0; i < DEPTH; i++) {
		u64 id = FIELD(cgroup, kn, id);
		u32 *known = bpf_map_lookup_elem(&groups, &id);
		if (known)
			return *known;
		if (id == set->scope)
			inside = true;
		struct cgroup_subsys_state *parent = FIELD(cgroup, self.parent);
		if (!parent)
			break;
		cgroup = FIELD(parent, cgroup);
	}
	return inside && !only_known && away(task) ? set->fallback : 0;
}

/*
 * A runtime sets a container up from inside its control group, with the host's files and as the child of a process outside:
 * that is not the container yet.
 */
static __always_inline bool is_runtime(struct task_struct *task)
{
	return !away(task) && !policy_of(FIELD(task, real_parent), 0);
}

static __always_inline void stamp_of(struct stamp *stamp, struct inode *inode)
{
	stamp->ctime = ctime_of(inode);
	stamp->mtime = mtime_of(inode);
	stamp->size = FIELD(inode, i_size);
}

static __always_inline bool same(struct stamp *one, struct stamp *other)
{
	return one->ctime == other->ctime && one->mtime == other->mtime && one->size == other->size;
}

/* The agent itself, in the control group that is its own: rules are not for it. */
static __always_inline bool is_agent(struct task_struct *task, struct stamp *program)
{
	u32 zero = 0;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);
	return set && set->agent_cgroup && set->agent_cgroup == FIELD(task, cgroups, dfl_cgrp, kn, id) &&
	       same(program, &set->agent);
}

/* A record with all but what was decided about, or NULL. */
static __always_inline struct decision *begin(struct task_struct *task, u32 what, u32 policy)
{
	struct decision *decision = bpf_ringbuf_reserve(&decisions, sizeof(*decision), 0);
	if (!decision)
		return NULL;
	__builtin_memset(decision, 0, sizeof(*decision));
	decision->time = bpf_ktime_get_boot_ns();
	decision->cgroup = FIELD(task, cgroups, dfl_cgrp, kn, id);
	decision->start = FIELD(task, group_leader, start_boottime);
	decision->pid = FIELD(task, tgid);
	decision->tid = FIELD(task, pid);
	decision->policy = policy;
	decision->what = what;
	return decision;
}

/* The same of a decision, which is counted whether there is room for its record or not. */
static __always_inline struct decision *
decide(struct task_struct *task, u32 what, u32 policy, u32 verdict, u32 rung, u32 rule)
{
	count(COUNT_DECIDED);
	struct decision *decision = begin(task, what, policy);
	if (!decision) {
		count(COUNT_LOST);
		return NULL;
	}
	decision->verdict = verdict;
	decision->rung = rung;
	decision->rule = rule;
	return decision;
}

static __always_inline u32 denial(struct policy *policy)
{
	return policy->mode == MODE_ENFORCE ? DENIED : WOULD_DENY;
}

/* --- programs, before their first instruction --- */

static __always_inline void name_program(struct decision *decision, struct linux_binprm *program, struct inode *inode)
{
	stamp_of(&decision->stamp, inode);
	long size = bpf_probe_read_kernel_str(decision->text, TEXT, FIELD(program, filename));
	decision->size = size > 0 ? size - 1 : 0;
}

/* Not a file of the image: in memory, on another file system than the container's root, or written since it started. */
static __always_inline bool brought(struct task_struct *task, struct file *file, struct inode *inode)
{
	struct fs_struct *fs = FIELD(task, fs);
	struct vfsmount *mnt = FIELD(fs, root.mnt);
	return in_memory(file, inode) || in_upper_layer(inode) || FIELD(inode, i_sb) != FIELD(mnt, mnt_sb);
}

static __always_inline bool keeper_lives(struct policy *policy)
{
	u32 zero = 0;
	u64 *last = bpf_map_lookup_elem(&heartbeat, &zero);
	return last && bpf_ktime_get_boot_ns() < *last + policy->deadline;
}

/* --- paths --- */

#define WHOLE 4096 /* bytes of a path, its zero byte among them */
#define PARTS 48   /* directories of a path, and mounts on the way */

/* A path is put together here. Four for each processor: a task that is preempted keeps one. */
struct scratch {
	u32 busy, at; /* the path begins there */
	struct path_key key;
	char path[WHOLE + 256];
};
MAP(scratches, BPF_MAP_TYPE_ARRAY, u32, struct scratch, 4, 0);

static __always_inline struct scratch *take(void)
{
	u32 first = bpf_get_smp_processor_id() * 4;
	for (u32 i = 0; i < 4; i++) {
		u32 slot = first + i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
		if (!scratch)
			break;
		if (!__sync_lock_test_and_set(&scratch->busy, 1))
			return scratch;
	}
	return NULL;
}

static __always_inline void give_back(struct scratch *scratch)
{
	*(volatile u32 *)&scratch->busy = 0;
}

/*
 * Puts the path of a file together, from its end, as far as the root of the mount namespace: bpf_d_path() would stop at the root
 * directory of the process, which that may choose. Whether it is whole.
 */
static __noinline bool put_path(struct scratch *scratch, struct path *path)
{
	/* In memory, so that the verifier does not tell the rounds of the loop apart by it. */
	volatile u32 *begin = &scratch->at;
	scratch->path[WHOLE - 1] = 0;
	*begin = WHOLE - 1;
	struct dentry *dentry = FIELD(path, dentry);
	struct vfsmount *mnt = FIELD(path, mnt);
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	struct dentry *top = FIELD(mount, mnt.mnt_root);
	for (u32 i = 0; i < PARTS; i++) {
		if (dentry == top && i) {
			struct mount *above = FIELD(mount, mnt_parent);
			if (above == mount || !above)
				return true;
			dentry = FIELD(mount, mnt_mountpoint);
			mount = above;
			top = FIELD(mount, mnt.mnt_root);
			continue;
		}
		struct dentry *parent = FIELD(dentry, d_parent);
		if (dentry == parent && i)
			return true;
		u32 size = FIELD(dentry, d_name.len), at = *begin;
		if (size > 255 || at < size + 1)
			return false;
		at -= size;
		bpf_probe_read_kernel(&scratch->path[at & (WHOLE - 1)], size & 255, FIELD(dentry, d_name.name));
		at -= 1;
		scratch->path[at & (WHOLE - 1)] = '/';
		*begin = at;
		/* What lies in no directory has a name all the same. */
		if (dentry == parent)
			return true;
		dentry = parent;
	}
	return false;
}

static __always_inline struct path_rule *rule_for(struct scratch *scratch, u32 table, struct path *path)
{
	/* Of a path that is too long nothing is known. */
	if (!put_path(scratch, path))
		scratch->at = WHOLE - 1;
	u32 at = scratch->at & (WHOLE - 1), length = WHOLE - at;
	if (length > PATH)
		length = PATH;
	bpf_probe_read_kernel(scratch->key.path, PATH, &scratch->path[at]);
	scratch->key.table = table;
	scratch->key.bits = (4 + length) * 8;
	return bpf_map_lookup_elem(&paths, &scratch->key);
}

static __always_inline void tell_path(struct decision *decision, struct scratch *scratch, struct inode *inode)
{
	stamp_of(&decision->stamp, inode);
	long size = bpf_probe_read_kernel_str(decision->text, TEXT, &scratch->path[scratch->at & (WHOLE - 1)]);
	decision->size = size > 0 ? size - 1 : 0;
	bpf_ringbuf_submit(decision, 0);
}

/* Whether the keeper was told of this mount namespace. It is, from now on. */
static __always_inline bool is_known(struct task_struct *task)
{
	struct mnt_namespace *of = (void *)FIELD(task, nsproxy, mnt_ns);
	/* Its address is given to another one when it is gone, its number is not. */
	u64 space = (u64)of;
	if (bpf_core_field_exists(of->ns.ns_id))
		space = FIELD(of, ns.ns_id);
	else if (bpf_core_field_exists(of->seq))
		space = FIELD(of, seq);
	u32 yes = 1;
	return bpf_map_lookup_elem(&spaces, &space) || bpf_map_update_elem(&spaces, &space, &yes, BPF_ANY);
}

/* What the rules about paths say of a program, which is told with the path. Whether it is denied. */
static __always_inline bool denied_by_path(struct scratch *scratch, struct policy *policy, u32 id, struct file *file, u32 *rule)
{
	struct path_rule *found = rule_for(scratch, id * 2, &file->f_path);
	/* A path that is no more is nobody's. */
	if (found && !found->deny && FIELD(file, f_inode, i_nlink) == 0)
		found = NULL;
	*rule = found && found->deny ? found->rule : RULE_DEFAULT;
	return found ? found->deny : !!(policy->flags & EXEC_DENIED);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(guard_exec, struct task_struct *task, int old, struct linux_binprm *program)
{
	u32 id = policy_of(task, 0);
	struct policy *policy = id ? bpf_map_lookup_elem(&policies, &id) : NULL;
	if (!policy || !(policy->flags & (HAS_EXEC | HAS_FILES)))
		return 0;
	if (is_runtime(task)) {
		count(COUNT_RUNTIME);
		return 0;
	}
	struct file *file = FIELD(program, file);
	struct inode *inode = FIELD(file, f_inode);
	struct stamp stamp;
	stamp_of(&stamp, inode);
	if (is_agent(task, &stamp))
		return 0;
	struct decision *decision;
	if ((policy->flags & IMAGE_ONLY) && brought(task, file, inode)) {
		decision = decide(task, WHAT_EXEC, id, denial(policy), RUNG_KILL, RULE_NOT_IMAGE);
		if (decision) {
			name_program(decision, program, inode);
			bpf_ringbuf_submit(decision, 0);
		}
		if (policy->mode == MODE_ENFORCE)
			bpf_send_signal(9);
		return 0;
	}
	u32 pid = FIELD(task, tgid);
	struct stamp *known = bpf_map_lookup_elem(&approved, &pid);
	if (known && same(known, &stamp)) {
		bpf_map_delete_elem(&approved, &pid);
		return 0;
	}
	/* If content does not count, the path is enough, and nobody need be asked; but the keeper must hear of mounts that are new. */
	bool alone = !(policy->flags & (HAS_DIGESTS | HAS_FILES)) && is_known(task);
	struct scratch *scratch = alone ? take() : NULL;
	if (scratch) {
		u32 rule;
		if (denied_by_path(scratch, policy, id, file, &rule)) {
			decision = decide(task, WHAT_EXEC, id, denial(policy), RUNG_KILL, rule);
			if (decision)
				tell_path(decision, scratch, inode);
			if (policy->mode == MODE_ENFORCE)
				bpf_send_signal(9);
		} else {
			count(COUNT_ALLOWED);
		}
		give_back(scratch);
		return 0;
	}
	bool holding = policy->mode == MODE_ENFORCE;
	if (!holding || keeper_lives(policy)) {
		decision = begin(task, WHAT_ASK, id);
		if (decision) {
			name_program(decision, program, inode);
			decision->held = holding;
			struct hold hold = {
				.time = decision->time,
				.cgroup = decision->cgroup,
				.start = decision->start,
				.stamp = stamp,
				.policy = id,
			};
			if (!holding || !bpf_map_update_elem(&held, &pid, &hold, BPF_ANY)) {
				if (holding)
					bpf_send_signal(19);
				bpf_ringbuf_submit(decision, 0);
				return 0;
			}
			bpf_ringbuf_discard(decision, 0);
		}
		if (!holding) {
			/* Nobody will look at it: that is a decision without a record. */
			count(COUNT_DECIDED);
			count(COUNT_LOST);
			return 0;
		}
	}
	/* Nobody can be asked. */
	bool closed = policy->flags & FAIL_CLOSED;
	decision = decide(task, WHAT_EXEC, id, closed ? DENIED : ALLOWED, RUNG_KILL, RULE_FAIL);
	if (decision) {
		name_program(decision, program, inode);
		bpf_ringbuf_submit(decision, 0);
	}
	if (closed)
		bpf_send_signal(9);
	return 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(check_exec, struct linux_binprm *program, int before)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = policy_of(task, 0);
	struct policy *policy = id ? bpf_map_lookup_elem(&policies, &id) : NULL;
	if (before || !policy || !(policy->flags & (HAS_EXEC | HAS_FILES)) || is_runtime(task))
		return before;
	struct file *file = FIELD(program, file);
	struct inode *inode = FIELD(file, f_inode);
	struct stamp stamp;
	stamp_of(&stamp, inode);
	if (is_agent(task, &stamp))
		return 0;
	struct scratch *scratch = take();
	if (!scratch)
		return 0; /* guard_exec finds no approval, and holds it */
	u32 rule;
	bool deny = denied_by_path(scratch, policy, id, file, &rule);
	/* Content comes after paths, but for paths that are denied. */
	bool sure = rule != RULE_DEFAULT || !(policy->flags & HAS_DIGESTS);
	if ((policy->flags & IMAGE_ONLY) && brought(task, file, inode)) {
		deny = sure = true;
		rule = RULE_NOT_IMAGE;
	}
	int answer = 0;
	if (sure && deny) {
		struct decision *decision = decide(task, WHAT_EXEC, id, denial(policy), RUNG_LSM, rule);
		if (decision)
			tell_path(decision, scratch, inode);
		if (policy->mode == MODE_ENFORCE)
			answer = -1; /* EPERM */
	} else if (sure) {
		count(COUNT_ALLOWED);
	}
	give_back(scratch);
	if (sure && !answer) {
		u32 pid = FIELD(task, tgid);
		bpf_map_update_elem(&approved, &pid, &stamp, BPF_ANY);
	}
	return answer;
}

SEC("lsm/file_open")
int BPF_PROG(check_open, struct file *file, int before)
{
	u32 zero = 0;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);
	if (before || !set)
		return before;
	struct task_struct *task = (void *)bpf_get_current_task();
	if (set->tester && set->tester == (u32)FIELD(task, tgid))
		count(COUNT_TESTED);
	if (!set->files)
		return 0;
	u32 id = policy_of(task, 0);
	struct policy *policy = id ? bpf_map_lookup_elem(&policies, &id) : NULL;
	if (!policy || !(policy->flags & HAS_FILES) || is_runtime(task))
		return 0;
	struct scratch *scratch = take();
	if (!scratch) {
		bool closed = policy->flags & FAIL_CLOSED && policy->mode == MODE_ENFORCE;
		struct decision *decision = decide(task, WHAT_OPEN, id, closed ? DENIED : ALLOWED, RUNG_LSM, RULE_FAIL);
		if (decision)
			bpf_ringbuf_submit(decision, 0);
		return closed ? -1 : 0;
	}
	struct path_rule *found = rule_for(scratch, id * 2 + 1, &file->f_path);
	int answer = 0;
	if (found && found->deny) {
		struct decision *decision = decide(task, WHAT_OPEN, id, denial(policy), RUNG_LSM, found->rule);
		if (decision)
			tell_path(decision, scratch, FIELD(file, f_inode));
		if (policy->mode == MODE_ENFORCE)
			answer = -1;
	} else {
		count(COUNT_ALLOWED);
	}
	give_back(scratch);
	return answer;
}

/* --- connections --- */

#define WORD(ADDRESS, AT) (((u32 *)(ADDRESS))[AT])

static __always_inline int decide_connect(struct bpf_sock_addr *context, struct net_key *key)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = policy_of(task, 0);
	struct policy *policy = id ? bpf_map_lookup_elem(&policies, &id) : NULL;
	if (!policy || !(policy->flags & HAS_CONNECT))
		return 1;
	struct stamp program;
	stamp_of(&program, FIELD(task, mm, exe_file, f_inode));
	if (is_agent(task, &program))
		return 1;
	u16 port = bpf_ntohs(context->user_port);
	u8 protocol = context->protocol;
	bool deny = policy->flags & CONNECT_DENIED;
	u32 rule = RULE_DEFAULT;
	key->bits = 8 * (4 + 16);
	key->policy = id;
	struct net_rules *rules = bpf_map_lookup_elem(&nets, key);
	for (u32 i = 0; rules && i < PORT_RULES && i < rules->count; i++) {
		struct port_rule *of = &rules->of[i];
		if (port >= of->from && port <= of->to && (!of->protocol || of->protocol == protocol)) {
			deny = of->deny;
			rule = of->rule;
			break;
		}
	}
	if (!deny) {
		count(COUNT_ALLOWED);
		return 1;
	}
	struct decision *decision = decide(task, WHAT_CONNECT, id, denial(policy), RUNG_CGROUP, rule);
	if (decision) {
		__builtin_memcpy(decision->address, key->address, 16);
		decision->port = port;
		decision->protocol = protocol;
		bpf_ringbuf_submit(decision, 0);
	}
	return policy->mode != MODE_ENFORCE;
}

static __always_inline int decide4(struct bpf_sock_addr *context)
{
	struct net_key key = {};
	u32 address = context->user_ip4;
	WORD(key.address, 2) = bpf_htonl(0xffff);
	/* Nowhere means here. */
	WORD(key.address, 3) = address ? address : bpf_htonl(0x7f000001);
	return decide_connect(context, &key);
}

static __always_inline int decide6(struct bpf_sock_addr *context)
{
	struct net_key key = {};
	u32 a = context->user_ip6[0], b = context->user_ip6[1], c = context->user_ip6[2], d = context->user_ip6[3];
	if (!(a | b | c | d))
		d = bpf_htonl(1);
	else if (!(a | b | d) && c == bpf_htonl(0xffff))
		d = bpf_htonl(0x7f000001);
	WORD(key.address, 0) = a;
	WORD(key.address, 1) = b;
	WORD(key.address, 2) = c;
	WORD(key.address, 3) = d;
	return decide_connect(context, &key);
}

SEC("cgroup/connect4")
int guard_connect4(struct bpf_sock_addr *context) { return decide4(context); }

SEC("cgroup/connect6")
int guard_connect6(struct bpf_sock_addr *context) { return decide6(context); }

SEC("cgroup/sendmsg4")
int guard_sendmsg4(struct bpf_sock_addr *context) { return decide4(context); }

SEC("cgroup/sendmsg6")
int guard_sendmsg6(struct bpf_sock_addr *context) { return decide6(context); }

/* Finds out what the host calls its root directory: the first process, and the keeper, which reads this. */
SEC("iter/task")
int find_root(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	if (!task || (u32)FIELD(task, tgid) != bpf_get_current_pid_tgid() >> 32)
		return 0;
	u32 first = 0, own = 1;
	u64 root = root_of(task);
	bpf_map_update_elem(&host_root, &own, &root, BPF_ANY);
	for (u32 i = 0; i < 64 && FIELD(task, tgid) > 1; i++)
		task = FIELD(task, real_parent);
	root = root_of(task);
	bpf_map_update_elem(&host_root, &first, &root, BPF_ANY);
	return 0;
}
