/* SPDX-License-Identifier: Apache-2.0
 * Every option of the configuration file: type, default, range, unit, help. */
#include "conf/schema.h"

#define AT(type, field) offsetof(struct type, field)
#define SECTION(options, ...)                                                                                \
    { .option = (options), .count = ARRAY_LEN(options), __VA_ARGS__ }
#define OPTION(n, t, at, count_at, least, most, preset, in, text, ...)                                       \
    {                                                                                                        \
        .name = n, .type = t, .offset = at, .count_offset = count_at, .min = least, .max = most,             \
        .fallback = preset, .unit = in, .help = text, ##__VA_ARGS__                                          \
    }
enum { HOUR_MS = 3600000, DAY_MS = 86400000, TEXT_MAX = 256, PATH_BYTES = 200 };

static const char *const transports[] = {"udp", "tcp", NULL};
static const char *const strategies[] = {
    [CONF_LONGEST_IDLE] = "longest_idle",
    [CONF_SKILL_THEN_IDLE] = "skill_then_idle",
    [CONF_FEWEST_CALLS] = "fewest_calls",
    [CONF_LEAST_TALK] = "least_talk",
    [CONF_ROUND_ROBIN] = "round_robin",
    [CONF_LINEAR] = "linear",
    [CONF_RANDOM] = "random",
    [CONF_WEIGHTED] = "weighted",
    [CONF_RING_ALL] = "ring_all",
    [CONF_RING_PROGRESSIVELY] = "ring_progressively",
    [CONF_SCORED] = "scored",
    [CONF_STRATEGIES] = NULL,
};
static const char *const orders[] = {"priority", "age", "slack", "ageing", NULL};
static const char *const wrapup_modes[] = {"limit", "disposition", NULL};
static const char *const preferences[] = {"none", "last", "owner", NULL};

static const struct conf_option general_options[] = {
    OPTION("node", OPTION_U32, AT(conf, node), 0, 1, 127, "1", NULL,
           "Number of this machine, part of every record's id."),
    OPTION("state_dir", OPTION_PATH, AT(conf, state_dir), 0, 1, PATH_BYTES, "\"/var/lib/callfloor\"", NULL,
           "Folder of the journal of records, of agents' presence and of registrations."),
    OPTION(
        "prompts_dir", OPTION_PATH, AT(conf, prompts_dir), 0, 1, PATH_BYTES,
        "\"/usr/share/callfloor/prompts\"", NULL,
        "Folder of the prompts: prompt `welcome` is the file `welcome.wav`. An agent who dials a star code "
        "hears `agent-ok` or `agent-error`; a caller sent to one agent by a menu or a queue, `ringback`."),
    OPTION("pause_reasons", OPTION_NAMES, AT(conf, pause_reason), AT(conf, pause_reason_count), 0, 9,
           "[ \"break\", \"lunch\", \"meeting\", \"training\" ]", NULL,
           "Reasons an agent may give for a pause; `*2N` dialled from the phone picks the N-th."),
    OPTION("pause_keeps_place_ms", OPTION_U32, AT(conf, pause_keeps_place_ms), 0, 0, DAY_MS, "0", "ms",
           "A longer pause costs the agent the place among the longest idle. 0: no pause does."),
    OPTION("dispositions", OPTION_NAMES, AT(conf, disposition), AT(conf, disposition_count), 0, 9, "[ ]",
           NULL, "Results an agent may give to a talk; `*4N` dialled from the phone picks the N-th."),
};
static const struct conf_section general = SECTION(general_options, .name = "general", .help = "The daemon.");

static const struct conf_option distributor_options[] = {
    OPTION("order", OPTION_WORD, AT(conf, order), 0, 0, 0, "\"priority\"", NULL,
           "Which of all waiting calls is served first: the one of highest priority, then the oldest "
           "(`priority`); the oldest (`age`); the one with least time left to its queue's service_level_ms "
           "(`slack`); the highest of priority + ageing * minutes waited (`ageing`).",
           .words = orders),
    OPTION("rare_skill_percent", OPTION_U32, AT(conf, rare_skill_percent), 0, 1, 100, "20", NULL,
           "Strategy `scored`: a skill is rare when less than this share of all agents has it."),
    OPTION("decisions", OPTION_U32, AT(conf, decisions), 0, 1000, 10000000, "65536", NULL,
           "Decisions kept in memory, so that it can be explained why a call went where it went."),
};
static const struct conf_section distributor =
    SECTION(distributor_options, .name = "distributor",
            .help = "What is the same for all queues when calls are given to agents.");

