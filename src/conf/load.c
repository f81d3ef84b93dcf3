/* SPDX-License-Identifier: Apache-2.0
 * From a file or text to a checked configuration. */
#include "conf/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE_BYTES = 16 << 20 };

#if defined(__SANITIZE_ADDRESS__)
/* libconfig 1.5 forgets the text it was reading when it meets a syntax error: some bytes, not ours. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libconfig_yylex\nleak:strbuf_append\n";
}
#endif

void conf_free(struct conf *conf) {
    if (!conf)
        return;
    conf_clear_entry(&conf_root, conf);
    conf_index_free(conf->index);
    free(conf->path);
    free(conf);
}

/* Does a setting of this name hold something not everybody may read? */
static bool is_secret(const config_setting_t *setting) {
    static const char *const secrets[] = {"password", "ha1", "password_hash"};
    const char *name = config_setting_name(setting), *text = config_setting_get_string(setting);
    if (!name || !text || !*text)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (!strcmp(secrets[i], name))
            return true;
    return !strcmp(name, "database") && strstr(text, "password");
}

/* The first one in a file, or NULL. */
static config_setting_t *find_secret(config_setting_t *setting, const char *file) {
    if (!config_setting_is_aggregate(setting)) {
        const char *source = config_setting_source_file(setting);
        return is_secret(setting) && source && !strcmp(source, file) ? setting : NULL;
    }
    for (int i = 0; i < config_setting_length(setting); i++) {
        config_setting_t *found = find_secret(config_setting_get_elem(setting, (unsigned)i), file);
        if (found)
            return found;
    }
    return NULL;
}

/* The text of a file (malloc'ed), or NULL with errno. */
static char *read_file(const char *path) {
    struct stat st;
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t length = 0;
    if (!file)
        return NULL;
    if (fstat(fileno(file), &st))
        goto out;
    errno = S_ISDIR(st.st_mode) ? EISDIR : st.st_size > MAX_FILE_BYTES ? EFBIG : 0;
    if (errno || !(text = malloc(MAX_FILE_BYTES + 1)))
        goto out;
    length = fread(text, 1, MAX_FILE_BYTES, file);
    text[length] = 0;
    if (memchr(text, 0, length)) {
        free(text);
        text = NULL;
        errno = EILSEQ;
    }
out:;
    int err = errno;
    fclose(file);
    errno = err;
    return text;
}

/* What libconfig cannot tell: of the main file and all included ones. */
static void check_numbers(struct reader *reader, const config_t *config) {
    char room[600];
    for (unsigned i = 0; i < config->num_filenames; i++) {
        char *text = read_file(conf_file_place(reader, config->filenames[i], room, sizeof room));
        if (text)
            conf_scan_numbers(reader, config->filenames[i], text);
        free(text);
    }
}

static void check_modes(struct reader *reader, const config_t *config) {
    char room[600];
    struct stat st;
    for (unsigned i = 0; i < config->num_filenames; i++) {
        config_setting_t *secret = find_secret(config->root, config->filenames[i]);
        if (!secret || stat(conf_file_place(reader, config->filenames[i], room, sizeof room), &st) ||
            !(st.st_mode & S_IROTH))
            continue;
        size_t back = conf_path_push(reader, "", config_setting_name(secret));
        conf_warning(reader, secret, "everybody may read it (expected mode 0640 of the file)");
        conf_path_pop(reader, back);
    }
}

static int make(struct conf **confp, struct reader *reader, config_t *config, const char *path) {
    struct conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return -ENOMEM;
    reader->conf = conf;
    conf_set_text(reader, &conf->path, path);
    conf_apply_defaults(reader, &conf_root, conf);
    if (!reader->no_memory) {
        config_setting_t *root = config_root_setting(config);
        conf_number_names(reader, root);
        conf_read_group(reader, &conf_root, root, conf);
        conf_check(reader, root);
    }
    free(reader->skill_live);
    if (reader->no_memory || reader->problems) {
        conf_free(conf);
        return reader->no_memory ? -ENOMEM : -EINVAL;
    }
    *confp = conf;
    return 0;
}

/* Line number `line` of text, trimmed, at most size bytes. */
static void copy_line(const char *text, int line, char *out, size_t size) {
    while (--line > 0 && (text = strchr(text, '\n')))
        text++;
    *out = 0;
    if (text)
        snprintf(out, size, "%.*s", (int)strcspn(text + strspn(text, " \t"), "\r\n"),
                 text + strspn(text, " \t"));
}

static int syntax_error(struct reader *reader, const config_t *config, const char *text) {
    char line[1200], near[120] = "";
    char room[600];
    const char *file = config_error_file(config) ? config_error_file(config) : reader->file;
    file = conf_file_place(reader, file, room, sizeof room);
    char *included = text ? NULL : read_file(file);
    if (text || included)
        copy_line(text ? text : included, config_error_line(config), near, sizeof near);
    free(included);
    if (strstr(near, "password") || strstr(near, "ha1"))
        str_copy(near, sizeof near, "(a line with a password)");
    snprintf(line, sizeof line, "%s:%d: %s %s%s (expected libconfig's language: name = value;)", file,
             config_error_line(config), config_error_text(config),
             *near ? "near: " : "at the end of the file", near);
    conf_tell(reader, line);
    return -EINVAL;
}

int conf_load(struct conf **confp, const char *path, const struct conf *old, conf_error_fn *errors,
              void *arg) {
    struct reader reader = {.old = old, .errors = errors, .arg = arg, .file = path};
    config_t config;
    char line[400];
    const char *slash = strrchr(path, '/');
    int err;
    char *text = read_file(path);
    if (!text || str_copy(reader.dir, sizeof reader.dir, slash ? path : "") < 0) {
        err = text ? ENAMETOOLONG : errno;
        snprintf(line, sizeof line, "%s: cannot be read: %s", path,
                 err == EILSEQ ? "it is not a text file" : strerror(err));
        conf_tell(&reader, line);
        free(text);
        return err == ENOMEM ? -ENOMEM : -EINVAL;
    }
    free(text);
    if (slash)
        reader.dir[slash == path ? 1 : slash - path] = 0;
    config_init(&config);
    config_set_include_dir(&config, slash ? reader.dir : ".");
    if (!config_read_file(&config, path)) {
        err = syntax_error(&reader, &config, NULL);
    } else {
        check_numbers(&reader, &config);
        err = make(confp, &reader, &config, path);
        check_modes(&reader, &config);
    }
    config_destroy(&config);
    return err;
}

int conf_parse(struct conf **confp, const char *text, const struct conf *old, conf_error_fn *errors,
               void *arg) {
    struct reader reader = {.old = old, .errors = errors, .arg = arg, .file = "text"};
    config_t config;
    int err;
    config_init(&config);
    if (!config_read_string(&config, text)) {
        err = syntax_error(&reader, &config, text);
    } else {
        conf_scan_numbers(&reader, reader.file, text);
        err = make(confp, &reader, &config, "text");
    }
    config_destroy(&config);
    return err;
}
