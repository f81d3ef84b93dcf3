/* LIBS: media loop base */
/* SPDX-License-Identifier: Apache-2.0
 * What media does with a leg, as the floor may ask it. Also for the thread sanitizer. */
#include "media_world.h"

static struct media_leg seen;

/* Until the thread shows what is wanted: it looks at each leg several times a second. */
#define EVENTUALLY(w, id, condition)                                                                         \
    do {                                                                                                     \
        bool is = false;                                                                                     \
        for (int i = 0; i < 400 && !is; i++) {                                                               \
            turn(w, 5);                                                                                      \
            is = (w)->port.leg((w)->port.ctx, id, &seen) == 0 && (condition);                                \
        }                                                                                                    \
        assert_true(is);                                                                                     \
    } while (0)

static uint32_t all_legs(struct world *w, uint32_t *sum) {
    uint32_t cursor = 0, count = 0, leg;
    *sum = 0;
    while ((leg = w->port.next_leg(w->port.ctx, &cursor))) {
        *sum += leg;
        count++;
    }
    return count;
}

static void joined_and_parted(void **state) {
    struct world *w = &W;
    struct phone a, b;
    phone_open(w, &a, 0x100001, MEDIA_PCMU);
    phone_open(w, &b, 0x100002, MEDIA_PCMU);
    EVENTUALLY(w, a.leg, !seen.joined && !seen.playing && seen.expects);
    assert_int_equal(w->port.join(w->port.ctx, a.leg, b.leg), 0);
    EVENTUALLY(w, a.leg, seen.joined == b.leg);
    EVENTUALLY(w, b.leg, seen.joined == a.leg);
    w->port.part(w->port.ctx, b.leg);
    EVENTUALLY(w, a.leg, !seen.joined);
    assert_int_equal(w->port.join(w->port.ctx, a.leg, b.leg), 0);
    EVENTUALLY(w, a.leg, seen.joined == b.leg);
    phone_close(w, &b);
    EVENTUALLY(w, a.leg, !seen.joined);
    phone_close(w, &a);
    expect(w, 'c', 2);
}

static void played_and_stopped(void **state) {
    struct world *w = &W;
    struct phone p;
    struct media_play play = {.play_id = 7, .count = 1, .loop = true};
    phone_open(w, &p, 1, MEDIA_PCMU);
    play.prompt[0] = w->port.prompt(w->port.ctx, "music");
    assert_int_equal(w->port.play(w->port.ctx, p.leg, &play), 0);
    EVENTUALLY(w, p.leg, seen.playing);
    w->port.stop(w->port.ctx, p.leg);
    EVENTUALLY(w, p.leg, !seen.playing);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void heard_and_silent(void **state) {
    struct world *w = &W;
    struct phone p;
    phone_open(w, &p, 1, MEDIA_PCMU);
    EVENTUALLY(w, p.leg, seen.unheard_ms >= 900); /* it might have spoken since it was opened */
    for (int i = 0; i < 60; i++) {                /* until the thread has looked again */
        phone_talk(&p, 1);
        turn(w, 10);
    }
    assert_int_equal(w->port.leg(w->port.ctx, p.leg, &seen), 0);
    assert_true(seen.unheard_ms < 700);
    phone_set(w, &p, MEDIA_PCMU, MEDIA_INACTIVE); /* on hold: nothing is to be heard */
    EVENTUALLY(w, p.leg, !seen.expects);
    phone_set(w, &p, MEDIA_PCMU, MEDIA_SENDRECV);
    EVENTUALLY(w, p.leg, seen.expects && seen.unheard_ms < 700);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void which_legs_there_are(void **state) {
    struct world *w = &W;
    struct phone p[3];
    struct media_desc local;
    uint32_t sum;
    assert_int_equal(w->port.leg(w->port.ctx, 1, &seen), -ENOENT);
    assert_int_equal(all_legs(w, &sum), 0);
    for (uint32_t i = 0; i < 3; i++)
        phone_open(w, &p[i], i + 1, MEDIA_PCMU);
    assert_int_equal(all_legs(w, &sum), 3);
    assert_int_equal(sum, 6);
    EVENTUALLY(w, 2, true);
    phone_close(w, &p[1]);
    assert_int_equal(w->port.leg(w->port.ctx, 2, &seen), -ENOENT); /* at once */
    assert_int_equal(all_legs(w, &sum), 2);
    assert_int_equal(sum, 4);
    expect(w, 'c', 1);
    /* the place is taken again: what was seen of the leg before is not told of this one */
    assert_int_equal(w->port.open(w->port.ctx, 0x100002, &local), 0);
    int first = w->port.leg(w->port.ctx, 0x100002, &seen);
    assert_true(first == -EAGAIN || (!first && !seen.playing && !seen.joined));
    EVENTUALLY(w, 0x100002, !seen.joined);
    w->port.close(w->port.ctx, 0x100002);
    phone_close(w, &p[0]);
    phone_close(w, &p[2]);
    expect(w, 'c', 4);
}

int main(void) {
    log_to(NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joined_and_parted, setup, teardown),
        cmocka_unit_test_setup_teardown(played_and_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(heard_and_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(which_legs_there_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