static const struct conf_option listen_options[] = {
    OPTION("transport", OPTION_TRANSPORT, AT(conf_listen, tcp), 0, 0, 0, "\"udp\"", NULL, "Transport.",
           .words = transports),
    OPTION("address", OPTION_IP, AT(conf_listen, address), 0, 1, 0, "\"0.0.0.0\"", NULL, "Local address."),
    OPTION("port", OPTION_U16, AT(conf_listen, port), 0, 0, 65535, "5060", NULL,
           "Local port; 0 lets the kernel choose (tests)."),
};
static const struct conf_section listen_section =
    SECTION(listen_options, .name = "listen", .size = sizeof(struct conf_listen), .help = "SIP listeners.");

static const struct conf_option sip_options[] = {
    OPTION("listen", OPTION_LIST, AT(conf, listen), AT(conf, listen_count), 1, 16,
           "udp and tcp on 0.0.0.0:5060", NULL, "Where SIP is spoken.", .section = &listen_section),
    OPTION("realm", OPTION_TEXT, AT(conf, realm), 0, 1, 128, "\"callfloor\"", NULL,
           "Realm of digest authentication; agents' `ha1` values depend on it."),
    OPTION("public_address", OPTION_IP, AT(conf, public_address), 0, 0, 0, "\"\"", NULL,
           "Address told in Contact and SDP, for a machine behind 1:1 NAT; empty: that of the socket, or, "
           "for 0.0.0.0, the one the system would send from."),
    OPTION("register_min_s", OPTION_U32, AT(conf, register_min_s), 0, 1, 86400, "60", "s",
           "A phone that asks for a shorter registration gets 423."),
    OPTION("register_max_s", OPTION_U32, AT(conf, register_max_s), 0, 10, 86400, "3600", "s",
           "A longer registration is cut to this."),
    OPTION("agent_probe_ms", OPTION_U32, AT(conf, agent_probe_ms), 0, 0, HOUR_MS, "15000", "ms",
           "OPTIONS to each agent's phone; one that does not answer makes the agent unreachable. 0: never."),
    OPTION("session_expires_s", OPTION_U32, AT(conf, session_expires_s), 0, 0, 86400, "1800", "s",
           "Session timer (RFC 4028), at least 90: finds calls whose BYE was lost. 0: not asked for."),
};
static const struct conf_section sip = SECTION(sip_options, .name = "sip", .help = "SIP.");

static const struct conf_option rtp_options[] = {
    OPTION("address", OPTION_IP, AT(conf, rtp_address), 0, 1, 0, "\"0.0.0.0\"", NULL,
           "Local address of RTP."),
    OPTION("port_min", OPTION_U16, AT(conf, rtp_port_min), 0, 1024, 65534, "20000", NULL,
           "First port, even. Each leg of a call takes two, a joined call four."),
    OPTION("port_max", OPTION_U16, AT(conf, rtp_port_max), 0, 1024, 65535, "31999", NULL, "Last port, odd."),
    OPTION("timeout_ms", OPTION_U32, AT(conf, rtp_timeout_ms), 0, 0, DAY_MS, "30000", "ms",
           "Silence of a leg that should send until it is reported, and its other side is asked whether it "
           "is still "
           "there: a call whose peer has vanished ends. 0: never."),
};
static const struct conf_section rtp = SECTION(rtp_options, .name = "rtp", .help = "Audio.");

static const struct conf_option limits_options[] = {
    OPTION("max_calls", OPTION_U32, AT(conf, max_calls), 0, 1, 100000, "2000", NULL,
           "Calls at once; more are refused with 503."),
    OPTION("max_calls_per_second", OPTION_U32, AT(conf, max_calls_per_second), 0, 1, 100000, "100", NULL,
           "New calls; more are refused with 503 and Retry-After."),
    OPTION("drain_ms", OPTION_U32, AT(conf, drain_ms), 0, 0, DAY_MS, "60000", "ms",
           "How long a stop waits for calls in progress before it ends them."),
};
static const struct conf_section limits = SECTION(limits_options, .name = "limits", .help = "Limits.");

static const struct conf_option store_options[] = {
    OPTION("database", OPTION_TEXT, AT(conf, database), 0, 0, 1024, "\"\"", NULL,
           "libpq connection string, e.g. `host=/run/postgresql dbname=callfloor`; empty: journal only."),
    OPTION("sql_dir", OPTION_PATH, AT(conf, sql_dir), 0, 1, PATH_BYTES, "\"/usr/share/callfloor/sql\"", NULL,
           "Folder of the migrations, which are applied at connect."),
    OPTION("journal_max_bytes", OPTION_U64, AT(conf, journal_max_bytes), 0, 1 << 20, (uint64_t)1 << 40,
           "1073741824", "bytes",
           "New calls are refused when the journal is full. From 2 GiB on with an L: 4294967296L."),
};
static const struct conf_section store =
    SECTION(store_options, .name = "store", .help = "Records and PostgreSQL.");

