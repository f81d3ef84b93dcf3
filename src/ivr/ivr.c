/* SPDX-License-Identifier: Apache-2.0
 * The menu interpreter: states and moves as a table, every action below it. */
#include "callfloor/ivr.h"

#include <errno.h>
#include <string.h>

enum state {
    NEW,     /* not started */
    PROMPT,  /* welcome, prompt or a reproach is playing */
    LISTEN,  /* silence, the digit timer runs */
    GOODBYE, /* the last prompt is playing, then hang up */
    DONE,
    STATES
};
enum { EVENTS = IVR_EV_TICK + 1 };

struct step {
    struct ivr_run *run;
    const struct conf *conf;
    const struct conf_menu *menu; /* of the run; NULL when a reload took it away */
    const struct ivr_event *event;
    struct ivr_effects *out;
};

/* The only place where the state changes: what is due follows from the state. */
static void set_state(struct step *s, enum state state) {
    s->run->state = state;
    s->run->deadline_ms = state == LISTEN ? s->event->now_ms + s->menu->digit_timeout_ms : NEVER;
}

static struct ivr_effect *effect(struct step *s, enum ivr_effect_type type) {
    struct ivr_effect *fx = &s->out->item[s->out->count++];
    *fx = (struct ivr_effect){.type = type};
    return fx;
}

/* As far as it fits; what follows a cut does not fit either. */
static void path_add(struct ivr_run *run, const char *text) {
    size_t used = strlen(run->path);
    str_copy(run->path + used, sizeof run->path - used, text);
}

/* How this round ended: one character, after a colon for the first round of a menu. */
static void path_mark(struct ivr_run *run, char mark) {
    path_add(run, (char[]){run->attempt == 1 ? ':' : mark, run->attempt == 1 ? mark : 0, 0});
}

/* Plays the names that are not empty. False when there is nothing to play. */
static bool play(struct step *s, const char *const *name, uint32_t count) {
    struct ivr_effect fx = {.type = IVR_FX_PLAY};
    for (uint32_t i = 0; i < count; i++)
        if (name[i][0])
            fx.prompt[fx.prompt_count++] = name[i];
    if (!fx.prompt_count)
        return false;
    fx.play_id = ++s->run->play_id;
    *effect(s, IVR_FX_PLAY) = fx;
    return true;
}

static void finish(struct step *s, const struct conf_target *target) {
    effect(s, IVR_FX_GO)->target = *target;
    set_state(s, DONE);
}
static void hang_up(struct step *s) {
    finish(s, &(struct conf_target){.kind = CONF_TARGET_HANGUP});
}

/* One round: what is said first (welcome or a reproach), then the menu's prompt, then the digit timer. */
static void ask(struct step *s, const char *first) {
    set_state(s, play(s, (const char *[]){first, s->menu->prompt}, 2) ? PROMPT : LISTEN);
}

static void enter(struct step *s, uint32_t menu) {
    s->menu = conf_menu(s->conf, menu);
    if (!s->menu || s->run->steps >= IVR_MAX_STEPS) {
        hang_up(s);
        return;
    }
    s->run->menu = menu;
    s->run->steps++;
    s->run->attempt = 1;
    if (s->run->path[0])
        path_add(s->run, "/");
    path_add(s->run, s->menu->name);
    ask(s, s->menu->welcome);
}

static void go(struct step *s, const struct conf_target *target) {
    if (target->kind == CONF_TARGET_MENU)
        enter(s, target->id);
    else
        finish(s, target);
}

/* A round without a usable digit: another one, or the end of patience. */
static void round_lost(struct step *s, char mark, const char *reproach) {
    path_mark(s->run, mark);
    if (s->run->attempt < s->menu->attempts) {
        s->run->attempt++;
        ask(s, reproach);
    } else if (s->menu->fallback.kind != CONF_TARGET_NONE) {
        go(s, &s->menu->fallback);
    } else if (play(s, (const char *[]){s->menu->goodbye}, 1)) {
        set_state(s, GOODBYE);
    } else {
        hang_up(s);
    }
}

/* Index in conf_menu.choice; -1 for A-D, which no menu uses. */
static int choice_of(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit == '*' ? 10 : digit == '#' ? 11 : -1;
}
static bool is_digit(char c) {
    return c && strchr("0123456789*#ABCD", c);
}

/* ---- actions ---- */

typedef int action_fn(struct step *s);

static int start(struct step *s) {
    if (!conf_menu(s->conf, s->event->menu))
        return -EINVAL;
    *s->run = (struct ivr_run){0};
    enter(s, s->event->menu);
    return 0;
}

static int choose(struct step *s) {
    int choice = choice_of(s->event->digit);
    const struct conf_target *target = choice < 0 ? NULL : &s->menu->choice[choice];
    if (!target || target->kind == CONF_TARGET_NONE) {
        round_lost(s, 'i', s->menu->invalid);
        return 0;
    }
    path_mark(s->run, s->event->digit);
    go(s, target);
    return 0;
}

static int interrupt(struct step *s) {
    if (!s->menu->barge_in)
        return 0;
    effect(s, IVR_FX_STOP);
    return choose(s);
}

static int listen_now(struct step *s) {
    set_state(s, LISTEN);
    return 0;
}

static int expire(struct step *s) {
    if (s->event->now_ms >= s->run->deadline_ms)
        round_lost(s, 't', s->menu->timeout);
    return 0;
}

static int leave(struct step *s) {
    hang_up(s);
    return 0;
}

static int ignore(struct step *s) {
    return 0;
}

/* Empty: -EPROTO. A digit that comes late but before the tick that would have expired its round counts. */
static action_fn *const moves[STATES][EVENTS] = {
    [NEW] = {[IVR_EV_START] = start},
    [PROMPT] = {[IVR_EV_DIGIT] = interrupt, [IVR_EV_PLAYED] = listen_now, [IVR_EV_TICK] = ignore},
    [LISTEN] = {[IVR_EV_DIGIT] = choose, [IVR_EV_TICK] = expire},
    [GOODBYE] = {[IVR_EV_DIGIT] = ignore, [IVR_EV_PLAYED] = leave, [IVR_EV_TICK] = ignore},
    [DONE] = {0},
};

int ivr_step(struct ivr_run *run, const struct conf *conf, const struct ivr_event *event,
             struct ivr_effects *out) {
    struct step s = {run, conf, NULL, event, out};
    out->count = 0;
    if ((unsigned)event->type >= EVENTS || run->state >= STATES || !moves[run->state][event->type])
        return -EPROTO;
    if (event->type == IVR_EV_DIGIT && !is_digit(event->digit))
        return -EINVAL;
    if (event->type == IVR_EV_PLAYED && event->play_id != run->play_id)
        return -EPROTO; /* the end of a play that was stopped or replaced */
    s.menu = conf_menu(conf, run->menu);
    if (run->state != NEW && !s.menu) { /* a reload took the menu away */
        if (run->state == PROMPT || run->state == GOODBYE)
            effect(&s, IVR_FX_STOP);
        hang_up(&s);
        return 0;
    }
    return moves[run->state][event->type](&s);
}
