/* SPDX-License-Identifier: Apache-2.0
 * The center that is simulated when no other is given: 50 agents, three queues, one menu. */
#include "sim/world.h"

const char world_default_conf[] =
    "general = { state_dir = \"/nonexistent\"; prompts_dir = \"/nonexistent\";\n"
    "            pause_reasons = [ \"break\", \"lunch\" ]; };\n"
    "trunks = ( { name = \"carrier\"; peers = ( { address = \"203.0.113.7\"; } ); } );\n"
    "skills = [ \"english\", \"billing\" ];\n"
    "queues = ( { name = \"sales\"; wrapup_ms = 10000; music = \"music\"; },\n"
    "           { name = \"support\"; wrapup_ms = 20000; max_wait_ms = 600000; overflow = \"queue:sales\";\n"
    "             skills = [ \"english:3\" ]; strategy = \"skill_then_idle\"; },\n"
    "           { name = \"vip\"; priority = 50; wrapup_ms = 0; max_waiting = 20;\n"
    "             overflow = \"play:closed\"; } );\n"
    "menus = ( { name = \"main\"; welcome = \"welcome\"; prompt = \"menu\"; choices = (\n"
    "  { digit = \"1\"; target = \"queue:sales\"; }, { digit = \"2\"; target = \"queue:support\"; },\n"
    "  { digit = \"0\"; target = \"menu:main\"; }, { digit = \"9\"; target = \"agent:1001\"; } ); } );\n"
    "numbers = ( { number = \"100\"; target = \"menu:main\"; },\n"
    "            { number = \"200\"; target = \"queue:vip\"; } );\n"
    "agents = ( { ids = \"1001-1030\"; password = \"not used here\"; queues = [ \"sales\", \"vip\" ]; },\n"
    "           { ids = \"1031-1050\"; password = \"not used here\"; queues = [ \"sales\", \"support\" ];\n"
    "             skills = [ \"english:5\" ]; } );\n";
