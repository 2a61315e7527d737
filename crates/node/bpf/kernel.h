/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The types of the kernel that the programs read, and of each only the members they read.
 *
 * Offsets are those of the kernel that the program is loaded on: the loader finds each member by its name in the
 * kernel's BTF (CO-RE). So no order or distance here means anything. What was renamed between versions has one
 * definition for each name, `struct x___old`; the part behind the three underscores is ignored by the loader.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef signed char __s8;
typedef short __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u64 __be64;
typedef u32 __wsum;
typedef int bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* From the user interface of BPF, which never changes. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

/* The context of connect, sendmsg and their like. */
struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4;
	u32 user_ip6[4];
	u32 user_port;
	u32 family;
	u32 type;
	u32 protocol;
	u32 msg_src_ip4;
	u32 msg_src_ip6[4];
	struct bpf_sock *sk __attribute__((aligned(8)));
};

/* The context of post_bind. */
struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4;
	u32 src_ip6[4];
	u32 src_port;
	u16 dst_port;
	u16 : 16;
	u32 dst_ip4;
	u32 dst_ip6[4];
	u32 state;
	s32 rx_queue_mapping;
};

/* The context of programs that see packets, as far as `sk`. */
struct __sk_buff {
	u32 len;
	u32 pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id;
	u32 family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
	struct bpf_sock *sk __attribute__((aligned(8)));
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The number of a helper that programs may have: BPF_FUNC_task_pt_regs came with 5.15. */
enum bpf_func_id___new { BPF_FUNC_task_pt_regs___new = 175 };

struct list_head { struct list_head *next; };
struct timespec64 { s64 tv_sec; long tv_nsec; };
typedef struct { int counter; } atomic_t;

#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long di, si, dx, r10, r8, r9, orig_ax, cs; };
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs { u64 regs[31]; u64 orig_x0; s32 syscallno; u64 pstate; };
#endif

/* Files */
struct qstr { u32 len; const unsigned char *name; };
struct super_block { u32 s_dev; unsigned long s_magic; };
struct inode {
	u16 i_mode;
	struct { u32 val; } i_uid, i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_nlink;
	s64 i_size;
	s64 i_ctime_sec, i_mtime_sec; /* since 6.11 */
	u32 i_ctime_nsec, i_mtime_nsec;
};
struct inode___ctime { struct timespec64 i_ctime; };   /* until 6.5 */
struct inode___mtime { struct timespec64 i_mtime; };   /* until 6.6 */
struct inode___ctime6 { struct timespec64 __i_ctime; }; /* 6.6 to 6.10 */
struct inode___mtime6 { struct timespec64 __i_mtime; }; /* 6.7 to 6.10 */
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct vfsmount { struct dentry *mnt_root; struct super_block *mnt_sb; };
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file {
	struct path f_path;
	struct inode *f_inode;
	u32 f_mode;
	void *private_data;
};
struct fdtable { u32 max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct fs_struct { struct path root, pwd; };

/* Processes */
struct ns_common { u32 inum; u64 ns_id; /* since 6.18 */ };
struct mnt_namespace { struct ns_common ns; u64 seq; /* until then */ };
struct pid_namespace { u32 level; struct ns_common ns; };
struct upid { int nr; struct pid_namespace *ns; };
struct pid { u32 level; struct upid numbers[1]; };
struct tty_driver { int major, minor_start; };
struct tty_struct { struct tty_driver *driver; int index; };
enum { PIDTYPE_TGID = 1, PIDTYPE_PGID = 2, PIDTYPE_SID = 3 };
struct signal_struct {
	atomic_t live;
	struct pid *pids[4];
	struct tty_struct *tty;
	int group_exit_code;
};
struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};
typedef struct { u64 val; } kernel_cap_t; /* two 32-bit words until 6.2, lower one first: the same bytes */
struct user_namespace;
struct cred {
	struct { u32 val; } euid, egid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
	struct user_namespace *user_ns;
};
struct nsproxy { void *uts_ns, *ipc_ns, *mnt_ns, *pid_ns_for_children, *net_ns, *cgroup_ns; };
struct kernfs_node { u64 id; };
struct cgroup_root { int hierarchy_id; };
struct cgroup;
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; };
struct cgroup { struct cgroup_subsys_state self; struct cgroup_root *root; struct kernfs_node *kn; };
struct css_set { struct cgroup *dfl_cgrp; };
struct thread_info { u32 status; };
struct task_struct {
	struct thread_info thread_info;
	int pid, tgid;
	u32 flags;
	u64 start_boottime;
	int exit_code;
	struct task_struct *group_leader, *real_parent;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	const struct cred *cred, *real_cred;
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
	struct css_set *cgroups;
	struct { u32 val; } loginuid;
	char comm[16];
};
struct linux_binprm { struct file *file; const char *filename; };

/* Sockets */
struct in6_addr { u8 in6_u[16]; };
struct net { struct ns_common ns; };
typedef struct { struct net *net; } possible_net_t;
struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num, skc_family;
	u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	u16 sk_type, sk_protocol;
	int sk_err;
};
struct socket { struct sock *sk; };
struct tcp_sock { u64 bytes_sent, bytes_retrans, bytes_received; };
struct sockaddr_un { u16 sun_family; char sun_path[108]; };
struct unix_address { int len; struct sockaddr_un name[1]; };
struct unix_sock { struct unix_address *addr; struct sock *peer; };

/* io_uring */
struct io_kiocb { u8 opcode; struct file *file; };

/* BPF */
struct bpf_map { u32 id; };
struct bpf_link { u32 id; };

/* Iterators */
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; u64 session_id, seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
struct bpf_iter__task_file { struct bpf_iter_meta *meta; struct task_struct *task; u32 fd; struct file *file; };

#pragma clang attribute pop
