/* SPDX-License-Identifier: Apache-2.0
 * Which prompts the configuration names that have no file. */
#include "callfloor/conf.h"
#include "callfloor/media.h"
#include "media/prompt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an agent hears after a star code; no option names them. */
static const char *const star_code[] = {"agent-ok", "agent-error"};

struct search {
    const char *folder;
    void (*fn)(void *arg, const char *name);
    void *arg;
    const char **told; /* each is told once */
    size_t count, room;
};

static bool has_file(const char *folder, const char *name) {
    static const char *const endings[] = {".wav", ".WAV", ".Wav"};
    char path[PATH_MAX];
    struct stat st;
    for (size_t i = 0; prompt_name_is_valid(name) && i < ARRAY_LEN(endings); i++)
        if (snprintf(path, sizeof path, "%s/%s%s", folder, name, endings[i]) < (int)sizeof path &&
            stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0)
            return true;
    return false;
}

static void look(struct search *s, const char *name) {
    if (!name || !*name || has_file(s->folder, name))
        return;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->told[i], name) == 0)
            return;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        const char **grown = realloc(s->told, room * sizeof *grown);
        if (grown) {
            s->told = grown;
            s->room = room;
        }
    }
    if (s->count < s->room)
        s->told[s->count++] = name;
    s->fn(s->arg, name);
}

static void look_target(struct search *s, const struct conf_target *target) {
    if (target->kind == CONF_TARGET_PLAY || target->kind == CONF_TARGET_LOOP)
        look(s, target->prompt);
}

static void look_menu(struct search *s, const struct conf_menu *menu) {
    look(s, menu->welcome);
    look(s, menu->prompt);
    look(s, menu->invalid);
    look(s, menu->timeout);
    look(s, menu->goodbye);
    for (int i = 0; i < CONF_DIGITS; i++)
        look_target(s, &menu->choice[i]);
    look_target(s, &menu->fallback);
}

void media_missing_prompts(const struct conf *conf, void (*fn)(void *arg, const char *name), void *arg) {
    struct search s = {.folder = conf->prompts_dir, .fn = fn, .arg = arg};
    for (uint32_t i = 0; i < conf->menu_count; i++)
        if (!conf->menu[i].removed)
            look_menu(&s, &conf->menu[i]);
    for (uint32_t i = 0; i < conf->queue_count; i++) {
        const struct conf_queue *queue = &conf->queue[i];
        if (queue->removed)
            continue;
        look(&s, queue->music);
        look(&s, queue->greeting);
        look_target(&s, &queue->overflow);
        for (int digit = 0; digit < CONF_DIGITS; digit++)
            look_target(&s, &queue->exit[digit]);
    }
    for (uint32_t i = 0; i < conf->number_count; i++)
        look_target(&s, &conf->number[i].target);
    uint32_t agents = 0;
    for (uint32_t i = 0; i < conf->agent_count; i++)
        agents += !conf->agent[i].removed;
    for (size_t i = 0; agents && i < ARRAY_LEN(star_code); i++)
        look(&s, star_code[i]);
    free(s.told);
}
