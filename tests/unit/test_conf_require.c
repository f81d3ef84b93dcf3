/* SPDX-License-Identifier: Apache-2.0
 * LIBS: conf base
 * Skill expressions: each comparison, precedence, what is told of mistakes, random expressions against an
 * evaluator of their trees, and random text, which must be refused in one line or be well formed. */
#include "callfloor/conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SKILLS = 5, RUNS = 20000 };
static const char *const names[SKILLS + 1] = {"", "a", "b-2", "english", "x.y", "android"};

static char told[4000];
static unsigned lines; /* of problems */

static void collect(void *arg, const char *line) {
    lines += !strstr(line, ": warning: ");
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", line);
}

/* A configuration with one queue that requires text, or NULL and told[]. */
static struct conf *parse(const char *text) {
    static char file[8000];
    struct conf *conf = NULL;
    char *at = file + sprintf(file, "skills = [ \"a\", \"b-2\", \"english\", \"x.y\", \"android\" ];"
                                    "queues = ( { name = \"q\"; require = \"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    strcpy(at, "\"; } );");
    told[0] = 0;
    lines = 0;
    int err = conf_parse(&conf, file, NULL, collect, NULL);
    assert_true(err == 0 || err == -EINVAL);
    assert_true((err == 0) == (conf != NULL));
    return conf;
}

static bool met(const char *text, const uint8_t *level) {
    struct conf *conf = parse(text);
    if (!conf)
        fail_msg("%s\nrefused: %s", text, told);
    bool result = conf_require_met(&conf->queue[0].require, level, SKILLS);
    conf_free(conf);
    return result;
}

/* ---- by hand ---- */

static void comparisons(void **state) {
    char text[40];
    for (uint8_t level = 0; level <= 10; level++)
        for (int n = 0; n <= 10; n++) {
            const uint8_t levels[SKILLS + 1] = {0, 0, level};
            const struct {
                const char *before, *after;
                bool expected;
            } cases[] = {{"b-2 >= ", "", level >= n},
                         {"b-2>", "", level > n},
                         {"b-2 =", "", level == n},
                         {"b-2<= ", "", level <= n},
                         {" b-2   <   ", "  ", level < n}};
            for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                snprintf(text, sizeof text, "%s%d%s", cases[i].before, n, cases[i].after);
                if (met(text, levels) != (level && cases[i].expected)) /* who lacks it meets nothing */
                    fail_msg("%s with level %u", text, level);
            }
            assert_int_equal(met("b-2", levels), level > 0);
        }
}

