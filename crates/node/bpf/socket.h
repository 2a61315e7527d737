/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The two ends of a socket, and whose it is. */
#pragma once
#include "path.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define TCP 6
#define UDP 17

enum tcp_state { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_CLOSED = 7, TCP_LISTEN = 10 };

static __always_inline void ends_of(struct ends *ends, struct sock *sock)
{
	u16 family = FIELD(sock, __sk_common.skc_family);
	ends->family = family;
	ends->protocol = FIELD(sock, sk_protocol);
	ends->local_port = FIELD(sock, __sk_common.skc_num);
	ends->remote_port = bpf_ntohs(FIELD(sock, __sk_common.skc_dport));
	if (family == AF_INET6) {
		bpf_core_read(ends->local, 16, &sock->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(ends->remote, 16, &sock->__sk_common.skc_v6_daddr);
	} else {
		bpf_core_read(ends->local, 4, &sock->__sk_common.skc_rcv_saddr);
		bpf_core_read(ends->remote, 4, &sock->__sk_common.skc_daddr);
	}
}

static __always_inline void own(struct owner *owner, struct task_struct *task)
{
	owner->cgroup = cgroup_of(task);
	owner->start = FIELD(task, group_leader, start_boottime);
	owner->pid = FIELD(task, tgid);
	owner->tid = FIELD(task, pid);
}

static __always_inline struct listener listener_of(struct sock *sock)
{
	struct listener listener = {
		.netns = FIELD(sock, __sk_common.skc_net.net, ns.inum),
		.port = FIELD(sock, __sk_common.skc_num),
	};
	return listener;
}