static const struct conf_option console_options[] = {
    OPTION("socket", OPTION_PATH, AT(conf, console_socket), 0, 0, 100, "\"/run/callfloor/console.sock\"",
           NULL, "Unix socket of callfloorctl; who may open it is an admin. Empty: off."),
    OPTION("address", OPTION_IP, AT(conf, console_address), 0, 1, 0, "\"127.0.0.1\"", NULL, "Local address."),
    OPTION("port", OPTION_U16, AT(conf, console_port), 0, 0, 65535, "0", NULL,
           "TCP port, telnet with login. 0: off."),
    OPTION("sessions", OPTION_U32, AT(conf, console_sessions), 0, 1, 1000, "16", NULL, "Sessions at once."),
    OPTION("idle_ms", OPTION_U32, AT(conf, console_idle_ms), 0, 1000, DAY_MS, "900000", "ms",
           "A session is closed after so long without input."),
};
static const struct conf_section console =
    SECTION(console_options, .name = "console", .help = "The supervisors' command line.");

static const struct conf_option web_options[] = {
    OPTION("address", OPTION_IP, AT(conf, web_address), 0, 1, 0, "\"127.0.0.1\"", NULL, "Local address."),
    OPTION("port", OPTION_U16, AT(conf, web_port), 0, 0, 65535, "0", NULL, "TCP port. 0: off."),
};
static const struct conf_section web = SECTION(web_options, .name = "web", .help = "The web wallboard.");

static const struct conf_option user_options[] = {
    OPTION("name", OPTION_NAME, AT(conf_user, name), 0, 1, NAME_LEN - 1, NULL, NULL, "Login name, unique."),
    OPTION("password_hash", OPTION_HASH, AT(conf_user, password_hash), 0, 1, TEXT_MAX, NULL, NULL,
           "crypt(3) hash, as `openssl passwd -6` prints it, or `mkpasswd -m yescrypt` (package whois); "
           "never the "
           "password itself."),
    OPTION("admin", OPTION_BOOL, AT(conf_user, admin), 0, 0, 0, "false", NULL,
           "May change things, else only look."),
};
static const struct conf_section users =
    SECTION(user_options, .name = "users", .key = "name", .size = sizeof(struct conf_user),
            .help = "Logins of console and web.");

static const struct conf_option peer_options[] = {
    OPTION("address", OPTION_NETWORK, AT(conf_peer, address), 0, 1, ADDRESS_LEN - 1, NULL, NULL,
           "Address, network such as `10.1.0.0/16`, or host name."),
    OPTION("port", OPTION_U16, AT(conf_peer, port), 0, 1, 65535, "5060", NULL, "Port we send to."),
};
static const struct conf_section peers =
    SECTION(peer_options, .name = "peers", .size = sizeof(struct conf_peer),
            .help = "Where a trunk's INVITEs come from; what is sent goes to its single hosts.");

static const struct conf_option rewrite_options[] = {
    OPTION("match", OPTION_TEXT, AT(conf_rewrite, match), 0, 0, NUMBER_LEN - 1, "\"\"", NULL,
           "Prefix the number must have; empty: any number."),
    OPTION("strip", OPTION_U32, AT(conf_rewrite, strip), 0, 0, NUMBER_LEN - 1, "0", NULL,
           "Leading characters to take off."),
    OPTION("prepend", OPTION_TEXT, AT(conf_rewrite, prepend), 0, 0, NUMBER_LEN - 1, "\"\"", NULL,
           "What to put in front then."),
};
static const struct conf_section called =
    SECTION(rewrite_options, .name = "called", .size = sizeof(struct conf_rewrite),
            .help = "Rules for the called number of a trunk's calls; the first that matches is used.");
static const struct conf_section calling =
    SECTION(rewrite_options, .name = "calling", .size = sizeof(struct conf_rewrite),
            .help = "The same for the calling number.");

static const struct conf_option register_options[] = {
    OPTION("user", OPTION_TEXT, AT(conf_trunk, register_user), 0, 1, NAME_LEN - 1, NULL, NULL,
           "User to register."),
    OPTION("password", OPTION_TEXT, AT(conf_trunk, register_password), 0, 0, 128, "\"\"", NULL,
           "Its password."),
    OPTION("domain", OPTION_TEXT, AT(conf_trunk, register_domain), 0, 0, 128, "\"\"", NULL,
           "Domain of the registered address; empty: the first peer's address."),
    OPTION("expires_s", OPTION_U32, AT(conf_trunk, register_expires_s), 0, 60, 86400, "3600", "s",
           "Lifetime asked for."),
};
static const struct conf_section register_section =
    SECTION(register_options, .name = "register", .help = "Outbound registration of a trunk.");

