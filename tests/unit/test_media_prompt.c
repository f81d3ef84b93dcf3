/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * Prompts: WAV files of any kind to both laws, the folder, playing in sequence. */
#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "callfloor/media.h"
#include "media/play.h"
#include "media/prompt.h"
#include "media/rtp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/callfloor-prompt-XXXXXX";
static char path[200], error[160];

static const char *in_folder(const char *name) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}
static void write_wav(const char *name, int format, int rate, int channels, double hz, int ms) {
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = SF_FORMAT_WAV | format};
    SNDFILE *f = sf_open(in_folder(name), SFM_WRITE, &info);
    assert_non_null(f);
    for (int i = 0; i < (int)((int64_t)rate * ms / 1000); i++) {
        float v[8];
        for (int c = 0; c < channels; c++)
            v[c] = (float)(0.5 * sin(2 * M_PI * hz * i / rate));
        assert_int_equal(sf_writef_float(f, v, 1), 1);
    }
    sf_close(f);
}
static void write_text(const char *name, const char *text) {
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
static double level(const struct prompt *p, int law, double hz) {
    double re = 0, im = 0;
    uint32_t from = 400, n = p->samples - 800; /* not the edges */
    for (uint32_t i = from; i < from + n; i++) {
        int v = law_decode(p->law[law][i], law);
        re += v * cos(2 * M_PI * hz * i / 8000);
        im += v * sin(2 * M_PI * hz * i / 8000);
    }
    return 20 * log10(2 * sqrt(re * re + im * im) / n / 32768 + 1e-9);
}

static int make_folder(void **state) {
    law_init();
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- one file ---- */

static void any_rate_and_format_gives_the_same_tone(void **state) {
    static const struct {
        int format, rate, channels;
    } kinds[] = {
        {SF_FORMAT_PCM_16, 8000, 1},  {SF_FORMAT_PCM_16, 8000, 2},  {SF_FORMAT_PCM_16, 11025, 1},
        {SF_FORMAT_PCM_24, 16000, 1}, {SF_FORMAT_PCM_U8, 22050, 1}, {SF_FORMAT_FLOAT, 32000, 2},
        {SF_FORMAT_PCM_16, 44100, 2}, {SF_FORMAT_PCM_32, 48000, 6}, {SF_FORMAT_ULAW, 8000, 1},
        {SF_FORMAT_ALAW, 8000, 1},    {SF_FORMAT_PCM_16, 96000, 1}, {SF_FORMAT_PCM_16, 6000, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct prompt *p = NULL;
        write_wav("x.wav", kinds[i].format, kinds[i].rate, kinds[i].channels, 1000, 500);
        assert_int_equal(prompt_load(&p, in_folder("x.wav"), error, sizeof error), 0);
        assert_in_range(p->samples, 3999, 4000);
        for (int law = 0; law < LAWS; law++) {
            assert_true(fabs(level(p, law, 1000) - 20 * log10(0.5)) < 0.5);
            assert_true(level(p, law, 2000) < -40 && level(p, law, 700) < -40);
        }
        prompt_free(p);
    }
}

static void what_a_telephone_cannot_hear_does_not_fold_back(void **state) {
    struct prompt *p = NULL;
    write_wav("x.wav", SF_FORMAT_PCM_16, 48000, 1, 6000, 500); /* would alias to 2000 Hz */
    assert_int_equal(prompt_load(&p, in_folder("x.wav"), error, sizeof error), 0);
    assert_true(level(p, LAW_ULAW, 2000) < -60);
    prompt_free(p);
}

static void bad_files_are_refused(void **state) {
    struct prompt *p = NULL;
    assert_int_equal(prompt_load(&p, in_folder("none.wav"), error, sizeof error), -ENOENT);
    write_text("text.wav", "this is not audio");
    assert_int_equal(prompt_load(&p, in_folder("text.wav"), error, sizeof error), -EINVAL);
    assert_true(error[0]);
    write_text("empty.wav", "");
    assert_int_equal(prompt_load(&p, in_folder("empty.wav"), error, sizeof error), -EINVAL);
    write_wav("silent.wav", SF_FORMAT_PCM_16, 8000, 1, 1000, 0);
    assert_int_equal(prompt_load(&p, in_folder("silent.wav"), error, sizeof error), -EINVAL);
    assert_string_equal(error, "no audio in it");
    mkdir(in_folder("folder.wav"), 0700);
    assert_int_equal(prompt_load(&p, in_folder("folder.wav"), error, sizeof error), -EINVAL);
    mkfifo(in_folder("pipe.wav"), 0600); /* must not hang */
    assert_int_equal(prompt_load(&p, in_folder("pipe.wav"), error, sizeof error), -EINVAL);
    assert_null(p);
    write_wav("cut.wav", SF_FORMAT_PCM_16, 8000, 1, 1000, 500);
    assert_int_equal(truncate(in_folder("cut.wav"), 44 + 2 * 800), 0); /* what is there is played */
    assert_int_equal(prompt_load(&p, in_folder("cut.wav"), error, sizeof error), 0);
    assert_in_range(p->samples, 790, 800);
    prompt_free(p);
}

/* ---- the folder ---- */

static uint32_t scan(struct prompt_library *lib) {
    struct prompt_job *jobs;
    uint32_t n = 0;
    assert_int_equal(prompt_library_scan(lib, folder, &jobs), 0);
    for (struct prompt_job *j = jobs; j; j = j->next)
        n++;
    prompt_jobs_run(jobs, NULL);
    prompt_library_take(lib, jobs);
    return n;
}

static void numbers_outlive_reloads(void **state) {
    struct prompt_library *lib;
    struct prompt_job *jobs;
    assert_int_equal(prompt_library_create(&lib), 0);
    assert_int_equal(prompt_library_scan(lib, "/nowhere/at/all", &jobs), -ENOENT);
    assert_null(jobs);
    write_wav("a.wav", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    write_wav("b.WAV", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    write_text("c.wav", "junk");
    write_text("readme.txt", "x");
    write_text(".hidden.wav", "x");
    assert_int_equal(scan(lib), 3);
    uint32_t a = prompt_library_find(lib, "a"), b = prompt_library_find(lib, "b");
    assert_true(a && b && a != b);
    assert_int_equal(prompt_library_find(lib, "c"), 0);
    assert_int_equal(prompt_library_count(lib), 2);
    assert_int_equal(scan(lib), 1); /* only the bad one is tried again */
    struct prompt_set *set = prompt_library_set(lib);
    struct prompt *old_b = set->prompt[b];
    free(set);
    unlink(in_folder("b.WAV"));
    write_wav("c.wav", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    scan(lib);
    assert_int_equal(prompt_library_find(lib, "b"), 0);
    assert_true(prompt_library_find(lib, "c"));
    assert_int_equal(prompt_library_find(lib, "a"), a);
    prompt_free(old_b); /* was the media thread's */
    write_wav("b.wav", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    assert_int_equal(prompt_library_scan(lib, folder, &jobs), 0);
    assert_int_equal(prompt_library_find(lib, "b"), b); /* known before it is read */
    assert_int_equal(prompt_library_count(lib), 2);
    prompt_jobs_run(jobs, NULL);
    prompt_library_take(lib, jobs);
    assert_int_equal(prompt_library_count(lib), 3);
    prompt_library_destroy(lib);
}

static void hostile_names_are_refused(void **state) {
    assert_false(prompt_name_is_valid(""));
    assert_false(prompt_name_is_valid("../etc/passwd"));
    assert_false(prompt_name_is_valid(".x"));
    assert_false(prompt_name_is_valid("a\nb"));
    assert_false(prompt_name_is_valid("0123456789012345678901234567890123456789012345678901234567890123"));
    assert_true(prompt_name_is_valid("Guten Tag-2"));
}

static void note(void *arg, const char *name) {
    strcat(strcat(arg, name), " ");
}
static void missing_prompts_are_named_once(void **state) {
    char found[200] = "";
    struct conf_menu menu = {.name = (char *)"m",
                             .welcome = (char *)"there",
                             .prompt = (char *)"gone1",
                             .invalid = (char *)"",
                             .timeout = (char *)"gone1",
                             .goodbye = (char *)"../evil"};
    menu.choice[3] = (struct conf_target){.kind = CONF_TARGET_PLAY, .prompt = (char *)"gone2"};
    menu.fallback = (struct conf_target){.kind = CONF_TARGET_HANGUP, .prompt = (char *)"not-looked-at"};
    struct conf_menu removed = {.removed = true, .welcome = (char *)"gone9"}, menus[] = {menu, removed};
    struct conf_queue queue = {.music = (char *)"gone3", .greeting = (char *)"there"};
    queue.overflow = (struct conf_target){.kind = CONF_TARGET_LOOP, .prompt = (char *)"gone4"};
    queue.exit[11] = (struct conf_target){.kind = CONF_TARGET_PLAY, .prompt = (char *)"gone5"};
    struct conf_number number = {.target = {.kind = CONF_TARGET_PLAY, .prompt = (char *)"gone6"}};
    struct conf conf = {.prompts_dir = folder,
                        .menu = menus,
                        .menu_count = 2,
                        .queue = &queue,
                        .queue_count = 1,
                        .number = &number,
                        .number_count = 1};
    write_wav("there.wav", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    media_missing_prompts(&conf, note, found);
    assert_string_equal(found, "gone1 ../evil gone2 gone3 gone4 gone5 gone6 ");
    /* agents hear the answers to star codes */
    struct conf_agent agents[] = {{.removed = true}, {.removed = false}};
    write_wav("agent-ok.wav", SF_FORMAT_PCM_16, 8000, 1, 500, 100);
    conf = (struct conf){.prompts_dir = folder, .agent = agents, .agent_count = 1};
    found[0] = 0;
    media_missing_prompts(&conf, note, found);
    assert_string_equal(found, "");
    conf.agent_count = 2;
    media_missing_prompts(&conf, note, found);
    assert_string_equal(found, "agent-error ");
}

/* ---- playing ---- */

static struct prompt *counting(uint32_t number, uint32_t samples, uint8_t first) {
    struct prompt *p = calloc(1, sizeof *p);
    p->number = number;
    p->samples = samples;
    for (int law = 0; law < LAWS; law++) {
        p->law[law] = malloc(samples);
        for (uint32_t i = 0; i < samples; i++)
            p->law[law][i] = (uint8_t)(first + (law ? 1 : 0));
    }
    return p;
}

/* What was heard, run-length coded: "1x300 2x50 -x130 " */
static void describe(char *text, const uint8_t *heard, size_t n) {
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && heard[i + run] == heard[i]; run++) {
        }
        text += heard[i] == 0xff ? sprintf(text, "-x%zu ", run) : sprintf(text, "%dx%zu ", heard[i], run);
    }
}

static struct prompt_set *test_set(void) {
    struct prompt_set *set = calloc(1, sizeof *set + 5 * sizeof(struct prompt *));
    set->count = 4;
    set->prompt[1] = counting(1, 300, 1);
    set->prompt[2] = counting(2, 50, 2);
    set->prompt[4] = counting(4, 400, 4);
    return set;
}
static void free_set(struct prompt_set *set) {
    for (uint32_t i = 1; i <= set->count; i++)
        prompt_free(set->prompt[i]);
    free(set);
}

static void sequences_have_no_gap(void **state) {
    struct prompt_set *set = test_set();
    struct play play = {0};
    struct prompt *retired = NULL;
    uint8_t heard[10 * RTP_FRAME];
    char text[200] = "";
    size_t n = 0;
    bool ended = false;
    struct media_play what = {.play_id = 5, .prompt = {1, 2, 3, 99, 1}, .count = 5}; /* 3, 99: not there */
    play_start(&play, &what, set);
    assert_int_equal(set->prompt[1]->users, 2);
    for (; !ended && n < sizeof heard; n += RTP_FRAME)
        ended = play_frame(&play, LAW_ULAW, heard + n);
    describe(text, heard, n);
    assert_string_equal(text, "1x300 2x50 1x300 -x150 ");
    play_stop(&play, &retired);
    assert_int_equal(set->prompt[1]->users, 0);
    assert_null(retired);
    free_set(set);
}

static void loops_resume_where_they_stopped(void **state) {
    struct prompt_set *set = test_set();
    struct play play = {0};
    struct prompt *retired = NULL;
    uint8_t heard[RTP_FRAME];
    struct media_play music = {.prompt = {4}, .count = 1, .loop = true}, word = {.prompt = {2}, .count = 1},
                      greeted = {.prompt = {2, 4}, .count = 2, .loop = true};
    play_start(&play, &music, set);
    for (int i = 0; i < 12; i++) /* 1920 samples = 4 x 400 + 320 */
        assert_false(play_frame(&play, LAW_ALAW, heard));
    assert_int_equal(heard[0], 5);
    assert_int_equal(play.position, 320);
    play_stop(&play, &retired);
    play_start(&play, &word, set);
    assert_true(play_frame(&play, LAW_ULAW, heard));
    play_stop(&play, &retired);
    play_start(&play, &music, set);
    assert_int_equal(play.position, 320);
    play_stop(&play, &retired);
    play_start(&play, &greeted, set); /* the greeting from its start, the music from where it was */
    assert_int_equal(play.position, 0);
    play_frame(&play, LAW_ULAW, heard);
    assert_int_equal(play.at, 1);
    assert_int_equal(play.position, (320 + 110) % 400);
    play_stop(&play, &retired);
    free_set(set);
}

static void retired_prompts_are_handed_back_by_the_last_user(void **state) {
    struct prompt_set *set = test_set();
    struct play a = {0}, b = {0};
    struct prompt *retired = NULL;
    struct media_play what = {.prompt = {1}, .count = 1}, nothing = {.count = 0};
    play_start(&a, &what, set);
    play_start(&b, &what, set);
    set->prompt[1]->retired = true;
    play_stop(&a, &retired);
    play_stop(&a, &retired); /* harmless */
    assert_null(retired);
    play_stop(&b, &retired);
    assert_ptr_equal(retired, set->prompt[1]);
    play_start(&a, &nothing, set);
    uint8_t heard[RTP_FRAME];
    assert_true(play_frame(&a, LAW_ULAW, heard)); /* nothing to play is an end, too */
    play_stop(&a, &retired);
    free_set(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_rate_and_format_gives_the_same_tone, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_a_telephone_cannot_hear_does_not_fold_back, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(bad_files_are_refused, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(numbers_outlive_reloads, make_folder, drop_folder),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test_setup_teardown(missing_prompts_are_named_once, make_folder, drop_folder),
        cmocka_unit_test(sequences_have_no_gap),
        cmocka_unit_test(loops_resume_where_they_stopped),
        cmocka_unit_test(retired_prompts_are_handed_back_by_the_last_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
