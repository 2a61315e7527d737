/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* All programs, as one object. Which of them are loaded depends on the kernel: `src/sensor/probe.rs`. */
#include "process.bpf.c"
#include "cgroup.bpf.c"
#include "socket.bpf.c"
#include "dns.bpf.c"
#include "uring.bpf.c"
#include "signal.bpf.c"
#include "capability.bpf.c"
#include "call.bpf.c"
