/* LIBS: store base */
/* SPDX-License-Identifier: Apache-2.0
 * The journal: lines, rows as JSON, torn and flipped bytes at every place, rolling, limits, the lock, kill
 * -9. */
#include "callfloor/log.h"
#include "callfloor/record.h"
#include "store/journal.h"
#include "store/row.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- rows as JSON ---- */

/* Reads a row back with another JSON library and the same field tables. */
static void decode(const char *json, size_t size, enum record_kind kind, struct record *out) {
    json_error_t error;
    size_t count;
    const struct record_field *field = record_fields(kind, &count);
    json_t *object = json_loadb(json, size, 0, &error);
    if (!object)
        fail_msg("%s: %.*s", error.text, (int)size, json);
    size_t used = 0;
    memset(out, 0, sizeof *out);
    out->kind = kind;
    for (size_t i = 0; i < count; i++) {
        char *at = (char *)out + field[i].offset;
        const json_t *value = json_object_get(object, field[i].name);
        uint64_t number;
        uint32_t small;
        if (!value)
            continue;
        used++;
        switch (field[i].type) {
        case RECORD_ID:
            assert_true(json_is_string(value));
            assert_int_equal(str_to_u64(json_string_value(value), &number), 0);
            memcpy(at, &number, 8);
            break;
        case RECORD_TIME:
            number = (uint64_t)json_integer_value(value);
            memcpy(at, &number, 8);
            break;
        case RECORD_U32:
            small = (uint32_t)json_integer_value(value);
            memcpy(at, &small, 4);
            break;
        case RECORD_TEXT:
            assert_int_equal(str_copy(at, field[i].size, json_string_value(value)), 0);
            break;
        }
    }
    assert_int_equal(used, json_object_size(object)); /* nothing besides */
    json_decref(object);
}

/* Fills all fields, texts to their last byte. */
static void fill(struct record *row, enum record_kind kind, unsigned seed, const char *pattern) {
    size_t count;
    const struct record_field *field = record_fields(kind, &count);
    memset(row, 0, sizeof *row);
    row->kind = kind;
    for (size_t i = 0; i < count; i++) {
        char *at = (char *)row + field[i].offset;
        uint64_t number = (uint64_t)INT64_MAX - i - seed;
        uint32_t small = UINT32_MAX - (uint32_t)i - seed;
        switch (field[i].type) {
        case RECORD_ID:
        case RECORD_TIME:
            memcpy(at, &number, 8);
            break;
        case RECORD_U32:
            memcpy(at, &small, 4);
            break;
        case RECORD_TEXT:
            for (size_t j = 0; j + 1 < field[i].size; j++)
                at[j] = pattern[(j + seed) % strlen(pattern)];
            break;
        }
    }
}

static void test_row_there_and_back(void **state) {
    static const char *const patterns[] = {"abc",      "\"\\/\b\n\t\r\f", "\x01\x1f\x7f",
                                           "\xc3\xa4", "\xe2\x82\xac",    "\xf0\x9f\x98\x80"};
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
            struct record row, back;
            char json[STORE_ROW_MAX];
            size_t count;
            fill(&row, (enum record_kind)kind, 0, patterns[p]);
            /* a character cut in the middle is not UTF-8 any more: fill() may do so at the end */
            const struct record_field *field = record_fields((enum record_kind)kind, &count);
            size_t width = strlen(patterns[p]);
            for (size_t i = 0; i < count && (unsigned char)patterns[p][0] > 127; i++)
                if (field[i].type == RECORD_TEXT)
                    memset((char *)&row + field[i].offset + (field[i].size - 1u) / width * width, 0,
                           (field[i].size - 1u) % width);
            size_t size = store_row_encode(json, &row);
            assert_in_range(size, 10, STORE_ROW_MAX);
            decode(json, size, (enum record_kind)kind, &back);
            assert_memory_equal(&row, &back, sizeof row);
        }
        struct record empty = {.kind = (enum record_kind)kind}, back;
        char json[STORE_ROW_MAX];
        size_t size = store_row_encode(json, &empty);
        assert_int_equal(size, 2);
        decode(json, size, (enum record_kind)kind, &back);
        assert_memory_equal(&empty, &back, sizeof back);
    }
}

