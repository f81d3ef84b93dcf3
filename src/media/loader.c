/* SPDX-License-Identifier: Apache-2.0
 * Reads prompts while the daemon runs. */
#include "media/loader.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

int loader_init(struct loader *loader) {
    *loader = (struct loader){.done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    return loader->done_fd < 0 ? -errno : 0;
}

static void *run(void *arg) {
    struct loader *loader = arg;
    uint64_t one = 1;
    prompt_jobs_run(loader->jobs, &loader->cancel);
    ssize_t n = write(loader->done_fd, &one, sizeof one);
    (void)n;
    return NULL;
}

int loader_start(struct loader *loader, struct prompt_job *jobs) {
    sigset_t all, old;
    if (loader->busy)
        return -EBUSY;
    loader->jobs = jobs;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int err = pthread_create(&loader->thread, NULL, run, loader);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    loader->busy = err == 0;
    if (loader->busy)
        pthread_setname_np(loader->thread, "prompts");
    return -err;
}

struct prompt_job *loader_finish(struct loader *loader) {
    uint64_t count;
    if (!loader->busy)
        return NULL;
    pthread_join(loader->thread, NULL);
    ssize_t n = read(loader->done_fd, &count, sizeof count);
    (void)n;
    struct prompt_job *jobs = loader->jobs;
    loader->jobs = NULL;
    loader->busy = false;
    return jobs;
}

void loader_done(struct loader *loader) {
    atomic_store(&loader->cancel, true);
    prompt_jobs_free(loader_finish(loader));
    if (loader->done_fd > 0)
        close(loader->done_fd);
    loader->done_fd = -1;
}
