/* SPDX-License-Identifier: Apache-2.0
 * callfloorctl: one console command, or a conversation, over the daemon's unix socket.
 * The protocol is told in src/console/console_socket.c. */
#include "callfloor/base.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/callfloor/console.sock"

enum { DONE = 0, FAILED = 1, NO_CONNECTION = 2, LINE_MAX_BYTES = 64 << 10, ANSWER_MAX = 32 << 20 };

struct link {
    const char *path;
    int fd;
    char buffer[8192];
    size_t used, at;
};

/* ---- connection ---- */

static void explain_rights(const struct stat *st) {
    const struct passwd *user = getpwuid(st->st_uid);
    const struct group *group = getgrgid(st->st_gid);
    fprintf(stderr, "permission denied. Only user %s and members of group %s may\n",
            user ? user->pw_name : "(unknown)", group ? group->gr_name : "(unknown)");
}

static void explain(const char *path, int err) {
    struct stat st;
    fprintf(stderr, "callfloorctl: cannot connect to %s: ", path);
    if (err == ENOENT)
        fprintf(stderr,
                "there is no such socket. Is callfloord running, and is this its console socket (-s)?\n");
    else if (err == ECONNREFUSED)
        fprintf(stderr, "nobody listens there. callfloord is not running; its socket is left over\n");
    else if (err == EACCES && !stat(path, &st))
        explain_rights(&st);
    else if (err == EAGAIN)
        fprintf(stderr, "callfloord has too many connections waiting\n");
    else
        fprintf(stderr, "%s\n", strerror(err));
}

static int connect_to(struct link *l) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (str_copy(address.sun_path, sizeof address.sun_path, l->path)) {
        explain(l->path, ENAMETOOLONG);
        return NO_CONNECTION;
    }
    l->used = l->at = 0;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&address, sizeof address)) {
        explain(l->path, errno);
        return NO_CONNECTION;
    }
    return DONE;
}