/* Whatever a phone sends as a name, the line stays JSON: jansson refuses what is not UTF-8. */
static void test_row_hostile_text(void **state) {
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        struct record row = {.kind = RECORD_CONTACT}, back;
        char json[STORE_ROW_MAX];
        row.contact.id = 1;
        size_t length = rng_next(&seed) % 20;
        for (size_t j = 0; j < length; j++)
            row.contact.caller_name[j] = (char)(1 + rng_next(&seed) % 255);
        decode(json, store_row_encode(json, &row), RECORD_CONTACT, &back);
    }
    struct record row = {.kind = RECORD_CONTACT};
    char json[STORE_ROW_MAX];
    str_copy(row.contact.caller_name, NAME_LEN, "a\xc0\x80z\xed\xa0\x80\xf5");
    size_t size = store_row_encode(json, &row);
    const char *expected =
        "{\"caller_name\":\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}";
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(json, expected, size);
}

/* ---- lines ---- */

static void test_line(void **state) {
    char text[STORE_LINE_MAX], longest[STORE_LINE_MAX];
    struct line line;
    uint32_t json;
    size_t size = store_line_build(text, 12, 34, "agent_state", "{\"id\":\"5\"}", 10, &json);
    const char *expected = " 56 {\"seq\":12,\"at\":34,\"kind\":\"agent_state\",\"row\":{\"id\":\"5\"}}\n";
    assert_int_equal(size, 8 + strlen(expected));
    assert_memory_equal(text + 8, expected, strlen(expected));
    assert_int_equal(store_line_parse(text, size, &line), LINE_GOOD);
    assert_int_equal(line.seq, 12);
    assert_int_equal(line.at_us, 34);
    assert_string_equal(line.kind, "agent_state");
    assert_int_equal(line.size, size);
    assert_ptr_equal(line.json, text + json);
    for (size_t i = 0; i < size; i++) /* cut anywhere */
        assert_int_equal(store_line_parse(text, i, &line), LINE_UNFINISHED);
    for (size_t i = 0; i < size; i++) { /* any bit of any byte */
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            assert_int_not_equal(store_line_parse(text, size, &line), LINE_GOOD);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    }
    memset(longest, 'x', sizeof longest);
    assert_int_equal(store_line_build(text, 1, 1, "visit", longest, sizeof longest, &json), 0);
    assert_int_equal(store_line_parse(longest, sizeof longest, &line),
                     LINE_BAD); /* no newline far and wide */
    assert_int_equal(line.size, STORE_LINE_MAX);
}

/* ---- a journal in a folder of its own ---- */

static char dir[64];

