#!/usr/bin/env bash
# The figures of bench/README.md: seconds and peak memory of whole tasks, through the commands a user types.
#
#   bench/figures.sh DATA WORK       DATA holds online_retail/ and complete_journey/ as the README says; WORK is a new folder
set -euo pipefail
data=$1 work=$2
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$work"
export CGO_ENABLED=0 LANG=C
(cd "$root" && go build -trimpath -o "$work/kequn" ./cmd/kequn && go build -trimpath -o "$work/panel" ./bench/panel)
measure() { # name, command…
	local name=$1; shift
	/usr/bin/time -f "%e s wall, %U+%S s CPU, %M kB peak" -o "$work/time" "$@" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; exit 1; }
	printf '%-46s %s\n' "$name" "$(cat "$work/time")"
}
echo "machine: $(nproc) cores, $(go version)"
measure "load online_retail, 541,909 lines" "$work/kequn" -C "$work/retail" load "$data/online_retail/online_retail.csv.gz"
measure "load complete_journey, 1,469,307 lines and 6 tables" "$work/kequn" -C "$work/journey" load "$data"/complete_journey/*.csv*
measure "features of complete_journey, 6 cutoffs, 3 times" "$work/panel" "$work/journey" 2017-07-01 2017-08-01 2017-09-01 2017-10-01 2017-11-01 2017-12-01
sed 's/^/    /' "$work/out"
measure "demo, 20,000 customers" "$work/kequn" demo "$work/shop"