static const struct conf_option trunk_options[] = {
    OPTION("name", OPTION_NAME, AT(conf_trunk, name), 0, 1, NAME_LEN - 1, NULL, NULL, "Unique."),
    OPTION("peers", OPTION_LIST, AT(conf_trunk, peer), AT(conf_trunk, peer_count), 1, 32, NULL, NULL,
           "Other sides of the trunk.", .section = &peers),
    OPTION("transport", OPTION_TRANSPORT, AT(conf_trunk, tcp), 0, 0, 0, "\"udp\"", NULL,
           "Transport of what we send.", .words = transports),
    OPTION("probe", OPTION_BOOL, AT(conf_trunk, probe), 0, 0, 0, "true", NULL,
           "Ask with OPTIONS whether it is up."),
    OPTION("probe_interval_ms", OPTION_U32, AT(conf_trunk, probe_interval_ms), 0, 1000, HOUR_MS, "30000",
           "ms", "How often."),
    OPTION("max_calls", OPTION_U32, AT(conf_trunk, max_calls), 0, 0, 100000, "0", NULL,
           "Calls at once on this trunk. 0: no limit of its own."),
    OPTION("register", OPTION_GROUP, 0, 0, 0, 0, "none", NULL, "Outbound registration.",
           .section = &register_section),
    OPTION("called", OPTION_LIST, AT(conf_trunk, called), AT(conf_trunk, called_count), 0, 32, "( )", NULL,
           "Rewriting of the called number.", .section = &called),
    OPTION("calling", OPTION_LIST, AT(conf_trunk, calling), AT(conf_trunk, calling_count), 0, 32, "( )", NULL,
           "Rewriting of the calling number.", .section = &calling),
};
static const struct conf_section trunks =
    SECTION(trunk_options, .name = "trunks", .key = "name", .size = sizeof(struct conf_trunk),
            .help = "Carriers and PBXs. An INVITE from a peer's address is trusted.");

static const struct conf_option number_options[] = {
    OPTION("number", OPTION_NUMBER, AT(conf_number, number), 0, 1, NUMBER_LEN - 1, NULL, NULL,
           "As called, after rewriting; a `*` at the end matches any rest. The longest match wins."),
    OPTION("target", OPTION_TARGET, AT(conf_number, target), 0, 1, 0, NULL, NULL, "Where the call goes."),
};
static const struct conf_section numbers =
    SECTION(number_options, .name = "numbers", .key = "number", .size = sizeof(struct conf_number),
            .help = "Called numbers.");

static const struct conf_option choice_options[] = {
    OPTION("digit", OPTION_DIGIT, 0, 0, 0, 0, NULL, NULL, "One of 0-9, `*`, `#`."),
    OPTION("target", OPTION_TARGET, 0, 0, 1, 0, NULL, NULL, "Where the call goes."),
};
static const struct conf_section choices =
    SECTION(choice_options, .name = "choices", .key = "digit", .size = sizeof(struct conf_target),
            .help = "What each digit does.");

static const struct conf_option menu_options[] = {
    OPTION("name", OPTION_NAME, AT(conf_menu, name), 0, 1, NAME_LEN - 1, NULL, NULL, "Unique."),
    OPTION("welcome", OPTION_PROMPT, AT(conf_menu, welcome), 0, 0, 0, "\"\"", NULL, "Prompt played once."),
    OPTION("prompt", OPTION_PROMPT, AT(conf_menu, prompt), 0, 0, 0, "\"\"", NULL,
           "Prompt with the choices, heard again after each failed attempt."),
    OPTION("invalid", OPTION_PROMPT, AT(conf_menu, invalid), 0, 0, 0, "\"\"", NULL,
           "After a digit without a choice."),
    OPTION("timeout", OPTION_PROMPT, AT(conf_menu, timeout), 0, 0, 0, "\"\"", NULL, "After no digit."),
    OPTION("goodbye", OPTION_PROMPT, AT(conf_menu, goodbye), 0, 0, 0, "\"\"", NULL,
           "Before hanging up after the last attempt."),
    OPTION("barge_in", OPTION_BOOL, AT(conf_menu, barge_in), 0, 0, 0, "true", NULL,
           "A digit ends the prompt."),
    OPTION("digit_timeout_ms", OPTION_U32, AT(conf_menu, digit_timeout_ms), 0, 100, 600000, "5000", "ms",
           "Wait for a digit, from the end of the prompt."),
    OPTION("attempts", OPTION_U32, AT(conf_menu, attempts), 0, 1, 20, "3", NULL,
           "How often the prompt is heard."),
    OPTION("choices", OPTION_LIST, AT(conf_menu, choice), 0, 0, CONF_DIGITS, "( )", NULL,
           "What each digit does.", .section = &choices),
    OPTION("fallback", OPTION_TARGET, AT(conf_menu, fallback), 0, 0, 0, "\"\"", NULL,
           "Where the call goes after the last attempt; empty: goodbye and hang up."),
};
static const struct conf_section menus = SECTION(menu_options, .name = "menus", .key = "name",
                                                 .size = sizeof(struct conf_menu), .help = "IVR menus.");

