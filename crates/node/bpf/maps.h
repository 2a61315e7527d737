/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps: two rings, settings, filters, counters, and what must be remembered from one event to the next. */
#pragma once
#include "record.h"
#include "map.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Exchange of a word as one step came with 5.12. Before that, tracing programs were not preempted. */
const volatile u32 has_exchange = 1;

/* Sizes here are the smallest; the agent sets those of its configuration before it loads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} guaranteed SEC(".maps"), bulk SEC(".maps");

MAP(settings, BPF_MAP_TYPE_ARRAY, u32, struct settings, 1, 0);
MAP(plans, BPF_MAP_TYPE_ARRAY, u32, struct call_plan, 512, 0);

struct counts { u64 of[16]; };
MAP(counts, BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct counts, 1, 0);

/* 1: told, 2: not told. */
MAP(listed, BPF_MAP_TYPE_HASH, u64, u32, 4096, 0);

#define NO_COMMON_LRU 2
MAP(budgets, BPF_MAP_TYPE_LRU_HASH, u64, u64, 4096, 0);

/* Opens that were told lately. */
struct open_key { u64 start, ino; u32 pid, dev, flags, spare; };
MAP(opened, BPF_MAP_TYPE_LRU_HASH, struct open_key, u64, 16384, NO_COMMON_LRU);

/* Whose a socket is. The key is its address in the kernel (TCP) or its cookie (UDP). */
struct owner {
	u64 cgroup, start;
	u32 pid, tid;
	struct ends ends;
	u32 by_call; /* the system call tells it, so the hook need not */
	u32 spare;
};
MAP(owners, BPF_MAP_TYPE_LRU_HASH, u64, struct owner, 16384, 0);

struct listener { u32 netns; u16 port, family; };
MAP(listeners, BPF_MAP_TYPE_LRU_HASH, struct listener, struct owner, 4096, 0);

/* Peers of UDP sockets that were told lately. */
struct peer { u64 cookie; u8 address[16]; u32 port, spare; };
MAP(peers, BPF_MAP_TYPE_LRU_HASH, struct peer, u64, 8192, 0);

/* Kinds of io_uring requests that were told lately. */
struct request { u64 start; u32 pid, opcode; };
MAP(requests, BPF_MAP_TYPE_LRU_HASH, struct request, u64, 4096, 0);

/* Capabilities that were told lately, and how often one is told again: every ten minutes. */
#define CAPABILITY_REPEAT 600000000000ull
struct used { u64 cgroup; u32 capability, spare; };
MAP(used, BPF_MAP_TYPE_LRU_HASH, struct used, u64, 8192, 0);

static __always_inline struct settings *setting(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline void count(enum counter which)
{
	u32 zero = 0;
	struct counts *counted = bpf_map_lookup_elem(&counts, &zero);
	/* An interrupt may count in between. */
	if (counted)
		__sync_fetch_and_add(&counted->of[which & 15], 1);
}
