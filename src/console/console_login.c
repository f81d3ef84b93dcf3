/* SPDX-License-Identifier: Apache-2.0
 * Checking passwords: a bounded queue, one thread that hashes, answers by number. */
#include "console/login.h"

#include "callfloor/log.h"

#include <crypt.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum { HASH_MAX = CRYPT_OUTPUT_SIZE, REMEMBERED = 64, REMEMBER_MS = 300000, MAC_LEN = 32 };

/* Travels to the thread and back. */
struct job {
    uint64_t ticket;
    char password[LOGIN_PASSWORD_MAX], hash[HASH_MAX];
    bool known; /* else the work is for nothing, and takes as long */
    bool right;
};

/* What the control thread keeps of it. */
struct waiting {
    uint64_t ticket; /* 0 = free */
    const char *via;
    char source[ADDRESS_LEN], user[NAME_LEN];
    struct job job;
    console_login_fn *done; /* NULL: nobody waits any more */
    void *arg;
};

struct login {
    const struct conf *conf;
    struct waiting waiting[LOGIN_JOBS];
    uint64_t last_ticket;
    struct guard guard;
    struct log_limit log_limit;
    unsigned char key[32];
    struct {
        unsigned char mac[MAC_LEN];
        uint64_t until_ms;
    } remembered[REMEMBERED];
    uint32_t next_remembered;
    char setting[HASH_MAX]; /* for unknown users when there is no known one */
    int fd;
    struct event *event;
    /* shared with the thread, under the lock. At most LOGIN_JOBS are under way, so neither ring overflows */
    pthread_t thread;
    bool running, stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job todo[LOGIN_JOBS], finished[LOGIN_JOBS];
    uint32_t todo_first, todo_count, finished_count;
};

/* ---- the thread ---- */

static bool password_matches(const struct job *job, struct crypt_data *data) {
    const char *hash = crypt_r(job->password, job->hash, data);
    size_t length = strlen(job->hash);
    return hash && *hash != '*' && strlen(hash) == length && !CRYPTO_memcmp(hash, job->hash, length);
}

static void *hash_thread(void *arg) {
    struct login *l = arg;
    struct crypt_data *data = calloc(1, sizeof *data); /* 32 kB: not for a stack */
    struct job job;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->todo_count && !l->stop)
            pthread_cond_wait(&l->wake, &l->lock);
        if (l->stop)
            break;
        job = l->todo[l->todo_first];
        OPENSSL_cleanse(&l->todo[l->todo_first], sizeof job);
        l->todo_first = (l->todo_first + 1) % LOGIN_JOBS;
        l->todo_count--;
        pthread_mutex_unlock(&l->lock);
        job.right = data && password_matches(&job, data) && job.known;
        OPENSSL_cleanse(job.password, sizeof job.password);
        pthread_mutex_lock(&l->lock);
        l->finished[l->finished_count++] = job;
        eventfd_write(l->fd, 1);
    }
    pthread_mutex_unlock(&l->lock);
    if (data)
        OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return NULL;
}

/* ---- remembering ---- */

static bool mac_of(const struct login *l, const struct conf_user *user, const char *password,
                   unsigned char mac[MAC_LEN]) {
    unsigned char text[NAME_LEN + HASH_MAX + LOGIN_PASSWORD_MAX + 3];
    const char *const part[] = {user->name, user->password_hash, password};
    size_t used = 0;
    unsigned length = 0;
    for (size_t i = 0; i < ARRAY_LEN(part); i++) { /* ends included: no two logins give one text */
        size_t n = strlen(part[i]) + 1;
        if (used + n > sizeof text)
            return false;
        memcpy(text + used, part[i], n);
        used += n;
    }
    bool ok = HMAC(EVP_sha256(), l->key, sizeof l->key, text, used, mac, &length) && length == MAC_LEN;
    OPENSSL_cleanse(text, sizeof text);
    return ok;
}

static const struct conf_user *find_user(const struct conf *conf, const char *name) {
    for (uint32_t i = 0; i < conf->user_count; i++)
        if (!strcmp(conf->user[i].name, name))
            return &conf->user[i];
    return NULL;
}

static void remember(struct login *l, const struct conf_user *user, const char *password) {
    uint32_t i = l->next_remembered++ % REMEMBERED;
    l->remembered[i].until_ms =
        mac_of(l, user, password, l->remembered[i].mac) ? loop_now_ms() + REMEMBER_MS : 0;
}

bool login_remembered(struct login *l, const char *name, const char *password, bool *admin) {
    const struct conf_user *user = find_user(l->conf, name);
    unsigned char mac[MAC_LEN];
    bool found = false;
    if (!user || !mac_of(l, user, password, mac))
        return false;
    for (size_t i = 0; i < REMEMBERED; i++)
        found |=
            l->remembered[i].until_ms > loop_now_ms() && !CRYPTO_memcmp(l->remembered[i].mac, mac, MAC_LEN);
    if (found)
        *admin = user->admin;
    return found;
}

/* ---- the control thread ---- */

