/* SPDX-License-Identifier: Apache-2.0
 * The reference of the configuration from its table: docs/configuration.md and callfloord.conf(5). */
#include "conf/schema.h"

#include <ctype.h>
#include <string.h>

static const char *type_name(const struct conf_option *o) {
    switch (o->type) {
    case OPTION_BOOL:
        return "true or false";
    case OPTION_U16:
    case OPTION_U32:
    case OPTION_U64:
        return "number";
    case OPTION_TEXT:
        return "text";
    case OPTION_NAME:
        return "name";
    case OPTION_PROMPT:
        return "prompt name";
    case OPTION_PATH:
        return "path";
    case OPTION_IP:
        return "numeric address";
    case OPTION_WORD:
    case OPTION_TRANSPORT:
        return "word";
    case OPTION_TARGET:
        return "target";
    case OPTION_CONTACT:
        return "SIP URI";
    case OPTION_HA1:
        return "32 hex digits";
    case OPTION_HASH:
        return "crypt(3) hash";
    case OPTION_NETWORK:
        return "address, network or host name";
    case OPTION_NUMBER:
        return "called number";
    case OPTION_RANGE:
        return "range";
    case OPTION_DIGIT:
        return "digit";
    case OPTION_NAMES:
        return "array of names";
    case OPTION_SKILLS:
        return "array of skills";
    case OPTION_QUEUES:
        return "array of queues";
    case OPTION_REQUIRE:
        return "skill expression";
    case OPTION_GROUP:
        return "group";
    case OPTION_LIST:
        return "list of groups";
    }
    return "";
}

/* Type, range and words of an option in one phrase. */
static void describe(const struct conf_option *o, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "%s", type_name(o));
    if (o->type == OPTION_U16 || o->type == OPTION_U32 || o->type == OPTION_U64)
        n += (size_t)snprintf(out + n, size - n, " %llu to %llu%s%s", (unsigned long long)o->min,
                              (unsigned long long)o->max, o->unit ? " " : "", o->unit ? o->unit : "");
    if ((o->type == OPTION_LIST || o->type == OPTION_NAMES || o->type == OPTION_SKILLS) && n < size)
        n += (size_t)snprintf(out + n, size - n, ", at most %llu", (unsigned long long)o->max);
    for (int i = 0; o->words && o->words[i] && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s \"%s\"", i ? " or" : "", o->words[i]);
}

/* mdoc: a '\' begins an escape, a '.' or ''' at the beginning of a line a request; `x` becomes quotes,
 * `"x"` has them; a new sentence begins a new line. */
static void put_man(FILE *out, const char *text) {
    bool open = false, start = true;
    for (; *text; start = false, text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '`' && (open ? text[-1] : text[1]) == '"') /* has quotes already */
            open = !open;
        else if (*text == '`')
            fputs((open = !open) ? "\\(lq" : "\\(rq", out);
        else if (start && (*text == '.' || *text == '\''))
            fprintf(out, "\\&%c", *text);
        else if (*text == '"')
            fputs("\\(dq", out);
        else if (text[0] == '.' && text[1] == ' ' && !islower((unsigned char)text[2]) && text[2] != '`') {
            fputs(".\n", out);
            text++;
        } else
            fputc(*text, out);
    }
    fputc('\n', out);
}

/* Markdown's table cells must not have a bar. */
static void put_cell(FILE *out, const char *text) {
    for (; *text; text++)
        fputs(*text == '|' ? "\\|" : (char[]){*text, 0}, out);
}