static const struct conf_option score_options[] = {
    OPTION("skill", OPTION_U32, AT(conf_queue, score.skill), 0, 0, 1000, "100", NULL,
           "Weight of the levels in the skills that `skills` and `require` name."),
    OPTION("preferred", OPTION_U32, AT(conf_queue, score.preferred), 0, 0, 1000, "100", NULL,
           "Weight of being the caller's preferred agent."),
    OPTION("idle", OPTION_U32, AT(conf_queue, score.idle), 0, 0, 1000, "50", NULL,
           "Weight of the time idle, as a share of idle_cap_ms."),
    OPTION("waste", OPTION_U32, AT(conf_queue, score.waste), 0, 0, 1000, "20", NULL,
           "Taken off for each rare skill that the call does not need."),
    OPTION("idle_cap_ms", OPTION_U32, AT(conf_queue, score.idle_cap_ms), 0, 1000, DAY_MS, "600000", "ms",
           "Longer idle times count as this."),
};
static const struct conf_section score =
    SECTION(score_options, .name = "score",
            .help = "Weights of strategy `scored`: the agent with the highest sum gets the call.");

static const struct conf_option step_options[] = {
    OPTION("after_ms", OPTION_U32, AT(conf_step, after_ms), 0, 1, DAY_MS, NULL, "ms",
           "Wait after which it begins; longer than that of the step before."),
    OPTION("require", OPTION_REQUIRE, AT(conf_step, require), 0, 0, 0, "\"\"", NULL,
           "What an agent must have from now on, instead of the queue's `skills` and `require` and of "
           "earlier steps; empty: nothing."),
    OPTION("tier", OPTION_U32, AT(conf_step, tier), 0, 1, 9, "1", NULL,
           "Agents up to this tier may take the call."),
};
static const struct conf_section steps =
    SECTION(step_options, .name = "steps", .size = sizeof(struct conf_step),
            .help = "What a call wants after so long a wait, instead of what it wanted before. Its place in "
                    "line stays. A step for which nobody is logged in is passed over when a later one has "
                    "somebody.");

static const struct conf_option reserve_options[] = {
    OPTION("tier", OPTION_U32, AT(conf_reserve, tier), 0, 2, 9, "2", NULL, "Agents up to this tier come in."),
    OPTION("waiting", OPTION_U32, AT(conf_reserve, waiting), 0, 0, 100000, "0", NULL,
           "They come in when so many callers wait. 0: not given."),
    OPTION("waiting_back", OPTION_U32, AT(conf_reserve, waiting_back), 0, 0, 100000, "none", NULL,
           "They go when at most so many wait; less than `waiting`. Not given: half of it."),
    OPTION("expected_wait_ms", OPTION_U32, AT(conf_reserve, expected_wait_ms), 0, 0, DAY_MS, "0", "ms",
           "They come in when a caller who came now had to expect such a wait (which 4 of 5 stay under). 0: "
           "not given."),
    OPTION("expected_wait_back_ms", OPTION_U32, AT(conf_reserve, expected_wait_back_ms), 0, 0, DAY_MS, "none",
           "ms", "They go when it is at most this; less than `expected_wait_ms`. Not given: half of it."),
    OPTION("slack_ms", OPTION_U32, AT(conf_reserve, slack_ms), 0, 0, HOUR_MS, "0", "ms",
           "They come in when the first in line has less than this left to service_level_ms. 0: not given."),
    OPTION("no_agents", OPTION_BOOL, AT(conf_reserve, no_agents), 0, 0, 0, "false", NULL,
           "They come in when no agent of tier 1 is logged in and not paused."),
    OPTION("hold_ms", OPTION_U32, AT(conf_reserve, hold_ms), 0, 0, DAY_MS, "60000", "ms",
           "They stay at least so long."),
};
static const struct conf_section reserve =
    SECTION(reserve_options, .name = "reserve", .size = sizeof(struct conf_reserve),
            .help = "Agents of higher tiers who help all callers of the queue while it is under load: they "
                    "come in when any mark is reached, and go when all are back below the lower ones.");

static const struct conf_section exits =
    SECTION(choice_options, .name = "exits", .key = "digit", .size = sizeof(struct conf_target),
            .help = "Where a digit leads that a caller presses while waiting.");

