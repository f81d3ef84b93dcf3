/* SPDX-License-Identifier: Apache-2.0
 * libconfig cuts whole numbers to 32 bits without a word: `max_wait_ms = 4294967296` would be 0, for ever.
 * So the text is searched for such numbers beforehand. */
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '-';
}

static void check_number(struct reader *reader, const char *file, unsigned line, const char *word,
                         size_t length) {
    char number[40];
    struct config_setting_t place = {.line = line, .file = file};
    snprintf(number, sizeof number, "%.*s", (int)(length < 39 ? length : 39), word);
    if (strchr(number, '.') ||
        (strpbrk(number, "eE") && strncmp(number, "0x", 2) && strncmp(number, "0X", 2)))
        return; /* a fraction is refused by its type */
    bool hex = number[0] == '0' && (number[1] == 'x' || number[1] == 'X'), wide = strchr(number, 'L');
    errno = 0;
    unsigned long long value = strtoull(number, NULL, hex ? 16 : 10);
    if (errno || value > INT64_MAX || (!wide && value > INT32_MAX))
        conf_problem(reader, &place,
                     "%s is too large (expected at most 2147483647, or a number that ends in L)", number);
}

void conf_scan_numbers(struct reader *reader, const char *file, const char *text) {
    unsigned line = 1;
    for (const char *p = text; *p;) {
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++) {
                if (*p == '\\' && p[1])
                    p++;
                line += *p == '\n';
            }
            p += *p == '"';
        } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
                line += *p == '\n';
            p += *p ? 2 : 0;
        } else if (is_word(*p)) {
            size_t length = 0;
            while (is_word(p[length]))
                length++;
            size_t sign = *p == '-';
            if (p[sign] >= '0' && p[sign] <= '9')
                check_number(reader, file, line, p + sign, length - sign);
            p += length;
        } else {
            line += *p++ == '\n';
        }
    }
}
