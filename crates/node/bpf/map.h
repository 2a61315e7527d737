/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How a map is declared, as all programs do it. */
#pragma once
#include <bpf/bpf_helpers.h>

#define MAP(NAME, TYPE, KEY, VALUE, ENTRIES, FLAGS)   \
	struct {                                      \
		__uint(type, TYPE);                   \
		__type(key, KEY);                     \
		__type(value, VALUE);                 \
		__uint(max_entries, ENTRIES);         \
		__uint(map_flags, FLAGS);             \
	} NAME SEC(".maps")
