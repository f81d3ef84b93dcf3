/* SPDX-License-Identifier: Apache-2.0
 * What the control thread knows of the legs. */
#ifndef MEDIA_CONTROL_H
#define MEDIA_CONTROL_H

#include "callfloor/media.h"
#include "media/engine.h"
#include "media/loader.h"
#include "media/port_pool.h"
#include "media/socket.h"

#include <sys/queue.h>

struct control_leg {
    uint32_t id; /* the floor's number; 0 = free */
    int fd[2];   /* RTP, RTCP */
    uint16_t port;
    bool closing;      /* close() was called, the thread has not answered yet */
    bool close_owed;   /* the command could not even be queued */
    bool sends_digits; /* telephone-event was agreed */
    bool expects;      /* the other side may send */
};

struct waiting { /* a command that found the ring full */
    STAILQ_ENTRY(waiting) next;
    struct command command;
};

struct media {
    struct engine *engine;
    struct media_sink sink;
    struct event *event, *retry, *loaded;
    struct port_pool ports;
    struct prompt_library *library;
    struct loader loader;
    char *reload_folder; /* another reload was asked for while the loader was busy */
    union latch_address bind_address;
    char sdp_address[ADDRESS_LEN];
    uint64_t random;
    struct control_leg *leg;
    uint32_t capacity, legs, free_count, closes_owed;
    uint32_t *free_slot;
    uint32_t *slot_of; /* by slot_index() of the floor's number: our slot + 1 */
    STAILQ_HEAD(waiting_list, waiting) backlog;
    bool priority_told;
};

/* Gives the command to the thread, now or as soon as its ring has room. 0 or -ENOMEM. */
int control_tell(struct media *m, const struct command *command);
/* control_prompts.c: the folder of prompts, read at once (start) or by the loader (reload). */
int control_read_prompts(struct media *m, const char *folder);
int control_reload_prompts(struct media *m, const char *folder);
void control_prompts_loaded(struct media *m);

#endif
