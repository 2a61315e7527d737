/* What no tool does by itself: single system calls for the tests of Gabion's own rules. `act VERB ARGUMENTS`; an unknown verb
 * does nothing, so that it can stand in for any program by its name. What is started by `serve` and `names` stays. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char **word;

static void need(long result)
{
	if (result < 0) {
		perror(word[1]);
		exit(1);
	}
}

static struct sockaddr_in end_of(const char *address, int port)
{
	struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, address, &end.sin_addr);
	return end;
}

/* It may fail: an attempt is an attempt. */
static int try(const char *address, int port)
{
	struct sockaddr_in end = end_of(address, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	need(fd);
	if (connect(fd, (void *)&end, sizeof(end)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Returns when it can be connected to; a child goes on. */
static int serve(int type, int port)
{
	struct sockaddr_in end = end_of("0.0.0.0", port);
	int fd = socket(AF_INET, type, 0), on = 1;
	need(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	need(bind(fd, (void *)&end, sizeof(end)));
	if (type == SOCK_STREAM)
		need(listen(fd, 64));
	if (fork())
		exit(0);
	return fd;
}

/* Answers each question with "there is no such name". */
static void names(void)
{
	int fd = serve(SOCK_DGRAM, 53);
	unsigned char packet[512];
	struct sockaddr_in from;
	for (;;) {
		socklen_t size = sizeof(from);
		long got = recvfrom(fd, packet, sizeof(packet), 0, (void *)&from, &size);
		if (got < 12)
			continue;
		packet[2] |= 0x80;
		packet[3] = 3;
		sendto(fd, packet, got, 0, (void *)&from, size);
	}
}

static void ask(const char *name)
{
	unsigned char packet[512] = { 7, 7, 1, 0, 0, 1 };
	int at = 12;
	for (const char *part = name; *part;) {
		size_t size = strcspn(part, ".");
		packet[at++] = size;
		memcpy(packet + at, part, size);
		at += size;
		part += size + (part[size] == '.');
	}
	packet[at++] = 0;
	memcpy(packet + at, "\0\1\0\1", 4);
	struct sockaddr_in end = end_of("127.0.0.1", 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	need(fd);
	need(sendto(fd, packet, at + 4, 0, (void *)&end, sizeof(end)));
	need(recv(fd, packet, sizeof(packet), 0));
}

static void fetch(int port)
{
	const char question[] = "GET / HTTP/1.0\r\n\r\n";
	char answer[256];
	int fd = -1;
	/* Twenty seconds at most. */
	for (int i = 0; i < 1000 && (fd = try("127.0.0.1", port)) < 0; i++)
		usleep(20000);
	need(fd);
	need(write(fd, question, strlen(question)));
	need(read(fd, answer, sizeof(answer)));
}

static pid_t victim(void)
{
	pid_t child = fork();
	need(child);
	if (child == 0) {
		pause();
		_exit(0);
	}
	return child;
}

static void bpf(int command)
{
	struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {};
	if (command == BPF_PROG_LOAD) {
		attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
		attr.insns = (unsigned long)program;
		attr.insn_cnt = 2;
		attr.license = (unsigned long)"GPL";
	} else {
		attr.map_type = BPF_MAP_TYPE_ARRAY;
		attr.key_size = attr.value_size = 4;
		attr.max_entries = 1;
	}
	need(syscall(SYS_bpf, command, &attr, sizeof(attr)));
}

/* Puts an entry into the agent's table of files that were opened just now; where there is no agent, into one of our own. */
static void bpf_update(bool of_agent)
{
	char key[256] = {}, value[256] = {};
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 1 };
	int map = -1;
	if (!of_agent)
		need(map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
	for (unsigned id = 0; map < 0; ) {
		struct bpf_map_info info = {};
		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		need(syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)));
		id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		int candidate = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
		need(candidate);
		memset(&attr, 0, sizeof(attr));
		attr.info.bpf_fd = candidate;
		attr.info.info_len = sizeof(info);
		attr.info.info = (unsigned long)&info;
		need(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)));
		if (!strcmp(info.name, "opened"))
			map = candidate;
		else
			close(candidate);
	}
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (unsigned long)key;
	attr.value = (unsigned long)value;
	need(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)));
}

