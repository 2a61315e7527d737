/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Cuts one control group off the network: what is neither loopback, nor name resolution, nor a peer that stays reachable is
 * dropped, in both directions, also on connections that are open already. Attached to the group itself (src/respond/isolate.rs). */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define DNS_PORT 53
#define LOOPBACK 1
#define TCP 6
#define UDP 17
#define ICMPV6 58

/* A peer that stays reachable. IPv4 is in the last four bytes, after ::ffff:. */
struct peer { u8 address[16]; };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct peer);
	__type(value, u8);
} peers SEC(".maps");

/* Packets that were dropped: out, in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u64);
} dropped SEC(".maps");

static __always_inline int pass(struct __sk_buff *packet, u32 way)
{
	if (packet->ifindex == LOOPBACK)
		return 1;
	u8 first = 0, protocol = 0;
	u32 transport;
	struct peer peer = {};
	if (bpf_skb_load_bytes(packet, 0, &first, 1))
		goto drop;
	if (first >> 4 == 4) {
		transport = (first & 15) * 4;
		peer.address[10] = peer.address[11] = 0xff;
		if (bpf_skb_load_bytes(packet, 9, &protocol, 1) ||
		    bpf_skb_load_bytes(packet, way == 0 ? 16 : 12, peer.address + 12, 4))
			goto drop;
	} else {
		transport = 40;
		if (bpf_skb_load_bytes(packet, 6, &protocol, 1) ||
		    bpf_skb_load_bytes(packet, way == 0 ? 24 : 8, peer.address, 16))
			goto drop;
		u8 type = 0;
		/* Without neighbours nothing goes anywhere, not even to a name server. */
		if (protocol == ICMPV6 && !bpf_skb_load_bytes(packet, transport, &type, 1) && type >= 133 && type <= 137)
			return 1;
	}
	if (bpf_map_lookup_elem(&peers, &peer))
		return 1;
	u16 ports[2];
	if ((protocol == UDP || protocol == TCP) && !bpf_skb_load_bytes(packet, transport, ports, 4) &&
	    ports[way == 0 ? 1 : 0] == bpf_htons(DNS_PORT))
		return 1;
drop:;
	u64 *count = bpf_map_lookup_elem(&dropped, &way);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

SEC("cgroup_skb/egress")
int isolate_out(struct __sk_buff *packet)
{
	return pass(packet, 0);
}

SEC("cgroup_skb/ingress")
int isolate_in(struct __sk_buff *packet)
{
	return pass(packet, 1);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
