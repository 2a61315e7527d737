/* Makes events for scripts/bench-agent.py: `bench-events DIRECTORY RATE SECONDS`, on the processor that it is started on.
 *
 * Of eight calls two open a file of its own, one fails to open one, one renames, two duplicate a descriptor, one changes a mode, and one
 * connects a datagram socket elsewhere: all of kinds that rules ask for. Prints how many calls it made, in
 * what time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES 8192

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 4 || chdir(argv[1]))
		return 2;
	double rate = atof(argv[2]), seconds = atof(argv[3]);
	static char names[FILES][8];
	for (int i = 0; i < FILES; i++) {
		sprintf(names[i], "f%d", i);
		close(open(names[i], O_CREAT | O_WRONLY, 0644));
	}
	struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mode = open(names[0], O_RDONLY), spare = dup(datagrams);
	double begun = now(), ends = begun + seconds;
	long made = 0, opened = 0;
	while (now() < ends) {
		for (int i = 0; i < 64; i++, made++) {
			int flags = O_RDONLY | (opened / FILES & 1 ? O_NOATIME : 0) | (opened / FILES & 2 ? O_NONBLOCK : 0);
			switch (made & 7) {
			case 0: case 1:
				close(open(names[opened++ % FILES], flags));
				break;
			case 2:
				open("there-is-none", O_RDONLY);
				break;
			case 3:
				rename("there-is-none", "nor-this");
				break;
			case 4: case 5:
				dup2(datagrams, spare);
				break;
			case 6:
				fchmod(mode, 0600);
				break;
			case 7:
				end.sin_port = htons(1 + made / 8 % 60000);
				connect(datagrams, (void *)&end, sizeof(end));
				break;
			}
		}
		while (rate > 0 && made > (now() - begun) * rate && now() < ends)
			;
	}
	printf("%ld %.3f\n", made, now() - begun);
	return 0;
}