static void rm(const char *path) {
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static int make_dir(void **state) {
    snprintf(dir, sizeof dir, "/tmp/callfloor-journal-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int remove_dir(void **state) {
    rm(dir);
    return 0;
}

static char notes[8192];
static struct entry_list delivered;
static bool read_done, reject_done;
static int reject_error;
static uint64_t read_upto;

static void collect(struct journal *journal) {
    struct journal_news news;
    store_journal_collect(journal, &news);
    for (unsigned i = 0; i < news.notes; i++)
        if (strlen(notes) + sizeof news.note[i].text + 1 < sizeof notes)
            strcat(strcat(notes, news.note[i].text), "\n");
    store_entries_append(&delivered, &news.durable);
    store_entries_append(&delivered, &news.read);
    if (news.read_done) {
        read_done = true;
        read_upto = news.read_upto;
    }
    if (news.reject_done) {
        reject_done = true;
        reject_error = news.reject_error;
    }
}

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_for(struct journal *journal, int ms) {
    struct pollfd wait = {store_journal_fd(journal), POLLIN, 0};
    poll(&wait, 1, ms);
    collect(journal);
}

static struct journal_state state_of(struct journal *journal) {
    struct journal_state now;
    store_journal_state(journal, &now);
    return now;
}

static void wait_durable(struct journal *journal) {
    uint64_t until = now_ms() + 5000;
    while (state_of(journal).durable < state_of(journal).put && now_ms() < until)
        pause_for(journal, 20);
    assert_int_equal(state_of(journal).durable, state_of(journal).put);
    collect(journal);
}

static struct journal *open_with(uint64_t max_bytes, bool rotate, struct journal_found *found) {
    struct journal *journal = NULL;
    const struct journal_setup setup = {dir, max_bytes, rotate};
    notes[0] = 0;
    store_entries_init(&delivered);
    int err = store_journal_open(&journal, &setup, found);
    if (err)
        fail_msg("open: %s", strerror(-err));
    collect(journal);
    return journal;
}

/* Reads everything above `after` back from the segments into `delivered`. */
static void read_all(struct journal *journal, uint64_t after) {
    uint64_t until = now_ms() + 10000;
    wait_durable(journal);
    store_entries_free(&delivered);
    do {
        read_done = false;
        store_journal_read(journal, after);
        while (!read_done && now_ms() < until)
            pause_for(journal, 100);
        assert_true(read_done);
        assert_true(read_upto > after || read_upto >= state_of(journal).durable);
        after = read_upto;
    } while (after < state_of(journal).durable);
}

static uint64_t put_text(struct journal *journal, unsigned number) {
    char row[64];
    int n = snprintf(row, sizeof row, "{\"id\":\"%u\"}", number);
    uint64_t seq = store_journal_put(journal, "visit", row, (size_t)n, 1000 + number);
    store_journal_kick(journal);
    return seq;
}

/* The delivered entries are seq from..to, each once, with the row that was put. */
static void check_delivered(uint64_t from, uint64_t to) {
    struct entry *e;
    uint64_t seq = from;
    while ((e = store_entries_pop(&delivered))) {
        char expected[160];
        int n = snprintf(expected, sizeof expected,
                         "{\"seq\":%llu,\"at\":%llu,\"kind\":\"visit\",\"row\":{\"id\":\"%llu\"}}",
                         (unsigned long long)seq, (unsigned long long)(1000 + seq), (unsigned long long)seq);
        assert_int_equal(e->seq, seq);
        assert_int_equal(e->json_size, n);
        assert_memory_equal(e->line + e->json, expected, (size_t)n);
        free(e);
        seq++;
    }
    assert_int_equal(seq, to + 1);
}

static void test_put_follow_reopen(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    char stream[JOURNAL_STREAM_LEN];
    assert_int_equal(found.last_seq, 0);
    assert_int_equal(found.alive_us, 0);
    assert_true(store_journal_follow(journal, 0));
    for (unsigned i = 1; i <= 1000; i++)
        assert_int_equal(put_text(journal, i), i);
    wait_durable(journal);
    check_delivered(1, 1000);
    read_all(journal, 0);
    check_delivered(1, 1000);
    read_all(journal, 990);
    check_delivered(991, 1000);
    str_copy(stream, sizeof stream, store_journal_stream(journal));
    uint64_t bytes = state_of(journal).bytes;
    store_journal_close(journal);

    journal = open_with(0, false, &found);
    assert_int_equal(found.last_seq, 1000);
    assert_true(found.alive_us > 1700000000000000u);
    assert_string_equal(store_journal_stream(journal), stream);
    assert_int_equal(state_of(journal).bytes, bytes);
    assert_string_equal(notes, "");
    assert_int_equal(put_text(journal, 1001), 1001);
    read_all(journal, 0);
    check_delivered(1, 1001);
    assert_false(store_journal_follow(journal, 1000)); /* 1001 was not delivered: it must be read */
    assert_true(store_journal_follow(journal, 1001));
    store_journal_close(journal);
}

/* An admin must be able to read it with cut and any JSON tool. */
static void test_readable(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    char command[256];
    for (unsigned i = 1; i <= 10; i++)
        put_text(journal, i);
    store_journal_close(journal);
    snprintf(command, sizeof command,
             "cut -d' ' -f3- %s/journal/*.journal | /usr/bin/python3 -c 'import json, sys; "
             "assert sum(int(json.loads(l)[\"row\"][\"id\"]) for l in sys.stdin) == 55'",
             dir);
    assert_int_equal(system(command), 0);
}

static void test_lock(void **state) {
    struct journal_found found;
    struct journal *first = open_with(0, false, &found), *second = NULL;
    const struct journal_setup setup = {dir, 0, false};
    assert_int_equal(store_journal_open(&second, &setup, &found), -EAGAIN);
    assert_null(second);
    store_journal_close(first);
    assert_int_equal(store_journal_open(&second, &setup, &found), 0);
    store_journal_close(second);
}

static void test_bad_places(void **state) {
    struct journal *journal = NULL;
    struct journal_found found;
    const struct journal_setup setup = {"/proc/nonexistent/deep", 0, false};
    assert_true(store_journal_open(&journal, &setup, &found) < 0);
    assert_null(journal);
}

/* ---- damage ---- */

static size_t load(const char *path, char *buffer, size_t size) {
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, buffer, size);
    close(fd);
    assert_true(n >= 0);
    return (size_t)n;
}

static void save(const char *path, const char *buffer, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, buffer, size), size);
    close(fd);
}

