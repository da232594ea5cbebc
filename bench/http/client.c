/*
 * client.c
 *		A load generator for one kind of request: POSTs bodies, or GETs with queries,
 *		over connections that are kept, for a number of seconds, and prints
 *		requests/s and latencies.
 *
 *		client POST|GET SOCKET|PORT CONNECTIONS SECONDS PATH HEADERS LINES
 *
 * SOCKET is the path of a Unix socket; PORT a port of 127.0.0.1, no other host
 * can be named.  HEADERS is a file of header lines, LINES one of bodies or
 * queries, one a line, taken in random order.  Anything but 200 or 201 ends the
 * run with the answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS	64
#define MAX_SECONDS		60
#define MAX_LINES		100000
#define MAX_ANSWER		65536
#define MAX_TIMES		1000000

typedef struct Client
{
	pthread_t	thread;
	unsigned	seed;
	int			count;
	float	   *times;
} Client;

static const char *target;
static const char *path;
static char *headers;
static bool posting;
static char *lines[MAX_LINES];
static int	nlines;
static double end;

/* Says what is wrong and ends. */
static void
die(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Seconds that went by. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Reads a whole file. */
static char *
slurp(const char *name)
{
	FILE	   *f = fopen(name, "r");
	char	   *text;
	long		size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die("cannot read %s", name);
	rewind(f);
	text = calloc((size_t) size + 1, 1);
	if (text == NULL || fread(text, 1, (size_t) size, f) != (size_t) size)
		die("cannot read %s", name);
	fclose(f);
	return text;
}

/* Opens a connection. */
static int
dial(void)
{
	struct timeval limit = {10, 0};
	int			one = 1;
	int			fd;

	if (target[0] == '/')
	{
		struct sockaddr_un a = {.sun_family = AF_UNIX};

		if (strlen(target) >= sizeof(a.sun_path))
			die("the socket's path is too long");
		strcpy(a.sun_path, target);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) != 0)
			die("cannot connect to %s", target);
	}
	else
	{
		struct sockaddr_in a = {.sin_family = AF_INET};

		a.sin_port = htons((unsigned short) atoi(target));
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) != 0)
			die("cannot connect to port %s", target);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* Is the answer in the buffer whole? */
static int
whole(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	const char *length;

	if (body == NULL)
		return 0;
	body += 4;
	length = strcasestr(answer, "\r\nContent-Length:");
	if (length != NULL && length < body)
		return strlen(body) >= strtoul(length + 17, NULL, 10);
	length = strcasestr(answer, "\r\nTransfer-Encoding: chunked");
	if (length != NULL && length < body)
	{
		size_t		n = strlen(body);

		return n >= 5 && strcmp(body + n - 5, "0\r\n\r\n") == 0;
	}
	return 1;
}

/* One connection's work. */
static void *
run(void *arg)
{
	Client	   *c = arg;
	int			fd = dial();
	char	   *request = malloc(strlen(headers) + strlen(path) + 65536);
	char	   *answer = malloc(MAX_ANSWER + 1);
	bool		last = false;

	while (now() < end && c->count < MAX_TIMES)
	{
		const char *line = lines[rand_r(&c->seed) % (unsigned) nlines];
		int			n = posting ?
			sprintf(request, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
					path, headers, strlen(line), line) :
			sprintf(request, "GET %s?%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, line, headers);
		size_t		got = 0;
		double		start = now();

		/* nginx ends a connection after so many requests, and says so */
		if (last)
		{
			close(fd);
			fd = dial();
		}
		if (send(fd, request, (size_t) n, MSG_NOSIGNAL) != n)
			die("cannot send");
		answer[0] = '\0';
		while (!whole(answer))
		{
			ssize_t		k = recv(fd, answer + got, MAX_ANSWER - got, 0);

			if (k <= 0)
				die("no answer, or too long a one");
			got += (size_t) k;
			answer[got] = '\0';
		}
		if (strncmp(answer, posting ? "HTTP/1.1 201" : "HTTP/1.1 200", 12) != 0)
			die("%s", answer);
		last = strcasestr(answer, "\r\nConnection: close\r\n") != NULL;
		c->times[c->count++] = (float) ((now() - start) * 1e3);
	}
	close(fd);
	free(request);
	free(answer);
	return NULL;
}

/* For sorting. */
static int
compare(const void *x, const void *y)
{
	float		a = *(const float *) x;
	float		b = *(const float *) y;

	return (a > b) - (a < b);
}

/* Reads what to send, sends, prints. */
int
main(int argc, char **argv)
{
	static Client clients[MAX_CONNECTIONS];
	char	   *line;
	float	   *all;
	double		start;
	int			connections;
	int			seconds;
	int			n = 0;
	int			i;

	if (argc != 8)
		die("usage: client POST|GET SOCKET|PORT CONNECTIONS SECONDS PATH HEADERS LINES");
	posting = strcmp(argv[1], "POST") == 0;
	target = argv[2];
	connections = atoi(argv[3]);
	seconds = atoi(argv[4]);
	path = argv[5];
	headers = slurp(argv[6]);
	for (line = strtok(slurp(argv[7]), "\n"); line != NULL && nlines < MAX_LINES; line = strtok(NULL, "\n"))
		if (strlen(line) < 60000)
			lines[nlines++] = line;
	if (connections < 1 || connections > MAX_CONNECTIONS || seconds < 1 || seconds > MAX_SECONDS || nlines == 0)
		die("1 to %d connections, 1 to %d seconds, at least one line", MAX_CONNECTIONS, MAX_SECONDS);

	start = now();
	end = start + seconds;
	alarm((unsigned) seconds + 30);
	for (i = 0; i < connections; i++)
	{
		clients[i].seed = (unsigned) (time(NULL) + i * 7919);
		clients[i].times = malloc(MAX_TIMES * sizeof(float));
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			die("no thread");
	}
	for (i = 0; i < connections; i++)
	{
		pthread_join(clients[i].thread, NULL);
		n += clients[i].count;
	}
	all = malloc((size_t) n * sizeof(float) + 1);
	n = 0;
	for (i = 0; i < connections; i++)
	{
		memcpy(all + n, clients[i].times, (size_t) clients[i].count * sizeof(float));
		n += clients[i].count;
	}
	qsort(all, (size_t) n, sizeof(float), compare);
	if (n > 0)
		printf("%.1f %.3f %.3f\n", n / (now() - start), all[n / 2], all[n * 99 / 100]);
	return n > 0 ? 0 : 1;
}
