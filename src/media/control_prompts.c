/* SPDX-License-Identifier: Apache-2.0
 * The control thread's prompts: read the folder, hand a new set to the media thread. */
#include "callfloor/log.h"
#include "media/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void scan(struct media *m, const char *folder, struct prompt_job **jobs) {
    int err = prompt_library_scan(m->library, folder, jobs);
    if (err) /* callers hear silence; that is no reason not to take calls */
        log_warn("media", "event=prompts_folder folder=%s error=%s", log_value(folder),
                 log_value(strerror(-err)));
}

static int publish(struct media *m) {
    struct command command = {.kind = COMMAND_PROMPTS};
    command.prompts = prompt_library_set(m->library);
    if (!command.prompts)
        return -ENOMEM;
    int err = control_tell(m, &command);
    if (err)
        free(command.prompts);
    else
        log_info("media", "event=prompts count=%u", prompt_library_count(m->library));
    return err;
}

int control_read_prompts(struct media *m, const char *folder) {
    struct prompt_job *jobs;
    scan(m, folder, &jobs);
    prompt_jobs_run(jobs, NULL);
    prompt_library_take(m->library, jobs);
    return publish(m);
}

int control_reload_prompts(struct media *m, const char *folder) {
    struct prompt_job *jobs;
    if (m->loader.busy) {
        char *again = strdup(folder);
        if (!again)
            return -ENOMEM;
        free(m->reload_folder);
        m->reload_folder = again;
        return 0;
    }
    scan(m, folder, &jobs);
    if (jobs && loader_start(&m->loader, jobs) == 0)
        return 0;
    prompt_jobs_run(jobs, NULL); /* no thread to be had: slow, but done */
    prompt_library_take(m->library, jobs);
    return publish(m);
}

void control_prompts_loaded(struct media *m) {
    prompt_library_take(m->library, loader_finish(&m->loader));
    if (publish(m))
        log_error("media", "event=out_of_memory what=prompts");
    char *folder = m->reload_folder;
    m->reload_folder = NULL;
    if (folder && control_reload_prompts(m, folder))
        log_error("media", "event=out_of_memory what=prompts");
    free(folder);
}
