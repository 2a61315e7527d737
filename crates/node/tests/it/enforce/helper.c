/* What a container does in the tests of enforcement: static, so that it needs no other file. It prints one word for each thing. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* exit:N, signal:N, or errno:N if it could not be executed */
static void run(int fd, char **argv)
{
	int told[2], number = 0, status;
	if (pipe2(told, O_CLOEXEC))
		abort();
	pid_t child = fork();
	if (!child) {
		if (fd >= 0)
			fexecve(fd, argv, environ);
		else
			execv(argv[0], argv);
		number = errno;
		(void)!write(told[1], &number, sizeof(number));
		_exit(99);
	}
	close(told[1]);
	ssize_t size = read(told[0], &number, sizeof(number));
	close(told[0]);
	waitpid(child, &status, 0);
	if (size == sizeof(number))
		printf("errno:%d\n", number);
	else if (WIFSIGNALED(status))
		printf("signal:%d\n", WTERMSIG(status));
	else
		printf("exit:%d\n", WEXITSTATUS(status));
}

static void exchange(const char *how, const char *address, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
	if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1)
		abort();
	struct sockaddr *to = is_six ? (void *)&six : (void *)&four;
	socklen_t size = is_six ? sizeof(six) : sizeof(four);
	int tcp = !strcmp(how, "tcp");
	int fd = socket(to->sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
	long done = !strcmp(how, "sendto") ? sendto(fd, "x", 1, 0, to, size) : connect(fd, to, size);
	printf("errno:%d\n", done < 0 ? errno : 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "unshare")) {
		/* In a user namespace of its own, as anybody may have one. */
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			abort();
		argv++;
		argc--;
	}
	if (argc > 3 && !strcmp(argv[1], "chroot")) {
		if (chroot(argv[2]))
			abort();
		argv += 2;
		argc -= 2;
	}
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "run")) {
		run(-1, argv + 2);
	} else if (!strcmp(what, "memfd")) {
		struct stat file;
		int from = open(argv[2], O_RDONLY), to = memfd_create("ghost", MFD_CLOEXEC);
		fstat(from, &file);
		if (sendfile(to, from, NULL, file.st_size) != file.st_size)
			abort();
		run(to, argv + 2);
	} else if (!strcmp(what, "execs")) {
		/* A program that is denied, again and again, between children that do nothing. */
		int count = atoi(argv[3]), noise = atoi(argv[4]), denied = 0, other = 0;
		char *args[] = { argv[2], NULL };
		for (int i = 0; i < count; i++) {
			execv(argv[2], args);
			*(errno == EPERM ? &denied : &other) += 1;
			for (int j = 0; j < noise; j++) {
				pid_t child = fork();
				if (!child)
					_exit(0);
				waitpid(child, NULL, 0);
			}
		}
		printf("denied:%d other:%d\n", denied, other);
	} else if (!strcmp(what, "runs")) {
		/* The same with children that are killed, if the call is not refused. */
		int count = atoi(argv[3]), ran = 0, status;
		char *args[] = { argv[2], NULL };
		for (int i = 0; i < count; i++) {
			pid_t child = fork();
			if (!child) {
				execv(argv[2], args);
				_exit(98);
			}
			waitpid(child, &status, 0);
			ran += WIFEXITED(status) && WEXITSTATUS(status) != 98;
		}
		printf("ran:%d\n", ran);
	} else if (!strcmp(what, "open")) {
		printf("errno:%d\n", open(argv[2], O_RDONLY) < 0 ? errno : 0);
	} else if (!strcmp(what, "tcp") || !strcmp(what, "udp") || !strcmp(what, "sendto")) {
		exchange(what, argv[2], atoi(argv[3]));
	} else if (!strcmp(what, "times")) {
		/* For the bench: nanoseconds of each connect(), or of each program that is run. */
		struct timespec before, after;
		int count = atoi(argv[3]);
		clock_gettime(CLOCK_MONOTONIC, &before);
		for (int i = 0; i < count; i++) {
			if (!strcmp(argv[2], "exec")) {
				pid_t child = vfork();
				if (!child) {
					execl("/bin/helper", "helper", "nothing", NULL);
					_exit(1);
				}
				waitpid(child, NULL, 0);
			} else {
				struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
				int fd = socket(AF_INET, SOCK_DGRAM, 0);
				inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
				connect(fd, (void *)&to, sizeof(to));
				close(fd);
			}
		}
		clock_gettime(CLOCK_MONOTONIC, &after);
		printf("%lld\n", ((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec) / count);
	} else if (!strcmp(what, "wait")) {
		pause();
	} else if (argc == 1) {
		puts("ran");
	}
	return 0;
}