static struct waiting *by_ticket(struct login *l, uint64_t ticket) {
    for (size_t i = 0; i < LOGIN_JOBS; i++)
        if (l->waiting[i].ticket == ticket)
            return &l->waiting[i];
    return NULL;
}

static void tell_failure(struct login *l, const struct waiting *w) {
    uint32_t dropped;
    if (log_allowed(&l->log_limit, loop_now_ms(), 10, &dropped))
        log_warn("console", "event=login_failed via=%s user=%s source=%s unlogged=%u", w->via,
                 log_value(w->user), log_value(w->source), dropped);
}

/* Logins that were under way together can fail while the source is locked already: that is told once. */
static void failed(struct login *l, const struct waiting *w) {
    bool before = login_locked_ms(l, w->source);
    guard_failed(&l->guard, w->source, loop_now_ms());
    tell_failure(l, w);
    uint64_t locked_ms = login_locked_ms(l, w->source);
    if (locked_ms && !before)
        log_warn("console", "event=locked_out via=%s source=%s for_ms=%llu", w->via, log_value(w->source),
                 (unsigned long long)locked_ms);
}

static void finish(struct login *l, const struct job *job) {
    struct waiting *w = by_ticket(l, job->ticket);
    /* a reload may have come in between: the hash that was proven must still be the user's */
    const struct conf_user *user = find_user(l->conf, w->user);
    bool right = job->right && user && !strcmp(user->password_hash, job->hash);
    if (right) {
        guard_passed(&l->guard, w->source);
        remember(l, user, w->job.password);
    } else {
        failed(l, w);
    }
    console_login_fn *done = w->done;
    void *arg = w->arg;
    OPENSSL_cleanse(w, sizeof *w);
    if (done)
        done(arg, right ? CONSOLE_LOGIN_OK : CONSOLE_LOGIN_WRONG, right && user->admin);
}

static void on_finished(evutil_socket_t fd, short what, void *arg) {
    struct login *l = arg;
    struct job finished[LOGIN_JOBS];
    uint32_t count;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    pthread_mutex_lock(&l->lock);
    count = l->finished_count;
    memcpy(finished, l->finished, count * sizeof finished[0]);
    l->finished_count = 0;
    pthread_mutex_unlock(&l->lock);
    for (uint32_t i = 0; i < count; i++)
        finish(l, &finished[i]);
}

uint64_t login_locked_ms(const struct login *l, const char *source) {
    return guard_locked_ms(&l->guard, source, loop_now_ms());
}

uint64_t login_begin(struct login *l, const char *via, const char *source, const char *user,
                     const char *password, console_login_fn *done, void *arg) {
    struct waiting *w = by_ticket(l, 0);
    const struct conf_user *known = find_user(l->conf, user);
    if (!w || login_locked_ms(l, source))
        return 0;
    struct job *job = &w->job;
    *w = (struct waiting){.ticket = ++l->last_ticket, .via = via, .done = done, .arg = arg};
    str_copy(w->source, sizeof w->source, source);
    str_copy(w->user, sizeof w->user, user);
    job->ticket = w->ticket;
    job->known = known != NULL && !str_copy(job->password, sizeof job->password, password);
    str_copy(job->hash, sizeof job->hash,
             known                 ? known->password_hash
             : l->conf->user_count ? l->conf->user[0].password_hash
                                   : l->setting);
    pthread_mutex_lock(&l->lock);
    l->todo[(l->todo_first + l->todo_count++) % LOGIN_JOBS] = *job;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    return w->ticket;
}

void login_cancel(struct login *l, uint64_t ticket) {
    struct waiting *w = ticket ? by_ticket(l, ticket) : NULL;
    if (w)
        w->done = NULL; /* the place is free again when the thread is through */
}

void login_reload(struct login *l, const struct conf *conf) {
    l->conf = conf;
}

static int start_thread(struct login *l) {
    sigset_t all, old;
    sigfillset(&all); /* signals are for the control thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&l->thread, NULL, hash_thread, l);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    l->running = !err;
    return -err;
}

int login_create(struct login **lp, struct loop *loop, const struct conf *conf) {
    struct login *l = calloc(1, sizeof *l);
    int err;
    if (!l)
        return -ENOMEM;
    l->conf = conf;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = l->fd < 0 ? -errno : 0;
    if (!err && getrandom(l->key, sizeof l->key, 0) != sizeof l->key)
        err = -EIO;
    if (!err && !crypt_gensalt_rn("$y$", 0, NULL, 0, l->setting, sizeof l->setting))
        err = -errno;
    if (!err && !(l->event = event_new(loop_base(loop), l->fd, EV_READ | EV_PERSIST, on_finished, l)))
        err = -ENOMEM;
    if (!err && event_add(l->event, NULL))
        err = -ENOMEM;
    if (!err)
        err = start_thread(l);
    if (err) {
        login_destroy(l);
        return err;
    }
    *lp = l;
    return 0;
}

void login_destroy(struct login *l) {
    if (!l)
        return;
    if (l->running) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_signal(&l->wake);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
    }
    if (l->event)
        event_free(l->event);
    if (l->fd >= 0)
        close(l->fd);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    OPENSSL_cleanse(l, sizeof *l);
    free(l);
}
