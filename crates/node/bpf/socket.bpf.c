/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Who talks to whom, without a price on other system calls.
 *
 *   TCP   changes of state: begun (whose it is), established or failed (told), closed (told with its bytes)
 *   UDP   connect() and the first packet to each peer, by hooks of the control group
 *
 * States change in interrupts too, where the running process is anybody. So whoever begins a connection or listens is
 * remembered as the owner of the socket.
 */
#include "socket.h"

static __always_inline void head_of(struct header *header, u32 detail, struct owner *owner)
{
	header->time = bpf_ktime_get_boot_ns();
	header->cgroup = owner->cgroup;
	header->start = owner->start;
	header->pid = owner->pid;
	header->tid = owner->tid;
	header->type = RECORD_SOCKET;
	header->cpu = bpf_get_smp_processor_id();
	header->detail = detail;
}

struct socket_record { struct header head; struct socket_body body; };

static __always_inline void tell_tcp(struct settings *set, struct sock *sock, struct owner *owner, u32 detail, s64 result, u32 server)
{
	if (!(set->tier0 & (1 << detail)) || !wanted(set, owner->pid, owner->cgroup))
		return;
	struct socket_record *record = RESERVE(struct socket_body);
	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	head_of(&record->head, detail, owner);
	ends_of(&record->body.ends, sock);
	record->body.ends.server = server;
	record->body.result = result;
	record->body.fd = -1;
	if (detail == SOCKET_CONNECT && result < 0)
		record->body.ends = owner->ends;
	if (detail == SOCKET_CLOSE) {
		struct tcp_sock *tcp = (void *)sock;
		/* A socket that was closed may have forgotten its ends. */
		if (owner->ends.remote_port)
			record->body.ends = owner->ends;
		record->body.sent = FIELD(tcp, bytes_sent) - FIELD(tcp, bytes_retrans);
		record->body.received = FIELD(tcp, bytes_received);
	}
	bpf_ringbuf_submit(record, 0);
}

#if defined(__TARGET_ARCH_x86)
#define CALL_NUMBER(REGS) FIELD(REGS, orig_ax)
#define CONNECT 42
#elif defined(__TARGET_ARCH_arm64)
#define CALL_NUMBER(REGS) FIELD(REGS, syscallno)
#define CONNECT 203
#endif

/* The running process is in a connect() that is told as a system call. */
static __always_inline bool told_by_call(struct settings *set)
{
	if (!(set->calls[CONNECT / 64] >> (CONNECT % 64) & 1))
		return false;
	if (!bpf_core_enum_value_exists(enum bpf_func_id___new, BPF_FUNC_task_pt_regs___new))
		return false;
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return CALL_NUMBER(regs) == CONNECT;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sock, int old, int new)
{
	struct settings *set = setting();
	if (!set || FIELD(sock, sk_protocol) != TCP)
		return 0;
	u64 key = (u64)sock;
	struct owner owner = {};
	if (old == TCP_CLOSED && new == TCP_SYN_SENT) {
		own(&owner, (void *)bpf_get_current_task());
		ends_of(&owner.ends, sock);
		owner.ends.server = 1;
		owner.by_call = told_by_call(set);
		bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
	} else if (new == TCP_LISTEN) {
		/* Another socket at this address may have failed to connect, unnoticed by the call that began it. */
		bpf_map_delete_elem(&owners, &key);
		struct listener listener = listener_of(sock);
		own(&owner, (void *)bpf_get_current_task());
		bpf_map_update_elem(&listeners, &listener, &owner, BPF_ANY);
		tell_tcp(set, sock, &owner, SOCKET_LISTEN, 0, 0);
	} else if (old == TCP_SYN_RECV && new == TCP_ESTABLISHED) {
		struct listener listener = listener_of(sock);
		struct owner *known = bpf_map_lookup_elem(&listeners, &listener);
		if (known)
			owner = *known;
		ends_of(&owner.ends, sock);
		owner.ends.server = 2;
		bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
		tell_tcp(set, sock, &owner, SOCKET_ACCEPT, 0, 2);
	} else if (old == TCP_SYN_SENT) {
		struct owner *known = bpf_map_lookup_elem(&owners, &key);
		if (known && new == TCP_ESTABLISHED) {
			ends_of(&known->ends, sock);
			known->ends.server = 1;
			if (!known->by_call)
				tell_tcp(set, sock, known, SOCKET_CONNECT, 0, 1);
		} else if (known && new == TCP_CLOSED) {
			s64 error = FIELD(sock, sk_err);
			/* Without an error of its own it was given up: ECONNABORTED. */
			if (!known->by_call) {
				tell_tcp(set, sock, known, SOCKET_CONNECT, error ? -error : -103, 1);
				bpf_map_delete_elem(&owners, &key);
			}
		}
	} else if (new == TCP_CLOSED && old == TCP_LISTEN) {
		struct listener listener = listener_of(sock);
		bpf_map_delete_elem(&listeners, &listener);
	} else if (new == TCP_CLOSED) {
		struct owner *known = bpf_map_lookup_elem(&owners, &key);
		if (known) {
			tell_tcp(set, sock, known, SOCKET_CLOSE, 0, known->ends.server);
			bpf_map_delete_elem(&owners, &key);
		}
	}
	return 0;
}

/* What a hook of the control group tells of the running process. */
static __always_inline struct socket_record *begin(struct settings *set, u32 detail)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct owner owner = {};
	own(&owner, task);
	if (!wanted(set, owner.pid, owner.cgroup))
		return NULL;
	struct socket_record *record = RESERVE(struct socket_body);
	if (!record)
		return NULL;
	__builtin_memset(record, 0, sizeof(*record));
	head_of(&record->head, detail, &owner);
	record->body.fd = -1;
	return record;
}