static const struct conf_option queue_options[] = {
    OPTION("name", OPTION_NAME, AT(conf_queue, name), 0, 1, NAME_LEN - 1, NULL, NULL, "Unique."),
    OPTION("strategy", OPTION_WORD, AT(conf_queue, strategy), 0, 0, 0, "\"longest_idle\"", NULL,
           "How an agent is picked among the able ones; see above.", .words = strategies),
    OPTION("priority", OPTION_U32, AT(conf_queue, priority), 0, 0, 100, "0", NULL,
           "Higher is served first, in orders `priority` and `ageing`."),
    OPTION("ageing", OPTION_U32, AT(conf_queue, ageing), 0, 0, 1000, "0", NULL,
           "Order `ageing`: points of priority a caller gains per minute."),
    OPTION("priority_max", OPTION_U32, AT(conf_queue, priority_max), 0, 0, 1000000, "0", NULL,
           "Order `ageing`: it ends at this priority. 0: never."),
    OPTION("ring_ms", OPTION_U32, AT(conf_queue, ring_ms), 0, 1000, 600000, "20000", "ms",
           "How long a phone rings before the next agent is tried."),
    OPTION("ring_max", OPTION_U32, AT(conf_queue, ring_max), 0, 0, CONF_MAX_AGENTS, "0", NULL,
           "Strategies `ring_all` and `ring_progressively`: phones at once for one call. 0: all."),
    OPTION("ring_step_ms", OPTION_U32, AT(conf_queue, ring_step_ms), 0, 100, 600000, "5000", "ms",
           "Strategy `ring_progressively`: one more phone each time."),
    OPTION("score", OPTION_GROUP, 0, 0, 0, 0, "as below", NULL, "Weights of strategy `scored`.",
           .section = &score),
    OPTION("wrapup_ms", OPTION_U32, AT(conf_queue, wrapup_ms), 0, 0, HOUR_MS, "10000", "ms",
           "Time for notes after each call."),
    OPTION("wrapup_max_ms", OPTION_U32, AT(conf_queue, wrapup_max_ms), 0, 0, HOUR_MS, "0", "ms",
           "Cap over agents' own wrapup_ms. 0: none."),
    OPTION("wrapup_mode", OPTION_WORD, AT(conf_queue, wrapup_mode), 0, 0, 0, "\"limit\"", NULL,
           "`limit`: it ends by the agent's word or after wrapup_ms. `disposition`: not before the agent has "
           "given one of general.dispositions.",
           .words = wrapup_modes),
    OPTION("wrapup_extend_ms", OPTION_U32, AT(conf_queue, wrapup_extend_ms), 0, 0, HOUR_MS, "30000", "ms",
           "What an agent who asks for more time gets at most. 0: as much as asked for."),
    OPTION("wrapup_extensions", OPTION_U32, AT(conf_queue, wrapup_extensions), 0, 0, 1000, "3", NULL,
           "How often an agent may ask for it after one call."),
    OPTION("max_wait_ms", OPTION_U32, AT(conf_queue, max_wait_ms), 0, 0, DAY_MS, "0", "ms",
           "A caller who waited so long goes to `overflow`. 0: for ever."),
    OPTION("max_waiting", OPTION_U32, AT(conf_queue, max_waiting), 0, 0, 100000, "0", NULL,
           "Callers waiting; more go to `overflow`. 0: limits.max_calls."),
    OPTION("service_level_ms", OPTION_U32, AT(conf_queue, service_level_ms), 0, 1000, HOUR_MS, "20000", "ms",
           "Threshold T of the service level."),
    OPTION("short_abandon_ms", OPTION_U32, AT(conf_queue, short_abandon_ms), 0, 0, HOUR_MS, "5000", "ms",
           "Who hangs up sooner is a short abandon."),
    OPTION("missed_limit", OPTION_U32, AT(conf_queue, missed_limit), 0, 0, 100, "2", NULL,
           "Missed offers in a row until the agent is not ready (missed). 0: never."),
    OPTION("busy_delay_ms", OPTION_U32, AT(conf_queue, busy_delay_ms), 0, 0, HOUR_MS, "30000", "ms",
           "Until an agent whose phone was busy is tried again."),
    OPTION("reject_delay_ms", OPTION_U32, AT(conf_queue, reject_delay_ms), 0, 0, HOUR_MS, "10000", "ms",
           "The same after a rejected call."),
    OPTION("no_answer_delay_ms", OPTION_U32, AT(conf_queue, no_answer_delay_ms), 0, 0, HOUR_MS, "5000", "ms",
           "The same after a call not answered."),
    OPTION("music", OPTION_PROMPT, AT(conf_queue, music), 0, 0, 0, "\"\"", NULL,
           "Prompt looped while waiting; empty: silence."),
    OPTION("greeting", OPTION_PROMPT, AT(conf_queue, greeting), 0, 0, 0, "\"\"", NULL,
           "Prompt played once on entry."),
    OPTION("skills", OPTION_SKILLS, AT(conf_queue, skill), AT(conf_queue, skill_count), 0, 32, "[ ]", NULL,
           "Skills an agent must have, with the least level: `\"english:3\"`."),
    OPTION("require", OPTION_REQUIRE, AT(conf_queue, require), 0, 0, 0, "\"\"", NULL,
           "What an agent must have besides `skills`, as an expression: `\"english >= 3 and (billing or not "
           "trainee)\"`."),
    OPTION("steps", OPTION_LIST, AT(conf_queue, step), AT(conf_queue, step_count), 0, 16, "( )", NULL,
           "What callers want after they have waited for some time.", .section = &steps),
    OPTION("reserve", OPTION_LIST, AT(conf_queue, reserve), AT(conf_queue, reserve_count), 0, 8, "( )", NULL,
           "Who helps when there is too much to do.", .section = &reserve),
    OPTION("overflow", OPTION_TARGET, AT(conf_queue, overflow), 0, 0, 0, "\"\"", NULL,
           "Where a caller goes after max_wait_ms, or who is refused or let out by one of the rules below; "
           "empty: hang up."),
    OPTION("closed", OPTION_BOOL, AT(conf_queue, closed), 0, 0, 0, "false", NULL,
           "Refuse all callers, until a supervisor opens the queue."),
    OPTION("need_agents", OPTION_BOOL, AT(conf_queue, need_agents), 0, 0, 0, "false", NULL,
           "Refuse callers while nobody is logged in."),
    OPTION("need_unpaused", OPTION_BOOL, AT(conf_queue, need_unpaused), 0, 0, 0, "false", NULL,
           "Refuse callers while all who are logged in are paused."),
    OPTION("max_expected_wait_ms", OPTION_U32, AT(conf_queue, max_expected_wait_ms), 0, 0, DAY_MS, "0", "ms",
           "Refuse callers who would have to expect a longer wait. 0: nobody."),
    OPTION("empty_grace_ms", OPTION_U32, AT(conf_queue, empty_grace_ms), 0, 0, HOUR_MS, "10000", "ms",
           "With need_agents: so long after the last agent has logged out those who wait are let out."),
    OPTION("exits", OPTION_LIST, AT(conf_queue, exit), 0, 0, CONF_DIGITS, "( )", NULL,
           "Digits that lead out of the queue.", .section = &exits),
    OPTION("resume_ms", OPTION_U32, AT(conf_queue, resume_ms), 0, 0, DAY_MS, "0", "ms",
           "A caller who was lost while waiting and calls again within this time gets the old place. 0: "
           "off."),
    OPTION("preferred", OPTION_WORD, AT(conf_queue, preferred), 0, 0, 0, "\"none\"", NULL,
           "Who is tried first: the agent the caller `last` talked with, or the customer's `owner`.",
           .words = preferences),
    OPTION("preferred_wait_ms", OPTION_U32, AT(conf_queue, preferred_wait_ms), 0, 0, HOUR_MS, "20000", "ms",
           "So long the call waits for the preferred agent alone, if that one is logged in and not paused."),
    OPTION("expected_handle_ms", OPTION_U32, AT(conf_queue, expected_handle_ms), 0, 1000, DAY_MS, "240000",
           "ms", "Mean time of a call and its wrap-up, till it has been learnt: for the expected wait."),
    OPTION("expected_patience_ms", OPTION_U32, AT(conf_queue, expected_patience_ms), 0, 1000, DAY_MS,
           "120000", "ms", "Mean time until a caller hangs up, likewise."),
};
static const struct conf_section queues =
    SECTION(queue_options, .name = "queues", .key = "name", .size = sizeof(struct conf_queue),
            .help = "Queues. The strategy says which of the able idle agents gets a call: `longest_idle`; "
                    "`skill_then_idle`, the best in the skills the queue names; `fewest_calls` or "
                    "`least_talk` since login; `round_robin`, the next after the one tried last; `linear`, "
                    "the first in the file (at the start of the daemon); `random`; `weighted`, at random by "
                    "the agents' weight; `ring_all`, several at once; `ring_progressively`, one more each "
                    "ring_step_ms; `scored`, the highest sum of `score`. Among equals the longest idle is "
                    "taken.");

