# Callfloor. `make help` lists what can be made. Everything built lands in build/ (build/asan, build/tsan).
VERSION := 0.1.0
SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

CC ?= gcc
SAN ?=
BUILD ?= build$(if $(SAN),/$(SAN))
PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
PYTHON := /usr/bin/python3

DEPS_BUILD := build-essential pkg-config libevent-dev libpq-dev libsofia-sip-ua-dev libspandsp-dev libsndfile1-dev \
    libconfig-dev libjansson-dev libtelnet-dev uthash-dev libspeexdsp-dev libssl-dev libsystemd-dev libcrypt-dev \
    zlib1g-dev
DEPS_TEST := libcmocka-dev python3 python3-pytest sip-tester baresip-core postgresql espeak-ng sox procps
DEPS_LINT := clang clang-format clang-tidy cppcheck mandoc systemd git

PKGS := libevent_core libevent_extra libpq sofia-sip-ua spandsp sndfile libconfig jansson libtelnet speexdsp libcrypto \
    libsystemd libcrypt zlib
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla \
    -Wformat=2 -Wundef -Wimplicit-fallthrough -Wno-unused-parameter -Werror
# uthash's macros fall through in their own way, which clang cannot see
WARN += $(if $(findstring clang,$(CC)),-Wno-implicit-fallthrough)
HARDEN := -fstack-protector-strong -fPIE -fvisibility=hidden
SANFLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANFLAGS_tsan := -fsanitize=thread
SANFLAGS := $(SANFLAGS_$(SAN))
OPT ?= $(if $(SAN),-O1,-O2 -D_FORTIFY_SOURCE=2)
CFLAGS ?= $(OPT) -g
# Library headers are system headers: their warnings are not ours. Expanded once, after `make deps`.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g'))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCALLFLOOR_VERSION='"$(VERSION)"' -Iinclude -Isrc $(WARN) $(HARDEN) $(SANFLAGS) \
    $(PKG_CFLAGS) $(CFLAGS)
# -rdynamic: Sofia must find our __assert_fail and getaddrinfo (src/sip/ua_guard.c).
ALL_LDFLAGS = $(SANFLAGS) -pie -Wl,-z,relro,-z,now $(LDFLAGS)
ALL_LIBS = $(PKG_LIBS) -ldl -lpthread -lm

# One archive per folder, lowest layer last (link order).
LIBS := web console floor sim call acd ivr stats sip media store conf loop base
lib_objs = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(wildcard src/$(1)/*.c)))
libs_of = $(addprefix $(BUILD)/lib/,$(addsuffix .a,$(1)))

PROGRAMS := $(BUILD)/callfloord $(BUILD)/callfloorctl $(BUILD)/callfloor-sim
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))

.PHONY: all help deps test unit e2e demo bench mutants lint format install uninstall clean prompts docs
all: $(PROGRAMS)

help:
	@echo 'make            build callfloord, callfloorctl, callfloor-sim into $(BUILD)/'
	@echo 'make deps       install the Debian packages needed (sudo when not root)'
	@echo 'make test       deps, build, all tests; ends with "N passed, N failed"'
	@echo 'make unit|e2e   only the unit tests / only the end-to-end tests'
	@echo 'make demo       a whole call center on this terminal for a minute (KEEP=1: stay up)'
	@echo 'make bench      what a call, a minute of audio and a decision cost'
	@echo 'make lint       formatting, layers, symbols, cppcheck, clang-tidy, man pages, systemd unit'
	@echo 'make mutants    puts 463 faults into the distributor; a test must notice each (25 minutes)'
	@echo 'make prompts    the prompts of the examples, by espeak-ng; make docs: reference pages from the tables'
	@echo 'make install    DESTDIR= PREFIX=/usr (make deps and make come first); make uninstall'
	@echo 'make format | make clean'
	@echo 'SAN=asan|tsan   the same with sanitizers, in build/asan or build/tsan'

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@printf '\nCC %s' '$<' >/dev/null
	$(if $(V),,@)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# embedded by the assembler, which -MMD does not see
$(BUILD)/obj/web/web_page.o: src/web/wallboard.html

define lib_rule
$(BUILD)/lib/$(1).a: $(call lib_objs,$(1))
	@mkdir -p $$(@D); rm -f $$@
	$(if $(V),,@)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call lib_rule,$(l))))

$(BUILD)/callfloord: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/daemon/*.c)) $(call libs_of,$(LIBS))
	$(if $(V),,@)$(CC) $(ALL_LDFLAGS) -rdynamic -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(ALL_LIBS)
	@echo built $@
$(BUILD)/callfloorctl: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/ctl/*.c)) $(BUILD)/lib/base.a
	$(if $(V),,@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)
	@echo built $@
SIM_LIBS := sim floor call acd ivr stats conf base
$(BUILD)/callfloor-sim: $(BUILD)/obj/sim/main.o $(call libs_of,$(SIM_LIBS))
	$(if $(V),,@)$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(ALL_LIBS)
	@echo built $@

# A unit test names the folders it needs in its first lines: /* LIBS: acd conf base */
.SECONDEXPANSION:
test_libs = $(shell sed -n 's|.*LIBS: *\([a-z ]*\).*|\1|p' $(1) | head -n 1)
$(BUILD)/tests/%: tests/unit/%.c $$(call libs_of,$$(call test_libs,tests/unit/$$*.c))
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(ALL_LDFLAGS) -rdynamic -o $@ $< \
	    -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(shell pkg-config --libs cmocka) $(ALL_LIBS)
$(BUILD)/bench/%: tests/bench/%.c $$(call libs_of,$$(call test_libs,tests/bench/$$*.c))
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(ALL_LDFLAGS) -rdynamic -o $@ $< \
	    -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(ALL_LIBS)
$(BUILD)/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(ALL_LDFLAGS) -o $@ $< $(ALL_LIBS)

deps:
	@missing=""; for p in $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_LINT); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	    sudo=""; [ $$(id -u) = 0 ] || sudo=sudo; echo "installing:$$missing"; \
	    { $$sudo apt-get update -qq && \
	      $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } \
	    >/tmp/callfloor-deps.$$$$.log 2>&1 || { tail -n 20 /tmp/callfloor-deps.$$$$.log; exit 1; }; \
	    rm -f /tmp/callfloor-deps.$$$$.log; fi

# Sub-makes, because pkg-config can only be asked after `make deps`.
test: deps
	@$(MAKE) --no-print-directory -j2 all tests-built
	@$(PYTHON) tests/run.py --build $(BUILD)
unit: deps
	@$(MAKE) --no-print-directory -j2 all tests-built
	@$(PYTHON) tests/run.py --build $(BUILD) --only unit
e2e: deps
	@$(MAKE) --no-print-directory -j2 all tests-built
	@$(PYTHON) tests/run.py --build $(BUILD) --only e2e
.PHONY: tests-built
tests-built: $(UNIT) $(TOOLS)

demo: deps
	@$(MAKE) --no-print-directory -j2 all $(TOOLS)
	@$(PYTHON) tests/demo/demo.py --build $(BUILD) $(if $(KEEP),--keep)

bench: deps
	@$(MAKE) --no-print-directory -j2 all $(TOOLS) $(BENCHES)
	@$(PYTHON) tests/bench/bench.py --build $(BUILD)

mutants: deps
	@nice -n 19 $(PYTHON) tests/mutants/run.py

lint: deps
	@$(MAKE) --no-print-directory -j2 all
	@tests/lint/lint.sh $(BUILD)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build

include $(wildcard conf/install.mk)
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