static void section_markdown(FILE *out, const struct conf_section *section, const char *path, int depth) {
    char phrase[400], inner[128];
    fprintf(out, "\n%.*s %s\n\n%s\n\n| option | value | default | |\n| --- | --- | --- | --- |\n", depth + 1,
            "######", path, section->help);
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *o = &section->option[i];
        describe(o, phrase, sizeof phrase);
        fprintf(out, "| `%s` | %s | ", o->name, phrase);
        fprintf(out, o->fallback && *o->fallback ? "`%s`" : "must be given", o->fallback);
        fputs(" | ", out);
        put_cell(out, o->help);
        fputs(" |\n", out);
    }
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *o = &section->option[i];
        if (!o->section || depth > 3)
            continue;
        snprintf(inner, sizeof inner, "%s.%s", path, o->name);
        section_markdown(out, o->section, inner, depth + 1);
    }
}

static void section_man(FILE *out, const struct conf_section *section, const char *path, int depth) {
    char phrase[400], inner[128];
    fprintf(out, ".Ss %s\n", path);
    put_man(out, section->help);
    fputs(".Bl -tag -width Ds\n", out);
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *o = &section->option[i];
        describe(o, phrase, sizeof phrase);
        fprintf(out, ".It Cm %s\n", o->name);
        put_man(out, o->help);
        fputs(".br\n", out);
        char line[600];
        snprintf(line, sizeof line, "%s; %s%s", phrase,
                 o->fallback && *o->fallback ? "default " : "must be given", o->fallback ? o->fallback : "");
        put_man(out, line);
    }
    fputs(".El\n", out);
    for (unsigned i = 0; i < section->count; i++) {
        const struct conf_option *o = &section->option[i];
        if (!o->section || depth > 3)
            continue;
        snprintf(inner, sizeof inner, "%s.%s", path, o->name);
        section_man(out, o->section, inner, depth + 1);
    }
}

static const char markdown_head[] =
    "# Configuration\n\n"
    "Made by `make docs` from the table in `src/conf/schema.c`; do not edit.\n\n"
    "One file in libconfig's language, `/etc/callfloor/callfloord.conf` by default: `name = value;`, groups\n"
    "`{ }`, lists `( )`, arrays `[ ]`, comments `#`. `@include \"FILE\"` takes in another file, relative to "
    "the\n"
    "folder of the first; so are relative paths of folders and sockets. Times are whole numbers in the unit "
    "at\n"
    "the end of the option's name. `conf/callfloord.conf` has every option with its default.\n\n"
    "`callfloord -t -c FILE` checks a file. An unknown or wrong option is an error that names file, line, "
    "path\n"
    "and what was expected; as many problems as possible are told at once. A reload (`systemctl reload\n"
    "callfloord`, `callfloorctl reload`, SIGHUP) with a wrong file changes nothing.\n\n"
    "Trunks, menus, skills, queues and agents keep their number over reloads, also when one is taken out "
    "and\n"
    "comes back later, so calls in progress never change hands.\n\n"
    "A *target* tells where a call goes: `menu:NAME`, `queue:NAME`, `agent:ID`, `play:PROMPT` (once, then "
    "hang\n"
    "up), `loop:PROMPT` (until the caller hangs up), `hangup`. A *skill* is `\"NAME:LEVEL\"` with a level of "
    "1 to\n"
    "10, or `\"NAME\"` for level 1; on a queue it is the least level wanted. Names are letters, digits, `.`, "
    "`_`\n"
    "and `-`.\n\n"
    "A *skill expression* says what an agent must have: `english >= 3 and (billing or not trainee)`. A level "
    "is\n"
    "compared by `>=`, `>`, `=`, `<=` or `<` with 0 to 10; a skill alone wants any level; a comparison with "
    "a "
    "skill\n"
    "that the agent lacks is false. `not` binds tightest, then `and`, then `or`. At most 64 skills and "
    "words\n"
    "together, 32 levels of nesting. An empty text wants nothing.\n\n"
    "A *range* makes many agents of one entry:\n\n"
    "    { ids = \"1001-1250\"; name = \"Agent %s\"; contact = \"sip:%s@192.0.2.20\"; queues = [ \"sales\" "
    "]; }\n\n"
    "is 250 agents; `%s` in name, password and contact stands for each one's id.\n";