static const struct conf_option agent_options[] = {
    OPTION("id", OPTION_NAME, AT(conf_agent, id), 0, 1, 31, NULL, NULL,
           "Extension and SIP user, unique. Exactly one of `id` and `ids` is given."),
    OPTION("ids", OPTION_RANGE, 0, 0, 0, 0, "none", NULL,
           "`\"1001-1099\"`: as many agents alike; `%s` in name, password and contact stands for each one's "
           "id."),
    OPTION("name", OPTION_TEXT, AT(conf_agent, name), 0, 0, NAME_LEN - 1, "\"\"", NULL,
           "For people to read."),
    OPTION("password", OPTION_TEXT, AT(conf_agent, password), 0, 0, 128, "\"\"", NULL,
           "SIP password. Exactly one of `password`, `ha1` and `contact` is given."),
    OPTION("ha1", OPTION_HA1, AT(conf_agent, ha1), 0, 0, 0, "\"\"", NULL,
           "Instead of the password: MD5 of `id:realm:password` as 32 hex digits."),
    OPTION("contact", OPTION_CONTACT, AT(conf_agent, contact), 0, 0, URI_LEN - 1, "\"\"", NULL,
           "Fixed SIP URI of the phone, which then need not register."),
    OPTION("skills", OPTION_SKILLS, AT(conf_agent, skill), AT(conf_agent, skill_count), 0, 64, "[ ]", NULL,
           "Skills with levels 1-10: `\"english:8\"`; 1 when no level is given."),
    OPTION(
        "queues", OPTION_QUEUES, AT(conf_agent, queue), AT(conf_agent, queue_count), 0, CONF_MAX_QUEUES,
        "[ ]", NULL,
        "Queues the agent serves: `\"sales\"`, or `\"sales:2\"` for one of tier 2 to 9, who only helps when "
        "`steps` or `reserve` of the queue say so."),
    OPTION("weight", OPTION_U32, AT(conf_agent, weight), 0, 1, 100, "1", NULL,
           "Share of the calls under strategy `weighted`."),
    OPTION("wrapup_ms", OPTION_U32, AT(conf_agent, own_wrapup_ms), 0, 0, HOUR_MS, "0", "ms",
           "The agent's own time for notes, under the queue's wrapup_max_ms. 0: the queue's wrapup_ms."),
    OPTION("wrapup_max_ms", OPTION_U32, AT(conf_agent, wrapup_max_ms), 0, 0, HOUR_MS, "none", "ms",
           "Cap over the queues' wrapup_ms."),
    OPTION("auto_login", OPTION_BOOL, AT(conf_agent, auto_login), 0, 0, 0, "false", NULL,
           "Ready as soon as the daemon starts and the phone is reachable."),
    OPTION("auto_answer", OPTION_BOOL, AT(conf_agent, auto_answer), 0, 0, 0, "false", NULL,
           "Ask the phone to answer by itself."),
};
static const struct conf_section agents = SECTION(agent_options, .name = "agents", .key = "id",
                                                  .size = sizeof(struct conf_agent), .help = "Agents.");