static __always_inline void remember(u64 cookie)
{
	struct owner owner = {};
	own(&owner, (void *)bpf_get_current_task());
	bpf_map_update_elem(&owners, &cookie, &owner, BPF_ANY);
}

/* An UDP socket and its peer: told once in a while. */
static __always_inline int tell_udp(struct bpf_sock_addr *context, u32 family, u32 detail, u32 bit)
{
	struct settings *set = setting();
	if (!set || context->protocol != UDP)
		return 1;
	struct peer peer = { .cookie = bpf_get_socket_cookie(context), .port = context->user_port };
	if (family == AF_INET) {
		*(u32 *)peer.address = context->user_ip4;
	} else {
		((u32 *)peer.address)[0] = context->user_ip6[0];
		((u32 *)peer.address)[1] = context->user_ip6[1];
		((u32 *)peer.address)[2] = context->user_ip6[2];
		((u32 *)peer.address)[3] = context->user_ip6[3];
	}
	u64 now = bpf_ktime_get_boot_ns();
	u64 *last = bpf_map_lookup_elem(&peers, &peer);
	if (last && now - *last < set->repeat)
		return 1;
	bpf_map_update_elem(&peers, &peer, &now, BPF_ANY);
	/* Tells the two families of keys of one map apart: addresses of the kernel are negative, cookies small. */
	remember(peer.cookie);
	struct socket_record *record = set->tier0 & bit ? begin(set, detail) : NULL;
	if (!record)
		return 1;
	struct ends *ends = &record->body.ends;
	__builtin_memcpy(ends->remote, peer.address, 16);
	ends->remote_port = bpf_ntohs(context->user_port);
	ends->family = family;
	ends->protocol = UDP;
	ends->server = 1;
	struct bpf_sock *sock = context->sk;
	if (sock) {
		if (family == AF_INET)
			*(u32 *)ends->local = sock->src_ip4;
		ends->local_port = sock->src_port;
	}
	bpf_ringbuf_submit(record, 0);
	return 1;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *context) { return tell_udp(context, AF_INET, SOCKET_CONNECT, TIER0_UDP_CONNECT); }

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *context) { return tell_udp(context, AF_INET6, SOCKET_CONNECT, TIER0_UDP_CONNECT); }

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *context) { return tell_udp(context, AF_INET, SOCKET_SEND, 1 << SOCKET_SEND); }

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *context) { return tell_udp(context, AF_INET6, SOCKET_SEND, 1 << SOCKET_SEND); }

/* A socket has the address it asked for. */
static __always_inline int tell_bind(struct bpf_sock *context, u32 family)
{
	struct settings *set = setting();
	if (!set || !(set->tier0 & (1 << SOCKET_BIND)))
		return 1;
	struct socket_record *record = begin(set, SOCKET_BIND);
	if (!record)
		return 1;
	struct ends *ends = &record->body.ends;
	if (family == AF_INET) {
		*(u32 *)ends->local = context->src_ip4;
	} else {
		((u32 *)ends->local)[0] = context->src_ip6[0];
		((u32 *)ends->local)[1] = context->src_ip6[1];
		((u32 *)ends->local)[2] = context->src_ip6[2];
		((u32 *)ends->local)[3] = context->src_ip6[3];
	}
	ends->local_port = context->src_port;
	ends->family = family;
	ends->protocol = context->protocol;
	bpf_ringbuf_submit(record, 0);
	return 1;
}

SEC("cgroup/post_bind4")
int on_bind4(struct bpf_sock *context) { return tell_bind(context, AF_INET); }

SEC("cgroup/post_bind6")
int on_bind6(struct bpf_sock *context) { return tell_bind(context, AF_INET6); }

/* Sockets that are open already: whose they are, and where they lead to. */
SEC("iter/task_file")
int open_sockets(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	if (!task || !file)
		return 0;
	struct inode *inode = FIELD(file, f_inode);
	if ((FIELD(inode, i_mode) & 0170000) != 0140000)
		return 0;
	struct socket *socket = FIELD(file, private_data);
	struct sock *sock = FIELD(socket, sk);
	if (!sock)
		return 0;
	u16 family = FIELD(sock, __sk_common.skc_family);
	u16 protocol = FIELD(sock, sk_protocol);
	if ((family != AF_INET && family != AF_INET6) || (protocol != TCP && protocol != UDP))
		return 0;
	struct owner owner = {};
	own(&owner, task);
	ends_of(&owner.ends, sock);
	u8 state = FIELD(sock, __sk_common.skc_state);
	struct listener listener = listener_of(sock);
	if (protocol == TCP && state == TCP_LISTEN) {
		bpf_map_update_elem(&listeners, &listener, &owner, BPF_NOEXIST);
	} else if (protocol == TCP && state != TCP_CLOSED) {
		u64 key = (u64)sock;
		/* Who listens on its port accepted it. */
		owner.ends.server = bpf_map_lookup_elem(&listeners, &listener) ? 2 : 1;
		bpf_map_update_elem(&owners, &key, &owner, BPF_NOEXIST);
	}
	struct socket_record record = {};
	head_of(&record.head, SOCKET_FOUND, &owner);
	record.body.ends = owner.ends;
	record.body.ino = FIELD(inode, i_ino);
	record.body.fd = context->fd;
	record.body.state = state;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}