static int count_files(const char *sub, const char *prefix) {
    char path[128];
    int n = 0;
    struct dirent *item;
    snprintf(path, sizeof path, "%s/%s", dir, sub);
    DIR *d = opendir(path);
    while (d && (item = readdir(d)))
        n += !strncmp(item->d_name, prefix, strlen(prefix));
    if (d)
        closedir(d);
    return n;
}

enum { DAMAGE_RECORDS = 5 };
static char whole[4096], segment_path[128];
static size_t whole_size, line_end[DAMAGE_RECORDS + 1];

static void make_small_segment(void) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    for (unsigned i = 1; i <= DAMAGE_RECORDS; i++)
        put_text(journal, i);
    store_journal_close(journal);
    snprintf(segment_path, sizeof segment_path, "%s/journal/00000000000000000001.journal", dir);
    whole_size = load(segment_path, whole, sizeof whole);
    size_t line = 0;
    for (size_t i = 0; i < whole_size; i++)
        if (whole[i] == '\n')
            line_end[++line] = i + 1;
    assert_int_equal(line, DAMAGE_RECORDS);
    assert_int_equal(line_end[line], whole_size);
}

/* The machine died while the last bytes were written: at each byte. */
static void test_torn_at_every_byte(void **state) {
    make_small_segment();
    for (size_t cut = 0; cut <= whole_size; cut++) {
        struct journal_found found;
        uint64_t complete = 0;
        while (complete < DAMAGE_RECORDS && line_end[complete + 1] <= cut)
            complete++;
        save(segment_path, whole, cut);
        struct journal *journal = open_with(0, false, &found);
        assert_int_equal(found.last_seq, complete);
        assert_int_equal(strstr(notes, "event=journal_torn") != NULL, line_end[complete] != cut);
        assert_int_equal(state_of(journal).corrupt, 0);
        assert_int_equal(put_text(journal, (unsigned)complete + 1), complete + 1);
        read_all(journal, 0);
        check_delivered(1, complete + 1);
        store_journal_close(journal);
    }
    assert_int_equal(count_files("journal/rejected", "corrupt"), 0);
}

/* A flipped bit anywhere: that record is set aside, the others flow. */
static void test_flip_at_every_byte(void **state) {
    make_small_segment();
    for (size_t at = 0; at < whole_size; at++) {
        struct journal_found found;
        struct entry *e;
        char broken[sizeof whole], rejected[128];
        uint64_t hit = 1, seq = 0, expected = DAMAGE_RECORDS, got = 0;
        while (line_end[hit] <= at)
            hit++;
        memcpy(broken, whole, whole_size);
        broken[at] = (char)(broken[at] ^ (1 << at % 8));
        bool joined = whole[at] == '\n';            /* two lines have become one */
        bool split = broken[at] == '\n' && !joined; /* or one two */
        save(segment_path, broken, whole_size);
        struct journal *journal = open_with(0, false, &found);
        read_all(journal, 0);
        while ((e = store_entries_pop(&delivered))) {
            assert_true(e->seq > seq && e->seq != hit);
            seq = e->seq;
            got++;
            free(e);
        }
        expected -= joined && hit < DAMAGE_RECORDS ? 2 : 1;
        assert_int_equal(got, expected);
        (void)split;
        if (joined && hit == DAMAGE_RECORDS) { /* looks like a torn tail */
            assert_non_null(strstr(notes, "event=journal_torn"));
        } else {
            assert_non_null(strstr(notes, "event=journal_corrupt"));
            assert_int_equal(count_files("journal/rejected", "corrupt"), 1);
        }
        store_journal_close(journal);
        journal = open_with(0, false, &found); /* once more: not set aside twice */
        assert_null(strstr(notes, "event=journal_corrupt"));
        store_journal_close(journal);
        snprintf(rejected, sizeof rejected, "%s/journal/rejected", dir);
        rm(rejected);
    }
}