static const char man_head[] =
    ".\\\" Made by `make docs` from src/conf/schema.c; do not edit.\n"
    ".Dd $Mdocdate$\n"
    ".Dt CALLFLOORD.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm callfloord.conf\n"
    ".Nd configuration of the call center daemon\n"
    ".Sh DESCRIPTION\n"
    "The file is written in the language of libconfig:\n"
    ".Ql name = value ,\n"
    "groups\n"
    ".Ql { } ,\n"
    "lists\n"
    ".Ql \\&( \\&) ,\n"
    "arrays\n"
    ".Ql \\&[ \\&] ,\n"
    "comments\n"
    ".Ql # .\n"
    ".Ql @include \\(dqFILE\\(dq\n"
    "takes in another file, relative to the folder of the first.\n"
    "Relative paths of folders and sockets are relative to it too.\n"
    "Times are whole numbers in the unit at the end of the option's name.\n"
    ".Pp\n"
    "An unknown or wrong option is an error that names file, line, path and what was expected.\n"
    "A reload with a wrong file changes nothing.\n"
    "The file may hold passwords, and should be readable by the daemon only.\n"
    ".Pp\n"
    "A target tells where a call goes:\n"
    ".Ql menu:NAME ,\n"
    ".Ql queue:NAME ,\n"
    ".Ql agent:ID ,\n"
    ".Ql play:PROMPT\n"
    "(once, then hang up),\n"
    ".Ql loop:PROMPT\n"
    "(until the caller hangs up),\n"
    ".Ql hangup .\n"
    "A skill is\n"
    ".Ql NAME:LEVEL\n"
    "with a level of 1 to 10, or the name alone for level 1.\n"
    "A skill expression says what an agent must have:\n"
    ".Ql english >= 3 and (billing or not trainee) .\n"
    "A level is compared by\n"
    ".Ql >= ,\n"
    ".Ql > ,\n"
    ".Ql = ,\n"
    ".Ql <=\n"
    "or\n"
    ".Ql <\n"
    "with 0 to 10; a skill alone wants any level; a comparison with a skill that the agent lacks is false.\n"
    ".Ql not\n"
    "binds tightest, then\n"
    ".Ql and ,\n"
    "then\n"
    ".Ql or .\n"
    "An empty text wants nothing.\n"
    "Names are letters, digits, dots, underscores and dashes.\n"
    ".Sh OPTIONS\n";

static const char man_tail[] =
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa /etc/callfloor/callfloord.conf\n"
    "default place; the one shipped has every option with its default\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "A number that rings in a queue served by two agents:\n"
    ".Bd -literal -offset indent\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"192.0.2.10\"; } ); } );\n"
    "numbers = ( { number = \"3000\"; target = \"queue:sales\"; } );\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 15000; } );\n"
    "agents = (\n"
    "    { id = \"1001\"; password = \"secret\"; queues = [ \"sales\" ]; },\n"
    "    { id = \"1002\"; contact = \"sip:1002@192.0.2.21\"; queues = [ \"sales\" ]; }\n"
    ");\n"
    ".Ed\n"
    ".Sh SEE ALSO\n"
    ".Xr callfloorctl 1 ,\n"
    ".Xr callfloord 8\n";

void conf_document(FILE *out, bool man) {
    fputs(man ? man_head : markdown_head, out);
    for (unsigned i = 0; i < conf_root.count; i++) {
        const struct conf_option *o = &conf_root.option[i];
        if (o->section && man)
            section_man(out, o->section, o->name, 1);
        else if (o->section)
            section_markdown(out, o->section, o->name, 1);
        else if (man)
            fprintf(out, ".Ss %s\n%s\nAn array of at most %llu names.\n", o->name, o->help,
                    (unsigned long long)o->max);
        else
            fprintf(out, "\n## %s\n\n%s An array of at most %llu names, default `%s`.\n", o->name, o->help,
                    (unsigned long long)o->max, o->fallback);
    }
    if (man)
        fputs(man_tail, out);
}
