/* SPDX-License-Identifier: Apache-2.0
 * The center that is simulated when no other is given: 50 agents, five queues, one menu; most of what the
 * distributor can do is used somewhere in it. And what reloads make of it. */
#include "sim/world.h"

#define HEAD                                                                                                 \
    "general = { state_dir = \"/nonexistent\"; prompts_dir = \"/nonexistent\";\n"                            \
    "            pause_reasons = [ \"break\", \"lunch\" ]; pause_keeps_place_ms = 900000;\n"                 \
    "            dispositions = [ \"solved\", \"open\" ]; };\n"                                              \
    "store = { database = \"simulated\"; };\n"                                                               \
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"                    \
    "skills = [ \"english\", \"billing\", \"german\" ];\n"
#define MENU(four)                                                                                           \
    "menus = ( { name = \"main\"; welcome = \"welcome\"; prompt = \"menu\"; choices = (\n"                   \
    "  { digit = \"1\"; target = \"queue:sales\"; }, { digit = \"2\"; target = \"queue:support\"; },\n"      \
    "  { digit = \"3\"; target = \"queue:billing\"; }, { digit = \"4\"; target = \"" four "\"; },\n"         \
    "  { digit = \"0\"; target = \"menu:main\"; }, { digit = \"9\"; target = \"agent:1001\"; } ); } );\n"    \
    "numbers = ( { number = \"100\"; target = \"menu:main\"; }, { number = \"200\"; target = "               \
    "\"queue:vip\"; },\n"                                                                                    \
    "            { number = \"300\"; target = \"" four "\"; } );\n"

const char world_default_conf[] = HEAD MENU(
    "queue:hotline") "distributor = { order = \"priority\"; };\n"
                     "queues = (\n"
                     "  { name = \"sales\"; strategy = \"scored\"; wrapup_ms = 10000; music = \"music\"; "
                     "resume_ms = 600000;\n"
                     "    preferred = \"last\"; preferred_wait_ms = 15000;\n"
                     "    exits = ( { digit = \"0\"; target = \"queue:support\"; }, { digit = \"9\"; target "
                     "= \"play:closed\"; } );\n"
                     "    reserve = ( { tier = 2; waiting = 12; hold_ms = 30000; }, { tier = 3; "
                     "expected_wait_ms = 180000; } ); },\n"
                     "  { name = \"support\"; strategy = \"skill_then_idle\"; wrapup_ms = 20000; wrapup_mode "
                     "= \"disposition\";\n"
                     "    max_wait_ms = 600000; overflow = \"queue:sales\"; resume_ms = 300000; skills = [ "
                     "\"english:3\" ];\n"
                     "    steps = ( { after_ms = 20000; require = \"english\"; },\n"
                     "              { after_ms = 40000; require = \"english or german\"; tier = 2; },\n"
                     "              { after_ms = 70000; tier = 2; } ); },\n"
                     "  { name = \"vip\"; strategy = \"ring_progressively\"; ring_max = 3; ring_step_ms = "
                     "3000; priority = 50;\n"
                     "    wrapup_ms = 0; max_waiting = 40; preferred = \"owner\"; overflow = "
                     "\"play:closed\";\n"
                     "    reserve = ( { tier = 2; slack_ms = 8000; }, { tier = 3; no_agents = true; } ); },\n"
                     "  { name = \"hotline\"; strategy = \"ring_all\"; ring_max = 5; ring_ms = 15000; "
                     "need_agents = true; resume_ms = 900000;\n"
                     "    empty_grace_ms = 5000; max_expected_wait_ms = 240000; overflow = \"queue:sales\"; "
                     "},\n"
                     "  { name = \"billing\"; strategy = \"least_talk\"; require = \"billing >= 2 or (german "
                     "and not english)\";\n"
                     "    steps = ( { after_ms = 15000; require = \"billing\"; tier = 2; } ); need_unpaused "
                     "= true;\n"
                     "    overflow = \"queue:sales\"; exits = ( { digit = \"#\"; target = \"hangup\"; } ); } "
                     ");\n"
                     "agents = (\n"
                     "  { ids = \"1001-1020\"; password = \"not used here\"; queues = [ \"sales\", \"vip\", "
                     "\"hotline\", \"support:2\" ];\n"
                     "    skills = [ \"english:2\" ]; },\n"
                     "  { ids = \"1021-1030\"; password = \"not used here\"; queues = [ \"sales\", \"vip\", "
                     "\"billing\", \"support:2\" ];\n"
                     "    skills = [ \"billing:5\", \"german:4\" ]; weight = 3; },\n"
                     "  { ids = \"1031-1045\"; password = \"not used here\"; queues = [ \"support\", "
                     "\"sales:2\", \"vip:2\" ];\n"
                     "    skills = [ \"english:5\" ]; wrapup_ms = 15000; },\n"
                     "  { ids = \"1046-1050\"; password = \"not used here\"; queues = [ \"support\", "
                     "\"billing:2\", \"sales:3\", \"vip:3\" ];\n"
                     "    skills = [ \"english:8\", \"billing:1\" ]; } );\n";

/* Other orders, strategies, tiers and skills; the hotline and some agents are gone, others are new. */
static const char fewer[] =
    HEAD MENU("queue:sales") "distributor = { order = \"ageing\"; };\n"
                             "queues = (\n"
                             "  { name = \"sales\"; strategy = \"random\"; wrapup_ms = 5000; ageing = 20; "
                             "priority_max = 60; },\n"
                             "  { name = \"support\"; strategy = \"fewest_calls\"; wrapup_ms = 10000; closed "
                             "= true; ageing = 5;\n"
                             "    require = \"english\"; overflow = \"queue:sales\"; },\n"
                             "  { name = \"vip\"; strategy = \"ring_all\"; ring_max = 2; priority = 50; "
                             "max_waiting = 5;\n"
                             "    overflow = \"queue:sales\"; },\n"
                             "  { name = \"billing\"; strategy = \"weighted\"; skills = [ \"billing\" ]; "
                             "max_wait_ms = 60000;\n"
                             "    overflow = \"queue:sales\"; resume_ms = 120000; } );\n"
                             "agents = (\n"
                             "  { ids = \"1001-1030\"; password = \"not used here\"; queues = [ \"sales\", "
                             "\"vip:2\", \"billing\" ];\n"
                             "    skills = [ \"billing:1\" ]; },\n"
                             "  { ids = \"1031-1040\"; password = \"not used here\"; queues = [ \"support\", "
                             "\"sales\", \"vip\" ];\n"
                             "    skills = [ \"english:3\" ]; },\n"
                             "  { ids = \"2001-2005\"; password = \"not used here\"; queues = [ \"support\", "
                             "\"vip\" ];\n"
                             "    skills = [ \"english:1\", \"german:9\" ]; wrapup_max_ms = 2000; } );\n";

static const char others[] =
    HEAD MENU("queue:hotline") "distributor = { order = \"slack\"; };\n"
                               "queues = (\n"
                               "  { name = \"sales\"; strategy = \"round_robin\"; wrapup_ms = 0; "
                               "service_level_ms = 60000; resume_ms = 60000;\n"
                               "    steps = ( { after_ms = 10000; tier = 9; } ); },\n"
                               "  { name = \"support\"; strategy = \"linear\"; wrapup_ms = 30000; "
                               "service_level_ms = 30000; max_wait_ms = 90000;\n"
                               "    overflow = \"queue:hotline\"; preferred = \"last\"; },\n"
                               "  { name = \"vip\"; strategy = \"scored\"; score = { skill = 10; idle = 100; "
                               "waste = 100; };\n"
                               "    preferred = \"last\"; preferred_wait_ms = 3000; need_agents = true; "
                               "empty_grace_ms = 0; },\n"
                               "  { name = \"hotline\"; strategy = \"longest_idle\"; need_unpaused = true; "
                               "overflow = \"hangup\"; },\n"
                               "  { name = \"billing\"; strategy = \"ring_progressively\"; ring_max = 0; "
                               "ring_step_ms = 1000; } );\n"
                               "agents = (\n"
                               "  { ids = \"1001-1030\"; password = \"not used here\"; queues = [ \"sales\", "
                               "\"vip:2\", \"hotline\", \"billing:4\" ]; },\n"
                               "  { ids = \"1031-1050\"; password = \"not used here\"; queues = [ "
                               "\"support\", \"sales:5\", \"vip\", \"billing\" ];\n"
                               "    skills = [ \"english:5\", \"german:1\" ]; wrapup_ms = 1000; } );\n";

const char *const world_changed_conf[] = {fewer, others, world_default_conf};
const uint32_t world_changed_conf_count = ARRAY_LEN(world_changed_conf);
