#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All checks that need no running program: lint.sh [--quick] BUILD. Each prints `ok NAME`, or what is wrong;
# the last line is `N passed, N failed`. --quick leaves out the two that take minutes.
set -u
quick=
[ "${1:-}" = --quick ] && { quick=1; shift; }
build=${1:?usage: lint.sh [--quick] BUILD}
cd "$(dirname "$0")/../.." || exit 1
here=tests/lint
temporary=$(mktemp -d) || exit 1
trap 'rm -rf "$temporary"' EXIT
passed=0 failed=0

check() { # NAME COMMAND...: good when it succeeds and says nothing
    local name=$1 text status
    shift
    text=$("$@" 2>&1)
    status=$?
    if [ $status = 0 ] && [ -z "$text" ]; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "FAILED $name (status $status)"
        printf '%s\n' "${text:-nothing was printed}" | head -n 60 | sed 's/^/    /'
    fi
}

sources() { # what git knows and is still there
    git ls-files -- "$@" | while read -r f; do [ ! -e "$f" ] || echo "$f"; done
}

format() { sources '*.c' '*.h' | xargs -r clang-format --dry-run -Werror; }

shell_syntax() {
    sources '*.sh' .ci/run | while read -r f; do bash -n "$f" || echo "$f"; done
}

# STYLE is about taste; warnings are about pages that read wrongly.
manual() { mandoc -T lint -W warning $(sources 'docs/*.[158]'); }

# The pages made from the option table are as the table says.
reference() {
    "$build/callfloord" --dump-options markdown | diff -u docs/configuration.md - || echo 'run: make docs'
    "$build/callfloord" --dump-options man | diff -u docs/callfloord.conf.5 - || echo 'run: make docs'
}

# A copy whose program exists here.
unit_copy() {
    sed -e "s|^ExecStart=/usr/sbin/callfloord .*|ExecStart=$(command -v true)|" conf/callfloord.service \
        >"$temporary/callfloord.service"
}
unit_verify() { unit_copy; systemd-analyze verify --man=no "$temporary/callfloord.service"; }
unit_exposure() { # 20 = 2.0
    unit_copy
    systemd-analyze security --offline=true --threshold=20 --no-pager "$temporary/callfloord.service" \
        >"$temporary/exposure" 2>&1 || tail -n 3 "$temporary/exposure"
}

flags() { # the compiler's flags, as the Makefile has them
    printf 'include Makefile\nlint-flags:\n\t@echo $(ALL_CFLAGS)\n' | make -s --no-print-directory -f - lint-flags
}
static_cppcheck() {
    cppcheck --quiet --enable=warning,portability --std=c11 --inline-suppr --error-exitcode=1 -j 2 \
        --suppressions-list=$here/cppcheck.txt --library=posix --library=$here/cppcheck.cfg -D_GNU_SOURCE -DCALLFLOOR_VERSION='"x"' \
        -Iinclude -Isrc src
}

static_tidy() {
    flags | tr ' ' '\n' | grep -vE '^(-W|-O|-g|-f|-pie|-D(CALLFLOOR|_FORTIFY))' >"$temporary/flags"
    echo '-DCALLFLOOR_VERSION="x"' >>"$temporary/flags"
    sources 'src/*.c' | xargs -r -P 2 -n 6 "$here/tidy.sh" "$temporary/flags" >"$temporary/tidy" 2>&1
    $here/tidy_findings.py <"$temporary/tidy"
}

check format format
check layers $here/layers.py
check size $here/size.sh
check symbols $here/symbols.py "$build"
check shell shell_syntax
check manual manual
[ ! -x "$build/callfloord" ] || check reference reference
if command -v systemd-analyze >/dev/null; then
    check unit unit_verify
    check exposure unit_exposure
fi
if [ -z "$quick" ]; then
    check cppcheck static_cppcheck
    check clang-tidy static_tidy
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