static const struct conf_option root_options[] = {
    OPTION("general", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &general),
    OPTION("distributor", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &distributor),
    OPTION("sip", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &sip),
    OPTION("rtp", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &rtp),
    OPTION("limits", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &limits),
    OPTION("store", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &store),
    OPTION("console", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &console),
    OPTION("web", OPTION_GROUP, 0, 0, 0, 0, "", NULL, "", .section = &web),
    OPTION("users", OPTION_LIST, AT(conf, user), AT(conf, user_count), 0, 1000, "( )", NULL, "",
           .section = &users),
    OPTION("trunks", OPTION_LIST, AT(conf, trunk), AT(conf, trunk_count), 0, CONF_MAX_TRUNKS, "( )", NULL, "",
           .section = &trunks),
    OPTION("skills", OPTION_NAMES, AT(conf, skill_name), AT(conf, skill_count), 0, CONF_MAX_SKILLS, "[ ]",
           NULL, "Names of the skills that queues want and agents have."),
    OPTION("numbers", OPTION_LIST, AT(conf, number), AT(conf, number_count), 0, CONF_MAX_NUMBERS, "( )", NULL,
           "", .section = &numbers),
    OPTION("menus", OPTION_LIST, AT(conf, menu), AT(conf, menu_count), 0, CONF_MAX_MENUS, "( )", NULL, "",
           .section = &menus),
    OPTION("queues", OPTION_LIST, AT(conf, queue), AT(conf, queue_count), 0, CONF_MAX_QUEUES, "( )", NULL, "",
           .section = &queues),
    OPTION("agents", OPTION_LIST, AT(conf, agent), AT(conf, agent_count), 0, CONF_MAX_AGENTS, "( )", NULL, "",
           .section = &agents),
};
const struct conf_section conf_root =
    SECTION(root_options, .name = "", .size = sizeof(struct conf), .help = "");
