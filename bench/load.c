/* The load of the benchmark: one thread, epoll, HTTP/1.1 keep-alive on loopback.
 *
 *   load PORT KEY BODY_FILE CONNECTIONS SECONDS WARMUP_SECONDS RATE PATH
 *
 * RATE 0 keeps every connection busy. Otherwise RATE requests a second are sent at even distances, whether or not
 * earlier ones were answered, and latency counts from the moment at which a request was due. At the end of the warm-up it
 * prints "warm", then "progress N" each second, then one line of JSON. Streams are told by their answers.
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
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 131072
#define MAX_SAMPLES 4000000
#define MAX_CONNS 16384

typedef struct {
    int fd, used, busy, in_body, chunked, status, events, last_newline;
    long left;          /* bytes of the body or of the chunk that are still to come; -1 while a chunk size is read */
    uint64_t due, first;
    char in[8192];
} Conn;

static Conn conns[MAX_CONNS];
static int idle[MAX_CONNS], idle_count, connection_count, epoll, port, dials;
static char request[BUFFER];
static int request_length;
static uint32_t *latencies, *firsts;
static long latency_count, first_count;
static uint64_t measuring_from, measuring_to, *backlog;
static long done, errors, events, late, backlog_head, backlog_tail;
static double rate;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void dial(Conn *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    memset(c, 0, sizeof *c);
    c->fd = fd;
    dials++;
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
}

static void send_request(Conn *c, uint64_t due) {
    c->busy = 1;
    c->used = c->in_body = c->chunked = c->status = c->events = c->last_newline = 0;
    c->due = due;
    c->first = 0;
    if (write(c->fd, request, (size_t)request_length) != request_length) errors++;
}

static void finished(Conn *c, uint64_t now) {
    int counts = c->due >= measuring_from && now <= measuring_to;
    if (c->status != 200) {
        if (errors++ == 0) fprintf(stderr, "load: first error: status %d: %.600s\n", c->status, c->in);
    } else if (counts) {
        done++;
        if (latency_count < MAX_SAMPLES) latencies[latency_count++] = (uint32_t)((now - c->due) / 1000);
        if (c->first && first_count < MAX_SAMPLES) firsts[first_count++] = (uint32_t)((c->first - c->due) / 1000);
    }
    c->busy = 0;
    if (rate == 0) send_request(c, now);
    else if (backlog_head < backlog_tail) send_request(c, backlog[backlog_head++]);
    else idle[idle_count++] = (int)(c - conns);
}

static void count_events(Conn *c, const char *data, long length, uint64_t now) {
    if (length > 0 && !c->first && c->chunked) c->first = now;
    for (long i = 0; i < length; i++) {
        if (data[i] == '\n' && c->last_newline) {
            c->events++;
            if (now >= measuring_from && now <= measuring_to) events++;
        }
        c->last_newline = data[i] == '\n';
    }
}

/* Reads the head when it is complete; returns its length, or 0. */
static int read_head(Conn *c) {
    char *end = memmem(c->in, (size_t)c->used, "\r\n\r\n", 4);
    if (!end) {
        if (c->used == (int)sizeof c->in) die("head too long");
        return 0;
    }
    *end = 0;
    c->status = atoi(c->in + 9);
    char *field = strcasestr(c->in, "\r\ncontent-length:");
    c->chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
    c->left = c->chunked ? -1 : field ? atol(field + 17) : 0;
    *end = '\r';
    c->in_body = 1;
    return (int)(end - c->in) + 4;
}

/* Takes what can be taken of the body from `data`; returns how much, and sets `complete` at its end. */
static int read_body(Conn *c, char *data, int length, uint64_t now, int *complete) {
    int at = 0;
    while (at < length && !*complete) {
        if (c->chunked && c->left == -1) {
            char *line = memchr(data + at, '\n', (size_t)(length - at));
            if (!line) break;
            c->left = strtol(data + at, NULL, 16) + 2;
            at = (int)(line - data) + 1;
            if (c->left == 2) c->left = -2;
        } else if (c->left == -2) {
            if (length - at < 2) break;
            at += 2;
            *complete = 1;
        } else {
            long n = length - at < c->left ? length - at : c->left;
            long payload = c->chunked && n > c->left - 2 ? (c->left > 2 ? c->left - 2 : 0) : n;
            count_events(c, data + at, payload, now);
            at += (int)n;
            c->left -= n;
            if (c->left == 0 && c->chunked) c->left = -1;
            else if (c->left == 0) *complete = 1;
        }
    }
    if (!c->chunked && c->left == 0) *complete = 1;
    return at;
}