/* Zeros at the end, as some file systems leave them after a power failure; junk without a newline. */
static void test_junk(void **state) {
    static const size_t sizes[] = {1, 4096, STORE_LINE_MAX, 3 * STORE_LINE_MAX + 5, 200000};
    make_small_segment();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct journal_found found;
        char *bytes = calloc(1, whole_size + sizes[i]);
        assert_non_null(bytes);
        memcpy(bytes, whole, whole_size);
        save(segment_path, bytes, whole_size + sizes[i]);
        free(bytes);
        struct journal *journal = open_with(0, false, &found);
        assert_int_equal(found.last_seq, DAMAGE_RECORDS);
        assert_int_equal(put_text(journal, DAMAGE_RECORDS + 1), DAMAGE_RECORDS + 1);
        read_all(journal, 0);
        check_delivered(1, DAMAGE_RECORDS + 1);
        store_journal_close(journal);
        journal = open_with(0, false, &found);
        assert_int_equal(found.last_seq, DAMAGE_RECORDS + 1);
        store_journal_close(journal);
    }
    save(segment_path, "nothing of this is a record\n\n\n", 30);
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    uint64_t seq = put_text(journal, 9);
    assert_true(seq > 0);
    store_journal_close(journal);
    journal = open_with(0, false, &found);
    assert_int_equal(found.last_seq, seq);
    store_journal_close(journal);
}

static uint64_t put_big(struct journal *journal) {
    static char row[4000];
    if (!row[0]) {
        memset(row, 'x', sizeof row);
        memcpy(row, "{\"a\":\"", 6);
        memcpy(row + sizeof row - 2, "\"}", 2);
    }
    return store_journal_put(journal, "contact", row, sizeof row, 5);
}

static void put_megabytes(struct journal *journal, unsigned megabytes) {
    for (unsigned i = 0; i < megabytes * 262; i++) { /* 262 of them are a little more than 1 MB */
        while (!put_big(journal))
            pause_for(journal, 5);
        if (i % 100 == 99) {
            store_journal_kick(journal);
            pause_for(journal, 1);
        }
    }
    store_journal_kick(journal);
    wait_durable(journal);
}