static void by_hand(void **state) {
    static const struct {
        const char *text;
        uint8_t level[SKILLS + 1];
        bool expected;
    } cases[] = {
        {"", {0}, true},
        {"not a", {0}, true},
        {"not a", {0, 1}, false},
        {"not a < 5", {0}, true}, /* plain negation of a comparison that is false */
        {"not not a", {0, 1}, true},
        {"a or b-2 and english", {0, 1, 0, 0}, true}, /* and binds tighter */
        {"(a or b-2) and english", {0, 1, 0, 0}, false},
        {"english and b-2 or a", {0, 1, 0, 0}, true},
        {"english and (b-2 or a)", {0, 1, 0, 0}, false},
        {"not a and b-2", {0, 0, 0}, false}, /* not binds tightest */
        {"not (a and b-2)", {0, 0, 0}, true},
        {"not a or b-2", {0, 1, 1}, true},
        {"not (a or b-2)", {0, 1, 1}, false},
        {"android and x.y", {0, 0, 0, 0, 1, 1}, true}, /* a name that begins with a word */
        {"a and not b-2 and not (english or x.y < 3)", {0, 1, 0, 0, 3}, true},
        {"a and not b-2 and not (english or x.y < 3)", {0, 1, 0, 0, 2}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (met(cases[i].text, cases[i].level) != cases[i].expected)
            fail_msg("%s is not %d", cases[i].text, cases[i].expected);
}

static void mistakes(void **state) {
    static const char *const skill = "(expected the name of a skill, not or \"(\")";
    char sixty[400] = "a", deep[100] = "", word[100];
    for (int i = 0; i < 32; i++) /* 33 skills, 32 words: one too many */
        strcat(sixty, " or a");
    for (int i = 0; i < 32; i++)
        strcat(deep, "(");
    strcat(deep, "a");
    const struct {
        const char *text, *where, *what;
    } cases[] = {
        {" ", "column 2: the expression ends ", skill},
        {"a and", "column 6: the expression ends ", skill},
        {"not", "column 4: the expression ends ", skill},
        {"and a", "column 1: \"and\" ", skill},
        {"a or or a", "column 6: \"or\" ", skill},
        {"a not a", "column 3: \"not\" ", "(expected and, or or the end)"},
        {"a english", "column 3: \"english\" ", "(expected and, or or the end)"},
        {"a && english", "column 3: \"&\" ", "(expected and, or or the end)"},
        {"(a english)", "column 4: \"english\" ", "(expected and, or or \")\")"},
        {"(a", "column 3: the expression ends ", "(expected and, or or \")\")"},
        {"a)", "column 2: \")\" ", "(expected a \"(\" before it)"},
        {"()", "column 2: \")\" ", skill},
        {"a >= ", "column 6: the expression ends ", "(expected a level of 0 to 10)"},
        {"a >= 11", "column 6: \"11\" ", "(expected a level of 0 to 10)"},
        {"a >= -1", "column 6: \"-1\" ", "(expected a level of 0 to 10)"},
        {"a >= 1.5", "column 6: \"1.5\" ", "(expected a level of 0 to 10)"},
        {"a >= 99999999999", "column 6: \"99999999999\" ", "(expected a level of 0 to 10)"},
        {"a >= english", "column 6: \"english\" ", "(expected a level of 0 to 10)"},
        {"a == 3", "column 3: \"==\" ", "(expected >=, >, =, <= or <)"},
        {"a != 3", "column 3: \"!=\" ", "(expected >=, >, =, <= or <; \"not\" stands before the skill)"},
        {"a >= 3 >= 4", "column 8: \">=\" ", "(expected and, or or the end)"},
        {"((english))>=3", "column 12: \">=\" ", "(expected and, or or the end)"},
        {"3 <= a", "column 1: \"3\": ", "there is no such skill in skills"},
        {"a and klingon > 3", "column 7: \"klingon\": ", "there is no such skill in skills"},
        {"a AND b-2", "column 3: \"AND\" ", "(expected and, or or the end)"},
        {"Not a", "column 1: \"Not\" ", "(expected a skill; and, or, not are written in small letters)"},
        {"żółć and łoś", "column 1: \"żółć\": ", "there is no such skill in skills"},
        {"a or łoś", "column 6: \"łoś\": ", "there is no such skill in skills"},
        {"a or ś , a", "column 6: \"ś\": ", "there is no such skill in skills"},
        {"(a or (english,a))", "column 15: \",\" ", "(expected and, or or \")\")"},
        {word, "column 1: ", "\"ażżżżżżżżżżżżżżżżżżżżżżżżżżżżż\": there is"}, /* cut between characters */
        {sixty, "column 162: ", "too long (expected at most 64 skills, and, or, not together)"},
        {deep, "column 33: ", "nested too deep (expected at most 32 deep)"},
        {"not not not not not not not not not not not not not not not not not not not not not not not not "
         "not not not not not not not not a",
         "column 129: ", "nested too deep"},
    };
    strcpy(word, "a");
    for (int i = 0; i < 40; i++)
        strcat(word, "ż");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[300];
        snprintf(expected, sizeof expected, "text:1: queues[q].require: %s%s", cases[i].where, cases[i].what);
        assert_null(parse(cases[i].text));
        if (lines != 1 || !strstr(told, expected))
            fail_msg("%s\nnot told: %s\ntold: %s", cases[i].text, expected, told);
    }
}

/* A skill that is no more in the file keeps its number, but cannot be asked for. */
static void removed_skill(void **state) {
    struct conf *old = parse("english"), *conf = NULL;
    lines = 0;
    told[0] = 0;
    assert_int_equal(
        conf_parse(&conf, "skills = [ \"a\" ]; queues = ( { name = \"q\"; require = \"a or english\"; } );",
                   old, collect, NULL),
        -EINVAL);
    assert_non_null(strstr(told, "column 6: \"english\": there is no such skill in skills"));
    assert_int_equal(conf_parse(&conf,
                                "skills = [ \"x.y\" ]; queues = ( { name = \"q\"; require = \"x.y\"; } );",
                                old, collect, NULL),
                     0);
    assert_int_equal(conf->queue[0].require.test[0].skill, 4); /* as before */
    conf_free(old);
    conf_free(conf);
}

static void largest(void **state) {
    char text[1100] = "a";
    for (int i = 0; i < 31; i++)
        strcat(text, " or a");
    strcat(text, " ");
    struct conf *conf = parse(text); /* 32 skills and 31 words */
    assert_non_null(conf);
    assert_int_equal(conf->queue[0].require.count, 63);
    assert_string_equal(conf->queue[0].require.text, text);
    conf_free(conf);
    strcpy(text + strlen(text) - 2, "not a");
    conf = parse(text);
    assert_non_null(conf);
    assert_int_equal(conf->queue[0].require.count, CONF_MAX_TESTS);
    conf_free(conf);
    *text = 0; /* the deepest stack: a or (a or (a or ... */
    for (int i = 0; i < 31; i++)
        strcat(text, "a or (");
    strcat(text, "b-2");
    for (int i = 0; i < 31; i++)
        strcat(text, ")");
    assert_true(met(text, (uint8_t[SKILLS + 1]){0, 0, 1}));
    assert_false(met(text, (uint8_t[SKILLS + 1]){0, 0, 0, 10, 10, 10}));
}

/* ---- random expressions against the evaluator of their trees ---- */

enum node_kind { NODE_BARE, NODE_GE, NODE_GT, NODE_EQ, NODE_LE, NODE_LT, NODE_NOT, NODE_AND, NODE_OR };
struct node {
    enum node_kind kind;
    unsigned skill, level;
    struct node *left, *right;
};
static struct node nodes[64];
static unsigned node_count;
static uint64_t dice;

static unsigned draw(unsigned n) {
    return (unsigned)(rng_next(&dice) % n);
}

static struct node *grow(unsigned depth) {
    struct node *n = &nodes[node_count++];
    *n = (struct node){.kind = draw(6), .skill = 1 + draw(SKILLS), .level = draw(11)};
    if (!depth || !draw(4))
        return n;
    n->kind = NODE_NOT + draw(3);
    n->left = grow(depth - 1);
    if (n->kind != NODE_NOT)
        n->right = grow(depth - 1);
    return n;
}

static bool eval(const struct node *n, const uint8_t *level) {
    unsigned has = level[n->skill];
    switch (n->kind) {
    case NODE_NOT:
        return !eval(n->left, level);
    case NODE_AND:
        return eval(n->left, level) && eval(n->right, level);
    case NODE_OR:
        return eval(n->left, level) || eval(n->right, level);
    case NODE_GE:
        return has && has >= n->level;
    case NODE_GT:
        return has && has > n->level;
    case NODE_EQ:
        return has && has == n->level;
    case NODE_LE:
        return has && has <= n->level;
    case NODE_LT:
        return has && has < n->level;
    case NODE_BARE:
        break;
    }
    return has;
}

static void blanks(char **at) {
    for (unsigned n = draw(3); n; n--)
        *(*at)++ = ' ';
}

/* With as few parentheses as the rules allow, and now and then with some too many. strength: of what stands
 * around it, 0 = or, 1 = and, 2 = not. */
static void print(char **at, const struct node *n, int strength) {
    static const char *const compare[] = {"", ">=", ">", "=", "<=", "<"};
    int own = n->kind == NODE_OR ? 0 : n->kind == NODE_AND ? 1 : 2;
    bool parens = own < strength || !draw(8);
    blanks(at);
    if (parens)
        *at += sprintf(*at, "(");
    blanks(at);
    if (n->kind == NODE_NOT) {
        *at += sprintf(*at, "not ");
        print(at, n->left, 2);
    } else if (n->left) {
        print(at, n->left, own);
        *at += sprintf(*at, " %s ", own ? "and" : "or");
        print(at, n->right, own);
    } else {
        *at += sprintf(*at, "%s", names[n->skill]);
        blanks(at);
        *at += sprintf(*at, "%s", compare[n->kind]);
        blanks(at);
        if (n->kind != NODE_BARE)
            *at += sprintf(*at, "%u", n->level);
    }
    blanks(at);
    if (parens)
        *at += sprintf(*at, ")");
    blanks(at);
}

static void random_expressions(void **state) {
    unsigned refused = 0, yes = 0;
    for (dice = 1; dice <= RUNS; dice++) {
        uint64_t seed = dice;
        char text[2000], *at = text;
        node_count = 0;
        struct node *tree = grow(4);
        print(&at, tree, 0);
        *at = 0;
        if (strlen(text) > 1024) { /* the limit of any text */
            refused++;
            dice = seed;
            continue;
        }
        struct conf *conf = parse(text);
        if (!conf)
            fail_msg("seed %llu: %s\nrefused: %s", (unsigned long long)seed, text, told);
        assert_int_equal(conf->queue[0].require.count, node_count);
        for (int i = 0; i < 50; i++) {
            uint8_t level[SKILLS + 1] = {0};
            for (int s = 1; s <= SKILLS; s++)
                level[s] = (uint8_t)(draw(3) ? draw(11) : 0);
            bool expected = eval(tree, level);
            yes += expected;
            if (conf_require_met(&conf->queue[0].require, level, SKILLS) != expected)
                fail_msg("seed %llu: %s", (unsigned long long)seed, text);
        }
        conf_free(conf);
        dice = seed;
    }
    assert_true(refused < RUNS / 20);
    assert_in_range(yes, RUNS * 10, RUNS * 40); /* the levels ask something of the expressions */
}

/* ---- random text ---- */

static void assert_well_formed(const struct conf_require *r) {
    unsigned depth = 0;
    assert_in_range(r->count, 1, CONF_MAX_TESTS);
    for (const struct conf_test *t = r->test; t < r->test + r->count; t++) {
        unsigned takes = t->kind == CONF_TEST_LEVEL ? 0 : t->kind == CONF_TEST_NOT ? 1 : 2;
        assert_true(t->kind <= CONF_TEST_NOT && depth >= takes);
        if (!takes)
            assert_true(t->skill >= 1 && t->skill <= SKILLS && t->least >= 1 && t->most <= 10);
        depth = depth - takes + 1;
    }
    assert_int_equal(depth, 1);
}

static unsigned try(const char *text, uint64_t seed) {
    struct conf *conf = parse(text);
    if (!conf) {
        if (lines != 1 || !strstr(told, "text:1: queues[q].require: "))
            fail_msg("seed %llu: %s\ntold: %s", (unsigned long long)seed, text, told);
        return 0;
    }
    const struct conf_require *r = &conf->queue[0].require;
    assert_string_equal(r->text, text);
    assert_true(r->count || !*text);
    if (r->count)
        assert_well_formed(r);
    conf_free(conf);
    return 1;
}

static void random_text(void **state) {
    static const char *const words[] = {"a",  "b-2",    "english", "and", "or", "not", "(", ")", "(",
                                        ")",  ">=",     "<",       "=",   "!=", "3",   "0", "1", "10",
                                        "11", "nobody", " ",       " ",   "ż",  "&",   "<", ">", "AND"};
    unsigned good = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        char text[1100] = "";
        dice = seed;
        if (seed % 4 == 0) { /* any bytes */
            unsigned length = draw(draw(10) ? 20 : 1024);
            for (unsigned i = 0; i < length; i++)
                text[i] = (char)(1 + draw(255));
        } else { /* words, so that it gets far; now and then very many */
            for (unsigned n = draw(draw(10) ? 8 : 250); n; n--) {
                strcat(text, words[draw(ARRAY_LEN(words))]);
                strcat(text, draw(3) ? " " : "");
            }
        }
        good += try(text, seed);
    }
    assert_in_range(good, RUNS / 100, RUNS / 2);
}

