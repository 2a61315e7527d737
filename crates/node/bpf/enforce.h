/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the programs that enforce are told, and what they tell. `src/enforce/kernel/wire.rs` writes and reads the same bytes:
 * whoever changes one changes both. All numbers are in the byte order of the machine.
 */
#pragma once
#include "kernel.h"

enum verdict { ALLOWED = 1, WOULD_DENY, DENIED };
enum rung { RUNG_LSM = 1, RUNG_FANOTIFY, RUNG_KILL, RUNG_CGROUP };
enum mode { MODE_OBSERVE, MODE_ALERT, MODE_ENFORCE };

enum what {
	WHAT_ASK = 1, /* nothing is decided yet: the keeper is asked about a program */
	WHAT_EXEC,
	WHAT_OPEN,
	WHAT_CONNECT,
};

/* Which rule of the policy decided: its number, or one of these. */
enum { RULE_DEFAULT = 0xffff0000, RULE_NOT_IMAGE, RULE_FAIL };

enum policy_flag {
	HAS_EXEC = 1,      /* something of programs is decided */
	EXEC_DENIED = 2,   /* programs without a rule are denied */
	IMAGE_ONLY = 4,    /* programs must be files of the image */
	HAS_DIGESTS = 8,   /* content decides, too, so the keeper must be asked */
	HAS_FILES = 16,
	HAS_CONNECT = 32,
	CONNECT_DENIED = 64,
	FAIL_CLOSED = 128, /* what cannot be decided in time is denied */
};

struct policy {
	u32 mode, flags;
	u64 deadline; /* nanoseconds that the keeper may be silent */
};

/* The content of a file, as far as the kernel tells it without reading: nobody can choose a ctime. */
struct stamp { u64 ctime, mtime, size; };

/* Settings. The keeper replaces them as a whole. */
struct settings {
	u64 scope;          /* control group beneath which unknown groups are containers; 0: anywhere */
	u64 agent_cgroup;   /* the agent's own control group; 0: none of its own */
	struct stamp agent; /* its program */
	u32 fallback;       /* the policy of containers that have none yet */
	u32 files;          /* some policy has rules about files */
	u32 tester;         /* a process whose opens are counted, to find out whether this hook is called at all */
	u32 : 32;
};

/* Behind the length in bits: one half of a table is about programs, the other about files. */
#define PATH 248
struct path_key {
	u32 bits;
	u32 table; /* policy * 2, and 1 more for files */
	char path[PATH];
};
struct path_rule { u32 deny, rule; };

struct net_key {
	u32 bits;
	u32 policy;
	u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
};
struct port_rule {
	u16 from, to;
	u8 protocol; /* 0: any */
	u8 deny;
	u16 : 16;
	u32 rule;
};
#define PORT_RULES 32
struct net_rules {
	u32 count;
	struct port_rule of[PORT_RULES];
};

#define TEXT 256
struct decision {
	u64 time, cgroup, start; /* as in the records of the sensor */
	u32 pid, tid;
	u32 policy, rule;
	u8 what, verdict, rung, held;
	u16 port, protocol;
	u8 address[16];
	struct stamp stamp;
	u32 size, : 32;
	char text[TEXT]; /* a path */
};

/* A process that was stopped until the keeper has answered. */
struct hold {
	u64 time, cgroup, start;
	struct stamp stamp;
	u32 policy, spare;
};

enum counter { COUNT_DECIDED, COUNT_LOST, COUNT_ALLOWED, COUNT_RUNTIME, COUNT_TESTED, COUNTERS = 8 };