static void on_readable(Conn *c) {
    ssize_t n = read(c->fd, c->in + c->used, sizeof c->in - (size_t)c->used);
    uint64_t now = now_ns();
    if (n <= 0) {
        int was_busy = c->busy;
        if (was_busy) errors++;
        close(c->fd);
        dial(c);
        if (was_busy && rate == 0) send_request(c, now);
        else if (was_busy) idle[idle_count++] = (int)(c - conns);
        return;
    }
    c->used += (int)n;
    int at = 0, complete = 0;
    if (!c->in_body && !(at = read_head(c))) return;
    at += read_body(c, c->in + at, c->used - at, now, &complete);
    memmove(c->in, c->in + at, (size_t)(c->used - at));
    c->used -= at;
    if (complete) finished(c, now);
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile(uint32_t *values, long count, double share) {
    if (count == 0) return 0;
    long at = (long)(share * (double)(count - 1) + 0.5);
    return values[at] / 1000.0;
}

static void prepare(char **argv) {
    static char body[BUFFER / 2];
    FILE *file = fopen(argv[3], "rb");
    if (!file) die(argv[3]);
    int length = (int)fread(body, 1, sizeof body, file);
    fclose(file);
    port = atoi(argv[1]);
    request_length = snprintf(request, sizeof request,
                              "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                              "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%.*s",
                              argv[8], port, argv[2], length, length, body);
    connection_count = atoi(argv[4]);
    rate = atof(argv[7]);
    if (connection_count > MAX_CONNS) die("too many connections");
    latencies = malloc(sizeof *latencies * MAX_SAMPLES);
    firsts = malloc(sizeof *firsts * MAX_SAMPLES);
    epoll = epoll_create1(0);
}

static int start_timer(uint64_t from) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    uint64_t interval = rate > 0 ? (uint64_t)(1e9 / rate) : 100000000u;
    struct itimerspec spec = {
        .it_interval = {(time_t)(interval / 1000000000u), (long)(interval % 1000000000u)},
        .it_value = {(time_t)(from / 1000000000u), (long)(from % 1000000000u)},
    };
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &wanted);
    return timer;
}

static void send_due(uint64_t *next, uint64_t expirations) {
    uint64_t interval = (uint64_t)(1e9 / rate);
    for (; expirations > 0; expirations--, *next += interval) {
        if (idle_count > 0) send_request(&conns[idle[--idle_count]], *next);
        else {
            backlog[backlog_tail++] = *next;
            late++;
        }
    }
}

static void report(double seconds) {
    qsort(latencies, (size_t)latency_count, sizeof *latencies, by_value);
    qsort(firsts, (size_t)first_count, sizeof *firsts, by_value);
    printf("{\"done\":%ld,\"errors\":%ld,\"events\":%ld,\"late\":%ld,\"dials\":%d,\"seconds\":%.6f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"first_p50_ms\":%.3f,\"first_p99_ms\":%.3f}\n",
           done, errors, events, late, dials, seconds, percentile(latencies, latency_count, 0.5),
           percentile(latencies, latency_count, 0.99), percentile(firsts, first_count, 0.5),
           percentile(firsts, first_count, 0.99));
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: load PORT KEY BODY_FILE CONNECTIONS SECONDS WARMUP_SECONDS RATE PATH\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind when the bench is killed */
    prepare(argv);
    for (int i = 0; i < connection_count; i++) {
        dial(&conns[i]);
        idle[idle_count++] = i;
    }
    uint64_t start = now_ns(), next = start + 1000000, said = 0;
    measuring_from = start + (uint64_t)(atof(argv[6]) * 1e9);
    measuring_to = measuring_from + (uint64_t)(atof(argv[5]) * 1e9);
    backlog = malloc(sizeof *backlog * (size_t)((double)(measuring_to - start) / 1e9 * (rate + 1) + 1000));
    int timer = start_timer(next);
    if (rate == 0)
        for (idle_count = 0; idle_count < connection_count; idle_count++) send_request(&conns[idle_count], now_ns());
    struct epoll_event ready[1024];
    for (;;) {
        uint64_t now = now_ns();
        if (now >= measuring_from + said * 1000000000u && now < measuring_to) {
            if (said++ == 0) printf("warm\n");
            else printf("progress %ld\n", done);
            fflush(stdout);
        }
        if (now >= measuring_to) break;
        int n = epoll_wait(epoll, ready, 1024, 100);
        for (int i = 0; i < n; i++) {
            uint64_t expirations;
            if (ready[i].data.ptr) on_readable(ready[i].data.ptr);
            else if (read(timer, &expirations, sizeof expirations) > 0 && rate > 0) send_due(&next, expirations);
        }
    }
    report((double)(measuring_to - measuring_from) / 1e9);
    return errors > 0 && done == 0;
}
