#!/usr/bin/env python3
"""ratio.py RAW WHAT: medians of a bench's rows, and ours against the others."""
import collections, re, statistics, sys

rows = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    what, who, rest = line.rstrip("\n").split("\t", 2)
    if what == sys.argv[2]:
        for key, value in re.findall(r"(\w+)=([0-9.]+)", rest):
            rows[who][key].append(float(value))

median = {who: {key: statistics.median(values) for key, values in keys.items()} for who, keys in rows.items()}
for who, keys in median.items():
    print(f"{who:22}" + "".join(f"  {key} {value:g}" for key, value in keys.items()))
for ours in [who for who in median if who.startswith("ours")]:
    for other in [who for who in median if not who.startswith("ours")]:
        if median[other]["rate"]:
            print(f"{ours} / {other}: {median[ours]['rate'] / median[other]['rate']:.2f} of the rate")
print("raw figures:", sys.argv[1])
