/* The provider of the benchmark: one thread, epoll, HTTP/1.1 keep-alive on loopback.
 *
 *   upstream ANSWER_FILE CHUNK_FILE CHUNKS INTERVAL_US
 *
 * Answers every request with the bytes of ANSWER_FILE. A request whose body says "stream":true is answered with events,
 * each the bytes of CHUNK_FILE, one every INTERVAL_US, then a usage event and [DONE]: as many as its "max_tokens" says, else
 * CHUNKS. Prints its port.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536
#define MAX_FD 65536
#define TICK_NS 500000

typedef struct {
    int fd, used, streaming, left, at;
    uint64_t due;
    char in[BUFFER];
} Conn;

static Conn *conns[MAX_FD];
static int streams[MAX_FD], stream_count;
static char answer[BUFFER], event[BUFFER], ending[BUFFER];
static int answer_length, event_length, ending_length, chunks;
static uint64_t interval_ns;

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char USAGE[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1795305600,\"model\":\"echo\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":100,\"total_tokens\":160}}\n\n";
static const char DONE[] = "data: [DONE]\n\n";

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int read_file(const char *path, char *into, int limit) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    int length = (int)fread(into, 1, (size_t)limit, file);
    fclose(file);
    return length;
}

static void drop(Conn *c) {
    if (c->streaming) {
        streams[c->at] = streams[--stream_count];
        conns[streams[c->at]]->at = c->at;
    }
    conns[c->fd] = NULL;
    close(c->fd);
    free(c);
}

static int put(Conn *c, const char *data, int length) {
    while (length > 0) {
        ssize_t n = write(c->fd, data, (size_t)length);
        if (n < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (n <= 0) return 0;
        data += n;
        length -= (int)n;
    }
    return 1;
}

static void start_stream(Conn *c, int count) {
    char first[BUFFER];
    int head = (int)sizeof STREAM_HEAD - 1;
    memcpy(first, STREAM_HEAD, (size_t)head);
    memcpy(first + head, event, (size_t)event_length);
    c->streaming = 1;
    c->left = count - 1;
    c->due = now_ns() + interval_ns / 2 + (uint64_t)rand() % interval_ns; /* or all streams would beat together */
    c->at = stream_count;
    streams[stream_count++] = c->fd;
    if (!put(c, first, head + event_length)) drop(c);
}

static void tick(void) {
    uint64_t now = now_ns();
    for (int i = 0; i < stream_count; i++) {
        Conn *c = conns[streams[i]];
        if (c->due > now) continue;
        c->due += interval_ns;
        int is_last = c->left-- <= 0;
        if (!put(c, is_last ? ending : event, is_last ? ending_length : event_length)) {
            drop(c);
            i--;
        } else if (is_last) {
            c->streaming = 0;
            streams[i] = streams[--stream_count];
            conns[streams[i]]->at = i;
            i--;
        }
    }
}

/* Answers the requests that are complete; returns 0 when the connection is no good. */
static int serve(Conn *c) {
    while (!c->streaming) {
        char *end = memmem(c->in, (size_t)c->used, "\r\n\r\n", 4);
        if (!end) return c->used < BUFFER;
        int head = (int)(end - c->in) + 4, length = 0;
        *end = 0;
        char *field = strcasestr(c->in, "\r\ncontent-length:");
        if (field) length = atoi(field + 17);
        *end = '\r';
        if (head + length > BUFFER) return 0;
        if (c->used < head + length) return 1;
        int stream = memmem(c->in + head, (size_t)length, "\"stream\":true", 13) != NULL;
        char *bound = memmem(c->in + head, (size_t)length, "\"max_tokens\":", 13);
        int count = bound ? atoi(bound + 13) : chunks;
        memmove(c->in, c->in + head + length, (size_t)(c->used - head - length));
        c->used -= head + length;
        if (stream) {
            start_stream(c, count);
            return 1;
        }
        if (!put(c, answer, answer_length)) return 0;
    }
    return 1;
}

static void on_readable(int fd) {
    Conn *c = conns[fd];
    if (!c) return;
    ssize_t n = read(fd, c->in + c->used, (size_t)(BUFFER - c->used));
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        drop(c);
        return;
    }
    c->used += (int)n;
    if (!serve(c)) drop(c);
}

static void accept_all(int listener, int epoll) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conns[fd] = calloc(1, sizeof(Conn));
        conns[fd]->fd = fd;
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
    }
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096)) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void load_bodies(char **argv) {
    char raw[BUFFER / 2];
    int length = read_file(argv[1], raw, sizeof raw);
    answer_length = snprintf(answer, BUFFER,
                             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length);
    memcpy(answer + answer_length, raw, (size_t)length);
    answer_length += length;
    length = read_file(argv[2], raw, sizeof raw);
    event_length = snprintf(event, BUFFER, "%x\r\n%.*s\r\n", (unsigned)length, length, raw);
    ending_length = snprintf(ending, BUFFER, "%x\r\n%s%s\r\n0\r\n\r\n",
                             (unsigned)(sizeof USAGE + sizeof DONE - 2), USAGE, DONE);
    chunks = atoi(argv[3]);
    interval_ns = (uint64_t)atoll(argv[4]) * 1000;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: upstream ANSWER_FILE CHUNK_FILE CHUNKS INTERVAL_US\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind when the bench is killed */
    load_bodies(argv);
    int listener = listen_on_loopback();
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ticking = 0;
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &wanted);
    wanted.data.fd = timer;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &wanted);
    struct epoll_event ready[1024];
    for (;;) {
        if ((stream_count > 0) != ticking) {
            ticking = stream_count > 0;
            struct timespec every = {0, ticking ? TICK_NS : 0};
            struct itimerspec spec = {every, every};
            timerfd_settime(timer, 0, &spec, NULL);
        }
        int n = epoll_wait(epoll, ready, 1024, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            uint64_t expirations;
            if (fd == listener) accept_all(listener, epoll);
            else if (fd == timer) {
                if (read(timer, &expirations, sizeof expirations) > 0) tick();
            } else on_readable(fd);
        }
    }
}