static int in_memory(const char *path)
{
	static char bytes[8 << 20];
	int from = open(path, O_RDONLY), to = memfd_create("x", MFD_CLOEXEC);
	need(from);
	need(to);
	long size = read(from, bytes, sizeof(bytes));
	need(size);
	need(write(to, bytes, size));
	return to;
}

int main(int count, char **words)
{
	char *verb = count > 1 ? words[1] : "", *more = count > 2 ? words[2] : "";
	int number = count > 3 ? atoi(words[3]) : 0;
	word = words;
#define VERB(NAME) if (!strcmp(verb, NAME))
	VERB("open-to-write") need(open(more, O_WRONLY));
	VERB("read") need(open(more, O_RDONLY));
	VERB("memory-only") in_memory(more);
	VERB("execute-in-memory") {
		char *none[] = { "x", NULL };
		fexecve(in_memory(more), none, none + 1);
		need(-1);
	}
	VERB("unix") {
		struct sockaddr_un end = { .sun_family = AF_UNIX };
		strncpy(end.sun_path, more, sizeof(end.sun_path) - 1);
		int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
		need(bind(server, (void *)&end, sizeof(end)));
		need(listen(server, 1));
		need(connect(client, (void *)&end, sizeof(end)));
	}
	VERB("serve") {
		int fd = serve(SOCK_STREAM, atoi(more));
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	VERB("names") names();
	VERB("ask") ask(more);
	VERB("fetch") fetch(atoi(more));
	VERB("connect") need(try(more, number));
	VERB("connect-often")
		for (int i = 0; i < number; i++) {
			int fd = try("127.0.0.1", atoi(more));
			need(fd);
			/* The end of it: the server has accepted. */
			need(read(fd, &fd, sizeof(fd)) ? -1 : 0);
		}
	VERB("connect-to-addresses")
		for (int i = 1; i <= number; i++) {
			char address[32];
			snprintf(address, sizeof(address), "%s.%d", more, i);
			close(try(address, 80));
		}
	VERB("connect-to-ports")
		for (int i = 1; i <= number; i++)
			close(try(more, 1000 + i));
	VERB("bpf-program") bpf(BPF_PROG_LOAD);
	VERB("bpf-map") bpf(BPF_MAP_CREATE);
	VERB("bpf-update-agent") bpf_update(true);
	VERB("bpf-update") bpf_update(false);
	VERB("page-faults") need(syscall(SYS_userfaultfd, 1 /* those of user space only */));
	VERB("io-uring") {
		struct io_uring_params params = {};
		need(syscall(SYS_io_uring_setup, 4, &params));
	}
	VERB("attach") {
		pid_t child = victim();
		need(ptrace(PTRACE_ATTACH, child, 0, 0));
		need(waitpid(child, NULL, 0));
		kill(child, SIGKILL);
	}
	VERB("attach-to") {
		need(ptrace(PTRACE_SEIZE, atoi(more), 0, 0));
		/* It ends with this process. */
	}
	VERB("write-memory") {
		static long there;
		long here = 7;
		pid_t child = victim();
		struct iovec from = { &here, sizeof(here) }, to = { &there, sizeof(there) };
		need(process_vm_writev(child, &from, 1, &to, 1, 0));
		kill(child, SIGKILL);
	}
	VERB("be-traced") need(ptrace(PTRACE_TRACEME, 0, 0, 0));
	VERB("packets") need(socket(AF_PACKET, SOCK_RAW, 0));
	VERB("datagrams") need(socket(AF_INET, SOCK_DGRAM, 0));
	/* No module: the kernel refuses it, or has no modules at all. */
	VERB("module") syscall(SYS_init_module, "none", 4UL, "");
	VERB("child-in-user-namespace") {
		pid_t child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
		need(child);
		if (child == 0)
			_exit(0);
		need(waitpid(child, NULL, 0));
	}
	VERB("become-root") need(setuid(0));
	VERB("chmod-with-flags") need(syscall(452 /* fchmodat2 */, AT_FDCWD, more, 04755, 0));
	int open_it = !strcmp(verb, "open-by-handle");
	if (open_it || !strcmp(verb, "handle")) {
		union { struct file_handle head; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } handle;
		int mount, there = open(more, O_RDONLY);
		need(there);
		handle.head.handle_bytes = MAX_HANDLE_SZ;
		need(name_to_handle_at(AT_FDCWD, more, &handle.head, &mount, 0));
		if (open_it)
			need(open_by_handle_at(there, &handle.head, O_RDONLY));
	}
	return 0;
}
