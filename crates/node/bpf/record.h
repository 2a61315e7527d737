/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the programs tell the agent: records, the settings they obey, and what they count.
 * `src/sensor/record.rs` reads the same bytes: whoever changes one changes both.
 *
 * A record is a header, a body of its type, and for some types parts of any length behind it. All numbers are in the
 * byte order of the machine, all offsets multiples of 8 up to the first text.
 */
#pragma once
#include "kernel.h"

enum record_type {
	RECORD_FORK = 1,
	RECORD_EXEC,
	RECORD_EXIT,
	RECORD_CGROUP,
	RECORD_SOCKET,
	RECORD_DNS,
	RECORD_URING,
	RECORD_SIGNAL,
	RECORD_CALL,
	RECORD_FOUND, /* a process, by an iterator: as RECORD_EXEC */
	RECORD_CAPABILITY,
};

struct header {
	u64 time;   /* nanoseconds since boot, suspension included */
	u64 cgroup; /* number of the control group, version 2 */
	u64 start;  /* when the process started, nanoseconds since boot */
	u32 pid, tid;
	u16 type, cpu;
	u32 detail; /* RECORD_CALL: the number of the system call; others: see the body */
};

struct fork_body {
	u64 start;
	u32 pid, tid, vpid, flags; /* flags: the CLONE_* that can be told from the result */
};

struct exit_body {
	s32 code; /* as wait() tells it */
	u32 : 32;
};

enum { EXE_UPPER = 1, EXE_MEMFD = 2 };

/* Behind it: exe and cwd as paths (see path.h), file name, arguments, environment. */
struct process_body {
	u32 parent, vpid, vsid, vpgid, sid, pgid;
	u32 uid, gid, loginuid, tty;
	u64 inheritable, permitted, effective;
	u64 dev, ino, ctime, mtime;
	u32 exe_mode, exe_uid, exe_gid, flags;
	u32 exe_size, cwd_size, file_size, args_size, args_cut, env_size, env_cut;
	u32 : 32;
	char comm[16];
};

/* detail: 0 created, 1 attached, 2 removed. Behind it: the path. */
struct cgroup_body {
	u64 id;
	u32 path_size;
	u32 : 32;
};

struct ends {
	u8 local[16], remote[16]; /* IPv4: the first 4 bytes */
	u16 local_port, remote_port;
	u16 family;   /* AF_INET or AF_INET6 */
	u8 protocol;  /* IPPROTO_* */
	u8 server;    /* 0 not known, 1 no, 2 yes */
};

enum socket_detail { SOCKET_CONNECT, SOCKET_ACCEPT, SOCKET_LISTEN, SOCKET_CLOSE, SOCKET_BIND, SOCKET_SEND, SOCKET_FOUND };

struct socket_body {
	struct ends ends;
	s64 result;
	u64 sent, received;
	u64 ino;
	s32 fd; /* SOCKET_FOUND; otherwise -1 */
	u32 state;
};

/* Behind it: the answer, from the header of DNS on. */
struct dns_body {
	struct ends ends;
	u32 size;
	u32 cut;
};

struct uring_body {
	s32 fd;
	u32 entries, flags;
	u32 opcode; /* detail 1: a request of this kind was submitted */
};

struct signal_body {
	u32 pid, signal;
	s32 result;
	u32 : 32;
};

struct capability_body { u32 capability, spare; };

/* Behind it: `parts` parts, each a part header and its bytes, filled up to 8. */
struct call_body {
	s64 result;
	u64 args[6];
	u32 parts;
	u32 : 32;
};

enum part_kind { PART_TEXT = 1, PART_DESCRIPTOR, PART_ADDRESS, PART_DATA, PART_STRUCT };

struct part {
	u8 kind;
	u8 arg; /* which argument; 255: the result */
	u16 size;
	u32 : 32;
};

enum descriptor_kind {
	FD_UNKNOWN,
	FD_FILE,
	FD_DIRECTORY,
	FD_PIPE,
	FD_INET,
	FD_UNIX,
	FD_MEMFD,
	FD_ANONYMOUS,
	FD_SOCKET,
};

enum { FD_UPPER = 1, FD_CREATED = 2 };

/* Behind it: a path, or for sockets of the Internet their ends. */
struct descriptor {
	s32 number;
	u8 kind;
	u8 flags;
	u16 family;
	u64 dev, ino;
};

/* What to capture of a system call: steps, each about one argument. */
enum step_kind {
	STEP_TEXT = 1,   /* a text of the caller */
	STEP_FD,         /* the descriptor that is an argument */
	STEP_RETURNED,   /* the descriptor that is the result */
	STEP_DIRECTORY,  /* the directory that the path in argument `more` starts from, if it is relative */
	STEP_ADDRESS,    /* a socket address; its size is argument `more`, or found behind that */
	STEP_DATA,       /* bytes; their number is argument `more`, or the result (255) */
	STEP_MESSAGE,    /* a struct msghdr: its address and first data */
	STEP_VECTOR,     /* a struct iovec: the data */
	STEP_STRUCT,     /* `more` bytes of a structure */
	STEP_BPF,        /* the object that a command of bpf() changes, by its number */
};

struct step { u8 kind, arg, more, failed; /* only if the call failed */ };

#define STEPS 6
enum {
	CALL_FAILED_ONLY = 1, /* what succeeds is told by another hook */
	CALL_GUARANTEED = 2,  /* goes into the ring that is never full of opens */
	CALL_ACCEPT = 4,      /* whoever calls it owns the socket that it returns */
	CALL_OPEN = 8,        /* may be a repetition; its flags are argument 1 */
	CALL_OPENAT = 16,     /* the same, in argument 2 */
	CALL_SENDTO = 64,     /* names the other end in argument 4, if it does */
	CALL_SENDMSG = 128,   /* the same, in the structure of argument 1 */
	CALL_CONNECT = 32,    /* if it fails, the hook of TCP leaves it to us to forget whose the socket was */
};

struct call_plan {
	u32 flags;
	struct step steps[STEPS];
};

/* Beside the bits of socket_detail, whose SOCKET_CONNECT is that of TCP. */
#define TIER0_UDP_CONNECT 0x80

/* Settings. The agent replaces them as a whole. */
struct settings {
	u64 calls[8];        /* system calls that are told, by number */
	u64 signals;         /* signals that are told: bit n-1 */
	u64 repeat;          /* an open or a packet to the same peer is not told again within so many nanoseconds */
	u64 interval, burst; /* budget of a control group: nanoseconds an event costs, nanoseconds that may be owed */
	u32 agent;           /* process number of the agent, which is not told */
	u32 args, env, data; /* most bytes of each */
	u32 wakeup;          /* wake the agent when so many bytes wait in the bulk ring */
	u32 tier0;           /* bits of socket_detail: told by hooks of the network */
	u32 failures;        /* tell calls that failed, too */
	u32 only_listed;     /* control groups that are in no list are not told */
	u32 named_sends;     /* a send that names no other end is not told: its connect was */
	u32 helper;          /* another process that is not told: the keeper */
};

enum counter {
	COUNT_SEEN,
	COUNT_DELIVERED,
	/* left out because it was asked for */
	LEFT_AGENT,
	LEFT_CGROUP,
	LEFT_REPEATED,
	LEFT_FAILED,
	/* lost */
	LOST_GUARANTEED_FULL,
	LOST_BULK_FULL,
	LOST_BUDGET,
	LOST_BUFFER,
	LOST_COMPAT,
	/* left out, too */
	LEFT_CONNECTED,
	COUNTERS,
};