/* In a segment that is not the last: found when it is read back. */
static void test_damage_in_earlier_segment(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    put_megabytes(journal, 10);
    uint64_t put = state_of(journal).put;
    store_journal_close(journal);
    assert_int_equal(count_files("journal", "000"), 2);
    snprintf(segment_path, sizeof segment_path, "%s/journal/00000000000000000001.journal", dir);
    int fd = open(segment_path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\n?\n?\n", 5, 100000), 5);
    assert_int_equal(pwrite(fd, "half a reco", 11, lseek(fd, 0, SEEK_END)), 11);
    close(fd);
    journal = open_with(0, false, &found);
    assert_int_equal(found.last_seq, put);
    read_all(journal, 0);
    assert_int_equal(delivered.count, put - 1);
    store_entries_free(&delivered);
    assert_int_equal(state_of(journal).corrupt, 2);
    assert_int_equal(count_files("journal/rejected", "corrupt"), 2);
    read_all(journal, 0);
    store_entries_free(&delivered);
    assert_int_equal(state_of(journal).corrupt, 2);
    store_journal_close(journal);
}

static void test_stream_file(void **state) {
    struct journal_found found;
    char path[128], first[JOURNAL_STREAM_LEN];
    struct journal *journal = open_with(0, false, &found);
    str_copy(first, sizeof first, store_journal_stream(journal));
    store_journal_close(journal);
    snprintf(path, sizeof path, "%s/journal/stream", dir);
    save(path, "'; DROP TABLE x; --", 19);
    journal = open_with(0, false, &found);
    assert_non_null(strstr(notes, "stream_unreadable"));
    assert_int_equal(strspn(store_journal_stream(journal), "0123456789abcdef"), 16);
    assert_string_not_equal(store_journal_stream(journal), first);
    store_journal_close(journal);
}

/* ---- rolling, deleting, limits ---- */

static void test_rolls_and_deletes(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    put_megabytes(journal, 30);
    assert_int_equal(count_files("journal", "000"), 4);
    uint64_t put = state_of(journal).put, bytes = state_of(journal).bytes;
    assert_in_range(bytes, 30 << 20, 33 << 20);
    store_journal_close(journal);

    journal = open_with(0, false, &found);
    assert_int_equal(found.last_seq, put);
    assert_int_equal(state_of(journal).bytes, bytes);
    read_all(journal, 0);
    assert_int_equal(delivered.count, put);
    for (uint64_t seq = 1; seq <= put; seq++) {
        struct entry *e = store_entries_pop(&delivered);
        assert_int_equal(e->seq, seq);
        free(e);
    }
    store_journal_applied(journal, put / 2);
    uint64_t until = now_ms() + 3000;
    while (count_files("journal", "000") > 3 && now_ms() < until)
        pause_for(journal, 20);
    assert_int_equal(count_files("journal", "000"), 3);
    store_journal_applied(journal, put);
    while (count_files("journal", "000") > 1 && now_ms() < until)
        pause_for(journal, 20);
    assert_int_equal(count_files("journal", "000"), 1); /* the one being written stays */
    read_all(journal, put - 1);
    assert_int_equal(delivered.count, 1);
    store_entries_free(&delivered);
    store_journal_close(journal);
}

/* Journal only: the oldest segments give way. */
static void test_rotates(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(20 << 20, true, &found);
    put_megabytes(journal, 50);
    uint64_t until = now_ms() + 3000;
    while (state_of(journal).bytes > (20 << 20) && now_ms() < until)
        pause_for(journal, 20);
    assert_in_range(state_of(journal).bytes, 10 << 20, 20 << 20);
    assert_false(state_of(journal).full);
    assert_non_null(strstr(notes, "event=journal_rotated"));
    read_all(journal, 0); /* begins with the oldest that is left */
    assert_in_range(delivered.count, 2500, 5500);
    assert_int_equal(state_of(journal).lost, 0);
    store_entries_free(&delivered);
    store_journal_close(journal);
}

/* With a database: full at the limit, an eighth more for the calls in progress, then memory, then lost. */
static void test_full(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(16 << 20, false, &found);
    put_megabytes(journal, 15);
    assert_false(state_of(journal).full);
    put_megabytes(journal, 2);
    assert_true(state_of(journal).full);
    assert_string_equal(state_of(journal).error, ""); /* refuses new work, but still writes */
    uint64_t before = state_of(journal).put;
    while (put_big(journal) && state_of(journal).put < before + 100000)
        if (state_of(journal).put % 100 == 0) {
            store_journal_kick(journal);
            pause_for(journal, 1);
        }
    assert_int_equal(state_of(journal).lost, 1);
    assert_non_null(strstr(state_of(journal).error, "journal_max_bytes"));
    assert_in_range(state_of(journal).bytes, 18 << 20, 19 << 20);
    uint64_t put = state_of(journal).put, in_memory = put - state_of(journal).written;
    assert_in_range(in_memory, 3000, 4300); /* 16 MiB */
    uint64_t until = now_ms() + 5000;
    while (state_of(journal).full && now_ms() < until) {
        store_journal_applied(journal, state_of(journal).durable); /* PostgreSQL takes them: there is room */
        pause_for(journal, 20);
    }
    assert_false(state_of(journal).full);
    wait_durable(journal);
    assert_int_equal(state_of(journal).written, put);
    assert_non_null(strstr(notes, "event=journal_writable"));
    store_journal_close(journal);
}

/* The disk itself refuses (here: the process may not write larger files), and takes again. */
static void test_disk_refuses(void **state) {
    struct journal_found found;
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    struct journal *journal = open_with(0, false, &found);
    for (unsigned i = 1; i <= 20; i++)
        put_text(journal, i);
    wait_durable(journal);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = state_of(journal).bytes + 100; /* in the middle of a record */
    setrlimit(RLIMIT_FSIZE, &small);
    for (unsigned i = 21; i <= 300; i++)
        put_text(journal, i);
    uint64_t until = now_ms() + 3000;
    while (!state_of(journal).full && now_ms() < until)
        pause_for(journal, 20);
    struct journal_state refused = state_of(journal);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(refused.full);
    assert_string_not_equal(refused.error, "");
    assert_true(refused.written < 25);
    until = now_ms() + 5000;
    while (state_of(journal).full && now_ms() < until)
        pause_for(journal, 20);
    assert_false(state_of(journal).full);
    read_all(journal, 0);
    check_delivered(1, 300);
    store_journal_close(journal);
    journal = open_with(0, false, &found);
    assert_int_equal(found.last_seq, 300);
    assert_int_equal(state_of(journal).corrupt, 0);
    store_journal_close(journal);
}

static void test_reject(void **state) {
    struct journal_found found;
    struct journal *journal = open_with(0, false, &found);
    char path[128], text[64];
    reject_done = false;
    assert_int_equal(store_journal_reject(journal, "{\"a\":1}\n", 8), 0);
    uint64_t until = now_ms() + 3000;
    while (!reject_done && now_ms() < until)
        pause_for(journal, 20);
    assert_true(reject_done);
    assert_int_equal(reject_error, 0);
    snprintf(path, sizeof path, "%s/journal/rejected/records.jsonl", dir);
    assert_int_equal(load(path, text, sizeof text), 8);
    store_journal_close(journal);
}

/* ---- kill -9 ---- */

/* What the child tells through memory that outlives it. */
struct shared {
    volatile uint64_t put_ms_ago_seq; /* last seq put at least 50 ms ago */
    volatile uint64_t durable;
};

static void child_writes(struct shared *shared) {
    struct journal *journal = NULL;
    struct journal_found found;
    const struct journal_setup setup = {dir, 0, false};
    if (store_journal_open(&journal, &setup, &found) < 0)
        _exit(3);
    uint64_t mark_ms = now_ms(), mark_seq = 0;
    for (;;) {
        uint64_t seq = state_of(journal).put + 1;
        put_text(journal, (unsigned)seq);
        shared->durable = state_of(journal).durable;
        if (now_ms() - mark_ms >= 50) {
            shared->put_ms_ago_seq = mark_seq;
            mark_ms = now_ms();
            mark_seq = seq;
        }
        if (seq % 16 == 0)
            usleep(200);
    }
}

/* Killed at random moments, again and again: what was put a moment ago is there, in order, each once. */
static void test_kill_9(void **state) {
    uint64_t seed = 42, last = 0;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    for (int round = 0; round < 60; round++) {
        shared->durable = shared->put_ms_ago_seq = 0;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid)
            child_writes(shared);
        usleep((useconds_t)(5000 + rng_next(&seed) % 120000));
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        struct journal_found found;
        struct journal *journal = open_with(0, false, &found);
        assert_true(found.last_seq >= last);
        assert_true(found.last_seq >= shared->durable);
        assert_true(found.last_seq >= shared->put_ms_ago_seq);
        assert_int_equal(state_of(journal).corrupt, 0);
        last = found.last_seq;
        if (round % 10 == 9) { /* every one of them */
            read_all(journal, 0);
            check_delivered(1, last);
        }
        store_journal_close(journal);
    }
    assert_true(last > 10000);
    munmap(shared, sizeof *shared);
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define DIR_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
        cmocka_unit_test(test_row_there_and_back),
        cmocka_unit_test(test_row_hostile_text),
        cmocka_unit_test(test_line),
        DIR_TEST(test_put_follow_reopen),
        DIR_TEST(test_readable),
        DIR_TEST(test_lock),
        DIR_TEST(test_bad_places),
        DIR_TEST(test_torn_at_every_byte),
        DIR_TEST(test_flip_at_every_byte),
        DIR_TEST(test_junk),
        DIR_TEST(test_damage_in_earlier_segment),
        DIR_TEST(test_stream_file),
        DIR_TEST(test_rolls_and_deletes),
        DIR_TEST(test_rotates),
        DIR_TEST(test_full),
        DIR_TEST(test_disk_refuses),
        DIR_TEST(test_reject),
        DIR_TEST(test_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
