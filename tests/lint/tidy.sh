#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tidy.sh FLAGS FILE...: clang-tidy with the compiler's flags, one in each line of FLAGS.
mapfile -t flag <"$1"
shift
clang-tidy --quiet "$@" -- "${flag[@]}"
