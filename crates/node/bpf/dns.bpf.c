/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Answers of name servers: UDP packets from port 53, as they come to a socket. They are parsed by the agent. */
#include "socket.h"

#define DNS_PORT 53
#define DNS_MOST 1232

struct dns_record { struct header head; struct dns_body body; u8 data[DNS_MOST]; };

SEC("cgroup_skb/ingress")
int on_packet(struct __sk_buff *packet)
{
	struct settings *set = setting();
	if (!set)
		return 1;
	/* Programs of this type see packets from the network header on. */
	u8 first = 0, protocol = 0;
	u32 transport;
	if (bpf_skb_load_bytes(packet, 0, &first, 1))
		return 1;
	if (first >> 4 == 4) {
		transport = (first & 15) * 4;
		if (bpf_skb_load_bytes(packet, 9, &protocol, 1))
			return 1;
	} else {
		/* Extension headers are not followed: answers have none. */
		transport = 40;
		if (bpf_skb_load_bytes(packet, 6, &protocol, 1))
			return 1;
	}
	u16 ports[2];
	if (protocol != UDP || bpf_skb_load_bytes(packet, transport, ports, 4) || ports[0] != bpf_htons(DNS_PORT))
		return 1;
	u32 from = transport + 8;
	if (packet->len <= from)
		return 1;
	u32 size = packet->len - from, cut = 0;
	if (size > DNS_MOST) {
		cut = size - DNS_MOST;
		size = DNS_MOST;
	}
	u64 cookie = bpf_get_socket_cookie(packet);
	struct owner *owner = bpf_map_lookup_elem(&owners, &cookie);
	u64 cgroup = owner ? owner->cgroup : bpf_skb_cgroup_id(packet);
	if (!wanted(set, owner ? owner->pid : 0, cgroup) || !affordable(set, cgroup, bpf_ktime_get_boot_ns()))
		return 1;
	struct dns_record *record = bpf_ringbuf_reserve(&bulk, sizeof(*record), 0);
	if (!record) {
		count(LOST_BULK_FULL);
		return 1;
	}
	__builtin_memset(&record->head, 0, sizeof(record->head) + sizeof(record->body));
	record->head.time = bpf_ktime_get_boot_ns();
	record->head.cgroup = cgroup;
	record->head.type = RECORD_DNS;
	record->head.cpu = bpf_get_smp_processor_id();
	if (owner) {
		record->head.start = owner->start;
		record->head.pid = owner->pid;
		record->head.tid = owner->tid;
	}
	struct ends *ends = &record->body.ends;
	if (transport == 40) {
		ends->family = AF_INET6;
		bpf_skb_load_bytes(packet, 8, ends->remote, 16);
		bpf_skb_load_bytes(packet, 24, ends->local, 16);
	} else {
		ends->family = AF_INET;
		bpf_skb_load_bytes(packet, 12, ends->remote, 4);
		bpf_skb_load_bytes(packet, 16, ends->local, 4);
	}
	ends->remote_port = DNS_PORT;
	ends->local_port = bpf_ntohs(ports[1]);
	ends->protocol = UDP;
	ends->server = 1;
	record->body.cut = cut;
	/* The verifier must see that it is neither nothing nor too much. */
	asm volatile("" : "+r"(size));
	if (size == 0 || size > DNS_MOST || bpf_skb_load_bytes(packet, from, record->data, size))
		size = 0;
	record->body.size = size;
	count(COUNT_DELIVERED);
	bpf_ringbuf_submit(record, bulk_wakeup(set));
	return 1;
}
