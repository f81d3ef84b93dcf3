#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Draws docs/acd-cost.svg from what bench_acd writes: tests/bench/plot_acd.sh [BUILD/bench/bench_acd]
# Needs gnuplot-nox. Run it on a machine that does nothing else.
set -e
top=$(cd "$(dirname "$0")/../.." && pwd)
bench=${1:-$top/build/bench/bench_acd}
command -v gnuplot >/dev/null || { echo "gnuplot is missing (apt-get install gnuplot-nox)"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bench" "$work/acd.csv"
awk -F, 'NR > 1 && $5 == "two" { printf "\"%s agents%s\",%s,%s,%s,%s,%s\n", $1, $6 ? ",\\n all rules" : "", $8, $9, $10, $11, $12 }' \
    "$work/acd.csv" >"$work/sizes.csv"
awk -F, 'NR > 1 && $5 != "two" && $1 == 100 { gsub("_", " ", $5); printf "\"%s\",%s\n", $5, $11 }' "$work/acd.csv" >"$work/few.csv"
awk -F, 'NR > 1 && $5 != "two" && $1 > 100 { gsub("_", " ", $5); printf "\"%s\",%s\n", $5, $11 }' "$work/acd.csv" >"$work/many.csv"
cat >"$work/plot" <<END
set terminal svg size 900,760 font "sans-serif,12" background rgb "white"
set output "$top/docs/acd-cost.svg"
set datafile separator ","
set style data histogram
set style histogram cluster gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set grid ytics lc rgb "#dddddd"
set border 3
set xtics nomirror scale 0
set ytics nomirror
set key top left
set multiplot layout 2,1
set title "What an event costs: microseconds of CPU, mean (50 queues, 200 skills and 10,000 callers with 10,000 agents)"
set yrange [0:*]
plot "$work/sizes.csv" using 2:xtic(1) title "a call enters" lc rgb "#4477aa", \
     "" using 3 title "an agent is freed and offered a call" lc rgb "#66ccee", \
     "" using 4 title "a caller hangs up" lc rgb "#228833", \
     "" using 5 title "a call enters, all agents idle" lc rgb "#ccbb44", \
     "" using 6 title "a caller is told the wait" lc rgb "#ee6677"
set title "A call enters and all agents are idle, by strategy (ring all: four phones)"
set xtics rotate by -30
plot "$work/few.csv" using 2:xtic(1) title "100 agents" lc rgb "#66ccee", \
     "$work/many.csv" using 2 title "10,000 agents" lc rgb "#4477aa"
unset multiplot
END
gnuplot "$work/plot"
cp "$work/acd.csv" "$(dirname "$bench")/acd.csv"
echo "docs/acd-cost.svg, $(dirname "$bench")/acd.csv"
