/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * From a program to a ring: may this be told, and where is it put together.
 *
 *   small records   reserved in the ring and written there; from any context
 *   large records   put together in a buffer of the processor, then copied; from the context of a process only
 *
 * Whatever was seen is counted once more as delivered, left out or lost, so that the sums agree.
 */
#pragma once
#include "maps.h"

#define BODY 32768u
#define SLACK 4096u

struct buffer {
	u32 busy;
	u32 size;
	u8 data[BODY + SLACK];
};
/* Two for each processor: a task that is preempted keeps one. */
MAP(buffers, BPF_MAP_TYPE_ARRAY, u32, struct buffer, 2, 0);

/* The agent does not tell of itself, and control groups may be left out. */
static __always_inline bool wanted(struct settings *set, u32 pid, u64 cgroup)
{
	count(COUNT_SEEN);
	if (pid == set->agent || pid == set->helper) {
		count(LEFT_AGENT);
		return false;
	}
	u32 *choice = bpf_map_lookup_elem(&listed, &cgroup);
	if (choice ? *choice == 2 : set->only_listed) {
		count(LEFT_CGROUP);
		return false;
	}
	return true;
}

/*
 * The budget of a control group, as a token bucket with one number in it: the time at which all that was spent is paid
 * back. Two processors that spend at the same moment may spend once; there is no lock.
 */
static __always_inline bool affordable(struct settings *set, u64 cgroup, u64 now)
{
	if (!set->interval)
		return true;
	u64 *owed = bpf_map_lookup_elem(&budgets, &cgroup);
	if (!owed) {
		u64 first = now + set->interval;
		bpf_map_update_elem(&budgets, &cgroup, &first, BPF_ANY);
		return true;
	}
	u64 until = *owed > now ? *owed : now;
	if (until - now > set->burst) {
		count(LOST_BUDGET);
		return false;
	}
	*owed = until + set->interval;
	return true;
}

static __always_inline struct buffer *take(void)
{
	u32 first = bpf_get_smp_processor_id() * 2;
	for (u32 i = 0; i < 2; i++) {
		u32 slot = first + i;
		struct buffer *buffer = bpf_map_lookup_elem(&buffers, &slot);
		if (!buffer)
			break;
		u32 was = buffer->busy;
		if (has_exchange)
			was = __sync_lock_test_and_set(&buffer->busy, 1);
		else
			buffer->busy = 1;
		if (!was) {
			buffer->size = 0;
			return buffer;
		}
	}
	count(LOST_BUFFER);
	return NULL;
}

static __always_inline void give_back(struct buffer *buffer)
{
	*(volatile u32 *)&buffer->busy = 0;
}

/* The end of what is in a buffer. SLACK bytes may be written there. */
static __always_inline u8 *tail(struct buffer *buffer)
{
	u32 size = buffer->size;
	asm volatile("%0 &= 32767" : "+r"(size));
	return buffer->data + size;
}

static __always_inline bool fits(struct buffer *buffer, u32 size)
{
	return buffer->size + size <= BODY - 8;
}

static __always_inline void send_guaranteed(struct buffer *buffer)
{
	u32 size = buffer->size & (BODY - 1);
	if (bpf_ringbuf_output(&guaranteed, buffer->data, size, 0))
		count(LOST_GUARANTEED_FULL);
	else
		count(COUNT_DELIVERED);
	give_back(buffer);
}

/* The agent looks into the bulk ring by itself every few milliseconds; it is woken only if much waits there. */
static __always_inline u64 bulk_wakeup(struct settings *set)
{
	return bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) >= set->wakeup ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void send_bulk(struct settings *set, struct buffer *buffer)
{
	u32 size = buffer->size & (BODY - 1);
	if (bpf_ringbuf_output(&bulk, buffer->data, size, bulk_wakeup(set)))
		count(LOST_BULK_FULL);
	else
		count(COUNT_DELIVERED);
	give_back(buffer);
}

/* A record of a fixed size in the guaranteed ring, or NULL, which is counted. */
#define RESERVE(TYPE)                                                                         \
	({                                                                                    \
		struct { struct header head; TYPE body; } *record_ =                          \
			bpf_ringbuf_reserve(&guaranteed, sizeof(struct header) + sizeof(TYPE), 0); \
		count(record_ ? COUNT_DELIVERED : LOST_GUARANTEED_FULL);                      \
		(void *)record_;                                                              \
	})