/* A good expression with one byte changed, taken out or doubled. */
static void nearly_good_text(void **state) {
    unsigned good = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        char text[2100], *at = text;
        dice = seed * 977;
        node_count = 0;
        print(&at, grow(3), 0);
        *at = 0;
        size_t length = strlen(text), place = draw((unsigned)length);
        if (length > 1000)
            continue;
        switch (draw(3)) {
        case 0:
            text[place] = "ab ()<>=!0159.-#\"\\%"[draw(19)];
            break;
        case 1:
            memmove(text + place, text + place + 1, length - place);
            break;
        default:
            memmove(text + place + 1, text + place, length - place + 1);
        }
        good += try(text, seed);
    }
    assert_in_range(good, RUNS / 10, RUNS - RUNS / 10); /* blanks are many */
}

/* What the parser never makes must not do harm either. */
static void broken_postfix(void **state) {
    uint8_t level[SKILLS + 1] = {0, 1, 2, 3, 4, 5};
    unsigned yes = 0;
    struct conf_test any = {CONF_TEST_LEVEL, 1, 0, 10};
    assert_false(conf_require_met(&(struct conf_require){.test = &any, .count = 1}, (uint8_t[2]){0, 0}, 1));
    assert_true(conf_require_met(&(struct conf_require){.test = &any, .count = 1}, (uint8_t[2]){0, 1}, 1));
    for (dice = 1; dice <= RUNS; dice++) {
        uint64_t seed = dice;
        struct conf_test *test = calloc(CONF_MAX_TESTS, sizeof *test); /* to its end, for the sanitizer */
        struct conf_require require = {.test = test, .count = 1 + draw(CONF_MAX_TESTS)};
        for (uint32_t i = 0; i < require.count; i++)
            test[i] = (struct conf_test){draw(4), draw(8) ? draw(20) : UINT32_MAX, (uint8_t)draw(12),
                                         (uint8_t)draw(12)};
        yes += conf_require_met(&require, level, SKILLS);
        free(test);
        dice = seed;
    }
    assert_in_range(yes, 1, RUNS - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons),    cmocka_unit_test(by_hand),
        cmocka_unit_test(mistakes),       cmocka_unit_test(largest),
        cmocka_unit_test(removed_skill),  cmocka_unit_test(random_expressions),
        cmocka_unit_test(random_text),    cmocka_unit_test(nearly_good_text),
        cmocka_unit_test(broken_postfix),
    };
    return cmocka_run_group_tests_name("conf_require", tests, NULL, NULL);
}