static void hang_up(struct link *l) {
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

static int send_all(const struct link *l, const char *data, size_t length) {
    while (length) {
        ssize_t n = send(l->fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

/* The next byte, -1 at the end. */
static int next_byte(struct link *l) {
    if (l->at == l->used) {
        ssize_t n;
        do
            n = recv(l->fd, l->buffer, sizeof l->buffer, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return -1;
        l->used = (size_t)n;
        l->at = 0;
    }
    return (unsigned char)l->buffer[l->at++];
}

/* ---- one command ---- */

/* Reads "ok LENGTH" or "error LENGTH" and copies the text to where it belongs. */
static int read_answer(struct link *l, bool *lost) {
    char head[64], *space;
    size_t n = 0;
    uint64_t length;
    int c = -1;
    *lost = false;
    while (n < sizeof head - 1 && (c = next_byte(l)) >= 0 && c != '\n')
        head[n++] = (char)c;
    head[n] = 0;
    if (c < 0 && !n) {
        *lost = true; /* closed before the answer began */
        return NO_CONNECTION;
    }
    space = strchr(head, ' ');
    if (c != '\n' || !space || str_to_u64(space + 1, &length) || length > ANSWER_MAX) {
        fprintf(stderr, "callfloorctl: %s does not talk like callfloord\n", l->path);
        return NO_CONNECTION;
    }
    bool ok = !strncmp(head, "ok ", 3);
    FILE *to = ok ? stdout : stderr;
    for (; length && (c = next_byte(l)) >= 0; length--)
        fputc(c, to);
    fflush(to);
    if (length) {
        fprintf(stderr, "callfloorctl: the connection ended in the middle of the answer\n");
        return NO_CONNECTION;
    }
    return ok ? DONE : FAILED;
}

/* line ends in \n. An idle conversation may have been closed by the daemon: then once more. */
static int ask(struct link *l, const char *line, bool may_reconnect) {
    bool lost = send_all(l, line, strlen(line)) != 0;
    int result = lost ? NO_CONNECTION : read_answer(l, &lost);
    if (lost && may_reconnect) {
        hang_up(l);
        result = connect_to(l);
        return result ? result : ask(l, line, false);
    }
    if (lost)
        fprintf(stderr, "callfloorctl: callfloord closed the connection\n");
    return result;
}

/* Words of the shell to one line; words with spaces are quoted again. */
static char *join(int argc, char **argv, bool json) {
    size_t size = 8;
    char *line;
    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 3;
    if (!(line = malloc(size)))
        return NULL;
    char *p = stpcpy(line, json ? "-j" : "");
    for (int i = 0; i < argc; i++) {
        bool quote = !*argv[i] || strpbrk(argv[i], " \t");
        p += sprintf(p, "%s%s%s%s", p == line ? "" : " ", quote ? "\"" : "", argv[i], quote ? "\"" : "");
    }
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r') /* one command is one line */
            *c = ' ';
    stpcpy(p, "\n");
    return line;
}

static int one_command(struct link *l, int argc, char **argv, bool json) {
    char *line = join(argc, argv, json);
    int result = line ? ask(l, line, false) : FAILED;
    free(line);
    return result;
}

/* ---- a conversation ---- */

static bool is_quit(const char *line) {
    line += strspn(line, " \t");
    size_t n = strcspn(line, " \t\r\n");
    return (n == 4 && !strncmp(line, "quit", 4)) || (n == 4 && !strncmp(line, "exit", 4));
}

/* Lines from standard input. The exit status is that of the last command that failed. */
static int conversation(struct link *l, bool json) {
    bool person = isatty(STDIN_FILENO);
    char *text = NULL, *line;
    size_t capacity = 0;
    ssize_t n;
    int result = DONE, status = DONE;
    for (;;) {
        if (person) {
            fputs("callfloor> ", stdout);
            fflush(stdout);
        }
        if ((n = getline(&text, &capacity, stdin)) < 0)
            break;
        if (text[strspn(text, " \t\r\n")] == 0)
            continue;
        if (n > LINE_MAX_BYTES || strlen(text) != (size_t)n) {
            fprintf(stderr, "callfloorctl: not a line of text\n");
            status = FAILED;
            continue;
        }
        if (is_quit(text))
            break;
        if (asprintf(&line, "%s%s%s", json ? "-j " : "", text, strchr(text, '\n') ? "" : "\n") < 0)
            break;
        result = ask(l, line, true);
        free(line);
        if (result)
            status = result;
        if (result == NO_CONNECTION)
            break;
    }
    if (person && n < 0)
        fputc('\n', stdout);
    free(text);
    return status;
}

/* ---- main ---- */

static void usage(FILE *to) {
    fprintf(to,
            "usage: callfloorctl [-s SOCKET] [-j] [COMMAND...]\n"
            "\n"
            "Sends a command to callfloord and prints the answer; without a command reads commands from the\n"
            "standard input. `callfloorctl help` lists them.\n"
            "\n"
            "  -s SOCKET   the daemon's console socket (default " DEFAULT_SOCKET ", or $CALLFLOOR_SOCKET)\n"
            "  -j          answers in JSON\n"
            "  -V          prints the version\n"
            "\n"
            "exit status: 0 done, 1 the command failed, 2 no connection to the daemon\n");
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct link link;
    bool json = false;
    int c, result;
    const char *from_environment = getenv("CALLFLOOR_SOCKET");
    link.path = from_environment && *from_environment ? from_environment : DEFAULT_SOCKET;
    link.fd = -1;
    while ((c = getopt_long(argc, argv, "+s:jVh", longs, NULL)) != -1) {
        switch (c) {
        case 's':
            link.path = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'V':
            puts("callfloorctl " CALLFLOOR_VERSION);
            return DONE;
        case 'h':
            usage(stdout);
            return DONE;
        default:
            usage(stderr);
            return FAILED;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    if (!(result = connect_to(&link)))
        result = optind < argc ? one_command(&link, argc - optind, argv + optind, json)
                               : conversation(&link, json);
    hang_up(&link);
    return result;
}
